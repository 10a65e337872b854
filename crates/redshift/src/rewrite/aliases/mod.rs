//! Lateral column aliases: `SELECT clicks / views AS rate, 100 * rate AS percent FROM t WHERE rate > 0.1`.
//!
//! Redshift's rule ([SELECT list](https://docs.aws.amazon.com/redshift/latest/dg/r_SELECT_list.html)): a name that an
//! earlier item of the SELECT list defines stands for that item's expression, in later items and in WHERE, unless the
//! FROM clause has a column of that name. In GROUP BY, HAVING, QUALIFY and ORDER BY DataFusion knows the aliases itself.
//! Subqueries are scopes of their own: within them the aliases of the query around are not known. The expression is written
//! down twice, as in Redshift: `RANDOM() AS r, r AS s` are two numbers. A chain of aliases that would grow without measure is
//! computed in FROM instead, column by column; where there are aggregates, which come after FROM, it is refused.
//!
//! The columns of a FROM clause are asked for only when a name equals an alias, or stands beside a `*`, whose columns must have
//! other names. The walk cannot wait for the answer: it
//! stops at the question and starts anew with the answer, and what it has inlined by then it finds inlined.

mod compute;
mod scope;
mod substitute;

pub(crate) use compute::computed_columns;

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;

use datafusion::error::{DataFusionError, Result};
use datafusion::execution::context::SessionState;
use datafusion::sql::parser;
use datafusion::sql::sqlparser::ast::{
    Query, Select, SelectItem, SelectItemQualifiedWildcardKind, Statement, VisitMut, VisitorMut,
};

use super::names::{Names, Taken, is_given, normalized, number_equal_names};
use scope::Scopes;
use substitute::Substitution;

/// Replaces the lateral aliases of all SELECTs of a statement.
pub(crate) async fn inline_aliases<N: VisitMut>(state: &SessionState, node: &mut N) -> Result<()> {
    let mut answers = HashMap::new();
    loop {
        let outcome = node.visit(&mut Inliner { state, answers: &answers, scopes: Scopes::default() });
        match outcome {
            ControlFlow::Continue(()) => return Ok(()),
            ControlFlow::Break(Stop::Error(error)) => return Err(*error),
            ControlFlow::Break(Stop::Question(question)) => {
                let text = question.to_string();
                answers.insert(text, columns_of(state, *question).await);
            }
        }
    }
}

/// The names that a FROM clause brings.
#[derive(Clone, Default)]
struct Columns {
    columns: HashSet<String>,
    /// Tables, and their schemas and catalogs.
    qualifiers: HashSet<String>,
    /// The columns with their tables.
    of_tables: Vec<(Option<String>, String)>,
}

impl Columns {
    /// The columns of the `*` and `t.*` in a SELECT list.
    fn of_wildcards(&self, select: &Select) -> Taken {
        let mut taken = Taken::of_columns_of(select);
        for item in &select.projection {
            let of = match item {
                SelectItem::Wildcard(_) => None,
                SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(table), _) => {
                    table.0.last().and_then(|part| part.as_ident()).map(normalized)
                }
                _ => continue,
            };
            for (table, column) in &self.of_tables {
                if of.is_none() || of == *table {
                    taken.take_column(None, column.clone());
                    taken.take_column(table.clone(), column.clone());
                }
            }
        }
        taken
    }
}

/// Whether there is a `*`, of all columns, and beside it something else.
fn has_more_than_star(select: &Select) -> bool {
    let is_star = |item: &SelectItem| match item {
        SelectItem::Wildcard(options) | SelectItem::QualifiedWildcard(_, options) => options.opt_exclude.is_none(),
        _ => false,
    };
    select.exclude.is_none() && select.projection.len() > 1 && select.projection.iter().any(is_star)
}

