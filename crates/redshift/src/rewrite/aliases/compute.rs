//! Aliases that are computed in FROM, as columns, so that an expression is written down once however often it is used.

use std::collections::HashSet;

use datafusion::execution::context::SessionState;
use datafusion::sql::sqlparser::ast::{
    ExcludeSelectItem, Expr, ExprWithAlias, GroupByExpr, Join, JoinConstraint, JoinOperator, ObjectName,
    PivotValueSource, Select, SelectItem, TableFactor, TableWithJoins,
};
use datafusion::sql::sqlparser::parser::Parser;

use super::Columns;
use super::substitute::{After, Substitution, computed_after_where};
use crate::RedshiftDialect;
use crate::rewrite::names::{is_given, normalized};

/// Has the aliases computed in FROM, and returns their names; those of window functions, and of what uses them, stay where they
/// are. `None`, and nothing changed, where that is not possible: with aggregates, and where WHERE uses an alias, since DataFusion
/// computes WHERE as early as it can, and would write the expressions out again.
pub(super) fn in_from(select: &mut Select, columns: &Columns, state: &SessionState) -> Option<HashSet<String>> {
    let is_grouped = !matches!(&select.group_by, GroupByExpr::Expressions(keys, _) if keys.is_empty());
    if is_grouped || select.having.is_some() {
        return None;
    }
    let mut definitions: Vec<ExprWithAlias> = vec![];
    let mut computed = HashSet::new();
    let (mut pushed, mut left) = (Substitution::search(), Substitution::search());
    let mut projection = select.projection.clone();
    for item in &mut projection {
        let after = match item {
            SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => computed_after_where(expr, state),
            _ => None,
        };
        if matches!(after, Some(After::Grouping)) {
            return None;
        }
        let SelectItem::ExprWithAlias { expr, alias } = item else { continue };
        let name = normalized(alias);
        if !is_given(alias) || columns.columns.contains(&name) || computed.contains(&name) {
            continue;
        }
        if after.is_some() || left.meets(expr) {
            left.define(Some(name), expr);
            continue;
        }
        pushed.define(Some(name.clone()), expr);
        let name_again = Expr::Identifier(alias.clone());
        definitions.push(ExprWithAlias { expr: std::mem::replace(expr, name_again), alias: Some(alias.clone()) });
        computed.insert(name);
    }
    if select.selection.as_mut().is_some_and(|condition| pushed.meets(condition)) {
        return None;
    }
    for item in &mut projection {
        let SelectItem::Wildcard(options) = item else { continue };
        if options.opt_exclude.is_some() {
            return None;
        }
        let names = definitions.iter().filter_map(|definition| definition.alias.clone()).map(ObjectName::from);
        options.opt_exclude = Some(ExcludeSelectItem::Multiple(names.collect()));
    }
    let relation = computing(table_of(std::mem::take(&mut select.from))?, definitions);
    select.from = vec![TableWithJoins { relation, joins: vec![] }];
    select.projection = projection;
    Some(computed)
}

/// The FROM clause as one table.
fn table_of(from: Vec<TableWithJoins>) -> Option<TableFactor> {
    let mut tables = from.into_iter();
    let Some(mut all) = tables.next() else {
        let query = Parser::new(&RedshiftDialect).try_with_sql("SELECT 0 AS \"nothing\"").ok()?.parse_query().ok()?;
        return Some(TableFactor::Derived { lateral: false, subquery: query, alias: None, sample: None });
    };
    for TableWithJoins { relation, joins } in tables {
        let join_operator = JoinOperator::CrossJoin(JoinConstraint::None);
        all.joins.push(Join { relation, global: false, join_operator });
        all.joins.extend(joins);
    }
    Some(TableFactor::NestedJoin { table_with_joins: Box::new(all), alias: None })
}

/// A table with columns that are computed from those before them: PIVOT without a column of values, which no statement has.
fn computing(table: TableFactor, columns: Vec<ExprWithAlias>) -> TableFactor {
    TableFactor::Pivot {
        table: Box::new(table),
        aggregate_functions: columns,
        value_column: vec![],
        value_source: PivotValueSource::List(vec![]),
        default_on_null: None,
        alias: None,
    }
}

/// What [`computing`] has made.
pub(crate) fn computed_columns(relation: &TableFactor) -> Option<(&TableFactor, &[ExprWithAlias])> {
    match relation {
        TableFactor::Pivot { table, aggregate_functions, value_column, .. } if value_column.is_empty() => {
            Some((table, aggregate_functions))
        }
        _ => None,
    }
}
