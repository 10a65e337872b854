//! What can only be done once the types are known: casts, LIKE, IN, BETWEEN, CASE, the arguments of functions, ORDER BY, and
//! the nodes that compare rows.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, DFSchema, ScalarValue, not_impl_err, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::expr::{
    Between, BinaryExpr, Case, Cast, InList, InSubquery, Like, ScalarFunction, SetComparison, Sort, TryCast,
    WindowFunctionDefinition,
};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{
    AggregateUDF, Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, Operator, Subquery, lit, when,
};

use super::arithmetic::{NUMBER, arithmetic};
use super::cast::{from_super, to_super};
use super::compare::{comparison, key, order_key};
use super::elements::marked;
use super::extremes::{self, greatest, least};
use super::function::knows_super;
use super::functions::JSON_TYPEOF;
use super::marker::is_super;
use super::path::{is_path, keeping_null};
use super::rows::compare_values;
use super::sum::sum;
use crate::checked::{checked, is_checked};
use crate::functions::{ISO_DATETIME, ROUND_TO_INTEGER};
use crate::times::read_literals;

/// The plan in which every expression takes a SUPER value for what it says.
pub(crate) fn finish(plan: LogicalPlan) -> Result<LogicalPlan> {
    let mut changed = false;
    let finished = plan.transform_up_with_subqueries(|plan| {
        let plan = finish_node(plan, changed)?;
        changed |= plan.transformed;
        Ok(Transformed { transformed: changed, ..plan })
    })?;
    Ok(finished.data)
}

/// Finishes one node. If what is below has changed, what is said of a column goes up through it.
fn finish_node(plan: LogicalPlan, below_has_changed: bool) -> Result<Transformed<LogicalPlan>> {
    let schema = merge_schema(&plan.inputs());
    let names = NamePreserver::new(&plan);
    let is_sort = matches!(plan, LogicalPlan::Sort(_));
    let changed = plan.map_expressions(|expr| {
        let name = names.save(&expr);
        let mut expr = expr.transform_up(|mut expr| {
            let is_read = read_literals(&mut expr, &schema)?;
            let mut finished = finish_expr(expr, &schema)?;
            finished.transformed |= is_read;
            Ok(finished)
        })?;
        if is_sort && has_super(&expr.data, &schema) {
            expr = Transformed::yes(order_key(expr.data));
        }
        Ok(if expr.transformed && !is_sort { expr.update_data(|expr| name.restore(expr)) } else { expr })
    })?;
    // Not before its expressions are finished: those of DataFusion may have no type where there is SUPER now.
    let finished = match changed.transformed || below_has_changed {
        true => changed.map_data(LogicalPlan::recompute_schema)?,
        false => changed,
    };
    Ok(match compare_values(&finished.data)? {
        Some(plan) => Transformed::yes(plan),
        None => finished,
    })
}

/// Whether the value is SUPER.
pub(super) fn has_super(expr: &Expr, schema: &DFSchema) -> bool {
    // What an operator gives is never SUPER; to ask for its type is to ask all that is below it, at every link of a chain.
    if matches!(expr, Expr::BinaryExpr(_)) || is_checked(expr) {
        return false;
    }
    // An expression that has no type is complained of elsewhere.
    expr.to_field(schema).is_ok_and(|(_, field)| is_super(&field))
}

fn is_text(expr: &Expr, schema: &DFSchema) -> bool {
    expr.get_type(schema).is_ok_and(|data_type| data_type.is_string())
}

/// Whether the value is SUPER to the reader, though perhaps of a type of Arrow's.
fn is_dynamic(expr: &Expr, schema: &DFSchema) -> bool {
    is_path(expr) || has_super(expr, schema)
}

