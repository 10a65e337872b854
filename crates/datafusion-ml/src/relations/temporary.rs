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

use super::rows::RowGate;
use crate::catalog::{ColumnEntry, RelationName};

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

    /// The batches of each partition.
    async fn batches(&self) -> Vec<Vec<RecordBatch>> {
        let mut batches = Vec::with_capacity(self.rows.batches.len());
        for partition in &self.rows.batches {
            batches.push(partition.read().await.clone());
        }
        batches
    }

    /// Fails if there is a row that the gate would not admit.
    async fn check(&self) -> Result<()> {
        let mut gate = self.gate();
        self.batches().await.iter().flatten().try_for_each(|batch| gate.admit(batch).map(drop))
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
        match operation {
            InsertOp::Append => Ok(Arc::new(DataSinkExec::new(input, Arc::new(self.clone()), None))),
            _ => not_impl_err!("{operation} of a temporary table; use DELETE and INSERT INTO"),
        }
    }

    async fn delete_from(&self, state: &dyn Session, filters: Vec<Expr>) -> Result<Arc<dyn ExecutionPlan>> {
        self.rows.delete_from(state, filters).await
    }

    async fn update(
        &self,
        state: &dyn Session,
        assignments: Vec<(String, Expr)>,
        filters: Vec<Expr>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let before = self.batches().await;
        let outcome = self.rows.update(state, assignments, filters).await;
        let checked = match outcome {
            Ok(_) => self.check().await,
            Err(_) => Ok(()),
        };
        if outcome.is_err() || checked.is_err() {
            for (partition, before) in self.rows.batches.iter().zip(before) {
                *partition.write().await = before;
            }
        }
        checked.and(outcome)
    }

    async fn truncate(&self, state: &dyn Session) -> Result<Arc<dyn ExecutionPlan>> {
        self.rows.delete_from(state, Vec::new()).await
    }
}

#[async_trait]
impl DataSink for TemporaryTable {
    fn schema(&self) -> &SchemaRef {
        &self.lax
    }

    async fn write_all(&self, mut data: SendableRecordBatchStream, _: &Arc<TaskContext>) -> Result<u64> {
        let mut gate = self.gate();
        let (mut batches, mut rows) = (Vec::new(), 0);
        while let Some(batch) = data.next().await {
            let batch = gate.admit(&batch?)?;
            rows += batch.num_rows() as u64;
            batches.push(batch);
        }
        for (batch, partition) in batches.into_iter().zip(self.rows.batches.iter().cycle()) {
            partition.write().await.push(batch);
        }
        Ok(rows)
    }
}

impl DisplayAs for TemporaryTable {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "TemporaryTable(table={})", self.name)
    }
}
