//! CREATE MODEL: from the statement to a committed model.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use datafusion::arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::internal_datafusion_err;
use datafusion::datasource::provider_as_source;
use datafusion::error::Result;
use datafusion::execution::context::SessionState;
use datafusion::logical_expr::dml::InsertOp;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder};
use datafusion::physical_plan::collect;
use datafusion::prelude::DataFrame;
use datafusion::sql::parser::{DFParserBuilder, Statement as DFStatement};
use datafusion::sql::sqlparser::ast::{Ident, Query, SetExpr, Statement as SqlStatement};
use datafusion_ml_core::options::nearest;
use datafusion_ml_core::{Algorithm, Error, FittedModel, Options, Preprocessors, Task};

use super::{answer, model_name, qualified_name};
use crate::catalog::{
    Action, ArtifactLocation, CatalogState, FunctionName, ModelEntry, ModelName, SourceText, StatementReport,
};
use crate::error::{external, invalid};
use crate::resolve::{check_function_names, register, resolve};
use crate::session::MlSession;
use crate::show::postgres_type;
use crate::sql::{Auto, Clause, CreateModel, ExplainCreateModel, IamRole, ModelSource, invalid_at};
use crate::store::{StoreRoot, parse_store_url};
use crate::train::{TrainingSpec, TrainingTable};

