//! The table that a model is trained by inserting into.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::{ArrayRef, RecordBatch};
use datafusion::arrow::compute::filter_record_batch;
use datafusion::arrow::datatypes::{Field, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::not_impl_err;
use datafusion::datasource::sink::{DataSink, DataSinkExec};
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::dml::InsertOp;
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan};
use datafusion_ml_core::encoder::{EncoderBuilder, TableProfiler};
use datafusion_ml_core::target::{LearnedTarget, TargetBuilder};
use datafusion_ml_core::{Error, Task};
use futures::StreamExt;
use parking_lot::Mutex;

use super::buffer::TrainingBuffer;
use super::fit::{Columns, Ingested, Learner, TrainingSpec};
use super::pending::PendingFit;
use super::rows::feature_columns;
use crate::error::external;

/// A model in training, seen as a table: rows can be inserted, once, and not be read.
#[derive(Debug)]
pub(crate) struct TrainingTable {
    sink: Arc<TrainingSink>,
}

struct TrainingSink {
    schema: SchemaRef,
    spec: TrainingSpec,
    pending: Mutex<Option<PendingFit>>,
}

impl fmt::Debug for TrainingSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrainingSink").field("spec", &self.spec).finish_non_exhaustive()
    }
}

impl TrainingTable {
    /// A table that rows of `schema` can be inserted into.
    pub(crate) fn new(schema: SchemaRef, spec: TrainingSpec) -> Self {
        Self { sink: Arc::new(TrainingSink { schema, spec, pending: Mutex::new(None) }) }
    }

    /// The fit of the rows, after the insert has been executed.
    pub(crate) fn take_pending(&self) -> Option<PendingFit> {
        self.sink.pending.lock().take()
    }
}

#[async_trait]
impl TableProvider for TrainingTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.sink.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Temporary
    }

    async fn scan(
        &self,
        _: &dyn Session,
        _: Option<&Vec<usize>>,
        _: &[Expr],
        _: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        not_impl_err!("a model in training cannot be read")
    }

    async fn insert_into(
        &self,
        _: &dyn Session,
        input: Arc<dyn ExecutionPlan>,
        _: InsertOp,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(Arc::new(DataSinkExec::new(input, Arc::clone(&self.sink) as Arc<dyn DataSink>, None)))
    }
}

impl DisplayAs for TrainingSink {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "TrainModel: name={}, algorithm={}", self.spec.model, self.spec.learner.name())?;
        if let Some(target) = &self.spec.target {
            write!(f, ", target={target}")?;
        }
        Ok(())
    }
}

#[async_trait]
impl DataSink for TrainingSink {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    async fn write_all(&self, data: SendableRecordBatchStream, context: &Arc<TaskContext>) -> Result<u64> {
        let ingested = self.ingest(data, context).await?;
        let rows = ingested.buffer.num_rows() as u64;
        let pending = PendingFit { spec: self.spec.clone(), ingested, context: Arc::clone(context) };
        *self.pending.lock() = Some(pending);
        Ok(rows)
    }
}

impl TrainingSink {
    /// Buffers the rows that have a target and learns encoder and target from them, in one pass.
    async fn ingest(&self, mut data: SendableRecordBatchStream, context: &TaskContext) -> Result<Ingested> {
        let spec = &self.spec;
        let target_column = spec.target.as_deref().map(|name| self.schema.index_of(name)).transpose()?;
        let mut target = match target_column {
            Some(column) => {
                let field = self.schema.field(column);
                Some(TargetBuilder::new(field.name(), field.data_type(), spec.task_rule()).map_err(external)?)
            }
            None => None,
        };
        let fields = self.schema.fields().iter().enumerate();
        let features: Vec<&Field> =
            fields.filter(|(index, _)| Some(*index) != target_column).map(|(_, field)| field.as_ref()).collect();
        let mut columns = ColumnObserver::new(spec, &features).map_err(external)?;
        let mut rows_without_target = 0;
        let mut buffer = TrainingBuffer::new(&self.schema, spec.training_buffer_bytes, context);
        while let Some(batch) = data.next().await {
            let batch = batch?;
            let rows = batch.num_rows();
            let batch = with_target(batch, target_column).map_err(external)?;
            rows_without_target += rows - batch.num_rows();
            if batch.num_rows() == 0 {
                continue;
            }
            if let (Some(target), Some(column)) = (&mut target, target_column) {
                target.observe(batch.column(column)).map_err(external)?;
            }
            columns.observe(&feature_columns(&batch, target_column)).map_err(external)?;
            buffer.push(&batch)?;
        }
        if buffer.num_rows() == 0 && target.is_none() {
            return Err(external(Error::data("the query gives no row; a model needs rows to learn from")));
        }
        let (target, task, reason) = match target.map(TargetBuilder::finish).transpose().map_err(external)? {
            Some(LearnedTarget { target, task, reason }) => (Some(target), task, reason),
            None => (None, Task::Clustering, String::new()),
        };
        let target = target_column.zip(target);
        Ok(Ingested { buffer, columns: columns.finish(), rows_without_target, target, task, reason })
    }
}

/// What is learned of the feature columns while they come.
enum ColumnObserver {
    Encoder(EncoderBuilder),
    Profiler(TableProfiler),
}

impl ColumnObserver {
    fn new(spec: &TrainingSpec, fields: &[&Field]) -> datafusion_ml_core::Result<Self> {
        Ok(match &spec.learner {
            Learner::One(one) => {
                Self::Encoder(EncoderBuilder::new(fields, one.algorithm.encoding(), &spec.preprocessors)?)
            }
            Learner::Search(_) => Self::Profiler(TableProfiler::new(fields)?),
        })
    }

    fn observe(&mut self, columns: &[ArrayRef]) -> datafusion_ml_core::Result<()> {
        match self {
            Self::Encoder(encoder) => encoder.observe(columns),
            Self::Profiler(profiler) => profiler.observe(columns),
        }
    }

    fn finish(self) -> Columns {
        match self {
            Self::Encoder(encoder) => Columns::Encoded(encoder.finish()),
            Self::Profiler(profiler) => Columns::Profiled(profiler.finish()),
        }
    }
}

/// The rows that have a target.
fn with_target(batch: RecordBatch, target_column: Option<usize>) -> datafusion_ml_core::Result<RecordBatch> {
    let Some(column) = target_column else { return Ok(batch) };
    let present = TargetBuilder::is_present(batch.column(column))?;
    if present.true_count() == batch.num_rows() { Ok(batch) } else { Ok(filter_record_batch(&batch, &present)?) }
}
