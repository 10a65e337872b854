//! What a plan uses, wherever in it.

use std::sync::{Arc, mpsc};

use async_trait::async_trait;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{MemTable, Session, TableProvider};
use datafusion::common::config::ConfigOptions;
use datafusion::common::plan_err;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::datasource::listing::{ListingTable, ListingTableUrl};
use datafusion::datasource::{TableType, source_as_provider};
use datafusion::error::Result;
use datafusion::logical_expr::dml::InsertOp;
use datafusion::logical_expr::{Expr, LogicalPlan, Statement as PlanStatement, WriteOp};
use datafusion::optimizer::AnalyzerRule;
use datafusion::physical_plan::ExecutionPlan;
use tokio::runtime::{Handle, RuntimeFlavor, worker_index};

use super::nodes::{Mark, Marked};
use super::{Guard, Rights, denied};
use crate::catalog::{
    CatalogState, ModelEntry, ModelName, Privilege, Purpose, RelationEntry, RelationKind, RelationName,
};
use crate::explain::explained_models;
use crate::predict::entry_of;
use crate::relations::StoredTable;
use crate::tables::evaluated_entry;

/// The setting that says where files are written that end with a statement.
const TEMPORARY_FILES: &str = "datafusion.runtime.temp_directory";

/// What a table in memory tells of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Seal {
    /// A model.
    Model(ModelName),
    /// Whatever this user may know.
    User(String),
}

/// A table in memory for those only who may know what is in it.
#[derive(Debug)]
pub(crate) struct GuardedTable {
    /// What it tells of.
    pub(crate) seal: Seal,
    /// Its rows.
    pub(crate) rows: MemTable,
}

#[async_trait]
impl TableProvider for GuardedTable {
    fn schema(&self) -> SchemaRef {
        self.rows.schema()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        self.rows.scan(state, projection, filters, limit).await
    }
}

impl AnalyzerRule for Guard {
    fn name(&self) -> &str {
        "authorize"
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        if self.is_idle() {
            return Ok(plan);
        }
        if self.principal().is_some() {
            self.look_again();
        }
        self.authorize(plan)
    }
}

impl Guard {
    /// Fails if the plan uses what the principal may not use; else gives it without [`Marked`].
    pub(crate) fn authorize(&self, plan: LogicalPlan) -> Result<LogicalPlan> {
        let state = self.catalog.cached();
        let rights = self.rights(&state);
        self.check(&state, &rights, plan)
    }

    /// Reads what others have committed meanwhile: a plan may be older than a REVOKE. An analyzer cannot wait for a store
    /// on a runtime of one thread; there the state is that of the session's last statement.
    fn look_again(&self) {
        let Ok(runtime) = Handle::try_current() else { return };
        if runtime.runtime_flavor() != RuntimeFlavor::MultiThread {
            return;
        }
        // If the store cannot be reached now, the state that was read last must do.
        if worker_index().is_some() {
            let _ = tokio::task::block_in_place(|| runtime.block_on(self.catalog.refresh()));
            return;
        }
        // The thread is none of the runtime's own, and may be that of a `LocalSet`, where `block_in_place` panics.
        let (done, refreshed) = mpsc::channel();
        let catalog = Arc::clone(&self.catalog);
        runtime.spawn(async move {
            let _ = catalog.refresh().await;
            let _ = done.send(());
        });
        let _ = refreshed.recv();
    }

