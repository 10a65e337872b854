//! GET_ARRAY_LENGTH, ARRAY_CONCAT, SUBARRAY and ARRAY_FLATTEN. All answer NULL of NULL and of what is no array.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, Int64Array, StringArray};
use datafusion::arrow::datatypes::DataType;
use datafusion::error::Result;

use super::super::function::{Arguments, Function, Returns, Texts};
use super::super::json::{Json, elements};

pub(super) fn all() -> Vec<Function> {
    vec![
        Function {
            name: "get_array_length",
            arguments: 1..=1,
            returns: Returns::Type(DataType::Int64),
            invoke: get_array_length,
        },
        Function { name: "array_concat", arguments: 2..=2, returns: Returns::Super, invoke: array_concat },
        Function { name: "subarray", arguments: 2..=3, returns: Returns::Super, invoke: subarray },
        Function { name: "array_flatten", arguments: 1..=1, returns: Returns::Super, invoke: array_flatten },
    ]
}

/// The elements of the row's array.
pub(super) fn array(texts: &Texts, row: usize) -> Option<Vec<&str>> {
    match Json::read(texts.get(row)?)? {
        Json::Array(text) => Some(elements(text).collect()),
        _ => None,
    }
}

fn integer(integers: &Int64Array, row: usize) -> Option<i64> {
    integers.is_valid(row).then(|| integers.value(row))
}

/// An array of these elements.
pub(super) fn joined(elements: &[&str]) -> String {
    format!("[{}]", elements.join(","))
}

/// How many elements the array has.
fn get_array_length(args: &Arguments) -> Result<ArrayRef> {
    let texts = args.texts(0)?;
    let lengths = (0..args.rows).map(|row| array(&texts, row).and_then(|array| i64::try_from(array.len()).ok()));
    Ok(Arc::new(lengths.collect::<Int64Array>()))
}

/// The elements of both arrays.
fn array_concat(args: &Arguments) -> Result<ArrayRef> {
    let (left, right) = (args.texts(0)?, args.texts(1)?);
    let both = (0..args.rows).map(|row| Some(joined(&[array(&left, row)?, array(&right, row)?].concat())));
    Ok(Arc::new(both.collect::<StringArray>()))
}

/// So many elements, or all, from a position that counts from 0, or if it is negative from the end.
fn subarray(args: &Arguments) -> Result<ArrayRef> {
    let texts = args.texts(0)?;
    let starts = args.integers(1)?;
    let lengths = (args.values.len() > 2).then(|| args.integers(2)).transpose()?;
    let parts = (0..args.rows).map(|row| {
        let array = array(&texts, row)?;
        let start = integer(&starts, row)?;
        let length = match &lengths {
            None => array.len(),
            Some(lengths) => usize::try_from(integer(lengths, row)?).unwrap_or(0),
        };
        let start = match usize::try_from(start) {
            Ok(start) => start,
            Err(_) => array.len().saturating_sub(usize::try_from(start.unsigned_abs()).unwrap_or(usize::MAX)),
        };
        let start = start.min(array.len());
        Some(joined(&array[start..start.saturating_add(length).min(array.len())]))
    });
    Ok(Arc::new(parts.collect::<StringArray>()))
}

/// The elements of the arrays in the array, and its other elements.
fn array_flatten(args: &Arguments) -> Result<ArrayRef> {
    let texts = args.texts(0)?;
    let flat = (0..args.rows).map(|row| {
        let mut flat = Vec::new();
        for element in array(&texts, row)? {
            match Json::read(element) {
                Some(Json::Array(inner)) => flat.extend(elements(inner)),
                _ => flat.push(element),
            }
        }
        Some(joined(&flat))
    });
    Ok(Arc::new(flat.collect::<StringArray>()))
}
