//! Arrow's values as JSON text.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, StringArray, StringBuilder};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, Float64Type};
use datafusion::error::Result;

use crate::semistructured::marker::is_super;

/// Appends the text in quotes.
pub(crate) fn push_string(text: &str, out: &mut String) {
    // Writing a string cannot fail.
    out.push_str(&serde_json::to_string(text).unwrap_or_default());
}

/// The values as JSON text: SUPER as it is, structs and maps as objects, lists as arrays, dates and times as strings.
/// NULL of NULL; inside a value `null`, as are numbers that JSON does not have.
pub(crate) fn texts(array: &ArrayRef, field: &Field) -> Result<StringArray> {
    if is_super(field) || matches!(array.data_type(), DataType::Null) {
        return Ok(cast(array, &DataType::Utf8)?.as_string().clone());
    }
    let write = writer(array, field)?;
    let mut out = StringBuilder::new();
    let mut text = String::new();
    for row in 0..array.len() {
        if array.is_null(row) {
            out.append_null();
        } else {
            text.clear();
            write(row, &mut text);
            out.append_value(&text);
        }
    }
    Ok(out.finish())
}

type Writer = Box<dyn Fn(usize, &mut String)>;

/// Writes the value of a row.
fn writer(array: &ArrayRef, field: &Field) -> Result<Writer> {
    let nulls = array.logical_nulls();
    let write = valid_writer(array, field)?;
    Ok(match nulls {
        None => write,
        Some(nulls) => Box::new(move |row, out| match nulls.is_null(row) {
            true => out.push_str("null"),
            false => write(row, out),
        }),
    })
}

/// Writes the value of a row that is not NULL.
fn valid_writer(array: &ArrayRef, field: &Field) -> Result<Writer> {
    use DataType::{
        Boolean, Decimal32, Decimal64, Decimal128, Decimal256, Dictionary, FixedSizeList, Float16, Float32, Float64,
        LargeList, LargeListView, LargeUtf8, List, ListView, Map, Null, Struct, Utf8, Utf8View,
    };
    Ok(match array.data_type() {
        Null => Box::new(|_, out| out.push_str("null")),
        Dictionary(_, values) => {
            let field = Field::new("", values.as_ref().clone(), true).with_metadata(field.metadata().clone());
            writer(&cast(array, values)?, &field)?
        }
        Utf8 | LargeUtf8 | Utf8View => {
            let strings = cast(array, &Utf8)?.as_string::<i32>().clone();
            match is_super(field) {
                true => Box::new(move |row, out| out.push_str(strings.value(row))),
                false => Box::new(move |row, out| push_string(strings.value(row), out)),
            }
        }
        Float16 | Float32 | Float64 => {
            let finite = cast(array, &Float64)?.as_primitive::<Float64Type>().clone();
            let strings = cast(array, &Utf8)?.as_string::<i32>().clone();
            Box::new(move |row, out| match finite.value(row).is_finite() {
                true => out.push_str(strings.value(row)),
                false => out.push_str("null"),
            })
        }
        Boolean | Decimal32(..) | Decimal64(..) | Decimal128(..) | Decimal256(..) => plain_writer(array)?,
        data_type if data_type.is_integer() => plain_writer(array)?,
        Struct(fields) => {
            let array = array.as_struct();
            let columns = fields.iter().zip(array.columns());
            let columns: Vec<_> = columns
                .map(|(field, column)| {
                    let mut name = String::new();
                    push_string(field.name(), &mut name);
                    Ok((name, writer(column, field)?))
                })
                .collect::<Result<_>>()?;
            Box::new(move |row, out| {
                out.push('{');
                for (index, (name, write)) in columns.iter().enumerate() {
                    out.push_str(if index > 0 { "," } else { "" });
                    out.push_str(name);
                    out.push(':');
                    write(row, out);
                }
                out.push('}');
            })
        }
        Map(entries, _) => {
            let array = array.as_map().clone();
            let Struct(fields) = entries.data_type() else {
                return plain_writer(&(Arc::new(array) as ArrayRef));
            };
            let names = cast(array.keys(), &Utf8)?.as_string::<i32>().clone();
            let write = writer(array.values(), &fields[1])?;
            Box::new(move |row, out| {
                let start = array.value_offsets()[row] as usize;
                out.push('{');
                for entry in start..array.value_offsets()[row + 1] as usize {
                    out.push_str(if entry > start { "," } else { "" });
                    push_string(names.value(entry), out);
                    out.push(':');
                    write(entry, out);
                }
                out.push('}');
            })
        }
        List(item) | LargeList(item) | FixedSizeList(item, _) | ListView(item) | LargeListView(item) => {
            let lists = cast(array, &LargeList(Arc::clone(item)))?.as_list::<i64>().clone();
            let write = writer(lists.values(), item)?;
            Box::new(move |row, out| {
                let start = lists.value_offsets()[row] as usize;
                out.push('[');
                for element in start..lists.value_offsets()[row + 1] as usize {
                    out.push_str(if element > start { "," } else { "" });
                    write(element, out);
                }
                out.push(']');
            })
        }
        _ => {
            let strings = cast(array, &Utf8)?.as_string::<i32>().clone();
            Box::new(move |row, out| match strings.is_null(row) {
                true => out.push_str("null"),
                false => push_string(strings.value(row), out),
            })
        }
    })
}

/// Writes values as Arrow prints them.
fn plain_writer(array: &ArrayRef) -> Result<Writer> {
    let strings = cast(array, &DataType::Utf8)?.as_string::<i32>().clone();
    Ok(Box::new(move |row, out| out.push_str(strings.value(row))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::common::ScalarValue;
    use datafusion::common::scalar::ScalarStructBuilder;

    fn check(value: &ScalarValue, expected: Option<&str>) {
        let field = Field::new("x", value.data_type(), true);
        let texts = texts(&value.to_array().unwrap(), &field).unwrap();
        assert_eq!(texts.iter().next().flatten(), expected);
    }

    #[test]
    fn every_value_has_a_text() {
        check(&ScalarValue::from("a\"é\n"), Some("\"a\\\"é\\n\""));
        check(&ScalarValue::from(0.1f32), Some("0.1"));
        check(&ScalarValue::from(f64::NAN), Some("null"));
        check(&ScalarValue::Decimal128(Some(150), 5, 2), Some("1.50"));
        check(&ScalarValue::Date32(Some(0)), Some("\"1970-01-01\""));
        check(&ScalarValue::Null, None);
        check(&ScalarValue::Utf8(None), None);
        let list = ScalarValue::List(ScalarValue::new_list_nullable(
            &[ScalarValue::from(1i64), ScalarValue::Int64(None)],
            &DataType::Int64,
        ));
        let object = ScalarStructBuilder::new()
            .with_name_and_scalar("l \"", list)
            .with_name_and_scalar("b", ScalarValue::from(true))
            .build()
            .unwrap();
        check(&object, Some("{\"l \\\"\":[1,null],\"b\":true}"));
    }
}
