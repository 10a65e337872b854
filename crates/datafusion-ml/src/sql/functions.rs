//! The functions that a statement calls, found before the statement is planned.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::ops::ControlFlow;

use datafusion::sql::parser::{CopyToSource, Statement as DFStatement};
use datafusion::sql::sqlparser::ast::{
    Expr, Ident, ObjectName, Query, Visit, VisitMut, visit_expressions, visit_expressions_mut,
};

/// The names of all functions that the statement calls anywhere: in projections, filters, subqueries, common table
/// expressions, window specifications, the query of a view, table, COPY, INSERT, EXPLAIN or PREPARE.
///
/// A name is in lower case unless it is quoted, the parts of a qualified one joined by dots: `public.predict_churn`.
pub fn function_names(statement: &DFStatement) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    match statement {
        DFStatement::Statement(statement) => collect(statement.as_ref(), &mut names),
        DFStatement::Explain(explain) => names = function_names(&explain.statement),
        DFStatement::CopyTo(copy) => match &copy.source {
            CopyToSource::Query(query) => collect(query.as_ref(), &mut names),
            CopyToSource::Relation(_) => {}
        },
        DFStatement::CreateExternalTable(table) => {
            collect(&table.columns, &mut names);
            collect(&table.order_exprs, &mut names);
        }
        DFStatement::Reset(_) => {}
    }
    names
}

/// The names of all functions that the query calls anywhere, as [`function_names`] gives them.
pub fn query_function_names(query: &Query) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    collect(query, &mut names);
    names
}

/// Writes the qualified function names that `is_ours` accepts as one quoted identifier: `Public.F(x)` becomes
/// `"public.f"(x)`.
///
/// DataFusion looks a qualified function name up as it is spelled; this makes the look-up independent of case.
pub fn quote_function_names(statement: &mut DFStatement, is_ours: &dyn Fn(&str) -> bool) {
    match statement {
        DFStatement::Statement(statement) => quote(statement.as_mut(), is_ours),
        DFStatement::Explain(explain) => quote_function_names(&mut explain.statement, is_ours),
        DFStatement::CopyTo(copy) => match &mut copy.source {
            CopyToSource::Query(query) => quote(query.as_mut(), is_ours),
            CopyToSource::Relation(_) => {}
        },
        DFStatement::CreateExternalTable(_) | DFStatement::Reset(_) => {}
    }
}

fn collect(node: &impl Visit, names: &mut BTreeSet<String>) {
    let _: ControlFlow<Infallible> = visit_expressions(node, |expr| {
        if let Expr::Function(function) = expr {
            names.extend(folded(&function.name));
        }
        ControlFlow::Continue(())
    });
}

fn quote(node: &mut impl VisitMut, is_ours: &dyn Fn(&str) -> bool) {
    let _: ControlFlow<Infallible> = visit_expressions_mut(node, |expr| {
        if let Expr::Function(function) = expr
            && function.name.0.len() > 1
            && let Some(name) = folded(&function.name).filter(|name| is_ours(name))
        {
            let span = function.name.0[0].as_ident().map(|ident| ident.span);
            let mut ident = Ident::with_quote('"', name);
            ident.span = span.unwrap_or(ident.span);
            function.name = ObjectName::from(vec![ident]);
        }
        ControlFlow::Continue(())
    });
}

/// The parts of a name, unquoted ones in lower case, joined by dots; `None` if a part is not an identifier.
fn folded(name: &ObjectName) -> Option<String> {
    let parts: Option<Vec<String>> = name
        .0
        .iter()
        .map(|part| {
            part.as_ident().map(|ident| match ident.quote_style {
                Some(_) => ident.value.clone(),
                None => ident.value.to_ascii_lowercase(),
            })
        })
        .collect();
    parts.map(|parts| parts.join("."))
}
