//! Aggregates and windows that DataFusion knows by another name or in another form.

use datafusion::common::{not_impl_err, plan_err};
use datafusion::error::Result;
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, DataType, DuplicateTreatment, ExactNumberInfo, Expr, Function, FunctionArg, FunctionArgExpr,
    FunctionArgumentClause, FunctionArguments, Value, WindowFrame, WindowFrameBound, WindowFrameUnits, WindowSpec,
    WindowType,
};

use super::calls::{call, cast, expressions, rename, take};
use super::text::make_text;

/// Respells a call in its place, or returns what to put there.
pub(super) fn respell(name: &str, function: &mut Function) -> Result<Option<Expr>> {
    match name {
        "listagg" => respell_listagg(function)?,
        "variance" => rename(function, "var_samp"),
        "percentile_cont" | "percentile_disc" if function.over.is_some() => percentile_over(name, function)?,
        "ratio_to_report" => return ratio_to_report(function).map(Some),
        _ => {}
    }
    Ok(None)
}

/// `PERCENTILE_CONT(p) WITHIN GROUP (ORDER BY x) OVER (..)` is `PERCENTILE_CONT(x, p) OVER (..)`. From the other end it is of 1 - p;
/// PERCENTILE_DISC, which is not symmetrical, has a third argument for that.
fn percentile_over(name: &str, function: &mut Function) -> Result<()> {
    let [order] = function.within_group.as_slice() else { return Ok(()) };
    let (value, descends) = (order.expr.clone(), order.options.asc == Some(false));
    let Some(mut args) = expressions(function) else { return Ok(()) };
    let [share] = args.as_mut_slice() else { return Ok(()) };
    let is_continuous = name == "percentile_cont";
    if descends && is_continuous {
        let (left, right) = (Box::new(Expr::value(Value::Number("1".to_owned(), false))), Box::new(take(share)));
        **share = Expr::BinaryOp { left, op: BinaryOperator::Minus, right };
    }
    function.within_group.clear();
    if let FunctionArguments::List(list) = &mut function.args {
        list.args.insert(0, FunctionArg::Unnamed(FunctionArgExpr::Expr(value)));
        if descends && !is_continuous {
            let descends = Expr::value(Value::Boolean(true));
            list.args.push(FunctionArg::Unnamed(FunctionArgExpr::Expr(descends)));
        }
    }
    Ok(())
}

/// `RATIO_TO_REPORT(x) OVER (..)` is what x is of the sum; NULL where the sum is 0.
fn ratio_to_report(function: &mut Function) -> Result<Expr> {
    let usage = "RATIO_TO_REPORT needs a number and a window: RATIO_TO_REPORT(x) OVER (PARTITION BY y)";
    if function.over.is_none() {
        return plan_err!("{usage}");
    }
    let value = match expressions(function).as_deref() {
        Some([value]) => Expr::clone(value),
        _ => return plan_err!("{usage}"),
    };
    rename(function, "sum");
    let float = DataType::Float(ExactNumberInfo::None);
    let zero = Expr::value(Value::Number("0".to_owned(), false));
    let sum = call("nullif", [Expr::Function(function.clone()), zero]);
    let ratio = Expr::BinaryOp {
        left: Box::new(cast(value, float.clone())),
        op: BinaryOperator::Divide,
        right: Box::new(cast(sum, float)),
    };
    Ok(Expr::Nested(Box::new(ratio)))
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
                return not_impl_err!("LISTAGG with DISTINCT, WITHIN GROUP and OVER together");
            }
            *order_by = order;
            *window_frame = Some(WindowFrame {
                units: WindowFrameUnits::Rows,
                start_bound: WindowFrameBound::Preceding(None),
                end_bound: Some(WindowFrameBound::Following(None)),
            });
        }
        Some(WindowType::NamedWindow(_)) => {
            return not_impl_err!("LISTAGG with WITHIN GROUP over a named window");
        }
    }
    rename(function, "string_agg");
    Ok(())
}
