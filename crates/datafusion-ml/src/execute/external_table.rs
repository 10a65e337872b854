//! `CREATE EXTERNAL TABLE`: the statement is kept, and its files are looked at by every session that reads the table.

use std::sync::Arc;

use datafusion::error::Result;
use datafusion::prelude::DataFrame;
use datafusion::sql::parser::CreateExternalTable;

use super::{model_name, no_rows};
use crate::catalog::{Action, CatalogState, RelationEntry, RelationKind};
use crate::relations::{StoredRelations, absolute_locations, exists, statement_of};
use crate::session::MlSession;

/// What the names of options have that hold a secret.
const SECRETS: [&str; 5] = ["secret", "token", "password", "access_key", "account_key"];

/// Creates an external table; `None`, and nothing done, if it must not outlive the session.
pub(super) async fn execute(
    session: &MlSession,
    relations: &Arc<StoredRelations>,
    statement: &CreateExternalTable,
) -> Result<Option<DataFrame>> {
    let name = model_name(session, &statement.name)?;
    let state = relations.catalog.refresh().await?;
    let rights = session.shared.guard.rights(&state);
    let mut kept = statement.clone();
    absolute_locations(&mut kept);
    (kept.if_not_exists, kept.or_replace) = (false, false);
    let text = statement_of(&kept);
    session.shared.guard.check_external(&state, &rights, &name, &text)?;
    if statement.temporary || relations.is_of_context(&name) {
        return Ok(None);
    }
    let is_secret = |key: &str| SECRETS.iter().any(|word| key.to_lowercase().contains(word));
    if statement.options.iter().any(|(key, _)| is_secret(key)) {
        session.notice(&format!("{name} ends with this session, since its OPTIONS hold a secret, which is not stored"));
        return Ok(None);
    }
    relations.check_schema(&state, &name.schema)?;
    rights.check_create_in(&state, &name.schema)?;
    let kind = RelationKind::External(text);
    let entry = RelationEntry { name, id: 0, version: 0, owner: session.user(), kind };
    let taken = state.relation(&entry.name);
    if taken.is_some() && statement.if_not_exists {
        session.notice(&format!("{} exists already, nothing was done", entry.name));
        return no_rows(session).map(Some);
    }
    let hinders = |other: &RelationEntry| {
        let is_external = matches!(other.kind, RelationKind::External(_));
        !(rights.owns(&other.owner) && statement.or_replace && is_external)
    };
    if let Some(other) = taken.filter(|other| hinders(other)) {
        return Err(exists(&state, &rights, other));
    }
    // What cannot be read is not kept.
    relations.check(&entry).await?;
    let decide = |state: &CatalogState| {
        match state.relation(&entry.name) {
            Some(_) if statement.if_not_exists => return Ok(Vec::new()),
            Some(other) if hinders(other) => return Err(exists(state, &rights, other)),
            _ => {}
        }
        let version = state.version() + 1;
        Ok(vec![Action::PutRelation(Box::new(RelationEntry { id: version, version, ..entry.clone() }))])
    };
    relations.commit(decide).await?;
    no_rows(session).map(Some)
}
