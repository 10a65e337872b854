//! The rows of a table beside those of other tables: what `UPDATE ... FROM` and `DELETE ... USING` leave of them.

use datafusion::error::Result;
use datafusion::sql::sqlparser::ast::{
    Expr, Ident, JoinConstraint, JoinOperator, ObjectNamePart, Query, Select, SelectItem, SetExpr, TableFactor,
    TableWithJoins,
};

use super::modify::choose;
use super::select_template;
use crate::catalog::TableEntry;
use crate::error::invalid;
use crate::session::MlSession;

/// Every row of the target, with every row of the sources for which the condition is true, if there are any.
const JOIN: &str = "SELECT 1 FROM t LEFT JOIN (t CROSS JOIN (SELECT 1 AS \"#is\") AS \"#match\") ON true";

/// What tells a row that has been matched from others.
const IS_MATCHED: &str = "SELECT \"#match\".\"#is\" IS NOT NULL";

/// A table that is changed where rows of others match.
pub(super) struct Joined<'a> {
    pub(super) target: &'a TableWithJoins,
    pub(super) sources: &'a [TableWithJoins],
    pub(super) condition: Option<&'a Expr>,
}

impl Joined<'_> {
    /// The rows of the target that nothing matches.
    pub(super) fn unmatched(&self, session: &MlSession, table: &TableEntry) -> Result<Query> {
        let name = self.name()?;
        self.query(session, self.target.relation.clone(), |select, is_matched| {
            select.projection = table.columns.iter().map(|column| of(&name, &column.name, &column.name)).collect();
            select.selection = Some(Expr::IsFalse(Box::new(Expr::Nested(Box::new(is_matched)))));
        })
    }

    /// All rows of the target, with other values in those that something matches; and a row for each of these. If several
    /// rows match one, any of them gives the values.
    pub(super) fn updated(
        &self,
        session: &MlSession,
        table: &TableEntry,
        assignments: &[(String, Expr)],
    ) -> Result<(Query, Query)> {
        let name = self.name()?;
        let mut numbered = select_template(session, "SELECT *, row_number() OVER () AS \"#row\" FROM t")?;
        select_of(&mut numbered)?.from = vec![self.target.clone()];
        let mut target = factor_of(&mut select_template(session, "SELECT 1 FROM (SELECT 1) AS t")?)?;
        if let TableFactor::Derived { subquery, alias, .. } = &mut target {
            **subquery = numbered;
            alias.iter_mut().for_each(|alias| alias.name = name.clone());
        }
        let last = "SELECT row_number() OVER (PARTITION BY \"#row\") AS \"#nth\"";
        let last = select_of(&mut select_template(session, last)?)?.projection.clone();
        let rows = self.query(session, target, |select, is_matched| {
            let columns = table.columns.iter().enumerate().map(|(position, column)| {
                let new = assignments.iter().find(|(name, _)| *name == column.name).map(|(_, value)| value.clone());
                let old = Expr::CompoundIdentifier(vec![name.clone(), quoted(&column.name)]);
                let expr = match new {
                    Some(new) => choose(is_matched.clone(), new, old),
                    None => old,
                };
                SelectItem::ExprWithAlias { expr, alias: quoted(&format!("#{position}")) }
            });
            select.projection = columns.chain(last).collect();
            select.projection.push(SelectItem::ExprWithAlias { expr: is_matched, alias: quoted("#matched") });
        })?;
        let outer = |condition: &str| -> Result<Query> {
            let mut outer =
                select_template(session, &format!("SELECT 1 FROM (SELECT 1) AS t WHERE \"#nth\" = 1{condition}"))?;
            let select = select_of(&mut outer)?;
            if let Some(TableFactor::Derived { subquery, .. }) = select.from.first_mut().map(|from| &mut from.relation)
            {
                **subquery = rows.clone();
            }
            Ok(outer)
        };
        let mut changed = outer("")?;
        let columns = table.columns.iter().enumerate().map(|(position, column)| SelectItem::ExprWithAlias {
            expr: Expr::Identifier(quoted(&format!("#{position}"))),
            alias: quoted(&column.name),
        });
        select_of(&mut changed)?.projection = columns.collect();
        Ok((changed, outer(" AND \"#matched\"")?))
    }

    /// A query over the join, as `change` changes it with the expression that tells whether a row has been matched.
    fn query(&self, session: &MlSession, target: TableFactor, change: impl FnOnce(&mut Select, Expr)) -> Result<Query> {
        let mut is_matched = select_template(session, IS_MATCHED)?;
        let Some(SelectItem::UnnamedExpr(is_matched)) = select_of(&mut is_matched)?.projection.pop() else {
            return Err(invalid("a query of one expression has none"));
        };
        let mut query = select_template(session, JOIN)?;
        let select = select_of(&mut query)?;
        if let Some(from) = select.from.first_mut()
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
        change(select, is_matched);
        Ok(query)
    }

    /// By what the condition calls the target.
    fn name(&self) -> Result<Ident> {
        let name = match &self.target.relation {
            TableFactor::Table { alias: Some(alias), .. } => Some(alias.name.clone()),
            TableFactor::Table { name, .. } => name.0.last().and_then(ObjectNamePart::as_ident).cloned(),
            _ => None,
        };
        name.ok_or_else(|| invalid(format!("{} is not the name of a table", self.target)))
    }
}

fn select_of(query: &mut Query) -> Result<&mut Select> {
    match query.body.as_mut() {
        SetExpr::Select(select) => Ok(select),
        _ => Err(invalid("a query that was to be a SELECT is none")),
    }
}

fn factor_of(query: &mut Query) -> Result<TableFactor> {
    let from = select_of(query)?.from.pop();
    from.map(|from| from.relation).ok_or_else(|| invalid("a query that was to have a FROM has none"))
}

fn quoted(name: &str) -> Ident {
    Ident::with_quote('"', name)
}

fn of(table: &Ident, column: &str, alias: &str) -> SelectItem {
    let expr = Expr::CompoundIdentifier(vec![table.clone(), quoted(column)]);
    SelectItem::ExprWithAlias { expr, alias: quoted(alias) }
}
