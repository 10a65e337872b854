//! Statements of DataFusion's as sqlparser's visitors walk through those of its own.

use std::ops::ControlFlow;

use datafusion::sql::parser::{CopyToSource, Statement as DFStatement};
use datafusion::sql::sqlparser::ast::{Visit, VisitMut, Visitor, VisitorMut};

/// A statement with all that is in it: what EXPLAIN explains, and what COPY reads.
pub(crate) struct Walk<'a>(pub(crate) &'a DFStatement);

/// The same, to be changed.
pub(crate) struct WalkMut<'a>(pub(crate) &'a mut DFStatement);

impl Visit for Walk<'_> {
    fn visit<V: Visitor>(&self, visitor: &mut V) -> ControlFlow<V::Break> {
        match self.0 {
            DFStatement::Statement(statement) => statement.visit(visitor),
            DFStatement::Explain(explain) => Walk(&explain.statement).visit(visitor),
            DFStatement::CopyTo(copy) => match &copy.source {
                CopyToSource::Query(query) => query.visit(visitor),
                CopyToSource::Relation(name) => {
                    visitor.pre_visit_relation(name)?;
                    visitor.post_visit_relation(name)
                }
            },
            DFStatement::CreateExternalTable(table) => {
                table.columns.visit(visitor)?;
                table.order_exprs.visit(visitor)
            }
            DFStatement::Reset(_) => ControlFlow::Continue(()),
        }
    }
}

impl Visit for WalkMut<'_> {
    fn visit<V: Visitor>(&self, visitor: &mut V) -> ControlFlow<V::Break> {
        Walk(self.0).visit(visitor)
    }
}

impl VisitMut for WalkMut<'_> {
    fn visit<V: VisitorMut>(&mut self, visitor: &mut V) -> ControlFlow<V::Break> {
        match self.0 {
            DFStatement::Statement(statement) => VisitMut::visit(statement, visitor),
            DFStatement::Explain(explain) => VisitMut::visit(&mut WalkMut(&mut explain.statement), visitor),
            DFStatement::CopyTo(copy) => match &mut copy.source {
                CopyToSource::Query(query) => VisitMut::visit(query, visitor),
                CopyToSource::Relation(name) => {
                    visitor.pre_visit_relation(name)?;
                    visitor.post_visit_relation(name)
                }
            },
            DFStatement::CreateExternalTable(table) => {
                VisitMut::visit(&mut table.columns, visitor)?;
                VisitMut::visit(&mut table.order_exprs, visitor)
            }
            DFStatement::Reset(_) => ControlFlow::Continue(()),
        }
    }
}
