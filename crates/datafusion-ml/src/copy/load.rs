//! The stream of rows that COPY reads from its files.

use std::sync::Arc;

use datafusion::arrow::array::{BooleanArray, RecordBatch};
use datafusion::arrow::compute::filter_record_batch;
use datafusion::arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::common::parsers::CompressionTypeVariant;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::stream::RecordBatchReceiverStream;
use datafusion::physical_plan::streaming::PartitionStream;
use datafusion_ml_core::Error;
use datafusion_ml_redshift::json::{compact, text_of_json};
use futures::StreamExt;
use parking_lot::Mutex;
use serde::de::IgnoredAny;

use super::convert::{Fault, Target, TextColumn};
use super::json::Attributes;
use super::json_paths::JsonPath;
use super::log::LoadError;
use super::split::{Splitter, text_in};
use crate::catalog::RelationName;
use crate::error::external;
use crate::sql::{Compression, CopyOptions};
use crate::store::SourceFile;

/// As many wrong rows are told of.
const EXAMPLES: usize = 3;

/// As many are kept.
const KEPT: usize = 10_000;

/// The rows that were left out.
#[derive(Debug)]
pub(super) struct Rejections {
    table: String,
    allowed: u64,
    count: u64,
    examples: Vec<String>,
    errors: Vec<LoadError>,
}

impl Rejections {
    /// None yet, and so many are allowed.
    pub(super) fn new(table: &RelationName, allowed: u64) -> Self {
        Self { table: table.to_string(), allowed, count: 0, examples: Vec::new(), errors: Vec::new() }
    }

    /// Those that have been kept, which are kept no longer.
    pub(super) fn take(&mut self) -> Vec<LoadError> {
        std::mem::take(&mut self.errors)
    }

    /// How many there are.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// What was wrong with the first few.
    pub(super) fn examples(&self) -> &[String] {
        &self.examples
    }

    /// Leaves one more out; fails if that is one too many.
    fn add(&mut self, error: LoadError) -> Result<()> {
        self.count += 1;
        let column = error.column.as_ref().map_or(String::new(), |(name, _)| format!("column {name}: "));
        let fault = format!("COPY {}: {}, line {}: {column}{}", self.table, error.file, error.line, error.reason);
        if self.errors.len() < KEPT {
            self.errors.push(error);
        }
        if self.count > self.allowed {
            let remedy = match self.allowed {
                0 => "correct the file, or leave out up to n such rows with MAXERROR n".to_owned(),
                allowed => format!("that is one more than MAXERROR {allowed}; nothing was loaded"),
            };
            return Err(external(Error::data(format!("{fault}; {remedy}"))));
        }
        if self.examples.len() < EXAMPLES {
            self.examples.push(format!("left out: {fault}"));
        }
        Ok(())
    }
}

/// Everything that is loaded, one file after the other.
#[derive(Debug)]
pub(super) struct Loading {
    inner: Arc<Inner>,
    schema: SchemaRef,
}

#[derive(Debug)]
struct Inner {
    files: Vec<SourceFile>,
    targets: Vec<Target>,
    /// Where in a JSON object the columns are, if their names do not say it.
    paths: Vec<JsonPath>,
    options: CopyOptions,
    rejections: Arc<Mutex<Rejections>>,
}

impl Loading {
    /// The rows of `files`, whose columns are `targets`. In JSON they are at `paths`, or have their names if there are none.
    pub(super) fn new(
        files: Vec<SourceFile>,
        targets: Vec<Target>,
        paths: Vec<JsonPath>,
        options: CopyOptions,
        rejections: Arc<Mutex<Rejections>>,
    ) -> Self {
        // Whether NULL is allowed has been looked at when a row comes out.
        let fields = targets.iter().map(|target| target.field.clone().with_nullable(true));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<Field>>()));
        Self { inner: Arc::new(Inner { files, targets, paths, options, rejections }), schema }
    }

    /// The schema of the rows.
    pub(super) fn schema_of_rows(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}

impl PartitionStream for Loading {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let mut stream = RecordBatchReceiverStream::builder(Arc::clone(&self.schema), 2);
        let (sender, inner, schema) = (stream.tx(), Arc::clone(&self.inner), Arc::clone(&self.schema));
        let batch_rows = context.session_config().batch_size();
        stream.spawn(async move {
            let mut rows = Rows::new(&inner, schema, batch_rows);
            for file in &inner.files {
                let mut splitter = Splitter::new(&inner.options, inner.targets.len(), file.name());
                let mut bytes = file.read(inner.options.compression.map(variant)).await?;
                while let Some(piece) = bytes.next().await {
                    splitter.push(&piece?, &mut rows)?;
                    for batch in std::mem::take(&mut rows.ready) {
                        if sender.send(Ok(batch)).await.is_err() {
                            return Ok(());
                        }
                    }
                }
                splitter.finish(&mut rows)?;
                rows.flush(file.name())?;
            }
            for batch in std::mem::take(&mut rows.ready) {
                if sender.send(Ok(batch)).await.is_err() {
                    break;
                }
            }
            Ok(())
        });
        stream.build()
    }
}

