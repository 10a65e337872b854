//! Resolving: the models whose functions a statement calls are looked up in the catalog, loaded, and their functions put
//! into the context, before the statement is planned.
//!
//! This is the one way by which a function comes to be callable, be its model new, of an earlier session, made or replaced
//! a moment ago by another process, or dropped.

mod named;
mod system_views;

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::common::TableReference;
use datafusion::datasource::listing::ListingTableUrl;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::context::SessionState;
use datafusion::logical_expr::ScalarUDF;
use datafusion::logical_expr::registry::FunctionRegistry;
use datafusion::sql::parser::Statement as DFStatement;
use datafusion::sql::sqlparser::ast::{ObjectName, visit_relations};
use datafusion_ml_auto::{ENSEMBLE, Ensemble};
use datafusion_ml_core::{Algorithm, Error, FittedModel};

pub(crate) use self::named::named_model;
use self::named::{names_model, resolve_named};
use self::system_views::resolve_system_views;
pub(crate) use self::system_views::{SYSTEM_SCHEMA, SystemViews};
use crate::authorize::{Rights, call_whoami};
use crate::background::{Training, TrainingStatus, find_training};
use crate::catalog::{CatalogState, FunctionName, ModelEntry, ModelKey, ModelName, Purpose};
use crate::error::{external, find_error, invalid};
use crate::predict::{call_names, entry_of, functions, same_version};
use crate::session::MlSession;
use crate::sql::{Walk, function_names, qualify_function_names, quote_function_names, rewrite_texts};
use crate::store::{StoreOptions, StoreRoot, parse_store_url};

/// Resolves the functions that the statement calls, and writes their names as DataFusion looks them up. Names that are
/// neither built in nor of a model are left for the planner to complain about.
///
/// `view_owner` is given where the statement is the text of a view: it runs with its owner's rights. Then the system views that it
/// names are given, and not put into the context, where those are that the statement names which reads the view.
pub(crate) async fn resolve(
    session: &MlSession,
    statement: &mut DFStatement,
    view_owner: Option<&str>,
) -> Result<SystemViews> {
    call_whoami(statement);
    check_named_files(session, statement, view_owner)?;
    let called = function_names(statement);
    resolve_names(session, &called, view_owner).await?;
    resolve_named(session, statement, view_owner).await?;
    let system_views = resolve_system_views(session, statement, view_owner).await?;
    if called.iter().any(|name| name.contains('.')) {
        let state = session.context().state_ref();
        let state = state.read();
        quote_function_names(statement, &|name| registered(&state, name).is_some());
    }
    Ok(system_views)
}

/// Writes the schema before the names of models and their functions in the text of a view: they mean what lies in the schema that it
/// was written in, whatever the reader's is.
pub(crate) fn qualify_models(statement: &mut DFStatement, schema: &str, catalog: &CatalogState) {
    let is_models = |name: &str| {
        let function = FunctionName::new(schema, name);
        catalog.model_of_function(&function).is_some() || catalog.training_of_function(&function).is_some()
    };
    qualify_function_names(statement, schema, &is_models);
    rewrite_texts(statement, &|function, text| match TableReference::parse_str(text) {
        TableReference::Bare { table } if names_model(function) => {
            Some(TableReference::partial(schema, table).to_quoted_string())
        }
        _ => None,
    });
}

/// Takes the functions of models out of a state that are called without a schema there: those of the reader of a view.
pub(crate) fn forget_unqualified(state: &mut SessionState) -> Result<()> {
    let is_unqualified =
        |(name, function): &(&String, &Arc<ScalarUDF>)| !name.contains('.') && entry_of(function).is_some();
    let names: Vec<String> =
        state.scalar_functions().iter().filter(is_unqualified).map(|(name, _)| name.clone()).collect();
    names.iter().try_for_each(|name| state.deregister_udf(name).map(drop))
}

