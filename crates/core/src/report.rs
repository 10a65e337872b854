//! What is kept of how a model came to be, and of what it looks at.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// How much each of the user's columns matters: the mean absolute Shapley value over a sample of the training rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Importance {
    /// `values[output][column]`, in raw output units; one output, or one per class of a multiclass model.
    pub values: Vec<Vec<f64>>,
    /// The base value of each output: the expected raw output, the mean over the rows where it differs between them.
    pub expected: Vec<f64>,
    /// How many rows were explained.
    pub rows: u64,
    /// The root of the mean squared standard error of one row's Shapley values, where they depend on a sample.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sampling_error: Option<f64>,
}

/// How training went: kept beside the artifact, not in it, since it knows the clock.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TrainingLog {
    /// The rounds of the fit that is kept, or of its most important member.
    pub rounds: Vec<RoundRecord>,
    /// The candidates of a search, in the order in which they were proposed.
    pub trials: Vec<Trial>,
}

/// The metrics of one round.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RoundRecord {
    /// The number of the round, from 1.
    pub round: u64,
    /// Names and values, as `train:rmse`.
    pub metrics: Vec<(String, f64)>,
}

/// One candidate of a search.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// Its number, from 1.
    pub candidate: u64,
    /// The algorithm's name.
    pub model_type: String,
    /// The hyperparameters that differ from the algorithm's defaults.
    pub hyperparameters: BTreeMap<String, String>,
    /// On how many folds it was validated.
    pub folds: u64,
    /// The metric's name.
    pub metric: String,
    /// The metric over the rows of those folds, held out; NaN is written as none.
    pub value: Option<f64>,
    /// The wall time of its fits, in seconds.
    pub seconds: f64,
    /// What became of it.
    pub status: TrialStatus,
    /// Its share in the model; 0 if it is no part of it.
    pub weight: f64,
}

/// What became of a candidate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrialStatus {
    /// Validated on every fold.
    Completed,
    /// Given up after the first folds, since others were better.
    Stopped,
    /// Cut off by MAX_RUNTIME.
    OutOfTime,
    /// It could not be fitted, for this reason.
    Failed(String),
}

impl fmt::Display for TrialStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Completed => f.write_str("completed"),
            Self::Stopped => f.write_str("stopped early"),
            Self::OutOfTime => f.write_str("out of time"),
            Self::Failed(reason) => write!(f, "failed: {reason}"),
        }
    }
}
