//! Parts of dates as bare words, `DATE_PART(mon, x)`, become the strings by which DataFusion knows them.

use datafusion::common::plan_err;
use datafusion::error::Result;
use datafusion::sql::sqlparser::ast::{BinaryOperator, DataType, DateTimeField, Expr, Ident, TypedString, Value};

use super::calls::{call, cast, take};
use super::casts;
use crate::functions::{DatePart, MICROSECOND, SECOND, iso_text};

/// Turns the first argument of `function`, a word or a string, into the name of a part.
pub(crate) fn respell_part(function: &str, part: &mut Expr) -> Result<()> {
    let word = match &*part {
        Expr::Identifier(ident) => ident.value.clone(),
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(word) => word.clone(),
            _ => return plan_err!("the first argument of {function} is a part of a date, such as day, and not {part}"),
        },
        // A parameter, or an expression.
        _ => return Ok(()),
    };
    let part_name = parse(&word)?.name();
    *part = Expr::value(Value::SingleQuotedString(part_name.to_owned()));
    Ok(())
}

/// `DATE_PART('second', x)` and others that DataFusion counts otherwise; `None` for those that it does not. The second has its
/// fraction, of which milliseconds and microseconds are counted alone.
pub(crate) fn date_part(part: &Expr, date: &mut Expr) -> Option<Expr> {
    match part {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(word) => match DatePart::parse(word)? {
                DatePart::Second => Some(call(SECOND, [take(date)])),
                part => counted_otherwise(part, date),
            },
            _ => None,
        },
        _ => None,
    }
}

/// `EXTRACT(mon FROM x)`, always a whole number.
pub(crate) fn respell_extract(expr: &mut Expr) -> Result<()> {
    let Expr::Extract { field, expr: date, .. } = expr else { return Ok(()) };
    let word = field.to_string();
    let part = parse(word.trim_matches('\''))?;
    if part == DatePart::Epoch {
        let epoch = call("floor", [call("date_part", [string("epoch"), take(date)])]);
        *expr = cast(epoch, DataType::BigInt(None));
        return casts::respell(expr);
    }
    if let Some(other) = counted_otherwise(part, date) {
        *expr = other;
        return Ok(());
    }
    *field = DateTimeField::Custom(Ident::new(part.name()));
    Ok(())
}

/// `TIMESTAMP '12/31/2019 10:00'`
pub(crate) fn respell_literal(literal: &mut TypedString) {
    if let (DataType::Date | DataType::Timestamp(..), Value::SingleQuotedString(text)) =
        (&literal.data_type, &mut literal.value.value)
    {
        *text = iso_text(text);
    }
}

fn counted_otherwise(part: DatePart, date: &mut Expr) -> Option<Expr> {
    let divided = |number: Expr, by: u32| {
        let (left, right) = (Box::new(number), Box::new(self::number(by)));
        Expr::Nested(Box::new(Expr::BinaryOp { left, op: BinaryOperator::Divide, right }))
    };
    // The third millennium began with the year 2001.
    let years = |date: &mut Expr, more: u32| {
        let (left, right) = (Box::new(call("date_part", [string("year"), take(date)])), Box::new(number(more)));
        Expr::Nested(Box::new(Expr::BinaryOp { left, op: BinaryOperator::Plus, right }))
    };
    Some(match part {
        DatePart::Microsecond => call(MICROSECOND, [take(date)]),
        DatePart::Millisecond => divided(call(MICROSECOND, [take(date)]), 1000),
        DatePart::Decade => divided(years(date, 0), 10),
        DatePart::Century => divided(years(date, 99), 100),
        DatePart::Millennium => divided(years(date, 999), 1000),
        _ => return None,
    })
}

fn string(text: &str) -> Expr {
    Expr::value(Value::SingleQuotedString(text.to_owned()))
}

fn number(number: u32) -> Expr {
    Expr::value(Value::Number(number.to_string(), false))
}

fn parse(word: &str) -> Result<DatePart> {
    match DatePart::parse(word) {
        Some(part) => Ok(part),
        None => plan_err!("there is no part {word} of a date; there are {}", DatePart::names()),
    }
}
