//! The rows of a table beside those of other tables: what `UPDATE ... FROM`, `DELETE ... USING` and `MERGE` look at.

use datafusion::error::Result;
use datafusion::sql::sqlparser::ast::{
    Expr, Ident, JoinConstraint, JoinOperator, ObjectNamePart, Query, Select, SelectItem, SetExpr, TableAlias,
    TableFactor, TableWithJoins,
};

use super::select_template;
use crate::catalog::TableEntry;
use crate::error::invalid;
use crate::session::MlSession;

/// Every row of the target, with every row of the sources for which the condition is true, if there are any.
const JOIN: &str = "SELECT 1 FROM t LEFT JOIN (t CROSS JOIN (SELECT 1 AS \"#is\") AS \"#match\") ON true";

/// A table that is changed where rows of others match.
pub(super) struct Joined<'a> {
    pub(super) target: &'a TableFactor,
    pub(super) sources: &'a [TableWithJoins],
    pub(super) condition: Option<&'a Expr>,
}

impl Joined<'_> {
    /// The rows of the target that nothing matches.
    pub(super) fn unmatched(&self, session: &MlSession, table: &TableEntry) -> Result<Query> {
        let name = table_name(self.target)?;
        let mut query = self.query(session, self.target.clone())?;
        let select = select_of(&mut query)?;
        let item = |column: &str| SelectItem::ExprWithAlias { expr: column_of(&name, column), alias: quoted(column) };
        select.projection = table.columns.iter().map(|column| item(&column.name)).collect();
        let is_matched = Expr::Nested(Box::new(is_matched(session)?));
        select.selection = Some(Expr::IsFalse(Box::new(is_matched)));
        Ok(query)
    }

    /// These items of every row of the target, and `#nth`: if several rows match one, they are counted from 1.
    pub(super) fn matched(&self, session: &MlSession, items: Vec<SelectItem>) -> Result<Query> {
        let mut query = self.query(session, numbered(session, self.target, "#row")?)?;
        select_of(&mut query)?.projection = items;
        select_of(&mut query)?.projection.push(nth_of(session, "#row")?);
        Ok(query)
    }

    /// A query over the join.
    fn query(&self, session: &MlSession, target: TableFactor) -> Result<Query> {
        let mut query = select_template(session, JOIN)?;
        if let Some(from) = select_of(&mut query)?.from.first_mut()
            && let Some(join) = from.joins.first_mut()
            && let TableFactor::NestedJoin { table_with_joins: sources, .. } = &mut join.relation
            && let (JoinOperator::Left(on) | JoinOperator::LeftOuter(on), Some((first, others))) =
                (&mut join.join_operator, self.sources.split_first())
        {
            from.relation = target;
            sources.relation = first.relation.clone();
            let cross = sources.joins.clone();
            sources.joins = first.joins.clone();
            for other in others {
                let nested = TableFactor::NestedJoin { table_with_joins: Box::new(other.clone()), alias: None };
                let relation = if other.joins.is_empty() { other.relation.clone() } else { nested };
                sources.joins.extend(cross.iter().cloned().map(|mut join| {
                    join.relation = relation.clone();
                    join
                }));
            }
            sources.joins.extend(cross);
            if let Some(condition) = self.condition {
                *on = JoinConstraint::On(condition.clone());
            }
        } else {
            return Err(invalid("the tables beside the one that is changed cannot be joined to it"));
        }
        Ok(query)
    }
}

/// What tells a row that has been matched from others.
pub(super) fn is_matched(session: &MlSession) -> Result<Expr> {
    expression_template(session, "\"#match\".\"#is\" IS NOT NULL")
}

/// The table with its rows numbered in a column of that name, which is the table's name, too, if it has none.
pub(super) fn numbered(session: &MlSession, factor: &TableFactor, number: &str) -> Result<TableFactor> {
    let text = format!("SELECT 1 FROM (SELECT *, row_number() OVER () AS \"{number}\" FROM t) AS t");
    let mut outer = select_template(session, &text)?;
    let from = select_of(&mut outer)?.from.pop();
    let Some(TableFactor::Derived { mut subquery, alias: Some(alias), lateral, sample }) =
        from.map(|from| from.relation)
    else {
        return Err(invalid("a query that was to be of a query is none"));
    };
    if let Some(from) = select_of(&mut subquery)?.from.first_mut() {
        from.relation = factor.clone();
    }
    let name = table_name(factor).unwrap_or_else(|_| quoted(number));
    let alias = TableAlias { name, columns: Vec::new(), ..alias };
    Ok(TableFactor::Derived { subquery, alias: Some(alias), lateral, sample })
}

/// `#nth`: counts the rows that have the same number in a column that [`numbered`] has made.
pub(super) fn nth_of(session: &MlSession, number: &str) -> Result<SelectItem> {
    let expr = expression_template(session, &format!("row_number() OVER (PARTITION BY \"{number}\")"))?;
    Ok(SelectItem::ExprWithAlias { expr, alias: quoted("#nth") })
}

/// By what expressions call the table.
pub(super) fn table_name(factor: &TableFactor) -> Result<Ident> {
    let name = match factor {
        TableFactor::Table { alias: Some(alias), .. } | TableFactor::Derived { alias: Some(alias), .. } => {
            Some(alias.name.clone())
        }
        TableFactor::Table { name, .. } => name.0.last().and_then(ObjectNamePart::as_ident).cloned(),
        _ => None,
    };
    name.ok_or_else(|| invalid(format!("{factor} is not the name of a table")))
}

/// A column of a table.
pub(super) fn column_of(table: &Ident, column: &str) -> Expr {
    Expr::CompoundIdentifier(vec![table.clone(), quoted(column)])
}

pub(super) fn select_of(query: &mut Query) -> Result<&mut Select> {
    match query.body.as_mut() {
        SetExpr::Select(select) => Ok(select),
        _ => Err(invalid("a query that was to be a SELECT is none")),
    }
}

/// The expression of a text of ours.
pub(super) fn expression_template(session: &MlSession, text: &str) -> Result<Expr> {
    let mut query = select_template(session, &format!("SELECT {text}"))?;
    match select_of(&mut query)?.projection.pop() {
        Some(SelectItem::UnnamedExpr(expr)) => Ok(expr),
        _ => Err(invalid("a query of one expression has none")),
    }
}

fn quoted(name: &str) -> Ident {
    Ident::with_quote('"', name)
}