    fn check(&self, state: &CatalogState, rights: &Rights, plan: LogicalPlan) -> Result<LogicalPlan> {
        let checked = plan.transform_down_with_subqueries(|node| {
            if let Some(Marked { mark, input }) = Marked::at(&node) {
                let inner = match mark {
                    Mark::View { name, id, version } => {
                        let Some(relation) = current(state, name, *id) else { return no_table(name) };
                        check_relation(state, rights, Privilege::Select, relation)?;
                        if relation.version != *version {
                            return Err(denied(format!(
                                "{} has changed since this was planned; plan it, or PREPARE it, again",
                                relation.name
                            )));
                        }
                        let owner = self.rights_of_owner(state, &relation.owner);
                        match &relation.kind {
                            RelationKind::External(statement) => {
                                self.check_external(state, &owner, &relation.name, statement)?;
                                input.clone()
                            }
                            RelationKind::View(view) => {
                                self.check_models(state, rights, relation, view, input)?;
                                self.check(state, &owner, input.clone())?
                            }
                            RelationKind::Table(_) => self.check(state, &owner, input.clone())?,
                        }
                    }
                    Mark::Prepared(uses) => {
                        self.check(state, rights, uses.clone())?;
                        self.check(state, rights, input.clone())?
                    }
                };
                return Ok(Transformed::new(inner, true, TreeNodeRecursion::Jump));
            }
            if !rights.is_superuser() {
                if matches!(node, LogicalPlan::Explain(_) | LogicalPlan::Analyze(_)) {
                    self.check_shown(state, rights, &node)?;
                }
                check_node(self, state, rights, &node)?;
            }
            Ok(Transformed::no(node))
        })?;
        Ok(checked.data)
    }

    /// Fails if the plan reads a view of what the principal may not use: to show the plan would tell what that is.
    fn check_shown(&self, state: &CatalogState, rights: &Rights, plan: &LogicalPlan) -> Result<()> {
        let walked = plan.apply_with_subqueries(|node| {
            let Some(Marked { mark: Mark::View { name, id, .. }, input }) = Marked::at(node) else {
                return Ok(TreeNodeRecursion::Continue);
            };
            if let Some(relation) = current(state, name, *id)
                && matches!(relation.kind, RelationKind::View(_))
                && !rights.owns(&relation.owner)
                && (self.check(state, rights, input.clone()).is_err() || reads_files(input)?)
            {
                return Err(denied(format!(
                    "permission denied to EXPLAIN view {0}: its plan shows what it reads; ask its owner {1}, or run the query \
                     without EXPLAIN",
                    relation.name, relation.owner
                )));
            }
            // One's own view may read another's.
            self.check_shown(state, rights, input)?;
            Ok(TreeNodeRecursion::Jump)
        });
        walked.map(drop)
    }
}

/// Whether the plan reads files by their names, but for views and external tables in it. Who may read all files need not know of
/// these.
fn reads_files(plan: &LogicalPlan) -> Result<bool> {
    let mut found = false;
    plan.apply_with_subqueries(|node| {
        if Marked::at(node).is_some() {
            return Ok(TreeNodeRecursion::Jump);
        }
        if let LogicalPlan::TableScan(scan) = node
            && let Ok(provider) = source_as_provider(&scan.source)
            && provider.downcast_ref::<ListingTable>().is_some()
        {
            found = true;
            return Ok(TreeNodeRecursion::Stop);
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(found)
}

/// Checks what one node uses, its inputs and subqueries aside.
fn check_node(guard: &Guard, state: &CatalogState, rights: &Rights, node: &LogicalPlan) -> Result<()> {
    match node {
        LogicalPlan::TableScan(scan) => {
            if let Ok(provider) = source_as_provider(&scan.source) {
                check_table(guard, state, rights, provider.as_ref())?;
            }
        }
        LogicalPlan::Copy(copy) => {
            let place = ListingTableUrl::parse(&copy.output_url)?;
            guard.check_place(state, rights, place.get_url(), Purpose::Unload)?;
        }
        LogicalPlan::Statement(PlanStatement::SetVariable(set))
            if set.variable.eq_ignore_ascii_case(TEMPORARY_FILES) =>
        {
            let place = ListingTableUrl::parse(&set.value)?;
            guard.check_place(state, rights, place.get_url(), Purpose::Unload)?;
        }
        LogicalPlan::Dml(write) => {
            if let Ok(provider) = source_as_provider(&write.target)
                && let Some(table) = provider.downcast_ref::<StoredTable>()
            {
                let privileges: &[Privilege] = match write.op {
                    WriteOp::Delete | WriteOp::Truncate => &[Privilege::Delete],
                    WriteOp::Update => &[Privilege::Update],
                    WriteOp::Insert(InsertOp::Append) | WriteOp::Ctas => &[Privilege::Insert],
                    WriteOp::Insert(_) => &[Privilege::Insert, Privilege::Delete],
                    _ => &[Privilege::Insert, Privilege::Update, Privilege::Delete],
                };
                let entry = current_entry(state, table)?;
                privileges.iter().try_for_each(|privilege| check_relation(state, rights, *privilege, entry))?;
            }
        }
        _ => {}
    }
    node.apply_expressions(|expr| {
        expr.apply(|expr| {
            check_expression(state, rights, expr)?;
            Ok(TreeNodeRecursion::Continue)
        })
    })?;
    Ok(())
}

fn check_table(guard: &Guard, state: &CatalogState, rights: &Rights, table: &dyn TableProvider) -> Result<()> {
    if let Some(table) = table.downcast_ref::<StoredTable>() {
        return check_relation(state, rights, Privilege::Select, current_entry(state, table)?);
    }
    if let Some(files) = table.downcast_ref::<ListingTable>() {
        let mut places = files.table_paths().iter().map(ListingTableUrl::get_url);
        return places.try_for_each(|place| guard.check_place(state, rights, place, Purpose::Copy));
    }
    match table.downcast_ref::<GuardedTable>().map(|table| &table.seal) {
        Some(Seal::Model(name)) => check_model(state, rights, name, None, &name.name),
        Some(Seal::User(name)) if name != rights.name() => {
            plan_err!("these rows were made for {name}; run the statement through MlSession::sql")
        }
        _ => Ok(()),
    }
}

/// The relation of that number as it is now, by whatever name: a plan may be older than another owner.
fn current<'a>(state: &'a CatalogState, name: &RelationName, id: u64) -> Option<&'a RelationEntry> {
    let named = state.relation(name).filter(|relation| relation.id == id);
    named.or_else(|| state.relations().find(|relation| relation.id == id)).map(AsRef::as_ref)
}

fn current_entry<'a>(state: &'a CatalogState, table: &StoredTable) -> Result<&'a RelationEntry> {
    let RelationEntry { name, id, .. } = table.entry().as_ref();
    current(state, name, *id).map_or_else(|| no_table(name), Ok)
}

