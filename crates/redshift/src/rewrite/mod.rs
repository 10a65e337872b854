//! From Redshift's statements to those that DataFusion plans, one kind of difference a file.
//!
//! First come the spellings, in one walk over the statement; then the lateral aliases, for which the columns of tables
//! must be known. Both leave the names of the columns that a query returns as they would be without them.

mod aliases;
mod calls;
mod casts;
mod dates;
mod names;
mod quotes;
mod sets;
mod text;
mod types;

use std::ops::ControlFlow;

use datafusion::error::Result;
use datafusion::execution::context::SessionState;
use datafusion::sql::parser::{CopyToSource, Statement};
use datafusion::sql::sqlparser::ast::{Expr, Query, Select, VisitMut, VisitorMut};

pub(crate) use quotes::{hint_at_quotes, quoted_names};
pub(crate) use types::TypeNames;

/// Turns what DataFusion does not know into what it knows. The tables that the statement names are looked up in `state`.
///
/// A statement that has been rewritten is left as it is.
pub async fn rewrite(state: &SessionState, statement: &mut Statement) -> Result<()> {
    match statement {
        Statement::Statement(statement) => rewrite_node(state, statement.as_mut()).await,
        Statement::Explain(explain) => Box::pin(rewrite(state, &mut explain.statement)).await,
        Statement::CopyTo(copy) => match &mut copy.source {
            CopyToSource::Query(query) => rewrite_node(state, query.as_mut()).await,
            CopyToSource::Relation(_) => Ok(()),
        },
        Statement::CreateExternalTable(_) | Statement::Reset(_) => Ok(()),
    }
}

async fn rewrite_node<N: VisitMut>(state: &SessionState, node: &mut N) -> Result<()> {
    if let ControlFlow::Break(error) = node.visit(&mut Spellings::default()) {
        return Err(error);
    }
    aliases::inline_aliases(state, node).await
}

/// The walk that turns spellings of Redshift's into DataFusion's.
#[derive(Default)]
struct Spellings {
    /// The names of the columns of the SELECTs around this point, as they were.
    names: Vec<names::Names>,
}

impl VisitorMut for Spellings {
    type Break = datafusion::error::DataFusionError;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Self::Break> {
        match sets::respell(query) {
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
        if let Some(names) = self.names.pop() {
            names.keep(select);
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Self::Break> {
        let respelled = match expr {
            Expr::Cast { .. } | Expr::Convert { .. } => casts::respell(expr),
            Expr::Like { .. } | Expr::ILike { .. } | Expr::SimilarTo { .. } | Expr::BinaryOp { .. } => {
                text::respell(expr);
                Ok(())
            }
            Expr::Extract { .. } => dates::respell_extract(expr),
            Expr::Function(_) | Expr::Identifier(_) | Expr::Trim { .. } | Expr::Substring { .. } => {
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
