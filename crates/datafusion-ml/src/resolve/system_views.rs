//! Redshift's system views of models, `stl_load_errors`, `pg_user` and `ml_audit`, as far as a statement names them: they are made of the newest state of the catalog
//! before the statement is planned, and put into the schema `pg_catalog`.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, BooleanArray, Int32Array, ListBuilder, RecordBatch, StringArray, StringBuilder, TimestampSecondArray,
};
use datafusion::catalog::{MemTable, MemorySchemaProvider, TableProvider};
use datafusion::common::TableReference;
use datafusion::error::{DataFusionError, Result};
use datafusion::sql::parser::Statement as DFStatement;
use datafusion::sql::sqlparser::ast::{Ident, ObjectName, ObjectNamePart, visit_relations_mut};
use futures::FutureExt;

use super::rights;
use crate::audit::audit_table;
use crate::authorize::{GuardedTable, Rights, Seal};
use crate::background::{TrainingStatus, find_training};
use crate::catalog::{CatalogState, Grantee, ModelName, Object, RelationName};
use crate::session::MlSession;
use crate::sql::WalkMut;

/// The schema in which Redshift has its system views; it is searched before others.
pub(crate) const SYSTEM_SCHEMA: &str = "pg_catalog";

/// System views by their names, as somebody may see them.
pub(crate) type SystemViews = BTreeMap<&'static str, Arc<dyn TableProvider>>;

/// A system view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SystemView {
    /// A row per model, ready or not.
    StvMlModelInfo,
    /// The same, with the name of the database.
    SvvMlModelInfo,
    /// A row per model and whoever may use it.
    SvvMlModelPrivileges,
    /// A row per function of a model: its arguments and their types.
    PgProc,
    /// A row per change, newest first.
    MlAudit,
    /// A row per user.
    PgUser,
    /// A row per row that a COPY of this session could not load.
    StlLoadErrors,
}

impl SystemView {
    const ALL: [Self; 7] = [
        Self::StvMlModelInfo,
        Self::SvvMlModelInfo,
        Self::SvvMlModelPrivileges,
        Self::PgProc,
        Self::MlAudit,
        Self::PgUser,
        Self::StlLoadErrors,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::StvMlModelInfo => "stv_ml_model_info",
            Self::SvvMlModelInfo => "svv_ml_model_info",
            Self::SvvMlModelPrivileges => "svv_ml_model_privileges",
            Self::PgProc => "pg_proc",
            Self::MlAudit => "ml_audit",
            Self::PgUser => "pg_user",
            Self::StlLoadErrors => "stl_load_errors",
        }
    }

    /// The view that a name means: alone, or in its schema.
    fn named(name: &ObjectName) -> Option<Self> {
        let parts: Vec<String> =
            name.0.iter().filter_map(ObjectNamePart::as_ident).map(|part| part.value.to_lowercase()).collect();
        let view = match parts.as_slice() {
            [view] => view,
            [schema, view] if schema == SYSTEM_SCHEMA => view,
            _ => return None,
        };
        Self::ALL.into_iter().find(|known| known.name() == view)
    }
}

/// Makes the system views that the statement names. A table of the program, or a temporary one, of the same name is left alone; one
/// of the store is not meant, since anybody might have made it, nor is any in a view. Those that the text of a view names are given,
/// others put into the context.
pub(super) async fn resolve_system_views(
    session: &MlSession,
    statement: &mut DFStatement,
    view_owner: Option<&str>,
) -> Result<SystemViews> {
    let mut named = Vec::new();
    let context = session.context();
    let _ = visit_relations_mut(&mut WalkMut(statement), |name| {
        if let Some(view) = SystemView::named(name) {
            let is_there = || match &session.shared.relations {
                Some(relations) => relations.is_of_context(&RelationName::new(session.default_schema(), view.name())),
                None => context.table_exist(view.name()).unwrap_or(false),
            };
            let is_hidden = name.0.len() == 1 && view_owner.is_none() && is_there();
            if !is_hidden {
                named.push(view);
                *name = ObjectName::from(vec![Ident::new(SYSTEM_SCHEMA), Ident::new(view.name())]);
            }
        }
        ControlFlow::<()>::Continue(())
    });
    if named.is_empty() {
        return Ok(SystemViews::new());
    }
    let default_catalog = context.state_ref().read().config_options().catalog.default_catalog.clone();
    if let Some(catalog) = context.catalog(&default_catalog)
        && catalog.schema(SYSTEM_SCHEMA).is_none()
    {
        catalog.register_schema(SYSTEM_SCHEMA, Arc::new(MemorySchemaProvider::new()))?;
    }
    named.dedup();
    let mut of_view = SystemViews::new();
    for view in named {
        let (batch, user) = rows(session, view, &default_catalog, view_owner).await?;
        let rows = MemTable::try_new(batch.schema(), vec![vec![batch]])?;
        let table = Arc::new(GuardedTable { seal: Seal::User(user), rows });
        if view_owner.is_some() {
            of_view.insert(view.name(), table);
            continue;
        }
        let name = TableReference::partial(SYSTEM_SCHEMA, view.name());
        context.deregister_table(name.clone())?;
        context.register_table(name, table)?;
    }
    Ok(of_view)
}

