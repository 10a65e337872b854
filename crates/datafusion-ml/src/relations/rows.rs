//! What the columns of a table ask of the rows that come in: numbers where it numbers rows, no NULL where it takes none,
//! texts no longer than it allows.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Int64Array, RecordBatch, StringArray};
use datafusion::arrow::compute::{CastOptions, cast, cast_with_options};
use datafusion::arrow::datatypes::{DataType, Float64Type, SchemaRef};
use datafusion::arrow::error::ArrowError;
use datafusion::error::{DataFusionError, Result};
use datafusion_ml_core::Error;
use datafusion_ml_redshift::is_super;

use crate::catalog::{ColumnEntry, Identity, RelationName};
use crate::error::{external, invalid};

/// Makes rows that come in into rows of the table.
#[derive(Debug)]
pub(super) struct RowGate {
    table: RelationName,
    schema: SchemaRef,
    columns: Vec<ColumnEntry>,
}

impl RowGate {
    /// The gate of a table.
    pub(super) fn new(table: RelationName, schema: SchemaRef, columns: Vec<ColumnEntry>) -> Self {
        Self { table, schema, columns }
    }

    /// The columns, their numbers counted on by the rows that have come in.
    pub(super) fn into_columns(self) -> Vec<ColumnEntry> {
        self.columns
    }

    /// The rows as the table has them.
    pub(super) fn admit(&mut self, batch: &RecordBatch) -> Result<RecordBatch> {
        let mut arrays = batch.columns().to_vec();
        for (position, column) in self.columns.iter_mut().enumerate() {
            let (array, field) = (&mut arrays[position], self.schema.field(position));
            if array.data_type() != field.data_type() {
                *array = assigned(&self.table, &column.name, array, field.data_type())?;
            }
            if is_super(field) {
                check_json(&self.table, &column.name, array)?;
            }
            if let Some(identity) = &mut column.identity {
                *array = number(&self.table, &column.name, identity, array)?;
            }
            if !field.is_nullable() && array.logical_null_count() > 0 {
                return Err(takes_no_null(&self.table, &column.name));
            }
            if let Some(max_bytes) = column.max_bytes {
                *array = without_blanks(array, is_filled_up(column), max_bytes)?;
                check_length(&self.table, column, max_bytes, array)?;
            }
        }
        Ok(RecordBatch::try_new(Arc::clone(&self.schema), arrays)?)
    }
}

/// The values in the type of a column; fails if one has no place in it. Numbers with decimals are rounded to whole ones, ties
/// away from zero, as Redshift's assignments do.
pub(super) fn assigned(
    table: &RelationName,
    column: &str,
    values: &ArrayRef,
    data_type: &DataType,
) -> Result<ArrayRef> {
    fitted(values, data_type).map_err(|e| unfit(table, column, &e.to_string()))
}

fn fitted(values: &ArrayRef, data_type: &DataType) -> Result<ArrayRef, ArrowError> {
    let options = CastOptions { safe: false, ..Default::default() };
    let whole = match values.data_type() {
        DataType::Float32 | DataType::Float64 if data_type.is_integer() => {
            let numbers = cast(values, &DataType::Float64)?;
            let rounded = numbers.as_primitive::<Float64Type>().unary::<_, Float64Type>(f64::round);
            Arc::new(rounded) as ArrayRef
        }
        DataType::Decimal128(precision, scale) if data_type.is_integer() && *scale > 0 => {
            cast_with_options(values, &DataType::Decimal128(*precision, 0), &options)?
        }
        _ => Arc::clone(values),
    };
    cast_with_options(&whole, data_type, &options)
}

/// The error of a NULL where there must be none.
pub(crate) fn takes_no_null(table: &RelationName, column: &str) -> DataFusionError {
    data(format!(
        "column {column} of table {table} takes no NULL (NOT NULL), and a row has none there; give it a value"
    ))
}

fn unfit(table: &RelationName, column: &str, fact: &str) -> DataFusionError {
    data(format!("a value does not fit column {column} of table {table}: {fact}; nothing was written"))
}

