//! Paths where DataFusion wants a number or a boolean before it can be told of SUPER: arguments of arithmetic functions and
//! aggregates, operands of unary operators, and WHERE.

use datafusion::sql::sqlparser::ast::{
    CastKind, DataType, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList, FunctionArguments, Ident,
    ObjectName, UnaryOperator,
};

use super::names::is_path;
use super::scope::Scope;
use crate::semistructured::compare::NUMBER;

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

/// Says of the paths in such a place what is wanted of them.
pub(super) fn rewrite(expr: &mut Expr, scopes: &[Scope]) {
    match expr {
        Expr::UnaryOp { op: UnaryOperator::Minus | UnaryOperator::Plus, expr } => to_number(expr, scopes),
        Expr::UnaryOp { op: UnaryOperator::Not, expr } => to_boolean(expr, scopes),
        Expr::Function(function) => {
            let name = function.name.0.last().and_then(|name| name.as_ident());
            let is_numeric = name.is_some_and(|name| NUMERIC.contains(&name.value.to_lowercase().as_str()));
            if let (true, FunctionArguments::List(list)) = (is_numeric, &mut function.args) {
                for arg in &mut list.args {
                    if let FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) = arg {
                        to_number(expr, scopes);
                    }
                }
            }
        }
        _ => {}
    }
}

/// Of a SUPER value the number; other values stay what they are.
fn to_number(expr: &mut Expr, scopes: &[Scope]) {
    if !is_path(expr, scopes) {
        return;
    }
    let args = vec![FunctionArg::Unnamed(FunctionArgExpr::Expr(expr.clone()))];
    *expr = Expr::Function(Function {
        name: ObjectName::from(vec![Ident::new(NUMBER)]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList { duplicate_treatment: None, args, clauses: vec![] }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: vec![],
    });
}

/// Of a SUPER value the boolean.
pub(super) fn to_boolean(expr: &mut Expr, scopes: &[Scope]) {
    if is_path(expr, scopes) {
        let path = Box::new(expr.clone());
        let kind = CastKind::Cast;
        *expr = Expr::Cast { kind, expr: path, data_type: DataType::Boolean, array: false, format: None };
    }
}
