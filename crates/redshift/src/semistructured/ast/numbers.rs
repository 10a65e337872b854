//! Values where DataFusion wants a number or a boolean before it can be told of SUPER: arguments of arithmetic functions and
//! aggregates, operands of unary operators, and WHERE.

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, CastKind, DataType, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, UnaryOperator,
};

use super::names::is_path;
use super::scope::Scope;
use crate::rewrite::call;
use crate::semistructured::arithmetic::{NEGATIVE, NUMBER};

/// The functions whose arguments are numbers.
const NUMERIC: &[&str] = &[
    "abs",
    "avg",
    "cbrt",
    "ceil",
    "ceiling",
    "cos",
    "degrees",
    "exp",
    "floor",
    "ln",
    "log",
    "median",
    "mod",
    "pow",
    "power",
    "radians",
    "round",
    "sign",
    "sin",
    "sqrt",
    "stddev",
    "stddev_pop",
    "stddev_samp",
    "sum",
    "tan",
    "trunc",
    "var_pop",
    "var_samp",
    "variance",
];

/// Says of the values in such a place what is wanted of them.
pub(super) fn rewrite(expr: &mut Expr, scopes: &[Scope]) {
    match expr {
        Expr::UnaryOp { op: UnaryOperator::Minus, expr: value } if is_number(value, scopes) => {
            *expr = call(NEGATIVE, [value.as_ref().clone()]);
        }
        Expr::UnaryOp { op: UnaryOperator::Plus, expr } => to_number(expr, scopes),
        Expr::UnaryOp { op: UnaryOperator::Not, expr } => to_boolean(expr, scopes),
        Expr::Function(function) if is_one_of(function, NUMERIC) => arguments_to_numbers(function, scopes),
        _ => {}
    }
}

fn is_one_of(function: &Function, names: &[&str]) -> bool {
    let name = function.name.0.last().and_then(|name| name.as_ident());
    name.is_some_and(|name| names.contains(&name.value.to_lowercase().as_str()))
}

fn arguments_to_numbers(function: &mut Function, scopes: &[Scope]) {
    let FunctionArguments::List(list) = &mut function.args else { return };
    for arg in &mut list.args {
        if let FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) = arg {
            to_number(expr, scopes);
        }
    }
}

/// Of a SUPER value the number; other values stay what they are.
fn to_number(expr: &mut Expr, scopes: &[Scope]) {
    match expr {
        // DataFusion forgets of what type they are.
        Expr::Function(function) if is_one_of(function, &["min", "max"]) => arguments_to_numbers(function, scopes),
        expr if is_number(expr, scopes) => *expr = call(NUMBER, [expr.clone()]),
        _ => {}
    }
}

/// Whether the expression may be a number of SUPER: a column, a path, a call, or arithmetic with one. What turns out to be no
/// SUPER costs nothing.
fn is_number(expr: &Expr, scopes: &[Scope]) -> bool {
    use BinaryOperator::{Divide, Minus, Modulo, Multiply, Plus};
    match expr {
        Expr::Nested(expr) => is_number(expr, scopes),
        Expr::UnaryOp { op: UnaryOperator::Minus | UnaryOperator::Plus, expr } => is_number(expr, scopes),
        Expr::BinaryOp { left, op: Plus | Minus | Multiply | Divide | Modulo, right } => {
            is_number(left, scopes) || is_number(right, scopes)
        }
        Expr::Function(function) => !is_one_of(function, &[NUMBER, NEGATIVE]),
        Expr::Identifier(_) | Expr::CompoundIdentifier(_) | Expr::Case { .. } => true,
        expr => is_path(expr, scopes),
    }
}

/// Of a SUPER value the boolean.
pub(super) fn to_boolean(expr: &mut Expr, scopes: &[Scope]) {
    if is_path(expr, scopes) {
        let path = Box::new(expr.clone());
        let kind = CastKind::Cast;
        *expr = Expr::Cast { kind, expr: path, data_type: DataType::Boolean, array: false, format: None };
    }
}