fn check_expression(state: &CatalogState, rights: &Rights, expr: &Expr) -> Result<()> {
    match expr {
        Expr::ScalarFunction(call) => {
            if let Some(entry) = entry_of(&call.func) {
                check_model(state, rights, &entry.name, Some(entry), call.func.name())?;
            }
            let text = match call.args.as_slice() {
                [Expr::Literal(text, _)] => text.try_as_str().flatten(),
                _ => None,
            };
            explained_models(&call.func, text)
                .into_iter()
                .try_for_each(|name| check_model(state, rights, name, None, call.func.name()))
        }
        Expr::AggregateFunction(call) => match evaluated_entry(&call.func) {
            Some(entry) => check_model(state, rights, &entry.name, Some(entry), call.func.name()),
            None => Ok(()),
        },
        _ => Ok(()),
    }
}

/// Fails if the model, as it is now, is not to be used. One that was created again by somebody else is another.
fn check_model(
    state: &CatalogState,
    rights: &Rights,
    name: &ModelName,
    planned: Option<&Arc<ModelEntry>>,
    called: &str,
) -> Result<()> {
    let is_same = match (state.model(name), planned) {
        (Some(model), Some(planned)) => model.entry()?.owner == planned.owner,
        (None, Some(_)) => false,
        (_, None) => true,
    };
    match is_same && rights.may_see_model(state, name)? {
        true => Ok(()),
        false => plan_err!("Invalid function '{called}'."),
    }
}

/// Fails if the privilege on the relation is missing: in the words for one that is not there, unless it may be seen.
pub(crate) fn check_relation(
    state: &CatalogState,
    rights: &Rights,
    privilege: Privilege,
    relation: &RelationEntry,
) -> Result<()> {
    let name = &relation.name;
    match () {
        () if rights.may(state, privilege, relation) => Ok(()),
        () if rights.may_see(state, relation) => Err(denied(format!(
            "permission denied for table {name}; ask its owner for GRANT {privilege} ON {name} TO {}",
            rights.name()
        ))),
        () => no_table(name),
    }
}

fn no_table<T>(name: &ModelName) -> Result<T> {
    plan_err!("table 'datafusion.{name}' not found")
}
