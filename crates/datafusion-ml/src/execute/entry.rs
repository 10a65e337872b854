//! What is recorded and answered of a model that has been fitted.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use datafusion::arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use datafusion::arrow::datatypes::DataType;
use datafusion::error::Result;

use super::create_model::Prepared;
use crate::catalog::{ArtifactLocation, ModelEntry, StatementReport};
use crate::error::external;
use crate::session::MlSession;
use crate::show::postgres_type;
use crate::sql::{Auto, CreateModel, IamRole};
use crate::train::Trained;

/// The catalog entry of a fitted model; committing it gives it its version.
#[expect(clippy::disallowed_methods, reason = "SHOW MODEL says when the model was created")]
pub(super) fn entry(
    session: &MlSession,
    statement: &CreateModel,
    prepared: &Prepared,
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
    metrics.push((format!("train:{metric}"), manifest.train_metric));
    let types = manifest.encoder.column_types().map_err(external)?;
    let types = types.iter().map(|data_type: &DataType| postgres_type(data_type));
    let parameters = manifest.encoder.column_names().map(str::to_owned).zip(types).collect();
    let mut hyperparameters: Vec<(String, String)> = manifest.options.clone().into_iter().collect();
    // A search strives for its objective; no hyperparameter of the model says so.
    if let (Some(objective), Auto::Off) = (&manifest.objective, statement.auto()) {
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
        training_log: Some(training_log),
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
            auto: statement.auto() == Auto::On,
            notes: trained.notes.clone(),
        },
    })
}

/// The answer of CREATE MODEL.
pub(super) fn summary(entry: &ModelEntry) -> Result<RecordBatch> {
    let report = &entry.report;
    let (metric, value) = report.metrics.first().map_or(("", f64::NAN), |(name, value)| (name.as_str(), *value));
    let text = |value: &str| Arc::new(StringArray::from(vec![value])) as ArrayRef;
    let columns: [(&str, ArrayRef); 8] = [
        ("model", text(&entry.name.to_string())),
        ("state", text("READY")),
        ("model_type", text(&report.model_type)),
        ("problem_type", text(&report.problem_type)),
        ("metric", text(metric)),
        ("value", Arc::new(Float64Array::from(vec![(value * 1e6).round() / 1e6]))),
        ("rows", Arc::new(Int64Array::from(vec![report.rows_used as i64]))),
        ("seconds", Arc::new(Float64Array::from(vec![(report.seconds * 1000.0).round() / 1000.0]))),
    ];
    Ok(RecordBatch::try_from_iter(columns)?)
}
