//! `MERGE` into a table: its rows and those of a source side by side, written in place of the old.

mod clauses;

use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::arrow::array::AsArray;
use datafusion::arrow::datatypes::Int64Type;
use datafusion::error::Result;
use datafusion::functions_aggregate::expr_fn::count;
use datafusion::logical_expr::{Expr as PlanExpr, LogicalPlan, LogicalPlanBuilder, ident, lit, when};
use datafusion::prelude::DataFrame;
use datafusion::sql::sqlparser::ast::{
    Expr, Ident, JoinConstraint, JoinOperator, Merge, MergeInsertExpr, MergeInsertKind, ObjectName, Query, TableFactor,
    visit_expressions_mut,
};
use datafusion_ml_core::Error;

use self::clauses::{Clauses, Matched, with_short_names};
use super::drop::no_such_relation;
use super::insert::default_expression;
use super::joined::{column_of, expression_template, nth_of, numbered, select_of, table_name};
use super::rewriting::{Case, CaseKind, Rewriting, assigned_values, flag_name, given_value};
use super::target::Target;
use super::{count_answer, model_name, plan_query, select_template};
use crate::catalog::{Privilege, RelationEntry, TableEntry};
use crate::error::{external, invalid};
use crate::relations::{StoredRelations, folded, qualify};
use crate::session::MlSession;

/// Every row of the target, every row of the source, side by side where they match.
const JOIN: &str = "SELECT 1 FROM t FULL JOIN s ON true";

/// Updates or deletes the rows of the target that match one of the source, and inserts those of the source that match
/// none. Fails, with nothing changed, if a row of the target would be changed by several of the source.
pub(super) async fn merge(session: &MlSession, relations: &Arc<StoredRelations>, merge: &Merge) -> Result<DataFrame> {
    let merge = &with_short_names(merge);
    let Clauses { matched, not_matched } = Clauses::of(merge)?;
    let of_matched =
        matched.map(|action| if action == Matched::Delete { Privilege::Delete } else { Privilege::Update });
    let of_not_matched = not_matched.map(|_| Privilege::Insert);
    let privileges: Vec<Privilege> = of_matched.into_iter().chain(of_not_matched).collect();
    let target = target(session, relations, &merge.table, &privileges).await?;
    let entry = &target.entry;
    let Some(table) = entry.table() else { return Err(invalid(format!("{} is no table", entry.name))) };
    let updates = match matched {
        Some(Matched::Update(assignments)) => assigned_values(session, entry, table, assignments)?,
        Some(Matched::Delete) | None => Vec::new(),
    };
    let inserts = match not_matched {
        Some(insert) => inserted_values(session, entry, table, merge, insert).await?,
        None => Vec::new(),
    };
    let cases = vec![
        Case {
            kind: CaseKind::Update,
            condition: expression_template(session, "\"#row\" IS NOT NULL AND \"#source\" IS NOT NULL")?,
            values: updates,
        },
        Case { kind: CaseKind::Insert, condition: expression_template(session, "\"#row\" IS NULL")?, values: inserts },
    ];
    let rewriting = Rewriting::new(entry, table, cases)?;
    let both = plan_query(session, both(session, merge, &rewriting, "#row")?).await?;
    let (is_matched, is_inserted) = (ident(flag_name(0)), ident(flag_name(1)));
    let is_repeated = is_matched.clone().and(ident("#nth").gt(lit(1)));
    let [changed, inserted, repeated] =
        counts(session, &both, [is_matched.clone(), is_inserted.clone(), is_repeated.clone()]).await?;
    if matched.is_some() && repeated > 0 {
        return Err(external(Error::data(format!(
            "found multiple matches to change the same row: rows of {} match several rows of {}; let ON match one, or \
             let the source have one row for each; nothing was changed",
            entry.name, merge.source
        ))));
    }
    let mut kept = !is_repeated;
    if matched == Some(Matched::Delete) {
        kept = kept.and(!is_matched);
    }
    if not_matched.is_none() {
        kept = kept.and(!is_inserted);
    }
    target.replace(session, relations, rewritten(&rewriting, both, kept)?, "MERGE").await?;
    let changed = if matched.is_some() { changed } else { 0 };
    let inserted = if not_matched.is_some() { inserted } else { 0 };
    count_answer(session, changed + inserted)
}

