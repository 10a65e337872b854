//! A temporary table: DataFusion's table in memory, behind the gate through which rows come into tables of the store.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::catalog::{MemTable, Session, TableProvider};
use datafusion::common::not_impl_err;
use datafusion::datasource::TableType;
use datafusion::datasource::sink::{DataSink, DataSinkExec};
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::dml::InsertOp;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan};
use futures::StreamExt;

use super::encoding::encode_schema;
use super::rows::RowGate;
use crate::catalog::{ColumnEntry, RelationEntry, RelationKind, RelationName, TableEntry};

/// A table that ends with its session.
#[derive(Debug, Clone)]
pub(crate) struct TemporaryTable {
    name: RelationName,
    columns: Vec<ColumnEntry>,
    rows: Arc<MemTable>,
    /// The schema with NULL allowed everywhere: DataFusion would refuse rows before we can say why.
    lax: SchemaRef,
}

impl TemporaryTable {
    /// The table of these rows.
    pub(crate) fn new(name: RelationName, columns: Vec<ColumnEntry>, rows: MemTable) -> Self {
        let schema = rows.schema();
        let fields = schema.fields().iter().map(|field| field.as_ref().clone().with_nullable(true));
        let lax = Arc::new(Schema::new(fields.collect::<Vec<Field>>()));
        Self { name, columns, rows: Arc::new(rows), lax }
    }

    /// What Arrow does not say of the columns.
    pub(crate) fn columns(&self) -> &[ColumnEntry] {
        &self.columns
    }

    fn gate(&self) -> RowGate {
        RowGate::new(self.name.clone(), self.rows.schema(), self.columns.clone())
    }

    /// What a catalog would know of the table, but for its rows.
    pub(crate) fn entry(&self, owner: String) -> Result<RelationEntry> {
        let (schema, columns) = (encode_schema(&self.rows.schema())?, self.columns.clone());
        let table = TableEntry { schema, columns, files: Vec::new() };
        Ok(RelationEntry { name: self.name.clone(), id: 0, version: 0, owner, kind: RelationKind::Table(table) })
    }

    /// How many rows it has.
    pub(crate) async fn count(&self) -> u64 {
        let mut rows = 0;
        for partition in &self.rows.batches {
            rows += partition.read().await.iter().map(|batch| batch.num_rows() as u64).sum::<u64>();
        }
        rows
    }

    /// Puts these rows in the place of the table's.
    pub(crate) async fn replace_rows(&self, batches: Vec<RecordBatch>) {
        for partition in &self.rows.batches {
            partition.write().await.clear();
        }
        self.add_rows(batches).await;
    }

    async fn add_rows(&self, batches: Vec<RecordBatch>) {
        for (batch, partition) in batches.into_iter().zip(self.rows.batches.iter().cycle()) {
            partition.write().await.push(batch);
        }
    }
}

#[async_trait]
impl TableProvider for TemporaryTable {
    fn schema(&self) -> SchemaRef {
        self.rows.schema()
    }

    fn table_type(&self) -> TableType {
        self.rows.table_type()
    }

    fn get_column_default(&self, column: &str) -> Option<&Expr> {
        self.rows.get_column_default(column)
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

    async fn insert_into(
        &self,
        _: &dyn Session,
        input: Arc<dyn ExecutionPlan>,
        operation: InsertOp,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let sink = match operation {
            InsertOp::Append => TemporarySink { table: self.clone(), replaces: false },
            InsertOp::Overwrite => TemporarySink { table: self.clone(), replaces: true },
            InsertOp::Replace => return not_impl_err!("{operation} of a temporary table; use DELETE and INSERT INTO"),
        };
        Ok(Arc::new(DataSinkExec::new(input, Arc::new(sink), None)))
    }

    async fn truncate(&self, state: &dyn Session) -> Result<Arc<dyn ExecutionPlan>> {
        self.rows.delete_from(state, Vec::new()).await
    }
}

/// What rows are written into.
#[derive(Debug)]
struct TemporarySink {
    table: TemporaryTable,
    /// Whether the rows take the place of those that there are.
    replaces: bool,
}

#[async_trait]
impl DataSink for TemporarySink {
    fn schema(&self) -> &SchemaRef {
        &self.table.lax
    }

    async fn write_all(&self, mut data: SendableRecordBatchStream, _: &Arc<TaskContext>) -> Result<u64> {
        let mut gate = self.table.gate();
        let (mut batches, mut rows) = (Vec::new(), 0);
        while let Some(batch) = data.next().await {
            let batch = gate.admit(&batch?)?;
            rows += batch.num_rows() as u64;
            batches.push(batch);
        }
        match self.replaces {
            true => self.table.replace_rows(batches).await,
            false => self.table.add_rows(batches).await,
        }
        Ok(rows)
    }
}

impl DisplayAs for TemporarySink {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "TemporarySink(table={}, replaces={})", self.table.name, self.replaces)
    }
}
