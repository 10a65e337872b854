//! A string in double quotes is a name; the error about it says so.

use std::ops::ControlFlow;

use datafusion::common::SchemaError;
use datafusion::error::DataFusionError;
use datafusion::sql::parser::{CopyToSource, Statement};
use datafusion::sql::sqlparser::ast::{Expr, Visit, Visitor};

/// The names in double quotes that stand where a value may stand.
pub(crate) fn quoted_names(statement: &Statement) -> Vec<String> {
    let mut names = QuotedNames(vec![]);
    let _ = match statement {
        Statement::Statement(statement) => statement.visit(&mut names),
        Statement::Explain(explain) => return quoted_names(&explain.statement),
        Statement::CopyTo(copy) => match &copy.source {
            CopyToSource::Query(query) => query.visit(&mut names),
            CopyToSource::Relation(_) => ControlFlow::Continue(()),
        },
        Statement::CreateExternalTable(_) | Statement::Reset(_) => ControlFlow::Continue(()),
    };
    names.0
}

struct QuotedNames(Vec<String>);

impl Visitor for QuotedNames {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        if let Expr::Identifier(ident) = expr
            && ident.quote_style == Some('"')
        {
            self.0.push(ident.value.clone());
        }
        ControlFlow::Continue(())
    }
}

/// Adds to an error about a column that there is none of, if its name was in double quotes, that strings need single ones.
pub(crate) fn hint_at_quotes(error: DataFusionError, quoted_names: &[String]) -> DataFusionError {
    let hint = match error.find_root() {
        DataFusionError::SchemaError(schema_error, _) => match schema_error.as_ref() {
            SchemaError::FieldNotFound { field, .. }
                if field.relation.is_none() && quoted_names.contains(&field.name) =>
            {
                let name = &field.name;
                let string = name.replace('\'', "''");
                format!("\"{name}\" in double quotes is the name of a column; a string needs single quotes: '{string}'")
            }
            _ => return error,
        },
        _ => return error,
    };
    error.context(hint)
}