/// The rows, and the name of whom they are for: what he may know.
async fn rows(
    session: &MlSession,
    view: SystemView,
    database: &str,
    view_owner: Option<&str>,
) -> Result<(RecordBatch, String)> {
    let state = session.shared.catalog.refresh().await?;
    let rights = rights(session, &state, view_owner);
    let rows = match view {
        SystemView::StvMlModelInfo => model_info(session, &state, &rights, None).await,
        SystemView::SvvMlModelInfo => model_info(session, &state, &rights, Some(database)).await,
        SystemView::SvvMlModelPrivileges => privileges(&state, &rights),
        SystemView::PgProc => functions(&state, &rights),
        SystemView::MlAudit => audit_table(session, &rights).boxed().await,
        SystemView::PgUser => users(&state),
        SystemView::StlLoadErrors => session.shared.loads.lock().errors(),
    };
    Ok((rows?, rights.name().to_owned()))
}

async fn model_info(
    session: &MlSession,
    state: &CatalogState,
    rights: &Rights,
    database: Option<&str>,
) -> Result<RecordBatch> {
    let (mut names, mut owners, mut states) = (Vec::new(), Vec::new(), Vec::new());
    for name in state.names() {
        if !rights.may_see_model(state, name)? {
            continue;
        }
        let (owner, model_state) = match state.model(name) {
            Some(model) => (model.entry()?.owner.clone(), "Model is Ready"),
            None => {
                let (_, training) = find_training(session, |state| state.training(name)).await?;
                let Some(training) = training else { continue };
                let state = match training.status {
                    TrainingStatus::Running(_) => "Train Model In Progress",
                    TrainingStatus::Failed(_) | TrainingStatus::Interrupted(_) => "Training Failed",
                };
                (training.entry.owner.clone(), state)
            }
        };
        names.push(name.clone());
        owners.push(owner);
        states.push(model_state);
    }
    let rows = names.len();
    let mut columns = Vec::new();
    if let Some(database) = database {
        columns.push(("database_name", texts(vec![database; rows])));
    }
    columns.extend([
        ("schema_name", texts(names.iter().map(|name| &name.schema))),
        ("user_name", texts(owners)),
        ("model_name", texts(names.iter().map(|name| &name.name))),
        ("life_cycle", texts(vec!["Active"; rows])),
        // No model is trained again by itself.
        ("is_refreshable", Arc::new(Int32Array::from(vec![0; rows])) as ArrayRef),
        ("model_state", texts(states)),
    ]);
    table(columns)
}

