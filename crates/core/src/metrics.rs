//! Metrics by which a model is judged, accumulated over batches.

use serde::{Deserialize, Serialize};

use crate::{Error, Prediction, Result};

/// A figure that says how well predictions fit the truth. The variants' names are those that SHOW MODEL prints.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Root of the mean squared error.
    Rmse,
    /// Mean squared error.
    Mse,
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
    /// Harmonic mean of precision and recall of class 1.
    F1,
    /// Unweighted mean of every class's F1.
    F1Macro,
    /// Mean squared distance to the nearest centroid.
    Msd,
}

impl Metric {
    /// The name as printed behind `train:` and `validation:`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Rmse => "rmse",
            Self::Mse => "mse",
            Self::Rmsle => "rmsle",
            Self::Mphe(_) => "mphe",
            Self::TweedieNloglik(_) => "tweedie_nloglik",
            Self::Error => "error",
            Self::Merror => "merror",
            Self::BinaryAccuracy => "binary_accuracy",
            Self::MulticlassAccuracy => "multiclass_accuracy",
            Self::LogLoss => "logloss",
            Self::Auc => "auc",
            Self::F1 => "f1_binary",
            Self::F1Macro => "f1_macro",
            Self::Msd => "msd",
        }
    }

    /// An empty accumulator of this metric.
    pub fn accumulator(self) -> MetricAccumulator {
        MetricAccumulator { metric: self, count: 0.0, sum: 0.0, scores: Vec::new(), confusion: Vec::new() }
    }
}

/// A metric over the rows seen so far.
#[derive(Debug, Clone)]
pub struct MetricAccumulator {
    metric: Metric,
    count: f64,
    sum: f64,
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
            (Metric::LogLoss, Prediction::Probabilities { num_classes, values }) => {
                for (p, y) in values.chunks_exact(*num_classes).zip(target) {
                    self.sum -= p[*y as usize].clamp(1e-16, 1.0).ln();
                }
            }
            (Metric::Auc, Prediction::Probabilities { num_classes: 2, values }) => {
                self.scores.extend(values.chunks_exact(2).zip(target).map(|(p, y)| (p[1], *y == 1.0)));
            }
            (Metric::Auc, Prediction::Values(values)) => {
                self.scores.extend(values.iter().zip(target).map(|(v, y)| (*v, *y == 1.0)));
            }
            (Metric::F1 | Metric::F1Macro, prediction) => self.add_confusion(&classes(prediction)?, target),
            (Metric::Error | Metric::Merror, prediction) => {
                let wrong = classes(prediction)?.iter().zip(target).filter(|(c, y)| f64::from(**c) != **y).count();
                self.sum += wrong as f64;
            }
            (Metric::BinaryAccuracy | Metric::MulticlassAccuracy, prediction) => {
                let right = classes(prediction)?.iter().zip(target).filter(|(c, y)| f64::from(**c) == **y).count();
                self.sum += right as f64;
            }
            (metric, Prediction::Values(values)) => {
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
            Metric::F1 => self.confusion.get(1).copied().map_or(f64::NAN, f1),
            Metric::F1Macro => self.confusion.iter().copied().map(f1).sum::<f64>() / self.confusion.len().max(1) as f64,
            _ => self.sum / self.count,
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

fn f1([true_positives, false_positives, false_negatives]: [f64; 3]) -> f64 {
    let denominator = 2.0 * true_positives + false_positives + false_negatives;
    if denominator == 0.0 { 0.0 } else { 2.0 * true_positives / denominator }
}

/// The loss of one row under a metric that is a mean of losses. Formulas as in XGBoost's `elementwise_metric.cu`.
fn loss(metric: Metric, prediction: f64, truth: f64) -> f64 {
    match metric {
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
        Prediction::Probabilities { num_classes: 2, values: p.iter().flat_map(|p| [1.0 - p, *p]).collect() }
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
        check(Metric::F1, p, &y, 0.8);
        check(Metric::Auc, binary(&[0.5, 0.5]), &[1.0, 0.0], 0.5);
        check(Metric::Rmse, Prediction::Values(vec![1.0, 3.0]), &[1.0, 1.0], 2f64.sqrt());
        check(Metric::LogLoss, binary(&[0.5, 0.25]), &[1.0, 0.0], -(0.5f64.ln() + 0.75f64.ln()) / 2.0);
        check(Metric::Merror, Prediction::Classes(vec![0, 2, 2]), &[0.0, 1.0, 2.0], 1.0 / 3.0);
    }

    #[test]
    fn a_ranking_of_one_class_is_not_a_number() {
        let mut accumulator = Metric::Auc.accumulator();
        accumulator.add(&binary(&[0.1, 0.2]), &[0.0, 0.0]).unwrap();
        assert!(accumulator.finish().is_nan());
    }
}
