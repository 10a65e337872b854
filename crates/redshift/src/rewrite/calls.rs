//! Functions that DataFusion knows by another name, or of which it knows the parts.

use datafusion::common::plan_err;
use datafusion::error::Result;
use datafusion::sql::sqlparser::ast::helpers::attached_token::AttachedToken;
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, CaseWhen, CastKind, DataType, DuplicateTreatment, Expr, Function, FunctionArg, FunctionArgExpr,
    FunctionArgumentClause, FunctionArgumentList, FunctionArguments, Ident, ObjectName, TimezoneInfo, Value,
    WindowFrame, WindowFrameBound, WindowFrameUnits, WindowSpec, WindowType,
};

use super::casts;
use super::dates::respell_part;
use super::names::normalized;
use super::text::make_text;

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
fn expressions<'a>(function: &'a mut Function) -> Option<Vec<&'a mut Expr>> {
    let FunctionArguments::List(list) = &mut function.args else { return None };
    let expression = |arg: &'a mut FunctionArg| match arg {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr),
        _ => None,
    };
    list.args.iter_mut().map(expression).collect()
}

fn take(expr: &mut Expr) -> Expr {
    std::mem::replace(expr, Expr::value(Value::Null))
}

fn rename(function: &mut Function, name: &str) {
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
            if name == "listagg" {
                return respell_listagg(function);
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
        // Every match is replaced, not just the first.
        ("regexp_replace", [_, _, _]) => {
            if let FunctionArguments::List(list) = &mut function.args {
                let all = Expr::value(Value::SingleQuotedString("g".to_owned()));
                list.args.push(FunctionArg::Unnamed(FunctionArgExpr::Expr(all)));
            }
        }
        ("regexp_substr", [text, pattern]) => return Ok(Some(regexp_substr(&take(text), &take(pattern)))),
        ("concat", [_, ..]) => args.into_iter().for_each(make_text),
        (
            "lpad" | "rpad" | "left" | "right" | "substring" | "substr" | "length" | "upper" | "lower" | "initcap"
            | "replace" | "split_part" | "strpos" | "reverse" | "repeat" | "btrim" | "ltrim" | "rtrim",
            [text, ..],
        ) => make_text(text),
        _ => {}
    }
    Ok(None)
}

fn cast(expr: Expr, data_type: DataType) -> Expr {
    Expr::Cast { kind: CastKind::Cast, expr: Box::new(expr), data_type, array: false, format: None }
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

/// The first match of a pattern; without one the empty text. NULL where an argument is.
fn regexp_substr(text: &Expr, pattern: &Expr) -> Expr {
    let string = |text: &str| Expr::value(Value::SingleQuotedString(text.to_owned()));
    // In parentheses: DataFusion returns the groups of a pattern, if it has some.
    let whole = call("concat", [string("("), pattern.clone(), string(")")]);
    let first = call(
        "array_element",
        [call("regexp_match", [text.clone(), whole]), Expr::value(Value::Number("1".into(), false))],
    );
    let known = |expr: &Expr| Box::new(Expr::IsNotNull(Box::new(Expr::Nested(Box::new(expr.clone())))));
    let condition = Expr::BinaryOp { left: known(text), op: BinaryOperator::And, right: known(pattern) };
    Expr::Case {
        case_token: AttachedToken::empty(),
        end_token: AttachedToken::empty(),
        operand: None,
        conditions: vec![CaseWhen { condition, result: call("coalesce", [first, string("")]) }],
        else_result: None,
    }
}

/// `LISTAGG([DISTINCT] x [, ','])`, with WITHIN GROUP (ORDER BY ..) and OVER (..), is STRING_AGG. NULLs are left out; without
/// a value it is NULL.
fn respell_listagg(function: &mut Function) -> Result<()> {
    let FunctionArguments::List(list) = &mut function.args else { return Ok(()) };
    match list.args.as_mut_slice() {
        [FunctionArg::Unnamed(FunctionArgExpr::Expr(text)), ..] => make_text(text),
        _ => return plan_err!("LISTAGG needs an expression: LISTAGG(expression, ', ')"),
    }
    if list.args.len() == 1 {
        let empty = Expr::value(Value::SingleQuotedString(String::new()));
        list.args.push(FunctionArg::Unnamed(FunctionArgExpr::Expr(empty)));
    }
    let order = std::mem::take(&mut function.within_group);
    match &mut function.over {
        _ if order.is_empty() => {}
        None => list.clauses.push(FunctionArgumentClause::OrderBy(order)),
        Some(WindowType::WindowSpec(WindowSpec { order_by, window_frame, .. })) => {
            if list.duplicate_treatment == Some(DuplicateTreatment::Distinct) {
                return datafusion::common::not_impl_err!("LISTAGG with DISTINCT, WITHIN GROUP and OVER together");
            }
            *order_by = order;
            *window_frame = Some(WindowFrame {
                units: WindowFrameUnits::Rows,
                start_bound: WindowFrameBound::Preceding(None),
                end_bound: Some(WindowFrameBound::Following(None)),
            });
        }
        Some(WindowType::NamedWindow(_)) => {
            return datafusion::common::not_impl_err!("LISTAGG with WITHIN GROUP over a named window");
        }
    }
    rename(function, "string_agg");
    Ok(())
}
