//! Redshift's SQL over DataFusion, as far as the SQL around models needs it; nothing here knows of models.
//!
//! A statement walks through four rooms: [`dialect`](RedshiftDialect) reads its text, `rewrite` turns what DataFusion
//! does not know into what it knows, `functions` and `semistructured` add the functions and the access to nested values
//! that its plan then calls.

mod approximate;
mod assign;
mod booleans;
mod checked;
mod decimals;
mod delete;
mod dialect;
mod functions;
pub mod json;
mod literals;
mod operators;
mod pivot;
mod place;
mod rewrite;
mod semistructured;
mod times;

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{DFSchema, SchemaError};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::FunctionRegistry;
use datafusion::execution::context::SessionState;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::parser::Parser;

pub use approximate::drop_approximate;
pub use delete::with_from;
pub use dialect::RedshiftDialect;
pub use literals::type_name;
pub use rewrite::{keep_digits, rewrite};
use semistructured::finish;
pub use semistructured::{
    copy_nested_as_json, is_super, keep_null_markers, nested_as_json, parenthesize_unpivot, super_field,
};

/// Plans a statement of Redshift's. `state` is as [`planning_state`] made it.
pub async fn plan(state: &SessionState, mut statement: Statement) -> Result<LogicalPlan> {
    rewrite(state, &mut statement).await?;
    let quoted_names = rewrite::quoted_names(&statement);
    // Boxed: planning a statement is a large future.
    let mut planned = Box::pin(state.statement_to_plan(statement.clone())).await;
    if planned.as_ref().is_err_and(is_of_equal_names)
        && let Some(statement) = rewrite::with_named_casts(&statement)
    {
        planned = Box::pin(state.statement_to_plan(statement)).await;
    }
    let plan = planned.map_err(|error: DataFusionError| rewrite::hint_at_quotes(error, &quoted_names))?;
    literals::check(&plan)?;
    finish(assign::round_assignments(plan, state)?)
}

/// Whether two expressions have the same name.
fn is_of_equal_names(error: &DataFusionError) -> bool {
    matches!(
        error.find_root(),
        DataFusionError::SchemaError(error, _)
            if matches!(error.as_ref(), SchemaError::DuplicateUnqualifiedField { .. } | SchemaError::DuplicateQualifiedField { .. })
    )
}

/// Plans an expression of Redshift's that refers to no columns. `state` is as [`planning_state`] made it.
pub fn expression(state: &SessionState, text: &str) -> Result<Expr> {
    let mut expr = Parser::new(&RedshiftDialect).try_with_sql(text)?.parse_expr()?;
    rewrite::rewrite_expression(state, &mut expr)?;
    state.create_logical_expr(&expr.to_string(), &DFSchema::empty())
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
    state.register_relation_planner(Arc::new(pivot::PivotPlanner))?;
    state.register_expr_planner(Arc::new(times::TimePlanner::default()))?;
    state.register_expr_planner(Arc::new(decimals::DecimalPlanner))?;
    state.register_expr_planner(Arc::new(booleans::BooleanPlanner))?;
    // Last: a state that is built from another brings DataFusion's functions back, under their second names.
    functions::register(&mut state)?;
    Ok(state)
}
