//! `ml_trials('name')` and `ml_training_info('name')`: how training went, as a table.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use datafusion::error::Result;
use datafusion_ml_core::{Error, TrainingLog};

use crate::error::external;

/// A row per candidate: its number, what it was, and how it did.
pub(super) fn trials(log: &TrainingLog) -> Result<RecordBatch> {
    let trials = &log.trials;
    let json = |options: &BTreeMap<String, String>| {
        serde_json::to_string(options).map_err(|e| external(Error::internal(e.to_string())))
    };
    let hyperparameters = trials.iter().map(|trial| json(&trial.hyperparameters)).collect::<Result<Vec<_>>>()?;
    let columns: [(&str, ArrayRef); 9] = [
        ("candidate", integers(trials.iter().map(|trial| trial.candidate))),
        ("model_type", texts(trials.iter().map(|trial| &trial.model_type))),
        ("hyperparameters", texts(hyperparameters)),
        ("folds", integers(trials.iter().map(|trial| trial.folds))),
        ("metric", texts(trials.iter().map(|trial| &trial.metric))),
        ("value", Arc::new(trials.iter().map(|trial| trial.value).collect::<Float64Array>())),
        ("seconds", floats(trials.iter().map(|trial| trial.seconds))),
        ("status", texts(trials.iter().map(|trial| trial.status.to_string()))),
        ("weight", floats(trials.iter().map(|trial| trial.weight))),
    ];
    Ok(RecordBatch::try_from_iter_with_nullable(columns.map(|(name, column)| (name, column, true)))?)
}

/// A row per round and metric.
pub(super) fn rounds(log: &TrainingLog) -> Result<RecordBatch> {
    let rows = || log.rounds.iter().flat_map(|round| round.metrics.iter().map(move |metric| (round.round, metric)));
    let columns: [(&str, ArrayRef); 3] = [
        ("round", integers(rows().map(|(round, _)| round))),
        ("metric", texts(rows().map(|(_, (name, _))| name))),
        ("value", floats(rows().map(|(_, (_, value))| *value))),
    ];
    Ok(RecordBatch::try_from_iter_with_nullable(columns.map(|(name, column)| (name, column, true)))?)
}

fn integers(values: impl Iterator<Item = u64>) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(values.map(|value| value as i64)))
}

fn floats(values: impl Iterator<Item = f64>) -> ArrayRef {
    Arc::new(Float64Array::from_iter_values(values))
}

fn texts(values: impl IntoIterator<Item = impl AsRef<str>>) -> ArrayRef {
    Arc::new(values.into_iter().map(Some).collect::<StringArray>())
}
