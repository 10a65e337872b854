//! Paths in expressions.

use datafusion::sql::sqlparser::ast::{
    AccessExpr, Expr, Ident, JsonPath, JsonPathElem, ObjectNamePart, Subscript, Value,
};

use super::scope::{OURS, Root, Scope, folded, root};

/// Turns a path into `CompoundFieldAccess` of its column and steps: `.'attribute'` and `[position]`.
pub(super) fn rewrite(expr: &mut Expr, scopes: &[Scope]) {
    if let Expr::Identifier(ident) = expr {
        if let Some(element) = element_column(std::slice::from_ref(ident), scopes) {
            *expr = element;
        }
        return;
    }
    let Some((start, idents, steps)) = parts(expr) else { return };
    let (column, attributes) = match root(&idents, scopes) {
        // Functions, parenthesized expressions and such.
        None if idents.is_empty() => (start.unwrap_or_else(|| expr.clone()), vec![]),
        // Where there is no FROM, the planner finds the column.
        None if !steps.is_empty() && idents[0].quote_style != Some(OURS) => {
            let names = idents[1..].iter().map(|ident| AccessExpr::Dot(Expr::Identifier(ident.clone())));
            let root = Box::new(Expr::Identifier(idents[0].clone()));
            *expr = Expr::CompoundFieldAccess { root, access_chain: names.chain(steps).collect() };
            return;
        }
        None => return,
        Some(root) => {
            let names = match root {
                Root::Column(names) => names.min(idents.len()),
                Root::Element | Root::Position(_) => 1,
            };
            let attributes = idents[names..].to_vec();
            if attributes.is_empty() && steps.is_empty() && matches!(root, Root::Column(_)) {
                return;
            }
            let column = element_column(&idents, scopes).unwrap_or_else(|| match &idents[..names] {
                [ident] => Expr::Nested(Box::new(Expr::Identifier(ident.clone()))),
                idents => Expr::CompoundIdentifier(idents.to_vec()),
            });
            (column, attributes)
        }
    };
    let mut access_chain: Vec<AccessExpr> = attributes.iter().map(|ident| attribute(folded(ident))).collect();
    access_chain.extend(steps);
    *expr = match access_chain.is_empty() {
        true => column,
        false => Expr::CompoundFieldAccess { root: Box::new(column), access_chain },
    };
}

/// The parts of a path: what it starts with if that is no name, the names, and the other steps. `None` of no path.
fn parts(expr: &Expr) -> Option<(Option<Expr>, Vec<Ident>, Vec<AccessExpr>)> {
    match expr {
        Expr::CompoundIdentifier(idents) => Some((None, idents.clone(), vec![])),
        Expr::JsonAccess { value, path } => {
            let steps = steps(path)?;
            let (start, idents, mut all) = match value.as_ref() {
                Expr::Identifier(ident) => (None, vec![ident.clone()], vec![]),
                value => parts(value).unwrap_or_else(|| (Some(value.clone()), vec![], vec![])),
            };
            all.extend(steps);
            Some((start, idents, all))
        }
        Expr::CompoundFieldAccess { root, access_chain } => {
            let (mut start, mut idents) = match root.as_ref() {
                Expr::Identifier(ident) => (None, vec![ident.clone()]),
                Expr::CompoundIdentifier(idents) => (None, idents.clone()),
                root => (Some(root.clone()), vec![]),
            };
            let mut all = Vec::new();
            for access in access_chain {
                match access {
                    AccessExpr::Dot(Expr::Identifier(ident)) if all.is_empty() && start.is_none() => {
                        idents.push(ident.clone());
                    }
                    // What stands before a function is its schema.
                    AccessExpr::Dot(Expr::Function(function)) if all.is_empty() && start.is_none() => {
                        let mut function = function.clone();
                        function.name.0.splice(0..0, idents.drain(..).map(ObjectNamePart::Identifier));
                        start = Some(Expr::Function(function));
                    }
                    AccessExpr::Dot(Expr::Identifier(ident)) => all.push(attribute(folded(ident))),
                    access => all.push(access.clone()),
                }
            }
            Some((start, idents, all))
        }
        _ => None,
    }
}

/// The steps after a path's first bracket; `None` of other notations than PartiQL's.
fn steps(path: &JsonPath) -> Option<Vec<AccessExpr>> {
    let steps = path.path.iter().map(|step| match step {
        JsonPathElem::Dot { key, quoted: true } => Some(attribute(key.clone())),
        JsonPathElem::Dot { key, quoted: false } => Some(attribute(key.to_lowercase())),
        JsonPathElem::Bracket { key } => Some(AccessExpr::Subscript(Subscript::Index { index: key.clone() })),
        _ => None,
    });
    steps.collect()
}

fn attribute(name: String) -> AccessExpr {
    AccessExpr::Dot(Expr::value(Value::SingleQuotedString(name)))
}

/// The column of the element or of the position that the first name stands for.
fn element_column(idents: &[Ident], scopes: &[Scope]) -> Option<Expr> {
    let name = folded(idents.first()?);
    let table = match root(idents, scopes)? {
        Root::Element => name.clone(),
        Root::Position(element) => element,
        Root::Column(_) => return None,
    };
    Some(Expr::CompoundIdentifier(vec![Ident::with_quote(OURS, table), Ident::with_quote(OURS, name)]))
}

/// The names and the other steps of a path.
pub(super) fn names_and_steps(expr: &Expr) -> Option<(Vec<Ident>, Vec<AccessExpr>)> {
    parts(expr).map(|(_, idents, steps)| (idents, steps))
}
