//! Metrics by which a model is judged, accumulated over batches.

use serde::{Deserialize, Serialize};

use crate::{Error, Prediction, Result, Task};

/// A figure that says how well predictions fit the truth. The variants' names are those that SHOW MODEL prints.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Root of the mean squared error.
    Rmse,
    /// Mean squared error.
    Mse,
    /// Mean absolute error.
    Mae,
    /// Share of the target's variance that is explained: 1 − Σ (truth − prediction)² / Σ (truth − mean truth)².
    R2,
    /// Root of the mean squared error of `ln(1 + value)`.
    Rmsle,
    /// Mean pseudo-Huber error, `d² (sqrt(1 + (error/d)²) − 1)`, with slope `d`.
    Mphe(f64),
    /// Negative log-likelihood of a Tweedie distribution of the given variance power in (1, 2).
    TweedieNloglik(f64),
    /// Share of wrong classes, two classes.
    Error,
    /// Share of wrong classes, any number of classes.
    Merror,
    /// Share of right classes, two classes.
    BinaryAccuracy,
    /// Share of right classes, any number of classes.
    MulticlassAccuracy,
    /// Mean negative log-likelihood of the true class.
    LogLoss,
    /// Area under the ROC curve of class 1; ties count one half.
    Auc,
    /// Share of the rows predicted as class 1 that are.
    Precision,
    /// Share of the rows of class 1 that are predicted as such.
    Recall,
    /// Harmonic mean of precision and recall of class 1.
    F1,
    /// Unweighted mean of every class's precision.
    PrecisionMacro,
    /// Unweighted mean of every class's recall.
    RecallMacro,
    /// Unweighted mean of every class's F1.
    F1Macro,
    /// Mean squared distance to the nearest centroid.
    Msd,
}

impl Metric {
    /// The metric of a model that has no objective to say otherwise: accuracy for classes, the mean squared error for numbers.
    pub fn of_task(task: Task) -> Self {
        match task {
            Task::BinaryClassification => Self::BinaryAccuracy,
            Task::MulticlassClassification => Self::MulticlassAccuracy,
            _ => Self::Mse,
        }
    }

    /// The name as printed behind `train:` and `validation:`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Rmse => "rmse",
            Self::Mse => "mse",
            Self::Mae => "mae",
            Self::R2 => "r2",
            Self::Rmsle => "rmsle",
            Self::Mphe(_) => "mphe",
            Self::TweedieNloglik(_) => "tweedie_nloglik",
            Self::Error => "error",
            Self::Merror => "merror",
            Self::BinaryAccuracy => "binary_accuracy",
            Self::MulticlassAccuracy => "multiclass_accuracy",
            Self::LogLoss => "logloss",
            Self::Auc => "auc",
            Self::Precision => "precision",
            Self::Recall => "recall",
            Self::F1 => "f1_binary",
            Self::PrecisionMacro => "precision_macro",
            Self::RecallMacro => "recall_macro",
            Self::F1Macro => "f1_macro",
            Self::Msd => "msd",
        }
    }

    /// An empty accumulator of this metric.
    pub fn accumulator(self) -> MetricAccumulator {
        MetricAccumulator {
            metric: self,
            count: 0.0,
            sum: 0.0,
            truth: [0.0; 2],
            scores: Vec::new(),
            confusion: Vec::new(),
        }
    }

    /// Whether it is a figure of probabilities, which a model that predicts only classes does not have.
    pub fn needs_probabilities(&self) -> bool {
        matches!(self, Self::LogLoss | Self::Auc)
    }
}

/// A metric's value to be read: with six decimals, where those tell anything of it.
pub fn metric_text(value: f64) -> String {
    let is_far = value != 0.0 && !(1e-4..1e15).contains(&value.abs());
    if is_far && value.is_finite() { format!("{value:.5e}") } else { format!("{value:.6}") }
}

/// A metric over the rows seen so far.
#[derive(Debug, Clone)]
pub struct MetricAccumulator {
    metric: Metric,
    count: f64,
    sum: f64,
    /// The mean of the targets and the sum of their squared deviations from it, for R².
    truth: [f64; 2],
    /// (score of class 1, is class 1), for ranking metrics.
    scores: Vec<(f64, bool)>,
    /// Per class: true positives, false positives, false negatives.
    confusion: Vec<[f64; 3]>,
}

