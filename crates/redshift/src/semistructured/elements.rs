//! Lists to unnest: the elements of an array, the attributes of an object, and the positions in a list.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, Int64Builder, LargeListArray, ListBuilder, StringBuilder, StructArray, new_null_array,
};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::compute::{cast, interleave};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, ReturnFieldArgs};

use super::function::{Arguments, Function, Returns, call};
use super::json;
use super::marker::is_super;

/// The array's elements as a list; NULL of NULL and of what is no array.
pub(super) fn elements(array: Expr) -> Expr {
    call(
        Function {
            name: "elements",
            arguments: 1..=1,
            returns: Returns::Computed(element_list),
            invoke: element_lists,
        },
        vec![array],
    )
}

/// The names of the object's attributes as a list; NULL of NULL and of what is no object.
pub(super) fn names(object: Expr) -> Expr {
    let item = DataType::LargeList(Arc::new(Field::new("item", DataType::Utf8, true)));
    call(
        Function { name: "attribute_names", arguments: 1..=1, returns: Returns::Type(item), invoke: name_lists },
        vec![object],
    )
}

/// The object's attributes as a list, in the order of their names in [`names`].
pub(super) fn attributes(object: Expr) -> Expr {
    call(
        Function {
            name: "attributes",
            arguments: 1..=1,
            returns: Returns::Computed(attribute_list),
            invoke: attribute_lists,
        },
        vec![object],
    )
}

/// For a list of n elements 0, ..., n - 1; NULL of NULL.
pub(super) fn positions(list: Expr) -> Expr {
    let item = DataType::List(Arc::new(Field::new("item", DataType::Int64, true)));
    call(
        Function { name: "positions", arguments: 1..=1, returns: Returns::Type(item), invoke: position_lists },
        vec![list],
    )
}

/// The value, marked as SUPER: DataFusion's unnest forgets what is said of a list's elements.
pub(super) fn marked(value: Expr) -> Expr {
    call(Function { name: "marked", arguments: 1..=1, returns: Returns::Super, invoke: texts }, vec![value])
}

fn texts(args: &Arguments) -> Result<ArrayRef> {
    Ok(cast(&args.array(0)?, &DataType::Utf8)?)
}

/// Whether [`elements`] of such a value are SUPER.
pub(super) fn has_super_elements(array: &Field) -> bool {
    item_of(array).is_none_or(|item| is_super(&item))
}

/// Whether [`attributes`] of such a value are SUPER.
pub(super) fn has_super_attributes(object: &Field) -> bool {
    common_field(object).is_none_or(|item| is_super(&item))
}

/// A list of such items, or of SUPER. The items' metadata stays behind, since a constant list would lose it anyway.
fn list_of(item: Option<FieldRef>) -> FieldRef {
    let data_type = item.map_or(DataType::Utf8, |item| item.data_type().clone());
    let item = Arc::new(Field::new("item", data_type, true));
    Arc::new(Field::new("elements", DataType::LargeList(item), true))
}

fn item_of(array: &Field) -> Option<FieldRef> {
    use DataType::{FixedSizeList, LargeList, LargeListView, List, ListView};
    match array.data_type() {
        List(item) | LargeList(item) | FixedSizeList(item, _) | ListView(item) | LargeListView(item) => {
            Some(Arc::clone(item))
        }
        _ => None,
    }
}

/// The field of the elements; SUPER if they are not known.
fn element_list(args: &ReturnFieldArgs<'_>) -> Result<FieldRef> {
    Ok(list_of(item_of(&args.arg_fields[0])))
}

fn element_lists(args: &Arguments) -> Result<ArrayRef> {
    let array = args.array(0)?;
    if is_super(&args.fields[0]) {
        return text_lists(args, |text, list| {
            let is_array = text.trim_start().starts_with('[');
            if is_array {
                json::elements(text).for_each(|element| push(list, Some(element)));
            }
            is_array
        });
    }
    match array.data_type() {
        list if super::marker::is_nested(list) && !matches!(list, DataType::Struct(_) | DataType::Map(..)) => {
            Ok(cast(&array, args.returns.data_type())?)
        }
        _ => Ok(new_null_array(args.returns.data_type(), args.rows)),
    }
}

/// The field of the values; SUPER if they are not known, or not the same.
fn attribute_list(args: &ReturnFieldArgs<'_>) -> Result<FieldRef> {
    Ok(list_of(common_field(&args.arg_fields[0])))
}

/// The one type of all attributes.
fn common_field(object: &Field) -> Option<FieldRef> {
    match object.data_type() {
        DataType::Struct(fields) => {
            let (first, rest) = fields.split_first()?;
            let same = |field: &FieldRef| field.data_type() == first.data_type() && is_super(field) == is_super(first);
            rest.iter().all(same).then(|| Arc::new(first.as_ref().clone().with_name("item").with_nullable(true)))
        }
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(fields) => Some(Arc::clone(fields.get(1)?)),
            _ => None,
        },
        _ => None,
    }
}

