//! Redshift's SQL over DataFusion, as far as the SQL around models needs it; nothing here knows of models.
//!
//! A statement walks through four rooms: [`dialect`](RedshiftDialect) reads its text, [`rewrite`] turns what DataFusion
//! does not know into what it knows, [`functions`] and [`semistructured`] add the functions and the access to nested values
//! that its plan then calls.

mod dialect;
mod functions;
mod rewrite;
mod semistructured;

use datafusion::error::Result;
use datafusion::execution::context::SessionState;

pub use dialect::RedshiftDialect;
pub use rewrite::rewrite;

/// A state that plans statements of Redshift's: the given one with Redshift's functions, and its access to nested values
/// in the place of DataFusion's.
pub fn planning_state(mut state: SessionState) -> Result<SessionState> {
    functions::register(&mut state)?;
    semistructured::install(state)
}
