//! CREATE MODEL: from the statement to a committed model.

use std::sync::Arc;
use std::time::Instant;

use datafusion::arrow::array::RecordBatch;
use datafusion::common::{exec_datafusion_err, internal_datafusion_err};
use datafusion::datasource::provider_as_source;
use datafusion::error::Result;
use datafusion::execution::context::SessionState;
use datafusion::logical_expr::dml::InsertOp;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder};
use datafusion::physical_plan::collect;
use datafusion::prelude::DataFrame;
use datafusion::sql::parser::{DFParserBuilder, Statement as DFStatement};
use datafusion::sql::sqlparser::ast::{Query, SetExpr, Statement as SqlStatement, TableFactor};
use datafusion_ml_core::{Error, FittedModel};
use tokio::sync::oneshot;
use url::Url;

use super::entry::{draft, entry, ready, training};
use super::role::{StatementRole, places, state_with_role, with_iam_role};
use super::training_spec::training_spec;
use super::{answer, model_name, qualified_name};
use crate::authorize::denied;
use crate::background::{is_wanted, see_through};
use crate::catalog::{
    Action, ArtifactLocation, CatalogState, FUNCTION_SUFFIXES, FunctionName, ModelEntry, ModelName, Purpose,
    SourceText, TrainingEntry,
};
use crate::error::{external, invalid};
use crate::resolve::{check_function_names, register, resolve};
use crate::session::MlSession;
use crate::sql::{CreateModel, ExplainCreateModel, ModelSource};
use crate::store::{StoreOptions, StoreRoot, is_s3, parse_store_url, role_refused};
use crate::train::{PendingFit, TrainingProgress, TrainingTable};

/// Trains and commits a model, or has that done in the background. The answer is one row.
#[expect(clippy::disallowed_methods, reason = "SHOW MODEL says how long training took")]
pub(super) async fn execute(session: &MlSession, statement: CreateModel) -> Result<DataFrame> {
    let started = Instant::now();
    let role = statement.iam_role.clone();
    let create = Box::pin(create(session, statement, started));
    with_iam_role(session, role.as_ref(), Purpose::CreateModel, create).await
}

async fn create(session: &MlSession, statement: CreateModel, started: Instant) -> Result<DataFrame> {
    let prepared = prepare(session, &statement).await?;
    let sources = places(session, &prepared.plan)?;
    let place = artifact_place(session, &statement, &sources).await?;
    let state = state_with_role(training_state(session), &sources).await?;
    let fit = read(state, &prepared).await?;
    let mut draft = draft(session, &statement, &prepared, &fit);
    draft.report.seconds = started.elapsed().as_secs_f64();
    let creation = Creation { fit, root: place.unwrap_or_else(|| session.shared.root.clone()), started };
    if session.options().background_training {
        return answer(session, background(session, statement, draft, creation).await?);
    }
    let (entry, model) = creation.run(draft, session.shared.progress.clone()).await?;
    let entry = commit(session, &entry, |state| check_names(session, state, &statement, &entry.name, &entry.function));
    let entry = entry.await?;
    register(session, &entry, &Arc::new(model))?;
    answer(session, ready(&entry)?)
}

/// A model whose rows have been read, and that is not there yet.
struct Creation {
    fit: PendingFit,
    /// Where the artifact is to lie.
    root: StoreRoot,
    started: Instant,
}

impl Creation {
    /// Fits the model and stores it. The entry has to be committed for the model to be seen.
    async fn run(
        self,
        draft: TrainingEntry,
        progress: Option<Arc<dyn TrainingProgress>>,
    ) -> Result<(ModelEntry, FittedModel)> {
        let Self { fit, root, started } = self;
        let trained = fit.run(progress).await?;
        let digest = root.put_artifact(trained.model.to_bytes().map_err(external)?).await?;
        let training_log = root.put_training_log(&trained.log).await?;
        let artifact =
            ArtifactLocation { root: draft.report.s3_bucket.is_some().then(|| root.url().to_string()), digest };
        let entry = entry(draft, &trained, artifact, training_log, started.elapsed())?;
        Ok((entry, trained.model))
    }
}

