//! `super::type`, and the other way round.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, Int64Array, StringArray, new_null_array};
use datafusion::arrow::compute::{CastOptions, cast_with_options};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::internal_err;
use datafusion::error::Result;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use super::function::{Arguments, Function, Returns, call, invoke};
use super::json::{self, Json};
use super::known::Known;
use super::marker::is_super;

/// A SUPER value as a value of another type; of another value a cast that answers NULL where it is not possible.
///
/// NULL of NULL, of objects and arrays, and of what is no value of that type. A number is an integer by rounding; text is
/// read as the type's literals are; a boolean is the number 1 or 0, and a whole number written as one is a boolean.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct FromSuper {
    target: DataType,
    known: Known,
    signature: Signature,
}

impl FromSuper {
    fn new(target: DataType, known: Known) -> Self {
        Self { target, known, signature: Signature::user_defined(Volatility::Immutable) }
    }
}

/// The value in the type.
pub(super) fn from_super(value: Expr, target: DataType) -> Expr {
    Arc::new(ScalarUDF::from(FromSuper::new(target, Known::default()))).call(vec![value])
}

/// A value of any type as SUPER: a text is a string, whatever it says. NULL of NULL.
pub(super) fn to_super(value: Expr) -> Expr {
    call(Function { name: "to_super", arguments: 1..=1, returns: Returns::Super, invoke: texts }, vec![value])
}

fn texts(args: &Arguments) -> Result<ArrayRef> {
    Ok(Arc::new(json::texts(&args.array(0)?, &args.fields[0])?))
}

impl ScalarUDFImpl for FromSuper {
    fn name(&self) -> &str {
        "from_super"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        Ok(types.to_vec())
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(self.target.clone())
    }

    fn return_field_from_args(&self, _: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        Ok(Arc::new(Field::new(self.name(), self.target.clone(), true)))
    }

    fn simplify(&self, args: Vec<Expr>, info: &SimplifyContext) -> Result<ExprSimplifyResult> {
        Ok(match self.known.learn(&args, info) {
            Some(known) => {
                let cast = ScalarUDF::from(Self::new(self.target.clone(), known));
                ExprSimplifyResult::Simplified(Arc::new(cast).call(args))
            }
            None => ExprSimplifyResult::Original(args),
        })
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        invoke(args, &self.known, |args| match args.fields.first() {
            Some(field) => from_super_or_cast(&args.array(0)?, field, &self.target),
            None => internal_err!("a cast needs a value"),
        })
    }
}

/// The values in the type, NULL where that is not possible.
pub(super) fn from_super_or_cast(array: &ArrayRef, field: &Field, target: &DataType) -> Result<ArrayRef> {
    let safe = CastOptions { safe: true, ..Default::default() };
    if !is_super(field) {
        return match super::marker::is_nested(array.data_type()) && !target.is_nested() {
            true => Ok(new_null_array(target, array.len())),
            false => Ok(cast_with_options(array, target, &safe)?),
        };
    }
    let texts = json::texts(array, field)?;
    let values = texts.iter().map(|text| Json::read(text?));
    match target {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
            let strings: StringArray = values.map(|value| string(value?)).collect();
            Ok(cast_with_options(&strings, target, &safe)?)
        }
        DataType::Boolean => {
            let strings: StringArray = values
                .map(|value| match value? {
                    Json::Bool(value) => Some(value.to_string()),
                    Json::String(text) => Some(text.trim().to_owned()),
                    Json::Number(text) => text.parse::<i128>().ok().map(|number| (number != 0).to_string()),
                    _ => None,
                })
                .collect();
            Ok(cast_with_options(&strings, target, &safe)?)
        }
        data_type if data_type.is_integer() => {
            let integers: Int64Array = values.map(|value| integer(&number(value?)?)).collect();
            // Unsigned numbers beyond those of 64 bits with a sign are no type of Redshift's.
            Ok(cast_with_options(&integers, target, &safe)?)
        }
        data_type if data_type.is_decimal() => decimals(values.map(|value| number(value?)), target, &safe),
        data_type if data_type.is_numeric() => {
            let strings: StringArray = values.map(|value| number(value?)).collect();
            Ok(cast_with_options(&strings, target, &safe)?)
        }
        data_type if data_type.is_temporal() => {
            let strings: StringArray = values
                .map(|value| match value? {
                    Json::String(text) => Some(text.trim().to_owned()),
                    _ => None,
                })
                .collect();
            Ok(cast_with_options(&strings, target, &safe)?)
        }
        _ => Ok(new_null_array(target, array.len())),
    }
}

