//! Literals with a point beside decimals. DataFusion reads them as numbers of double precision, which 0.1 is not.

use datafusion::arrow::datatypes::{DECIMAL128_MAX_PRECISION, DataType};
use datafusion::common::DFSchema;
use datafusion::error::Result;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{BinaryExpr, Expr, ExprSchemable, cast, lit};
use datafusion::scalar::ScalarValue;
use datafusion::sql::sqlparser::ast::BinaryOperator;

/// As many digits as a double keeps.
const DIGITS: usize = 15;

/// Makes such a literal a decimal where it is added, multiplied or compared with a decimal or another literal: `0.1 + 0.2` is
/// 0.3. Where the result might have too many digits, and beside anything else, it stays one of double precision; so does the
/// quotient of literals, of which a decimal would have few digits.
#[derive(Debug)]
pub(crate) struct DecimalPlanner;

impl ExprPlanner for DecimalPlanner {
    fn plan_binary_op(&self, binary: RawBinaryExpr, schema: &DFSchema) -> Result<PlannerResult<RawBinaryExpr>> {
        use BinaryOperator::{Divide, Eq, Gt, GtEq, Lt, LtEq, Minus, Modulo, Multiply, NotEq, Plus};
        let RawBinaryExpr { op, left, right } = binary;
        let (left, right) = match op {
            Plus | Minus | Multiply | Eq | NotEq | Lt | LtEq | Gt | GtEq => {
                let beside = |literal: &Expr, other: &Expr| {
                    let decimal = decimal(literal)?;
                    let other = type_of(other, schema)?;
                    holds(&op, &decimal.data_type(), &other).then(|| lit(decimal))
                };
                let (new_left, new_right) = (beside(&left, &right), beside(&right, &left));
                (new_left.unwrap_or(left), new_right.unwrap_or(right))
            }
            Divide | Modulo if is_constant(&left) && left.get_type(schema).is_ok_and(|given| given.is_decimal()) => {
                (cast(left, DataType::Float64), right)
            }
            _ => (left, right),
        };
        Ok(PlannerResult::Original(RawBinaryExpr { op, left, right }))
    }
}

/// The literal as a decimal; `None` of what is no literal of double precision, or has too many digits.
fn decimal(literal: &Expr) -> Option<ScalarValue> {
    let Expr::Literal(ScalarValue::Float64(Some(number)), _) = literal else { return None };
    let text = number.to_string();
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let value: i128 = format!("{whole}{fraction}").parse().ok()?;
    let digits = value.unsigned_abs().to_string().len().max(fraction.len());
    let (precision, scale) = (u8::try_from(digits).ok()?, i8::try_from(fraction.len()).ok()?);
    (digits <= DIGITS).then_some(ScalarValue::Decimal128(Some(value), precision, scale))
}

/// The type of a decimal, or of a literal as one; `None` of anything else.
fn type_of(operand: &Expr, schema: &DFSchema) -> Option<DataType> {
    match operand {
        Expr::Literal(ScalarValue::Int64(Some(number)), _) => {
            let digits = number.unsigned_abs().to_string().len();
            Some(DataType::Decimal128(u8::try_from(digits).ok()?, 0))
        }
        literal @ Expr::Literal(ScalarValue::Float64(_), _) => decimal(literal).map(|decimal| decimal.data_type()),
        other => other.get_type(schema).ok().filter(|given| matches!(given, DataType::Decimal128(..))),
    }
}

/// Whether a decimal holds what the operator makes of two of these types.
fn holds(op: &BinaryOperator, left: &DataType, right: &DataType) -> bool {
    let (DataType::Decimal128(left, left_scale), DataType::Decimal128(right, right_scale)) = (left, right) else {
        return false;
    };
    let whole = |precision: u8, scale: i8| i16::from(precision) - i16::from(scale);
    let digits = match op {
        BinaryOperator::Multiply => i16::from(*left) + i16::from(*right) + 1,
        _ => whole(*left, *left_scale).max(whole(*right, *right_scale)) + i16::from(*left_scale.max(right_scale)),
    };
    digits <= i16::from(DECIMAL128_MAX_PRECISION)
}

/// Whether it is computed of literals alone.
fn is_constant(expr: &Expr) -> bool {
    match expr {
        Expr::Literal(..) => true,
        Expr::BinaryExpr(BinaryExpr { left, right, .. }) => is_constant(left) && is_constant(right),
        _ => false,
    }
}
