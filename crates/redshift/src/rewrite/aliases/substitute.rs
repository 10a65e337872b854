//! Expressions in the place of aliases.

use std::collections::HashMap;
use std::ops::ControlFlow;

use datafusion::common::plan_err;
use datafusion::error::Result;
use datafusion::execution::context::SessionState;
use datafusion::sql::sqlparser::ast::{
    AccessExpr, Expr, Ident, Query, Subscript, Value, Visit, VisitMut, Visitor, VisitorMut,
};

use super::Columns;
use crate::rewrite::names::normalized;

/// How many terms the aliases of a SELECT list may stand for in all if they are replaced. One that uses the one before twice
/// stands for twice as many terms, so that a chain of them grows without measure.
const MAX_TERMS: usize = 2048;

/// The aliases that have been defined so far, and what happens where one is met: it is replaced, or only noticed.
pub(super) struct Substitution<'a> {
    defined: HashMap<String, Meaning>,
    /// How many terms the aliases stand for that have been met.
    terms: usize,
    /// Where they were first too many.
    too_many_at: Option<Ident>,
    replaces: bool,
    /// What has precedence over the aliases; `None` if they are only searched for.
    among: Option<(&'a Columns, &'a SessionState)>,
    met: Vec<String>,
    /// How many queries are around the point, below the expression.
    depth: usize,
    /// The paths into nested values around the point.
    paths: Vec<Path>,
}

struct Meaning {
    expr: Expr,
    /// How many terms it has when all aliases in it are replaced.
    terms: usize,
}

struct Path {
    /// The names after dots, taken out so that they are not taken for columns.
    attributes: Vec<Expr>,
    /// Whether it begins with a name, and not with another expression.
    of_name: bool,
}

impl<'a> Substitution<'a> {
    /// Notices names that equal an alias, and changes nothing.
    pub(super) fn search() -> Self {
        Self {
            defined: HashMap::new(),
            terms: 0,
            too_many_at: None,
            replaces: false,
            among: None,
            met: vec![],
            depth: 0,
            paths: vec![],
        }
    }

    /// Notices the aliases that no column hides, and changes nothing.
    pub(super) fn measure(columns: &'a Columns, state: &'a SessionState) -> Self {
        Self { among: Some((columns, state)), ..Self::search() }
    }

    /// Replaces the aliases that no column hides.
    pub(super) fn replace(columns: &'a Columns, state: &'a SessionState) -> Self {
        Self { replaces: true, ..Self::measure(columns, state) }
    }

    /// Whether any alias was met.
    pub(super) fn found(&self) -> bool {
        !self.met.is_empty()
    }

    /// Fails if the aliases that were met stand for too much.
    pub(super) fn check_size(&self) -> Result<()> {
        let Some(ident) = &self.too_many_at else { return Ok(()) };
        let (line, column) = (ident.span.start.line, ident.span.start.column);
        plan_err!(
            "the aliases of this SELECT list stand for more than {MAX_TERMS} terms, counted up to {ident} at line {line}, column \
             {column}; compute some of them in a subquery of FROM"
        )
    }

    /// Visits an expression, and then defines an alias of it; of two with one name the first counts.
    pub(super) fn define(&mut self, alias: Option<String>, expr: &mut Expr) {
        let met_before = self.terms;
        self.apply(expr);
        let inner = if self.replaces { 0 } else { self.terms - met_before };
        if let Some(alias) = alias {
            let meaning = || Meaning { expr: expr.clone(), terms: terms(expr).saturating_add(inner) };
            self.defined.entry(alias).or_insert_with(meaning);
        }
    }

    /// Whether an expression names one of the aliases.
    pub(super) fn meets(&mut self, expr: &mut Expr) -> bool {
        let met_before = self.met.len();
        self.apply(expr);
        self.met.len() > met_before
    }

    pub(super) fn apply(&mut self, expr: &mut Expr) {
        let _ = expr.visit(self);
    }

    /// Like [`Self::apply`]; fails if an alias stands for what can be computed only after WHERE.
    pub(super) fn apply_to_where(&mut self, condition: &mut Expr) -> Result<()> {
        let met_before = self.met.len();
        self.apply(condition);
        let Some((_, state)) = self.among else { return Ok(()) };
        for alias in &self.met[met_before..] {
            let Some(Meaning { expr, .. }) = self.defined.get(alias) else { continue };
            match computed_after_where(expr, state) {
                Some(After::Grouping) => {
                    return plan_err!(
                        "the alias {alias} is the aggregate {expr}, which WHERE comes before; use HAVING"
                    );
                }
                Some(After::Windows) => {
                    return plan_err!(
                        "the alias {alias} is the window function {expr}, which WHERE comes before; use QUALIFY"
                    );
                }
                None => {}
            }
        }
        Ok(())
    }