fn finish_expr(expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let text = |expr: Box<Expr>| Box::new(from_super(*expr, DataType::Utf8));
    let boolean = |expr: Box<Expr>| Box::new(from_super(*expr, DataType::Boolean));
    Ok(Transformed::yes(match expr {
        Expr::Cast(Cast { expr, field }) | Expr::TryCast(TryCast { expr, field }) if is_super(&field) => {
            match has_super(&expr, schema) {
                true => *expr,
                false => to_super(*expr),
            }
        }
        Expr::Cast(Cast { expr, field }) | Expr::TryCast(TryCast { expr, field }) if is_dynamic(&expr, schema) => {
            from_super(*expr, field.data_type().clone())
        }
        Expr::Like(like) if has_super(&like.expr, schema) => Expr::Like(Like { expr: text(like.expr), ..like }),
        Expr::SimilarTo(like) if has_super(&like.expr, schema) => {
            Expr::SimilarTo(Like { expr: text(like.expr), ..like })
        }
        Expr::Not(expr) if has_super(&expr, schema) => Expr::Not(boolean(expr)),
        Expr::IsTrue(expr) if has_super(&expr, schema) => Expr::IsTrue(boolean(expr)),
        Expr::IsNotTrue(expr) if has_super(&expr, schema) => Expr::IsNotTrue(boolean(expr)),
        Expr::IsFalse(expr) if has_super(&expr, schema) => Expr::IsFalse(boolean(expr)),
        Expr::IsNotFalse(expr) if has_super(&expr, schema) => Expr::IsNotFalse(boolean(expr)),
        Expr::IsUnknown(expr) if has_super(&expr, schema) => Expr::IsUnknown(boolean(expr)),
        Expr::IsNotUnknown(expr) if has_super(&expr, schema) => Expr::IsNotUnknown(boolean(expr)),
        // What computes with its value is not told of the column's metadata.
        subquery @ Expr::ScalarSubquery(_) if has_super(&subquery, schema) => marked(subquery),
        Expr::InList(InList { expr, list, negated })
            if has_super(&expr, schema) || list.iter().any(|value| has_super(value, schema)) =>
        {
            let list = list.into_iter().map(key).collect();
            Expr::InList(InList { expr: Box::new(key(*expr)), list, negated })
        }
        Expr::InSubquery(InSubquery { expr, subquery, negated })
            if has_super(&expr, schema) || is_super(subquery.subquery.schema().field(0)) =>
        {
            Expr::InSubquery(InSubquery { expr: Box::new(key(*expr)), subquery: keys_of(subquery)?, negated })
        }
        Expr::SetComparison(SetComparison { expr, subquery, op, quantifier })
            if has_super(&expr, schema) || is_super(subquery.subquery.schema().field(0)) =>
        {
            if !matches!(op, Operator::Eq | Operator::NotEq) {
                return not_impl_err!("{op} {quantifier} of SUPER; cast both sides, as in x::FLOAT");
            }
            let (expr, subquery) = (Box::new(key(*expr)), keys_of(subquery)?);
            Expr::SetComparison(SetComparison { expr, subquery, op, quantifier })
        }
        Expr::Between(between)
            if [&between.expr, &between.low, &between.high].into_iter().any(|expr| has_super(expr, schema)) =>
        {
            let Between { expr, negated, low, high } = between;
            let bounds = [(Operator::GtEq, *low), (Operator::LtEq, *high)];
            let [low, high] = bounds.map(|(operator, bound)| comparison(expr.as_ref().clone(), operator, bound));
            let both = low.zip(high).map(|(low, high)| low.and(high));
            match (both, negated) {
                (Some(both), true) => Expr::Not(Box::new(both)),
                (Some(both), false) => both,
                // Both operators are comparisons.
                (None, _) => *expr,
            }
        }
        Expr::BinaryExpr(binary) if has_super(&binary.left, schema) || has_super(&binary.right, schema) => {
            let BinaryExpr { left, op, right } = binary;
            match operation(left.as_ref().clone(), op, right.as_ref().clone()) {
                Some(operation) => operation,
                None => return Ok(Transformed::no(Expr::BinaryExpr(BinaryExpr { left, op, right }))),
            }
        }
        Expr::BinaryExpr(binary) => match checked(&binary, schema) {
            Some(checked) => checked,
            None => return Ok(Transformed::no(Expr::BinaryExpr(binary))),
        },
        Expr::Case(mut case) => match finish_case(&mut case, schema) {
            CaseIs::AsBefore => return Ok(Transformed::no(Expr::Case(case))),
            CaseIs::Of => Expr::Case(case),
            CaseIs::Super => marked(Expr::Case(case)),
        },
        Expr::AggregateFunction(mut aggregate) => {
            let params = &mut aggregate.params;
            let mut changed = sort_by_order(&mut params.order_by, schema);
            if let Some(function) = of_super(&aggregate.func, &mut params.args, params.distinct, schema) {
                aggregate.func = function;
                changed = true;
            } else if params.distinct {
                changed |= use_keys(&mut params.args, schema);
            }
            let aggregate = Expr::AggregateFunction(aggregate);
            return Ok(if changed { Transformed::yes(aggregate) } else { Transformed::no(aggregate) });
        }
        Expr::WindowFunction(mut window) => {
            let mut changed = sort_by_order(&mut window.params.order_by, schema);
            changed |= use_keys(&mut window.params.partition_by, schema);
            let distinct = window.params.distinct;
            if let WindowFunctionDefinition::AggregateUDF(function) = &window.fun
                && let Some(function) = of_super(function, &mut window.params.args, distinct, schema)
            {
                window.fun = WindowFunctionDefinition::AggregateUDF(function);
                changed = true;
            }
            let window = Expr::WindowFunction(window);
            return Ok(if changed { Transformed::yes(window) } else { Transformed::no(window) });
        }
        Expr::ScalarFunction(mut function) if function.name() == JSON_TYPEOF => {
            function.args = function.args.into_iter().map(keeping_null).collect();
            Expr::ScalarFunction(function)
        }
        // What a cast asks of other values, SUPER does by itself.
        Expr::ScalarFunction(mut function)
            if [ROUND_TO_INTEGER, ISO_DATETIME].contains(&function.name())
                && function.args.iter().any(|arg| has_super(arg, schema) || is_path(arg) && is_text(arg, schema)) =>
        {
            return Ok(Transformed::yes(function.args.remove(0)));
        }
        Expr::ScalarFunction(function) if !function.args.iter().any(|arg| has_super(arg, schema)) => {
            return Ok(Transformed::no(Expr::ScalarFunction(function)));
        }
        Expr::ScalarFunction(function) if function.func.name() == "greatest" => greatest(function.args),
        Expr::ScalarFunction(function) if function.func.name() == "least" => least(function.args),
        Expr::ScalarFunction(function) if function.func.name() == "nullif" => null_if(function.args, schema)?,
        Expr::ScalarFunction(function) if is_choice(&function) => {
            let args = function.args.into_iter().map(|arg| as_super(arg, schema)).collect();
            marked(Expr::ScalarFunction(ScalarFunction { func: function.func, args }))
        }
        Expr::ScalarFunction(function) if !takes_any(&function) => {
            let says = |arg: Expr| -> Result<Expr> {
                let (_, field) = arg.to_field(schema)?;
                Ok(if is_super(&field) { from_super(arg, field.data_type().clone()) } else { arg })
            };
            let args = function.args.into_iter().map(says).collect::<Result<_>>()?;
            Expr::ScalarFunction(ScalarFunction { func: function.func, args })
        }
        expr => return Ok(Transformed::no(expr)),
    }))
}

