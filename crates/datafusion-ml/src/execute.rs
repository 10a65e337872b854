//! Carrying a statement out: privileges and names are checked, the query is planned, the effect is committed.

mod alter_table;
mod create_model;
mod create_table;
mod create_view;
mod drop;
mod entry;
mod external_table;
mod grants;
mod identities;
mod insert;
mod joined;
mod merge;
mod modify;
mod parameters;
mod rewriting;
mod role;
mod schema;
mod show_ddl;
mod target;
mod training_spec;
mod transactions;
mod unload;
mod vacuum;

use std::borrow::Borrow;
use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, RecordBatch, UInt64Array};
use datafusion::arrow::datatypes::UInt64Type;
use datafusion::common::not_impl_err;
use datafusion::error::Result;
use datafusion::execution::SessionState;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder, Statement as PlanStatement};
use datafusion::prelude::DataFrame;
use datafusion::sql::parser::{ResetStatement, Statement as DFStatement};
use datafusion::sql::sqlparser::ast::helpers::stmt_create_table::CreateTableBuilder;
use datafusion::sql::sqlparser::ast::{ObjectName, ObjectNamePart, Query, SetExpr, Spanned, Statement as SqlStatement};
use datafusion::sql::sqlparser::tokenizer::Span;
use datafusion_ml_core::ErrorKind;
use datafusion_ml_core::options::nearest;

pub(crate) use self::drop::{no_such_column, no_such_relation, no_such_schema};
pub(crate) use self::insert::check_takes_rows;
pub use self::role::state_with_role;
pub(crate) use self::role::{StatementRole, with_iam_role};
use crate::audit::uncomputed;
use crate::authorize::{Marked, denied};
use crate::background::find_training;
use crate::catalog::{Action, CatalogState, ModelName, reading_once};
use crate::error::{find_error, invalid};
use crate::options::MlOptions;
use crate::relations::qualify;
use crate::resolve::{deregister, forget_unusable, resolve, resolve_all};
use crate::session::MlSession;
use crate::show::{Reader, show, show_all, show_training};
use crate::sql::{CreateTable, DropModel, MlParser, ShowModel, Statement, WalkMut, invalid_at};

/// As in Redshift.
const MAX_NAME_BYTES: usize = 127;

/// So often a statement is run again because others have changed its table meanwhile. Each time one of them got on.
const MAX_RERUNS: usize = 32;

/// Runs a statement; again if others have changed what it changes.
pub(crate) async fn execute(session: &MlSession, statement: Statement) -> Result<DataFrame> {
    if matches!(
        statement,
        Statement::DataFusion(_) | Statement::Copy(_) | Statement::AlterTable(_) | Statement::RemoveDuplicates(_)
    ) {
        for _ in 0..MAX_RERUNS {
            match Box::pin(reading_once(run(session, statement.clone()))).await {
                Err(e) if find_error(&e).is_some_and(|e| e.kind() == ErrorKind::Conflict) => {}
                outcome => return outcome,
            }
        }
    }
    Box::pin(reading_once(run(session, statement))).await
}

async fn run(session: &MlSession, statement: Statement) -> Result<DataFrame> {
    if !session.shared.guard.is_idle() {
        forget_unusable(session).await?;
    }
    match statement {
        Statement::DataFusion(statement) => query(session, *statement).await,
        Statement::CreateModel(statement) => create_model::execute(session, *statement).await,
        Statement::ExplainCreateModel(statement) => create_model::explain(session, statement).await,
        Statement::CreateExternalModel(_) => {
            not_impl_err!("not supported yet: CREATE EXTERNAL MODEL; CREATE MODEL with AUTO OFF trains models here")
        }
        Statement::ShowModel(statement) => show_model(session, statement).await,
        Statement::DropModel(statement) => drop_model(session, statement).await,
        Statement::CreateTable(statement) => create_table::execute(session, *statement).await,
        Statement::AlterTable(statement) => alter_table::execute(session, *statement).await,
        Statement::Copy(statement) => crate::copy::execute(session, *statement).await,
        Statement::Unload(statement) => unload::execute(session, *statement).await,
        Statement::RemoveDuplicates(merge) => Box::pin(merge::remove_duplicates(session, *merge)).await,
        Statement::Access(statement) => identities::execute(session, *statement).await,
    }
}