/// Lets every row of the source take the place of all rows of the target that match it.
pub(super) async fn remove_duplicates(session: &MlSession, mut merge: Merge) -> Result<DataFrame> {
    let Some(relations) = &session.shared.relations else {
        return Err(invalid("MERGE changes tables that lie in the store; this session has none"));
    };
    relations.catalog.refresh().await?;
    qualify(session, &mut merge);
    let merge = with_short_names(&merge);
    let privileges = [Privilege::Delete, Privilege::Insert];
    let target = target(session, relations, &merge.table, &privileges).await?;
    let entry = &target.entry;
    let Some(table) = entry.table() else { return Err(invalid(format!("{} is no table", entry.name))) };
    let columns = source_columns(session, &merge.source).await?;
    if columns.len() != table.columns.len() {
        return Err(invalid(format!(
            "{} has {} columns and {} has {}; REMOVE DUPLICATES needs as many, in the same order",
            merge.source,
            columns.len(),
            entry.name,
            table.columns.len()
        )));
    }
    let source = source_name(&merge.source);
    let values = table.columns.iter().zip(&columns).map(|(column, given)| {
        let name = ObjectName::from(Ident::with_quote('"', &column.name));
        given_value(session, entry, table, &name, &column_of(&source, given))
    });
    let condition = expression_template(session, "\"#source\" IS NOT NULL")?;
    let rewriting = Rewriting::new(
        entry,
        table,
        vec![Case { kind: CaseKind::Insert, condition, values: values.collect::<Result<_>>()? }],
    )?;
    let both = plan_query(session, both(session, &merge, &rewriting, "#source")?).await?;
    let is_of_source = ident(flag_name(0));
    let kept = (!is_of_source.clone()).or(ident("#nth").eq(lit(1)));
    let [count] = counts(session, &both, [is_of_source.and(kept.clone())]).await?;
    target.replace(session, relations, rewritten(&rewriting, both, kept)?, "MERGE").await?;
    count_answer(session, count)
}

/// The table that the statement changes.
async fn target(
    session: &MlSession,
    relations: &Arc<StoredRelations>,
    factor: &TableFactor,
    privileges: &[Privilege],
) -> Result<Target> {
    if let Some(target) = Target::of(session, relations, factor, privileges).await? {
        return Ok(target);
    }
    let TableFactor::Table { name, .. } = factor else {
        return Err(invalid(format!("MERGE changes a table, and {factor} is none")));
    };
    let name = model_name(session, name)?;
    Err(match relations.is_of_context(&name) {
        true => invalid(format!("MERGE changes tables that statements have made, and {name} is the program's")),
        false => no_such_relation(session, &relations.catalog.cached(), &name),
    })
}

/// By what the source is called beside the numbers of its rows.
fn source_name(source: &TableFactor) -> Ident {
    table_name(source).unwrap_or_else(|_| Ident::with_quote('"', "#source"))
}

/// The names of the columns of the source.
async fn source_columns(session: &MlSession, source: &TableFactor) -> Result<Vec<String>> {
    let mut query = select_template(session, "SELECT * FROM t")?;
    if let Some(from) = select_of(&mut query)?.from.first_mut() {
        from.relation = source.clone();
    }
    let plan = plan_query(session, query).await?;
    Ok(plan.schema().fields().iter().map(|field| field.name().clone()).collect())
}

