//! `value.attribute[position]...` as a function of the value and the steps.
//!
//! A step that is a literal text is an attribute, any other one a position, which counts from 0. What is not there is NULL:
//! a missing attribute, an attribute of what is no object, a position of what is no array or beyond its ends; so is
//! every step from NULL, and by a NULL position. Arrow's nested types are walked by type, and the answer has the type of the
//! last step; from the first SUPER value on, the rest of the path is one scan of each text, and the answer is SUPER.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, StringArray, new_null_array};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::common::{ScalarValue, internal_err};
use datafusion::error::Result;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility, lit,
};

use super::function::{Arguments, invoke};
use super::json;
use super::known::Known;
use super::marker::is_super;
use super::step::{Step, field_of_step, one_step, plain_type};

/// The function.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Path {
    /// Whether the null of JSON, at the end of the path, is a value.
    keeps_null: bool,
    known: Known,
    signature: Signature,
}

impl Path {
    fn new(keeps_null: bool, known: Known) -> Self {
        Self { keeps_null, known, signature: Signature::user_defined(Volatility::Immutable) }
    }
}

/// One step further from the value; a step from a path makes that path longer.
pub(super) fn step(value: Expr, step: Expr) -> Expr {
    match value {
        Expr::ScalarFunction(mut path) if path.func.inner().is::<Path>() => {
            path.args.push(step);
            Expr::ScalarFunction(path)
        }
        value => Arc::new(ScalarUDF::from(Path::new(false, Known::default()))).call(vec![value, step]),
    }
}

/// The value's attribute.
pub(super) fn attribute(value: Expr, name: &str) -> Expr {
    step(value, lit(name))
}

/// The path, at whose end the null of JSON is a value, so that its type can be asked for; another expression as it is.
pub(super) fn keeping_null(expr: Expr) -> Expr {
    match expr {
        Expr::ScalarFunction(path) if path.func.inner().is::<Path>() => {
            Arc::new(ScalarUDF::from(Path::new(true, Known::default()))).call(path.args)
        }
        expr => expr,
    }
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

    /// As the statement has it.
    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        let Some((root, steps)) = args.split_first() else { return internal_err!("a path needs a value") };
        let mut name = root.schema_name().to_string();
        for step in steps {
            match step {
                Expr::Literal(value, _) => match attribute_name(value) {
                    Some(attribute) => name.extend([".", attribute]),
                    None => name.extend(["[", &value.to_string(), "]"]),
                },
                step => name.extend(["[", &step.schema_name().to_string(), "]"]),
            }
        }
        Ok(name)
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
        let fields = self.known.fields(args.arg_fields);
        let Some(root) = fields.first() else { return internal_err!("a path needs a value") };
        let mut field = Arc::clone(root);
        for step in args.scalar_arguments.iter().skip(1) {
            field = field_of_step(&field, step.and_then(attribute_name));
        }
        Ok(Arc::new(field.as_ref().clone().with_name("path").with_nullable(true)))
    }

    fn simplify(&self, args: Vec<Expr>, info: &SimplifyContext) -> Result<ExprSimplifyResult> {
        Ok(match self.known.learn(&args, info) {
            Some(known) => {
                let path = ScalarUDF::from(Self::new(self.keeps_null, known));
                ExprSimplifyResult::Simplified(Arc::new(path).call(args))
            }
            None => ExprSimplifyResult::Original(args),
        })
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        invoke(args, &self.known, |args| walk(args, self.keeps_null))
    }
}

fn attribute_name(step: &ScalarValue) -> Option<&str> {
    step.try_as_str().flatten()
}

fn walk(args: &Arguments, keeps_null: bool) -> Result<ArrayRef> {
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
            return Ok(Arc::new(walk_texts(texts.as_string(), &steps[index..], keeps_null)));
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

fn walk_texts(texts: &StringArray, steps: &[Step], keeps_null: bool) -> StringArray {
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
        (keeps_null || text != "null").then_some(text)
    });
    walked.collect()
}