fn name_lists(args: &Arguments) -> Result<ArrayRef> {
    let array = args.array(0)?;
    let mut lists = ListBuilder::new(StringBuilder::new());
    match array.data_type() {
        DataType::Struct(fields) => {
            for row in 0..args.rows {
                if array.is_valid(row) {
                    fields.iter().for_each(|field| lists.values().append_value(field.name()));
                }
                lists.append(array.is_valid(row));
            }
        }
        DataType::Map(..) => {
            let maps = array.as_map();
            let names = cast(maps.keys(), &DataType::Utf8)?;
            for row in 0..args.rows {
                if maps.is_valid(row) {
                    let entries = maps.value_offsets()[row] as usize..maps.value_offsets()[row + 1] as usize;
                    entries.for_each(|entry| lists.values().append_value(names.as_string::<i32>().value(entry)));
                }
                lists.append(maps.is_valid(row));
            }
        }
        _ if is_super(&args.fields[0]) => {
            return text_lists(args, |text, list| {
                json::entries(text).for_each(|(name, _)| list.append_value(name));
                text.trim_start().starts_with('{')
            });
        }
        _ => return Ok(new_null_array(args.returns.data_type(), args.rows)),
    }
    Ok(cast(&lists.finish(), args.returns.data_type())?)
}

fn attribute_lists(args: &Arguments) -> Result<ArrayRef> {
    let array = args.array(0)?;
    match array.data_type() {
        DataType::Struct(_) => struct_lists(array.as_struct(), &args.fields[0], args.returns.data_type()),
        DataType::Map(..) => {
            let maps = array.as_map();
            let DataType::LargeList(item) = args.returns.data_type() else {
                return Ok(new_null_array(args.returns.data_type(), args.rows));
            };
            let offsets = OffsetBuffer::from_lengths(maps.offsets().lengths());
            let start = maps.value_offsets().first().copied().unwrap_or(0) as usize;
            let values = maps.values().slice(start, offsets.last().copied().unwrap_or(0) as usize);
            Ok(Arc::new(LargeListArray::try_new(Arc::clone(item), offsets, values, maps.nulls().cloned())?))
        }
        _ if is_super(&args.fields[0]) => text_lists(args, |text, list| {
            json::entries(text).for_each(|(_, value)| push(list, Some(value)));
            text.trim_start().starts_with('{')
        }),
        _ => Ok(new_null_array(args.returns.data_type(), args.rows)),
    }
}

/// Of every row the columns as one list, which are as JSON text if their types differ.
fn struct_lists(array: &StructArray, field: &Field, list: &DataType) -> Result<ArrayRef> {
    let DataType::LargeList(item) = list else { return Ok(new_null_array(list, array.len())) };
    let columns: Vec<ArrayRef> = match common_field(field) {
        Some(_) => array.columns().to_vec(),
        None => array
            .fields()
            .iter()
            .zip(array.columns())
            .map(|(field, column)| Ok(Arc::new(json::texts(column, field)?) as ArrayRef))
            .collect::<Result<_>>()?,
    };
    let values = match columns.len() {
        0 => new_null_array(item.data_type(), 0),
        _ => {
            let columns: Vec<&dyn Array> = columns.iter().map(AsRef::as_ref).collect();
            let places: Vec<(usize, usize)> =
                (0..array.len()).flat_map(|row| (0..columns.len()).map(move |column| (column, row))).collect();
            interleave(&columns, &places)?
        }
    };
    let offsets = OffsetBuffer::from_repeated_length(columns.len(), array.len());
    Ok(Arc::new(LargeListArray::try_new(Arc::clone(item), offsets, values, array.nulls().cloned())?))
}

fn position_lists(args: &Arguments) -> Result<ArrayRef> {
    let array = args.array(0)?;
    let mut lists = ListBuilder::new(Int64Builder::new());
    if let Some(array) = array.as_list_opt::<i64>() {
        for row in 0..args.rows {
            if array.is_valid(row) {
                (0..array.value_length(row)).for_each(|position| lists.values().append_value(position));
            }
            lists.append(array.is_valid(row));
        }
        return Ok(Arc::new(lists.finish()));
    }
    Ok(new_null_array(args.returns.data_type(), args.rows))
}

/// Of every text a list that the closure fills; NULL if it says no.
fn text_lists(args: &Arguments, fill: impl Fn(&str, &mut StringBuilder) -> bool) -> Result<ArrayRef> {
    let texts = args.texts(0)?;
    let mut lists = ListBuilder::new(StringBuilder::new());
    for row in 0..args.rows {
        let valid = texts.get(row).is_some_and(|text| fill(text, lists.values()));
        lists.append(valid);
    }
    Ok(cast(&lists.finish(), args.returns.data_type())?)
}

/// A text, of which JSON's null is NULL.
fn push(list: &mut StringBuilder, text: Option<&str>) {
    list.append_option(text.filter(|text| *text != "null"));
}
