//! What the functions do with their arguments.

use chrono::{DateTime, Utc};
use datafusion::arrow::array::{Array, ArrayRef, AsArray, PrimitiveArray, StringArray};
use datafusion::arrow::datatypes::{DataType, Int64Type, TimeUnit, TimestampMicrosecondType};
use datafusion::common::{exec_err, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::ColumnarValue;
use datafusion::scalar::ScalarValue;

use crate::literals::type_name;

/// A moment from microseconds since 1970, which reach further than chrono's years do.
pub(super) fn moment(microseconds: i64) -> Result<DateTime<Utc>> {
    match DateTime::from_timestamp_micros(microseconds) {
        Some(moment) => Ok(moment),
        None => exec_err!("there is no year so far from now"),
    }
}

/// The type to which a function of timestamps casts an argument; text is read as a timestamp. Time zones stay.
pub(super) fn as_timestamp(function: &str, argument: &DataType) -> Result<DataType> {
    match argument {
        DataType::Timestamp(_, zone) => Ok(DataType::Timestamp(TimeUnit::Microsecond, zone.clone())),
        DataType::Date32 | DataType::Date64 | DataType::Null => Ok(DataType::Timestamp(TimeUnit::Microsecond, None)),
        text if is_text(text) => Ok(DataType::Timestamp(TimeUnit::Microsecond, None)),
        other => plan_err!("{function} needs a date or a timestamp, and not {}", type_name(other)),
    }
}

pub(super) fn is_text(data_type: &DataType) -> bool {
    match data_type {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => true,
        DataType::Dictionary(_, values) => is_text(values),
        _ => false,
    }
}

/// An argument that is a text, or a column of texts.
pub(super) enum Texts {
    Constant(Option<String>),
    Column(StringArray),
}

impl Texts {
    /// `argument` has been cast to Utf8.
    pub(super) fn of(argument: &ColumnarValue) -> Result<Self> {
        match argument {
            ColumnarValue::Scalar(value) => match value.try_as_str() {
                Some(text) => Ok(Self::Constant(text.map(ToOwned::to_owned))),
                None => exec_err!("expected a text, and not {value}"),
            },
            ColumnarValue::Array(array) => match array.as_string_opt::<i32>() {
                Some(texts) => Ok(Self::Column(texts.clone())),
                None => exec_err!("expected text, and not {}", type_name(array.data_type())),
            },
        }
    }

    /// The text of a row.
    pub(super) fn at(&self, row: usize) -> Option<&str> {
        match self {
            Self::Constant(text) => text.as_deref(),
            Self::Column(texts) => texts.is_valid(row).then(|| texts.value(row)),
        }
    }

    /// The text of a row, read by `read`. A constant is read once for all rows, hence the cache.
    pub(super) fn read<'a, T>(
        &self,
        row: usize,
        cache: &'a mut Option<(String, T)>,
        read: impl FnOnce(&str) -> Result<T>,
    ) -> Result<Option<&'a T>> {
        let Some(text) = self.at(row) else { return Ok(None) };
        if cache.as_ref().is_none_or(|(of, _)| of != text) {
            *cache = Some((text.to_owned(), read(text)?));
        }
        Ok(cache.as_ref().map(|(_, value)| value))
    }
}

/// A column of microseconds, whatever its time zone.
pub(super) fn timestamps(argument: &ColumnarValue, rows: usize) -> Result<PrimitiveArray<TimestampMicrosecondType>> {
    let array = argument.to_array(rows)?;
    match array.as_primitive_opt::<TimestampMicrosecondType>() {
        Some(timestamps) => Ok(timestamps.clone()),
        None => exec_err!("expected timestamps, and not {}", type_name(array.data_type())),
    }
}

pub(super) fn integers(argument: &ColumnarValue, rows: usize) -> Result<PrimitiveArray<Int64Type>> {
    let array = argument.to_array(rows)?;
    match array.as_primitive_opt::<Int64Type>() {
        Some(integers) => Ok(integers.clone()),
        None => exec_err!("expected integers, and not {}", type_name(array.data_type())),
    }
}

/// The number of rows to compute: one if all arguments are constants.
pub(super) fn rows(arguments: &[ColumnarValue], rows: usize) -> usize {
    if arguments.iter().all(|argument| matches!(argument, ColumnarValue::Scalar(_))) { 1 } else { rows }
}

/// A result as the arguments came: a constant if all of them are.
pub(super) fn answer(arguments: &[ColumnarValue], array: ArrayRef) -> Result<ColumnarValue> {
    match arguments.iter().all(|argument| matches!(argument, ColumnarValue::Scalar(_))) {
        true => Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&array, 0)?)),
        false => Ok(ColumnarValue::Array(array)),
    }
}
