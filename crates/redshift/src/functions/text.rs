//! What a value is as text.

use std::fmt::Write;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, PrimitiveArray, StringBuilder};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{ArrowPrimitiveType, DataType, Field, FieldRef, Float32Type, Float64Type};
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::common::plan_err;
use datafusion::error::Result;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ExprSchemable, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};

use super::arguments::{answer, is_text};

/// The name under which casts, LIKE, `||` and functions of text call it.
pub(crate) const TEXT: &str = "redshift_text";

/// A value as Redshift writes it: a timestamp as `2017-01-01 22:00:00`, with as much of the fraction as there is and the
/// hours of the offset if it has a time zone, and the number 1.0 as `1`. Text and nested values stay as they are.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Text {
    signature: Signature,
}

impl Default for Text {
    fn default() -> Self {
        Self { signature: Signature::any(1, Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for Text {
    fn name(&self) -> &str {
        TEXT
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        match arguments {
            [value] if stays(value) => Ok(value.clone()),
            [_] => Ok(DataType::Utf8),
            _ => plan_err!("{TEXT} has one argument"),
        }
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        let [argument] = args.arg_fields else { return plan_err!("{TEXT} has one argument") };
        let data_type = self.return_type(&[argument.data_type().clone()])?;
        // Not more nullable than the argument, which may take its place.
        Ok(Field::new(TEXT, data_type, argument.is_nullable()).into())
    }

    fn simplify(&self, mut args: Vec<Expr>, info: &SimplifyContext) -> Result<ExprSimplifyResult> {
        match args.as_slice() {
            [value] if stays(&value.get_type(info.schema())?) => Ok(ExprSimplifyResult::Simplified(args.remove(0))),
            _ => Ok(ExprSimplifyResult::Original(args)),
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let [values] = arrays.as_slice() else { return plan_err!("{TEXT} has one argument") };
        let texts: ArrayRef = match values.data_type() {
            same if stays(same) => Arc::clone(values),
            DataType::Timestamp(..) => timestamps(values)?,
            DataType::Float64 => numbers(values.as_primitive::<Float64Type>())?,
            DataType::Float32 => numbers(values.as_primitive::<Float32Type>())?,
            _ => cast(values, &DataType::Utf8)?,
        };
        answer(&args.args, texts)
    }
}

fn stays(value: &DataType) -> bool {
    is_text(value) || value.is_nested()
}

fn timestamps(values: &ArrayRef) -> Result<ArrayRef> {
    let options = FormatOptions::default()
        .with_timestamp_format(Some("%Y-%m-%d %H:%M:%S%.f"))
        .with_timestamp_tz_format(Some("%Y-%m-%d %H:%M:%S%.f%:::z"));
    let formatter = ArrayFormatter::try_new(values, &options)?;
    let has_zone = matches!(values.data_type(), DataType::Timestamp(_, Some(_)));
    let mut texts = StringBuilder::with_capacity(values.len(), values.len() * 19);
    let mut text = String::new();
    for row in 0..values.len() {
        if values.is_null(row) {
            texts.append_null();
            continue;
        }
        text.clear();
        formatter.value(row).write(&mut text)?;
        let trimmed = if text.contains('.') && !has_zone { text.trim_end_matches('0') } else { &text };
        texts.append_value(trimmed);
    }
    Ok(Arc::new(texts.finish()))
}

fn numbers<T: ArrowPrimitiveType>(values: &PrimitiveArray<T>) -> Result<ArrayRef>
where
    T::Native: std::fmt::Display,
{
    let mut texts = StringBuilder::with_capacity(values.len(), values.len() * 8);
    for value in values {
        match value {
            Some(value) => {
                write!(texts, "{value}").map_err(|error| datafusion::error::DataFusionError::External(error.into()))?;
                texts.append_value("");
            }
            None => texts.append_null(),
        }
    }
    Ok(Arc::new(texts.finish()))
}
