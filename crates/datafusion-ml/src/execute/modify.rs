//! `DELETE`, `UPDATE` and `TRUNCATE` of tables in the store: what stays is written anew and takes the place of the old.

use std::sync::Arc;

use datafusion::error::Result;
use datafusion::prelude::DataFrame;
use datafusion::sql::sqlparser::ast::helpers::attached_token::AttachedToken as Attached;
use datafusion::sql::sqlparser::ast::{
    Assignment, AssignmentTarget, CaseWhen, Delete, Expr, FromTable, Ident, ObjectName, Query, Select, SelectItem,
    SetExpr, TableFactor, TableWithJoins, Truncate, Update, UpdateTableFromKind,
};

use super::insert::{default_expression, is_default};
use super::joined::Joined;
use super::{count_answer, model_name, no_rows, plan_query, run_count, select_template};
use crate::authorize::check_relation;
use crate::catalog::{Action, CatalogState, Privilege, RelationEntry, RelationKind, TableEntry};
use crate::error::invalid;
use crate::relations::{Change, StoredRelations, folded, write_plan};
use crate::session::MlSession;

/// Keeps the rows for which the condition is not true; `None`, and nothing done, if the table is not of the store.
pub(super) async fn delete(
    session: &MlSession,
    relations: &Arc<StoredRelations>,
    delete: &Delete,
) -> Result<Option<DataFrame>> {
    let (FromTable::WithFromKeyword(from) | FromTable::WithoutKeyword(from)) = &delete.from;
    let [table] = from.as_slice() else { return Ok(None) };
    let Some(entry) = stored(session, relations, table, Privilege::Delete).await? else { return Ok(None) };
    if delete.returning.is_some() || delete.limit.is_some() || !delete.order_by.is_empty() {
        return Err(invalid(
            "DELETE with RETURNING, ORDER BY or LIMIT is not supported; write DELETE FROM t WHERE x IN (SELECT ...)",
        ));
    }
    let rows = entry.table().map_or(0, TableEntry::rows);
    if let (Some(using), Some(stored)) = (&delete.using, entry.table()) {
        let joined = Joined { target: table, sources: using, condition: delete.selection.as_ref() };
        let plan = plan_query(session, joined.unmatched(session, stored)?).await?;
        let kept = run_count(
            session.context().state(),
            write_plan(relations, entry.as_ref().clone(), plan, Change::Replace("DELETE"))?,
        )
        .await?;
        return count_answer(session, rows.saturating_sub(kept)).map(Some);
    }
    let Some(condition) = &delete.selection else {
        commit_no_rows(relations, &entry, "DELETE").await?;
        return count_answer(session, rows).map(Some);
    };
    let kept = query(session, |select| {
        select.from = vec![table.clone()];
        select.selection = Some(Expr::IsNotTrue(Box::new(Expr::Nested(Box::new(condition.clone())))));
    })?;
    let plan = plan_query(session, kept).await?;
    let kept = run_count(
        session.context().state(),
        write_plan(relations, entry.as_ref().clone(), plan, Change::Replace("DELETE"))?,
    )
    .await?;
    count_answer(session, rows.saturating_sub(kept)).map(Some)
}

