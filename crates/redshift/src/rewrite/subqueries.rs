//! EXISTS and IN (subquery) in a SELECT list, where DataFusion knows only subqueries that are values.

use std::ops::ControlFlow;

use datafusion::error::{DataFusionError, Result};
use datafusion::sql::sqlparser::ast::helpers::attached_token::AttachedToken;
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, CaseWhen, Expr, GroupByExpr, Query, Select, SelectItem, SetExpr, TableFactor, UnaryOperator, Value,
    VisitMut, VisitorMut,
};
use datafusion::sql::sqlparser::parser::Parser;

use crate::RedshiftDialect;

/// Turns each EXISTS and IN (subquery) of the SELECT list into a count of rows. Elsewhere DataFusion knows them.
pub(crate) fn respell(select: &mut Select) -> Result<()> {
    for item in &mut select.projection {
        let (SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. }) = item else { continue };
        if let ControlFlow::Break(error) = expr.visit(&mut Tests { depth: 0 }) {
            return Err(error);
        }
    }
    Ok(())
}

struct Tests {
    /// How many queries are around the point, below the item.
    depth: usize,
}

impl VisitorMut for Tests {
    type Break = DataFusionError;

    fn pre_visit_query(&mut self, _: &mut Query) -> ControlFlow<DataFusionError> {
        self.depth += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<DataFusionError> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<DataFusionError> {
        if self.depth > 0 {
            return ControlFlow::Continue(());
        }
        let (test, negated) = match &*expr {
            Expr::Exists { subquery, negated } => (exists(subquery), *negated),
            Expr::InSubquery { expr, subquery, negated } => (is_in(expr, subquery), *negated),
            _ => return ControlFlow::Continue(()),
        };
        match test {
            Ok(test) if negated => {
                *expr = Expr::UnaryOp { op: UnaryOperator::Not, expr: Box::new(Expr::Nested(Box::new(test))) };
            }
            Ok(test) => *expr = test,
            Err(error) => return ControlFlow::Break(error),
        }
        ControlFlow::Continue(())
    }
}

/// Whether a query returns rows.
fn exists(query: &Query) -> Result<Expr> {
    let mut count = template("SELECT COUNT(*) > 0 AS \"is\" FROM (SELECT 0) AS \"exists\"")?;
    match query.body.as_ref() {
        // The rows themselves are counted, so that a condition may refer to the query around.
        SetExpr::Select(select) if query.limit_clause.is_none() && query.fetch.is_none() && is_of_rows(select) => {
            if let SetExpr::Select(counting) = count.body.as_mut() {
                counting.from.clone_from(&select.from);
                counting.selection.clone_from(&select.selection);
            }
            count.with.clone_from(&query.with);
        }
        _ => put_from(&mut count, query),
    }
    Ok(Expr::Subquery(Box::new(count)))
}

/// Whether a SELECT returns as many rows as its FROM and WHERE do, or at least as surely some.
fn is_of_rows(select: &Select) -> bool {
    let is_plain = |item: &SelectItem| match item {
        SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => {
            matches!(expr, Expr::Value(_) | Expr::Identifier(_) | Expr::CompoundIdentifier(_))
        }
        SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..) => true,
        SelectItem::ExprWithAliases { .. } => false,
    };
    let is_grouped = !matches!(&select.group_by, GroupByExpr::Expressions(keys, _) if keys.is_empty());
    !select.from.is_empty()
        && !is_grouped
        && select.having.is_none()
        && select.qualify.is_none()
        && select.top.is_none()
        && select.projection.iter().all(is_plain)
}

/// Whether a value is among those of a query: NULL where that is not known because of a NULL.
fn is_in(value: &Expr, query: &Query) -> Result<Expr> {
    let value = Expr::Nested(Box::new(value.clone()));
    let mut found =
        template("SELECT COUNT(*) > 0 AS \"is\" FROM (SELECT 0) AS \"in\" (\"value\") WHERE \"in\".\"value\" = 0")?;
    if let SetExpr::Select(select) = found.body.as_mut()
        && let Some(Expr::BinaryOp { right, .. }) = &mut select.selection
    {
        **right = value.clone();
    }
    let any = template("SELECT COUNT(*) > 0 AS \"is\" FROM (SELECT 0) AS \"in\"")?;
    let unknown =
        template("SELECT COUNT(*) > COUNT(\"in\".\"value\") AS \"is\" FROM (SELECT 0) AS \"in\" (\"value\")")?;
    let [found, any, unknown] = [found, any, unknown].map(|mut test| {
        put_from(&mut test, query);
        Expr::Subquery(Box::new(test))
    });
    let is_null_among_some =
        Expr::BinaryOp { left: Box::new(Expr::IsNull(Box::new(value))), op: BinaryOperator::And, right: Box::new(any) };
    let when = |condition, result| CaseWhen { condition, result: Expr::value(result) };
    Ok(Expr::Case {
        case_token: AttachedToken::empty(),
        end_token: AttachedToken::empty(),
        operand: None,
        conditions: vec![
            when(found, Value::Boolean(true)),
            when(is_null_among_some, Value::Null),
            when(unknown, Value::Null),
        ],
        else_result: Some(Box::new(Expr::value(Value::Boolean(false)))),
    })
}

fn template(sql: &str) -> Result<Query> {
    Ok(*Parser::new(&RedshiftDialect).try_with_sql(sql)?.parse_query()?)
}

/// Puts a query in the place of the one in FROM.
fn put_from(template: &mut Query, query: &Query) {
    if let SetExpr::Select(select) = template.body.as_mut()
        && let [from] = select.from.as_mut_slice()
        && let TableFactor::Derived { subquery, .. } = &mut from.relation
    {
        **subquery = query.clone();
    }
}
