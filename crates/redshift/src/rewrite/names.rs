//! The names of the columns of a SELECT, kept while their expressions are rewritten.

use std::collections::HashSet;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    AccessExpr, Expr, Ident, OrderByKind, Query, Select, SelectItem, SetExpr, TypedString, Value, VisitMut, VisitorMut,
};
use datafusion::sql::sqlparser::tokenizer::Span;

/// What the items without an alias of a SELECT list said before they were rewritten; `None` for other items.
pub(crate) struct Names(Vec<Option<Said>>);

struct Said {
    /// The text of the expression.
    text: String,
    /// The column, or the attribute of a nested value, of which the expression is a cast.
    column: Option<String>,
}

impl Names {
    pub(crate) fn of(select: &Select) -> Self {
        let said = |item: &SelectItem| match item {
            SelectItem::UnnamedExpr(expr) => Some(Said { text: expr.to_string(), column: cast_column(expr) }),
            _ => None,
        };
        Self(select.projection.iter().map(said).collect())
    }

    /// Gives the items that have changed the name of the column of which they are a cast, as Redshift does, unless
    /// another item has that name, which DataFusion would not allow; or else their text.
    pub(crate) fn keep(self, select: &mut Select) {
        for (index, said) in self.0.into_iter().enumerate() {
            let (Some(said), Some(SelectItem::UnnamedExpr(expr))) = (said, select.projection.get(index)) else {
                continue;
            };
            if expr.to_string() == said.text {
                continue;
            }
            let others = || select.projection.iter().enumerate().filter(|&(other, _)| other != index);
            let name = match said.column {
                Some(column) if !others().any(|(_, item)| item_name(item).as_deref() == Some(&column)) => column,
                _ => said.text,
            };
            // Without a place in the text: see `is_given`.
            let alias = Ident::with_quote('"', name);
            select.projection[index] = SelectItem::ExprWithAlias { expr: expr.clone(), alias };
        }
        number_equal_names(&mut select.projection, HashSet::new());
    }
}

/// Redshift gives two columns one name, which DataFusion cannot: the second of a name gets a number, as `a_1`, and what
/// DataFusion would give the same name gets its text. `taken` are names that other columns have.
pub(crate) fn number_equal_names(projection: &mut [SelectItem], mut taken: HashSet<String>) {
    for item in projection {
        let (expr, key, name) = match item {
            SelectItem::UnnamedExpr(expr) => {
                let key = datafusion_name(expr);
                let column = cast_column(expr).filter(|_| is_column(expr));
                let name = column.unwrap_or_else(|| expr.to_string());
                (expr, key, name)
            }
            SelectItem::ExprWithAlias { expr, alias } => (expr, normalized(alias), normalized(alias)),
            _ => continue,
        };
        if taken.insert(key) {
            continue;
        }
        let numbered = (1..).map(|number| format!("{name}_{number}"));
        // What only looks like another to DataFusion needs no number.
        let names = std::iter::once(name.clone()).filter(|_| !is_column(expr)).chain(numbered);
        let alias = names.into_iter().find(|name| taken.insert(name.clone())).unwrap_or(name);
        *item = SelectItem::ExprWithAlias { expr: expr.clone(), alias: Ident::with_quote('"', alias) };
    }
}

fn is_column(expr: &Expr) -> bool {
    matches!(expr, Expr::Identifier(_) | Expr::CompoundIdentifier(_))
}

/// What two expressions have in common that DataFusion gives the same name: it says nothing of casts and parentheses, and writes
/// functions in lower case.
fn datafusion_name(expr: &Expr) -> String {
    struct Plain;

    impl VisitorMut for Plain {
        type Break = ();

        fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
            let plain = match expr {
                Expr::Cast { expr: inner, .. } | Expr::Nested(inner) => {
                    std::mem::replace(inner.as_mut(), Expr::value(Value::Null))
                }
                Expr::TypedString(TypedString { value, .. }) => Expr::Value(value.clone()),
                _ => return ControlFlow::Continue(()),
            };
            *expr = plain;
            ControlFlow::Continue(())
        }
    }

    match expr {
        Expr::Identifier(ident) => normalized(ident),
        Expr::CompoundIdentifier(_) => expr.to_string(),
        _ => {
            let mut plain = expr.clone();
            let _ = plain.visit(&mut Plain);
            plain.to_string().to_lowercase()
        }
    }
}

/// Whether an alias has been written by someone, and not by [`Names::keep`]. Only those can be referred to.
pub(crate) fn is_given(alias: &Ident) -> bool {
    alias.span != Span::empty()
}

/// Orders a SELECT DISTINCT by the names of its columns where it is ordered by their expressions: DataFusion finds them only
/// if the columns have no other names.
pub(crate) fn order_by_name(query: &mut Query) {
    let (SetExpr::Select(select), Some(order_by)) = (query.body.as_ref(), &mut query.order_by) else { return };
    let OrderByKind::Expressions(keys) = &mut order_by.kind else { return };
    if select.distinct.is_none() {
        return;
    }
    for key in keys {
        let named = select.projection.iter().find_map(|item| match item {
            SelectItem::ExprWithAlias { expr, alias } if *expr == key.expr => Some(alias),
            // An item with an alias inlined, which keeps its text as its name.
            SelectItem::ExprWithAlias { alias, .. } if !is_given(alias) && alias.value == key.expr.to_string() => {
                Some(alias)
            }
            _ => None,
        });
        if let Some(name) = named {
            key.expr = Expr::Identifier(name.clone());
        }
    }
}

/// The name of an item, as far as it is a plain one.
fn item_name(item: &SelectItem) -> Option<String> {
    match item {
        SelectItem::UnnamedExpr(expr) => cast_column(expr),
        SelectItem::ExprWithAlias { alias, .. } => Some(normalized(alias)),
        _ => None,
    }
}

/// The name of an item that is a column, or a cast of one.
fn cast_column(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Cast { expr, .. } | Expr::Convert { expr, .. } | Expr::Nested(expr) => cast_column(expr),
        Expr::Identifier(ident) => Some(normalized(ident)),
        Expr::CompoundIdentifier(idents) => idents.last().map(normalized),
        Expr::CompoundFieldAccess { root, access_chain } => {
            let attribute = access_chain.iter().rev().find_map(|access| match access {
                AccessExpr::Dot(Expr::Identifier(ident)) => Some(normalized(ident)),
                _ => None,
            });
            attribute.or_else(|| cast_column(root))
        }
        _ => None,
    }
}

/// The name that an identifier means: in lower case unless it is quoted.
pub(crate) fn normalized(ident: &Ident) -> String {
    match ident.quote_style {
        Some(_) => ident.value.clone(),
        None => ident.value.to_lowercase(),
    }
}
