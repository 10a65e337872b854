//! What the columns of a SELECT are called: a path by its last attribute, in lower case, and a cast by what it casts.

use std::collections::HashSet;

use datafusion::sql::sqlparser::ast::{AccessExpr, Expr, Ident, SelectItem, Value, ValueWithSpan};

use super::paths::names_and_steps;
use super::scope::{OURS, Root, Scope, folded, root};

/// Gives an alias to every path that has none. Redshift gives two columns one name, which DataFusion cannot: the second of a
/// name gets a number.
pub(super) fn name_paths(projection: &mut [SelectItem], scopes: &[Scope]) {
    let mut taken: HashSet<String> = projection.iter().filter_map(name_of_no_path).collect();
    for item in projection {
        let SelectItem::UnnamedExpr(expr) = item else { continue };
        let Some(name) = name_of_path(expr, scopes) else { continue };
        let mut alias = name.clone();
        let mut number = 1;
        while !taken.insert(alias.clone()) {
            alias = format!("{name}_{number}");
            number += 1;
        }
        *item = SelectItem::ExprWithAlias { expr: expr.clone(), alias: Ident::with_quote(OURS, alias) };
    }
}

/// Whether the expression is a path of at least one step, or an element of an array in FROM.
pub(super) fn is_path(expr: &Expr, scopes: &[Scope]) -> bool {
    match expr {
        Expr::Nested(expr) => is_path(expr, scopes),
        Expr::Cast { .. } => false,
        Expr::Identifier(ident) => root(std::slice::from_ref(ident), scopes) == Some(Root::Element),
        expr => name_of_path(expr, scopes).is_some(),
    }
}

/// The name of a column, or of what has an alias.
fn name_of_no_path(item: &SelectItem) -> Option<String> {
    match item {
        SelectItem::ExprWithAlias { alias, .. } => Some(folded(alias)),
        SelectItem::UnnamedExpr(Expr::Identifier(ident)) => Some(folded(ident)),
        _ => None,
    }
}

/// The last attribute of a path of at least one step, perhaps in parentheses and casts; of a cast column the column's name.
fn name_of_path(expr: &Expr, scopes: &[Scope]) -> Option<String> {
    match expr {
        Expr::Nested(expr) => return name_of_path(expr, scopes),
        Expr::Cast { expr, .. } => {
            return match expr.as_ref() {
                Expr::Identifier(ident) => Some(folded(ident)),
                Expr::CompoundIdentifier(idents) => idents.last().map(folded),
                expr => name_of_path(expr, scopes),
            };
        }
        _ => {}
    }
    let (idents, steps) = names_and_steps(expr)?;
    let column = match root(&idents, scopes) {
        Some(Root::Column(names)) => names,
        Some(Root::Element | Root::Position(_)) => 1,
        None => 0,
    };
    if steps.is_empty() && idents.len() <= column {
        return None;
    }
    let last = steps.iter().rev().find_map(|step| match step {
        AccessExpr::Dot(Expr::Value(ValueWithSpan { value: Value::SingleQuotedString(name), .. })) => {
            Some(name.to_lowercase())
        }
        _ => None,
    });
    last.or_else(|| idents.last().map(|ident| folded(ident).to_lowercase()))
}
