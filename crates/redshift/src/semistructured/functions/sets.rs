//! What is in arrays: ARRAY_CONTAINS, ARRAY_POSITION, ARRAY_POSITIONS, ARRAY_DISTINCT, ARRAY_UNION, ARRAY_INTERSECTION,
//! ARRAY_EXCEPT and ARRAY_SORT. Elements are equal as values are to `=`, and null is one like others. All answer NULL of NULL
//! and of what is no array.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BooleanArray, Int64Array, StringArray};
use datafusion::arrow::datatypes::DataType;
use datafusion::error::Result;

use super::super::function::{Arguments, Function, Returns};
use super::super::json::{push_key, push_order_key};
use super::arrays::{array, joined};

pub(super) fn all() -> Vec<Function> {
    let of_type =
        |name, data_type, invoke| Function { name, arguments: 2..=3, returns: Returns::Type(data_type), invoke };
    let of_super = |name, arguments, invoke| Function { name, arguments, returns: Returns::Super, invoke };
    vec![
        of_type("array_contains", DataType::Boolean, contains),
        of_type("array_position", DataType::Int64, position),
        of_super("array_positions", 2..=3, positions),
        of_super("array_distinct", 1..=1, distinct),
        of_super("array_union", 2..=2, union),
        of_super("array_intersection", 2..=3, |args| common(args, true)),
        of_super("array_except", 2..=3, |args| common(args, false)),
        of_super("array_sort", 1..=3, sort),
    ]
}

/// The text that equal elements share, of null an empty one.
fn key(element: &str) -> String {
    let mut key = String::new();
    push_key(element, &mut key);
    key
}

/// A switch among the arguments: of each row whether it is on, and `None` if it is not given, or NULL.
fn switch(args: &Arguments, index: usize) -> Result<Vec<Option<bool>>> {
    if args.values.len() <= index {
        return Ok(vec![None; args.rows]);
    }
    let texts = args.texts(index)?;
    Ok((0..args.rows).map(|row| texts.get(row).map(|text| text == "true")).collect())
}

/// Where the value is in the array; NULL where the third argument is false and NULL would have to be compared.
fn found(args: &Arguments) -> Result<Vec<Option<Vec<i64>>>> {
    let (arrays, values, finds_null) = (args.texts(0)?, args.texts(1)?, switch(args, 2)?);
    let found = (0..args.rows).map(|row| {
        let keys: Vec<String> = array(&arrays, row)?.into_iter().map(key).collect();
        let sought = values.get(row).map(key).unwrap_or_default();
        let found: Vec<i64> = (0..).zip(&keys).filter(|(_, key)| **key == sought).map(|(index, _)| index).collect();
        let is_unknown = sought.is_empty() || found.is_empty() && keys.iter().any(String::is_empty);
        (finds_null[row].unwrap_or(true) || !is_unknown).then_some(found)
    });
    Ok(found.collect())
}

/// Whether the value is in the array.
fn contains(args: &Arguments) -> Result<ArrayRef> {
    let found = found(args)?.into_iter().map(|found| found.map(|found| !found.is_empty()));
    Ok(Arc::new(found.collect::<BooleanArray>()))
}

/// The first position of the value, from 0; -1 if it is not in the array.
fn position(args: &Arguments) -> Result<ArrayRef> {
    let found = found(args)?.into_iter().map(|found| found.map(|found| found.first().copied().unwrap_or(-1)));
    Ok(Arc::new(found.collect::<Int64Array>()))
}

/// All positions of the value.
fn positions(args: &Arguments) -> Result<ArrayRef> {
    let text = |found: Vec<i64>| found.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    let found = found(args)?.into_iter().map(|found| found.map(|found| format!("[{}]", text(found))));
    Ok(Arc::new(found.collect::<StringArray>()))
}

/// The first of equal elements.
fn firsts<'a>(elements: impl IntoIterator<Item = &'a str>) -> String {
    let mut seen = HashSet::new();
    let firsts: Vec<&str> = elements.into_iter().filter(|element| seen.insert(key(element))).collect();
    joined(&firsts)
}

/// Every element once.
fn distinct(args: &Arguments) -> Result<ArrayRef> {
    let arrays = args.texts(0)?;
    let rows = (0..args.rows).map(|row| array(&arrays, row).map(firsts));
    Ok(Arc::new(rows.collect::<StringArray>()))
}

/// Every element of both arrays once.
fn union(args: &Arguments) -> Result<ArrayRef> {
    let (left, right) = (args.texts(0)?, args.texts(1)?);
    let rows = (0..args.rows).map(|row| Some(firsts([array(&left, row)?, array(&right, row)?].concat())));
    Ok(Arc::new(rows.collect::<StringArray>()))
}

/// The elements of the first array that are in the second, too, or that are not, as often as that is so; with a third argument
/// that is true once.
fn common(args: &Arguments, is_wanted: bool) -> Result<ArrayRef> {
    let (left, right, once) = (args.texts(0)?, args.texts(1)?, switch(args, 2)?);
    let rows = (0..args.rows).map(|row| {
        let mut others: HashMap<String, usize> = HashMap::new();
        for element in array(&right, row)? {
            *others.entry(key(element)).or_default() += 1;
        }
        let mut seen = HashSet::new();
        let mut wanted = Vec::new();
        for element in array(&left, row)? {
            let key = key(element);
            let left_over = others.get_mut(&key).filter(|count| **count > 0);
            let is_common = left_over.map(|count| *count -= 1).is_some();
            if is_common == is_wanted && (once[row] != Some(true) || seen.insert(key)) {
                wanted.push(element);
            }
        }
        Some(joined(&wanted))
    });
    Ok(Arc::new(rows.collect::<StringArray>()))
}

/// The elements as ORDER BY sorts them; the other way round with a second argument that is false. NULL comes last, or then
/// first, unless the third argument says whether it is to be first.
fn sort(args: &Arguments) -> Result<ArrayRef> {
    let (arrays, ascending, nulls_first) = (args.texts(0)?, switch(args, 1)?, switch(args, 2)?);
    let rows = (0..args.rows).map(|row| {
        let is_ascending = ascending[row].unwrap_or(true);
        let (mut nulls, mut keyed) = (Vec::new(), Vec::new());
        for element in array(&arrays, row)? {
            let mut key = String::new();
            match push_order_key(element, &mut key) {
                true => keyed.push((key, element)),
                false => nulls.push(element),
            }
        }
        keyed.sort();
        let sorted = keyed.into_iter().map(|(_, element)| element);
        let sorted: Vec<&str> = if is_ascending { sorted.collect() } else { sorted.rev().collect() };
        Some(joined(&match nulls_first[row].unwrap_or(!is_ascending) {
            true => [nulls, sorted].concat(),
            false => [sorted, nulls].concat(),
        }))
    });
    Ok(Arc::new(rows.collect::<StringArray>()))
}
