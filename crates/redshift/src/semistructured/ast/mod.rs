//! From PartiQL's syntax to one that DataFusion plans: paths whose column is known, columns named by their paths, and
//! arrays in FROM. What this leaves to the planners is in the one shape that they understand.

mod from;
mod names;
mod numbers;
mod paths;
mod scope;

use std::ops::ControlFlow;

use datafusion::error::{DataFusionError, Result};
use datafusion::sql::parser::{CopyToSource, Statement};
use datafusion::sql::sqlparser::ast::{Expr, Query, Select, SetExpr, TableWithJoins, VisitMut, VisitorMut};

pub(super) use from::unnesting_of;
use scope::Scope;
pub(super) use scope::folded;

/// Rewrites the paths of a statement.
pub(crate) fn rewrite_statement(statement: &mut Statement) -> Result<()> {
    let mut rewriter = Rewriter { scopes: vec![], error: None };
    let _ = match statement {
        Statement::Statement(statement) => statement.visit(&mut rewriter),
        Statement::Explain(explain) => return rewrite_statement(&mut explain.statement),
        Statement::CopyTo(copy) => match &mut copy.source {
            CopyToSource::Query(query) => query.visit(&mut rewriter),
            CopyToSource::Relation(_) => ControlFlow::Continue(()),
        },
        Statement::CreateExternalTable(_) | Statement::Reset(_) => ControlFlow::Continue(()),
    };
    rewriter.error.map_or(Ok(()), Err)
}

struct Rewriter {
    /// What FROM names, of the innermost query last.
    scopes: Vec<Scope>,
    /// Why the walk ended. It is not what the walk breaks with, which would be on the stack at every step.
    error: Option<DataFusionError>,
}

impl Rewriter {
    /// Rewrites the arrays in FROM, and enters the scope of what it names.
    fn enter(&mut self, from: &mut Vec<TableWithJoins>) -> ControlFlow<()> {
        match from::rewrite(from) {
            Ok(scope) => {
                self.scopes.push(scope);
                ControlFlow::Continue(())
            }
            Err(error) => {
                self.error = Some(error);
                ControlFlow::Break(())
            }
        }
    }
}

impl VisitorMut for Rewriter {
    type Break = ();

    /// ORDER BY is the query's and sees what its SELECT sees.
    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        match query.body.as_mut() {
            SetExpr::Select(select) => self.enter(&mut select.from),
            _ => {
                self.scopes.push(Scope::default());
                ControlFlow::Continue(())
            }
        }
    }

    fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.scopes.pop();
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        self.enter(&mut select.from)?;
        names::name_paths(&mut select.projection, &self.scopes);
        if let Some(condition) = &mut select.selection {
            numbers::to_boolean(condition, &self.scopes);
        }
        ControlFlow::Continue(())
    }

    fn post_visit_select(&mut self, _: &mut Select) -> ControlFlow<()> {
        self.scopes.pop();
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        numbers::rewrite(expr, &self.scopes);
        paths::rewrite(expr, &self.scopes);
        ControlFlow::Continue(())
    }
}
