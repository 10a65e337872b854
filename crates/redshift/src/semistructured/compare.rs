//! Comparisons of SUPER with SUPER and with any other value, by the types that the values turn out to have.
//!
//! `=` compares keys, which are text, so that a join on SUPER is a hash join: values of different types differ. The ordering
//! operators answer NULL for values of different types and for objects and arrays. NULL of NULL; NULL is not distinct from
//! NULL.

use std::cmp::Ordering;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BooleanArray, StringBuilder};
use datafusion::arrow::datatypes::DataType;
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, Operator, binary_expr};

use super::function::{Arguments, Function, Returns, call};
use super::json;

/// The text that equal values share.
pub(super) fn key(value: Expr) -> Expr {
    call(
        Function { name: "super_key", arguments: 1..=1, returns: Returns::Type(DataType::Utf8), invoke: keys },
        vec![value],
    )
}

/// Text that sorts as ORDER BY sorts the values.
pub(super) fn order_key(value: Expr) -> Expr {
    let returns = Returns::Type(DataType::Utf8);
    call(Function { name: "super_order", arguments: 1..=1, returns, invoke: order_keys }, vec![value])
}

/// The comparison; `None` if the operator is no comparison.
pub(super) fn comparison(left: Expr, operator: Operator, right: Expr) -> Option<Expr> {
    type Invoke = fn(&Arguments) -> Result<ArrayRef>;
    let (name, invoke): (_, Invoke) = match operator {
        Operator::Eq | Operator::NotEq | Operator::IsDistinctFrom | Operator::IsNotDistinctFrom => {
            return Some(binary_expr(key(left), operator, key(right)));
        }
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
    texts_by(args, json::push_key)
}

fn order_keys(args: &Arguments) -> Result<ArrayRef> {
    texts_by(args, json::push_order_key)
}

/// Of every value the text that the closure appends; NULL if it says no.
fn texts_by(args: &Arguments, push: fn(&str, &mut String) -> bool) -> Result<ArrayRef> {
    let texts = args.texts(0)?;
    let mut out = StringBuilder::new();
    let mut key = String::new();
    for row in 0..args.rows {
        key.clear();
        match texts.get(row).is_some_and(|text| push(text, &mut key)) {
            true => out.append_value(&key),
            false => out.append_null(),
        }
    }
    Ok(Arc::new(out.finish()))
}

fn compare(args: &Arguments, holds: fn(Ordering) -> bool) -> Result<ArrayRef> {
    let (left, right) = (args.texts(0)?, args.texts(1)?);
    let compared = (0..args.rows).map(|row| json::compare(left.get(row)?, right.get(row)?).map(holds));
    Ok(Arc::new(compared.collect::<BooleanArray>()))
}
