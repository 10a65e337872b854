//! `DROP TABLE`, `DROP VIEW` and `DROP SCHEMA`.

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::error::{DataFusionError, Result};
use datafusion::prelude::DataFrame;
use datafusion::sql::sqlparser::ast::{ObjectName, ObjectType, Statement as SqlStatement};
use datafusion_ml_core::options::nearest;

use super::{model_name, no_rows};
use crate::authorize::{Rights, denied};
use crate::catalog::{Action, CatalogState, FunctionName, ModelKey, RelationEntry, RelationKind, RelationName};
use crate::error::invalid;
use crate::relations::StoredRelations;
use crate::resolve::deregister;
use crate::session::MlSession;
use crate::sql::{MlParser, Statement, function_names};

/// What becomes of what depends on the dropped.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Dependents {
    Hinder,
    Go,
}

/// Drops relations or schemas; `None`, and nothing done, if the statement drops something else.
pub(super) async fn execute(
    session: &MlSession,
    relations: &Arc<StoredRelations>,
    statement: &SqlStatement,
) -> Result<Option<DataFrame>> {
    let SqlStatement::Drop { object_type, if_exists, names, cascade, .. } = statement else { return Ok(None) };
    let dependents = if *cascade { Dependents::Go } else { Dependents::Hinder };
    match object_type {
        ObjectType::Table | ObjectType::View => {
            drop_relations(session, relations, names, *object_type, *if_exists, dependents).await?;
        }
        ObjectType::Schema => {
            for name in names {
                drop_schema(session, relations, name, *if_exists, dependents).await?;
            }
        }
        _ => return Ok(None),
    }
    no_rows(session).map(Some)
}

/// All of them, or none.
async fn drop_relations(
    session: &MlSession,
    relations: &Arc<StoredRelations>,
    names: &[ObjectName],
    object_type: ObjectType,
    if_exists: bool,
    dependents: Dependents,
) -> Result<()> {
    let names: Vec<RelationName> = names.iter().map(|name| model_name(session, name)).collect::<Result<_>>()?;
    let (of_context, stored): (Vec<_>, Vec<_>) = names.into_iter().partition(|name| relations.is_of_context(name));
    let mut notices = Vec::new();
    let decide = |state: &CatalogState| {
        notices.clear();
        let rights = session.shared.guard.rights(state);
        let mut dropped = BTreeSet::new();
        for name in &stored {
            match state.relation(name).filter(|relation| may_drop(&rights, state, relation)) {
                Some(relation) => {
                    check_type(relation, object_type)?;
                    dropped.insert(name.clone());
                }
                None if state.relation(name).is_some_and(|relation| rights.may_see(state, relation)) => {
                    return Err(denied(format!(
                        "permission denied for {name}; it can be dropped by its owner and by the owner of its schema"
                    )));
                }
                None if if_exists => {
                    notices.push(format!("there is no {} {name}, nothing was done", noun(object_type)))
                }
                None => return Err(no_such_relation(session, state, name)),
            }
        }
        let views = views_of(state, &dropped);
        if let (Dependents::Hinder, Some(view)) = (dependents, views.first()) {
            let view = seen_view(&rights, state, view);
            return Err(invalid(format!("{view} reads what would be dropped; add CASCADE to drop the view, too")));
        }
        notices.extend(views.iter().map(|view| format!("{} is dropped, too", seen_view(&rights, state, view))));
        dropped.extend(views);
        Ok(dropped.into_iter().map(Action::DropRelation).collect())
    };
    relations.commit(decide).await?;
    for name in of_context {
        if let Some(schema) = relations.context_schema(&name.schema) {
            schema.deregister_table(&name.name)?;
        }
    }
    notices.iter().for_each(|text| session.notice(text));
    Ok(())
}

/// Tells of the views that call a function which is gone.
pub(super) fn notice_callers(session: &MlSession, state: &CatalogState, gone: &ModelKey) -> Result<()> {
    let rights = session.shared.guard.rights(state);
    for relation in state.relations().filter(|relation| rights.may_see(state, relation)) {
        let RelationKind::View(view) = &relation.kind else { continue };
        let dialect = MlSession::dialect_of(&session.state_of(&view.dialect, &view.default_schema)?)?;
        // A view that cannot be parsed any more says so itself.
        let Ok(statements) = MlParser::parse_sql(&view.query, dialect.as_ref()) else { continue };
        let Some(Statement::DataFusion(query)) = statements.front() else { continue };
        let called = function_names(query);
        let is_called = |function: &FunctionName| {
            called.contains(&format!("{}.{}", function.schema, function.name))
                || function.schema == view.default_schema && called.contains(&function.name)
        };
        if let Some(function) = gone.functions().iter().find(|function| is_called(function)) {
            session.notice(&format!(
                "view {} calls {function}, which is gone; drop the view, or create a model with that function",
                relation.name
            ));
        }
    }
    Ok(())
}

/// What a statement calls a view: others' names are not told.
fn seen_view(rights: &Rights, state: &CatalogState, view: &RelationName) -> String {
    match state.relation(view) {
        Some(relation) if !rights.may_see(state, relation) => "a view of another user".to_owned(),
        _ => format!("view {view}"),
    }
}

/// The views that read a relation themselves, in words of a statement.
pub(super) fn readers(session: &MlSession, state: &CatalogState, name: &RelationName) -> Vec<String> {
    let rights = session.shared.guard.rights(state);
    let reads = |relation: &&Arc<RelationEntry>| matches!(&relation.kind, RelationKind::View(view) if view.reads.contains(name));
    state.relations().filter(reads).map(|view| seen_view(&rights, state, &view.name)).collect()
}

