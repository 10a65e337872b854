//! From Redshift's statements to those that DataFusion plans, one kind of difference a file.
//!
//! First come the spellings, in one walk over the statement; then the lateral aliases, for which the columns of tables
//! must be known. Both leave the names of the columns that a query returns as they would be without them.

mod aggregates;
mod aliases;
mod calls;
mod casts;
mod common_tables;
mod dates;
mod names;
mod patterns;
mod quotes;
mod refused;
mod regexps;
mod session;
mod sets;
mod show;
mod subqueries;
mod system_tables;
mod text;
mod types;

use std::ops::ControlFlow;

use datafusion::error::Result;
use datafusion::execution::context::SessionState;
use datafusion::sql::parser::{CopyToSource, Statement};
use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr, Query, Select, TableFactor, Value, VisitMut, VisitorMut};

pub(crate) use aliases::computed_columns;
pub(crate) use calls::call;
pub use casts::keep_digits;
pub(crate) use quotes::{hint_at_quotes, quoted_names};
pub(crate) use types::TypeNames;

use crate::semistructured::{convert_inserted, rewrite_statement};

/// Turns what DataFusion does not know into what it knows. The tables that the statement names are looked up in `state`.
///
/// A statement that has been rewritten is left as it is.
pub async fn rewrite(state: &SessionState, statement: &mut Statement) -> Result<()> {
    respell(state, statement).await?;
    convert_inserted(state, statement).await?;
    rewrite_statement(statement)
}

/// The statement with casts that say their types in the names of expressions; `None` if it has no expressions.
pub(crate) fn with_named_casts(statement: &Statement) -> Option<Statement> {
    let mut statement = statement.clone();
    match &mut statement {
        Statement::Statement(inner) => casts::tell_apart(inner.as_mut()),
        Statement::Explain(explain) => *explain.statement = with_named_casts(&explain.statement)?,
        Statement::CopyTo(copy) => match &mut copy.source {
            CopyToSource::Query(query) => casts::tell_apart(query.as_mut()),
            CopyToSource::Relation(_) => return None,
        },
        Statement::CreateExternalTable(_) | Statement::Reset(_) => return None,
    }
    Some(statement)
}

/// Turns what DataFusion does not know into what it knows, in an expression that stands alone.
pub(crate) fn rewrite_expression(state: &SessionState, expr: &mut Expr) -> Result<()> {
    match expr.visit(&mut Spellings::of(state)) {
        ControlFlow::Break(error) => Err(error),
        ControlFlow::Continue(()) => Ok(()),
    }
}

async fn respell(state: &SessionState, statement: &mut Statement) -> Result<()> {
    match statement {
        Statement::Statement(statement) => {
            show::respell(state, statement)?;
            rewrite_node(state, statement.as_mut()).await
        }
        Statement::Explain(explain) => Box::pin(respell(state, &mut explain.statement)).await,
        Statement::CopyTo(copy) => match &mut copy.source {
            CopyToSource::Query(query) => rewrite_node(state, query.as_mut()).await,
            CopyToSource::Relation(_) => Ok(()),
        },
        Statement::CreateExternalTable(_) | Statement::Reset(_) => Ok(()),
    }
}

async fn rewrite_node<N: VisitMut>(state: &SessionState, node: &mut N) -> Result<()> {
    if let ControlFlow::Break(error) = node.visit(&mut Spellings::of(state)) {
        return Err(error);
    }
    aliases::inline_aliases(state, node).await
}

/// The walk that turns spellings of Redshift's into DataFusion's.
#[derive(Default)]
struct Spellings {
    /// The names of the columns of the SELECTs around this point, as they were.
    names: Vec<names::Names>,
    session: session::SessionNames,
}

impl Spellings {
    fn of(state: &SessionState) -> Self {
        Self { names: vec![], session: session::SessionNames::of(state) }
    }
}

