//! Values that become text because text is wanted: `timestamp LIKE '2017-%'`, `1 || 'a'`, `LPAD(7, 2, '0')`.

use datafusion::sql::sqlparser::ast::{BinaryOperator, DataType, Expr, Value};

use super::calls::{call, is_call_of};
use crate::functions::TEXT;

/// Makes the operands of LIKE, ILIKE, SIMILAR TO and `||` text.
pub(crate) fn respell(expr: &mut Expr) {
    match expr {
        Expr::Like { expr, .. } | Expr::ILike { expr, .. } | Expr::SimilarTo { expr, .. } => make_text(expr),
        Expr::BinaryOp { left, op: BinaryOperator::StringConcat, right } => {
            make_text(left);
            make_text(right);
        }
        _ => {}
    }
}

/// Wraps an expression that may not be text; a text, and a nested value, stays what it is.
pub(crate) fn make_text(expr: &mut Expr) {
    let is_text = match &*expr {
        Expr::Value(value) => {
            matches!(value.value, Value::SingleQuotedString(_) | Value::EscapedStringLiteral(_) | Value::Null)
        }
        Expr::BinaryOp { op: BinaryOperator::StringConcat, .. } => true,
        Expr::Cast { data_type: DataType::Varchar(_), .. } => true,
        other => is_call_of(other, TEXT),
    };
    if !is_text {
        let value = std::mem::replace(expr, Expr::value(Value::Null));
        *expr = call(TEXT, [value]);
    }
}
