//! `DELETE`, `UPDATE` and `TRUNCATE` of tables in the store: what stays is written anew and takes the place of the old.

use std::sync::Arc;

use datafusion::error::Result;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder, ident, lit};
use datafusion::prelude::DataFrame;
use datafusion::sql::sqlparser::ast::{
    Delete, Expr, FromTable, Query, Select, SetExpr, TableFactor, Truncate, Update, UpdateTableFromKind, Value,
};

use super::joined::{Joined, column_of, is_matched, table_name};
use super::rewriting::{Case, CaseKind, Rewriting, assigned_values, flag_name};
use super::{count_answer, model_name, no_rows, plan_query, run_count, select_template};
use crate::authorize::check_relation;
use crate::catalog::{Action, CatalogState, Privilege, RelationEntry, RelationKind, TableEntry};
use crate::error::invalid;
use crate::relations::{Change, StoredRelations, write_plan};
use crate::session::MlSession;

/// Keeps the rows for which the condition is not true; `None`, and nothing done, if the table is not of the store.
pub(super) async fn delete(
    session: &MlSession,
    relations: &Arc<StoredRelations>,
    delete: &Delete,
) -> Result<Option<DataFrame>> {
    let (FromTable::WithFromKeyword(from) | FromTable::WithoutKeyword(from)) = &delete.from;
    let [table] = from.as_slice() else { return Ok(None) };
    let Some(entry) = stored(session, relations, &table.relation, &[Privilege::Delete]).await? else {
        return Ok(None);
    };
    if delete.returning.is_some() || delete.limit.is_some() || !delete.order_by.is_empty() {
        return Err(invalid(
            "DELETE with RETURNING, ORDER BY or LIMIT is not supported; write DELETE FROM t WHERE x IN (SELECT ...)",
        ));
    }
    let rows = entry.table().map_or(0, TableEntry::rows);
    let kept = match (&delete.using, entry.table(), &delete.selection) {
        (Some(using), Some(stored), condition) => {
            let joined = Joined { target: &table.relation, sources: using, condition: condition.as_ref() };
            joined.unmatched(session, stored)?
        }
        (_, _, Some(condition)) => query(session, |select| {
            select.from = vec![table.clone()];
            select.selection = Some(Expr::IsNotTrue(Box::new(Expr::Nested(Box::new(condition.clone())))));
        })?,
        (_, _, None) => {
            commit_no_rows(relations, &entry, "DELETE").await?;
            return count_answer(session, rows).map(Some);
        }
    };
    let kept = plan_query(session, kept).await?;
    let kept = replace_rows(session, relations, &entry, kept, "DELETE").await?;
    count_answer(session, rows.saturating_sub(kept)).map(Some)
}

/// Writes all rows anew, with other values where the condition is true; `None`, and nothing done, if the table is not of
/// the store. If several rows of FROM match one, any of them gives the values.
pub(super) async fn update(
    session: &MlSession,
    relations: &Arc<StoredRelations>,
    update: &Update,
) -> Result<Option<DataFrame>> {
    let target = &update.table.relation;
    let Some(entry) = stored(session, relations, target, &[Privilege::Update]).await? else { return Ok(None) };
    if update.returning.is_some() || update.limit.is_some() || !update.order_by.is_empty() {
        return Err(invalid(
            "UPDATE with RETURNING, ORDER BY or LIMIT is not supported; write WHERE x IN (SELECT ...)",
        ));
    }
    let Some(table) = entry.table() else { return Ok(None) };
    let values = assigned_values(session, &entry, table, &update.assignments)?;
    let name = table_name(target)?;
    let old = |column: &str| column_of(&name, column);
    let (rewriting, rows) = match &update.from {
        Some(UpdateTableFromKind::BeforeSet(sources) | UpdateTableFromKind::AfterSet(sources)) => {
            let rewriting = Rewriting::new(
                &entry,
                table,
                vec![Case { kind: CaseKind::Update, condition: is_matched(session)?, values }],
            )?;
            let joined = Joined { target, sources, condition: update.selection.as_ref() };
            let rows = plan_query(session, joined.matched(session, rewriting.items(old))?).await?;
            (rewriting, LogicalPlanBuilder::from(rows).filter(ident("#nth").eq(lit(1)))?.build()?)
        }
        None => {
            let condition = update.selection.clone().unwrap_or_else(|| Expr::value(Value::Boolean(true)));
            let rewriting = Rewriting::new(&entry, table, vec![Case { kind: CaseKind::Update, condition, values }])?;
            let query = query(session, |select| {
                select.from = vec![update.table.clone()];
                select.projection = rewriting.items(old);
            })?;
            (rewriting, plan_query(session, query).await?)
        }
    };
    let changed = session.context().execute_logical_plan(rows.clone()).await?.filter(ident(flag_name(0)))?;
    let count = changed.count().await? as u64;
    replace_rows(session, relations, &entry, rewriting.rows(rows)?, "UPDATE").await?;
    count_answer(session, count).map(Some)
}

/// Writes the rows in place of the table's, for such a statement; answers how many they are.
pub(super) async fn replace_rows(
    session: &MlSession,
    relations: &Arc<StoredRelations>,
    entry: &RelationEntry,
    rows: LogicalPlan,
    statement: &'static str,
) -> Result<u64> {
    let plan = write_plan(relations, entry.clone(), rows, Change::Replace(statement))?;
    run_count(session.context().state(), plan).await
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

/// The table of the store that the statement changes, which needs these privileges.
pub(super) async fn stored(
    session: &MlSession,
    relations: &Arc<StoredRelations>,
    table: &TableFactor,
    privileges: &[Privilege],
) -> Result<Option<Arc<RelationEntry>>> {
    let TableFactor::Table { name, .. } = table else { return Ok(None) };
    let name = model_name(session, name)?;
    let state = relations.catalog.refresh().await?;
    let rights = session.shared.guard.rights(&state);
    let entry = state.relation(&name).filter(|_| !relations.is_of_context(&name));
    let entry = entry.filter(|entry| rights.may_see(&state, entry));
    if let Some(entry) = entry {
        for privilege in privileges {
            check_relation(&state, &rights, *privilege, entry)?;
        }
    }
    match entry {
        Some(entry) if entry.table().is_none() => {
            Err(invalid(format!("{name} is {}; only tables that lie in the store can be changed", entry.a_noun())))
        }
        entry => Ok(entry.cloned()),
    }
}

/// Commits the table without rows.
async fn commit_no_rows(relations: &Arc<StoredRelations>, entry: &RelationEntry, statement: &str) -> Result<()> {
    let decide = |state: &CatalogState| {
        let current = state.relation(&entry.name).filter(|current| current.id == entry.id);
        let Some((current, table)) = current.and_then(|current| Some((current, current.table()?))) else {
            return Err(invalid(format!("table {} was dropped meanwhile", entry.name)));
        };
        let table = TableEntry { files: Vec::new(), ..table.clone() };
        let version = state.version() + 1;
        let entry = RelationEntry { version, kind: RelationKind::Table(table), ..current.as_ref().clone() };
        Ok(vec![Action::PutRelation(Box::new(entry))])
    };
    relations.commit_rows(Some(statement), decide).await.map(drop)
}

/// `SELECT * FROM table`, as `change` changes it.
fn query(session: &MlSession, change: impl FnOnce(&mut Select)) -> Result<Query> {
    let mut query = select_template(session, "SELECT * FROM t")?;
    if let SetExpr::Select(select) = query.body.as_mut() {
        change(select);
    }
    Ok(query)
}
