//! OBJECT, ARRAY and SPLIT_TO_ARRAY.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, ListArray, StringBuilder};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::compute::interleave;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::exec_err;
use datafusion::error::Result;
use datafusion::logical_expr::ReturnFieldArgs;

use super::super::function::{Arguments, Function, Returns, Texts};
use super::super::json::push_string;
use super::super::marker::{is_super, super_field};

pub(super) fn all() -> Vec<Function> {
    vec![
        Function { name: "object", arguments: 0..=usize::MAX, returns: Returns::Super, invoke: object },
        Function { name: "array", arguments: 0..=usize::MAX, returns: Returns::Computed(array_field), invoke: array },
        Function { name: "split_to_array", arguments: 1..=2, returns: Returns::Super, invoke: split_to_array },
    ]
}

/// An object of names and values by turns; a NULL value is null. Fails of a name that is NULL, or lacks its value.
fn object(args: &Arguments) -> Result<ArrayRef> {
    if args.values.len() % 2 == 1 {
        return exec_err!("OBJECT takes names and values by turns; the last name has no value");
    }
    let pairs: Vec<(Texts, Texts)> = (0..args.values.len())
        .step_by(2)
        .map(|index| Ok((args.strings(index)?, args.texts(index + 1)?)))
        .collect::<Result<_>>()?;
    let mut out = StringBuilder::new();
    let mut text = String::new();
    for row in 0..args.rows {
        text.clear();
        text.push('{');
        for (index, (name, value)) in pairs.iter().enumerate() {
            let Some(name) = name.get(row) else { return exec_err!("a name of OBJECT is NULL") };
            text.push_str(if index > 0 { "," } else { "" });
            push_string(name, &mut text);
            text.push(':');
            text.push_str(value.get(row).unwrap_or("null"));
        }
        text.push('}');
        out.append_value(&text);
    }
    Ok(Arc::new(out.finish()))
}

/// A list of the arguments' type if they have one, and else SUPER.
fn array_field(args: &ReturnFieldArgs<'_>) -> Result<FieldRef> {
    let Some((first, rest)) = args.arg_fields.split_first() else { return Ok(super_field("array")) };
    let same = rest.iter().all(|field| field.data_type() == first.data_type());
    let known = same && !first.data_type().is_null() && !args.arg_fields.iter().any(|field| is_super(field));
    Ok(match known {
        true => {
            let item = Arc::new(Field::new("item", first.data_type().clone(), true));
            Arc::new(Field::new("array", DataType::List(item), true))
        }
        false => super_field("array"),
    })
}

/// An array of the arguments; a NULL argument is null.
fn array(args: &Arguments) -> Result<ArrayRef> {
    if let DataType::List(item) = args.returns.data_type() {
        let columns: Vec<ArrayRef> = (0..args.values.len()).map(|index| args.array(index)).collect::<Result<_>>()?;
        let places: Vec<(usize, usize)> =
            (0..args.rows).flat_map(|row| (0..columns.len()).map(move |column| (column, row))).collect();
        let columns: Vec<&dyn Array> = columns.iter().map(AsRef::as_ref).collect();
        let values = interleave(&columns, &places)?;
        let offsets = OffsetBuffer::from_repeated_length(columns.len(), args.rows);
        return Ok(Arc::new(ListArray::try_new(Arc::clone(item), offsets, values, None)?));
    }
    let values: Vec<Texts> = (0..args.values.len()).map(|index| args.texts(index)).collect::<Result<_>>()?;
    let mut out = StringBuilder::new();
    for row in 0..args.rows {
        let elements: Vec<&str> = values.iter().map(|value| value.get(row).unwrap_or("null")).collect();
        out.append_value(format!("[{}]", elements.join(",")));
    }
    Ok(Arc::new(out.finish()))
}

/// The text between the delimiters, by default commas, as an array of strings; NULL of NULL.
fn split_to_array(args: &Arguments) -> Result<ArrayRef> {
    let strings = args.strings(0)?;
    let delimiters = (args.values.len() > 1).then(|| args.strings(1)).transpose()?;
    let mut out = StringBuilder::new();
    for row in 0..args.rows {
        let delimiter = match &delimiters {
            None => Some(","),
            Some(delimiters) => delimiters.get(row),
        };
        match strings.get(row).zip(delimiter) {
            None => out.append_null(),
            Some((text, delimiter)) => {
                let mut array = String::from("[");
                // An empty delimiter splits nothing.
                let parts: Vec<&str> = match delimiter {
                    "" => vec![text],
                    delimiter => text.split(delimiter).collect(),
                };
                for (index, part) in parts.into_iter().enumerate() {
                    array.push_str(if index > 0 { "," } else { "" });
                    push_string(part, &mut array);
                }
                array.push(']');
                out.append_value(&array);
            }
        }
    }
    Ok(Arc::new(out.finish()))
}
