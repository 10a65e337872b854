//! OBJECT, ARRAY and SPLIT_TO_ARRAY.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, StringBuilder};
use datafusion::common::exec_err;
use datafusion::error::Result;

use super::super::function::{Arguments, Function, Returns, Texts};
use super::super::json::push_string;

pub(super) fn all() -> Vec<Function> {
    vec![
        Function { name: "object", arguments: 0..=usize::MAX, returns: Returns::Super, invoke: object },
        Function { name: "array", arguments: 0..=usize::MAX, returns: Returns::Super, invoke: array },
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

/// An array of the arguments; a NULL argument is null.
fn array(args: &Arguments) -> Result<ArrayRef> {
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
