//! A fitted linear model.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Float64Array, RecordBatch, StringArray, UInt32Array};
use datafusion_ml_core::{Contributions, Error, Features, Model, Parameters, Prediction, RawOutputs, Result, Task};
use serde_json::{Map, json};

use super::loss::{sigmoid, softmax};
use super::scale::Scale;
use crate::passes::{axpy, values};

/// Weights and intercepts in the units of the features.
#[derive(Debug, Clone, PartialEq)]
pub struct LinearModel {
    task: Task,
    feature_names: Vec<String>,
    /// `weights[output * features + feature]`; one output, or one per class.
    weights: Vec<f64>,
    intercepts: Vec<f64>,
    /// The mean of each feature in training, the reference of contributions.
    means: Vec<f64>,
    stopped_early: bool,
}

impl LinearModel {
    /// From weights of standardised features, per output with the intercept last.
    pub(super) fn from_standardised(
        feature_names: &[String],
        task: Task,
        standardised: &[f64],
        scale: &Scale,
        stopped_early: bool,
    ) -> Self {
        let features = scale.len();
        let (mut weights, mut intercepts) = (Vec::new(), Vec::new());
        for output in standardised.chunks_exact(features + 1) {
            let mut intercept = output[features];
            for ((weight, factor), mean) in output.iter().zip(&scale.factor).zip(&scale.mean) {
                intercept -= weight * factor * mean;
                weights.push(weight * factor);
            }
            intercepts.push(intercept);
        }
        let feature_names = feature_names.to_vec();
        Self { task, feature_names, weights, intercepts, means: scale.mean.clone(), stopped_early }
    }

    /// The weight of every feature, per output.
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// The intercept of every output.
    pub fn intercepts(&self) -> &[f64] {
        &self.intercepts
    }

    /// `margins[output * rows + row]`.
    fn margins(&self, features: &Features) -> Result<Vec<f64>> {
        let (rows, size) = (features.num_rows(), self.means.len());
        if features.num_features() != size {
            return Err(Error::internal(format!("{} features for a model of {size}", features.num_features())));
        }
        let mut margins = vec![0.0; rows * self.intercepts.len()];
        let mut buffer = Vec::new();
        for (output, intercept) in self.intercepts.iter().enumerate() {
            let margins = &mut margins[output * rows..(output + 1) * rows];
            margins.fill(*intercept);
            for (feature, column) in features.columns().iter().enumerate() {
                axpy(self.weights[output * size + feature], values(column, 0..rows, &mut buffer), margins);
            }
        }
        Ok(margins)
    }
}

impl Model for LinearModel {
    fn predict(&self, features: &Features) -> Result<Prediction> {
        let margins = self.margins(features)?;
        Ok(match self.task {
            Task::BinaryClassification => {
                let pairs = margins.into_iter().flat_map(|margin| [sigmoid(-margin), sigmoid(margin)]);
                Prediction::probabilities(2, pairs.collect())
            }
            Task::MulticlassClassification => {
                let outputs = self.intercepts.len();
                let mut values = by_row(&margins, outputs);
                values.chunks_exact_mut(outputs.max(1)).for_each(softmax);
                Prediction::probabilities(outputs, values)
            }
            _ => Prediction::Values(margins),
        })
    }

    /// The margins, exactly.
    fn raw(&self, features: &Features) -> Result<RawOutputs> {
        let num_outputs = self.intercepts.len();
        Ok(RawOutputs { num_outputs, values: by_row(&self.margins(features)?, num_outputs) })
    }

    /// Exact: `w (x − mean)` of each feature, in the space of margins (log-odds for two classes).
    fn contributions(&self, features: &Features) -> Result<Contributions> {
        let (rows, size, outputs) = (features.num_rows(), self.means.len(), self.intercepts.len());
        let base = self.intercepts.iter().enumerate().map(|(output, intercept)| {
            let weights = self.weights[output * size..(output + 1) * size].iter();
            intercept + weights.zip(&self.means).map(|(weight, mean)| weight * mean).sum::<f64>()
        });
        let mut contributions = vec![0.0; rows * outputs * size];
        let mut buffer = Vec::new();
        for (feature, column) in features.columns().iter().enumerate() {
            for (row, value) in values(column, 0..rows, &mut buffer).iter().enumerate() {
                for output in 0..outputs {
                    let weight = self.weights[output * size + feature];
                    contributions[(row * outputs + output) * size + feature] = weight * (value - self.means[feature]);
                }
            }
        }
        Ok(Contributions {
            num_outputs: outputs,
            num_features: size,
            base: base.collect(),
            values: contributions,
            sampling_error: None,
        })
    }

    fn parameters(&self) -> Result<Parameters> {
        let (size, outputs) = (self.means.len(), self.intercepts.len());
        let per_output = |values: &[f64]| -> ArrayRef { Arc::new(Float64Array::from(values.repeat(outputs))) };
        let names = (0..outputs).flat_map(|_| self.feature_names.iter().map(String::as_str));
        let table = RecordBatch::try_from_iter([
            (
                "output",
                Arc::new(UInt32Array::from_iter_values((0..outputs as u32).flat_map(|o| std::iter::repeat_n(o, size))))
                    as ArrayRef,
            ),
            ("feature", Arc::new(StringArray::from(names.collect::<Vec<_>>())) as ArrayRef),
            ("weight", Arc::new(Float64Array::from(self.weights.clone())) as ArrayRef),
            ("mean", per_output(&self.means)),
        ])?;
        let mut scalars = Map::new();
        scalars.insert("task".into(), json!(self.task));
        scalars.insert("intercepts".into(), json!(self.intercepts));
        scalars.insert("stopped_early".into(), json!(self.stopped_early));
        Ok(Parameters { table, scalars })
    }

    fn stopped_early(&self) -> bool {
        self.stopped_early
    }
}

/// `margins[output * rows + row]` as `values[row * outputs + output]`.
fn by_row(margins: &[f64], outputs: usize) -> Vec<f64> {
    let rows = margins.len() / outputs.max(1);
    (0..margins.len()).map(|index| margins[index % outputs * rows + index / outputs]).collect()
}

impl TryFrom<Parameters> for LinearModel {
    type Error = Error;

    fn try_from(parameters: Parameters) -> Result<Self> {
        let intercepts: Vec<f64> = parameters.scalar("intercepts")?;
        let rows = parameters.table.num_rows();
        if intercepts.is_empty() || !rows.is_multiple_of(intercepts.len()) {
            return Err(Error::storage("the linear model's weights do not fit its intercepts"));
        }
        let size = rows / intercepts.len();
        let names: &StringArray = parameters.column("feature")?;
        let (weights, means): (&Float64Array, &Float64Array) =
            (parameters.column("weight")?, parameters.column("mean")?);
        if [names.null_count(), weights.null_count(), means.null_count()] != [0; 3] {
            return Err(Error::storage("the linear model has a weight that is NULL"));
        }
        let task = parameters.scalar("task")?;
        if (task == Task::MulticlassClassification) != (intercepts.len() > 1) {
            return Err(Error::storage("the linear model's intercepts do not fit its task"));
        }
        Ok(Self {
            task,
            feature_names: names.iter().take(size).flatten().map(str::to_owned).collect(),
            weights: weights.values().to_vec(),
            intercepts,
            means: means.values()[..size].to_vec(),
            stopped_early: parameters.scalar("stopped_early")?,
        })
    }
}