/// The first of these functions that asks a model, to the principal's knowledge.
pub(crate) fn asks_model(session: &MlSession, called: BTreeSet<String>) -> Result<Option<String>> {
    let default_schema = session.default_schema();
    let catalog = session.shared.catalog.cached();
    let rights = rights(session, &catalog, None);
    for name in called {
        let function = match name.split_once('.') {
            Some((schema, name)) => FunctionName::new(schema, name),
            None => FunctionName::new(&default_schema, &name),
        };
        let model = catalog.model_of_function(&function);
        if names_model(&name) || model.map_or(Ok(false), |model| rights.may_execute(&catalog, model))? {
            return Ok(Some(name));
        }
    }
    Ok(None)
}

/// Fails if the statement names, where a table may stand, a place that is not to be read. Who plans it looks at the files for
/// their schema, of which errors tell, before the plan can be checked.
fn check_named_files(session: &MlSession, statement: &DFStatement, view_owner: Option<&str>) -> Result<()> {
    let guard = &session.shared.guard;
    let catalog = session.shared.catalog.cached();
    let rights = rights(session, &catalog, view_owner);
    if rights.is_superuser() {
        return Ok(());
    }
    let check = |name: &ObjectName| {
        let parts: Vec<&str> = name.0.iter().filter_map(|part| Some(part.as_ident()?.value.as_str())).collect();
        let (reference, name) = match parts.as_slice() {
            [name] => (TableReference::bare(*name), *name),
            [schema, name] => (TableReference::partial(*schema, *name), *name),
            [catalog, schema, name] => (TableReference::full(*catalog, *schema, *name), *name),
            _ => return Ok(()),
        };
        if session.context().table_exist(reference).unwrap_or(false) {
            return Ok(());
        }
        ListingTableUrl::parse(name)
            .map_or(Ok(()), |place| guard.check_place(&catalog, &rights, place.get_url(), Purpose::Copy))
    };
    let checked = visit_relations(&Walk(statement), |name| match check(name) {
        Ok(()) => ControlFlow::Continue(()),
        Err(error) => ControlFlow::Break(error),
    });
    checked.break_value().map_or(Ok(()), Err)
}

/// Resolves the functions of these names, as a statement calls them: `f`, `schema.f`.
async fn resolve_names(session: &MlSession, called: &BTreeSet<String>, view_owner: Option<&str>) -> Result<()> {
    let called: Vec<&String> = {
        let state = session.context().state_ref();
        let state = state.read();
        called.iter().filter(|name| !is_foreign(&state, name)).collect()
    };
    if called.is_empty() {
        return Ok(());
    }
    let default_schema = session.default_schema();
    let mut catalog = session.shared.catalog.refresh().await?;
    for name in called {
        let function = match name.split_once('.') {
            Some((schema, name)) => FunctionName::new(schema, name),
            None => FunctionName::new(&default_schema, name),
        };
        let rights = rights(session, &catalog, view_owner);
        if catalog.model_of_function(&function).is_none()
            && catalog
                .training_of_function(&function)
                .is_some_and(|training| rights.may_see_training(&catalog, training))
        {
            catalog = not_in_training(session, &function).await?;
        }
        match catalog.model_of_function(&function) {
            Some(model) if rights.may_execute(&catalog, model)? => {
                let entry = model.entry()?;
                if !are_registered(session, entry, [name.as_str()]) {
                    load(session, entry).await?;
                }
            }
            _ => forget(session, name),
        }
    }
    Ok(())
}

/// The rights with which a statement is resolved.
fn rights(session: &MlSession, catalog: &CatalogState, view_owner: Option<&str>) -> Rights {
    match view_owner {
        Some(owner) => session.shared.guard.rights_of_owner(catalog, owner),
        None => session.shared.guard.rights(catalog),
    }
}

