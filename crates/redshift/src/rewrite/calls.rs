//! Functions that DataFusion knows by another name, or of which it knows the parts.

use datafusion::common::plan_err;
use datafusion::error::Result;
use datafusion::sql::sqlparser::ast::helpers::attached_token::AttachedToken;
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, CaseWhen, CastKind, DataType, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList,
    FunctionArguments, Ident, ObjectName, TimezoneInfo, UnaryOperator, Value,
};

use super::aggregates;
use super::casts;
use super::dates::{date_part, respell_part};
use super::names::normalized;
use super::regexps;
use super::text::make_text;
use crate::functions::FNV_HASH;

/// A call of a function by its name.
pub(crate) fn call(name: &str, args: impl IntoIterator<Item = Expr>) -> Expr {
    let args = args.into_iter().map(|arg| FunctionArg::Unnamed(FunctionArgExpr::Expr(arg))).collect();
    Expr::Function(Function {
        name: ObjectName::from(Ident::new(name)),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList { duplicate_treatment: None, args, clauses: vec![] }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: vec![],
    })
}

pub(crate) fn is_call_of(expr: &Expr, name: &str) -> bool {
    matches!(expr, Expr::Function(function) if function_name(function).as_deref() == Some(name))
}

/// The name of a function that has no schema.
fn function_name(function: &Function) -> Option<String> {
    match function.name.0.as_slice() {
        [part] => part.as_ident().map(normalized),
        _ => None,
    }
}

/// The arguments of a call if they are all expressions without a name.
pub(super) fn expressions<'a>(function: &'a mut Function) -> Option<Vec<&'a mut Expr>> {
    let FunctionArguments::List(list) = &mut function.args else { return None };
    let expression = |arg: &'a mut FunctionArg| match arg {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr),
        _ => None,
    };
    list.args.iter_mut().map(expression).collect()
}

pub(super) fn take(expr: &mut Expr) -> Expr {
    std::mem::replace(expr, Expr::value(Value::Null))
}

pub(super) fn rename(function: &mut Function, name: &str) {
    function.name = ObjectName::from(Ident::new(name));
}

