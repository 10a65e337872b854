//! How well a fitted model does on rows whose target is known: the standard metrics of its task, in one pass.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::compute::filter;

use crate::metrics::MetricAccumulator;
use crate::target::TargetBuilder;
use crate::{Error, FittedModel, Metric, Prediction, Result, Task};

/// The metrics of a model over the rows seen so far.
#[derive(Debug)]
pub struct Evaluation {
    model: Arc<FittedModel>,
    metrics: Vec<(&'static str, MetricAccumulator)>,
    rows: f64,
}

/// The standard metrics of a task, under the names they are reported by.
fn standard_metrics(task: Task) -> &'static [(&'static str, Metric)] {
    match task {
        Task::BinaryClassification => &[
            ("accuracy", Metric::BinaryAccuracy),
            ("precision", Metric::Precision),
            ("recall", Metric::Recall),
            ("f1", Metric::F1),
            ("auc", Metric::Auc),
            ("logloss", Metric::LogLoss),
        ],
        Task::MulticlassClassification => &[
            ("accuracy", Metric::MulticlassAccuracy),
            ("precision_macro", Metric::PrecisionMacro),
            ("recall_macro", Metric::RecallMacro),
            ("f1_macro", Metric::F1Macro),
            ("logloss", Metric::LogLoss),
        ],
        Task::Regression | Task::Forecast => {
            &[("rmse", Metric::Rmse), ("mse", Metric::Mse), ("mae", Metric::Mae), ("r2", Metric::R2)]
        }
        Task::Clustering => &[("msd", Metric::Msd)],
    }
}

impl Evaluation {
    /// Nothing seen so far: the standard metrics of the model's task, and its own if that is not among them.
    pub fn new(model: Arc<FittedModel>) -> Self {
        let mut metrics = standard_metrics(model.manifest().task).to_vec();
        let own = model.manifest().metric;
        if !metrics.iter().any(|(_, metric)| *metric == own) {
            metrics.push((own.name(), own));
        }
        let metrics = metrics.into_iter().map(|(name, metric)| (name, metric.accumulator())).collect();
        Self { model, metrics, rows: 0.0 }
    }

    /// Adds rows: the model's columns in their order, and the target in the type of training, unless the model has none.
    /// Rows without a target (NULL, NaN) do not count. A class that training did not see is a wrong prediction; of a
    /// model of two classes it is an error.
    pub fn add(&mut self, columns: &[ArrayRef], target: Option<&ArrayRef>) -> Result<()> {
        let manifest = self.model.manifest();
        let (columns, truth) = match (&manifest.target, target) {
            (Some(known), Some(values)) => {
                let present = TargetBuilder::is_present(values)?;
                let keep = |column: &ArrayRef| filter(column, &present);
                let columns = columns.iter().map(keep).collect::<std::result::Result<Vec<_>, _>>()?;
                (columns, known.encode_truth(&keep(values)?)?)
            }
            (None, None) => (columns.to_vec(), Vec::new()),
            _ => {
                return Err(Error::internal("an evaluation with a target the model does not have, or without its own"));
            }
        };
        let num_rows = columns.first().map_or(0, |column| column.len());
        if num_rows == 0 {
            return Ok(());
        }
        let prediction = self.model.predict_encoded(num_rows, &columns)?;
        let only_classes = matches!(prediction, Prediction::Classes(_));
        for (_, metric) in self.metrics.iter_mut().filter(|(_, m)| !(only_classes && m.metric().needs_probabilities()))
        {
            metric.add(&prediction, &truth)?;
        }
        self.rows += num_rows as f64;
        Ok(())
    }

    /// All that it holds, as numbers, for [`Self::merge`].
    pub fn state(&self) -> Vec<f64> {
        let mut state = vec![self.rows];
        for (_, metric) in &self.metrics {
            let numbers = metric.state();
            state.push(numbers.len() as f64);
            state.extend(numbers);
        }
        state
    }

    /// Adds the rows of another evaluation of the same model, given its state.
    pub fn merge(&mut self, state: &[f64]) -> Result<()> {
        let damaged = || Error::internal("the state of an evaluation is damaged");
        let (rows, mut rest) = state.split_first().ok_or_else(damaged)?;
        self.rows += rows;
        for (_, metric) in &mut self.metrics {
            let (len, numbers) = rest.split_first().ok_or_else(damaged)?;
            let (numbers, more) = numbers.split_at_checked(*len as usize).ok_or_else(damaged)?;
            metric.merge(numbers)?;
            rest = more;
        }
        Ok(())
    }

    /// Names and values, at last the number of rows. A value is none where it is not defined: over no rows, the AUC of
    /// one class. Figures of probabilities are left out for a model that has none.
    pub fn finish(&self) -> Vec<(&'static str, Option<f64>)> {
        let seen = self.metrics.iter().filter(|(_, metric)| self.rows == 0.0 || !metric.is_empty());
        let values =
            seen.map(|(name, metric)| (*name, Some(metric.clone().finish()).filter(|value| value.is_finite())));
        values.chain([("rows", Some(self.rows))]).collect()
    }

    /// The memory it holds, in bytes.
    pub fn memory_size(&self) -> usize {
        self.metrics.iter().map(|(_, metric)| metric.memory_size()).sum()
    }
}