/// Takes the functions of models that the principal may not use out of the context, so that nothing lists them.
pub(crate) async fn forget_unusable(session: &MlSession) -> Result<()> {
    let catalog = session.shared.catalog.refresh().await?;
    session.shared.guard.assume_no_longer(&catalog);
    let rights = rights(session, &catalog, None);
    if rights.is_superuser() {
        return Ok(());
    }
    let functions: Vec<(String, ModelName)> = {
        let state = session.context().state_ref();
        let state = state.read();
        let ours =
            |(name, function): (&String, &Arc<ScalarUDF>)| Some((name.clone(), entry_of(function)?.name.clone()));
        state.scalar_functions().iter().filter_map(ours).collect()
    };
    for (function, model) in functions {
        if !catalog.model(&model).map_or(Ok(false), |model| rights.may_execute(&catalog, model))? {
            forget(session, &function);
        }
    }
    Ok(())
}

/// Fails if the function is of a model that is being trained, or could not be; else gives the newest state of the catalog.
async fn not_in_training(session: &MlSession, function: &FunctionName) -> Result<Arc<CatalogState>> {
    let (state, training) = find_training(session, |state| state.training_of_function(function)).await?;
    match training {
        Some(training) if state.model_of_function(function).is_none() => Err(not_ready(&training, function)),
        _ => Ok(state),
    }
}

/// The error for a call of a model that is being trained, or could not be.
fn not_ready(Training { entry, status }: &Training, called: &dyn std::fmt::Display) -> DataFusionError {
    let name = &entry.name;
    invalid(match (status.failure(), status) {
        (Some(reason), _) => format!(
            "{called} cannot be called, for model {name} was not trained: {reason}; DROP MODEL {name} and create it again"
        ),
        (None, TrainingStatus::Running(Some(progress))) => {
            format!("model {name} is still being trained ({progress}); call {called} when SHOW MODEL says READY")
        }
        (None, _) => format!("model {name} is still being trained; call {called} when SHOW MODEL says READY"),
    })
}

/// Resolves every function of every model.
pub(crate) async fn resolve_all(session: &MlSession) -> Result<()> {
    let default_schema = session.default_schema();
    let catalog = session.shared.catalog.refresh().await?;
    let rights = rights(session, &catalog, None);
    for model in catalog.models() {
        if !rights.may_execute(&catalog, model)? {
            continue;
        }
        let entry = model.entry()?;
        let names: Vec<String> = entry.functions().iter().flat_map(|f| call_names(f, &default_schema)).collect();
        if !are_registered(session, entry, names.iter().map(String::as_str)) {
            load(session, entry).await?;
        }
    }
    Ok(())
}

/// Whether a function of this name exists that is not of a model of ours.
pub(crate) fn is_foreign(state: &SessionState, name: &str) -> bool {
    match state.scalar_functions().get(name) {
        Some(function) => entry_of(function).is_none(),
        None => {
            state.aggregate_functions().contains_key(name)
                || state.window_functions().contains_key(name)
                || state.table_functions().contains_key(name)
                || state.higher_order_functions().contains_key(name)
        }
    }
}

/// Puts the functions of a fitted model into the context, in place of those of other versions of it.
pub(crate) fn register(session: &MlSession, entry: &Arc<ModelEntry>, model: &Arc<FittedModel>) -> Result<()> {
    let functions = functions(entry, model, &session.default_schema())?;
    let state = session.context().state_ref();
    let mut state = state.write();
    let is_stale = |function: &ScalarUDF| {
        entry_of(function).is_some_and(|other| other.name == entry.name && !same_version(other, entry))
    };
    let stale: Vec<String> =
        state.scalar_functions().iter().filter(|(_, f)| is_stale(f)).map(|(name, _)| name.clone()).collect();
    for name in stale {
        state.deregister_udf(&name)?;
    }
    for function in functions {
        state.register_udf(function)?;
    }
    Ok(())
}

/// Takes the functions of a model that is gone out of the context.
pub(crate) fn deregister(session: &MlSession, model: &ModelKey) {
    for function in model.functions() {
        for name in call_names(&function, &session.default_schema()) {
            forget(session, &name);
        }
    }
}