/// Trains and commits a model. The answer is one row.
pub(super) async fn execute(session: &MlSession, statement: CreateModel) -> Result<DataFrame> {
    let started = Instant::now();
    let prepared = prepare(session, &statement).await?;
    let place = artifact_place(session, &statement).await?;
    let model = Arc::new(train(session, &prepared).await?);
    let bytes = model.to_bytes().map_err(external)?;
    let digest = place.as_ref().unwrap_or(&session.shared.root).put_artifact(bytes).await?;
    let artifact = ArtifactLocation {
        root: statement.settings.s3_bucket.as_ref().and(place).map(|root| root.url().to_string()),
        digest,
    };
    let entry = entry(session, &statement, &prepared, &model, artifact, started.elapsed())?;
    let entry = commit(session, &statement, entry).await?;
    register(session, &entry, &model)?;
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
struct Prepared {
    name: ModelName,
    function: FunctionName,
    table: Arc<TrainingTable>,
    plan: LogicalPlan,
    source: SourceText,
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
    let works = "AUTO OFF MODEL_TYPE {XGBOOST | LINEAR_LEARNER | KMEANS} HYPERPARAMETERS DEFAULT works";
    let later = |what: &str| Err(external(Error::invalid(format!("not supported yet: {what}; {works}"))));
    if statement.sagemaker.is_some() {
        return later("SAGEMAKER (a model behind an endpoint)");
    }
    if matches!(statement.source, Some(ModelSource::Job(_)) | None) {
        return later("FROM 'job' with RETURNS (bring your own model)");
    }
    match statement.model_type() {
        Some("forecast") => later("MODEL_TYPE FORECAST"),
        Some("mlp") => later("MODEL_TYPE MLP"),
        _ if statement.auto() == Auto::On => later("AUTO ON (the search for the best model, which is the default)"),
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

/// Parses and checks every clause that says how to learn.
fn training_spec(
    session: &MlSession,
    statement: &CreateModel,
    name: &ModelName,
    schema: &SchemaRef,
) -> Result<TrainingSpec> {
    let algorithm = algorithm(session, statement)?;
    check_columns(schema)?;
    let target = statement.target.as_ref().map(|ident| target_column(ident, schema)).transpose()?;
    let columns = schema.fields().len();
    if target.is_some() && columns < 2 {
        return Err(invalid("the query gives only the target; it needs at least one more column to learn from"));
    }
    let given = statement.hyperparameters().iter().map(|(key, value)| (key.value.as_str(), value.as_str()));
    let options = Options::parse(algorithm.options(), given).map_err(|error| hyperparameter_error(statement, error))?;
    let max_classes = match options.contains("num_class") {
        true => options.integer("num_class").ok().filter(|classes| *classes > 0).map(|classes| classes as usize),
        false => None,
    };
    let (objective, task) = objective(algorithm.as_ref(), statement)?;
    let seed_given = options.contains("seed").then(|| options.integer("seed").ok()).flatten();
    let defaults = session.options();
    if !(0.0..=0.9).contains(&defaults.validation_fraction) {
        return Err(invalid(format!(
            "ml.validation_fraction is {}; it takes a number from 0 to 0.9",
            defaults.validation_fraction
        )));
    }
    let partitions = session.context().state().config_options().execution.target_partitions;
    Ok(TrainingSpec {
        model: name.to_string(),
        target,
        task,
        objective,
        max_classes,
        preprocessors: statement
            .preprocessors
            .as_deref()
            .map_or(Ok(Preprocessors::default()), Preprocessors::parse)
            .map_err(external)?,
        seed: seed_given.map_or(defaults.seed, |seed| seed as u64),
        threads: if defaults.threads == 0 { partitions } else { defaults.threads },
        max_cells: statement.settings.max_cells,
        max_runtime: statement.settings.max_runtime.map(Duration::from_secs),
        validation_fraction: defaults.validation_fraction,
        refit_max_rows: defaults.refit_max_rows,
        training_buffer_bytes: defaults.training_buffer_bytes,
        options,
        algorithm,
    })
}

fn algorithm(session: &MlSession, statement: &CreateModel) -> Result<Arc<dyn Algorithm>> {
    let ident =
        statement.model_type.as_ref().ok_or_else(|| invalid("MODEL_TYPE is missing; add MODEL_TYPE XGBOOST"))?;
    let algorithms = &session.shared.algorithms;
    algorithms.get(&ident.value).cloned().ok_or_else(|| {
        let names: Vec<String> = algorithms.keys().map(|name| name.to_uppercase()).collect();
        let hint = match nearest(&ident.value, names.iter().map(String::as_str)) {
            Some(near) => format!("did you mean {near}?"),
            None => format!("there are {}", names.join(", ")),
        };
        invalid_at(ident.span, format!("there is no MODEL_TYPE {}", ident.value.to_uppercase()), hint)
    })
}

/// The objective in the algorithm's spelling, and the task as far as OBJECTIVE, PROBLEM_TYPE or the algorithm say.
fn objective(algorithm: &dyn Algorithm, statement: &CreateModel) -> Result<(Option<String>, Option<Task>)> {
    let stated = statement.problem_type.map(Task::from);
    let place = statement.span(Clause::Objective);
    let model_type = algorithm.name().to_uppercase();
    let Some(objective) = &statement.objective else {
        let only = match algorithm.tasks() {
            [only] => Some(*only),
            _ => None,
        };
        return Ok((None, stated.or(only)));
    };
    let objectives = algorithm.objectives();
    match objectives.iter().find(|(name, _)| name.eq_ignore_ascii_case(objective)) {
        Some((name, task)) => Ok((Some((*name).to_owned()), Some(*task))),
        None if objectives.is_empty() => {
            Err(invalid_at(place, format!("MODEL_TYPE {model_type} with OBJECTIVE"), "leave OBJECTIVE out"))
        }
        None => {
            let names: Vec<&str> = objectives.iter().map(|(name, _)| *name).collect();
            let hint = match nearest(objective, names.iter().copied()) {
                Some(near) => format!("did you mean '{near}'?"),
                None => format!("there are {}", names.join(", ")),
            };
            Err(invalid_at(place, format!("MODEL_TYPE {model_type} has no OBJECTIVE '{objective}'"), hint))
        }
    }
}

/// Fails unless every column has a name of its own: the names are those of the function's parameters.
fn check_columns(schema: &SchemaRef) -> Result<()> {
    let mut seen = std::collections::HashSet::new();
    match schema.fields().iter().find(|field| !seen.insert(field.name().to_lowercase())) {
        Some(field) => {
            Err(invalid(format!("the query gives two columns named {}; give one of them an alias (AS)", field.name())))
        }
        None => Ok(()),
    }
}

/// The name in the schema that TARGET means: as written, else without regard to case.
fn target_column(ident: &Ident, schema: &SchemaRef) -> Result<String> {
    let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    let exact = names.iter().find(|name| **name == ident.value);
    let found = exact.or_else(|| names.iter().find(|name| name.eq_ignore_ascii_case(&ident.value)));
    found.map(|name| (*name).to_owned()).ok_or_else(|| {
        let hint = match nearest(&ident.value, names.iter().copied()) {
            Some(near) => format!("did you mean {near}?"),
            None if names.len() > 20 => format!("the query gives {} columns, none of that name", names.len()),
            None => format!("the query gives {}", names.join(", ")),
        };
        invalid_at(ident.span, format!("there is no column {} for TARGET", ident.value), hint)
    })
}

/// The error with the place of the hyperparameter that it names.
fn hyperparameter_error(statement: &CreateModel, error: Error) -> datafusion::error::DataFusionError {
    let (fact, remedy) = error.message().split_once("; ").unwrap_or((error.message(), ""));
    let mut words = fact.split(' ');
    let named =
        statement.hyperparameters().iter().find(|(key, _)| words.any(|word| word.eq_ignore_ascii_case(&key.value)));
    let span = named.map_or_else(|| statement.span(Clause::Hyperparameters), |(key, _)| key.span);
    invalid_at(span, fact, remedy)
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
async fn train(session: &MlSession, prepared: &Prepared) -> Result<FittedModel> {
    let state = training_state(session);
    let plan = state.create_physical_plan(&prepared.plan).await?;
    collect(plan, state.task_ctx()).await?;
    let outcome = prepared.table.take_outcome().ok_or_else(|| internal_datafusion_err!("training gave no model"))?;
    Ok(outcome.model)
}

/// The catalog entry of a fitted model; [`commit`] gives it its version.
fn entry(
    session: &MlSession,
    statement: &CreateModel,
    prepared: &Prepared,
    model: &FittedModel,
    artifact: ArtifactLocation,
    elapsed: Duration,
) -> Result<ModelEntry> {
    let manifest = model.manifest();
    let metric = manifest.metric.name();
    let mut metrics = Vec::new();
    if let Some(value) = manifest.validation_metric {
        metrics.push((format!("validation:{metric}"), value));
    }
    metrics.push((format!("train:{metric}"), manifest.train_metric));
    let types = manifest.encoder.column_types().map_err(external)?;
    let types = types.iter().map(|data_type: &DataType| postgres_type(data_type));
    let parameters = manifest.encoder.column_names().map(str::to_owned).zip(types).collect();
    let mut hyperparameters: Vec<(String, String)> = manifest.options.clone().into_iter().collect();
    if let Some(objective) = &manifest.objective {
        hyperparameters.push(("objective".to_owned(), objective.clone()));
        hyperparameters.sort();
    }
    let settings = &statement.settings;
    Ok(ModelEntry {
        name: prepared.name.clone(),
        version: 1,
        owner: session.shared.owner.clone(),
        created_at: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64),
        function: prepared.function.clone(),
        has_probabilities: model.has_probabilities(),
        artifact,
        report: StatementReport {
            model_type: manifest.algorithm.clone(),
            problem_type: manifest.task.to_string(),
            objective: manifest.objective.clone(),
            metrics,
            source: prepared.source.clone(),
            target: manifest.target.as_ref().map(|target| target.name().to_owned()),
            parameters,
            returns: postgres_type(&model.prediction_type().map_err(external)?),
            hyperparameters,
            rows_read: manifest.rows_read,
            rows_used: manifest.rows_used,
            seconds: elapsed.as_secs_f64(),
            stopped_early: manifest.stopped_early,
            iam_role: statement.iam_role.as_ref().map(|role| match role {
                IamRole::Default => "default".to_owned(),
                IamRole::Arn(arn) => arn.clone(),
            }),
            s3_bucket: settings.s3_bucket.clone(),
            kms_key_id: settings.kms_key_id.clone(),
            tags: settings.tags.clone(),
            max_cells: settings.max_cells,
            max_runtime: settings.max_runtime,
        },
    })
}

/// Puts the entry into the catalog, after checking the names once more against what others have done meanwhile.
async fn commit(session: &MlSession, statement: &CreateModel, entry: ModelEntry) -> Result<Arc<ModelEntry>> {
    let name = entry.name.clone();
    let state = session
        .shared
        .catalog
        .commit(|state| {
            check_names(session, state, statement, &entry.name, &entry.function)?;
            let version = state.model(&entry.name).map_or(1, |replaced| replaced.version + 1);
            Ok(vec![Action::PutModel(Box::new(ModelEntry { version, ..entry.clone() }))])
        })
        .await?;
    Ok(state.model(&name).cloned().unwrap_or_else(|| Arc::new(entry)))
}

/// The answer of CREATE MODEL.
fn summary(entry: &ModelEntry) -> Result<RecordBatch> {
    let report = &entry.report;
    let (metric, value) = report.metrics.first().map_or(("", f64::NAN), |(name, value)| (name.as_str(), *value));
    let text = |value: &str| Arc::new(StringArray::from(vec![value])) as ArrayRef;
    let columns: [(&str, ArrayRef); 8] = [
        ("model", text(&entry.name.to_string())),
        ("state", text("READY")),
        ("model_type", text(&report.model_type)),
        ("problem_type", text(&report.problem_type)),
        ("metric", text(metric)),
        ("value", Arc::new(Float64Array::from(vec![value]))),
        ("rows", Arc::new(Int64Array::from(vec![report.rows_used as i64]))),
        ("seconds", Arc::new(Float64Array::from(vec![(report.seconds * 1000.0).round() / 1000.0]))),
    ];
    Ok(RecordBatch::try_from_iter(columns)?)
}
