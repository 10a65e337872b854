//! The training rows, kept as they came: in memory up to a bound, beyond it in spilled Arrow IPC files.

use std::fs::File;
use std::io::BufReader;
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::arrow::ipc::reader::StreamReader;
use datafusion::arrow::ipc::writer::StreamWriter;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::disk_manager::DiskManager;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SpillFile, TaskContext};

/// Rows in the order in which they came.
pub(super) struct TrainingBuffer {
    schema: SchemaRef,
    chunks: Vec<Chunk>,
    num_rows: usize,
    /// Bytes of the batches in memory, as reserved in the query's memory pool.
    reservation: MemoryReservation,
    limit: usize,
    disk: Arc<DiskManager>,
}

enum Chunk {
    Memory(RecordBatch),
    /// A file of several batches; it is deleted when the buffer is dropped.
    Spilled(Arc<dyn SpillFile>),
}

impl TrainingBuffer {
    /// An empty buffer for batches of `schema` that holds about `limit` bytes in memory.
    pub(super) fn new(schema: &Schema, limit: usize, context: &TaskContext) -> Self {
        let fields: Vec<Field> =
            schema.fields().iter().map(|field| field.as_ref().clone()).map(compact_field).collect();
        Self {
            schema: Arc::new(Schema::new(fields)),
            chunks: Vec::new(),
            num_rows: 0,
            reservation: MemoryConsumer::new("CREATE MODEL").with_can_spill(true).register(context.memory_pool()),
            limit,
            disk: Arc::clone(&context.runtime_env().disk_manager),
        }
    }

    /// The schema of the batches that are kept.
    pub(super) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The number of rows.
    pub(super) fn num_rows(&self) -> usize {
        self.num_rows
    }

    /// Appends a batch. Texts are kept as a dictionary of the batch.
    pub(super) fn push(&mut self, batch: &RecordBatch) -> Result<()> {
        let columns = batch
            .columns()
            .iter()
            .zip(self.schema.fields())
            .map(|(column, field)| {
                if column.data_type() == field.data_type() {
                    Ok(Arc::clone(column))
                } else {
                    cast(column, field.data_type())
                }
            })
            .collect::<Result<Vec<_>, _>>()?;
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), columns)?;
        self.num_rows += batch.num_rows();
        let bytes = batch.get_array_memory_size();
        let full = self.reservation.size() + bytes > self.limit || self.reservation.try_grow(bytes).is_err();
        self.chunks.push(Chunk::Memory(batch));
        if full { self.spill() } else { Ok(()) }
    }

    /// Moves what is in memory to a file.
    fn spill(&mut self) -> Result<()> {
        let file = self.disk.create_tmp_file("CREATE MODEL")?;
        let mut writer = StreamWriter::try_new(file.open_writer()?, &self.schema)?;
        let mut kept = Vec::with_capacity(self.chunks.len());
        for chunk in self.chunks.drain(..) {
            match chunk {
                Chunk::Memory(batch) => writer.write(&batch)?,
                spilled => kept.push(spilled),
            }
        }
        writer.into_inner()?.finish()?;
        kept.push(Chunk::Spilled(file));
        self.chunks = kept;
        self.reservation.free();
        Ok(())
    }

    /// The batches, in order. Each call is one pass.
    pub(super) fn batches(&self) -> impl Iterator<Item = Result<RecordBatch>> + Send + '_ {
        self.chunks.iter().flat_map(|chunk| -> Box<dyn Iterator<Item = Result<RecordBatch>> + Send> {
            match chunk {
                Chunk::Memory(batch) => Box::new(std::iter::once(Ok(batch.clone()))),
                Chunk::Spilled(file) => match open(file.as_ref()) {
                    Ok(reader) => Box::new(reader.map(|batch| batch.map_err(DataFusionError::from))),
                    Err(e) => Box::new(std::iter::once(Err(e))),
                },
            }
        })
    }
}

fn open(file: &dyn SpillFile) -> Result<StreamReader<BufReader<File>>> {
    let path = file.path().ok_or_else(|| {
        DataFusionError::Execution(
            "training rows can only be spilled to local files; raise ml.training_buffer_bytes".into(),
        )
    })?;
    Ok(StreamReader::try_new(BufReader::with_capacity(1 << 20, File::open(path)?), None)?)
}

/// Texts repeat, so a dictionary is smaller and is encoded once per distinct value.
fn compact_field(field: Field) -> Field {
    match field.data_type() {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
            let dictionary = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
            field.with_data_type(dictionary)
        }
        _ => field,
    }
}