/// Takes one function out of the context, if it is a model's.
fn forget(session: &MlSession, name: &str) {
    let is_ours = registered(&session.context().state_ref().read(), name).is_some();
    if is_ours {
        session.context().deregister_udf(name);
    }
}

/// The entry of the model whose function of that name is in the context.
fn registered<'a>(state: &'a SessionState, name: &str) -> Option<&'a Arc<ModelEntry>> {
    state.scalar_functions().get(name).and_then(|function| entry_of(function))
}

/// Whether the functions of these names are in the context, and are of this very version of the model.
fn are_registered<'a>(session: &MlSession, entry: &ModelEntry, names: impl IntoIterator<Item = &'a str>) -> bool {
    let state = session.context().state_ref();
    let state = state.read();
    names.into_iter().all(|name| registered(&state, name).is_some_and(|registered| same_version(registered, entry)))
}

/// Loads a model and registers its functions.
async fn load(session: &MlSession, entry: &Arc<ModelEntry>) -> Result<Arc<FittedModel>> {
    let model = Arc::new(read(session, entry).await?);
    register(session, entry, &model)?;
    Ok(model)
}

/// Reads a model's artifact.
async fn read(session: &MlSession, entry: &ModelEntry) -> Result<FittedModel> {
    let root = place(session, entry).await?;
    let bytes = root.get_artifact(&entry.artifact.digest).await.map_err(|e| name_model(entry, e))?;
    let algorithms = &session.shared.algorithms;
    let algorithm = |name: &str| match name {
        ENSEMBLE => Some(Arc::new(Ensemble::new(algorithms.values().cloned())) as Arc<dyn Algorithm>),
        name => algorithms.get(name).cloned(),
    };
    FittedModel::from_bytes(bytes, algorithm).map_err(|e| name_model(entry, external(e)))
}

/// The folder in which a model's files lie.
async fn place(session: &MlSession, entry: &ModelEntry) -> Result<StoreRoot> {
    let shared = &session.shared;
    match &entry.artifact.root {
        None => Ok(shared.root.clone()),
        Some(url) => {
            let url = parse_store_url(url)?;
            let options = StoreOptions { kms_key_id: None, ..entry.store_options(&url) };
            shared.open_root(&url, &options).await.map_err(|e| name_model(entry, e))
        }
    }
}

/// The error with the name of the model that it is about.
fn name_model(entry: &ModelEntry, error: DataFusionError) -> DataFusionError {
    match find_error(&error) {
        Some(e) => external(Error::new(e.kind(), format!("model {}: {}", entry.name, e.message()))),
        None => error,
    }
}

/// Fails if one of the functions of `entry` would hide a function that is not of a model, or belongs to another model.
pub(crate) fn check_function_names(
    session: &MlSession,
    catalog: &CatalogState,
    entry_functions: &[FunctionName],
    model: &ModelName,
) -> Result<()> {
    let rights = rights(session, catalog, None);
    let state = session.context().state_ref();
    let state = state.read();
    for function in entry_functions {
        if is_foreign(&state, &function.name) {
            return Err(invalid(format!(
                "function name {} is taken by a built-in function; choose another name after FUNCTION",
                function.name
            )));
        }
        let taken = || Err(invalid(format!("function name {function} is taken; choose another name after FUNCTION")));
        if let Some(other) = catalog.model_of_function(function).filter(|other| other.name() != model) {
            if !rights.may_execute(catalog, other)? {
                return taken();
            }
            return Err(invalid(format!(
                "function {function} belongs to model {}; choose another name after FUNCTION, or drop that model",
                other.name()
            )));
        }
        if let Some(other) = catalog.training_of_function(function).filter(|other| other.name != *model) {
            if !rights.may_see_training(catalog, other) {
                return taken();
            }
            return Err(invalid(format!(
                "function {function} will belong to model {}, see SHOW MODEL {}; choose another name after FUNCTION, or \
                 drop that model",
                other.name, other.name
            )));
        }
    }
    Ok(())
}