/// What every column gets of a row that is inserted: of what the statement does not name, the default. VALUES are of the
/// source, whose columns need not say so.
async fn inserted_values(
    session: &MlSession,
    entry: &RelationEntry,
    table: &TableEntry,
    merge: &Merge,
    insert: &MergeInsertExpr,
) -> Result<Vec<(usize, Expr)>> {
    let row = match &insert.kind {
        MergeInsertKind::Values(values) => match values.rows.as_slice() {
            [row] => &row.content,
            _ => return Err(invalid("INSERT of MERGE takes one row of VALUES, for each row of the source")),
        },
        MergeInsertKind::Row => return Err(invalid("INSERT of MERGE needs VALUES (...)")),
    };
    let names = match insert.columns.as_slice() {
        [] => table.columns.iter().map(|column| ObjectName::from(Ident::with_quote('"', &column.name))).collect(),
        names => names.to_vec(),
    };
    if row.len() > names.len() || row.len() < names.len() && !insert.columns.is_empty() {
        return Err(invalid(format!("INSERT names {} columns and has {} VALUES", names.len(), row.len())));
    }
    let (target, source) = (folded(&table_name(&merge.table)?), source_name(&merge.source));
    let columns = source_columns(session, &merge.source).await?;
    let mut values: Vec<Option<Expr>> = vec![None; table.columns.len()];
    for (name, value) in names.iter().zip(row) {
        let mut value = value.clone();
        if let ControlFlow::Break(column) = visit_expressions_mut(&mut value, |expr| match expr {
            Expr::CompoundIdentifier(parts) if parts.first().is_some_and(|part| folded(part) == target) => {
                ControlFlow::Break(expr.to_string())
            }
            Expr::Identifier(ident) if columns.contains(&folded(ident)) => {
                *expr = Expr::CompoundIdentifier(vec![source.clone(), ident.clone()]);
                ControlFlow::Continue(())
            }
            _ => ControlFlow::Continue(()),
        }) {
            return Err(invalid(format!(
                "{column} in INSERT is a column of the table that has no matching row; VALUES are of the source"
            )));
        }
        let (position, value) = given_value(session, entry, table, name, &value)?;
        if values[position].replace(value).is_some() {
            return Err(invalid(format!("INSERT names column {name} twice; name it once")));
        }
    }
    let columns = values.into_iter().zip(&table.columns).enumerate();
    columns
        .map(|(position, (value, column))| match value {
            Some(value) => Ok((position, value)),
            None => Ok((position, default_expression(session, column.default.as_deref())?)),
        })
        .collect()
}

/// The rows of both tables, as [`Rewriting::items`] wants them, and `#nth` of those with the same `number`.
fn both(session: &MlSession, merge: &Merge, rewriting: &Rewriting<'_>, number: &str) -> Result<Query> {
    let name = table_name(&merge.table)?;
    if folded(&name) == folded(&source_name(&merge.source)) {
        return Err(invalid(format!("both tables of MERGE are called {name}; write USING {} AS other", merge.source)));
    }
    let mut query = select_template(session, JOIN)?;
    let select = select_of(&mut query)?;
    if let Some(from) = select.from.first_mut()
        && let Some(join) = from.joins.first_mut()
        && let JoinOperator::FullOuter(on) = &mut join.join_operator
    {
        from.relation = numbered(session, &merge.table, "#row")?;
        join.relation = numbered(session, &merge.source, "#source")?;
        *on = JoinConstraint::On(merge.on.as_ref().clone());
    }
    select.projection = rewriting.items(|column| column_of(&name, column));
    select.projection.push(nth_of(session, number)?);
    Ok(query)
}

/// For how many rows each of the conditions is true.
async fn counts<const N: usize>(session: &MlSession, rows: &LogicalPlan, of: [PlanExpr; N]) -> Result<[u64; N]> {
    let counts = of.into_iter().map(|condition| Ok(count(when(condition, lit(1)).end()?)));
    let counts = counts.collect::<Result<Vec<_>>>()?;
    let counted = session.context().execute_logical_plan(rows.clone()).await?.aggregate(Vec::new(), counts)?;
    let batches = counted.collect().await?;
    let of = |column: usize| {
        let columns = batches.iter().filter_map(|batch| batch.column(column).as_primitive_opt::<Int64Type>());
        columns.flat_map(|counts| counts.values().iter()).sum::<i64>() as u64
    };
    Ok(std::array::from_fn(of))
}

/// The rows that are kept, as they are to be.
fn rewritten(rewriting: &Rewriting<'_>, both: LogicalPlan, kept: PlanExpr) -> Result<LogicalPlan> {
    rewriting.rows(LogicalPlanBuilder::from(both).filter(kept)?.build()?)
}
