//! Rows that are not learned from: how well every round predicts them, and which round does so best.

use std::ops::Range;

use datafusion_ml_core::{Error, FitContext, Result, TrainingData};

use super::objective::Objective;
use super::tree::Tree;
use crate::parallel;

/// Rows that one thread takes at a time.
const CHUNK: usize = 2_048;

/// What a round says of the rows held out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Score {
    /// The objective's metric.
    pub(super) metric: f64,
    /// The log loss of a classification by probabilities, which moves before the share of wrong classes does.
    pub(super) log_loss: Option<f64>,
}

impl Score {
    /// The figure to be lowered.
    pub(super) fn to_lower(self) -> f64 {
        self.log_loss.unwrap_or(self.metric)
    }
}

/// Rows held out, with their margins so far. Row by row, since a walk down a tree reads few features of a row.
#[derive(Debug)]
pub(super) struct Validation<'a> {
    objective: &'a Objective,
    num_features: usize,
    /// `values[row * num_features + feature]`, NaN where it is missing.
    values: Vec<f32>,
    labels: Vec<f32>,
    /// `margins[row * num_outputs + output]`.
    margins: Vec<f32>,
}

impl<'a> Validation<'a> {
    /// Reads the rows held out of `data`, if there are any. `base` is where the margins start.
    pub(super) fn read(
        data: &dyn TrainingData,
        objective: &'a Objective,
        base: &[f32],
        context: &dyn FitContext,
    ) -> Result<Option<Self>> {
        let Some(data) = data.validation().filter(|data| data.num_rows() > 0) else {
            return Ok(None);
        };
        let num_features = data.feature_names().len();
        context.reserve(data.num_rows().saturating_mul(4 * (num_features + base.len() + 1)))?;
        let mut values = vec![0.0; data.num_rows() * num_features];
        let (mut labels, mut buffer) = (Vec::with_capacity(data.num_rows()), Vec::new());
        for block in data.blocks() {
            context.checkpoint()?;
            let block = block?;
            let start = labels.len();
            for target in &block.target {
                labels.push(objective.label(*target)?);
            }
            let rows = block.features.num_rows();
            if block.target.len() != rows
                || block.features.num_features() != num_features
                || labels.len() > data.num_rows()
            {
                return Err(Error::internal("the rows held out have another shape than they say"));
            }
            let values = &mut values[start * num_features..];
            for (feature, column) in block.features.columns().iter().enumerate() {
                for (row, value) in column.f32s(0..rows, &mut buffer).iter().enumerate() {
                    values[row * num_features + feature] = *value;
                }
            }
        }
        let margins = base.repeat(labels.len());
        Ok(Some(Self { objective, num_features, values, labels, margins }))
    }

    /// Adds the trees of a round.
    pub(super) fn add(&mut self, trees: &[Tree]) -> Score {
        let (width, outputs) = (self.num_features, self.objective.num_outputs());
        let (objective, labels, values) = (self.objective, &self.labels, &self.values);
        let work = labels.len() * trees.len() * 50;
        let chunks = self.margins.chunks_mut(CHUNK * outputs).enumerate().collect();
        let parts = parallel::map(work, chunks, |(chunk, margins): (usize, &mut [f32])| {
            let rows: Range<usize> = chunk * CHUNK..chunk * CHUNK + margins.len() / outputs;
            for (row, margins) in rows.clone().zip(margins.chunks_exact_mut(outputs)) {
                let values = &values[row * width..][..width];
                for tree in trees {
                    margins[tree.class as usize] += tree.evaluate(|feature| values[feature as usize]);
                }
            }
            losses(objective, margins, &labels[rows])
        });
        // Parts are summed in their order, which no number of threads changes.
        let [loss, log_loss] = parts.into_iter().fold([0.0; 2], |sum, part| [sum[0] + part[0], sum[1] + part[1]]);
        Score {
            metric: objective.mean_loss(loss, labels.len()),
            log_loss: objective.has_probabilities().then(|| log_loss / labels.len() as f64),
        }
    }
}

/// The sum of what the metric is the mean of, and of the log loss, where there is one.
fn losses(objective: &Objective, margins: &[f32], labels: &[f32]) -> [f64; 2] {
    match objective {
        Objective::BinaryLogistic { .. } => {
            let of_row = |(margin, label): (&f32, &f32)| {
                let margin = f64::from(if *label == 1.0 { -*margin } else { *margin });
                // ln(1 + e^margin) without overflow.
                margin.max(0.0) + (-margin.abs()).exp().ln_1p()
            };
            [objective.loss(margins, labels), margins.iter().zip(labels).map(of_row).sum()]
        }
        Objective::Softmax { num_classes } => {
            let mut sums = [0.0; 2];
            for (margins, label) in margins.chunks_exact(*num_classes).zip(labels) {
                let largest = margins.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                let best = margins.iter().position(|margin| *margin == largest);
                sums[0] += f64::from(u8::from(best != Some(*label as usize)));
                let sum: f64 = margins.iter().map(|margin| f64::from(margin - largest).exp()).sum();
                sums[1] += sum.ln() - f64::from(margins[*label as usize] - largest);
            }
            sums
        }
        _ => [objective.loss(margins, labels), 0.0],
    }
}

/// The best round so far.
#[derive(Debug)]
pub(super) struct BestRound {
    /// How many rounds may pass without a better one.
    patience: usize,
    round: usize,
    lowest: f64,
}

impl BestRound {
    /// None is best yet.
    pub(super) fn new(patience: usize) -> Self {
        Self { patience, round: 0, lowest: f64::INFINITY }
    }

    /// Takes a round down, counting from 1; returns whether it is time to stop.
    pub(super) fn is_over(&mut self, round: usize, value: f64) -> bool {
        if value < self.lowest || self.round == 0 {
            (self.round, self.lowest) = (round, if value.is_nan() { f64::INFINITY } else { value });
        }
        round - self.round >= self.patience
    }

    /// The best round.
    pub(super) fn round(&self) -> usize {
        self.round
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn training_is_over_when_no_round_was_better_for_long_enough() {
        let mut best = BestRound::new(2);
        let over: Vec<bool> =
            [3.0, 2.0, 2.0, 1.0, f64::NAN, 1.0].iter().zip(1..).map(|(v, round)| best.is_over(round, *v)).collect();
        assert_eq!((over, best.round()), (vec![false, false, false, false, false, true], 4));
    }

    #[test]
    fn losses_are_those_of_the_probabilities() {
        let logistic = Objective::BinaryLogistic { scale_pos_weight: 1.0 };
        let [wrong, log_loss] = losses(&logistic, &[2.0, -1.0, 800.0], &[1.0, 1.0, 0.0]);
        let p = |m: f64| 1.0 / (1.0 + (-m).exp());
        assert_eq!(wrong, 2.0);
        assert!((log_loss - (800.0 - p(2.0).ln() - p(-1.0).ln())).abs() < 1e-12);
        let [wrong, log_loss] = losses(&Objective::Softmax { num_classes: 2 }, &[0.0, 2.0, 0.0, -1.0], &[1.0, 1.0]);
        assert_eq!(wrong, 1.0);
        assert!((log_loss + p(2.0).ln() + p(-1.0).ln()).abs() < 1e-12);
    }
}