/// Has a model trained and committed by a task of its own, and gives the answer when that has begun.
async fn background(
    session: &MlSession,
    statement: CreateModel,
    draft: TrainingEntry,
    creation: Creation,
) -> Result<RecordBatch> {
    let session = session.clone();
    let (begun, answer) = oneshot::channel();
    // The task takes over before the catalog knows of the training, so that there is none without a task, whatever becomes
    // of the statement.
    tokio::spawn(async move {
        let entry = match begin(&session, &statement, draft).await {
            Ok(entry) => entry,
            Err(error) => return drop(begun.send(Err(error))),
        };
        let place = session.shared.trainings.enter(Arc::clone(&entry));
        // Nobody may be waiting any more.
        let _ = begun.send(training(&entry));
        let progress = place.progress();
        let train = async {
            let (model, _) = creation.run(entry.as_ref().clone(), Some(progress)).await?;
            commit(&session, &model, |state| match is_wanted(state, &entry.name, entry.id) {
                true => Ok(()),
                false => Err(external(Error::cancelled())),
            })
            .await
            .map(drop)
        };
        Box::pin(see_through(&session, place, train)).await;
    });
    answer.await.map_err(|_| exec_datafusion_err!("the task that was to train ended before it began"))?
}

/// Records that a training has begun.
async fn begin(session: &MlSession, statement: &CreateModel, draft: TrainingEntry) -> Result<Arc<TrainingEntry>> {
    let shared = &session.shared;
    let mut entry = Arc::new(draft);
    let decide = |state: &CatalogState| {
        check_names(session, state, statement, &entry.name, &entry.function)?;
        entry = Arc::new(TrainingEntry { id: state.version() + 1, ..entry.as_ref().clone() });
        Ok(vec![Action::PutTraining(Box::new(entry.as_ref().clone()))])
    };
    let state = session.commit(None, decide).await?;
    shared.trainings.cancel_unwanted(&state);
    Ok(entry)
}

