//! `value.attribute[position]...` as a function of the value and the steps.
//!
//! A step that is a literal text is an attribute, any other one a position, which counts from 0. What is not there is NULL:
//! a missing attribute, an attribute of what is no object, a position of what is no array or beyond its ends; so is
//! every step from NULL, and by a NULL position. Arrow's nested types are walked by type, and the answer has the type of the
//! last step; from the first SUPER value on, the rest of the path is one scan of each text, and the answer is SUPER.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Int64Array, StringArray, UInt64Array, new_null_array,
};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::compute::{cast, nullif, take};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{ScalarValue, internal_err};
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility, lit,
};

use super::function::{Arguments, invoke};
use super::json;
use super::marker::{is_super, super_field};

/// The function.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Path {
    signature: Signature,
}

/// One step further from the value; a step from a path makes that path longer.
pub(super) fn step(value: Expr, step: Expr) -> Expr {
    match value {
        Expr::ScalarFunction(mut path) if path.func.inner().is::<Path>() => {
            path.args.push(step);
            Expr::ScalarFunction(path)
        }
        value => {
            let path = Path { signature: Signature::user_defined(Volatility::Immutable) };
            Arc::new(ScalarUDF::from(path)).call(vec![value, step])
        }
    }
}

/// The value's attribute.
pub(super) fn attribute(value: Expr, name: &str) -> Expr {
    step(value, lit(name))
}

/// Whether the expression is a path of at least one step.
pub(super) fn is_path(expr: &Expr) -> bool {
    match expr {
        Expr::ScalarFunction(function) => function.func.inner().is::<Path>(),
        Expr::Alias(alias) => is_path(&alias.expr),
        _ => false,
    }
}

impl ScalarUDFImpl for Path {
    fn name(&self) -> &str {
        "path"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        Ok(types.to_vec())
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        internal_err!("the type of a path depends on its steps")
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let Some(root) = args.arg_fields.first() else { return internal_err!("a path needs a value") };
        let mut field = Arc::clone(root);
        for step in args.scalar_arguments.iter().skip(1) {
            field = field_of_step(&field, step.and_then(attribute_name));
        }
        Ok(Arc::new(field.as_ref().clone().with_name("path").with_nullable(true)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        invoke(args, walk)
    }
}

fn attribute_name(step: &ScalarValue) -> Option<&str> {
    step.try_as_str().flatten()
}

/// The attribute's field, or a position's without a name.
fn field_of_step(field: &FieldRef, name: Option<&str>) -> FieldRef {
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
fn plain_type(data_type: &DataType) -> &DataType {
    match data_type {
        DataType::Dictionary(_, values) => plain_type(values),
        data_type => data_type,
    }
}

enum Step {
    Attribute(String),
    Positions(Int64Array),
}

fn walk(args: &Arguments) -> Result<ArrayRef> {
    let mut steps = Vec::new();
    for index in 1..args.values.len() {
        steps.push(match &args.values[index] {
            ColumnarValue::Scalar(step) if attribute_name(step).is_some() => {
                Step::Attribute(attribute_name(step).unwrap_or_default().to_owned())
            }
            _ => Step::Positions(args.integers(index)?),
        });
    }
    let mut values = args.array(0)?;
    let mut field = Arc::clone(&args.fields[0]);
    for (index, step) in steps.iter().enumerate() {
        if is_super(&field) {
            let texts = cast(&values, &DataType::Utf8)?;
            return Ok(Arc::new(walk_texts(texts.as_string(), &steps[index..])));
        }
        if let DataType::Dictionary(..) = values.data_type() {
            values = cast(&values, plain_type(field.data_type()))?;
        }
        let next = field_of_step(&field, step.name());
        values = one_step(&values, step)?.unwrap_or_else(|| new_null_array(next.data_type(), args.rows));
        field = next;
    }
    Ok(values)
}

impl Step {
    fn name(&self) -> Option<&str> {
        match self {
            Self::Attribute(name) => Some(name),
            Self::Positions(_) => None,
        }
    }
}

fn walk_texts(texts: &StringArray, steps: &[Step]) -> StringArray {
    let walked = texts.iter().enumerate().map(|(row, text)| {
        let mut text = text?;
        for step in steps {
            text = match step {
                Step::Attribute(name) => json::attribute(text, name)?,
                Step::Positions(positions) => {
                    json::element(text, positions.is_valid(row).then(|| positions.value(row))?)?
                }
            };
        }
        // The null of JSON is NULL, as a missing attribute is.
        (text != "null").then_some(text)
    });
    walked.collect()
}

/// One step into a nested array; `None` if the array has no such parts.
fn one_step(array: &ArrayRef, step: &Step) -> Result<Option<ArrayRef>> {
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

/// A column of this type has no parts.
pub(super) fn has_no_parts(field: &Field) -> bool {
    !is_super(field) && !field.data_type().is_null() && !super::marker::is_nested(field.data_type())
}
