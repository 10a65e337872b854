//! What a model is asked to learn.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The kind of question a model answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// A number.
    Regression,
    /// One of two classes.
    BinaryClassification,
    /// One of several classes.
    MulticlassClassification,
    /// A group without a target.
    Clustering,
    /// The future of a time series.
    Forecast,
}

impl Task {
    /// Whether predictions are classes.
    pub fn is_classification(self) -> bool {
        matches!(self, Self::BinaryClassification | Self::MulticlassClassification)
    }

    /// Whether the algorithm needs a target column.
    pub fn has_target(self) -> bool {
        self != Self::Clustering
    }
}

impl fmt::Display for Task {
    /// The name as SHOW MODEL prints it under `Problem Type`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Regression => "Regression",
            Self::BinaryClassification => "BinaryClassification",
            Self::MulticlassClassification => "MulticlassClassification",
            Self::Clustering => "Clustering",
            Self::Forecast => "Forecast",
        })
    }
}