/// A statement of DataFusion's, with the models that it calls.
async fn query(session: &MlSession, mut statement: DFStatement) -> Result<DataFrame> {
    if let DFStatement::Reset(ResetStatement::Variable(name)) = &statement
        && name.to_string().to_lowercase().starts_with("ml.")
    {
        // DataFusion resets its own options only.
        let state = session.context().state_ref();
        if let Some(options) = state.write().config_mut().options_mut().extensions.get_mut::<MlOptions>() {
            options.reset(&name.to_string().to_lowercase())?;
        }
        return no_rows(session);
    }
    if session.shared.relations.is_some()
        && let Some(create) = select_into(&mut statement)
    {
        return Box::pin(create_table::execute(session, create)).await;
    }
    if lists_functions(&statement) {
        resolve_all(session).await?;
    }
    if let Some(relations) = &session.shared.relations {
        // Names of schemas are looked up in the state as last read.
        relations.catalog.refresh().await?;
        qualify(session, &mut WalkMut(&mut statement));
    }
    if let Some(answer) = relations(session, &statement).await? {
        return Ok(answer);
    }
    parameters::respell(&mut statement);
    let without_effect = transactions::execute(session, &statement)?;
    if let Some(answer) =
        without_effect.map_or_else(|| parameters::execute(session, &statement), |done| Ok(Some(done)))?
    {
        return Ok(answer);
    }
    resolve(session, &mut statement, None).await?;
    let mut plan = session.plan(statement).await?;
    if let LogicalPlan::Statement(PlanStatement::Prepare(prepare)) = &mut plan {
        if session.shared.recorder.is_some() {
            prepare.input = Arc::new(uncomputed(prepare.input.as_ref().clone())?);
        }
        if !session.shared.guard.is_idle() {
            prepare.input = Arc::new(Marked::prepared(prepare.input.as_ref().clone()));
        }
    }
    if matches!(plan, LogicalPlan::Explain(_)) {
        return session.shared.guard.explain(session.context().state(), plan);
    }
    session.context().execute_logical_plan(plan).await
}

/// Carries out a statement about relations that stay, and schemas; `None`, and nothing done, for others.
async fn relations(session: &MlSession, statement: &DFStatement) -> Result<Option<DataFrame>> {
    let Some(relations) = &session.shared.relations else { return Ok(None) };
    match statement {
        DFStatement::CreateExternalTable(table) => external_table::execute(session, relations, table).await,
        DFStatement::Statement(statement) => match statement.as_ref() {
            SqlStatement::CreateView(view) => create_view::execute(session, relations, view).await,
            SqlStatement::Drop { .. } => drop::execute(session, relations, statement).await,
            SqlStatement::CreateSchema { schema_name, if_not_exists, .. } => {
                schema::create(session, relations, schema_name, *if_not_exists).await.map(Some)
            }
            SqlStatement::Set(set) => schema::set_search_path(session, relations, set),
            SqlStatement::ShowVariable { variable } => match schema::show_search_path(session, variable)? {
                None => show_ddl::execute(session, relations, variable).await,
                path => Ok(path),
            },
            SqlStatement::ShowCreate { obj_type, obj_name } => {
                show_ddl::show_create(session, relations, obj_type, obj_name).await
            }
            SqlStatement::Insert(insert) => insert::execute(session, insert).await,
            SqlStatement::Delete(delete) => modify::delete(session, relations, delete).await,
            SqlStatement::Update(update) => modify::update(session, relations, update).await,
            SqlStatement::Merge(merge) => Box::pin(merge::merge(session, relations, merge)).await.map(Some),
            SqlStatement::Vacuum(vacuum) => vacuum::execute(session, relations, vacuum).await.map(Some),
            SqlStatement::Truncate(truncate) => modify::truncate(session, relations, truncate).await,
            _ => Ok(None),
        },
        _ => Ok(None),
    }
}