#[cfg(test)]
mod tests {
    use super::super::marker::super_field;
    use super::*;
    use datafusion::arrow::array::{
        FixedSizeListArray, Int32Array, Int32Builder, MapBuilder, StringBuilder, StructArray,
    };
    use datafusion::arrow::buffer::NullBuffer;
    use datafusion::arrow::datatypes::{Field, Fields, Int32Type};
    use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};

    /// Walks the steps, and shows a row per line.
    fn check(array: ArrayRef, field: Field, steps: Vec<ScalarValue>, expected: &str) {
        let mut values = vec![ColumnarValue::Array(Arc::clone(&array))];
        values.extend(steps.into_iter().map(ColumnarValue::Scalar));
        let mut fields: Vec<FieldRef> = vec![Arc::new(field)];
        fields.extend(values[1..].iter().map(|step| Arc::new(Field::new("step", step.data_type(), true)) as FieldRef));
        let rows = array.len();
        let returns = Arc::clone(&fields[0]);
        let walked = walk(&Arguments { values, fields, returns, rows }, false).unwrap();
        let options = FormatOptions::default().with_null("NULL");
        let format = ArrayFormatter::try_new(&walked, &options).unwrap();
        let shown: Vec<String> = (0..walked.len()).map(|row| format.value(row).to_string()).collect();
        assert_eq!(shown.join(" "), expected);
    }

    fn position(position: i64) -> ScalarValue {
        ScalarValue::from(position)
    }

    #[test]
    fn an_attribute_of_null_is_null() {
        let fields = Fields::from(vec![Field::new("a", DataType::Int32, true)]);
        let column: ArrayRef = Arc::new(Int32Array::from(vec![1, 2]));
        let nulls = NullBuffer::from(vec![true, false]);
        let array: ArrayRef = Arc::new(StructArray::new(fields.clone(), vec![column], Some(nulls)));
        let field = Field::new("s", DataType::Struct(fields), true);
        check(Arc::clone(&array), field.clone(), vec![ScalarValue::from("a")], "1 NULL");
        check(array, field, vec![ScalarValue::from("a"), position(0)], "NULL NULL");
    }

    #[test]
    fn lists_of_all_kinds_have_positions() {
        let rows = vec![Some(vec![Some(1), Some(2)]), None, Some(vec![Some(3), None])];
        let array = FixedSizeListArray::from_iter_primitive::<Int32Type, _, _>(rows, 2);
        let field = Field::new("l", array.data_type().clone(), true);
        let array: ArrayRef = Arc::new(array);
        check(Arc::clone(&array), field.clone(), vec![position(1)], "2 NULL NULL");
        check(array.slice(2, 1), field.clone(), vec![position(0)], "3");
        for outside in [position(2), position(-1), position(i64::MAX), position(i64::MIN), ScalarValue::Int64(None)] {
            check(Arc::clone(&array), field.clone(), vec![outside], "NULL NULL NULL");
        }
    }

    #[test]
    fn a_map_has_its_keys_as_attributes() {
        let mut maps = MapBuilder::new(None, StringBuilder::new(), Int32Builder::new());
        maps.keys().append_value("a");
        maps.values().append_value(1);
        maps.append(true).unwrap();
        maps.append(true).unwrap();
        let array: ArrayRef = Arc::new(maps.finish());
        let field = Field::new("m", array.data_type().clone(), true);
        check(Arc::clone(&array), field.clone(), vec![ScalarValue::from("a")], "1 NULL");
        check(array, field, vec![ScalarValue::from("b")], "NULL NULL");
    }

    #[test]
    fn text_of_a_view_or_a_dictionary_is_walked() {
        let texts = StringArray::from(vec![Some("{\"a\":[1,null]}"), None]);
        let array = cast(&texts, &DataType::Utf8View).unwrap();
        let field = super_field("x").as_ref().clone().with_data_type(DataType::Utf8View);
        check(Arc::clone(&array), field.clone(), vec![ScalarValue::from("a"), position(0)], "1 NULL");
        check(array, field, vec![ScalarValue::from("a"), position(1)], "NULL NULL");
        let plain = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
        let array = cast(&texts, &plain).unwrap();
        check(array, Field::new("d", plain, true), vec![position(0)], "NULL NULL");
    }
}