fn variant(compression: Compression) -> CompressionTypeVariant {
    match compression {
        Compression::Gzip => CompressionTypeVariant::GZIP,
        Compression::Bzip2 => CompressionTypeVariant::BZIP2,
        Compression::Zstd => CompressionTypeVariant::ZSTD,
    }
}

/// The records of which no batch has been made yet, and the batches that have not been sent yet.
pub(super) struct Rows<'a> {
    inner: &'a Inner,
    schema: SchemaRef,
    batch_rows: usize,
    columns: Vec<TextColumn>,
    lines: Vec<u64>,
    ready: Vec<RecordBatch>,
}

impl<'a> Rows<'a> {
    fn new(inner: &'a Inner, schema: SchemaRef, batch_rows: usize) -> Self {
        let columns = inner.targets.iter().map(|target| TextColumn::new(target.clone(), &inner.options));
        Self { columns: columns.collect(), inner, schema, batch_rows, lines: Vec::new(), ready: Vec::new() }
    }

    /// Takes a record of values.
    pub(super) fn take(&mut self, file: &str, line: u64, values: &[&[u8]]) -> Result<()> {
        let (found, expected) = (values.len(), self.columns.len());
        // A delimiter may stand at the end of a line of text, too.
        let ends_empty = found == expected + 1 && values.last().is_some_and(|value| value.is_empty());
        if !(found == expected || ends_empty || found < expected && self.inner.options.fill_record) {
            let noun = if found == 1 { "value" } else { "values" };
            return self.reject(file, line, &format!("{found} {noun} where {expected} columns are loaded"));
        }
        let mut texts = Vec::with_capacity(expected);
        for value in values.iter().take(expected) {
            let Some(text) = text_in(value, self.inner.options.invalid_chars) else {
                return self.reject(file, line, "bytes that are not UTF-8 (ACCEPTINVCHARS replaces them)");
            };
            texts.push(Some(text));
        }
        texts.resize(expected, None);
        for (column, text) in self.columns.iter_mut().zip(texts) {
            column.push(text.as_deref(), &self.inner.options);
        }
        self.end_row(file, line)
    }

    /// Takes a record that is a JSON object.
    pub(super) fn take_object(&mut self, file: &str, line: u64, object: &[u8]) -> Result<()> {
        let Some(object) = text_in(object, self.inner.options.invalid_chars) else {
            return self.reject(file, line, "bytes that are not UTF-8 (ACCEPTINVCHARS replaces them)");
        };
        if let Err(e) = serde_json::from_str::<IgnoredAny>(&object) {
            return self.reject(file, line, &format!("no JSON object: {e}"));
        }
        let inner = self.inner;
        let attributes = Attributes::of(&object);
        for (position, column) in self.columns.iter_mut().enumerate() {
            let value = match inner.paths.get(position) {
                Some(path) => path.find(&object),
                None => attributes.get(inner.targets[position].field.name()),
            };
            let text = value.and_then(|value| match inner.targets[position].is_super() {
                true => Some(compact(value)).filter(|json| json != "null"),
                false => text_of_json(value),
            });
            column.push(text.as_deref(), &inner.options);
        }
        self.end_row(file, line)
    }

    fn end_row(&mut self, file: &str, line: u64) -> Result<()> {
        self.lines.push(line);
        if self.lines.len() < self.batch_rows { Ok(()) } else { self.flush(file) }
    }

    /// Leaves out a record that has no values to look at.
    pub(super) fn reject(&mut self, file: &str, line: u64, fact: &str) -> Result<()> {
        if self.inner.options.max_error == 0 {
            // This is the end; but what is wrong before it is told first.
            self.flush(file)?;
        }
        let (file, reason) = (file.to_owned(), fact.to_owned());
        self.inner.rejections.lock().add(LoadError { file, line, column: None, value: None, reason })
    }

    /// Makes a batch of the records, without those that are wrong.
    fn flush(&mut self, file: &str) -> Result<()> {
        let lines = std::mem::take(&mut self.lines);
        if lines.is_empty() {
            return Ok(());
        }
        let (mut arrays, mut faults): (Vec<_>, Vec<Fault>) = (Vec::new(), Vec::new());
        for column in &mut self.columns {
            let (array, found) = column.finish()?;
            arrays.push(array);
            faults.extend(found);
        }
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), arrays).map_err(DataFusionError::from)?;
        if faults.is_empty() {
            self.ready.push(batch);
            return Ok(());
        }
        faults.sort_by_key(|fault| fault.row);
        faults.dedup_by_key(|fault| fault.row);
        let mut is_right = vec![true; lines.len()];
        for Fault { row, column, value, reason } in faults {
            is_right[row] = false;
            let (file, line, column) = (file.to_owned(), lines[row], Some(column));
            self.inner.rejections.lock().add(LoadError { file, line, column, value, reason })?;
        }
        self.ready.push(filter_record_batch(&batch, &BooleanArray::from(is_right))?);
        Ok(())
    }
}
