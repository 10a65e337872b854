//! Values that become text because text is wanted: `timestamp LIKE '2017-%'`, `1 || 'a'`, `LPAD(7, 2, '0')`; and blanks at
//! the end of a text, which mean nothing where texts are compared: `name <> ' '`.

use datafusion::sql::sqlparser::ast::{BinaryOperator, DataType, Expr, Value};

use super::calls::{call, is_call_of};
use crate::functions::TEXT;
use crate::operators::{compares, operator};

/// Makes the operands of LIKE, ILIKE, SIMILAR TO and `||` text, and compares with a literal that ends in blanks without the
/// blanks of either side.
///
/// Source: [significance of trailing blanks](https://docs.aws.amazon.com/redshift/latest/dg/r_Character_types.html).
pub(crate) fn respell(expr: &mut Expr) {
    match expr {
        Expr::Like { expr, .. } | Expr::ILike { expr, .. } | Expr::SimilarTo { expr, .. } => make_text(expr),
        Expr::BinaryOp { left, op: BinaryOperator::StringConcat, right } => {
            make_text(left);
            make_text(right);
        }
        Expr::BinaryOp { left, op, right } if operator(op).is_some_and(compares) => {
            if take_blanks(right) {
                trim(left);
            } else if take_blanks(left) {
                trim(right);
            }
        }
        _ => {}
    }
}

/// Takes the blanks from the end of a literal; answers whether there were any.
fn take_blanks(expr: &mut Expr) -> bool {
    match expr {
        Expr::Value(value) => match &mut value.value {
            Value::SingleQuotedString(text) if text.ends_with(' ') => {
                text.truncate(text.trim_end_matches(' ').len());
                true
            }
            _ => false,
        },
        _ => false,
    }
}

fn trim(expr: &mut Expr) {
    make_text(expr);
    let value = std::mem::replace(expr, Expr::value(Value::Null));
    *expr = call("rtrim", [value]);
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
