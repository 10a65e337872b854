//! What a column holds, in words for people who know no type of Arrow's.

use arrow::datatypes::DataType;

/// Such as `text`, `dates`, or `numbers`.
pub(crate) fn values_of(data_type: &DataType) -> &'static str {
    match data_type {
        DataType::Null => "nothing but NULL",
        DataType::Boolean => "booleans",
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "text",
        DataType::Date32 | DataType::Date64 => "dates",
        DataType::Timestamp(..) => "timestamps",
        DataType::Time32(_) | DataType::Time64(_) => "times",
        DataType::Interval(_) | DataType::Duration(_) => "intervals",
        DataType::Dictionary(_, values) => values_of(values),
        DataType::Decimal32(..) | DataType::Decimal64(..) => "numbers",
        numeric if numeric.is_numeric() => "numbers",
        nested if nested.is_nested() => "nested values",
        _ => "bytes",
    }
}