fn may_drop(rights: &Rights, state: &CatalogState, relation: &RelationEntry) -> bool {
    rights.owns(&relation.owner) || rights.owns_schema(state, &relation.name.schema)
}

fn noun(object_type: ObjectType) -> &'static str {
    if object_type == ObjectType::View { "view" } else { "table" }
}

fn check_type(relation: &RelationEntry, object_type: ObjectType) -> Result<()> {
    let is_view = matches!(relation.kind, RelationKind::View(_));
    match is_view == (object_type == ObjectType::View) {
        true => Ok(()),
        false => {
            let (name, is, write) = (&relation.name, relation.a_noun(), if is_view { "VIEW" } else { "TABLE" });
            Err(invalid(format!("{name} is {is}; write DROP {write} {name}")))
        }
    }
}

/// The views that read one of these, themselves or through other views.
fn views_of(state: &CatalogState, dropped: &BTreeSet<RelationName>) -> Vec<RelationName> {
    let mut found: Vec<RelationName> = Vec::new();
    loop {
        let is_gone = |name: &RelationName| dropped.contains(name) || found.contains(name);
        let next = state.relations().find(|relation| match &relation.kind {
            RelationKind::View(view) => !is_gone(&relation.name) && view.reads.iter().any(is_gone),
            _ => false,
        });
        match next {
            Some(view) => found.push(view.name.clone()),
            None => return found,
        }
    }
}

/// The error for a name that no relation has.
pub(crate) fn no_such_relation(session: &MlSession, state: &CatalogState, name: &RelationName) -> DataFusionError {
    let rights = session.shared.guard.rights(state);
    let names = state
        .relations()
        .filter(|relation| rights.may_see(state, relation))
        .map(|relation| relation.name.name.as_str())
        .collect::<BTreeSet<_>>();
    let hint = match nearest(&name.name, names) {
        Some(near) => format!("did you mean {near}?"),
        None => "SHOW TABLES lists what there is".to_owned(),
    };
    invalid(format!("there is no table {name}; {hint}"))
}

/// The error for a name that none of the table's columns has.
pub(crate) fn no_such_column<'a>(
    table: &RelationName,
    name: &str,
    columns: impl Iterator<Item = &'a str>,
) -> DataFusionError {
    let columns: Vec<&str> = columns.collect();
    let remedy = match nearest(name, columns.iter().copied()) {
        Some(near) => format!("did you mean {near}?"),
        None => format!("it has {}", columns.join(", ")),
    };
    invalid(format!("table {table} has no column {name}; {remedy}"))
}

/// The error for a name that no schema has.
pub(crate) fn no_such_schema(state: &CatalogState, name: &str) -> DataFusionError {
    let remedy = match nearest(name, state.schemas().map(|schema| schema.name.as_str())) {
        Some(near) => format!("did you mean {near}?"),
        None => format!("SHOW SCHEMAS lists them, and CREATE SCHEMA {name} makes it"),
    };
    invalid(format!("there is no schema {name}; {remedy}"))
}

async fn drop_schema(
    session: &MlSession,
    relations: &Arc<StoredRelations>,
    name: &ObjectName,
    if_exists: bool,
    dependents: Dependents,
) -> Result<()> {
    let name = model_name(session, name)?.name;
    if name == "public" {
        return Err(invalid("schema public stays; drop what lies in it"));
    }
    let (mut is_there, mut models, mut views) = (false, Vec::<ModelKey>::new(), Vec::<String>::new());
    let decide = |state: &CatalogState| {
        is_there = relations.has_schema(state, &name);
        if !is_there && !if_exists {
            return Err(no_such_schema(state, &name));
        }
        if is_there && !session.shared.guard.rights(state).owns_schema(state, &name) {
            return Err(denied(format!("permission denied for schema {name}; it can be dropped by its owner")));
        }
        let inside: BTreeSet<RelationName> =
            state.relations().map(|relation| &relation.name).filter(|r| r.schema == name).cloned().collect();
        models = state.models().map(|model| model.key()).filter(|key| key.name.schema == name).cloned().collect();
        let in_training = state.trainings().map(|training| &training.name).filter(|m| m.schema == name);
        let models_inside: BTreeSet<_> = models.iter().map(|key| &key.name).chain(in_training).cloned().collect();
        let depending = views_of(state, &inside);
        let rights = session.shared.guard.rights(state);
        views = depending.iter().map(|view| seen_view(&rights, state, view)).collect();
        let first = inside.iter().chain(&models_inside).map(ToString::to_string).chain(views.iter().cloned()).next();
        if let (Dependents::Hinder, Some(first)) = (dependents, first) {
            return Err(invalid(format!(
                "{first} lies in schema {name} or depends on it; add CASCADE to drop all of that, too"
            )));
        }
        let mut actions = vec![Action::DropSchema(name.clone())];
        actions.extend(inside.into_iter().chain(depending).map(Action::DropRelation));
        actions.extend(models_inside.into_iter().map(Action::DropModel));
        Ok(if is_there { actions } else { Vec::new() })
    };
    let state = relations.commit(decide).await?;
    session.shared.trainings.cancel_unwanted(&state);
    models.iter().for_each(|model| deregister(session, model));
    views.iter().for_each(|view| session.notice(&format!("{view} is dropped, too")));
    match is_there {
        true => relations.forget_schema(&name),
        false => {
            session.notice(&format!("there is no schema {name}, nothing was done"));
            Ok(())
        }
    }
}