/// The owner of each model, and to whom EXECUTE on it was granted. Superusers and owners see all of it, others what was
/// granted to themselves.
fn privileges(state: &CatalogState, rights: &Rights) -> Result<RecordBatch> {
    let (mut models, mut versions): (Vec<&ModelName>, Vec<i32>) = Default::default();
    let (mut ids, mut names, mut types, mut options) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let access = state.access();
    for model in state.models() {
        let entry = model.entry()?;
        let owner = Grantee::User(entry.owner.clone());
        let object = Object::Model(entry.name.clone());
        let granted = access.grants_on(&object).map(|grant| (&grant.key.grantee, grant.grant_option));
        for (grantee, option) in std::iter::once((&owner, true)).chain(granted) {
            if !rights.owns(&entry.owner) && !rights.is(grantee) {
                continue;
            }
            let (id, name, kind) = match grantee {
                // The owner of the process is no user of the catalog, and has Redshift's number of the first.
                Grantee::User(name) => {
                    (access.users.get(name).map_or(100, |user| numbered(user.id)), name.as_str(), "user")
                }
                Grantee::Group(name) => {
                    (access.groups.get(name).map_or(0, |group| numbered(group.id)), name.as_str(), "group")
                }
                Grantee::Role(name) => {
                    (access.roles.get(name).map_or(0, |role| numbered(role.id)), name.as_str(), "role")
                }
                Grantee::Public => (0, "public", "public"),
            };
            models.push(model.name());
            versions.push(i32::try_from(entry.version).unwrap_or(i32::MAX));
            ids.push(id);
            names.push(name.to_owned());
            types.push(kind);
            options.push(option);
        }
    }
    let rows = models.len();
    table(vec![
        ("namespace_name", texts(models.iter().map(|name| &name.schema))),
        ("model_name", texts(models.iter().map(|name| &name.name))),
        ("model_version", Arc::new(Int32Array::from(versions)) as ArrayRef),
        ("privilege_type", texts(vec!["EXECUTE"; rows])),
        ("identity_id", Arc::new(Int32Array::from(ids))),
        ("identity_name", texts(names)),
        ("identity_type", texts(types)),
        ("admin_option", Arc::new(BooleanArray::from(options))),
    ])
}

/// Prediction functions alone have a type that the catalog knows in PostgreSQL's words; the others give SUPER.
fn functions(state: &CatalogState, rights: &Rights) -> Result<RecordBatch> {
    let (mut schemas, mut functions, mut counts) = (Vec::new(), Vec::new(), Vec::new());
    let (mut types, mut returns, mut models) = (Vec::new(), Vec::new(), Vec::new());
    let mut names = ListBuilder::new(StringBuilder::new());
    for model in state.models() {
        if !rights.may_execute(state, model)? {
            continue;
        }
        let entry = model.entry()?;
        let parameters = &entry.report.parameters;
        for function in entry.functions() {
            returns.push(if function == entry.function { entry.report.returns.clone() } else { "super".to_owned() });
            schemas.push(function.schema);
            functions.push(function.name);
            counts.push(i32::try_from(parameters.len()).unwrap_or(i32::MAX));
            types.push(parameters.iter().map(|(_, data_type)| data_type.as_str()).collect::<Vec<_>>().join(" "));
            names.append_value(parameters.iter().map(|(name, _)| Some(name)));
            models.push(entry.name.name.clone());
        }
    }
    table(vec![
        ("pronamespace", texts(schemas)),
        ("proname", texts(functions)),
        ("pronargs", Arc::new(Int32Array::from(counts)) as ArrayRef),
        ("proargnames", Arc::new(names.finish())),
        ("proargtypes", texts(types)),
        ("prorettype", texts(returns)),
        ("model_name", texts(models)),
    ])
}

/// Users are no secret; passwords are, and whether there is one.
fn users(state: &CatalogState) -> Result<RecordBatch> {
    let users: Vec<_> = state.access().users.values().collect();
    let ids: Int32Array = users.iter().map(|user| Some(numbered(user.id))).collect();
    let ends: TimestampSecondArray = users.iter().map(|user| user.valid_until).collect();
    table(vec![
        ("usename", texts(users.iter().map(|user| &user.name))),
        ("usesysid", Arc::new(ids) as ArrayRef),
        ("usecreatedb", Arc::new(BooleanArray::from(vec![false; users.len()]))),
        ("usesuper", Arc::new(users.iter().map(|user| Some(user.superuser)).collect::<BooleanArray>())),
        ("passwd", texts(vec!["********"; users.len()])),
        ("valuntil", Arc::new(ends)),
    ])
}

/// Redshift's numbers of users begin with 100.
fn numbered(id: u64) -> i32 {
    i32::try_from(100 + id).unwrap_or(i32::MAX)
}

fn table(columns: Vec<(&str, ArrayRef)>) -> Result<RecordBatch> {
    let columns = columns.into_iter().map(|(name, column)| (name, column, true));
    RecordBatch::try_from_iter_with_nullable(columns).map_err(DataFusionError::from)
}

fn texts(values: impl IntoIterator<Item = impl AsRef<str>>) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(values))
}