    /// The alias that a name means, if it is to be replaced.
    fn meet(&mut self, ident: &Ident, is_qualifier: bool) -> Option<Expr> {
        let name = normalized(ident);
        let Meaning { expr, terms } = self.defined.get(&name)?;
        if let Some((names, _)) = self.among
            && (names.columns.contains(&name) || is_qualifier && names.qualifiers.contains(&name))
        {
            return None;
        }
        self.met.push(name);
        self.terms = self.terms.saturating_add(*terms);
        if self.terms > MAX_TERMS && self.too_many_at.is_none() {
            self.too_many_at = Some(ident.clone());
        }
        self.replaces.then(|| in_parentheses(expr))
    }
}

impl VisitorMut for Substitution<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.depth += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::CompoundFieldAccess { root, access_chain } = expr {
            let attributes = dots(access_chain).map(|dot| std::mem::replace(dot, Expr::value(Value::Null))).collect();
            self.paths.push(Path { attributes, of_name: is_name(root) });
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        match expr {
            Expr::CompoundFieldAccess { root, access_chain } => {
                let Some(path) = self.paths.pop() else { return ControlFlow::Continue(()) };
                for (dot, attribute) in dots(access_chain).zip(path.attributes) {
                    *dot = attribute;
                }
                if path.of_name && !is_name(root) {
                    access_chain.iter_mut().for_each(subscript);
                }
            }
            _ if self.depth > 0 => {}
            Expr::Identifier(ident) => {
                if let Some(meaning) = self.meet(ident, false) {
                    *expr = meaning;
                }
            }
            Expr::CompoundIdentifier(idents) => {
                if let [first, rest @ ..] = idents.as_slice()
                    && let Some(meaning) = self.meet(first, true)
                {
                    let mut access_chain: Vec<_> =
                        rest.iter().map(|attribute| AccessExpr::Dot(Expr::Identifier(attribute.clone()))).collect();
                    access_chain.iter_mut().for_each(subscript);
                    *expr = Expr::CompoundFieldAccess { root: Box::new(meaning), access_chain };
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

/// How many expressions there are in an expression.
fn terms(expr: &Expr) -> usize {
    struct Terms(usize);

    impl Visitor for Terms {
        type Break = ();

        fn pre_visit_expr(&mut self, _: &Expr) -> ControlFlow<()> {
            self.0 += 1;
            ControlFlow::Continue(())
        }
    }

    let mut terms = Terms(0);
    let _ = expr.visit(&mut terms);
    terms.0
}

/// The expressions after the dots of a path; those between brackets are none of them.
fn dots(access_chain: &mut [AccessExpr]) -> impl Iterator<Item = &mut Expr> {
    access_chain.iter_mut().filter_map(|access| match access {
        AccessExpr::Dot(expr) => Some(expr),
        AccessExpr::Subscript(_) => None,
    })
}

fn is_name(expr: &Expr) -> bool {
    matches!(expr, Expr::Identifier(_) | Expr::CompoundIdentifier(_))
}

/// `.a` as `['a']`: DataFusion knows dots only after names.
fn subscript(access: &mut AccessExpr) {
    if let AccessExpr::Dot(Expr::Identifier(attribute)) = access {
        let index = Expr::value(Value::SingleQuotedString(normalized(attribute)));
        *access = AccessExpr::Subscript(Subscript::Index { index });
    }
}

fn in_parentheses(expr: &Expr) -> Expr {
    match expr {
        Expr::Identifier(_) | Expr::CompoundIdentifier(_) | Expr::Value(_) | Expr::Function(_) | Expr::Nested(_) => {
            expr.clone()
        }
        _ => Expr::Nested(Box::new(expr.clone())),
    }
}

pub(super) enum After {
    Grouping,
    Windows,
}

/// What an expression must wait for.
pub(super) fn computed_after_where(expr: &Expr, state: &SessionState) -> Option<After> {
    struct Calls<'a>(&'a SessionState, usize);

    impl Visitor for Calls<'_> {
        type Break = After;

        fn pre_visit_query(&mut self, _: &Query) -> ControlFlow<After> {
            self.1 += 1;
            ControlFlow::Continue(())
        }

        fn post_visit_query(&mut self, _: &Query) -> ControlFlow<After> {
            self.1 -= 1;
            ControlFlow::Continue(())
        }

        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<After> {
            match expr {
                Expr::Function(function) if self.1 == 0 && function.over.is_some() => {
                    ControlFlow::Break(After::Windows)
                }
                Expr::Function(function) if self.1 == 0 => {
                    let name = function.name.to_string().to_lowercase();
                    match self.0.aggregate_functions().contains_key(&name) {
                        true => ControlFlow::Break(After::Grouping),
                        false => ControlFlow::Continue(()),
                    }
                }
                _ => ControlFlow::Continue(()),
            }
        }
    }

    expr.visit(&mut Calls(state, 0)).break_value()
}