/// The query with the keys of its only column.
fn keys_of(subquery: Subquery) -> Result<Subquery> {
    let column = Expr::Column(Column::from(subquery.subquery.schema().qualified_field(0)));
    let keys = LogicalPlanBuilder::from(Arc::clone(&subquery.subquery)).project([key(column)])?.build()?;
    Ok(Subquery { subquery: Arc::new(keys), ..subquery })
}

/// The comparison or the arithmetic; `None` if the operator is of neither.
pub(super) fn operation(left: Expr, operator: Operator, right: Expr) -> Option<Expr> {
    comparison(left.clone(), operator, right.clone()).or_else(|| arithmetic(left, operator, right))
}

/// Sorts SUPER values as ORDER BY does; whether there are any.
fn sort_by_order(sorts: &mut [Sort], schema: &DFSchema) -> bool {
    replace_super(sorts.iter_mut().map(|sort| &mut sort.expr), schema, order_key)
}

/// Takes keys for SUPER values; whether there are any.
fn use_keys(values: &mut [Expr], schema: &DFSchema) -> bool {
    replace_super(values.iter_mut(), schema, key)
}

fn replace_super<'a>(values: impl Iterator<Item = &'a mut Expr>, schema: &DFSchema, with: fn(Expr) -> Expr) -> bool {
    let mut replaced = false;
    for value in values.filter(|value| has_super(value, schema)) {
        *value = with(std::mem::take(value));
        replaced = true;
    }
    replaced
}

