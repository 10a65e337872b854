//! One step of a path into Arrow's nested types.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Int64Array, UInt64Array};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::compute::{cast, nullif, take};
use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::error::Result;

use super::marker::super_field;

/// A step for all rows.
pub(super) enum Step {
    Attribute(String),
    Positions(Int64Array),
}

impl Step {
    /// The attribute's name.
    pub(super) fn name(&self) -> Option<&str> {
        match self {
            Self::Attribute(name) => Some(name),
            Self::Positions(_) => None,
        }
    }
}

/// The attribute's field, or a position's without a name.
pub(super) fn field_of_step(field: &FieldRef, name: Option<&str>) -> FieldRef {
    use DataType::{FixedSizeList, LargeList, LargeListView, List, ListView, Map, Struct};
    let inner = match (plain_type(field.data_type()), name) {
        (Struct(fields), Some(name)) => fields.find(name).map(|(_, field)| Arc::clone(field)),
        (Map(entries, _), Some(_)) => match entries.data_type() {
            Struct(fields) => fields.get(1).cloned(),
            _ => None,
        },
        (List(item) | LargeList(item) | FixedSizeList(item, _) | ListView(item) | LargeListView(item), None) => {
            Some(Arc::clone(item))
        }
        _ => None,
    };
    match inner {
        Some(inner) => Arc::new(inner.as_ref().clone().with_nullable(true)),
        None => super_field("path"),
    }
}

/// The type without its dictionary.
pub(super) fn plain_type(data_type: &DataType) -> &DataType {
    match data_type {
        DataType::Dictionary(_, values) => plain_type(values),
        data_type => data_type,
    }
}

/// One step into a nested array; `None` if the array has no such parts.
pub(super) fn one_step(array: &ArrayRef, step: &Step) -> Result<Option<ArrayRef>> {
    match (array.data_type(), step) {
        (DataType::Struct(_), Step::Attribute(name)) => {
            let array = array.as_struct();
            match (array.column_by_name(name), array.nulls()) {
                (Some(child), Some(nulls)) if nulls.null_count() > 0 => Ok(Some(without(child, nulls)?)),
                (child, _) => Ok(child.cloned()),
            }
        }
        (DataType::Map(..), Step::Attribute(name)) => {
            let maps = array.as_map();
            let names = cast(maps.keys(), &DataType::Utf8)?;
            let names = names.as_string::<i32>();
            let found: UInt64Array = (0..maps.len())
                .map(|row| {
                    let mut entries = maps.value_offsets()[row] as usize..maps.value_offsets()[row + 1] as usize;
                    maps.is_valid(row)
                        .then(|| entries.find(|entry| names.value(*entry) == name))?
                        .map(|entry| entry as u64)
                })
                .collect();
            Ok(Some(take(maps.values(), &found, None)?))
        }
        (
            DataType::List(item)
            | DataType::LargeList(item)
            | DataType::FixedSizeList(item, _)
            | DataType::ListView(item)
            | DataType::LargeListView(item),
            Step::Positions(positions),
        ) => {
            let lists = cast(array, &DataType::LargeList(Arc::clone(item)))?;
            let lists = lists.as_list::<i64>();
            let found: UInt64Array = (0..lists.len())
                .map(|row| {
                    let (start, end) = (lists.value_offsets()[row], lists.value_offsets()[row + 1]);
                    let is_there = lists.is_valid(row) && positions.is_valid(row);
                    let position = is_there.then(|| positions.value(row)).filter(|position| *position >= 0)?;
                    start.checked_add(position).filter(|at| *at < end).map(|at| at as u64)
                })
                .collect();
            Ok(Some(take(lists.values(), &found, None)?))
        }
        _ => Ok(None),
    }
}

/// The values, NULL where their parent is.
fn without(values: &ArrayRef, parent: &NullBuffer) -> Result<ArrayRef> {
    let absent: BooleanArray = parent.iter().map(|valid| Some(!valid)).collect();
    Ok(nullif(values, &absent)?)
}
