//! What the columns of a SELECT are called: a path by its last attribute, in lower case.

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

/// The name of what is no path, as far as it is plain.
fn name_of_no_path(item: &SelectItem) -> Option<String> {
    match item {
        SelectItem::ExprWithAlias { alias, .. } => Some(folded(alias)),
        SelectItem::UnnamedExpr(Expr::Identifier(ident)) => Some(folded(ident)),
        SelectItem::UnnamedExpr(Expr::CompoundIdentifier(idents)) if idents.len() == 2 => None,
        _ => None,
    }
}

/// The last attribute of a path of at least one step, perhaps in parentheses and casts.
fn name_of_path(expr: &Expr, scopes: &[Scope]) -> Option<String> {
    match expr {
        Expr::Cast { expr, .. } | Expr::Nested(expr) => return name_of_path(expr, scopes),
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
