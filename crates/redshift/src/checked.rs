//! Arithmetic that fails where Redshift's does, in words that help: an integer out of range, and a division by zero. DataFusion
//! lets integers wrap around, and answers infinity in floating point.

use datafusion::arrow::array::{Array, ArrayRef, Datum};
use datafusion::arrow::compute::kernels::cmp::eq;
use datafusion::arrow::compute::kernels::numeric::{add, mul, sub};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::arrow::error::ArrowError;
use datafusion::common::{DFSchema, exec_datafusion_err, exec_err, internal_err};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::expr::BinaryExpr;
use datafusion::logical_expr::type_coercion::binary::BinaryTypeCoercer;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ExprSchemable, Operator, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl,
    Signature, Volatility,
};
use datafusion::physical_expr_common::datum::apply;
use datafusion::scalar::ScalarValue;

/// The operation in its checked form; `None` if there is nothing to check.
pub(crate) fn checked(binary: &BinaryExpr, schema: &DFSchema) -> Option<Expr> {
    let BinaryExpr { left, op, right } = binary;
    let types = (type_of(left, schema)?, type_of(right, schema)?);
    match op {
        Operator::Plus | Operator::Minus | Operator::Multiply if types.0.is_integer() && types.1.is_integer() => {
            let returns = BinaryTypeCoercer::new(&types.0, op, &types.1).get_result_type().ok()?;
            // Of an integer without a sign and one with it a decimal is made.
            if !returns.is_integer() {
                return None;
            }
            let (mut operators, mut operands) = match chain(left) {
                // One call of many operands: DataFusion asks for the type and the name of a call at every step, and of all
                // calls in it.
                Some((before, operands)) if before.returns == types.1 => (before.operators.clone(), operands.to_vec()),
                _ => (vec![], vec![left.as_ref().clone()]),
            };
            operators.push(*op);
            operands.push(right.as_ref().clone());
            Some(ScalarUDF::from(Checked { operators, returns, signature: signature() }).call(operands))
        }
        Operator::Divide | Operator::Modulo if types.0.is_numeric() && types.1.is_numeric() && !is_constant(right) => {
            let divisor = ScalarUDF::from(Divisor { signature: signature() }).call(vec![right.as_ref().clone()]);
            Some(Expr::BinaryExpr(BinaryExpr::new(left.clone(), *op, Box::new(divisor))))
        }
        _ => None,
    }
}

/// Whether the expression is arithmetic that has been checked.
pub(crate) fn is_checked(expr: &Expr) -> bool {
    chain(expr).is_some()
}

fn chain(expr: &Expr) -> Option<(&Checked, &[Expr])> {
    let Expr::ScalarFunction(call) = expr else { return None };
    call.func.inner().downcast_ref::<Checked>().map(|checked| (checked, call.args.as_slice()))
}

fn type_of(expr: &Expr, schema: &DFSchema) -> Option<DataType> {
    match chain(expr) {
        Some((checked, _)) => Some(checked.returns.clone()),
        None => expr.get_type(schema).ok(),
    }
}

fn signature() -> Signature {
    Signature::user_defined(Volatility::Immutable)
}

/// Whether it is a number that can be divided by.
fn is_constant(divisor: &Expr) -> bool {
    matches!(divisor, Expr::Literal(value, _) if ScalarValue::new_zero(&value.data_type()).is_ok_and(|zero| zero != *value))
}

/// `a + b - c * d` of integers, each operator of what is before it and the next operand. NULL of NULL; fails of what is out of
/// range.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Checked {
    /// Each is `+`, `-` or `*`.
    operators: Vec<Operator>,
    returns: DataType,
    signature: Signature,
}

fn compute(left: &dyn Datum, operator: Operator, right: &dyn Datum) -> std::result::Result<ArrayRef, ArrowError> {
    match operator {
        Operator::Plus => add(left, right),
        Operator::Minus => sub(left, right),
        _ => mul(left, right),
    }
}

impl ScalarUDFImpl for Checked {
    fn name(&self) -> &str {
        match self.operators.as_slice() {
            [Operator::Plus, rest @ ..] if rest.iter().all(|other| *other == Operator::Plus) => "checked_plus",
            [Operator::Minus] => "checked_minus",
            [Operator::Multiply, rest @ ..] if rest.iter().all(|other| *other == Operator::Multiply) => "checked_times",
            _ => "checked",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let ([left, right, others @ ..], Some(operator)) = (types, self.operators.first()) else {
            return internal_err!("arithmetic has two operands");
        };
        let (left, right) = BinaryTypeCoercer::new(left, operator, right).get_input_types()?;
        Ok([left, right].into_iter().chain(others.iter().cloned()).collect())
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(self.returns.clone())
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let nullable = args.arg_fields.iter().any(|field| field.is_nullable());
        Ok(Field::new(self.name(), self.returns.clone(), nullable).into())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let mut operands = args.args.into_iter();
        let Some(first) = operands.next() else { return internal_err!("arithmetic has two operands") };
        operands.zip(&self.operators).try_fold(first, |left, (right, operator)| {
            apply(&left, &right, |left, right| compute(left, *operator, right)).map_err(|error| match &error {
                DataFusionError::ArrowError(inner, _) => match inner.as_ref() {
                    ArrowError::ArithmeticOverflow(fact) => {
                        let wider = if self.returns == DataType::Int64 { "" } else { "BIGINT, or to " };
                        exec_datafusion_err!(
                            "an integer is out of range ({fact}); cast an operand to {wider}DECIMAL(38, 0)"
                        )
                    }
                    _ => error,
                },
                _ => error,
            })
        })
    }
}

/// A number as it is; fails of zero.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Divisor {
    signature: Signature,
}

impl ScalarUDFImpl for Divisor {
    fn name(&self) -> &str {
        "checked_divisor"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        Ok(types.to_vec())
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        Ok(types.first().cloned().unwrap_or(DataType::Float64))
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let Some(field) = args.arg_fields.first() else { return internal_err!("a divisor is one number") };
        Ok(Field::new(self.name(), field.data_type().clone(), field.is_nullable()).into())
    }

    fn invoke_with_args(&self, mut args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let Some(divisor) = args.args.pop() else { return internal_err!("a divisor is one number") };
        let has_zero = match &divisor {
            ColumnarValue::Array(array) => has_zero(array)?,
            ColumnarValue::Scalar(value) => has_zero(&value.to_array()?)?,
        };
        match has_zero {
            true => exec_err!("a number is divided by zero; NULLIF(divisor, 0) makes NULL of it"),
            false => Ok(divisor),
        }
    }
}

fn has_zero(numbers: &ArrayRef) -> Result<bool> {
    let zero = ScalarValue::new_zero(numbers.data_type())?.to_scalar()?;
    Ok(eq(numbers, &zero)?.has_true())
}