impl MetricAccumulator {
    /// Adds a batch: a prediction and a target (value or class index) per row. Clusters need no target.
    pub fn add(&mut self, prediction: &Prediction, target: &[f64]) -> Result<()> {
        if !matches!(prediction, Prediction::Clusters { .. }) && prediction.num_rows() != target.len() {
            return Err(Error::internal(format!("{} predictions for {} targets", prediction.num_rows(), target.len())));
        }
        self.count += prediction.num_rows() as f64;
        match (self.metric, prediction) {
            (Metric::Msd, Prediction::Clusters { squared_distances, .. }) => {
                self.sum += squared_distances.iter().sum::<f64>();
            }
            (Metric::LogLoss, Prediction::Probabilities { num_classes, values, .. }) => {
                for (p, y) in values.chunks_exact(*num_classes).zip(target) {
                    self.sum -= p.get(*y as usize).copied().unwrap_or(0.0).clamp(1e-16, 1.0).ln();
                }
            }
            (Metric::Auc, Prediction::Probabilities { num_classes: 2, values, .. }) => {
                self.scores.extend(values.chunks_exact(2).zip(target).map(|(p, y)| (p[1], *y == 1.0)));
            }
            (Metric::Auc, Prediction::Values(values)) => {
                self.scores.extend(values.iter().zip(target).map(|(v, y)| (*v, *y == 1.0)));
            }
            (
                Metric::Precision
                | Metric::Recall
                | Metric::F1
                | Metric::PrecisionMacro
                | Metric::RecallMacro
                | Metric::F1Macro,
                prediction,
            ) => self.add_confusion(&classes(prediction)?, target),
            (Metric::Error | Metric::Merror, prediction) => {
                let wrong = classes(prediction)?.iter().zip(target).filter(|(c, y)| f64::from(**c) != **y).count();
                self.sum += wrong as f64;
            }
            (Metric::BinaryAccuracy | Metric::MulticlassAccuracy, prediction) => {
                let right = classes(prediction)?.iter().zip(target).filter(|(c, y)| f64::from(**c) == **y).count();
                self.sum += right as f64;
            }
            (metric, Prediction::Values(values)) => {
                if metric == Metric::R2 {
                    let (count, mean) = (target.len() as f64, target.iter().sum::<f64>() / target.len() as f64);
                    let squares = target.iter().map(|y| (y - mean).powi(2)).sum();
                    self.add_truth(self.count - count, count, [mean, squares]);
                }
                self.sum += values.iter().zip(target).map(|(p, y)| loss(metric, *p, *y)).sum::<f64>();
            }
            (metric, _) => {
                return Err(Error::internal(format!("metric {} does not fit this prediction", metric.name())));
            }
        }
        Ok(())
    }

    /// The metric over all rows added; NaN if there was none or it is not defined (AUC of one class).
    pub fn finish(mut self) -> f64 {
        match self.metric {
            Metric::Rmse | Metric::Rmsle => (self.sum / self.count).sqrt(),
            Metric::Auc => area_under_curve(&mut self.scores),
            Metric::R2 => 1.0 - self.sum / self.truth[1],
            Metric::Precision | Metric::Recall | Metric::F1 => {
                self.confusion.get(1).map_or(f64::NAN, |counts| class_score(self.metric, *counts))
            }
            Metric::PrecisionMacro | Metric::RecallMacro | Metric::F1Macro => {
                // A class that neither is nor is said of any row has no score.
                let known = || self.confusion.iter().filter(|counts| counts.iter().sum::<f64>() > 0.0);
                known().map(|counts| class_score(self.metric, *counts)).sum::<f64>() / known().count() as f64
            }
            _ => self.sum / self.count,
        }
    }

    /// The metric.
    pub fn metric(&self) -> Metric {
        self.metric
    }

    /// The memory it holds, in bytes.
    pub fn memory_size(&self) -> usize {
        size_of_val(self.scores.as_slice()) + size_of_val(self.confusion.as_slice()) + size_of::<Self>()
    }

    /// Whether nothing has been added.
    pub fn is_empty(&self) -> bool {
        self.count == 0.0
    }

    /// All that it holds, as numbers, for [`Self::merge`].
    pub fn state(&self) -> Vec<f64> {
        let mut state = vec![self.count, self.sum, self.truth[0], self.truth[1], self.confusion.len() as f64];
        state.extend(self.confusion.as_flattened());
        state.extend(self.scores.iter().flat_map(|(score, positive)| [*score, f64::from(u8::from(*positive))]));
        state
    }