/// Writes all rows anew, with other values where the condition is true; `None`, and nothing done, if the table is not of
/// the store.
pub(super) async fn update(
    session: &MlSession,
    relations: &Arc<StoredRelations>,
    update: &Update,
) -> Result<Option<DataFrame>> {
    let Some(entry) = stored(session, relations, &update.table, Privilege::Update).await? else { return Ok(None) };
    if update.returning.is_some() || update.limit.is_some() || !update.order_by.is_empty() {
        return Err(invalid(
            "UPDATE with RETURNING, ORDER BY or LIMIT is not supported; write WHERE x IN (SELECT ...)",
        ));
    }
    let Some(table) = entry.table() else { return Ok(None) };
    let mut assignments = update.assignments.iter().map(assignment).collect::<Result<Vec<_>>>()?;
    if let Some((name, _)) =
        assignments.iter().find(|(name, _)| table.columns.iter().all(|column| column.name != *name))
    {
        return Err(invalid(format!("table {} has no column {name}", entry.name)));
    }
    for (name, value) in &mut assignments {
        let Some(column) = table.columns.iter().find(|column| column.name == *name) else { continue };
        if column.identity.is_some_and(|identity| !identity.by_default) {
            return Err(invalid(format!(
                "column {name} of table {} is numbered (IDENTITY) and takes no values; set other columns",
                entry.name
            )));
        }
        if is_default(value) {
            *value = default_expression(session, column.default.as_deref())?;
        }
    }
    if let Some(UpdateTableFromKind::BeforeSet(sources) | UpdateTableFromKind::AfterSet(sources)) = &update.from {
        let joined = Joined { target: &update.table, sources, condition: update.selection.as_ref() };
        let (changed, matched) = joined.updated(session, table, &assignments)?;
        let matched = plan_query(session, matched).await?;
        let count = session.context().execute_logical_plan(matched).await?.count().await? as u64;
        let plan = plan_query(session, changed).await?;
        run_count(
            session.context().state(),
            write_plan(relations, entry.as_ref().clone(), plan, Change::Replace("UPDATE"))?,
        )
        .await?;
        return count_answer(session, count).map(Some);
    }
    let counted = query(session, |select| {
        select.from = vec![update.table.clone()];
        select.selection.clone_from(&update.selection);
    })?;
    let counted = plan_query(session, counted).await?;
    let count = session.context().execute_logical_plan(counted).await?.count().await? as u64;
    let changed = query(session, |select| {
        select.from = vec![update.table.clone()];
        let columns = table.columns.iter().map(|column| {
            let old = Expr::Identifier(Ident::with_quote('"', &column.name));
            let new = assignments.iter().find(|(name, _)| *name == column.name).map(|(_, value)| value.clone());
            let expr = match (new, &update.selection) {
                (None, _) => old,
                (Some(new), None) => new,
                (Some(new), Some(condition)) => choose(condition.clone(), new, old),
            };
            SelectItem::ExprWithAlias { expr, alias: Ident::with_quote('"', &column.name) }
        });
        select.projection = columns.collect();
    })?;
    let plan = plan_query(session, changed).await?;
    run_count(
        session.context().state(),
        write_plan(relations, entry.as_ref().clone(), plan, Change::Replace("UPDATE"))?,
    )
    .await?;
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

/// The table of the store that the statement changes.
async fn stored(
    session: &MlSession,
    relations: &Arc<StoredRelations>,
    table: &TableWithJoins,
    privilege: Privilege,
) -> Result<Option<Arc<RelationEntry>>> {
    let TableFactor::Table { name, .. } = &table.relation else { return Ok(None) };
    let name = model_name(session, name)?;
    let state = relations.catalog.refresh().await?;
    let rights = session.shared.guard.rights(&state);
    let entry = state.relation(&name).filter(|_| !relations.is_of_context(&name));
    let entry = entry.filter(|entry| rights.may_see(&state, entry));
    if let Some(entry) = entry {
        check_relation(&state, &rights, privilege, entry)?;
    }
    match entry {
        Some(entry) if entry.table().is_none() => {
            Err(invalid(format!("{name} is a {}; only tables that lie in the store can be changed", entry.noun())))
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

/// `CASE WHEN condition THEN new ELSE old END`
pub(super) fn choose(condition: Expr, new: Expr, old: Expr) -> Expr {
    Expr::Case {
        case_token: Attached::empty(),
        end_token: Attached::empty(),
        operand: None,
        conditions: vec![CaseWhen { condition, result: new }],
        else_result: Some(Box::new(old)),
    }
}

fn assignment(assignment: &Assignment) -> Result<(String, Expr)> {
    let name: Option<&Ident> = match &assignment.target {
        AssignmentTarget::ColumnName(ObjectName(parts)) => parts.last().and_then(|part| part.as_ident()),
        AssignmentTarget::Tuple(_) => None,
    };
    let name = name.ok_or_else(|| invalid(format!("{assignment} is not supported; set columns one by one")))?;
    Ok((folded(name), assignment.value.clone()))
}
