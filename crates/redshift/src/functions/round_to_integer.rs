//! What a cast to an integer does to a number with decimals.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Float32Type, Float64Type};
use datafusion::common::plan_err;
use datafusion::error::Result;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ExprSchemable, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};

use super::arguments::answer;

/// The name under which casts call it.
pub(crate) const ROUND_TO_INTEGER: &str = "redshift_round_to_integer";

/// A number rounded to a whole one of the same type, or of a decimal type without scale; what is no such number stays as it is.
///
/// Ties go away from zero, as Redshift's decimals do: `2.5 :: int` is 3.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct RoundToInteger {
    signature: Signature,
}

impl Default for RoundToInteger {
    fn default() -> Self {
        Self { signature: Signature::any(1, Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for RoundToInteger {
    fn name(&self) -> &str {
        ROUND_TO_INTEGER
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        match arguments {
            [number] => Ok(rounded_type(number)),
            _ => plan_err!("{ROUND_TO_INTEGER} has one argument"),
        }
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        let [argument] = args.arg_fields else { return plan_err!("{ROUND_TO_INTEGER} has one argument") };
        let data_type = self.return_type(&[argument.data_type().clone()])?;
        // Not more nullable than the argument, which may take its place.
        Ok(Field::new(ROUND_TO_INTEGER, data_type, argument.is_nullable()).into())
    }

    fn simplify(&self, mut args: Vec<Expr>, info: &SimplifyContext) -> Result<ExprSimplifyResult> {
        match args.as_slice() {
            [number] if is_whole(&number.get_type(info.schema())?) => {
                Ok(ExprSimplifyResult::Simplified(args.remove(0)))
            }
            _ => Ok(ExprSimplifyResult::Original(args)),
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let [numbers] = arrays.as_slice() else { return plan_err!("{ROUND_TO_INTEGER} has one argument") };
        let rounded: ArrayRef = match numbers.data_type() {
            DataType::Float64 => Arc::new(numbers.as_primitive::<Float64Type>().unary::<_, Float64Type>(f64::round)),
            DataType::Float32 => Arc::new(numbers.as_primitive::<Float32Type>().unary::<_, Float32Type>(f32::round)),
            // Casts between decimals round, and ties go away from zero.
            decimal @ (DataType::Decimal128(..) | DataType::Decimal256(..)) => cast(numbers, &rounded_type(decimal))?,
            _ => Arc::clone(numbers),
        };
        answer(&args.args, rounded)
    }
}

/// One digit more before the point: 9.9 becomes 10.
fn rounded_type(number: &DataType) -> DataType {
    match *number {
        DataType::Decimal128(precision, scale @ 1..) => {
            DataType::Decimal128((precision + 1).saturating_sub(scale.unsigned_abs()).clamp(1, 38), 0)
        }
        DataType::Decimal256(precision, scale @ 1..) => {
            DataType::Decimal256((precision + 1).saturating_sub(scale.unsigned_abs()).clamp(1, 76), 0)
        }
        _ => number.clone(),
    }
}

fn is_whole(number: &DataType) -> bool {
    !matches!(
        number,
        DataType::Float64 | DataType::Float32 | DataType::Decimal128(_, 1..) | DataType::Decimal256(_, 1..)
    )
}
