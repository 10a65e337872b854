//! Relations that stay: tables, views, external tables and schemas that outlive the session.
//!
//! They are entries of the catalog. [`StoredCatalog`] puts them before DataFusion's planner: it wraps the context's own
//! catalog and answers for what that does not have, so that every statement, plain `ctx.sql` and the information schema see
//! them. A name is looked up in the newest state of the catalog; a plan keeps the files of the entry that it was made with.
//!
//! A table is a list of Parquet files. To change it, [`StoredSink`] writes files through DataFusion's own Parquet sink and
//! then commits an entry that names them: the table is changed at once or, if anything fails before, not at all. What was
//! written in vain, and what no entry names any more, lies in the store until VACUUM.

mod assignment;
mod encoding;
mod external;
mod rows;
mod schemas;
mod search;
mod sink;
mod table;
mod temporary;
mod view;

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use datafusion::arrow::datatypes::Schema;
use datafusion::catalog::{CatalogProvider, MemorySchemaProvider, SchemaProvider, TableProvider};
use datafusion::common::plan_datafusion_err;
use datafusion::datasource::empty::EmptyTable;
use datafusion::datasource::{ViewTable, provider_as_source};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::LogicalPlanBuilder;
use parking_lot::Mutex;

pub(crate) use self::assignment::assign;
pub(crate) use self::encoding::{decode_schema, encode_schema};
pub(crate) use self::external::{absolute_locations, parsed as parsed_external, role_of, statement_of};
pub(crate) use self::rows::takes_no_null;
pub(crate) use self::schemas::StoredCatalog;
pub(crate) use self::search::{folded, qualify, relations_in};
pub(crate) use self::sink::{Change, StoredSink, exists};
pub(crate) use self::table::{OfCopy, StoredTable, write_plan};
pub(crate) use self::temporary::TemporaryTable;
use self::view::PlannedView;
use crate::authorize::{Marked, Rights};
use crate::catalog::{Action, Catalog, CatalogState, ColumnEntry, RelationEntry, RelationKind, RelationName};
use crate::execute::{StatementRole, no_such_schema};
use crate::session::{MlSession, Shared};
use crate::store::StoreRoot;

tokio::task_local! {
    /// The view whose text is being planned.
    pub(crate) static PLANNED_VIEW: PlannedView;
}

/// The version of an entry, and the table that was made of it.
type Versioned = (u64, Arc<dyn TableProvider>);

/// The relations of a store, as tables of DataFusion.
pub(crate) struct StoredRelations {
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) root: StoreRoot,
    /// The catalog of the context in which these are put: temporary tables, and those that the program registers.
    inner: Arc<dyn CatalogProvider>,
    /// The temporary tables in schemas that are only in the store.
    temporary: Mutex<HashMap<String, Arc<MemorySchemaProvider>>>,
    /// The context that these relations are part of is part of the session.
    session: Weak<Shared>,
    /// Of tables and external tables.
    providers: Mutex<HashMap<RelationName, Versioned>>,
}

impl std::fmt::Debug for StoredRelations {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoredRelations").field("root", &self.root.url()).finish_non_exhaustive()
    }
}

impl StoredRelations {
    /// The relations of the catalog that lies under `root`, to be put into the context's catalog `inner`.
    pub(crate) fn new(
        catalog: Arc<Catalog>,
        root: StoreRoot,
        inner: Arc<dyn CatalogProvider>,
        session: Weak<Shared>,
    ) -> Self {
        Self { catalog, root, inner, temporary: Mutex::default(), session, providers: Mutex::default() }
    }

    /// The tables of the context in that schema, temporary or of the program; `None` if there is no such schema.
    pub(crate) fn context_schema(&self, name: &str) -> Option<Arc<dyn SchemaProvider>> {
        if let Some(schema) = self.inner.schema(name) {
            return Some(schema);
        }
        let is_there = self.catalog.cached().has_schema(name);
        is_there.then(|| Arc::clone(self.temporary.lock().entry(name.to_owned()).or_default()) as _)
    }

    /// Forgets the schema of the context, with the temporary tables in it.
    pub(crate) fn forget_schema(&self, name: &str) -> Result<()> {
        self.temporary.lock().remove(name);
        match self.inner.schema(name) {
            Some(_) => self.inner.deregister_schema(name, true).map(drop),
            None => Ok(()),
        }
    }

    /// Whether the name is that of a table of the context, temporary or of the program: it comes before one of the store.
    pub(crate) fn is_of_context(&self, name: &RelationName) -> bool {
        self.context_schema(&name.schema).is_some_and(|schema| schema.table_exist(&name.name))
    }

    /// The temporary table of that name; `None` if the context has none, or one of the program.
    pub(crate) async fn temporary_table(&self, name: &RelationName) -> Result<Option<TemporaryTable>> {
        let Some(schema) = self.context_schema(&name.schema) else { return Ok(None) };
        let table = schema.table(&name.name).await?;
        Ok(table.and_then(|table| table.downcast_ref::<TemporaryTable>().cloned()))
    }

    /// Whether the view that is being planned means a table of the context by that name. Another reader than its owner may have
    /// put it there.
    pub(crate) fn is_of_context_in_view(&self, name: &RelationName, owner: &str) -> bool {
        let state = self.catalog.cached();
        let is_own = || self.session().is_ok_and(|session| session.shared.guard.rights(&state).owns(owner));
        state.relation(name).is_none() && is_own()
    }

    /// Whether there is a schema of that name.
    pub(crate) fn has_schema(&self, state: &CatalogState, name: &str) -> bool {
        self.inner.schema(name).is_some() || state.has_schema(name)
    }

