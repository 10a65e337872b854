//! Redshift's older functions of JSON that is kept as text. They answer NULL of NULL, and fail of text that is not JSON unless
//! their last argument is TRUE.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Int64Array, StringArray};
use datafusion::arrow::datatypes::DataType;
use datafusion::error::Result;

use super::super::function::{Arguments, Function, Returns, Texts};
use super::super::json::{Json, attribute, element, elements};
use super::json_text::{check_json, invalid_json};

pub(super) fn all() -> Vec<Function> {
    let text = || Returns::Type(DataType::Utf8);
    vec![
        Function { name: "json_extract_path_text", arguments: 2..=7, returns: text(), invoke: path_text },
        Function { name: "json_extract_array_element_text", arguments: 2..=3, returns: text(), invoke: element_text },
        Function {
            name: "json_array_length",
            arguments: 1..=2,
            returns: Returns::Type(DataType::Int64),
            invoke: array_length,
        },
    ]
}

/// The first argument's text of a row; NULL if it is no JSON and that is allowed.
fn checked<'a>(texts: &'a Texts, row: usize, allowed: &[bool]) -> Result<Option<&'a str>> {
    let Some(text) = texts.get(row) else { return Ok(None) };
    match check_json(text) {
        Ok(()) => Ok(Some(text)),
        Err(_) if allowed.get(row).copied().unwrap_or(false) => Ok(None),
        Err(error) => Err(invalid_json(text, &error)),
    }
}

/// Per row whether the argument is TRUE; nothing if there is no such argument, or it is no boolean.
fn null_if_invalid(args: &Arguments, index: usize) -> Result<Vec<bool>> {
    match args.fields.get(index).map(|field| field.data_type()) {
        Some(DataType::Boolean) => {
            Ok(args.array(index)?.as_boolean().iter().map(|value| value.unwrap_or(false)).collect())
        }
        _ => Ok(vec![]),
    }
}

/// A string's content, and the JSON text of anything else.
fn shown(text: &str) -> Option<String> {
    match Json::read(text)? {
        Json::Null => None,
        Json::String(text) => Some(text.into_owned()),
        _ => Some(text.to_owned()),
    }
}

/// JSON_EXTRACT_PATH_TEXT: what is at the end of the names; NULL if there is nothing.
fn path_text(args: &Arguments) -> Result<ArrayRef> {
    let last = args.values.len() - 1;
    let allowed = null_if_invalid(args, last)?;
    let names = 1..if allowed.is_empty() { last + 1 } else { last };
    let names: Vec<Texts> = names.map(|index| args.strings(index)).collect::<Result<_>>()?;
    let texts = args.strings(0)?;
    let found = (0..args.rows).map(|row| {
        let text = checked(&texts, row, &allowed)?;
        let end = text.and_then(|text| names.iter().try_fold(text, |text, name| attribute(text, name.get(row)?)));
        Ok(end.and_then(shown))
    });
    found.collect::<Result<StringArray>>().map(|array| Arc::new(array) as ArrayRef)
}

/// JSON_EXTRACT_ARRAY_ELEMENT_TEXT: the element at a position that counts from 0; NULL if there is none.
fn element_text(args: &Arguments) -> Result<ArrayRef> {
    let allowed = null_if_invalid(args, 2)?;
    let texts = args.strings(0)?;
    let positions = args.integers(1)?;
    let found = (0..args.rows).map(|row| {
        let text = checked(&texts, row, &allowed)?;
        let position = positions.is_valid(row).then(|| positions.value(row));
        Ok(text.zip(position).and_then(|(text, position)| element(text, position)).and_then(shown))
    });
    found.collect::<Result<StringArray>>().map(|array| Arc::new(array) as ArrayRef)
}

/// JSON_ARRAY_LENGTH: how many elements there are; NULL of what is no array.
fn array_length(args: &Arguments) -> Result<ArrayRef> {
    let allowed = null_if_invalid(args, 1)?;
    let texts = args.strings(0)?;
    let lengths = (0..args.rows).map(|row| {
        let array = checked(&texts, row, &allowed)?.filter(|text| matches!(Json::read(text), Some(Json::Array(_))));
        Ok(array.and_then(|text| i64::try_from(elements(text).count()).ok()))
    });
    lengths.collect::<Result<Int64Array>>().map(|array| Arc::new(array) as ArrayRef)
}
