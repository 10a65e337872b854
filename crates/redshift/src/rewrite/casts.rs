//! Casts: to integers they round, to decimals they read literals digit by digit, to dates they read more than ISO 8601, to
//! text they write dates as Redshift does, and to `VARCHAR(n)` and `CHAR(n)` they cut.

use std::ops::ControlFlow;

use datafusion::common::{not_impl_err, plan_err};
use datafusion::error::Result;
use datafusion::sql::sqlparser::ast::{
    CastKind, CharacterLength, DataType, Expr, UnaryOperator, Value, VisitMut, VisitorMut,
};

use super::calls::{call, is_call_of};
use super::text::make_text;
use crate::functions::{CAST_NAME, ISO_DATETIME, ROUND_TO_INTEGER, is_iso};

pub(crate) fn respell(expr: &mut Expr) -> Result<()> {
    respell_convert(expr)?;
    let Expr::Cast { expr: value, data_type, array: false, .. } = expr else { return Ok(()) };
    if is_integer(data_type) {
        if !is_whole(value) {
            wrap(value, ROUND_TO_INTEGER);
        }
    } else if matches!(data_type, DataType::Date | DataType::Timestamp(..) | DataType::Datetime(_)) {
        if !is_date(value) {
            wrap(value, ISO_DATETIME);
        }
    } else if matches!(data_type, DataType::Numeric(_) | DataType::Decimal(_) | DataType::Dec(_)) {
        keep_digits(value);
    } else if let Some(length) = text_length(data_type) {
        // The blanks that fill a CHAR up mean nothing.
        let is_padded = matches!(data_type, DataType::Char(_) | DataType::Character(_));
        make_text(value);
        if let Some(length) = length {
            // The length goes to LEFT, so that a statement that is rewritten again is not cut again.
            *data_type = DataType::Varchar(None);
            let cast = std::mem::replace(expr, Expr::value(Value::Null));
            *expr = call("left", [cast, Expr::value(Value::Number(length.to_string(), false))]);
            if is_padded {
                make_text(expr);
                *expr = call("rtrim", [std::mem::replace(expr, Expr::value(Value::Null))]);
            }
        }
    }
    Ok(())
}

/// Lets all casts of a statement say their types in the names that DataFusion makes of expressions, which say nothing of
/// casts: two aggregates that differ in them only would have one name.
pub(crate) fn tell_apart(statement: &mut impl VisitMut) {
    struct Casts;

    impl VisitorMut for Casts {
        type Break = ();

        fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
            if let Expr::Cast { expr: value, data_type, .. } = expr
                && !matches!(value.as_ref(), Expr::Value(value) if value.value != Value::Null)
            {
                let name = Expr::value(Value::SingleQuotedString(data_type.to_string()));
                *expr = call(CAST_NAME, [std::mem::replace(expr, Expr::value(Value::Null)), name]);
            }
            ControlFlow::Continue(())
        }
    }

    let _ = statement.visit(&mut Casts);
}

fn wrap(value: &mut Expr, function: &str) {
    let inner = std::mem::replace(value, Expr::value(Value::Null));
    *value = call(function, [inner]);
}

/// Whether there is no other way to read it.
fn is_date(expr: &Expr) -> bool {
    match expr {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) => is_iso(text),
            _ => true,
        },
        Expr::Nested(inner) => is_date(inner),
        Expr::Cast { data_type: DataType::Date | DataType::Timestamp(..), .. } => true,
        other => is_call_of(other, ISO_DATETIME),
    }
}

/// `CONVERT(type, value)` is `CAST(value AS type)`.
fn respell_convert(expr: &mut Expr) -> Result<()> {
    let Expr::Convert { expr: value, data_type, charset, styles, is_try, .. } = expr else { return Ok(()) };
    if charset.is_some() || !styles.is_empty() || *is_try {
        return not_impl_err!("CONVERT with a character set or a style; write CONVERT(type, value)");
    }
    let Some(data_type) = data_type.take() else {
        return plan_err!("CONVERT needs a type and a value: CONVERT(type, value)");
    };
    let value = std::mem::replace(value.as_mut(), Expr::value(Value::Null));
    *expr = Expr::Cast { kind: CastKind::Cast, expr: Box::new(value), data_type, array: false, format: None };
    Ok(())
}

fn is_integer(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::SmallInt(_)
            | DataType::Int2(_)
            | DataType::Int(_)
            | DataType::Integer(_)
            | DataType::Int4(_)
            | DataType::BigInt(_)
            | DataType::Int8(_)
    )
}

/// Whether there is nothing to round.
fn is_whole(expr: &Expr) -> bool {
    match expr {
        Expr::Value(value) => match &value.value {
            Value::Number(digits, _) => digits.bytes().all(|digit| digit.is_ascii_digit()),
            _ => true,
        },
        Expr::Nested(inner) => is_whole(inner),
        other => is_call_of(other, ROUND_TO_INTEGER),
    }
}

/// Lets a literal with decimals be read as a text, digit by digit, where a decimal is wanted: as a number it would be one of double
/// precision, and 1.005 is less than it says.
pub fn keep_digits(expr: &mut Expr) {
    match expr {
        Expr::Nested(inner) => keep_digits(inner),
        Expr::UnaryOp { op: UnaryOperator::Minus, expr: inner } => {
            if let Some(digits) = digits(inner) {
                *expr = Expr::value(Value::SingleQuotedString(format!("-{digits}")));
            }
        }
        other => {
            if let Some(digits) = digits(other) {
                *other = Expr::value(Value::SingleQuotedString(digits));
            }
        }
    }
}

fn digits(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Value(value) => match &value.value {
            Value::Number(digits, _) if !digits.contains(['e', 'E']) => Some(digits.clone()),
            _ => None,
        },
        _ => None,
    }
}

/// `None` for types that are not text; the length at which a cast cuts, if there is one. Redshift counts bytes, we count
/// characters.
fn text_length(data_type: &DataType) -> Option<Option<u64>> {
    match data_type {
        // CHAR is CHAR(1).
        DataType::Char(None) | DataType::Character(None) => Some(Some(1)),
        DataType::Char(length)
        | DataType::Character(length)
        | DataType::Varchar(length)
        | DataType::CharVarying(length)
        | DataType::CharacterVarying(length)
        | DataType::Nvarchar(length) => match length {
            Some(CharacterLength::IntegerLength { length, .. }) => Some(Some(*length)),
            Some(CharacterLength::Max) | None => Some(None),
        },
        DataType::Text | DataType::String(_) => Some(None),
        DataType::Custom(name, _) if name.to_string().eq_ignore_ascii_case("bpchar") => Some(None),
        _ => None,
    }
}
