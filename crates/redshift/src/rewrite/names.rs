//! The names of the columns of a SELECT, kept while their expressions are rewritten.

use std::collections::HashSet;

use datafusion::sql::sqlparser::ast::{AccessExpr, Expr, Ident, OrderByKind, Query, Select, SelectItem, SetExpr};
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
        number_equal_names(&mut select.projection);
    }
}

/// Redshift gives two columns one name, which DataFusion cannot: the second of a name gets a number, as `a_1`.
fn number_equal_names(projection: &mut [SelectItem]) {
    let mut taken: HashSet<String> = HashSet::new();
    for item in projection {
        let (expr, name) = match item {
            SelectItem::UnnamedExpr(expr) => {
                let name = match expr {
                    Expr::Identifier(ident) => normalized(ident),
                    _ => expr.to_string(),
                };
                (expr, name)
            }
            SelectItem::ExprWithAlias { expr, alias } => (expr, normalized(alias)),
            _ => continue,
        };
        if taken.insert(name.clone()) {
            continue;
        }
        let short = cast_column(expr).filter(|_| name == expr.to_string()).unwrap_or(name);
        let numbered = (1..).map(|number| format!("{short}_{number}")).find(|numbered| taken.insert(numbered.clone()));
        let alias = Ident::with_quote('"', numbered.unwrap_or(short));
        *item = SelectItem::ExprWithAlias { expr: expr.clone(), alias };
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
