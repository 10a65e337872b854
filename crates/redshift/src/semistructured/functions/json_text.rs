//! JSON_PARSE, CAN_JSON_PARSE, JSON_SERIALIZE, JSON_SIZE, IS_VALID_JSON, IS_VALID_JSON_ARRAY, LOWER_ATTRIBUTE_NAMES and
//! UPPER_ATTRIBUTE_NAMES.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BooleanArray, Int64Array, StringArray, StringBuilder};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::exec_datafusion_err;
use datafusion::error::{DataFusionError, Result};
use serde::de::IgnoredAny;

use super::super::function::{Arguments, Function, Returns};
use super::super::json::{compact, map_names};
use super::super::marker::{is_nested, is_super};

pub(super) fn all() -> Vec<Function> {
    let boolean = || Returns::Type(DataType::Boolean);
    vec![
        Function { name: "json_parse", arguments: 1..=1, returns: Returns::Super, invoke: json_parse },
        Function { name: "can_json_parse", arguments: 1..=1, returns: boolean(), invoke: is_valid_json },
        Function { name: "is_valid_json", arguments: 1..=1, returns: boolean(), invoke: is_valid_json },
        Function { name: "is_valid_json_array", arguments: 1..=1, returns: boolean(), invoke: is_valid_json_array },
        Function {
            name: "json_serialize",
            arguments: 1..=1,
            returns: Returns::Type(DataType::Utf8),
            invoke: json_serialize,
        },
        Function { name: "json_size", arguments: 1..=1, returns: Returns::Type(DataType::Int64), invoke: json_size },
        Function {
            name: "lower_attribute_names",
            arguments: 1..=1,
            returns: Returns::Super,
            invoke: |args| with_names(args, |name| name.to_lowercase()),
        },
        Function {
            name: "upper_attribute_names",
            arguments: 1..=1,
            returns: Returns::Super,
            invoke: |args| with_names(args, |name| name.to_uppercase()),
        },
    ]
}

/// Whether the text is JSON, to whatever depth.
pub(super) fn check_json(text: &str) -> serde_json::Result<()> {
    serde_json::from_str::<IgnoredAny>(text).map(|_| ())
}

/// The error of text that is no JSON.
pub(super) fn invalid_json(text: &str, error: &serde_json::Error) -> DataFusionError {
    let mut shown: String = text.chars().take(100).collect();
    if shown.len() < text.len() {
        shown.push_str("...");
    }
    exec_datafusion_err!("this is no JSON: {shown} ({error}); CAN_JSON_PARSE says of a text whether it is")
}

/// The text as SUPER; of SUPER the value itself. NULL of NULL. Fails of text that is not JSON.
fn json_parse(args: &Arguments) -> Result<ArrayRef> {
    let is_value = is_super(&args.fields[0]) || is_nested(args.fields[0].data_type());
    if is_value {
        let texts = args.texts(0)?;
        return Ok(Arc::new((0..args.rows).map(|row| texts.get(row)).collect::<StringArray>()));
    }
    let strings = args.strings(0)?;
    let mut out = StringBuilder::new();
    for row in 0..args.rows {
        match strings.get(row) {
            None => out.append_null(),
            Some(text) => {
                check_json(text).map_err(|error| invalid_json(text, &error))?;
                out.append_value(compact(text));
            }
        }
    }
    Ok(Arc::new(out.finish()))
}

/// Whether the text is JSON; NULL of NULL.
fn is_valid_json(args: &Arguments) -> Result<ArrayRef> {
    let strings = args.strings(0)?;
    let valid = (0..args.rows).map(|row| strings.get(row).map(|text| check_json(text).is_ok()));
    Ok(Arc::new(valid.collect::<BooleanArray>()))
}

/// Whether the text is a JSON array; NULL of NULL.
fn is_valid_json_array(args: &Arguments) -> Result<ArrayRef> {
    let strings = args.strings(0)?;
    let is_array = |text: &str| text.trim_start().starts_with('[') && check_json(text).is_ok();
    let valid = (0..args.rows).map(|row| strings.get(row).map(is_array));
    Ok(Arc::new(valid.collect::<BooleanArray>()))
}

/// The value's JSON text; NULL of NULL.
fn json_serialize(args: &Arguments) -> Result<ArrayRef> {
    let texts = args.texts(0)?;
    Ok(Arc::new((0..args.rows).map(|row| texts.get(row)).collect::<StringArray>()))
}

/// How many bytes the value's JSON text has; NULL of NULL.
fn json_size(args: &Arguments) -> Result<ArrayRef> {
    let texts = args.texts(0)?;
    let sizes = (0..args.rows).map(|row| texts.get(row).and_then(|text| i64::try_from(text.len()).ok()));
    Ok(Arc::new(sizes.collect::<Int64Array>()))
}

/// The value with other names of attributes, at every depth; NULL of NULL.
fn with_names(args: &Arguments, name: fn(&str) -> String) -> Result<ArrayRef> {
    let texts = args.texts(0)?;
    Ok(Arc::new((0..args.rows).map(|row| Some(map_names(texts.get(row)?, name))).collect::<StringArray>()))
}
