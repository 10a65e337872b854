//! `DELETE`, `UPDATE` and `TRUNCATE` of tables in the store and of temporary ones: what stays is written anew and takes the place
//! of the old.

use std::sync::Arc;

use datafusion::error::Result;
use datafusion::logical_expr::{LogicalPlanBuilder, ident, lit};
use datafusion::prelude::DataFrame;
use datafusion::sql::sqlparser::ast::{
    Delete, Expr, FromTable, Query, Select, SetExpr, Truncate, Update, UpdateTableFromKind, Value,
};

use super::joined::{Joined, column_of, is_matched, table_name};
use super::rewriting::{Case, CaseKind, Rewriting, assigned_values, flag_name};
use super::target::{Target, commit_no_rows};
use super::{count_answer, model_name, no_rows, plan_query, select_template};
use crate::authorize::check_relation;
use crate::catalog::Privilege;
use crate::error::invalid;
use crate::relations::StoredRelations;
use crate::session::MlSession;

/// Keeps the rows for which the condition is not true; `None`, and nothing done, if the table is of the program.
pub(super) async fn delete(
    session: &MlSession,
    relations: &Arc<StoredRelations>,
    delete: &Delete,
) -> Result<Option<DataFrame>> {
    let (FromTable::WithFromKeyword(from) | FromTable::WithoutKeyword(from)) = &delete.from;
    let [table] = from.as_slice() else { return Ok(None) };
    let Some(target) = Target::of(session, relations, &table.relation, &[Privilege::Delete]).await? else {
        return Ok(None);
    };
    if delete.returning.is_some() || delete.limit.is_some() || !delete.order_by.is_empty() {
        return Err(invalid(
            "DELETE with RETURNING, ORDER BY or LIMIT is not supported; write DELETE FROM t WHERE x IN (SELECT ...)",
        ));
    }
    let rows = target.count().await;
    let kept = match (&delete.using, target.entry.table(), &delete.selection) {
        (Some(using), Some(stored), condition) => {
            let joined = Joined { target: &table.relation, sources: using, condition: condition.as_ref() };
            joined.unmatched(session, stored)?
        }
        (_, _, Some(condition)) => query(session, |select| {
            select.from = vec![table.clone()];
            select.selection = Some(Expr::IsNotTrue(Box::new(Expr::Nested(Box::new(condition.clone())))));
        })?,
        (_, _, None) => {
            target.clear(relations, "DELETE").await?;
            return count_answer(session, rows).map(Some);
        }
    };
    let kept = plan_query(session, kept).await?;
    let kept = target.replace(session, relations, kept, "DELETE").await?;
    count_answer(session, rows.saturating_sub(kept)).map(Some)
}

/// Writes all rows anew, with other values where the condition is true; `None`, and nothing done, if the table is of the
/// program. If several rows of FROM match one, any of them gives the values.
pub(super) async fn update(
    session: &MlSession,
    relations: &Arc<StoredRelations>,
    update: &Update,
) -> Result<Option<DataFrame>> {
    let factor = &update.table.relation;
    let Some(target) = Target::of(session, relations, factor, &[Privilege::Update]).await? else { return Ok(None) };
    let entry = &target.entry;
    if update.returning.is_some() || update.limit.is_some() || !update.order_by.is_empty() {
        return Err(invalid(
            "UPDATE with RETURNING, ORDER BY or LIMIT is not supported; write WHERE x IN (SELECT ...)",
        ));
    }
    let Some(table) = entry.table() else { return Ok(None) };
    let values = assigned_values(session, entry, table, &update.assignments)?;
    let name = table_name(factor)?;
    let old = |column: &str| column_of(&name, column);
    let (rewriting, rows) = match &update.from {
        Some(UpdateTableFromKind::BeforeSet(sources) | UpdateTableFromKind::AfterSet(sources)) => {
            let rewriting = Rewriting::new(
                entry,
                table,
                vec![Case { kind: CaseKind::Update, condition: is_matched(session)?, values }],
            )?;
            let joined = Joined { target: factor, sources, condition: update.selection.as_ref() };
            let rows = plan_query(session, joined.matched(session, rewriting.items(old))?).await?;
            (rewriting, LogicalPlanBuilder::from(rows).filter(ident("#nth").eq(lit(1)))?.build()?)
        }
        None => {
            let condition = update.selection.clone().unwrap_or_else(|| Expr::value(Value::Boolean(true)));
            let rewriting = Rewriting::new(entry, table, vec![Case { kind: CaseKind::Update, condition, values }])?;
            let query = query(session, |select| {
                select.from = vec![update.table.clone()];
                select.projection = rewriting.items(old);
            })?;
            (rewriting, plan_query(session, query).await?)
        }
    };
    let changed = session.context().execute_logical_plan(rows.clone()).await?.filter(ident(flag_name(0)))?;
    let count = changed.count().await? as u64;
    target.replace(session, relations, rewriting.rows(rows)?, "UPDATE").await?;
    count_answer(session, count).map(Some)
}

/// Leaves tables without rows; `None`, and nothing done, if one is not of the store.
pub(super) async fn truncate(
    session: &MlSession,
    relations: &Arc<StoredRelations>,
    truncate: &Truncate,
) -> Result<Option<DataFrame>> {
    let state = relations.catalog.refresh().await?;
    for target in &truncate.table_names {
        let name = model_name(session, &target.name)?;
        let entry = state.relation(&name).filter(|entry| entry.table().is_some() && !relations.is_of_context(&name));
        let Some(entry) = entry else { return Ok(None) };
        let rights = session.shared.guard.rights(&state);
        if !rights.may_see(&state, entry) {
            return Ok(None);
        }
        check_relation(&state, &rights, Privilege::Delete, entry)?;
        commit_no_rows(relations, entry, "TRUNCATE").await?;
    }
    no_rows(session).map(Some)
}

/// `SELECT * FROM table`, as `change` changes it.
fn query(session: &MlSession, change: impl FnOnce(&mut Select)) -> Result<Query> {
    let mut query = select_template(session, "SELECT * FROM t")?;
    if let SetExpr::Select(select) = query.body.as_mut() {
        change(select);
    }
    Ok(query)
}
