//! JSON_TYPEOF, the IS_ functions, DECIMAL_PRECISION and DECIMAL_SCALE: what a value turns out to be.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BooleanArray, Int32Array, StringArray};
use datafusion::arrow::datatypes::DataType;
use datafusion::error::Result;

use super::super::cast::digits;
use super::super::function::{Arguments, Function, Returns};
use super::super::json::Json;

/// The name of the function whose argument, if it is a path, may end at the null of JSON.
pub(in crate::semistructured) const JSON_TYPEOF: &str = "json_typeof";

/// The most digits that a decimal has.
const MOST_DIGITS: usize = 38;

pub(super) fn all() -> Vec<Function> {
    type Invoke = fn(&Arguments) -> Result<ArrayRef>;
    let checks: [(&'static str, Invoke); 10] = [
        ("is_array", |args| holds(args, |value| matches!(value, Json::Array(_)))),
        ("is_object", |args| holds(args, |value| matches!(value, Json::Object(_)))),
        ("is_scalar", |args| holds(args, |value| !matches!(value, Json::Array(_) | Json::Object(_) | Json::Null))),
        ("is_varchar", |args| holds(args, |value| matches!(value, Json::String(_)))),
        ("is_char", |args| holds(args, |value| matches!(value, Json::String(text) if text.is_ascii()))),
        ("is_smallint", |args| holds(args, |value| integer(value).is_some_and(|value| i16::try_from(value).is_ok()))),
        ("is_integer", |args| holds(args, |value| integer(value).is_some_and(|value| i32::try_from(value).is_ok()))),
        ("is_bigint", |args| holds(args, |value| integer(value).is_some_and(|value| i64::try_from(value).is_ok()))),
        ("is_decimal", |args| holds(args, |value| decimal(value).is_some())),
        ("is_float", |args| holds(args, |value| matches!(value, Json::Number(_)))),
    ];
    let checks = checks.map(|(name, invoke)| Function {
        name,
        arguments: 1..=1,
        returns: Returns::Type(DataType::Boolean),
        invoke,
    });
    let digits = |name, invoke| Function { name, arguments: 1..=1, returns: Returns::Type(DataType::Int32), invoke };
    let text = Returns::Type(DataType::Utf8);
    let mut all = Vec::from(checks);
    all.push(Function { name: JSON_TYPEOF, arguments: 1..=1, returns: text, invoke: json_typeof });
    all.push(digits("decimal_precision", |args| decimals(args, |(precision, _)| precision)));
    all.push(digits("decimal_scale", |args| decimals(args, |(_, scale)| scale)));
    all
}

/// Whether the value is so; false of NULL.
fn holds(args: &Arguments, check: fn(&Json<'_>) -> bool) -> Result<ArrayRef> {
    let texts = args.texts(0)?;
    let values = (0..args.rows).map(|row| Some(texts.get(row).and_then(Json::read).is_some_and(|value| check(&value))));
    Ok(Arc::new(values.collect::<BooleanArray>()))
}

/// A number that is written as an integer.
fn integer(value: &Json<'_>) -> Option<i128> {
    match value {
        Json::Number(text) => text.parse().ok(),
        _ => None,
    }
}

/// Precision and scale of a number that is written without an exponent.
fn decimal(value: &Json<'_>) -> Option<(usize, usize)> {
    match value {
        Json::Number(text) => digits(text).filter(|(precision, _)| *precision <= MOST_DIGITS),
        _ => None,
    }
}

/// One of `boolean`, `number`, `string`, `object`, `array` and `null`; NULL of NULL.
fn json_typeof(args: &Arguments) -> Result<ArrayRef> {
    let texts = args.texts(0)?;
    let kinds = (0..args.rows).map(|row| texts.get(row).and_then(Json::read).map(|value| value.kind()));
    Ok(Arc::new(kinds.collect::<StringArray>()))
}

/// Of a decimal one of precision and scale; NULL of anything else.
fn decimals(args: &Arguments, part: fn((usize, usize)) -> usize) -> Result<ArrayRef> {
    let texts = args.texts(0)?;
    let parts = (0..args.rows).map(|row| {
        let value = texts.get(row).and_then(Json::read)?;
        decimal(&value).map(part).and_then(|part| i32::try_from(part).ok())
    });
    Ok(Arc::new(parts.collect::<Int32Array>()))
}