/// The query of a text of ours.
fn select_template(session: &MlSession, text: &str) -> Result<Query> {
    let statement = MlParser::parse_sql(text, session.dialect()?.as_ref())?.pop_front();
    if let Some(Statement::DataFusion(statement)) = statement
        && let DFStatement::Statement(statement) = *statement
        && let SqlStatement::Query(query) = *statement
    {
        return Ok(*query);
    }
    Err(invalid(format!("{text} is no query")))
}

/// Plans a query, with the models that it calls.
pub(crate) async fn plan_query(session: &MlSession, mut query: Query) -> Result<LogicalPlan> {
    qualify(session, &mut query);
    let mut statement = DFStatement::Statement(Box::new(SqlStatement::Query(Box::new(query))));
    resolve(session, &mut statement, None).await?;
    session.plan(statement).await
}

/// Runs a plan that answers how many rows it wrote.
pub(crate) async fn run_count(state: SessionState, plan: LogicalPlan) -> Result<u64> {
    let batches = DataFrame::new(state, plan).collect().await?;
    let counts = batches.iter().filter_map(|batch| batch.column(0).as_primitive_opt::<UInt64Type>());
    Ok(counts.flat_map(|counts| counts.values().iter().copied()).sum())
}

/// The answer of a statement that changed so many rows.
fn count_answer(session: &MlSession, count: u64) -> Result<DataFrame> {
    let counts: ArrayRef = Arc::new(UInt64Array::from(vec![count]));
    answer(session, RecordBatch::try_from_iter([("count", counts)])?)
}

/// Tells of clauses that were read and have no effect.
pub(crate) fn notice_ignored(session: &MlSession, ignored: &[impl Borrow<str>]) {
    match ignored {
        [] => {}
        [one] => session.notice(&format!("{} has no effect here", one.borrow())),
        several => session.notice(&format!("{} have no effect here", several.join(", "))),
    }
}

/// `SELECT ... INTO table FROM ...` as `CREATE TABLE table AS SELECT ... FROM ...`; `None` for other statements.
fn select_into(statement: &mut DFStatement) -> Option<CreateTable> {
    let DFStatement::Statement(statement) = statement else { return None };
    let SqlStatement::Query(query) = statement.as_mut() else { return None };
    let SetExpr::Select(select) = query.body.as_mut() else { return None };
    let into = select.into.take()?;
    let table = CreateTableBuilder::new(into.name).temporary(into.temporary).query(Some(query.clone())).build();
    Some(CreateTable { table: Box::new(table), ignored: Vec::new() })
}

fn lists_functions(statement: &DFStatement) -> bool {
    matches!(statement, DFStatement::Statement(statement) if matches!(statement.as_ref(), SqlStatement::ShowFunctions { .. }))
}

async fn show_model(session: &MlSession, statement: ShowModel) -> Result<DataFrame> {
    let batch = match statement {
        ShowModel::All => {
            let state = session.shared.catalog.refresh().await?;
            let rights = session.shared.guard.rights(&state);
            let mut names = state.names().into_iter().collect::<Vec<_>>();
            names.retain(|name| rights.may_see_model(&state, name).unwrap_or(false));
            show_all(names)?
        }
        ShowModel::Named(name) => {
            let place = name.span();
            let name = model_name(session, &name)?;
            let (state, training) = find_training(session, |state| state.training(&name)).await?;
            let rights = session.shared.guard.rights(&state);
            if !rights.may_see_model(&state, &name)? {
                return Err(no_such_model(session, &state, &name, place));
            }
            let reader = if rights.may_replace_model(&state, &name)? { Reader::Owner } else { Reader::Other };
            match (state.model(&name), &training) {
                (Some(model), training) => show(model.entry()?, training.as_ref(), reader)?,
                (None, Some(training)) => show_training(training, reader)?,
                (None, None) => return Err(no_such_model(session, &state, &name, place)),
            }
        }
    };
    answer(session, batch)
}

