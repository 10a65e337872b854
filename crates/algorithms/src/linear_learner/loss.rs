//! Losses of margins, and their mean and gradient over all rows.

use datafusion_ml_core::{FitContext, Result, TrainingBlock, TrainingData};

use super::gram::Scale;
use crate::passes::{axpy, dot, over_blocks, tile_height, tiles};

/// What is minimised, given the margins of a row: one, or one per class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Loss {
    /// Half the squared error.
    Squared,
    /// `ln(1 + exp(-m))` for class 1, `ln(1 + exp(m))` for class 0.
    Logistic,
    /// `ln(sum of exp(m)) - m[y]` over this many classes.
    Softmax(usize),
}

/// `1 / (1 + exp(-x))`, without overflow.
pub(super) fn sigmoid(x: f64) -> f64 {
    if x >= 0.0 { 1.0 / (1.0 + (-x).exp()) } else { x.exp() / (1.0 + x.exp()) }
}

/// Turns margins into probabilities that sum to 1, in place, and gives the logarithm of the sum of exponentials.
pub(super) fn softmax(margins: &mut [f64]) -> f64 {
    let largest = margins.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut sum = 0.0;
    for margin in margins.iter_mut() {
        *margin = (*margin - largest).exp();
        sum += *margin;
    }
    margins.iter_mut().for_each(|margin| *margin /= sum);
    largest + sum.ln()
}

impl Loss {
    /// The number of margins of a row.
    pub(super) fn outputs(self) -> usize {
        match self {
            Self::Squared | Self::Logistic => 1,
            Self::Softmax(classes) => classes,
        }
    }

    /// The Hessian of the loss in the margins is at most this times the identity.
    pub(super) fn curvature(self) -> f64 {
        match self {
            Self::Squared => 1.0,
            Self::Logistic => 0.25,
            Self::Softmax(_) => 0.5,
        }
    }

    /// The sum of the losses of some rows. `margins[output * rows + row]` become derivatives.
    fn differentiate(self, margins: &mut [f64], target: &[f64]) -> f64 {
        let rows = target.len();
        let mut sum = 0.0;
        match self {
            Self::Squared => {
                for (margin, y) in margins.iter_mut().zip(target) {
                    *margin -= y;
                    sum += *margin * *margin / 2.0;
                }
            }
            Self::Logistic => {
                for (margin, y) in margins.iter_mut().zip(target) {
                    let signed = if *y == 1.0 { *margin } else { -*margin };
                    sum += (-signed.abs()).exp().ln_1p() + (-signed).max(0.0);
                    *margin = sigmoid(*margin) - y;
                }
            }
            Self::Softmax(classes) => {
                let mut row_margins = vec![0.0; classes];
                for (row, y) in target.iter().enumerate() {
                    for (class, margin) in row_margins.iter_mut().enumerate() {
                        *margin = margins[class * rows + row];
                    }
                    let of_truth = row_margins[*y as usize];
                    sum += softmax(&mut row_margins) - of_truth;
                    row_margins[*y as usize] -= 1.0;
                    for (class, derivative) in row_margins.iter().enumerate() {
                        margins[class * rows + row] = *derivative;
                    }
                }
            }
        }
        sum
    }

    /// The mean loss over all rows and its gradient. `weights` hold, per output, a weight per standardised feature and
    /// the intercept last; so does the gradient.
    pub(super) fn mean_and_gradient(
        self,
        data: &dyn TrainingData,
        scale: &Scale,
        weights: &[f64],
        context: &dyn FitContext,
    ) -> Result<(f64, Vec<f64>)> {
        let (mut sum, mut gradient) = (0.0, vec![0.0; weights.len()]);
        let steps = 2 * weights.len() + 10 * self.outputs();
        let of_block = |block: &TrainingBlock| self.of_block(block, scale, weights);
        over_blocks(data, context, steps, of_block, |(block_sum, block_gradient)| {
            sum += block_sum;
            axpy(1.0, &block_gradient, &mut gradient);
        })?;
        let rows = data.num_rows() as f64;
        gradient.iter_mut().for_each(|value| *value /= rows);
        Ok((sum / rows, gradient))
    }

    fn of_block(self, block: &TrainingBlock, scale: &Scale, weights: &[f64]) -> (f64, Vec<f64>) {
        let features = scale.len();
        let mut gradient = vec![0.0; weights.len()];
        let mut sum = 0.0;
        let (mut tile, mut margins) = (Vec::new(), Vec::new());
        for rows in tiles(block.features.num_rows(), tile_height(features)) {
            let target = &block.target[rows.clone()];
            let height = rows.len();
            scale.fill(&block.features, rows, &mut tile);
            margins.clear();
            for output in weights.chunks_exact(features + 1) {
                margins.resize(margins.len() + height, output[features]);
                let start = margins.len() - height;
                for (column, weight) in tile.chunks_exact(height).zip(output) {
                    axpy(*weight, column, &mut margins[start..]);
                }
            }
            sum += self.differentiate(&mut margins, target);
            for (derivatives, gradient) in margins.chunks_exact(height).zip(gradient.chunks_exact_mut(features + 1)) {
                for (column, slot) in tile.chunks_exact(height).zip(gradient.iter_mut()) {
                    *slot += dot(derivatives, column);
                }
                gradient[features] += derivatives.iter().sum::<f64>();
            }
        }
        (sum, gradient)
    }
}
