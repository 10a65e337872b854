//! `LIKE` with an escape character of its own, and `SIMILAR TO`.

use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr, UnaryOperator, Value};

use super::calls::{call, take};
use crate::functions::{LIKE_PATTERN, SIMILAR_PATTERN};

/// DataFusion's LIKE escapes with a backslash only, and its SIMILAR TO is a regular expression.
pub(crate) fn respell(expr: &mut Expr) {
    match expr {
        Expr::Like { pattern, escape_char, .. } | Expr::ILike { pattern, escape_char, .. } => {
            if let Some(escape) = escape_char.take()
                && !matches!(&escape.value, Value::SingleQuotedString(escape) if escape == "\\")
            {
                **pattern = call(LIKE_PATTERN, [take(pattern), Expr::Value(escape)]);
            }
        }
        Expr::SimilarTo { negated, expr: text, pattern, escape_char } => {
            let escape = match escape_char.take() {
                Some(escape) => Expr::Value(escape),
                None => Expr::value(Value::SingleQuotedString("\\".to_owned())),
            };
            let pattern = call(SIMILAR_PATTERN, [take(pattern), escape]);
            let (left, right) = (Box::new(take(text)), Box::new(pattern));
            let matches = Expr::Nested(Box::new(Expr::BinaryOp { left, op: BinaryOperator::PGRegexMatch, right }));
            *expr = match *negated {
                true => Expr::UnaryOp { op: UnaryOperator::Not, expr: Box::new(matches) },
                false => matches,
            };
        }
        _ => {}
    }
}
