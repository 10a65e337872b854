//! The context's catalog with the relations of the store in it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use datafusion::catalog::{CatalogProvider, SchemaProvider, TableProvider};
use datafusion::datasource::TableType;
use datafusion::error::Result;

use super::{PLANNED_VIEW, StoredRelations};
use crate::catalog::{RelationEntry, RelationKind, RelationName};
use crate::error::invalid;

/// A catalog of the context with the schemas of the store.
#[derive(Debug)]
pub(crate) struct StoredCatalog {
    relations: Arc<StoredRelations>,
}

impl StoredCatalog {
    /// The context's catalog with the schemas of `relations`.
    pub(crate) fn new(relations: Arc<StoredRelations>) -> Self {
        Self { relations }
    }
}

impl CatalogProvider for StoredCatalog {
    fn schema_names(&self) -> Vec<String> {
        let state = self.relations.catalog.cached();
        let mut names: BTreeSet<String> = self.relations.inner.schema_names().into_iter().collect();
        names.extend(state.schemas().map(|schema| schema.name.clone()));
        names.extend(state.relations().map(|relation| relation.name.schema.clone()));
        names.into_iter().collect()
    }

    fn schema(&self, name: &str) -> Option<Arc<dyn SchemaProvider>> {
        let inner = self.relations.context_schema(name)?;
        let relations = Arc::clone(&self.relations);
        Some(Arc::new(StoredSchema { name: name.to_owned(), inner, relations, is_listed: AtomicBool::new(false) }))
    }

    fn register_schema(&self, name: &str, schema: Arc<dyn SchemaProvider>) -> Result<Option<Arc<dyn SchemaProvider>>> {
        self.relations.inner.register_schema(name, schema)
    }

    fn deregister_schema(&self, name: &str, cascade: bool) -> Result<Option<Arc<dyn SchemaProvider>>> {
        self.relations.inner.deregister_schema(name, cascade)
    }
}

/// A schema of the context, and the relations of the store that have names which nothing in it has.
#[derive(Debug)]
pub(crate) struct StoredSchema {
    name: String,
    inner: Arc<dyn SchemaProvider>,
    relations: Arc<StoredRelations>,
    /// Whether it has been asked what is in it: what it is asked for then is for a list, which goes on where something cannot be
    /// read.
    is_listed: AtomicBool,
}

#[async_trait]
impl SchemaProvider for StoredSchema {
    fn table_names(&self) -> Vec<String> {
        self.is_listed.store(true, Ordering::Relaxed);
        let state = self.relations.catalog.cached();
        let mut names: BTreeSet<String> = self.inner.table_names().into_iter().collect();
        let rights = self.relations.rights(&state);
        let may_see = |relation: &RelationEntry| rights.as_ref().is_ok_and(|rights| rights.may_see(&state, relation));
        let stored = state.relations().filter(|relation| relation.name.schema == self.name && may_see(relation));
        names.extend(stored.map(|relation| relation.name.name.clone()));
        names.into_iter().collect()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        let relation = RelationName::new(&self.name, name);
        if let Ok(Some(table)) = PLANNED_VIEW.try_with(|view| view.system_view(&relation)) {
            return Ok(Some(table));
        }
        // Asked first, since `inner` may take any name for that of a file.
        if self.inner.table_exist(name) {
            let of_view = PLANNED_VIEW.try_with(|view| self.relations.is_of_context_in_view(&relation, &view.owner));
            if of_view.unwrap_or(true) {
                return self.inner.table(name).await;
            }
        }
        match self.relations.find(&relation).await {
            Err(_) if self.is_listed.load(Ordering::Relaxed) => self.relations.unplanned(&relation),
            found => found,
        }
    }

    async fn table_type(&self, name: &str) -> Result<Option<TableType>> {
        if self.inner.table_exist(name) {
            return self.inner.table_type(name).await;
        }
        let state = self.relations.catalog.cached();
        Ok(self.relations.find_in(&state, &RelationName::new(&self.name, name)).map(|relation| match relation.kind {
            RelationKind::View(_) => TableType::View,
            RelationKind::Table(_) | RelationKind::External(_) => TableType::Base,
        }))
    }

    fn register_table(&self, name: String, table: Arc<dyn TableProvider>) -> Result<Option<Arc<dyn TableProvider>>> {
        self.inner.register_table(name, table)
    }

    fn deregister_table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        if !self.inner.table_exist(name) && self.table_exist(name) {
            return Err(invalid(format!(
                "{name} lies in the store; drop it with MlSession::sql(\"DROP TABLE {name}\")"
            )));
        }
        self.inner.deregister_table(name)
    }

    fn table_exist(&self, name: &str) -> bool {
        let state = self.relations.catalog.cached();
        self.inner.table_exist(name) || self.relations.find_in(&state, &RelationName::new(&self.name, name)).is_some()
    }
}
