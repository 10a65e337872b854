//! `CREATE SCHEMA`, and the schemas in which names are looked for: `SET search_path`.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch, StringArray};
use datafusion::error::Result;
use datafusion::prelude::DataFrame;
use datafusion::sql::sqlparser::ast::{Expr, Ident, SchemaName, Set, Value};

use super::identities::missing;
use super::{answer, model_name, no_rows};
use crate::catalog::{Action, CatalogState, SchemaEntry};
use crate::error::invalid;
use crate::relations::{StoredRelations, folded};
use crate::session::MlSession;
use crate::sql::IdentityKind;

const SEARCH_PATH: &str = "search_path";

/// Creates a schema, which belongs to who is named behind AUTHORIZATION, else to who creates it.
pub(super) async fn create(
    session: &MlSession,
    relations: &Arc<StoredRelations>,
    name: &SchemaName,
    if_not_exists: bool,
) -> Result<DataFrame> {
    let (name, owner) = match name {
        SchemaName::Simple(name) => (model_name(session, name)?.name, None),
        SchemaName::NamedAuthorization(name, owner) => (model_name(session, name)?.name, Some(folded(owner))),
        SchemaName::UnnamedAuthorization(owner) => (folded(owner), Some(folded(owner))),
    };
    let owner = owner.unwrap_or_else(|| session.user());
    if name.starts_with("pg_") || name == "information_schema" {
        return Err(invalid(format!(
            "schema {name} is the system's; choose another name, which does not begin with pg_"
        )));
    }
    let mut is_there = false;
    let decide = |state: &CatalogState| {
        session.shared.guard.rights(state).check_superuser("CREATE SCHEMA")?;
        if owner != session.user() && !state.access().users.contains_key(&owner) {
            return Err(missing(Some(state.access()), IdentityKind::User, &owner));
        }
        is_there = relations.has_schema(state, &name);
        match (is_there, if_not_exists) {
            (true, true) => Ok(Vec::new()),
            (true, false) => {
                Err(invalid(format!("schema {name} exists already; choose another name, or drop it first")))
            }
            _ => Ok(vec![Action::PutSchema(SchemaEntry { name: name.clone(), owner: owner.clone() })]),
        }
    };
    relations.commit(decide).await?;
    if is_there {
        session.notice(&format!("schema {name} exists already, nothing was done"));
    }
    no_rows(session)
}

/// `SET search_path`; `None`, and nothing done, for other settings. The first schema that there is becomes the default.
pub(super) fn set_search_path(
    session: &MlSession,
    relations: &Arc<StoredRelations>,
    set: &Set,
) -> Result<Option<DataFrame>> {
    let Set::SingleAssignment { variable, values, .. } = set else { return Ok(None) };
    if !variable.to_string().eq_ignore_ascii_case(SEARCH_PATH) {
        return Ok(None);
    }
    let mut path = Vec::new();
    for value in values {
        match value {
            Expr::Identifier(ident) => path.push(folded(ident)),
            Expr::Value(value) => match &value.value {
                Value::SingleQuotedString(text) | Value::DoubleQuotedString(text) => {
                    path.extend(text.split(',').map(|name| name.trim().trim_matches('"').to_owned()));
                }
                other => return Err(invalid(format!("{other} is not the name of a schema"))),
            },
            other => return Err(invalid(format!("{other} is not the name of a schema"))),
        }
    }
    let state = relations.catalog.cached();
    let is_there = |name: &&String| relations.has_schema(&state, name);
    let default = path.iter().find(is_there).map_or("public", String::as_str).to_owned();
    for name in path.iter().filter(|name| !is_there(name) && *name != "$user" && *name != "public") {
        session.notice(&format!("there is no schema {name}, so it is passed over"));
    }
    let context = session.context().state_ref();
    context.write().config_mut().options_mut().catalog.default_schema = default;
    *session.shared.search_path.lock() = path;
    no_rows(session).map(Some)
}

/// `SHOW search_path`; `None` for other settings.
pub(super) fn show_search_path(session: &MlSession, variable: &[Ident]) -> Result<Option<DataFrame>> {
    let [name] = variable else { return Ok(None) };
    if !name.value.eq_ignore_ascii_case(SEARCH_PATH) {
        return Ok(None);
    }
    let path = session.shared.search_path.lock().join(", ");
    let path = if path.is_empty() { session.default_schema() } else { path };
    let values: ArrayRef = Arc::new(StringArray::from(vec![path]));
    answer(session, RecordBatch::try_from_iter([(SEARCH_PATH, values)])?).map(Some)
}
