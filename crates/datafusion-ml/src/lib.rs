//! Machine learning in SQL, inside Apache DataFusion: `CREATE MODEL` trains on whatever a query returns, the fitted model
//! is one immutable object in an object store, and its functions are vectorised scalar functions of every later statement.
//! The language is Amazon Redshift ML's.
//!
//! ```no_run
//! # use datafusion::prelude::*;
//! # use datafusion_ml::MlSession;
//! # async fn example() -> datafusion::error::Result<()> {
//! let ctx = SessionContext::new();
//! let ml = MlSession::builder(ctx.clone()).with_algorithms(datafusion_ml_algorithms::all()).with_store("./ml").build().await?;
//! ml.sql("CREATE MODEL m FROM t TARGET y FUNCTION predict_y AUTO OFF MODEL_TYPE XGBOOST HYPERPARAMETERS DEFAULT").await?;
//! let predictions = ml.sql("SELECT predict_y(a, b) FROM t").await?;
//! # Ok(()) }
//! ```
//!
//! The rooms, in the order in which a statement walks through them: [`sql`] parses it, `resolve` loads the models whose
//! functions it calls, `execute` carries it out, `train` learns, `background` goes on when the statement has returned,
//! [`store`] keeps artifacts, [`catalog`] records models, `predict` evaluates them (`predict_once` no more
//! often than needed), `explain` says what they look at,
//! `tables` how they were trained and how well they do, `show` reports, `authorize` decides who may do what, `audit` tells who did,
//! `relations` are tables and views that outlive the
//! session, `copy` fills them from files.

mod audit;
mod authorize;
#[cfg(feature = "aws")]
pub mod aws;
mod background;
pub mod catalog;
mod copy;
mod error;
mod execute;
mod explain;
mod explain_sliced;
mod hints;
mod notices;
mod options;
mod predict;
mod predict_once;
mod relations;
mod resolve;
mod session;
mod show;
pub mod sql;
pub mod store;
mod tables;
mod train;

pub use datafusion_ml_core as core;
pub use datafusion_ml_redshift::nested_as_json;
pub use error::find_error;
pub use execute::state_with_role;
pub use notices::Notices;
pub use options::MlOptions;
pub use session::{MlSession, MlSessionBuilder};
pub use train::TrainingProgress;
