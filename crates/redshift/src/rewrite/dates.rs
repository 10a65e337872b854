//! Parts of dates as bare words, `DATE_PART(mon, x)`, become the strings by which DataFusion knows them.

use datafusion::common::plan_err;
use datafusion::error::Result;
use datafusion::sql::sqlparser::ast::{DateTimeField, Expr, Ident, Value};

use crate::functions::DatePart;

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

/// `EXTRACT(mon FROM x)`.
pub(crate) fn respell_extract(expr: &mut Expr) -> Result<()> {
    let Expr::Extract { field, .. } = expr else { return Ok(()) };
    let word = field.to_string();
    let part = parse(word.trim_matches('\''))?;
    *field = DateTimeField::Custom(Ident::new(part.name()));
    Ok(())
}

fn parse(word: &str) -> Result<DatePart> {
    match DatePart::parse(word) {
        Some(part) => Ok(part),
        None => plan_err!("there is no part {word} of a date; there are {}", DatePart::names()),
    }
}
