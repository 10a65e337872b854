//! CREATE MODEL: from the statement to a committed model.

use std::sync::Arc;
use std::time::Instant;

use datafusion::common::internal_datafusion_err;
use datafusion::datasource::provider_as_source;
use datafusion::error::Result;
use datafusion::execution::context::SessionState;
use datafusion::logical_expr::dml::InsertOp;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder};
use datafusion::physical_plan::collect;
use datafusion::prelude::DataFrame;
use datafusion::sql::parser::{DFParserBuilder, Statement as DFStatement};
use datafusion::sql::sqlparser::ast::{Query, SetExpr, Statement as SqlStatement};
use datafusion_ml_core::Error;

use super::entry::{entry, summary};
use super::training_spec::training_spec;
use super::{answer, model_name, qualified_name};
use crate::catalog::{Action, ArtifactLocation, CatalogState, FunctionName, ModelEntry, ModelName, SourceText};
use crate::error::{external, invalid};
use crate::resolve::{check_function_names, register, resolve};
use crate::session::MlSession;
use crate::sql::{CreateModel, ExplainCreateModel, ModelSource};
use crate::store::{StoreRoot, parse_store_url};
use crate::train::{Trained, TrainingTable};

/// Trains and commits a model. The answer is one row.
#[expect(clippy::disallowed_methods, reason = "SHOW MODEL says how long training took")]
pub(super) async fn execute(session: &MlSession, statement: CreateModel) -> Result<DataFrame> {
    let started = Instant::now();
    let prepared = prepare(session, &statement).await?;
    let place = artifact_place(session, &statement).await?;
    let trained = train(session, &prepared).await?;
    let root = place.as_ref().unwrap_or(&session.shared.root);
    let digest = root.put_artifact(trained.model.to_bytes().map_err(external)?).await?;
    let training_log = root.put_training_log(&trained.log).await?;
    let artifact = ArtifactLocation {
        root: statement.settings.s3_bucket.as_ref().and(place.as_ref()).map(|root| root.url().to_string()),
        digest,
    };
    let entry = entry(session, &statement, &prepared, &trained, artifact, training_log, started.elapsed())?;
    let entry = commit(session, &statement, entry).await?;
    register(session, &entry, &Arc::new(trained.model))?;
    answer(session, summary(&entry)?)
}

/// The plan by which the model would be trained.
pub(super) async fn explain(session: &MlSession, statement: ExplainCreateModel) -> Result<DataFrame> {
    if statement.options.analyze {
        return Err(invalid("EXPLAIN ANALYZE CREATE MODEL would train the model; leave ANALYZE out to see the plan"));
    }
    let prepared = prepare(session, &statement.statement).await?;
    let plan = LogicalPlanBuilder::from(prepared.plan).explain(statement.options.verbose, false)?.build()?;
    Ok(DataFrame::new(training_state(session), plan))
}

/// A statement that has passed every check that needs no data.
pub(super) struct Prepared {
    pub(super) name: ModelName,
    pub(super) function: FunctionName,
    table: Arc<TrainingTable>,
    plan: LogicalPlan,
    pub(super) source: SourceText,
}

async fn prepare(session: &MlSession, statement: &CreateModel) -> Result<Prepared> {
    refuse_what_comes_later(statement)?;
    let name = model_name(session, &statement.name)?;
    let function = statement.function.as_ref().ok_or_else(|| invalid("FUNCTION is missing; add FUNCTION name"))?;
    let function = qualified_name(function, &name.schema)?;
    let catalog = session.shared.catalog.refresh().await?;
    check_names(session, &catalog, statement, &name, &function)?;

    let (query, source) = training_query(session, statement)?;
    let mut query = DFStatement::Statement(Box::new(SqlStatement::Query(Box::new(query))));
    resolve(session, &mut query).await?;
    let query = session.context().state().statement_to_plan(query).await?;
    let schema = Arc::clone(query.schema().inner());
    let spec = training_spec(session, statement, &name, &schema)?;
    let table = Arc::new(TrainingTable::new(schema, spec, session.shared.progress.clone()));
    let target = provider_as_source(Arc::clone(&table) as _);
    let plan = LogicalPlanBuilder::insert_into(query, name.name.as_str(), target, InsertOp::Append)?.build()?;
    Ok(Prepared { name, function, table, plan, source })
}

/// Clauses that parse, but are not executed yet.
fn refuse_what_comes_later(statement: &CreateModel) -> Result<()> {
    let works = "MODEL_TYPE {XGBOOST | MLP | LINEAR_LEARNER | KMEANS}, or none with AUTO ON, works";
    let later = |what: &str| Err(external(Error::invalid(format!("not supported yet: {what}; {works}"))));
    if statement.sagemaker.is_some() {
        return later("SAGEMAKER (a model behind an endpoint)");
    }
    if matches!(statement.source, Some(ModelSource::Job(_)) | None) {
        return later("FROM 'job' with RETURNS (bring your own model)");
    }
    match statement.model_type() {
        Some("forecast") => later("MODEL_TYPE FORECAST"),
        _ => Ok(()),
    }
}

