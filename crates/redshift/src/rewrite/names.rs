//! The names of the columns of a SELECT: those that Redshift gives to expressions without an alias.

use std::collections::{HashMap, HashSet};

use datafusion::sql::sqlparser::ast::{
    AccessExpr, DataType, Distinct, ExactNumberInfo, Expr, Ident, JsonPathElem, OrderByKind, Query, Select, SelectItem,
    SetExpr, TimezoneInfo, TrimWhereField, TypedString, Value,
};
use datafusion::sql::sqlparser::tokenizer::Span;

/// The names of the items without an alias of a SELECT list, as they are before it is rewritten; `None` for other items.
pub(crate) struct Names(Vec<Option<String>>);

impl Names {
    pub(crate) fn of(select: &Select) -> Self {
        let name = |item: &SelectItem| match item {
            SelectItem::UnnamedExpr(expr) => Some(output_name(expr)),
            _ => None,
        };
        Self(select.projection.iter().map(name).collect())
    }

    /// Gives these names to the items, but for columns and paths, which have their names by themselves.
    pub(crate) fn keep(self, select: &mut Select) {
        for (item, name) in select.projection.iter_mut().zip(self.0) {
            if let (SelectItem::UnnamedExpr(expr), Some(name)) = (&*item, name)
                && !is_column_or_path(expr)
            {
                // Without a place in the text: see `is_given`.
                *item = SelectItem::ExprWithAlias { expr: expr.clone(), alias: Ident::with_quote('"', name) };
            }
        }
        let taken = Taken::of_columns_of(select);
        number_equal_names(&mut select.projection, taken);
    }
}

/// What Redshift calls the column of an expression without an alias: a column and an attribute as it is called, a function by
/// its name, a cast as what is cast or else by the type, and CASE as its ELSE if that has a name.
///
/// As [PostgreSQL's FigureColname](https://github.com/postgres/postgres/blob/REL_16_STABLE/src/backend/parser/parse_target.c).
fn output_name(expr: &Expr) -> String {
    let known = |name: &str| Some(name.to_owned());
    let name = match expr {
        Expr::Identifier(ident) => Some(normalized(ident)),
        Expr::CompoundIdentifier(idents) => idents.last().map(normalized),
        Expr::CompoundFieldAccess { root, access_chain } => {
            let attribute = access_chain.iter().rev().find_map(|access| match access {
                AccessExpr::Dot(Expr::Identifier(ident)) => Some(normalized(ident)),
                _ => None,
            });
            Some(attribute.unwrap_or_else(|| output_name(root)))
        }
        Expr::JsonAccess { value, path } => {
            let attribute = path.path.iter().rev().find_map(|step| match step {
                JsonPathElem::Dot { key, quoted: true } => Some(key.clone()),
                JsonPathElem::Dot { key, quoted: false } => Some(key.to_lowercase()),
                _ => None,
            });
            Some(attribute.unwrap_or_else(|| output_name(value)))
        }
        Expr::Nested(expr) | Expr::Collate { expr, .. } => Some(output_name(expr)),
        Expr::Cast { expr, data_type, .. } | Expr::Convert { expr, data_type: Some(data_type), .. } => {
            let operand = Some(output_name(expr)).filter(|name| name != UNNAMED);
            operand.or_else(|| Some(type_name(data_type)))
        }
        Expr::TypedString(TypedString { data_type, .. }) => Some(type_name(data_type)),
        Expr::Function(function) => function.name.0.last().and_then(|part| part.as_ident()).map(normalized),
        Expr::Case { else_result, .. } => {
            let other = else_result.as_ref().map(|other| output_name(other)).filter(|name| name != UNNAMED);
            other.or_else(|| known("case"))
        }
        Expr::Extract { .. } => known("date_part"),
        Expr::Position { .. } => known("position"),
        Expr::Substring { .. } => known("substring"),
        Expr::Overlay { .. } => known("overlay"),
        Expr::Ceil { .. } => known("ceil"),
        Expr::Floor { .. } => known("floor"),
        Expr::Trim { trim_where, .. } => known(match trim_where {
            Some(TrimWhereField::Leading) => "ltrim",
            Some(TrimWhereField::Trailing) => "rtrim",
            _ => "btrim",
        }),
        Expr::Exists { .. } => known("exists"),
        Expr::Subquery(query) => match query.body.as_ref() {
            SetExpr::Select(select) => match select.projection.as_slice() {
                [SelectItem::UnnamedExpr(expr)] => Some(output_name(expr)),
                [SelectItem::ExprWithAlias { alias, .. }] => Some(normalized(alias)),
                _ => None,
            },
            _ => None,
        },
        Expr::Value(value) if matches!(value.value, Value::Boolean(_)) => known("bool"),
        Expr::Interval(_) => known("interval"),
        Expr::Array(_) => known("array"),
        _ => None,
    };
    name.unwrap_or_else(|| UNNAMED.to_owned())
}

/// The name of a column that has none.
const UNNAMED: &str = "?column?";

