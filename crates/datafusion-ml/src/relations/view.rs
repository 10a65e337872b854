//! A view as a table of DataFusion: its text, planned when a statement reads it, with the rights of its owner.

use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::common::Column;
use datafusion::datasource::ViewTable;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{Expr, LogicalPlanBuilder};

use super::VIEW_OWNER;
use crate::authorize::Marked;
use crate::catalog::{FunctionName, RelationEntry, ViewEntry};
use crate::error::{find_error, invalid};
use crate::resolve::resolve;
use crate::session::MlSession;
use crate::sql::{MlParser, Statement, qualify_function_names};

/// What a person reads of an error.
fn reason(error: &DataFusionError) -> String {
    find_error(error).map_or_else(|| error.strip_backtrace(), |error| error.message().to_owned())
}

/// The view as a table. Fails if what it reads is not there any more.
pub(super) async fn provider(
    session: &MlSession,
    entry: &RelationEntry,
    view: &ViewEntry,
) -> Result<Arc<dyn TableProvider>> {
    let name = &entry.name;
    let rights = session.shared.guard.rights(&session.shared.catalog.cached());
    let cannot = |reason: &dyn std::fmt::Display| {
        if !rights.owns(&entry.owner) {
            // What it reads is its owner's secret.
            return invalid(format!("view {name} cannot be read; ask its owner {}", entry.owner));
        }
        invalid(format!("view {name} cannot be read: {reason}; create what it reads, or CREATE OR REPLACE VIEW {name}"))
    };
    let state = session.state_of(&view.dialect, &view.default_schema)?;
    // In one statement, for a dialect cannot be held while something is waited for.
    let mut statements = MlParser::parse_sql(&view.query, MlSession::dialect_of(&state)?.as_ref())?;
    let Some(Statement::DataFusion(mut statement)) = statements.pop_front() else {
        return Err(cannot(&"its text is not a query"));
    };
    // A view's text was written in its default schema, whatever the reader's is.
    let models = session.shared.catalog.cached();
    let is_models = |name: &str| models.model_of_function(&FunctionName::new(&view.default_schema, name)).is_some();
    qualify_function_names(&mut statement, &view.default_schema, &is_models);
    resolve(session, &mut statement, Some(&entry.owner)).await.map_err(|e| cannot(&reason(&e)))?;
    // The functions of models have come into the context just now.
    let state = session.state_of(&view.dialect, &view.default_schema)?;
    let planned = VIEW_OWNER.scope(entry.owner.clone(), MlSession::plan_in(state, *statement));
    let plan = planned.await.map_err(|e| cannot(&reason(&e)))?;
    let plan = match view.columns.as_slice() {
        [] => plan,
        names => {
            let columns: Vec<Column> = plan.schema().columns();
            let renamed = columns.into_iter().zip(names).map(|(column, name)| Expr::Column(column).alias(name));
            LogicalPlanBuilder::from(plan).project(renamed.collect::<Vec<_>>())?.build()?
        }
    };
    let plan = if session.shared.guard.is_idle() { plan } else { Marked::view(entry, plan) };
    let definition = rights.owns(&entry.owner).then(|| view.query.clone());
    Ok(Arc::new(ViewTable::new(plan, definition)))
}
