//! Arithmetic with SUPER: what is whole stays whole, what is no number makes NULL.
//!
//! The answer of an operator is SUPER. Of two integers it is an integer, and a quotient is cut, as Redshift's is; any other
//! numbers are taken in double precision. NULL of NULL. Fails of a division by zero, and of what is out of range.

use std::ops::{Add, Div, Mul, Rem, Sub};
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Float64Array, StringBuilder};
use datafusion::arrow::compute::kernels::numeric::neg;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::exec_err;
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, Operator, ReturnFieldArgs};

use super::function::{Arguments, Function, Returns, call};
use super::json::Json;
use super::marker::{is_super, super_field};

/// The name of [`number`] in statements.
pub(super) const NUMBER: &str = "super_number";

/// The name of [`negative`] in statements.
pub(super) const NEGATIVE: &str = "super_negative";

/// A SUPER value as the argument of a function of numbers: NULL of what is no number, though its text may read as one. Any
/// other value is as it was.
pub(super) fn number() -> Function {
    Function { name: NUMBER, arguments: 1..=1, returns: Returns::Computed(number_field), invoke: numbers }
}

/// A value with the other sign, of SUPER as of numbers.
pub(super) fn negative() -> Function {
    Function { name: NEGATIVE, arguments: 1..=1, returns: Returns::Computed(negative_field), invoke: negatives }
}

/// The operation; `None` if the operator is not of arithmetic.
pub(super) fn arithmetic(left: Expr, operator: Operator, right: Expr) -> Option<Expr> {
    type Invoke = fn(&Arguments) -> Result<ArrayRef>;
    let (name, invoke): (_, Invoke) = match operator {
        Operator::Plus => ("super_plus", |args| compute(args, i64::checked_add, f64::add)),
        Operator::Minus => ("super_minus", |args| compute(args, i64::checked_sub, f64::sub)),
        Operator::Multiply => ("super_times", |args| compute(args, i64::checked_mul, f64::mul)),
        Operator::Divide => ("super_by", |args| divide(args, i64::checked_div, f64::div)),
        Operator::Modulo => ("super_modulo", |args| divide(args, i64::checked_rem, f64::rem)),
        _ => return None,
    };
    Some(call(Function { name, arguments: 2..=2, returns: Returns::Super, invoke }, vec![left, right]))
}

/// A number of JSON.
#[derive(Clone, Copy)]
pub(super) enum Number {
    Whole(i64),
    Double(f64),
}

impl Number {
    pub(super) fn read(text: &str) -> Option<Self> {
        match Json::read(text)? {
            Json::Number(text) => text.parse().map(Self::Whole).or_else(|_| text.parse().map(Self::Double)).ok(),
            _ => None,
        }
    }

    fn double(self) -> f64 {
        match self {
            Self::Whole(number) => number as f64,
            Self::Double(number) => number,
        }
    }

    /// The number in JSON; fails if there is none, because it is out of range.
    pub(super) fn text(number: Option<Self>) -> Result<String> {
        match number {
            Some(Self::Whole(number)) => Ok(number.to_string()),
            // 3.0 stays a number with decimals.
            Some(Self::Double(number)) if number.is_finite() => Ok(format!("{number:?}")),
            _ => exec_err!("a number computed from SUPER is out of range; cast an operand to FLOAT or DECIMAL"),
        }
    }
}

type Whole = fn(i64, i64) -> Option<i64>;
type Double = fn(f64, f64) -> f64;

fn divide(args: &Arguments, whole: Whole, double: Double) -> Result<ArrayRef> {
    let (dividends, divisors) = (args.texts(0)?, args.texts(1)?);
    let is_number = |text: Option<&str>| text.and_then(Number::read).is_some();
    let is_zero = |row: &usize| divisors.get(*row).and_then(Number::read).is_some_and(|by| by.double() == 0.0);
    if (0..args.rows).any(|row| is_zero(&row) && is_number(dividends.get(row))) {
        return exec_err!("a number is divided by zero; NULLIF(divisor, 0) makes NULL of it");
    }
    compute(args, whole, double)
}

fn compute(args: &Arguments, whole: Whole, double: Double) -> Result<ArrayRef> {
    let (left, right) = (args.texts(0)?, args.texts(1)?);
    let mut out = StringBuilder::new();
    for row in 0..args.rows {
        let read = |text: Option<&str>| text.and_then(Number::read);
        let Some((left, right)) = read(left.get(row)).zip(read(right.get(row))) else {
            out.append_null();
            continue;
        };
        let answer = match (left, right) {
            (Number::Whole(left), Number::Whole(right)) => whole(left, right).map(Number::Whole),
            _ => Some(Number::Double(double(left.double(), right.double()))),
        };
        push(answer, &mut out)?;
    }
    Ok(Arc::new(out.finish()))
}

fn push(number: Option<Number>, out: &mut StringBuilder) -> Result<()> {
    out.append_value(Number::text(number)?);
    Ok(())
}

fn number_field(args: &ReturnFieldArgs<'_>) -> Result<FieldRef> {
    Ok(match is_super(&args.arg_fields[0]) {
        true => Arc::new(Field::new(NUMBER, DataType::Float64, true)),
        false => Arc::clone(&args.arg_fields[0]),
    })
}

fn numbers(args: &Arguments) -> Result<ArrayRef> {
    if !is_super(&args.fields[0]) {
        return args.array(0);
    }
    let texts = args.texts(0)?;
    let numbers = (0..args.rows).map(|row| Number::read(texts.get(row)?).map(Number::double));
    Ok(Arc::new(numbers.collect::<Float64Array>()))
}

fn negative_field(args: &ReturnFieldArgs<'_>) -> Result<FieldRef> {
    Ok(match is_super(&args.arg_fields[0]) {
        true => super_field(NEGATIVE),
        false => Arc::clone(&args.arg_fields[0]),
    })
}

fn negatives(args: &Arguments) -> Result<ArrayRef> {
    if !is_super(&args.fields[0]) {
        return Ok(neg(&args.array(0)?)?);
    }
    let texts = args.texts(0)?;
    let mut out = StringBuilder::new();
    for row in 0..args.rows {
        match texts.get(row).and_then(Number::read) {
            None => out.append_null(),
            Some(Number::Whole(number)) => push(number.checked_neg().map(Number::Whole), &mut out)?,
            Some(Number::Double(number)) => push(Some(Number::Double(-number)), &mut out)?,
        }
    }
    Ok(Arc::new(out.finish()))
}