/// What Redshift calls the type where it is the name of a column.
fn type_name(data_type: &DataType) -> String {
    match data_type {
        DataType::SmallInt(_) | DataType::Int2(_) => "int2",
        DataType::Int(_) | DataType::Integer(_) | DataType::Int4(_) => "int4",
        DataType::BigInt(_) | DataType::Int8(_) => "int8",
        DataType::Real | DataType::Float4 | DataType::Float(ExactNumberInfo::Precision(1..=24)) => "float4",
        DataType::Float(_) | DataType::Float8 | DataType::Double(_) | DataType::DoublePrecision => "float8",
        DataType::Numeric(_) | DataType::Decimal(_) | DataType::Dec(_) => "numeric",
        DataType::Boolean | DataType::Bool => "bool",
        DataType::Char(_) | DataType::Character(_) => "bpchar",
        DataType::Varchar(_) | DataType::CharVarying(_) | DataType::CharacterVarying(_) | DataType::Nvarchar(_) => {
            "varchar"
        }
        DataType::Timestamp(_, TimezoneInfo::Tz | TimezoneInfo::WithTimeZone) => "timestamptz",
        DataType::Timestamp(..) | DataType::Datetime(_) => "timestamp",
        other => return other.to_string().to_lowercase(),
    }
    .to_owned()
}

/// The names that columns have already.
#[derive(Default)]
pub(crate) struct Taken {
    /// The tables of columns, as far as they are said, with the names of the columns.
    columns: HashSet<(Option<String>, String)>,
    /// The names of columns, without their tables.
    names: HashSet<String>,
    aliases: HashSet<String>,
    /// The last numbers that names have been given.
    numbers: HashMap<String, u64>,
    /// Whether FROM is one table, to which all columns belong whether they say so or not.
    one_table: bool,
}

impl Taken {
    /// No names yet, of the columns of what this selects from.
    pub(crate) fn of_columns_of(select: &Select) -> Self {
        let one_table = matches!(select.from.as_slice(), [from] if from.joins.is_empty());
        Self { one_table, ..Self::default() }
    }

    /// The name of a column of the table; whether it was free. DataFusion allows one name of columns of two tables.
    pub(crate) fn take_column(&mut self, table: Option<String>, name: String) -> bool {
        let (table, is_free) = (table.filter(|_| !self.one_table), !self.aliases.contains(&name));
        self.names.insert(name.clone());
        self.columns.insert((table, name)) && is_free
    }

    fn take_alias(&mut self, name: String) -> bool {
        !self.names.contains(&name) && self.aliases.insert(name)
    }

    /// The name with the next number with which it is free.
    fn take_numbered(&mut self, name: &str) -> String {
        let last = self.numbers.get(name).copied().unwrap_or_default();
        let mut number = last + 1;
        while !self.take_alias(format!("{name}_{number}")) {
            number += 1;
        }
        self.numbers.insert(name.to_owned(), number);
        format!("{name}_{number}")
    }
}

/// Redshift gives two columns one name, which DataFusion cannot: the second of a name gets a number, as `a_1`.
pub(crate) fn number_equal_names(projection: &mut [SelectItem], mut taken: Taken) {
    for item in projection {
        let (expr, name, is_free) = match &*item {
            SelectItem::UnnamedExpr(expr @ Expr::Identifier(ident)) => {
                let name = normalized(ident);
                (expr, name.clone(), taken.take_column(None, name))
            }
            SelectItem::UnnamedExpr(expr @ Expr::CompoundIdentifier(idents)) => {
                let [tables @ .., name] = idents.as_slice() else { continue };
                let table = tables.iter().map(normalized).collect::<Vec<_>>().join(".");
                let name = normalized(name);
                (expr, name.clone(), taken.take_column(Some(table), name))
            }
            SelectItem::ExprWithAlias { expr, alias } => {
                let name = normalized(alias);
                (expr, name.clone(), taken.take_alias(name))
            }
            _ => continue,
        };
        if is_free {
            continue;
        }
        let alias = taken.take_numbered(&name);
        *item = SelectItem::ExprWithAlias { expr: expr.clone(), alias: Ident::with_quote('"', alias) };
    }
}

fn is_column_or_path(expr: &Expr) -> bool {
    matches!(
        expr,
        Expr::Identifier(_) | Expr::CompoundIdentifier(_) | Expr::CompoundFieldAccess { .. } | Expr::JsonAccess { .. }
    )
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
    if !matches!(select.distinct, Some(Distinct::Distinct)) {
        return;
    }
    for key in keys {
        let named = select.projection.iter().find_map(|item| match item {
            SelectItem::ExprWithAlias { expr, alias } if *expr == key.expr => Some(alias),
            _ => None,
        });
        if let Some(name) = named {
            key.expr = Expr::Identifier(name.clone());
        }
    }
}

/// The name that an identifier means: in lower case unless it is quoted.
pub(crate) fn normalized(ident: &Ident) -> String {
    match ident.quote_style {
        Some(_) => ident.value.clone(),
        None => ident.value.to_lowercase(),
    }
}