fn string(value: Json<'_>) -> Option<String> {
    match value {
        Json::Bool(value) => Some(value.to_string()),
        Json::Number(text) => Some(text.to_owned()),
        Json::String(text) => Some(text.into_owned()),
        Json::Null | Json::Array(_) | Json::Object(_) => None,
    }
}

/// The text of a number.
fn number(value: Json<'_>) -> Option<String> {
    match value {
        Json::Bool(value) => Some(u8::from(value).to_string()),
        Json::Number(text) => Some(text.to_owned()),
        Json::String(text) => Some(text.trim().to_owned()),
        Json::Null | Json::Array(_) | Json::Object(_) => None,
    }
}

fn integer(text: &str) -> Option<i64> {
    const END: f64 = 9_223_372_036_854_775_808.0;
    if let Ok(integer) = text.parse() {
        return Some(integer);
    }
    let rounded = text.parse::<f64>().ok()?.round();
    (-END..END).contains(&rounded).then_some(rounded as i64)
}

/// Decimals from their digits, and those in the notation with an exponent by way of double precision.
fn decimals(
    texts: impl Iterator<Item = Option<String>>,
    target: &DataType,
    safe: &CastOptions<'_>,
) -> Result<ArrayRef> {
    let plain: StringArray = texts
        .map(|text| {
            let text = text?;
            match text.contains(['e', 'E']) {
                true => text.parse::<f64>().ok().filter(|number| number.is_finite()).map(|number| number.to_string()),
                false => Some(text),
            }
        })
        .collect();
    Ok(cast_with_options(&plain, target, safe)?)
}

/// The number of digits, and of those after the point, that the number is written with.
pub(super) fn digits(text: &str) -> Option<(usize, usize)> {
    let text = text.trim_start_matches('-');
    if text.contains(['e', 'E']) || text.parse::<f64>().is_err() {
        return None;
    }
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    Some((whole.len() + fraction.len(), fraction.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::semistructured::marker::super_field;
    use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};

    fn check(text: &str, target: DataType, expected: &str) {
        let array: ArrayRef = Arc::new(StringArray::from(vec![text]));
        let array = from_super_or_cast(&array, &super_field("x"), &target).unwrap();
        let options = FormatOptions::default().with_null("NULL");
        let shown = ArrayFormatter::try_new(&array, &options).unwrap().value(0).to_string();
        assert_eq!(shown, expected, "{text} as {target}");
    }

    #[test]
    fn what_is_no_value_of_the_type_is_null() {
        for (text, target, expected) in [
            ("\"Good\"", DataType::Int32, "NULL"),
            ("\" 12 \"", DataType::Int32, "12"),
            ("1.7", DataType::Int64, "2"),
            ("99999999999", DataType::Int32, "NULL"),
            ("9223372036854775807", DataType::Int64, "9223372036854775807"),
            ("1e400", DataType::Int64, "NULL"),
            ("true", DataType::Int32, "1"),
            ("5", DataType::Boolean, "true"),
            ("5.0", DataType::Boolean, "NULL"),
            ("\"f\"", DataType::Boolean, "false"),
            ("1.25e2", DataType::Decimal128(10, 2), "125.00"),
            ("0.7", DataType::Float64, "0.7"),
            ("\"x\"", DataType::Float64, "NULL"),
            ("\"2024-02-29\"", DataType::Date32, "2024-02-29"),
            ("20240229", DataType::Date32, "NULL"),
            ("\"a\\u00e9\"", DataType::Utf8, "aé"),
            ("12.50", DataType::Utf8, "12.50"),
            ("[1]", DataType::Utf8, "NULL"),
            ("{}", DataType::Utf8, "NULL"),
            ("null", DataType::Utf8, "NULL"),
        ] {
            check(text, target, expected);
        }
    }
}
