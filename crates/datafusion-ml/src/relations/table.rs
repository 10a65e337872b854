//! A table of the store as a table of DataFusion: its files through a listing table, its changes through our sink.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{ScanArgs, ScanResult, Session, TableProvider};
use datafusion::common::{Statistics, TableReference, not_impl_err};
use datafusion::datasource::empty::EmptyTable;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::{ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl};
use datafusion::datasource::sink::DataSinkExec;
use datafusion::datasource::{TableType, provider_as_source};
use datafusion::error::Result;
use datafusion::logical_expr::dml::InsertOp;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, TableProviderFilterPushDown};
use datafusion::physical_plan::ExecutionPlan;

use super::{Change, StoredRelations, StoredSink, decode_schema};
use crate::catalog::{RelationEntry, TableEntry};
use crate::error::invalid;

/// In the configuration of a session in which COPY inserts rows.
pub(crate) struct OfCopy;

/// A table whose rows lie in the store, as of one version.
#[derive(Debug)]
pub(crate) struct StoredTable {
    relations: Arc<StoredRelations>,
    entry: Arc<RelationEntry>,
    schema: SchemaRef,
    rows: Arc<dyn TableProvider>,
    defaults: HashMap<String, Expr>,
}

impl StoredTable {
    /// The table of `entry`.
    pub(crate) fn new(relations: &Arc<StoredRelations>, entry: &Arc<RelationEntry>) -> Result<Self> {
        let table = table_of(entry)?;
        let schema = decode_schema(&table.schema)?;
        let mut defaults = HashMap::new();
        for column in &table.columns {
            if let Some(text) = &column.default {
                defaults.insert(column.name.clone(), relations.session()?.expression(text)?);
            }
        }
        Ok(Self {
            relations: Arc::clone(relations),
            entry: Arc::clone(entry),
            rows: rows(relations, table, &schema)?,
            schema,
            defaults,
        })
    }

    /// What the catalog says of it.
    pub(crate) fn entry(&self) -> &Arc<RelationEntry> {
        &self.entry
    }
}

/// A plan that writes the rows of `input` into the table of `entry`, and commits.
pub(crate) fn write_plan(
    relations: &Arc<StoredRelations>,
    entry: RelationEntry,
    input: LogicalPlan,
    change: Change,
) -> Result<LogicalPlan> {
    let schema = decode_schema(&table_of(&entry)?.schema)?;
    let name = TableReference::partial(entry.name.schema.as_str(), entry.name.name.as_str());
    let target = Arc::new(WriteTarget { relations: Arc::clone(relations), entry, schema, change });
    LogicalPlanBuilder::insert_into(input, name, provider_as_source(target), InsertOp::Append)?.build()
}

/// What rows are written into: a table that need not be there yet.
#[derive(Debug)]
struct WriteTarget {
    relations: Arc<StoredRelations>,
    entry: RelationEntry,
    schema: SchemaRef,
    change: Change,
}

#[async_trait]
impl TableProvider for WriteTarget {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        _: &dyn Session,
        _: Option<&Vec<usize>>,
        _: &[Expr],
        _: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        not_impl_err!("reading what is being written")
    }

    async fn insert_into(
        &self,
        _: &dyn Session,
        input: Arc<dyn ExecutionPlan>,
        _: InsertOp,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        sink(&self.relations, &self.entry, input, self.change)
    }
}

fn sink(
    relations: &Arc<StoredRelations>,
    entry: &RelationEntry,
    input: Arc<dyn ExecutionPlan>,
    change: Change,
) -> Result<Arc<dyn ExecutionPlan>> {
    let sink = StoredSink::new(relations, entry.clone(), change)?;
    Ok(Arc::new(DataSinkExec::new(input, Arc::new(sink), None)))
}

fn table_of(entry: &RelationEntry) -> Result<&TableEntry> {
    entry.table().ok_or_else(|| invalid(format!("{} is {}, not a table", entry.name, entry.a_noun())))
}

/// The files of the table. A listing table has at least one path.
fn rows(relations: &StoredRelations, table: &TableEntry, schema: &SchemaRef) -> Result<Arc<dyn TableProvider>> {
    if table.files.is_empty() {
        return Ok(Arc::new(EmptyTable::new(Arc::clone(schema))));
    }
    let urls = table.files.iter().map(|file| ListingTableUrl::try_new(relations.root.table_file(&file.path)?, None));
    let options = ListingOptions::new(Arc::new(ParquetFormat::default().with_force_view_types(false)));
    let config = ListingTableConfig::new_with_multi_paths(urls.collect::<Result<_>>()?)
        .with_listing_options(options)
        .with_schema(Arc::clone(schema));
    Ok(Arc::new(ListingTable::try_new(config)?))
}

#[async_trait]
impl TableProvider for StoredTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn get_column_default(&self, column: &str) -> Option<&Expr> {
        self.defaults.get(column)
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

    async fn scan_with_args<'a>(&self, state: &dyn Session, args: ScanArgs<'a>) -> Result<ScanResult> {
        self.rows.scan_with_args(state, args).await
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        self.rows.supports_filters_pushdown(filters)
    }

    fn statistics(&self) -> Option<Statistics> {
        self.rows.statistics()
    }

    async fn insert_into(
        &self,
        state: &dyn Session,
        input: Arc<dyn ExecutionPlan>,
        operation: InsertOp,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let statement = if state.config().get_extension::<OfCopy>().is_some() { "COPY" } else { "INSERT" };
        match operation {
            InsertOp::Append => sink(&self.relations, &self.entry, input, Change::Append(statement)),
            InsertOp::Overwrite => sink(&self.relations, &self.entry, input, Change::Replace("INSERT OVERWRITE")),
            InsertOp::Replace => not_impl_err!("REPLACE INTO; use DELETE and INSERT INTO"),
        }
    }
}