    /// Adds the rows of another accumulator of the same metric, given its state.
    pub fn merge(&mut self, state: &[f64]) -> Result<()> {
        let damaged = || Error::internal("the state of a metric is damaged");
        let [count, sum, mean, squares, classes, rest @ ..] = state else { return Err(damaged()) };
        let (confusion, scores) = rest.split_at_checked(*classes as usize * 3).ok_or_else(damaged)?;
        self.add_truth(self.count, *count, [*mean, *squares]);
        self.count += count;
        self.sum += sum;
        let (confusion, _) = confusion.as_chunks::<3>();
        if self.confusion.len() < confusion.len() {
            self.confusion.resize(confusion.len(), [0.0; 3]);
        }
        for (counts, more) in self.confusion.iter_mut().zip(confusion) {
            counts.iter_mut().zip(more).for_each(|(count, more)| *count += more);
        }
        let (scores, _) = scores.as_chunks::<2>();
        self.scores.extend(scores.iter().map(|[score, positive]| (*score, *positive == 1.0)));
        Ok(())
    }

    /// Joins mean and squares of `count` more targets with those of `before` targets (Chan, Golub, LeVeque 1979).
    fn add_truth(&mut self, before: f64, count: f64, [mean, squares]: [f64; 2]) {
        if count > 0.0 {
            let delta = mean - self.truth[0];
            self.truth[0] += delta * count / (before + count);
            self.truth[1] += squares + delta * delta * before * count / (before + count);
        }
    }

    fn add_confusion(&mut self, classes: &[u32], target: &[f64]) {
        for (class, truth) in classes.iter().zip(target) {
            let (class, truth) = (*class as usize, *truth as usize);
            let needed = class.max(truth).max(1) + 1;
            if self.confusion.len() < needed {
                self.confusion.resize(needed, [0.0; 3]);
            }
            if class == truth {
                self.confusion[class][0] += 1.0;
            } else {
                self.confusion[class][1] += 1.0;
                self.confusion[truth][2] += 1.0;
            }
        }
    }
}

/// The classes of a classification.
fn classes(prediction: &Prediction) -> Result<Vec<u32>> {
    prediction.classes().ok_or_else(|| Error::internal("a metric of classes does not fit predicted numbers"))
}

/// Precision, recall or F1 of one class; 0 where it is 0 / 0.
fn class_score(metric: Metric, [true_positives, false_positives, false_negatives]: [f64; 3]) -> f64 {
    let (numerator, denominator) = match metric {
        Metric::Precision | Metric::PrecisionMacro => (true_positives, true_positives + false_positives),
        Metric::Recall | Metric::RecallMacro => (true_positives, true_positives + false_negatives),
        _ => (2.0 * true_positives, 2.0 * true_positives + false_positives + false_negatives),
    };
    if denominator == 0.0 { 0.0 } else { numerator / denominator }
}

/// The loss of one row under a metric that is a mean of losses. Formulas as in XGBoost's `elementwise_metric.cu`.
fn loss(metric: Metric, prediction: f64, truth: f64) -> f64 {
    match metric {
        Metric::Mae => (prediction - truth).abs(),
        Metric::Rmsle => (prediction.ln_1p() - truth.ln_1p()).powi(2),
        Metric::Mphe(slope) => slope * slope * ((1.0 + ((prediction - truth) / slope).powi(2)).sqrt() - 1.0),
        Metric::TweedieNloglik(rho) => {
            let a = truth * ((1.0 - rho) * prediction.ln()).exp() / (1.0 - rho);
            let b = ((2.0 - rho) * prediction.ln()).exp() / (2.0 - rho);
            b - a
        }
        _ => (prediction - truth).powi(2),
    }
}

