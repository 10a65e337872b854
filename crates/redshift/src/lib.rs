//! Redshift's SQL over DataFusion, as far as the SQL around models needs it; nothing here knows of models.
//!
//! A statement walks through four rooms: [`dialect`](RedshiftDialect) reads its text, `rewrite` turns what DataFusion
//! does not know into what it knows, `functions` and `semistructured` add the functions and the access to nested values
//! that its plan then calls.

mod assign;
mod checked;
mod dialect;
mod functions;
mod rewrite;
mod semistructured;

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::context::SessionState;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::parser::Statement;

pub use dialect::RedshiftDialect;
pub use rewrite::rewrite;
use semistructured::finish;
pub use semistructured::{copy_nested_as_json, keep_null_markers, nested_as_json, parenthesize_unpivot};

/// Plans a statement of Redshift's. `state` is as [`planning_state`] made it.
pub async fn plan(state: &SessionState, mut statement: Statement) -> Result<LogicalPlan> {
    rewrite(state, &mut statement).await?;
    let quoted_names = rewrite::quoted_names(&statement);
    // Boxed: planning a statement is a large future.
    let planned = Box::pin(state.statement_to_plan(statement)).await;
    let plan = planned.map_err(|error: DataFusionError| rewrite::hint_at_quotes(error, &quoted_names))?;
    finish(assign::round_assignments(plan, state)?)
}

/// A state that plans statements of Redshift's: the given one with Redshift's types and functions, and its access to nested
/// values in the place of DataFusion's.
pub fn planning_state(state: SessionState) -> Result<SessionState> {
    let text = match state.config_options().sql_parser.map_string_types_to_utf8view {
        true => DataType::Utf8View,
        false => DataType::Utf8,
    };
    let types = Arc::new(rewrite::TypeNames { text });
    let state = SessionStateBuilder::new_from_existing(state).with_type_planner(types).build();
    let mut state = semistructured::install(state)?;
    // Last: a state that is built from another brings DataFusion's functions back, under their second names.
    functions::register(&mut state)?;
    Ok(state)
}