/// The MIN, MAX or SUM of SUPER in the place of that of texts and numbers.
fn of_super(
    function: &AggregateUDF,
    args: &mut [Expr],
    distinct: bool,
    schema: &DFSchema,
) -> Option<Arc<AggregateUDF>> {
    let [value] = args else { return None };
    match (function.name(), &mut *value) {
        ("min", value) if has_super(value, schema) => Some(extremes::min()),
        ("max", value) if has_super(value, schema) => Some(extremes::max()),
        ("sum", Expr::ScalarFunction(number)) if !distinct && number.name() == NUMBER => {
            let inner = number.args.first().filter(|inner| has_super(inner, schema))?.clone();
            *value = inner;
            Some(sum())
        }
        _ => None,
    }
}

/// NULLIF of values of which one is SUPER.
fn null_if(args: Vec<Expr>, schema: &DFSchema) -> Result<Expr> {
    let [value, other] = <[Expr; 2]>::try_from(args).or_else(|_| plan_err!("NULLIF takes two values"))?;
    let is_super = has_super(&value, schema);
    let case = when(key(value.clone()).eq(key(other)), lit(ScalarValue::Null)).otherwise(value)?;
    Ok(if is_super { marked(case) } else { case })
}

enum CaseIs {
    AsBefore,
    /// Of SUPER, though not SUPER itself.
    Of,
    Super,
}

/// `CASE value WHEN` compares keys; if one of the answers is SUPER, all are.
fn finish_case(case: &mut Case, schema: &DFSchema) -> CaseIs {
    let compares = case.expr.iter().chain(case.when_then_expr.iter().map(|(when, _)| when));
    let by_key = case.expr.is_some() && compares.into_iter().any(|expr| has_super(expr, schema));
    if by_key {
        case.expr = case.expr.take().map(|expr| Box::new(key(*expr)));
        case.when_then_expr.iter_mut().for_each(|(when, _)| **when = key(when.as_ref().clone()));
    }
    let mut answers: Vec<&mut Box<Expr>> = case.when_then_expr.iter_mut().map(|(_, then)| then).collect();
    answers.extend(case.else_expr.as_mut());
    if answers.iter().any(|answer| has_super(answer, schema)) {
        answers.into_iter().for_each(|answer| **answer = as_super(answer.as_ref().clone(), schema));
        return CaseIs::Super;
    }
    if by_key { CaseIs::Of } else { CaseIs::AsBefore }
}

/// The value as SUPER, which NULL is already.
fn as_super(expr: Expr, schema: &DFSchema) -> Expr {
    match has_super(&expr, schema) || matches!(&expr, Expr::Literal(value, _) if value.is_null()) {
        true => expr,
        false => to_super(expr),
    }
}

/// Whether the function answers one of its arguments.
fn is_choice(function: &ScalarFunction) -> bool {
    ["coalesce", "nvl", "ifnull"].contains(&function.func.name())
}

/// Whether the function takes a value as it is.
fn takes_any(function: &ScalarFunction) -> bool {
    const TAKE_ANY: &[&str] = &["nvl2", "struct", "named_struct", "get_field", "union_extract"];
    let name = function.func.name();
    knows_super(&function.func)
        || TAKE_ANY.contains(&name)
        || ["array_", "make_", "arrow_", "map"].iter().any(|start| name.starts_with(start))
}
