//! What the session's COPY statements have loaded and left out: `stl_load_errors`, `pg_last_copy_count()` and
//! `pg_last_copy_id()`.

use std::collections::VecDeque;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::error::Result;
use datafusion::execution::context::SessionState;
use datafusion::logical_expr::registry::FunctionRegistry;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};
use parking_lot::Mutex;

use crate::store::now;

/// So many rows that were left out are remembered; of more, the last.
const MAX_ERRORS: usize = 10_000;

/// What a session remembers of its COPY statements.
#[derive(Debug, Default)]
pub(crate) struct LoadLog {
    /// How many there have been.
    statements: i64,
    /// The number of the last that succeeded, and how many rows it has loaded.
    last: Option<(i64, u64)>,
    errors: VecDeque<(i64, i64, String, LoadError)>,
}

/// A row that could not be loaded.
#[derive(Debug, Clone)]
pub(super) struct LoadError {
    pub(super) file: String,
    pub(super) line: u64,
    /// The column and its type, if it was a value that was wrong.
    pub(super) column: Option<(String, String)>,
    /// The value as it stood in the file.
    pub(super) value: Option<String>,
    pub(super) reason: String,
}

impl LoadLog {
    /// Notes a statement that has ended: how many rows it has loaded if it succeeded, and which it could not.
    pub(super) fn note(&mut self, table: &str, loaded: Option<u64>, errors: Vec<LoadError>) {
        self.statements += 1;
        if let Some(loaded) = loaded {
            self.last = Some((self.statements, loaded));
        }
        let time = now().timestamp_micros();
        self.errors.extend(errors.into_iter().map(|error| (self.statements, time, table.to_owned(), error)));
        let too_many = self.errors.len().saturating_sub(MAX_ERRORS);
        self.errors.drain(..too_many);
    }

    /// The rows of `stl_load_errors`.
    pub(crate) fn errors(&self) -> Result<RecordBatch> {
        fn texts<'a>(values: impl Iterator<Item = Option<&'a str>>) -> ArrayRef {
            Arc::new(values.collect::<StringArray>())
        }
        let errors = || self.errors.iter().map(|(.., error)| error);
        let columns: [(&str, ArrayRef); 9] = [
            ("query", Arc::new(self.errors.iter().map(|(query, ..)| Some(*query)).collect::<Int64Array>())),
            (
                "starttime",
                Arc::new(self.errors.iter().map(|(_, time, ..)| Some(*time)).collect::<TimestampMicrosecondArray>()),
            ),
            ("tbl", texts(self.errors.iter().map(|(_, _, table, _)| Some(table.as_str())))),
            ("filename", texts(errors().map(|error| Some(error.file.as_str())))),
            ("line_number", Arc::new(errors().map(|error| Some(error.line as i64)).collect::<Int64Array>())),
            ("colname", texts(errors().map(|error| error.column.as_ref().map(|(name, _)| name.as_str())))),
            ("type", texts(errors().map(|error| error.column.as_ref().map(|(_, data_type)| data_type.as_str())))),
            ("raw_field_value", texts(errors().map(|error| error.value.as_deref()))),
            ("err_reason", texts(errors().map(|error| Some(error.reason.as_str())))),
        ];
        Ok(RecordBatch::try_from_iter_with_nullable(columns.map(|(name, column)| (name, column, true)))?)
    }
}

/// What a function tells of the loads.
type Answer = fn(&LoadLog) -> i64;

/// Puts `pg_last_copy_count()`, 0 before the first, and `pg_last_copy_id()`, -1 before the first, into the context.
pub(crate) fn register_last_copy(state: &mut SessionState, log: &Arc<Mutex<LoadLog>>) -> Result<()> {
    let functions: [(&'static str, Answer); 2] = [
        ("pg_last_copy_count", |log| log.last.map_or(0, |(_, rows)| rows as i64)),
        ("pg_last_copy_id", |log| log.last.map_or(-1, |(query, _)| query)),
    ];
    for (name, answer) in functions {
        let signature = Signature::nullary(Volatility::Stable);
        state.register_udf(Arc::new(ScalarUDF::from(LastCopy { name, answer, log: Arc::clone(log), signature })))?;
    }
    Ok(())
}

#[derive(Debug)]
struct LastCopy {
    name: &'static str,
    answer: Answer,
    log: Arc<Mutex<LoadLog>>,
    signature: Signature,
}

impl ScalarUDFImpl for LastCopy {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Int64)
    }

    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> Result<ColumnarValue> {
        Ok(ColumnarValue::Scalar(ScalarValue::from((self.answer)(&self.log.lock()))))
    }
}

impl PartialEq for LastCopy {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && Arc::ptr_eq(&self.log, &other.log)
    }
}

impl Eq for LastCopy {}

impl Hash for LastCopy {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}