/// Respells a call, a trim or substring with a syntax of its own, or a word that is one (SYSDATE).
pub(crate) fn respell(expr: &mut Expr) -> Result<()> {
    match expr {
        Expr::Identifier(ident) if ident.quote_style.is_none() && ident.value.eq_ignore_ascii_case("sysdate") => {
            *expr = now();
            Ok(())
        }
        Expr::Trim { expr, .. } | Expr::Substring { expr, .. } => {
            make_text(expr);
            Ok(())
        }
        Expr::Function(function) => {
            let Some(name) = function_name(function) else { return Ok(()) };
            if name == "current_timestamp" {
                *expr = now();
                return Ok(());
            }
            if let Some(other) = aggregates::respell(&name, function)? {
                *expr = other;
                return Ok(());
            }
            if let Some(other) = respell_call(&name, function)? {
                *expr = other;
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Respells a call in its place, or returns what to put there.
fn respell_call(name: &str, function: &mut Function) -> Result<Option<Expr>> {
    let Some(mut args) = expressions(function) else { return Ok(None) };
    match (name, args.as_mut_slice()) {
        ("getdate", []) => {
            let second = Expr::value(Value::SingleQuotedString("second".to_owned()));
            return Ok(Some(call("date_trunc", [second, now()])));
        }
        (
            "date_part" | "datepart" | "pgdate_part" | "date_trunc" | "dateadd" | "date_add" | "datediff" | "date_diff",
            [part, ..],
        ) => {
            respell_part(name, part)?;
            if matches!(name, "date_part" | "datepart" | "pgdate_part")
                && let [part, date] = args.as_mut_slice()
                && let Some(other) = date_part(part, date)
            {
                return Ok(Some(other));
            }
            let name = match name {
                "datepart" | "pgdate_part" => "date_part",
                "date_add" => "dateadd",
                "date_diff" => "datediff",
                _ => return Ok(None),
            };
            rename(function, name);
        }
        ("date_part_year", [date]) => {
            let year = Expr::value(Value::SingleQuotedString("year".to_owned()));
            return Ok(Some(call("date_part", [year, take(date)])));
        }
        ("date", [date]) => {
            let mut date = cast(take(date), DataType::Date);
            casts::respell(&mut date)?;
            return Ok(Some(date));
        }
        ("decode", [subject, searched, rest @ ..]) if !rest.is_empty() => {
            return Ok(Some(decode(subject, searched, rest)));
        }
        ("nvl" | "isnull", [_, _, ..]) => rename(function, "coalesce"),
        ("mod", [left, right]) => {
            let (left, right) = (take(left), take(right));
            let [left, right] = [left, right].map(|side| Box::new(Expr::Nested(Box::new(side))));
            let quotient = Expr::BinaryOp { left, op: BinaryOperator::Modulo, right };
            return Ok(Some(Expr::Nested(Box::new(quotient))));
        }
        ("sign", [_]) => rename(function, "signum"),
        ("ceiling", [_]) => rename(function, "ceil"),
        // The bytes count, and a whole number that is one of INTEGER is one in Redshift.
        (FNV_HASH, [value, ..]) if is_integer_literal(value) => {
            **value = cast(take(value), DataType::Integer(None));
        }
        ("dlog1", [_]) => rename(function, "ln"),
        ("dlog10", [_]) => rename(function, "log10"),
        ("dexp", [_]) => rename(function, "exp"),
        ("charindex", [part, text]) => {
            std::mem::swap(*part, *text);
            make_text(part);
            rename(function, "strpos");
        }
        ("len" | "textlen", [text]) => {
            make_text(text);
            rename(function, "length");
        }
        ("replicate", [text, _]) => {
            make_text(text);
            rename(function, "repeat");
        }
        ("regexp_replace", [_, _, ..]) => return regexps::replace(args.into_iter().map(take).collect()),
        ("regexp_instr", [_, _, _, _, _, ..]) => regexps::without_option(function)?,
        ("func_sha1" | "sha", [_]) => rename(function, "sha1"),
        ("sha2", [text, bits]) => return sha2(take(text), bits).map(Some),
        ("timeofday", []) => {
            let pattern = Expr::value(Value::SingleQuotedString("Dy Mon DD HH24:MI:SS.US YYYY \"UTC\"".to_owned()));
            return Ok(Some(call("to_char", [now(), pattern])));
        }
        ("date_cmp", [left, right]) => return compare(left, right, &DataType::Date).map(Some),
        ("timestamp_cmp" | "date_cmp_timestamp" | "timestamp_cmp_date", [left, right]) => {
            return compare(left, right, &DataType::Timestamp(None, TimezoneInfo::None)).map(Some);
        }
        // DataFusion's passes over NULL.
        ("concat", [_, ..]) => return Ok(concatenated(args.into_iter().map(take))),
        (
            "lpad" | "rpad" | "left" | "right" | "substring" | "substr" | "length" | "upper" | "lower" | "initcap"
            | "replace" | "split_part" | "strpos" | "reverse" | "repeat" | "btrim" | "ltrim" | "rtrim",
            [text, ..],
        ) => make_text(text),
        _ => {}
    }
    Ok(None)
}

fn is_integer_literal(expr: &Expr) -> bool {
    match expr {
        Expr::Value(value) => matches!(&value.value, Value::Number(digits, _) if digits.parse::<i32>().is_ok()),
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } => is_integer_literal(expr),
        _ => false,
    }
}

pub(super) fn cast(expr: Expr, data_type: DataType) -> Expr {
    Expr::Cast { kind: CastKind::Cast, expr: Box::new(expr), data_type, array: false, format: None }
}

/// `(a || b || ...)`, which is NULL where one of them is. Of many operands a tree is made that is not deep.
pub(super) fn concatenated(operands: impl IntoIterator<Item = Expr>) -> Option<Expr> {
    let texts = operands.into_iter().map(|mut operand| {
        make_text(&mut operand);
        operand
    });
    let mut texts: Vec<Expr> = texts.collect();
    while texts.len() > 1 {
        let mut rest = texts.into_iter();
        let pairs = std::iter::from_fn(|| {
            let left = rest.next()?;
            Some(match rest.next() {
                Some(right) => {
                    let (left, right) = (Box::new(left), Box::new(right));
                    Expr::BinaryOp { left, op: BinaryOperator::StringConcat, right }
                }
                None => left,
            })
        });
        texts = pairs.collect();
    }
    Some(Expr::Nested(Box::new(texts.pop()?)))
}

/// The time of the statement, in UTC and without a time zone.
fn now() -> Expr {
    cast(call("now", []), DataType::Timestamp(None, TimezoneInfo::None))
}

/// `DECODE(x, a, 1, b, 2, 3)`: 1 where x is a, 2 where it is b, else 3, or NULL without it. NULL is NULL here.
fn decode(subject: &Expr, searched: &Expr, rest: &mut [&mut Expr]) -> Expr {
    let subject = Expr::Nested(Box::new(subject.clone()));
    let rest: Vec<Expr> = rest.iter_mut().map(|arg| take(arg)).collect();
    let mut searched = Some(searched.clone());
    let mut conditions = vec![];
    let mut rest = rest.into_iter();
    while let Some(value) = searched.take() {
        let Some(result) = rest.next() else {
            // The default.
            searched = Some(value);
            break;
        };
        let value = Expr::Nested(Box::new(value));
        let condition = Expr::IsNotDistinctFrom(Box::new(subject.clone()), Box::new(value));
        conditions.push(CaseWhen { condition, result });
        searched = rest.next();
    }
    Expr::Case {
        case_token: AttachedToken::empty(),
        end_token: AttachedToken::empty(),
        operand: None,
        conditions,
        else_result: searched.map(Box::new),
    }
}

/// `SHA2(text, 256)` as hexadecimal digits; 0 is 256.
fn sha2(text: Expr, bits: &Expr) -> Result<Expr> {
    let function = match bits.to_string().as_str() {
        "0" | "256" => "sha256",
        "224" => "sha224",
        "384" => "sha384",
        "512" => "sha512",
        other => return plan_err!("SHA2 makes 224, 256, 384 or 512 bits, and not {other}"),
    };
    Ok(call("encode", [call(function, [text]), Expr::value(Value::SingleQuotedString("hex".to_owned()))]))
}

/// -1, 0 or 1, as the first of two values of a type is less, equal or greater.
fn compare(left: &mut Expr, right: &mut Expr, data_type: &DataType) -> Result<Expr> {
    let [mut left, mut right] = [left, right].map(|side| cast(take(side), data_type.clone()));
    casts::respell(&mut left)?;
    casts::respell(&mut right)?;
    let when = |op, result: &str| CaseWhen {
        condition: Expr::BinaryOp { left: Box::new(left.clone()), op, right: Box::new(right.clone()) },
        result: Expr::value(Value::Number(result.to_owned(), false)),
    };
    Ok(Expr::Case {
        case_token: AttachedToken::empty(),
        end_token: AttachedToken::empty(),
        operand: None,
        conditions: vec![when(BinaryOperator::Lt, "-1"), when(BinaryOperator::Eq, "0"), when(BinaryOperator::Gt, "1")],
        else_result: None,
    })
}
