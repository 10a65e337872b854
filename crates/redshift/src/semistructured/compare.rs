//! Comparisons of SUPER with SUPER and with any other value, by the types that the values turn out to have.
//!
//! `=` compares keys, which are text, so that a join on SUPER is a hash join: values of different types differ. The ordering
//! operators answer NULL for values of different types and for objects and arrays. NULL of NULL.

use std::cmp::Ordering;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BinaryBuilder, BooleanArray, Float64Array, StringBuilder};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, Operator, ReturnFieldArgs};

use super::function::{Arguments, Function, Returns, call};
use super::json::{self, Json};
use super::marker::is_super;

/// The text that equal values share.
pub(super) fn key(value: Expr) -> Expr {
    call(
        Function { name: "super_key", arguments: 1..=1, returns: Returns::Type(DataType::Utf8), invoke: keys },
        vec![value],
    )
}

/// Bytes that sort as ORDER BY sorts the values.
pub(super) fn order_key(value: Expr) -> Expr {
    let returns = Returns::Type(DataType::Binary);
    call(Function { name: "super_order", arguments: 1..=1, returns, invoke: order_keys }, vec![value])
}

/// The name of [`number`] in statements.
pub(super) const NUMBER: &str = "super_number";

/// A SUPER value as an operand of arithmetic: NULL of what is no number, though its text may read as one. Any other value
/// is as it was.
pub(super) fn number() -> Function {
    Function { name: NUMBER, arguments: 1..=1, returns: Returns::Computed(number_field), invoke: numbers }
}

/// The call of [`number`].
pub(super) fn operand(value: Expr) -> Expr {
    call(number(), vec![value])
}

/// The comparison; `None` if the operator is no comparison.
pub(super) fn comparison(left: Expr, operator: Operator, right: Expr) -> Option<Expr> {
    type Invoke = fn(&Arguments) -> Result<ArrayRef>;
    let (name, invoke): (_, Invoke) = match operator {
        Operator::Eq => return Some(key(left).eq(key(right))),
        Operator::NotEq => return Some(key(left).not_eq(key(right))),
        Operator::Lt => ("super_lt", |args| compare(args, Ordering::is_lt)),
        Operator::LtEq => ("super_lt_eq", |args| compare(args, Ordering::is_le)),
        Operator::Gt => ("super_gt", |args| compare(args, Ordering::is_gt)),
        Operator::GtEq => ("super_gt_eq", |args| compare(args, Ordering::is_ge)),
        _ => return None,
    };
    let function = Function { name, arguments: 2..=2, returns: Returns::Type(DataType::Boolean), invoke };
    Some(call(function, vec![left, right]))
}

fn keys(args: &Arguments) -> Result<ArrayRef> {
    let texts = args.texts(0)?;
    let mut out = StringBuilder::new();
    let mut key = String::new();
    for row in 0..args.rows {
        key.clear();
        match texts.get(row).is_some_and(|text| json::push_key(text, &mut key)) {
            true => out.append_value(&key),
            false => out.append_null(),
        }
    }
    Ok(Arc::new(out.finish()))
}

fn order_keys(args: &Arguments) -> Result<ArrayRef> {
    let texts = args.texts(0)?;
    let mut out = BinaryBuilder::new();
    let mut key = Vec::new();
    for row in 0..args.rows {
        key.clear();
        match texts.get(row).is_some_and(|text| json::push_order_key(text, &mut key)) {
            true => out.append_value(&key),
            false => out.append_null(),
        }
    }
    Ok(Arc::new(out.finish()))
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
    let numbers = (0..args.rows).map(|row| match Json::read(texts.get(row)?)? {
        Json::Number(text) => text.parse().ok(),
        _ => None,
    });
    Ok(Arc::new(numbers.collect::<Float64Array>()))
}

fn compare(args: &Arguments, holds: fn(Ordering) -> bool) -> Result<ArrayRef> {
    let (left, right) = (args.texts(0)?, args.texts(1)?);
    let compared = (0..args.rows).map(|row| json::compare(left.get(row)?, right.get(row)?).map(holds));
    Ok(Arc::new(compared.collect::<BooleanArray>()))
}