/// The plan by which the model would be trained.
pub(super) async fn explain(session: &MlSession, statement: ExplainCreateModel) -> Result<DataFrame> {
    if statement.options.analyze {
        return Err(invalid("EXPLAIN ANALYZE CREATE MODEL would train the model; leave ANALYZE out to see the plan"));
    }
    let role = statement.statement.iam_role.as_ref();
    let explain = async {
        let prepared = prepare(session, &statement.statement).await?;
        let plan = LogicalPlanBuilder::from(prepared.plan).explain(statement.options.verbose, false)?.build()?;
        // At once: what is run later has no IAM_ROLE.
        let plans = session.shared.guard.explain(training_state(session), plan)?.collect().await?;
        session.context().read_batches(plans)
    };
    with_iam_role(session, role, Purpose::CreateModel, Box::pin(explain)).await
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
    if let Some(relations) = &session.shared.relations {
        relations.check_schema(&catalog, &name.schema)?;
        relations.check_schema(&catalog, &function.schema)?;
    }

    let (query, source) = training_query(session, statement)?;
    let mut query = DFStatement::Statement(Box::new(SqlStatement::Query(Box::new(query))));
    resolve(session, &mut query, None).await?;
    let query = session.plan(query).await?;
    let schema = Arc::clone(query.schema().inner());
    let spec = training_spec(session, statement, &name, &schema)?;
    let table = Arc::new(TrainingTable::new(schema, spec));
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

/// Fails if the principal may not create it, if the model exists and is not to be replaced, or if a function name is taken.
fn check_names(
    session: &MlSession,
    catalog: &CatalogState,
    statement: &CreateModel,
    name: &ModelName,
    function: &FunctionName,
) -> Result<()> {
    let remedy = "use CREATE OR REPLACE MODEL, or DROP MODEL first";
    let rights = session.shared.guard.rights(catalog);
    rights.check_create_model(catalog, &[&name.schema, &function.schema])?;
    if !rights.may_replace_model(catalog, name)? {
        return Err(match rights.may_see_model(catalog, name)? {
            true => denied(format!("permission denied for model {name}; it can be replaced by its owner")),
            false => invalid(format!("model name {name} is taken; choose another")),
        });
    }
    match (catalog.model(name), catalog.training(name)) {
        _ if statement.or_replace => {}
        (Some(_), _) => return Err(invalid(format!("model {name} exists already; {remedy}"))),
        (None, Some(training)) => {
            let fact = if training.failure.is_some() {
                "has failed to train"
            } else {
                "is being trained, or its training was interrupted"
            };
            return Err(invalid(format!("model {name} {fact} (see SHOW MODEL); {remedy}")));
        }
        (None, None) => {}
    }
    let functions = FUNCTION_SUFFIXES.map(|suffix| function.with_suffix(suffix));
    check_function_names(session, catalog, &functions, name)
}

/// The query behind FROM, with the text that SHOW MODEL prints.
fn training_query(session: &MlSession, statement: &CreateModel) -> Result<(Query, SourceText)> {
    match &statement.source {
        Some(ModelSource::Table(table)) => {
            let select = format!("SELECT * FROM {table}");
            let mut query = DFParserBuilder::new(select.as_str())
                .with_dialect(session.dialect()?.as_ref())
                .build()?
                .parser
                .parse_query()?;
            if let SetExpr::Select(select) = query.body.as_mut()
                && let Some(from) = select.from.first_mut()
                && let TableFactor::Table { name, .. } = &mut from.relation
            {
                // The place of the name is that in the statement.
                *name = table.clone();
            }
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

/// The folder that SETTINGS (S3_BUCKET, KMS_KEY_ID) and IAM_ROLE ask for; `None` means the store's own, as it is. Fails if there
/// is a role, and neither the folder nor a source is in S3.
async fn artifact_place(session: &MlSession, statement: &CreateModel, sources: &[Url]) -> Result<Option<StoreRoot>> {
    let settings = &statement.settings;
    let kms_key_id = settings.kms_key_id.clone();
    let role = StatementRole::current_arn();
    let shared = &session.shared;
    let elsewhere = |url: Url| shared.guard.check_bucket(&url).map(|()| url);
    let url = match &settings.s3_bucket {
        None if kms_key_id.is_none() && role.is_none() => return Ok(None),
        None => shared.root.url().clone(),
        Some(bucket) if bucket.contains("://") => elsewhere(parse_store_url(bucket)?)?,
        Some(bucket) => {
            let is_plain = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
            if bucket.is_empty() || bucket.starts_with('.') || !bucket.chars().all(is_plain) {
                return Err(invalid(format!(
                    "S3_BUCKET '{bucket}' is neither a bucket name nor a URL; write 's3://bucket/prefix'"
                )));
            }
            let root = session.options().bucket_root;
            match root.is_empty() {
                true => parse_store_url(&format!("{}buckets/{bucket}", shared.root.url()))?,
                false => elsewhere(parse_store_url(&format!("{root}{bucket}"))?)?,
            }
        }
    };
    if let Some(role) = &role
        && !is_s3(&url)
        && !sources.iter().any(is_s3)
    {
        return Err(role_refused(role, &url));
    }
    let iam_role = role.filter(|_| is_s3(&url));
    let options = StoreOptions { kms_key_id, iam_role, ..StoreOptions::default() };
    shared.open_root(&url, &options).await.map(Some)
}

/// The state in which the training query is planned: rows are read by one partition, in the order of the query's plan, so
/// that the same query over the same files gives the same rows in the same order on every machine.
fn training_state(session: &MlSession) -> SessionState {
    let mut state = session.context().state();
    state.config_mut().options_mut().execution.target_partitions = 1;
    state
}

/// Runs the plan.
async fn read(state: SessionState, prepared: &Prepared) -> Result<PendingFit> {
    let plan = state.create_physical_plan(&prepared.plan).await?;
    collect(plan, state.task_ctx()).await?;
    prepared.table.take_pending().ok_or_else(|| internal_datafusion_err!("the query's rows did not reach the model"))
}

/// Puts the entry into the catalog, if `check` allows it in view of what others have done meanwhile.
async fn commit(
    session: &MlSession,
    entry: &ModelEntry,
    check: impl Fn(&CatalogState) -> Result<()>,
) -> Result<Arc<ModelEntry>> {
    let shared = &session.shared;
    let decide = |state: &CatalogState| {
        check(state)?;
        let version = state.model(&entry.name).map_or(1, |replaced| replaced.key().version + 1);
        Ok(vec![Action::PutModel(Box::new(ModelEntry { version, ..entry.clone() }))])
    };
    let state = shared.catalog.commit_by(Some(&entry.owner), None, decide).await?;
    shared.trainings.cancel_unwanted(&state);
    state.model(&entry.name).map_or_else(|| Ok(Arc::new(entry.clone())), |model| model.entry().cloned())
}