/// SUPER is kept as JSON: a text that is none would be lost to whoever reads it.
fn check_json(table: &RelationName, column: &str, texts: &ArrayRef) -> Result<()> {
    let texts = cast(texts, &DataType::Utf8)?;
    for text in texts.as_string::<i32>().iter().flatten() {
        if serde_json::from_str::<serde::de::IgnoredAny>(text).is_err() {
            let shown: String = text.chars().take(40).collect();
            return Err(data(format!(
                "'{shown}' is no JSON, and column {column} of table {table} is SUPER; write JSON_PARSE('...') for JSON, or \
                 value::super for a text"
            )));
        }
    }
    Ok(())
}

/// The numbers of rows that bring none.
fn number(table: &RelationName, column: &str, identity: &mut Identity, given: &ArrayRef) -> Result<ArrayRef> {
    if given.logical_null_count() < given.len() && !identity.by_default {
        return Err(invalid(format!(
            "column {column} of table {table} is numbered (IDENTITY) and takes no values; leave it out: INSERT INTO \
             {table} (the other columns) ..."
        )));
    }
    let data_type = given.data_type().clone();
    let nulls = given.logical_nulls();
    let brought = cast(given, &DataType::Int64)?;
    let brought = brought.as_primitive::<datafusion::arrow::datatypes::Int64Type>();
    let mut numbers = Vec::with_capacity(given.len());
    for row in 0..given.len() {
        if nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row)) {
            numbers.push(brought.value(row));
            continue;
        }
        numbers.push(identity.next);
        let next = identity.next.checked_add(identity.step);
        identity.next = next.ok_or_else(|| data(format!("column {column} of table {table} has no numbers left")))?;
    }
    cast(&Int64Array::from(numbers), &data_type).map_err(Into::into)
}

/// Whether Redshift fills values of the column up with blanks, which mean nothing then.
fn is_filled_up(column: &ColumnEntry) -> bool {
    let name = column.data_type.split('(').next().unwrap_or_default().trim().to_ascii_uppercase();
    ["CHAR", "CHARACTER", "NCHAR", "BPCHAR"].contains(&name.as_str())
}

/// The texts without the blanks at their end, if `all` are to go, or else without those that are too many.
///
/// Source: [significance of trailing blanks](https://docs.aws.amazon.com/redshift/latest/dg/r_Character_types.html).
fn without_blanks(array: &ArrayRef, all: bool, max_bytes: u64) -> Result<ArrayRef> {
    let max_bytes = usize::try_from(max_bytes).unwrap_or(usize::MAX);
    let fit = |text: &str| -> usize {
        let trimmed = text.trim_end_matches(' ').len();
        match all {
            true => trimmed,
            false if trimmed <= max_bytes => text.len().min(max_bytes),
            false => text.len(),
        }
    };
    if !texts(array).flatten().any(|text| fit(text) < text.len()) {
        return Ok(Arc::clone(array));
    }
    let fitted: StringArray = texts(array).map(|text| text.map(|text| &text[..fit(text)])).collect();
    Ok(cast(&fitted, array.data_type())?)
}

fn check_length(table: &RelationName, column: &ColumnEntry, max_bytes: u64, array: &ArrayRef) -> Result<()> {
    match texts(array).flatten().find(|text| text.len() as u64 > max_bytes) {
        None => Ok(()),
        Some(text) => Err(data(format!(
            "'{}' has {} bytes, too many for column {} of table {table}, a {}; shorten it, or make the column wider",
            text.chars().take(40).collect::<String>(),
            text.len(),
            column.name,
            column.data_type
        ))),
    }
}

/// The texts of a column; none if it has no texts.
fn texts(array: &ArrayRef) -> Box<dyn Iterator<Item = Option<&str>> + '_> {
    match array.data_type() {
        DataType::Utf8 => Box::new(array.as_string::<i32>().iter()),
        DataType::LargeUtf8 => Box::new(array.as_string::<i64>().iter()),
        DataType::Utf8View => Box::new(array.as_string_view().iter()),
        _ => Box::new(std::iter::empty()),
    }
}

fn data(message: String) -> DataFusionError {
    external(Error::data(message))
}
