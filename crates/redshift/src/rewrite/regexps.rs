//! Functions of regular expressions whose arguments DataFusion has in another order, or not at all.

use datafusion::common::{not_impl_err, plan_err};
use datafusion::error::Result;
use datafusion::sql::sqlparser::ast::{Expr, Function, FunctionArguments, Value};

use super::calls::{call, concatenated};
use super::text::make_text;

/// `REGEXP_REPLACE(text, pattern [, replacement [, position [, parameters]]])`: every match is replaced, from a character on.
/// One that has been respelled already is left as it is.
pub(super) fn replace(args: Vec<Expr>) -> Result<Option<Expr>> {
    let string = |text: &str| Expr::value(Value::SingleQuotedString(text.to_owned()));
    let number = |number: u64| Expr::value(Value::Number(number.to_string(), false));
    let mut args = args.into_iter();
    let (Some(mut text), Some(pattern)) = (args.next(), args.next()) else {
        return plan_err!("REGEXP_REPLACE needs a text and a pattern: REGEXP_REPLACE(text, 'pattern', 'replacement')");
    };
    let replacement = args.next().unwrap_or_else(|| string(""));
    let (position, parameters) = (args.next(), args.next());
    // Every match, not just the first.
    let flags = match parameters.as_ref().map(literal) {
        None | Some(Some("c" | "p")) => "g",
        Some(Some("i" | "ip" | "pi")) => "gi",
        Some(_) => return not_impl_err!("REGEXP_REPLACE with other parameters than 'i', 'c' and 'p'"),
    };
    let Some(position) = position else {
        return Ok(Some(call("regexp_replace", [text, pattern, replacement, string(flags)])));
    };
    if matches!(literal(&position), Some("g" | "gi")) {
        return Ok(Some(call("regexp_replace", [text, pattern, replacement, position])));
    }
    match position.to_string().parse::<u64>() {
        Ok(1) => Ok(Some(call("regexp_replace", [text, pattern, replacement, string(flags)]))),
        Ok(position @ 2..) => {
            make_text(&mut text);
            let before = call("left", [text.clone(), number(position - 1)]);
            let after = call("substr", [text, number(position)]);
            let after = call("regexp_replace", [after, pattern, replacement, string(flags)]);
            Ok(concatenated([before, after]))
        }
        _ => not_impl_err!("REGEXP_REPLACE with a position that is no constant from 1"),
    }
}

/// `REGEXP_INSTR(text, pattern, position, occurrence, 0 [, parameters])` without the 0, which asks for where a match begins.
pub(super) fn without_option(function: &mut Function) -> Result<()> {
    let FunctionArguments::List(list) = &mut function.args else { return Ok(()) };
    match list.args.get(4).map(ToString::to_string).as_deref() {
        Some("0") => {
            list.args.remove(4);
            Ok(())
        }
        Some("1") => not_impl_err!("REGEXP_INSTR for where a match ends"),
        // The parameters of a call that has been respelled.
        _ => Ok(()),
    }
}

fn literal(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) => Some(text),
            _ => None,
        },
        _ => None,
    }
}