/// Mann-Whitney: the share of (positive, negative) pairs ranked rightly, ties counting one half.
fn area_under_curve(scores: &mut [(f64, bool)]) -> f64 {
    scores.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let (mut negatives, mut positives, mut area) = (0.0, 0.0, 0.0);
    for tied in scores.chunk_by(|a, b| a.0 == b.0) {
        let tied_positives = tied.iter().filter(|(_, positive)| *positive).count() as f64;
        let tied_negatives = tied.len() as f64 - tied_positives;
        area += tied_positives * (negatives + tied_negatives / 2.0);
        negatives += tied_negatives;
        positives += tied_positives;
    }
    area / (negatives * positives)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binary(p: &[f64]) -> Prediction {
        Prediction::probabilities(2, p.iter().flat_map(|p| [1.0 - p, *p]).collect())
    }

    fn check(metric: Metric, prediction: Prediction, target: &[f64], expected: f64) {
        let mut accumulator = metric.accumulator();
        accumulator.add(&prediction, target).unwrap();
        let value = accumulator.finish();
        assert!((value - expected).abs() < 1e-12, "{metric:?}: {value} instead of {expected}");
    }

    #[test]
    fn metrics_have_their_hand_computed_values() {
        let p = binary(&[0.9, 0.8, 0.3, 0.6]);
        let y = [1.0, 0.0, 0.0, 1.0];
        check(Metric::Error, p.clone(), &y, 0.25);
        check(Metric::BinaryAccuracy, p.clone(), &y, 0.75);
        // Pairs (0.9, 0.8), (0.9, 0.3), (0.6, 0.3) are right, (0.6, 0.8) is wrong.
        check(Metric::Auc, p.clone(), &y, 0.75);
        // Two true positives, one false positive.
        check(Metric::Precision, p.clone(), &y, 2.0 / 3.0);
        check(Metric::Recall, p.clone(), &y, 1.0);
        check(Metric::F1, p.clone(), &y, 0.8);
        check(Metric::PrecisionMacro, p.clone(), &y, (1.0 + 2.0 / 3.0) / 2.0);
        check(Metric::RecallMacro, p, &y, 0.75);
        check(Metric::Auc, binary(&[0.5, 0.5]), &[1.0, 0.0], 0.5);
        check(Metric::Rmse, Prediction::Values(vec![1.0, 3.0]), &[1.0, 1.0], 2f64.sqrt());
        check(Metric::Mae, Prediction::Values(vec![1.0, 3.0]), &[1.0, 4.0], 0.5);
        // Residuals 0, 1 and 1; deviations from the mean 2 are 1, 0 and 1.
        check(Metric::R2, Prediction::Values(vec![1.0, 3.0, 2.0]), &[1.0, 2.0, 3.0], 0.0);
        check(Metric::LogLoss, binary(&[0.5, 0.25]), &[1.0, 0.0], -(0.5f64.ln() + 0.75f64.ln()) / 2.0);
        check(Metric::Merror, Prediction::Classes(vec![0, 2, 2]), &[0.0, 1.0, 2.0], 1.0 / 3.0);
    }

    #[test]
    fn accumulators_of_parts_merge_into_that_of_the_whole() {
        let binary_metrics =
            [Metric::Error, Metric::Auc, Metric::F1, Metric::Precision, Metric::RecallMacro, Metric::LogLoss];
        let truth = [1.0, 0.0, 0.0, 1.0, 1.0];
        let values = [0.9, 0.8, 0.3, 0.6, 0.1];
        let regression = [Metric::Mae, Metric::R2, Metric::Rmse].map(|metric| (metric, false));
        for (metric, classifies) in binary_metrics.map(|metric| (metric, true)).into_iter().chain(regression) {
            let predict =
                |values: &[f64]| if classifies { binary(values) } else { Prediction::Values(values.to_vec()) };
            let accumulate = |rows: std::ops::Range<usize>| {
                let mut accumulator = metric.accumulator();
                accumulator.add(&predict(&values[rows.clone()]), &truth[rows]).unwrap();
                accumulator
            };
            let mut merged = metric.accumulator();
            for rows in [2..5, 0..0, 0..2] {
                merged.merge(&accumulate(rows).state()).unwrap();
            }
            let (merged, whole) = (merged.finish(), accumulate(0..5).finish());
            assert!((merged - whole).abs() < 1e-12, "{metric:?}: {merged} instead of {whole}");
        }
        assert!(Metric::F1.accumulator().merge(&[1.0, 0.0, 0.0, 0.0, 7.0]).is_err());
    }

    #[test]
    fn a_ranking_of_one_class_is_not_a_number() {
        let mut accumulator = Metric::Auc.accumulator();
        accumulator.add(&binary(&[0.1, 0.2]), &[0.0, 0.0]).unwrap();
        assert!(accumulator.finish().is_nan());
    }
}
