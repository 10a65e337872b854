//! The functions that a statement calls, found before the statement is planned.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::ops::ControlFlow;

use datafusion::sql::parser::Statement as DFStatement;
use datafusion::sql::sqlparser::ast::{
    Expr, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, ObjectName, Query, TableFactor, Value, Visit,
    Visitor, visit_expressions_mut,
};

use super::walk::{Walk, WalkMut};

/// The names of all functions that the statement calls anywhere: in projections, filters, subqueries, common table
/// expressions, window specifications, the query of a view, table, COPY, INSERT, EXPLAIN or PREPARE.
///
/// A name is in lower case unless it is quoted, the parts of a qualified one joined by dots: `public.predict_churn`.
pub fn function_names(statement: &DFStatement) -> BTreeSet<String> {
    let mut calls = Calls::default();
    calls.collect(&Walk(statement));
    calls.names
}

/// The calls of functions, scalar or in FROM, whose first argument is a text: the function's name and the text, as in
/// `explain_model('churn')`.
pub fn calls_with_text(statement: &DFStatement) -> BTreeSet<(String, String)> {
    let mut calls = Calls::default();
    calls.collect(&Walk(statement));
    calls.with_text
}

/// The names of all functions that the query calls anywhere, as [`function_names`] gives them.
pub fn query_function_names(query: &Query) -> BTreeSet<String> {
    let mut calls = Calls::default();
    calls.collect(query);
    calls.names
}

/// Writes the qualified function names that `is_ours` accepts as one quoted identifier: `Public.F(x)` becomes
/// `"public.f"(x)`.
///
/// DataFusion looks a qualified function name up as it is spelled; this makes the look-up independent of case.
pub fn quote_function_names(statement: &mut DFStatement, is_ours: &dyn Fn(&str) -> bool) {
    let _: ControlFlow<Infallible> = visit_expressions_mut(&mut WalkMut(statement), |expr| {
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

/// Writes the schema before the unqualified function names of a query that `is_ours` accepts: `f(x)` becomes `"s"."f"(x)`.
pub fn qualify_function_names(statement: &mut DFStatement, schema: &str, is_ours: &dyn Fn(&str) -> bool) {
    let _: ControlFlow<Infallible> = visit_expressions_mut(&mut WalkMut(statement), |expr| {
        if let Expr::Function(function) = expr
            && function.name.0.len() == 1
            && let Some(name) = folded(&function.name).filter(|name| is_ours(name))
        {
            function.name = ObjectName::from(vec![Ident::with_quote('"', schema), Ident::with_quote('"', name)]);
        }
        ControlFlow::Continue(())
    });
}

/// The calls seen so far.
#[derive(Default)]
struct Calls {
    /// Of scalar, aggregate and window functions.
    names: BTreeSet<String>,
    /// Of all functions with a text as their first argument, and that text.
    with_text: BTreeSet<(String, String)>,
}

impl Calls {
    fn collect(&mut self, node: &impl Visit) {
        let _: ControlFlow<Infallible> = node.visit(self);
    }

    fn add_text(&mut self, name: &ObjectName, args: &[FunctionArg]) {
        if let (Some(name), Some(text)) = (folded(name), args.first().and_then(text_of)) {
            self.with_text.insert((name, text.to_owned()));
        }
    }
}

impl Visitor for Calls {
    type Break = Infallible;

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<Infallible> {
        if let Expr::Function(function) = expr {
            self.names.extend(folded(&function.name));
            if let FunctionArguments::List(list) = &function.args {
                self.add_text(&function.name, &list.args);
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, table: &TableFactor) -> ControlFlow<Infallible> {
        if let TableFactor::Table { name, args: Some(args), .. } = table {
            self.add_text(name, &args.args);
        }
        ControlFlow::Continue(())
    }
}

/// The text that an argument is, if it is a literal.
pub(crate) fn text_of(argument: &FunctionArg) -> Option<&str> {
    let (FunctionArg::Unnamed(argument) | FunctionArg::Named { arg: argument, .. }) = argument else { return None };
    match argument {
        FunctionArgExpr::Expr(Expr::Value(value)) => match &value.value {
            Value::SingleQuotedString(text) => Some(text),
            _ => None,
        },
        _ => None,
    }
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