impl VisitorMut for Spellings {
    type Break = datafusion::error::DataFusionError;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Self::Break> {
        match common_tables::check(query).and_then(|()| sets::respell(query)) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(error),
        }
    }

    fn post_visit_query(&mut self, query: &mut Query) -> ControlFlow<Self::Break> {
        names::order_by_name(query);
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<Self::Break> {
        self.names.push(names::Names::of(select));
        ControlFlow::Continue(())
    }

    fn post_visit_select(&mut self, select: &mut Select) -> ControlFlow<Self::Break> {
        if let Err(error) = subqueries::respell(select) {
            return ControlFlow::Break(error);
        }
        if let Some(names) = self.names.pop() {
            names.keep(select);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, relation: &mut TableFactor) -> ControlFlow<Self::Break> {
        match refused::check_relation(relation).and_then(|()| system_tables::respell(relation)) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(error),
        }
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Self::Break> {
        let respelled = match expr {
            Expr::Cast { .. } | Expr::Convert { .. } => casts::respell(expr),
            Expr::BinaryOp { left, op: BinaryOperator::BitwiseXor, right } => {
                // `^` is power; `#` is the exclusive or.
                let operands =
                    [left, right].map(|operand| std::mem::replace(operand.as_mut(), Expr::value(Value::Null)));
                *expr = call("power", operands);
                Ok(())
            }
            Expr::Like { .. } | Expr::ILike { .. } | Expr::SimilarTo { .. } | Expr::BinaryOp { .. } => {
                text::respell(expr);
                patterns::respell(expr);
                Ok(())
            }
            Expr::Extract { .. } => dates::respell_extract(expr),
            Expr::TypedString(literal) => {
                dates::respell_literal(literal);
                Ok(())
            }
            Expr::OuterJoin(column) => refused::outer_join(column),
            Expr::Function(_) | Expr::Identifier(_) | Expr::Trim { .. } | Expr::Substring { .. } => {
                self.session.respell(expr);
                calls::respell(expr)
            }
            _ => Ok(()),
        };
        match respelled {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::parser::Parser;

    use super::*;
    use crate::RedshiftDialect;

    /// Respells a statement, and respells it again, which must not change it.
    fn check(sql: &str, expect: &str) {
        let mut statements = Parser::parse_sql(&RedshiftDialect, sql).unwrap();
        for _ in 0..2 {
            assert!(statements.visit(&mut Spellings::default()).is_continue(), "{sql}");
            assert_eq!(statements[0].to_string(), expect, "{sql}");
        }
    }

    #[test]
    fn what_datafusion_knows_stays_as_it_is() {
        for sql in
            ["SELECT a, b + 1 AS c, t.d FROM t WHERE a > 'x' GROUP BY a, b LIMIT 3", "SELECT 1::BIGINT AS a FROM t"]
        {
            check(sql, sql);
        }
    }

    #[test]
    fn redshifts_spellings_become_datafusions() {
        check("SELECT TOP 3 a FROM t", "SELECT a FROM t LIMIT 3");
        check("SELECT a FROM t MINUS SELECT TOP 1 b FROM u", "SELECT a FROM t EXCEPT (SELECT b FROM u LIMIT 1)");
        check("SELECT NVL(a, b) AS x FROM t", "SELECT coalesce(a, b) AS x FROM t");
        check("SELECT MOD(a, b + 1) AS x", "SELECT ((a) % (b + 1)) AS x");
        check("SELECT DATE_PART(mon, d) AS x", "SELECT DATE_PART('month', d) AS x");
        check("SELECT EXTRACT(hrs FROM d) AS x", "SELECT EXTRACT(hour FROM d) AS x");
        check("SELECT CHARINDEX('a', 'ba') AS x", "SELECT strpos('ba', 'a') AS x");
        check("SELECT REGEXP_REPLACE(a, 'b', 'c') AS x", "SELECT regexp_replace(a, 'b', 'c', 'g') AS x");
        check("SELECT a SIMILAR TO 'b%' AS x", "SELECT (redshift_text(a) ~ redshift_similar_pattern('b%', '\\')) AS x");
        check(
            "SELECT REGEXP_REPLACE(a, 'b', 'c', 3) AS x",
            "SELECT (redshift_text(left(redshift_text(a), 2)) || redshift_text(regexp_replace(substr(redshift_text(a), 3), 'b', 'c', 'g'))) AS x",
        );
        check(
            "SELECT EXISTS (SELECT 1 FROM u WHERE u.a = t.a) AS x FROM t",
            "SELECT (SELECT COUNT(*) > 0 AS \"is\" FROM u WHERE u.a = t.a) AS x FROM t",
        );
        check("SELECT a::INT AS x", "SELECT redshift_round_to_integer(a)::INT AS x");
        check("SELECT a::VARCHAR(3) AS x", "SELECT left(redshift_text(a)::VARCHAR, 3) AS x");
        check("SELECT CONVERT(DATE, a) AS x", "SELECT CAST(redshift_iso_datetime(a) AS DATE) AS x");
        check("SELECT a FROM t WHERE b <> ' '", "SELECT a FROM t WHERE rtrim(redshift_text(b)) <> ''");
        check("SELECT a FROM t WHERE b LIKE 'c'", "SELECT a FROM t WHERE redshift_text(b) LIKE 'c'");
        check(
            "SELECT LISTAGG(a, ',') WITHIN GROUP (ORDER BY b) AS x FROM t",
            "SELECT string_agg(redshift_text(a), ',' ORDER BY b) AS x FROM t",
        );
        check(
            "SELECT DECODE(a, 1, 'x', NULL, 'y', 'z') AS x",
            "SELECT CASE WHEN (a) IS NOT DISTINCT FROM (1) THEN 'x' WHEN (a) IS NOT DISTINCT FROM (NULL) THEN 'y' ELSE 'z' END AS x",
        );
    }

    #[test]
    fn columns_are_called_as_redshift_calls_them() {
        check("SELECT t.a::INT FROM t", "SELECT redshift_round_to_integer(t.a)::INT AS \"a\" FROM t");
        check("SELECT a, a::INT FROM t", "SELECT a, redshift_round_to_integer(a)::INT AS \"a_1\" FROM t");
        check(
            "SELECT t.a, u.a, t.a, a::TEXT FROM t, u",
            "SELECT t.a, u.a, t.a AS \"a_1\", redshift_text(a)::TEXT AS \"a_2\" FROM t, u",
        );
        check(
            "SELECT NVL(a, 1), NVL(b, 1) FROM t",
            "SELECT coalesce(a, 1) AS \"nvl\", coalesce(b, 1) AS \"nvl_1\" FROM t",
        );
        check(
            "SELECT 1, 'a'::DATE, -1, true",
            "SELECT 1 AS \"?column?\", redshift_iso_datetime('a')::DATE AS \"date\", -1 AS \"?column?_1\", true AS \"bool\"",
        );
    }
}
