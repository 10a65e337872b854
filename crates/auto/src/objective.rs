//! What a search strives for.

use datafusion_ml_core::{Error, Metric, Prediction, RawOutputs, Result, Task};

use crate::cut::{EVEN, highest_f1};

/// At so many rows a count of them has half of its weight beside the log loss.
const COUNTED_ROWS: f64 = 1_000.0;

/// The metric by which candidates are judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Objective {
    /// Mean squared error.
    Mse,
    /// Share of right classes.
    Accuracy,
    /// Harmonic mean of precision and recall of class 1 of two.
    F1,
    /// Unweighted mean of every class's F1.
    F1Macro,
    /// Area under the ROC curve of class 1 of two.
    Auc,
}

impl Objective {
    /// The objective that OBJECTIVE names, or Redshift ML's default: MSE for a regression, F1 for two classes, Accuracy
    /// for several. Fails if it is not one of the task.
    pub fn for_task(name: Option<&str>, task: Task) -> Result<Self> {
        let fitting: &[Self] = match task {
            Task::BinaryClassification => &[Self::F1, Self::Accuracy, Self::Auc],
            Task::MulticlassClassification => &[Self::Accuracy, Self::F1Macro],
            _ => &[Self::Mse],
        };
        let Some(name) = name else { return Ok(fitting[0]) };
        let plain = |name: &str| name.replace('_', "").to_ascii_lowercase();
        fitting.iter().copied().find(|objective| plain(objective.name()) == plain(name)).ok_or_else(|| {
            let names: Vec<&str> = fitting.iter().map(|objective| objective.name()).collect();
            let problem = match task {
                Task::BinaryClassification => "a classification with two classes",
                Task::MulticlassClassification => "a classification with several classes",
                _ => "a regression",
            };
            Error::invalid(format!("OBJECTIVE '{name}' does not fit {problem}; it takes {}", names.join(", ")))
        })
    }

    /// The name as in OBJECTIVE.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mse => "MSE",
            Self::Accuracy => "Accuracy",
            Self::F1 => "F1",
            Self::F1Macro => "F1_Macro",
            Self::Auc => "AUC",
        }
    }

    /// The metric that is shown.
    pub fn metric(self, task: Task) -> Metric {
        match self {
            Self::Mse => Metric::Mse,
            Self::Accuracy if task == Task::BinaryClassification => Metric::BinaryAccuracy,
            Self::Accuracy => Metric::MulticlassAccuracy,
            Self::F1 => Metric::F1,
            Self::F1Macro => Metric::F1Macro,
            Self::Auc => Metric::Auc,
        }
    }

    /// The metric's value for raw outputs.
    pub(crate) fn value(self, task: Task, raw: &RawOutputs, target: &[f64]) -> Result<f64> {
        self.value_at(EVEN, task, raw, target)
    }

    /// The same where two classes are told apart at another probability.
    pub(crate) fn value_at(self, cut: f64, task: Task, raw: &RawOutputs, target: &[f64]) -> Result<f64> {
        let mut accumulator = self.metric(task).accumulator();
        accumulator.add(&prediction(task, raw, cut), target)?;
        Ok(accumulator.finish())
    }

    /// What the search makes small: the mean squared error, or the log loss plus what the objective is short of 1. The
    /// log loss decides where the objective, a count of rows, cannot tell two candidates apart; so that of few rows counts
    /// little. If labels are cut where F1 is highest, that counts.
    pub(crate) fn loss(self, task: Task, cuts_for_f1: bool, raw: &RawOutputs, target: &[f64]) -> Result<f64> {
        let loss = smooth_loss(task, raw, target);
        if self == Self::Mse {
            return Ok(loss);
        }
        let value = if cuts_for_f1 {
            highest_f1(&raw.values.iter().copied().zip(target.iter().copied()).collect::<Vec<_>>())
        } else {
            self.value(task, raw, target)?
        };
        let shortfall = 1.0 - value;
        let rows = target.len() as f64;
        Ok(loss + if shortfall.is_finite() { shortfall * rows / (rows + COUNTED_ROWS) } else { 0.0 })
    }
}

