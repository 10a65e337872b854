//! A view as a table of DataFusion: its text, planned when a statement reads it, with the rights of its owner.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::future::poll_fn;
use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::common::Column;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::ViewTable;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};
use parking_lot::Mutex;

use super::PLANNED_VIEW;
use crate::authorize::Marked;
use crate::catalog::{RelationEntry, RelationName, ViewEntry};
use crate::error::{find_error, invalid};
use crate::resolve::{SYSTEM_SCHEMA, SystemViews, forget_unqualified, qualify_models, resolve};
use crate::session::MlSession;
use crate::sql::{MlParser, Statement};

/// So many views may be planned one in the text of the other. A view that reads itself has no end, and is not always noticed when it
/// is created.
const MAX_DEPTH: usize = 64;

/// So much of the stack has to be left to plan a view, or else it gets a stack of its own. A debug build needs some 130 kB.
const STACK_LEFT: usize = 512 << 10;
const STACK: usize = 2 << 20;

/// The plan of a view may have so many nodes, with those of the views in it. Views that each read the one before twice double.
const MAX_NODES: usize = 10_000;

/// What errors say of views that are too deep or too large.
const TOO_MUCH: &str = "read tables in their place";

/// A view while its text is planned.
#[derive(Debug)]
pub(crate) struct PlannedView {
    /// With whose rights names in it are looked up.
    pub(super) owner: String,
    /// The system views that it names, as its owner sees them.
    system_views: SystemViews,
    /// How many views are being planned, with this one.
    depth: usize,
    /// The views that could not be planned meanwhile, and why. Catalogs of files ask again for a table that they cannot have, so that
    /// views in views would be planned again and again.
    failed: Failed,
}

type Failed = Arc<Mutex<BTreeMap<RelationName, String>>>;

impl PlannedView {
    /// The system view of that name.
    pub(super) fn system_view(&self, name: &RelationName) -> Option<Arc<dyn TableProvider>> {
        self.system_views.get(name.name.as_str()).filter(|_| name.schema == SYSTEM_SCHEMA).cloned()
    }
}

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
    let (depth, failed) = PLANNED_VIEW.try_with(|view| (view.depth, Arc::clone(&view.failed))).unwrap_or_default();
    if let Some(reason) = failed.lock().get(&entry.name) {
        return Err(invalid(reason.clone()));
    }
    let mut planned = Box::pin(planned(session, entry, view, depth + 1, &failed));
    // A view is planned while the one that reads it is: each lies on the stack of the one before.
    let planned = poll_fn(|context| stacker::maybe_grow(STACK_LEFT, STACK, || planned.as_mut().poll(context))).await;
    planned.inspect_err(|error| drop(failed.lock().insert(entry.name.clone(), reason(error))))
}

async fn planned(
    session: &MlSession,
    entry: &RelationEntry,
    view: &ViewEntry,
    depth: usize,
    failed: &Failed,
) -> Result<Arc<dyn TableProvider>> {
    let name = &entry.name;
    let rights = session.shared.guard.rights(&session.shared.catalog.cached());
    let cannot = |reason: &dyn Display| {
        if !rights.owns(&entry.owner) {
            // What it reads is its owner's secret.
            return invalid(format!("view {name} cannot be read; ask its owner {}", entry.owner));
        }
        let reason = reason.to_string();
        if reason.ends_with(TOO_MUCH) {
            return invalid(reason);
        }
        invalid(format!("view {name} cannot be read: {reason}; create what it reads, or CREATE OR REPLACE VIEW {name}"))
    };
    if depth > MAX_DEPTH {
        return Err(cannot(&format!("view {name} reads itself, or is more than {MAX_DEPTH} views deep; {TOO_MUCH}")));
    }
    let state = session.state_of(&view.dialect, &view.default_schema)?;
    // In one statement, for a dialect cannot be held while something is waited for.
    let mut statements = MlParser::parse_sql(&view.query, MlSession::dialect_of(&state)?.as_ref())?;
    let Some(Statement::DataFusion(mut statement)) = statements.pop_front() else {
        return Err(cannot(&"its text is not a query"));
    };
    qualify_models(&mut statement, &view.default_schema, &session.shared.catalog.cached());
    let system_views = resolve(session, &mut statement, Some(&entry.owner)).await.map_err(|e| cannot(&reason(&e)))?;
    // The functions of models have come into the context just now.
    let mut state = session.state_of(&view.dialect, &view.default_schema)?;
    forget_unqualified(&mut state)?;
    let planned_view = PlannedView { owner: entry.owner.clone(), system_views, depth, failed: Arc::clone(failed) };
    let planned = PLANNED_VIEW.scope(planned_view, MlSession::plan_in(state, *statement));
    let plan = planned.await.map_err(|e| cannot(&reason(&e)))?;
    let plan = match view.columns.as_slice() {
        [] => plan,
        names => {
            let columns: Vec<Column> = plan.schema().columns();
            let renamed = columns.into_iter().zip(names).map(|(column, name)| Expr::Column(column).alias(name));
            LogicalPlanBuilder::from(plan).project(renamed.collect::<Vec<_>>())?.build()?
        }
    };
    if has_more_nodes(&plan, MAX_NODES)? {
        return Err(cannot(&format!("view {name} and the views in it have more than {MAX_NODES} steps; {TOO_MUCH}")));
    }
    let plan = if session.shared.guard.is_idle() { plan } else { Marked::view(entry, plan) };
    let definition = rights.owns(&entry.owner).then(|| view.query.clone());
    Ok(Arc::new(ViewTable::new(plan, definition)))
}

fn has_more_nodes(plan: &LogicalPlan, most: usize) -> Result<bool> {
    let mut count = 0;
    plan.apply_with_subqueries(|_| {
        count += 1;
        Ok(if count > most { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(count > most)
}
