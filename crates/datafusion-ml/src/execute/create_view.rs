//! `CREATE VIEW`: the text of a query is kept, and planned whenever a statement reads the view.

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::error::Result;
use datafusion::prelude::DataFrame;
use datafusion::sql::sqlparser::ast::{CreateView, Query};

use super::{model_name, no_rows, plan_query};
use crate::authorize::called_models;
use crate::catalog::{Action, CatalogState, RelationEntry, RelationKind, RelationName, ViewEntry};
use crate::error::invalid;
use crate::relations::{StoredRelations, exists, folded, relations_in};
use crate::session::MlSession;

/// Creates a view; `None`, and nothing done, for a temporary one, which is DataFusion's.
pub(super) async fn execute(
    session: &MlSession,
    relations: &Arc<StoredRelations>,
    statement: &CreateView,
) -> Result<Option<DataFrame>> {
    if statement.temporary {
        return Ok(None);
    }
    if statement.materialized {
        return Err(invalid(
            "materialized views are not supported; write CREATE VIEW, or CREATE TABLE name AS SELECT ...",
        ));
    }
    let name = model_name(session, &statement.name)?;
    let state = relations.catalog.refresh().await?;
    if relations.is_of_context(&name) {
        return Err(invalid(format!("a table {name} of this session exists already; choose another name")));
    }
    relations.check_schema(&state, &name.schema)?;
    let rights = session.shared.guard.rights(&state);
    rights.check_create_in(&state, &name.schema)?;
    let columns: Vec<String> = statement.columns.iter().map(|column| folded(&column.name)).collect();
    let plan = match plan_query(session, statement.query.as_ref().clone()).await {
        Ok(plan) => Some(plan),
        Err(_) if statement.with_no_schema_binding => None,
        Err(error) => return Err(error),
    };
    if let Some(plan) = plan.as_ref().filter(|_| !statement.with_no_schema_binding) {
        let found = plan.schema().fields().len();
        if !columns.is_empty() && columns.len() != found {
            return Err(invalid(format!(
                "view {name} has {} names for {found} columns; name each column, or none",
                columns.len()
            )));
        }
    }
    let view = ViewEntry {
        query: statement.query.to_string(),
        columns,
        dialect: session.context().state_ref().read().config_options().sql_parser.dialect.to_string(),
        default_schema: session.default_schema(),
        reads: reads(session, &statement.query),
        models: plan.as_ref().map(called_models).transpose()?.unwrap_or_default(),
    };
    let mut is_there = false;
    let decide = |state: &CatalogState| {
        let current = state.relation(&name);
        is_there = current.is_some() && statement.if_not_exists;
        match current {
            Some(_) if is_there => return Ok(Vec::new()),
            Some(other) if !(rights.owns(&other.owner) && statement.or_replace && other.noun() == "view") => {
                return Err(exists(state, &rights, other));
            }
            _ => {}
        }
        check_cycle(state, &name, &view.reads)?;
        let version = state.version() + 1;
        let id = current.map_or(version, |current| current.id);
        let (owner, kind) = (session.user(), RelationKind::View(view.clone()));
        Ok(vec![Action::PutRelation(Box::new(RelationEntry { name: name.clone(), id, version, owner, kind }))])
    };
    relations.commit(decide).await?;
    if is_there {
        session.notice(&format!("{name} exists already, nothing was done"));
    }
    no_rows(session).map(Some)
}

/// The tables and views that the query names, but for its own common table expressions.
fn reads(session: &MlSession, query: &Query) -> Vec<RelationName> {
    let found = relations_in(query);
    let found: BTreeSet<RelationName> = found.iter().filter_map(|name| model_name(session, name).ok()).collect();
    found.into_iter().collect()
}

/// Fails if a view that reads these would read itself.
fn check_cycle(state: &CatalogState, view: &RelationName, reads: &[RelationName]) -> Result<()> {
    let (mut open, mut seen) = (reads.to_vec(), BTreeSet::new());
    while let Some(name) = open.pop() {
        if name == *view {
            return Err(invalid(format!("view {view} would read itself; read its tables instead")));
        }
        if seen.insert(name.clone())
            && let Some(RelationKind::View(other)) = state.relation(&name).map(|relation| &relation.kind)
        {
            open.extend(other.reads.iter().cloned());
        }
    }
    Ok(())
}
