//! `SELECT TOP n` is `LIMIT n`, and `MINUS` is `EXCEPT`.

use datafusion::common::not_impl_err;
use datafusion::error::Result;
use datafusion::sql::sqlparser::ast::{Expr, LimitClause, Query, Select, SetExpr, SetOperator, TopQuantity, Value};

/// Respells the parts of a query that are not queries themselves.
pub(crate) fn respell(query: &mut Query) -> Result<()> {
    if let SetExpr::Select(select) = query.body.as_mut() {
        let Some(limit) = take_top(select)? else { return Ok(()) };
        match &mut query.limit_clause {
            None => query.limit_clause = Some(only(limit)),
            Some(LimitClause::LimitOffset { limit: none @ None, .. }) => *none = Some(limit),
            Some(_) => return datafusion::common::plan_err!("a query has either TOP or LIMIT, not both"),
        }
        return Ok(());
    }
    respell_branch(&mut query.body)
}

/// A branch of a set operation. One with TOP becomes a query of its own.
fn respell_branch(branch: &mut SetExpr) -> Result<()> {
    match branch {
        SetExpr::SetOperation { op, left, right, .. } => {
            if *op == SetOperator::Minus {
                *op = SetOperator::Except;
            }
            respell_branch(left)?;
            respell_branch(right)
        }
        SetExpr::Select(select) => {
            if let Some(limit) = take_top(select)? {
                let body = Box::new(SetExpr::Select(select.clone()));
                *branch = SetExpr::Query(Box::new(Query { limit_clause: Some(only(limit)), ..query_of(body) }));
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

fn take_top(select: &mut Select) -> Result<Option<Expr>> {
    let Some(top) = select.top.take() else { return Ok(None) };
    match top.quantity {
        _ if top.percent || top.with_ties => not_impl_err!("TOP with PERCENT or WITH TIES"),
        Some(TopQuantity::Constant(rows)) => Ok(Some(Expr::value(Value::Number(rows.to_string(), false)))),
        Some(TopQuantity::Expr(rows)) => Ok(Some(rows)),
        None => datafusion::common::plan_err!("TOP needs a number of rows"),
    }
}

fn only(limit: Expr) -> LimitClause {
    LimitClause::LimitOffset { limit: Some(limit), offset: None, limit_by: vec![] }
}

/// A query that has nothing but a body.
pub(crate) fn query_of(body: Box<SetExpr>) -> Query {
    Query {
        with: None,
        body,
        order_by: None,
        limit_clause: None,
        fetch: None,
        locks: vec![],
        for_clause: None,
        settings: None,
        format_clause: None,
        pipe_operators: vec![],
    }
}
