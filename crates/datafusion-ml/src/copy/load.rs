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
use futures::StreamExt;
use parking_lot::Mutex;
use serde_json::{Map, Value};

use super::convert::{Fault, Target, TextColumn};
use super::delimited::{DelimitedReader, Record};
use super::json::{self, JsonReader};
use crate::catalog::RelationName;
use crate::error::external;
use crate::sql::{Compression, CopyFormat, CopyOptions};
use crate::store::SourceFile;

/// As many wrong rows are told of.
const EXAMPLES: usize = 3;

/// The rows that were left out.
#[derive(Debug)]
pub(super) struct Rejections {
    allowed: u64,
    count: u64,
    examples: Vec<String>,
}

impl Rejections {
    /// None yet, and so many are allowed.
    pub(super) fn new(allowed: u64) -> Self {
        Self { allowed, count: 0, examples: Vec::new() }
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
    fn add(&mut self, fault: &str) -> Result<()> {
        self.count += 1;
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
    table: RelationName,
    files: Vec<SourceFile>,
    targets: Vec<Target>,
    options: CopyOptions,
    rejections: Arc<Mutex<Rejections>>,
}

impl Loading {
    /// The rows of `files`, whose columns are `targets`.
    pub(super) fn new(
        table: RelationName,
        files: Vec<SourceFile>,
        targets: Vec<Target>,
        options: CopyOptions,
        rejections: Arc<Mutex<Rejections>>,
    ) -> Self {
        // Whether NULL is allowed has been looked at when a row comes out.
        let fields = targets.iter().map(|target| target.field.clone().with_nullable(true));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<Field>>()));
        Self { inner: Arc::new(Inner { table, files, targets, options, rejections }), schema }
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
                let mut splitter = Splitter::new(&inner.options, file.name());
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

/// Splits one file into records.
struct Splitter<'a> {
    file: &'a str,
    reader: Reader,
    /// So many records at the start are headers.
    headers: u64,
}

enum Reader {
    Delimited(DelimitedReader),
    Json(JsonReader),
}

impl<'a> Splitter<'a> {
    fn new(options: &CopyOptions, file: &'a str) -> Self {
        let reader = match options.format {
            CopyFormat::Text { delimiter, quote, escape } => {
                Reader::Delimited(DelimitedReader::new(delimiter, quote, escape))
            }
            _ => Reader::Json(JsonReader::default()),
        };
        Self { file, reader, headers: options.ignore_header }
    }

    fn push(&mut self, bytes: &[u8], rows: &mut Rows<'_>) -> Result<()> {
        let (file, headers) = (self.file, &mut self.headers);
        match &mut self.reader {
            Reader::Delimited(reader) => reader.push(bytes, |record| rows.take_unless_header(file, &record, headers)),
            Reader::Json(reader) => reader.push(bytes, |line, object| rows.take_object(file, line, object)),
        }
    }

    fn finish(&mut self, rows: &mut Rows<'_>) -> Result<()> {
        let (file, headers) = (self.file, &mut self.headers);
        let unfinished = match &mut self.reader {
            Reader::Delimited(reader) => {
                let is_whole = reader.finish(|record| rows.take_unless_header(file, &record, headers))?;
                (!is_whole).then(|| (reader.record_line(), "a quote that is not closed"))
            }
            Reader::Json(reader) => reader.unfinished().map(|line| (line, "an object that is not closed")),
        };
        match unfinished {
            Some((line, fact)) => rows.reject(file, line, fact),
            None => Ok(()),
        }
    }
}

/// The records of which no batch has been made yet, and the batches that have not been sent yet.
struct Rows<'a> {
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

    fn take_unless_header(&mut self, file: &str, record: &Record<'_>, headers: &mut u64) -> Result<()> {
        match headers {
            0 => self.take(file, record),
            _ => {
                *headers -= 1;
                Ok(())
            }
        }
    }

    fn take(&mut self, file: &str, record: &Record<'_>) -> Result<()> {
        let (found, expected) = (record.len(), self.columns.len());
        // A delimiter may stand at the end of a line of text, too.
        let ends_empty = found == expected + 1 && record.values().last().is_some_and(<[u8]>::is_empty);
        if !(found == expected || ends_empty || found < expected && self.inner.options.fill_record) {
            let values = if found == 1 { "value" } else { "values" };
            return self.reject(file, record.line, &format!("{found} {values} where {expected} columns are loaded"));
        }
        let mut texts: Vec<Option<std::borrow::Cow<'_, str>>> = Vec::with_capacity(expected);
        for value in record.values().take(expected) {
            texts.push(match (std::str::from_utf8(value), self.inner.options.invalid_chars) {
                (Ok(text), _) => Some(text.into()),
                (Err(_), Some(char)) => {
                    Some(String::from_utf8_lossy(value).replace('\u{fffd}', char.encode_utf8(&mut [0; 4])).into())
                }
                (Err(_), None) => {
                    return self.reject(file, record.line, "bytes that are not UTF-8 (ACCEPTINVCHARS replaces them)");
                }
            });
        }
        texts.resize(expected, None);
        for (column, text) in self.columns.iter_mut().zip(texts) {
            column.push(text.as_deref(), &self.inner.options);
        }
        self.end_row(file, record.line)
    }

    fn take_object(&mut self, file: &str, line: u64, object: &[u8]) -> Result<()> {
        let object: Map<String, Value> = match serde_json::from_slice(object) {
            Ok(object) => object,
            Err(e) => return self.reject(file, line, &format!("no JSON object: {e}")),
        };
        for (column, target) in self.columns.iter_mut().zip(&self.inner.targets) {
            column.push(json::text_of(&object, target.field.name()).as_deref(), &self.inner.options);
        }
        self.end_row(file, line)
    }

    fn end_row(&mut self, file: &str, line: u64) -> Result<()> {
        self.lines.push(line);
        if self.lines.len() < self.batch_rows { Ok(()) } else { self.flush(file) }
    }

    /// Leaves out a record that has no values to look at.
    fn reject(&mut self, file: &str, line: u64, fact: &str) -> Result<()> {
        if self.inner.options.max_error == 0 {
            // This is the end; but what is wrong before it is told first.
            self.flush(file)?;
        }
        self.count_out(file, line, fact)
    }

    fn count_out(&self, file: &str, line: u64, fact: &str) -> Result<()> {
        let fault = format!("COPY {}: {file}, line {line}: {fact}", self.inner.table);
        self.inner.rejections.lock().add(&fault)
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
        for Fault { row, column, reason } in faults {
            is_right[row] = false;
            self.count_out(file, lines[row], &format!("column {column}: {reason}"))?;
        }
        self.ready.push(filter_record_batch(&batch, &BooleanArray::from(is_right))?);
        Ok(())
    }
}