/// Fails if the model exists and is not to be replaced, or if a function name is taken.
fn check_names(
    session: &MlSession,
    catalog: &CatalogState,
    statement: &CreateModel,
    name: &ModelName,
    function: &FunctionName,
) -> Result<()> {
    if !statement.or_replace && catalog.model(name).is_some() {
        return Err(invalid(format!("model {name} exists already; use CREATE OR REPLACE MODEL, or DROP MODEL first")));
    }
    let mut functions = vec![function.clone()];
    for suffix in ["probabilities", "prob"] {
        functions.push(FunctionName::new(&function.schema, format!("{}_{suffix}", function.name)));
    }
    check_function_names(session, catalog, &functions, name)
}

/// The query behind FROM, with the text that SHOW MODEL prints.
fn training_query(session: &MlSession, statement: &CreateModel) -> Result<(Query, SourceText)> {
    match &statement.source {
        Some(ModelSource::Table(table)) => {
            let select = format!("SELECT * FROM {table}");
            let query = DFParserBuilder::new(select.as_str())
                .with_dialect(session.dialect()?.as_ref())
                .build()?
                .parser
                .parse_query()?;
            Ok((*query, SourceText::Table(table.to_string())))
        }
        Some(ModelSource::Query(query)) => Ok((query.as_ref().clone(), SourceText::Query(lines(query)))),
        Some(ModelSource::Job(_)) | None => Err(invalid("FROM is missing; add FROM table or FROM (SELECT ...)")),
    }
}

/// A plain SELECT over three lines, any other query on one.
fn lines(query: &Query) -> String {
    if let SetExpr::Select(select) = query.body.as_ref() {
        let list = |items: Vec<String>| items.join(", ");
        let mut text = format!(
            "SELECT {}\nFROM {}",
            list(select.projection.iter().map(ToString::to_string).collect()),
            list(select.from.iter().map(ToString::to_string).collect())
        );
        if let Some(condition) = &select.selection {
            text += &format!("\nWHERE {condition}");
        }
        let flat = |text: &str| text.replace('\n', " ");
        if flat(&text) == query.to_string() {
            return text;
        }
    }
    query.to_string()
}

/// The folder that SETTINGS (S3_BUCKET, KMS_KEY_ID) asks for; `None` means the store's own.
async fn artifact_place(session: &MlSession, statement: &CreateModel) -> Result<Option<StoreRoot>> {
    let settings = &statement.settings;
    let kms_key_id = settings.kms_key_id.as_deref();
    let shared = &session.shared;
    let url = match &settings.s3_bucket {
        None if kms_key_id.is_none() => return Ok(None),
        None => shared.root.url().clone(),
        Some(bucket) if bucket.contains("://") => parse_store_url(bucket)?,
        Some(bucket) => {
            let is_plain = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
            if bucket.is_empty() || bucket.starts_with('.') || !bucket.chars().all(is_plain) {
                return Err(invalid(format!(
                    "S3_BUCKET '{bucket}' is neither a bucket name nor a URL; write 's3://bucket/prefix'"
                )));
            }
            let root = session.options().bucket_root;
            let root = if root.is_empty() { format!("{}buckets/", shared.root.url()) } else { root };
            parse_store_url(&format!("{root}{bucket}"))?
        }
    };
    StoreRoot::open(&url, shared.stores.as_ref(), kms_key_id).await.map(Some)
}

/// The state in which the training query is planned: rows are read by one partition, in the order of the query's plan, so
/// that the same query over the same files gives the same rows in the same order on every machine.
fn training_state(session: &MlSession) -> SessionState {
    let mut state = session.context().state();
    state.config_mut().options_mut().execution.target_partitions = 1;
    state
}

/// Runs the plan.
async fn train(session: &MlSession, prepared: &Prepared) -> Result<Trained> {
    let state = training_state(session);
    let plan = state.create_physical_plan(&prepared.plan).await?;
    collect(plan, state.task_ctx()).await?;
    prepared.table.take_trained().ok_or_else(|| internal_datafusion_err!("training gave no model"))
}

/// Puts the entry into the catalog, after checking the names once more against what others have done meanwhile.
async fn commit(session: &MlSession, statement: &CreateModel, entry: ModelEntry) -> Result<Arc<ModelEntry>> {
    let name = entry.name.clone();
    let state = session
        .shared
        .catalog
        .commit(|state| {
            check_names(session, state, statement, &entry.name, &entry.function)?;
            let version = state.model(&entry.name).map_or(1, |replaced| replaced.key().version + 1);
            Ok(vec![Action::PutModel(Box::new(ModelEntry { version, ..entry.clone() }))])
        })
        .await?;
    state.model(&name).map_or_else(|| Ok(Arc::new(entry)), |model| model.entry().cloned())
}