    /// Fails unless there is a schema of that name.
    pub(crate) fn check_schema(&self, state: &CatalogState, name: &str) -> Result<()> {
        match self.has_schema(state, name) {
            true => Ok(()),
            false => Err(no_such_schema(state, name)),
        }
    }

    /// The relation of that name in the newest state of the catalog.
    pub(crate) async fn find(self: &Arc<Self>, name: &RelationName) -> Result<Option<Arc<dyn TableProvider>>> {
        let state = self.catalog.refresh().await?;
        match self.find_in(&state, name) {
            Some(entry) => {
                let provider = self.provider(entry).await?;
                // DataFusion's own table says nothing of our name; a view of it does. Whoever reads a view of a superuser's is not
                // shown the files.
                let is_marked = || Ok::<_, DataFusionError>(is_in_view() || !self.rights(&state)?.is_superuser());
                if matches!(entry.kind, RelationKind::External(_))
                    && !self.session()?.shared.guard.is_idle()
                    && is_marked()?
                {
                    let scan = LogicalPlanBuilder::scan(entry.name.name.as_str(), provider_as_source(provider), None)?;
                    let plan = Marked::view(entry, scan.build()?);
                    return Ok(Some(Arc::new(ViewTable::new(plan, None))));
                }
                Ok(Some(provider))
            }
            None => Ok(None),
        }
    }

    /// The relation of that name without its columns, for lists of which one cannot be read.
    pub(crate) fn unplanned(&self, name: &RelationName) -> Result<Option<Arc<dyn TableProvider>>> {
        let state = self.catalog.cached();
        let Some(entry) = self.find_in(&state, name) else { return Ok(None) };
        let RelationKind::View(view) = &entry.kind else {
            return Ok(Some(Arc::new(EmptyTable::new(Arc::new(Schema::empty())))));
        };
        let definition = self.rights(&state)?.owns(&entry.owner).then(|| view.query.clone());
        Ok(Some(Arc::new(ViewTable::new(LogicalPlanBuilder::empty(false).build()?, definition))))
    }

    /// The relation of that name, if it may be seen.
    pub(crate) fn find_in<'a>(&self, state: &'a CatalogState, name: &RelationName) -> Option<&'a Arc<RelationEntry>> {
        state.relation(name).filter(|entry| self.rights(state).is_ok_and(|rights| rights.may_see(state, entry)))
    }

    /// With whose rights names are looked up: those of the principal, or of the owner of the view that is being planned.
    pub(crate) fn rights(&self, state: &CatalogState) -> Result<Rights> {
        let session = self.session()?;
        let guard = &session.shared.guard;
        let of_view = PLANNED_VIEW.try_with(|view| guard.rights_of_owner(state, &view.owner));
        Ok(of_view.unwrap_or_else(|_| guard.rights(state)))
    }

    /// The relation as a table of DataFusion.
    pub(crate) async fn provider(self: &Arc<Self>, entry: &Arc<RelationEntry>) -> Result<Arc<dyn TableProvider>> {
        if let RelationKind::External(statement) = &entry.kind {
            let (session, state) = (self.session()?, self.catalog.cached());
            let guard = &session.shared.guard;
            guard.check_external(&state, &guard.rights_of_owner(&state, &entry.owner), &entry.name, statement)?;
        }
        // What a role sees is not kept for others.
        let assumes = StatementRole::current_arn().is_some();
        if let Some((version, provider)) = self.providers.lock().get(&entry.name)
            && *version == entry.version
            && !assumes
        {
            return Ok(Arc::clone(provider));
        }
        let provider: Arc<dyn TableProvider> = match &entry.kind {
            RelationKind::Table(_) => Arc::new(StoredTable::new(self, entry)?),
            RelationKind::External(statement) => external::provider(&self.session()?, &entry.name, statement).await?,
            // What it reads may change while it does not. Boxed: a view may read views.
            RelationKind::View(view) => {
                return Box::pin(view::provider(&self.session()?, entry, view)).await;
            }
        };
        if !assumes {
            self.providers.lock().insert(entry.name.clone(), (entry.version, Arc::clone(&provider)));
        }
        Ok(provider)
    }

    /// Fails if an external table cannot be read.
    pub(crate) async fn check(&self, entry: &RelationEntry) -> Result<()> {
        match &entry.kind {
            RelationKind::External(text) => external::provider(&self.session()?, &entry.name, text).await.map(drop),
            _ => Ok(()),
        }
    }

    /// Commits to the catalog in the name of whom the session acts for.
    pub(crate) async fn commit(
        &self,
        decide: impl FnMut(&CatalogState) -> Result<Vec<Action>>,
    ) -> Result<Arc<CatalogState>> {
        self.session()?.commit(None, decide).await
    }

    /// The same for a statement that changed the rows of a table.
    pub(crate) async fn commit_rows(
        &self,
        statement: Option<&str>,
        decide: impl FnMut(&CatalogState) -> Result<Vec<Action>>,
    ) -> Result<Arc<CatalogState>> {
        self.session()?.commit(statement, decide).await
    }

    pub(crate) fn session(&self) -> Result<MlSession> {
        let shared = self.session.upgrade();
        shared.map(|shared| MlSession { shared }).ok_or_else(|| plan_datafusion_err!("the session has ended"))
    }
}

fn is_in_view() -> bool {
    PLANNED_VIEW.try_with(|_| ()).is_ok()
}

/// What Arrow does not say of the columns of a table that a statement has created; `None` of other tables.
pub(crate) fn columns_of(table: &dyn TableProvider) -> Option<&[ColumnEntry]> {
    if let Some(table) = table.downcast_ref::<StoredTable>() {
        return table.entry().table().map(|table| table.columns.as_slice());
    }
    table.downcast_ref::<TemporaryTable>().map(TemporaryTable::columns)
}
