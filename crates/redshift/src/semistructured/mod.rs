//! SUPER: paths into nested values, unnesting, and values whose shape is not known.
//!
//! A nested value whose shape is known has a type of Arrow's (`Struct`, `List`, `Map`), and is walked by that. One whose shape
//! is not known is JSON text in a column that says so by Arrow's canonical extension type `arrow.json`: every tool can
//! read it. Parquet files keep that, and DataFusion looks at it where `datafusion.execution.parquet.skip_metadata` is false.
//! A statement goes through three passes: [`rewrite_statement`] over its syntax, the
//! planners of [`install`] while DataFusion plans it, and [`finish`] over the plan.

mod arithmetic;
mod ast;
mod cast;
mod compare;
mod elements;
mod extremes;
mod finish;
mod flat;
mod function;
mod functions;
mod insert;
mod json;
mod known;
mod marker;
mod path;
mod planner;
mod relation;
mod rows;
mod step;
mod sum;
mod tokens;
mod types;

use std::sync::Arc;

use datafusion::error::Result;
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::context::SessionState;
use datafusion::logical_expr::planner::ExprPlanner;

pub(crate) use ast::rewrite_statement;
pub(crate) use finish::finish;
pub use flat::{copy_nested_as_json, nested_as_json};
pub(crate) use insert::convert_inserted;
pub use json::{attribute, compact, element, entries, text_of_json};
pub use marker::{is_super, super_field};
pub use tokens::{keep_null_markers, parenthesize_unpivot};

/// The state with SUPER's functions, and its access to nested values in the place of DataFusion's.
pub(crate) fn install(state: SessionState) -> Result<SessionState> {
    let mut planners: Vec<Arc<dyn ExprPlanner>> = vec![Arc::new(planner::SuperExprPlanner)];
    planners.extend(state.expr_planners().iter().cloned());
    let mut builder = SessionStateBuilder::new_from_existing(state).with_expr_planners(planners);
    let others = builder.type_planner().take();
    let mut state = builder.with_type_planner(Arc::new(types::SuperTypePlanner { others })).build();
    state.register_relation_planner(Arc::new(relation::UnnestPlanner))?;
    functions::register(&mut state)?;
    Ok(state)
}
