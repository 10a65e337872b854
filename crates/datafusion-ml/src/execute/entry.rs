//! What is recorded and answered of a model, in training and fitted.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use datafusion::arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use datafusion::arrow::datatypes::Field;
use datafusion::error::Result;
use datafusion_ml_core::metric_text;

use super::create_model::Prepared;
use crate::background::unix_seconds;
use crate::catalog::{ArtifactLocation, ModelEntry, ModelName, Process, StatementReport, TrainingEntry};
use crate::error::external;
use crate::session::MlSession;
use crate::show::postgres_type;
use crate::sql::{Auto, CreateModel};
use crate::train::{Learner, PendingFit, Trained};

/// What is known of a model when its rows have been read.
pub(super) fn draft(
    session: &MlSession,
    statement: &CreateModel,
    prepared: &Prepared,
    fit: &PendingFit,
) -> TrainingEntry {
    let spec = fit.spec();
    let (objective, hyperparameters) = match &spec.learner {
        Learner::One(one) => (&one.objective, hyperparameters(one.options.to_text(), one.objective.as_ref())),
        Learner::Search(search) => (&search.objective, Vec::new()),
    };
    let parameter = |field: &Field| (field.name().clone(), postgres_type(field.data_type()));
    let settings = &statement.settings;
    TrainingEntry {
        name: prepared.name.clone(),
        id: 0,
        owner: session.user(),
        created_at: unix_seconds(),
        function: prepared.function.clone(),
        report: StatementReport {
            model_type: spec.learner.name().to_owned(),
            problem_type: fit.task().to_string(),
            hyperparameters,
            objective: objective.clone(),
            metrics: Vec::new(),
            source: prepared.source.clone(),
            target: spec.target.clone(),
            parameters: fit.features().map(parameter).collect(),
            returns: String::new(),
            rows_read: (fit.rows_with_target() + fit.rows_without_target()) as u64,
            rows_without_target: fit.rows_without_target() as u64,
            rows_used: 0,
            seconds: 0.0,
            stopped_early: false,
            iam_role: statement.iam_role.as_ref().map(|role| role.name().to_owned()),
            s3_bucket: settings.s3_bucket.clone(),
            kms_key_id: settings.kms_key_id.clone(),
            tags: settings.tags.clone(),
            max_cells: settings.max_cells,
            max_runtime: settings.max_runtime,
            auto: statement.auto() == Auto::On,
            notes: Vec::new(),
        },
        process: Process::current(),
        failure: None,
    }
}

/// The catalog entry of a fitted model; committing it gives it its version.
pub(super) fn entry(
    draft: TrainingEntry,
    trained: &Trained,
    artifact: ArtifactLocation,
    training_log: String,
    elapsed: Duration,
) -> Result<ModelEntry> {
    let model = &trained.model;
    let manifest = model.manifest();
    let metric = manifest.metric.name();
    let mut metrics = Vec::new();
    if let Some(value) = manifest.validation_metric {
        metrics.push((format!("validation:{metric}"), value));
    }
    if manifest.train_metric.is_finite() {
        metrics.push((format!("train:{metric}"), manifest.train_metric));
    }
    let types = manifest.encoder.column_types().map_err(external)?;
    let types = types.iter().map(postgres_type);
    // A search strives for its objective; no hyperparameter of the model says so.
    let objective = manifest.objective.as_ref().filter(|_| !draft.report.auto);
    Ok(ModelEntry {
        name: draft.name,
        version: 1,
        owner: draft.owner,
        created_at: draft.created_at,
        function: draft.function,
        has_probabilities: model.has_probabilities(),
        has_contributions: model.has_contributions(),
        artifact,
        training_log: Some(training_log),
        report: StatementReport {
            model_type: manifest.algorithm.clone(),
            problem_type: manifest.task.to_string(),
            objective: manifest.objective.clone(),
            metrics,
            parameters: manifest.encoder.column_names().map(str::to_owned).zip(types).collect(),
            returns: postgres_type(&model.prediction_type().map_err(external)?),
            hyperparameters: hyperparameters(manifest.options.clone(), objective),
            rows_used: manifest.rows_used,
            seconds: elapsed.as_secs_f64(),
            stopped_early: manifest.stopped_early,
            notes: trained.notes.clone(),
            ..draft.report
        },
    })
}

/// Names and values, the objective among them.
fn hyperparameters(options: BTreeMap<String, String>, objective: Option<&String>) -> Vec<(String, String)> {
    let objective = objective.map(|objective| ("objective".to_owned(), objective.clone()));
    let mut hyperparameters: Vec<_> = options.into_iter().chain(objective).collect();
    hyperparameters.sort();
    hyperparameters
}

/// The answer of CREATE MODEL for a model that is there.
pub(super) fn ready(entry: &ModelEntry) -> Result<RecordBatch> {
    summary(&entry.name, "READY", &entry.report, entry.report.rows_used)
}

/// The answer of CREATE MODEL for a model that is being trained.
pub(super) fn training(entry: &TrainingEntry) -> Result<RecordBatch> {
    summary(&entry.name, "TRAINING", &entry.report, entry.report.rows_read)
}

fn summary(name: &ModelName, state: &str, report: &StatementReport, rows: u64) -> Result<RecordBatch> {
    let (metric, value) = report.metrics.first().map(|(name, value)| (name.as_str(), *value)).unzip();
    let text = |value: Option<&str>| Arc::new(StringArray::from(vec![value])) as ArrayRef;
    let columns: [(&str, ArrayRef); 8] = [
        ("model", text(Some(&name.to_string()))),
        ("state", text(Some(state))),
        ("model_type", text(Some(&report.model_type))),
        ("problem_type", text(Some(&report.problem_type))),
        ("metric", text(metric)),
        ("value", Arc::new(Float64Array::from(vec![value.and_then(|value| metric_text(value).parse().ok())]))),
        ("rows", Arc::new(Int64Array::from(vec![rows as i64]))),
        ("seconds", Arc::new(Float64Array::from(vec![(report.seconds * 1000.0).round() / 1000.0]))),
    ];
    Ok(RecordBatch::try_from_iter_with_nullable(columns.map(|(name, column)| (name, column, true)))?)
}
