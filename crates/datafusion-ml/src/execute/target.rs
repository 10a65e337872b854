//! The table that UPDATE, DELETE or MERGE changes: one of the store, or a temporary one.

use std::sync::Arc;

use datafusion::common::TableReference;
use datafusion::datasource::provider_as_source;
use datafusion::error::Result;
use datafusion::logical_expr::dml::InsertOp;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder};
use datafusion::sql::sqlparser::ast::TableFactor;

use super::{model_name, run_count};
use crate::authorize::check_relation;
use crate::catalog::{Action, CatalogState, Privilege, RelationEntry, RelationKind, TableEntry};
use crate::error::invalid;
use crate::relations::{Change, StoredRelations, TemporaryTable, write_plan};
use crate::session::MlSession;

/// What a statement changes, by writing anew all rows that stay.
pub(super) struct Target {
    /// What is known of the table; of a temporary one all but its rows.
    pub(super) entry: Arc<RelationEntry>,
    temporary: Option<TemporaryTable>,
}

impl Target {
    /// The table that the name means; `None` if it is of the program, or there is none. Fails without these privileges on
    /// it, and if it is no table.
    pub(super) async fn of(
        session: &MlSession,
        relations: &Arc<StoredRelations>,
        table: &TableFactor,
        privileges: &[Privilege],
    ) -> Result<Option<Self>> {
        let TableFactor::Table { name, .. } = table else { return Ok(None) };
        let name = model_name(session, name)?;
        let state = relations.catalog.refresh().await?;
        if relations.is_of_context(&name) {
            let temporary = relations.temporary_table(&name).await?;
            return temporary
                .map(|table| Ok(Self { entry: Arc::new(table.entry(session.user())?), temporary: Some(table) }))
                .transpose();
        }
        let rights = session.shared.guard.rights(&state);
        let Some(entry) = state.relation(&name).filter(|entry| rights.may_see(&state, entry)) else { return Ok(None) };
        for privilege in privileges {
            check_relation(&state, &rights, *privilege, entry)?;
        }
        match entry.table() {
            Some(_) => Ok(Some(Self { entry: Arc::clone(entry), temporary: None })),
            None => {
                Err(invalid(format!("{name} is {}; only tables that lie in the store can be changed", entry.a_noun())))
            }
        }
    }

    /// How many rows it has.
    pub(super) async fn count(&self) -> u64 {
        match &self.temporary {
            Some(table) => table.count().await,
            None => self.entry.table().map_or(0, TableEntry::rows),
        }
    }

    /// Writes the rows in place of the table's, for such a statement; answers how many they are.
    pub(super) async fn replace(
        &self,
        session: &MlSession,
        relations: &Arc<StoredRelations>,
        rows: LogicalPlan,
        statement: &'static str,
    ) -> Result<u64> {
        let plan = match &self.temporary {
            Some(table) => {
                let name = TableReference::partial(self.entry.name.schema.as_str(), self.entry.name.name.as_str());
                let provider = provider_as_source(Arc::new(table.clone()));
                LogicalPlanBuilder::insert_into(rows, name, provider, InsertOp::Overwrite)?.build()?
            }
            None => write_plan(relations, self.entry.as_ref().clone(), rows, Change::Replace(statement))?,
        };
        run_count(session.context().state(), plan).await
    }

    /// Leaves the table without rows, for such a statement.
    pub(super) async fn clear(&self, relations: &Arc<StoredRelations>, statement: &str) -> Result<()> {
        match &self.temporary {
            Some(table) => {
                table.replace_rows(Vec::new()).await;
                Ok(())
            }
            None => commit_no_rows(relations, &self.entry, statement).await,
        }
    }
}

/// Commits the table of the store without rows.
pub(super) async fn commit_no_rows(
    relations: &Arc<StoredRelations>,
    entry: &Arc<RelationEntry>,
    statement: &str,
) -> Result<()> {
    let decide = |state: &CatalogState| {
        let current = state.relation(&entry.name).filter(|current| current.id == entry.id);
        let Some((current, table)) = current.and_then(|current| Some((current, current.table()?))) else {
            return Err(invalid(format!("table {} was dropped meanwhile", entry.name)));
        };
        let table = TableEntry { files: Vec::new(), ..table.clone() };
        let version = state.version() + 1;
        let entry = RelationEntry { version, kind: RelationKind::Table(table), ..current.as_ref().clone() };
        Ok(vec![Action::PutRelation(Box::new(entry))])
    };
    relations.commit_rows(Some(statement), decide).await.map(drop)
}