/// The mean squared error of a regression, the log loss of a classification.
pub(crate) fn smooth_loss(task: Task, raw: &RawOutputs, target: &[f64]) -> f64 {
    let rows = target.len().max(1) as f64;
    let outputs = raw.num_outputs;
    let sum: f64 = match task {
        Task::BinaryClassification => {
            raw.values.iter().zip(target).map(|(margin, y)| softplus(if *y == 1.0 { -margin } else { *margin })).sum()
        }
        Task::MulticlassClassification => {
            let of_row = |(margins, y): (&[f64], &f64)| log_sum_exp(margins) - margins[*y as usize];
            raw.values.chunks_exact(outputs).zip(target).map(of_row).sum()
        }
        _ => raw.values.iter().zip(target).map(|(value, y)| (value - y) * (value - y)).sum(),
    };
    sum / rows
}

/// The prediction of raw outputs, of two classes with a cut.
pub(crate) fn prediction(task: Task, raw: &RawOutputs, cut: f64) -> Prediction {
    match task {
        Task::BinaryClassification => {
            let pairs = raw.values.iter().flat_map(|margin| [sigmoid(-margin), sigmoid(*margin)]);
            Prediction::Probabilities { num_classes: 2, values: pairs.collect(), cut }
        }
        Task::MulticlassClassification => {
            let mut values = raw.values.clone();
            for row in values.chunks_exact_mut(raw.num_outputs) {
                let total = log_sum_exp(row);
                row.iter_mut().for_each(|margin| *margin = (*margin - total).exp());
            }
            Prediction::probabilities(raw.num_outputs, values)
        }
        _ => Prediction::Values(raw.values.clone()),
    }
}

pub(crate) fn sigmoid(margin: f64) -> f64 {
    1.0 / (1.0 + (-margin).exp())
}

/// `ln(1 + exp(x))`
pub(crate) fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

pub(crate) fn log_sum_exp(values: &[f64]) -> f64 {
    let largest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    largest + values.iter().map(|value| (value - largest).exp()).sum::<f64>().ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_have_their_hand_computed_values() {
        let raw = |num_outputs, values: &[f64]| RawOutputs { num_outputs, values: values.to_vec() };
        let check = |found: f64, expected: f64| assert!((found - expected).abs() < 1e-12, "{found}, not {expected}");
        check(smooth_loss(Task::Regression, &raw(1, &[1.0, 3.0]), &[1.0, 1.0]), 2.0);
        check(smooth_loss(Task::BinaryClassification, &raw(1, &[0.0, 0.0]), &[1.0, 0.0]), 2f64.ln());
        check(smooth_loss(Task::MulticlassClassification, &raw(3, &[0.0; 3]), &[2.0]), 3f64.ln());
        // Every second row is right, at log loss ln 2.
        let (raw, target): (_, Vec<f64>) = (raw(1, &[1e-9; 1_000]), (0..1_000).map(|row| f64::from(row % 2)).collect());
        check(
            (Objective::Accuracy.loss(Task::BinaryClassification, false, &raw, &target).unwrap() * 1e6).round(),
            ((2f64.ln() + 0.25) * 1e6).round(),
        );
    }

    #[test]
    fn an_objective_of_another_task_is_refused() {
        let error = Objective::for_task(Some("auc"), Task::Regression).unwrap_err().to_string();
        assert_eq!(error, "OBJECTIVE 'auc' does not fit a regression; it takes MSE");
        assert_eq!(Objective::for_task(Some("f1macro"), Task::MulticlassClassification), Ok(Objective::F1Macro));
        assert_eq!(Objective::for_task(None, Task::BinaryClassification), Ok(Objective::F1));
    }
}