/// The columns that a query returns; none if it cannot be planned by itself, which is so if it refers to a query around it.
/// If the statement is wrong its planning says so better than this would.
async fn columns_of(state: &SessionState, query: Query) -> Columns {
    let statement = parser::Statement::Statement(Box::new(Statement::Query(Box::new(query))));
    // Boxed: planning a statement is a large future.
    let Ok(plan) = Box::pin(state.statement_to_plan(statement)).await else { return Columns::default() };
    let mut names = Columns::default();
    for (qualifier, field) in plan.schema().iter() {
        names.columns.insert(field.name().clone());
        names.of_tables.push((qualifier.map(|table| table.table().to_owned()), field.name().clone()));
        if let Some(qualifier) = qualifier {
            let parts = [Some(qualifier.table()), qualifier.schema(), qualifier.catalog()];
            names.qualifiers.extend(parts.into_iter().flatten().map(ToOwned::to_owned));
        }
    }
    names
}

/// Why a walk over a statement ends early.
enum Stop {
    /// The columns of this query must be known.
    Question(Box<Query>),
    Error(Box<DataFusionError>),
}

struct Inliner<'a> {
    state: &'a SessionState,
    /// By the text of the question.
    answers: &'a HashMap<String, Columns>,
    scopes: Scopes,
}

impl VisitorMut for Inliner<'_> {
    type Break = Stop;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Stop> {
        self.scopes.enter(query);
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, query: &mut Query) -> ControlFlow<Stop> {
        self.scopes.leave(query);
        ControlFlow::Continue(())
    }

    fn post_visit_select(&mut self, select: &mut Select) -> ControlFlow<Stop> {
        let mut search = Substitution::search();
        if let Err(error) = substitute(select, &mut search) {
            return ControlFlow::Break(Stop::Error(Box::new(error)));
        }
        let has_more_than_star = has_more_than_star(select);
        if !search.found() && !has_more_than_star {
            return ControlFlow::Continue(());
        }
        let no_columns = Columns::default();
        let columns = if select.from.is_empty() {
            &no_columns
        } else {
            let question = self.scopes.columns_question(&select.from);
            match self.answers.get(&question.to_string()) {
                Some(columns) => columns,
                None => return ControlFlow::Break(Stop::Question(Box::new(question))),
            }
        };
        if search.found() {
            let names = Names::of(select);
            match inline(select, columns, self.state) {
                Ok(()) => names.keep(select),
                Err(error) => return ControlFlow::Break(Stop::Error(Box::new(error))),
            }
        }
        if has_more_than_star {
            let taken = columns.of_wildcards(select);
            number_equal_names(&mut select.projection, taken);
        }
        ControlFlow::Continue(())
    }
}

/// Replaces the aliases, or has them computed in FROM where they would stand for too much.
fn inline(select: &mut Select, columns: &Columns, state: &SessionState) -> Result<()> {
    let mut size = Substitution::measure(columns, state);
    substitute(select, &mut size)?;
    let Err(too_large) = size.check_size() else {
        return substitute(select, &mut Substitution::replace(columns, state));
    };
    let Some(computed) = compute::in_from(select, columns, state) else { return Err(too_large) };
    let columns = Columns { columns: columns.columns.union(&computed).cloned().collect(), ..columns.clone() };
    // Those that are left are of window functions.
    let mut size = Substitution::measure(&columns, state);
    substitute(select, &mut size)?;
    size.check_size()?;
    substitute(select, &mut Substitution::replace(&columns, state))
}

/// Replaces the aliases in the SELECT list, each item by those before it, and in WHERE.
fn substitute(select: &mut Select, substitution: &mut Substitution<'_>) -> Result<()> {
    if !select.projection.iter().any(|item| matches!(item, SelectItem::ExprWithAlias { .. })) {
        return Ok(());
    }
    for item in &mut select.projection {
        match item {
            SelectItem::UnnamedExpr(expr) => substitution.apply(expr),
            SelectItem::ExprWithAlias { expr, alias } => {
                let alias = is_given(alias).then(|| normalized(alias));
                substitution.define(alias, expr);
            }
            _ => {}
        }
    }
    match &mut select.selection {
        Some(condition) => substitution.apply_to_where(condition),
        None => Ok(()),
    }
}