async fn drop_model(session: &MlSession, statement: DropModel) -> Result<DataFrame> {
    let name = model_name(session, &statement.name)?;
    let (mut model, mut training) = (None, None);
    let shared = &session.shared;
    let decide = |state: &CatalogState| {
        model = state.model(&name).map(|model| model.key().clone());
        training = state.training(&name).map(|training| training.id);
        let rights = shared.guard.rights(state);
        if !rights.may_drop_model(state, &name)? {
            if rights.may_see_model(state, &name)? {
                return Err(denied(format!(
                    "permission denied for model {name}; it can be dropped by its owner, the owner of its schema, and roles \
                     with DROP MODEL"
                )));
            }
            (model, training) = (None, None);
        }
        match (&model, training, statement.if_exists) {
            (None, None, true) => Ok(Vec::new()),
            (None, None, false) => Err(no_such_model(session, state, &name, statement.name.span())),
            _ => Ok(vec![Action::DropModel(name.clone())]),
        }
    };
    let state = session.commit(None, decide).await?;
    shared.trainings.cancel_unwanted(&state);
    if let Some(key) = model {
        deregister(session, &key);
        drop::notice_callers(session, &state, &key)?;
    }
    if let Some(id) = training {
        shared.root.delete_lease(id).await;
    }
    no_rows(session)
}

/// The answer of a statement that has none.
fn no_rows(session: &MlSession) -> Result<DataFrame> {
    let plan = LogicalPlanBuilder::empty(false).build()?;
    Ok(DataFrame::new(session.context().state(), plan))
}

pub(crate) fn answer(session: &MlSession, batch: RecordBatch) -> Result<DataFrame> {
    session.context().read_batch(batch)
}

/// The schema and name that a statement means, in lower case unless quoted.
pub(crate) fn model_name(session: &MlSession, name: &ObjectName) -> Result<ModelName> {
    qualified_name(name, &session.default_schema())
}

fn qualified_name(name: &ObjectName, default_schema: &str) -> Result<ModelName> {
    let parts: Vec<String> = name
        .0
        .iter()
        .filter_map(ObjectNamePart::as_ident)
        .map(|ident| if ident.quote_style.is_some() { ident.value.clone() } else { ident.value.to_lowercase() })
        .collect();
    if let Some(part) = parts.iter().find(|part| part.is_empty() || part.contains(['.', '/', '\\'])) {
        return Err(invalid(format!(
            "\"{part}\" in {name} cannot be part of a name; use letters, digits and underscores"
        )));
    }
    if let Some(part) = parts.iter().find(|part| part.len() > MAX_NAME_BYTES) {
        return Err(invalid(format!(
            "a name of {} bytes is too long; a name has at most {MAX_NAME_BYTES} bytes",
            part.len()
        )));
    }
    match parts.as_slice() {
        [name] => Ok(ModelName::new(default_schema, name)),
        [schema, name] => Ok(ModelName::new(schema, name)),
        _ => Err(invalid(format!("{name} has {} parts; a name has one (name) or two (schema.name)", parts.len()))),
    }
}

/// The error for a name that no model has.
pub(crate) fn no_such_model(
    session: &MlSession,
    state: &CatalogState,
    name: &ModelName,
    place: Span,
) -> datafusion::error::DataFusionError {
    let rights = session.shared.guard.rights(state);
    let names = state.names().into_iter().filter(|name| rights.may_see_model(state, name).unwrap_or(false));
    let names: BTreeSet<&str> = names.map(|name| name.name.as_str()).collect();
    let hint = match nearest(&name.name, names) {
        Some(near) => format!("did you mean {near}?"),
        None => "SHOW MODEL ALL lists the models".to_owned(),
    };
    invalid_at(place, format!("there is no model {name}"), hint)
}
