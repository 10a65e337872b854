//! The functions that a statement calls, found before the statement is planned.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::ops::ControlFlow;

use datafusion::sql::parser::Statement as DFStatement;
use datafusion::sql::sqlparser::ast::{
    Expr, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, ObjectName, Query, TableFactor, Value, Visit,
    VisitMut, Visitor, VisitorMut, visit_expressions_mut,
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

/// The names of the functions that are called with something else than a text as their first argument.
pub fn calls_without_text(statement: &DFStatement) -> BTreeSet<String> {
    let mut calls = Calls::default();
    calls.collect(&Walk(statement));
    calls.without_text
}

/// The names of all functions that the expression calls, as [`function_names`] gives them.
pub fn expression_function_names(expr: &Expr) -> BTreeSet<String> {
    let mut calls = Calls::default();
    calls.collect(expr);
    calls.names
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

/// Writes another text in the place of the first argument of calls of functions, scalar or in FROM, where `rewritten` has one for the
/// function's name and the text: `explain_model('m')` becomes `explain_model('s.m')`.
pub fn rewrite_texts(statement: &mut DFStatement, rewritten: &dyn Fn(&str, &str) -> Option<String>) {
    struct Rewriting<'a>(&'a dyn Fn(&str, &str) -> Option<String>);
    impl Rewriting<'_> {
        fn rewrite(&self, name: &ObjectName, args: &mut [FunctionArg]) {
            if let (Some(name), Some(argument)) = (folded(name), args.first_mut())
                && let Some(text) = text_of(argument).and_then(|text| (self.0)(&name, text))
                && let FunctionArg::Unnamed(argument) | FunctionArg::Named { arg: argument, .. } = argument
                && let FunctionArgExpr::Expr(Expr::Value(value)) = argument
            {
                value.value = Value::SingleQuotedString(text);
            }
        }
    }
    impl VisitorMut for Rewriting<'_> {
        type Break = Infallible;

        fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Infallible> {
            if let Expr::Function(function) = expr
                && let FunctionArguments::List(list) = &mut function.args
            {
                self.rewrite(&function.name, &mut list.args);
            }
            ControlFlow::Continue(())
        }

        fn pre_visit_table_factor(&mut self, table: &mut TableFactor) -> ControlFlow<Infallible> {
            if let TableFactor::Table { name, args: Some(args), .. } = table {
                self.rewrite(name, &mut args.args);
            }
            ControlFlow::Continue(())
        }
    }
    let _: ControlFlow<Infallible> = VisitMut::visit(&mut WalkMut(statement), &mut Rewriting(rewritten));
}

/// The calls seen so far.
#[derive(Default)]
struct Calls {
    /// Of scalar, aggregate and window functions.
    names: BTreeSet<String>,
    /// Of all functions with a text as their first argument, and that text.
    with_text: BTreeSet<(String, String)>,
    /// The names of those with another first argument.
    without_text: BTreeSet<String>,
}

impl Calls {
    fn collect(&mut self, node: &impl Visit) {
        let _: ControlFlow<Infallible> = node.visit(self);
    }

    fn add_text(&mut self, name: &ObjectName, args: &[FunctionArg]) {
        let (Some(name), Some(first)) = (folded(name), args.first()) else { return };
        match text_of(first) {
            Some(text) => drop(self.with_text.insert((name, text.to_owned()))),
            None => drop(self.without_text.insert(name)),
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
