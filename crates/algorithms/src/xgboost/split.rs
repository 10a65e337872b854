//! The best split of a node, found in its histogram.

use super::bins::{Bins, Code};
use super::gradients::{Scale, Sum};
use super::histogram::Histogram;

/// A gain up to this is noise, as in XGBoost.
const LEAST_GAIN: f64 = 1e-6;

/// What holds leaf weights back. `G` and `H` are the sums of first and second derivatives of a node.
#[derive(Debug, Clone, Copy)]
pub(super) struct Regularization {
    pub(super) lambda: f64,
    pub(super) alpha: f64,
    pub(super) max_delta_step: f64,
    pub(super) min_child_weight: f64,
}

impl Regularization {
    /// The best weight of a leaf, `-T(G) / (H + lambda)`, where `T` moves `G` towards 0 by alpha.
    pub(super) fn weight(&self, g: f64, h: f64) -> f64 {
        if h < self.min_child_weight || h <= 0.0 {
            return 0.0;
        }
        let weight = -self.shrunk(g) / (h + self.lambda);
        if self.max_delta_step > 0.0 { weight.clamp(-self.max_delta_step, self.max_delta_step) } else { weight }
    }

    /// Twice the loss that the best weight saves: `T(G)^2 / (H + lambda)` unless the weight is clipped.
    #[inline(always)]
    fn gain(&self, g: f64, h: f64) -> f64 {
        if self.max_delta_step > 0.0 {
            let weight = self.weight(g, h);
            return -(2.0 * g * weight + (h + self.lambda) * weight * weight);
        }
        let g = self.shrunk(g);
        g * g / (h + self.lambda)
    }

    #[inline(always)]
    fn shrunk(&self, g: f64) -> f64 {
        if self.alpha == 0.0 {
            g
        } else if g > self.alpha {
            g - self.alpha
        } else if g < -self.alpha {
            g + self.alpha
        } else {
            0.0
        }
    }
}

/// A way to divide the rows of a node.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Split {
    /// By how much it lowers twice the loss.
    pub(super) gain: f64,
    pub(super) feature: usize,
    /// Codes below it go left.
    pub(super) boundary: usize,
    /// Whether missing values go left.
    pub(super) default_left: bool,
    /// The sum of the left side.
    pub(super) left: Sum,
}

/// The best split of a node by one of `features`, `total` being the node's sum, if any is good enough.
///
/// Of equal gains the first feature wins, and missing values go right, as in XGBoost.
pub(super) fn best<C: Code>(
    bins: &Bins<C>,
    scale: &Scale,
    (histogram, total): (&Histogram, Sum),
    features: &[u32],
    regularization: &Regularization,
    gamma: f64,
) -> Option<Split> {
    let (g, h) = scale.real(total);
    let parent = regularization.gain(g, h);
    let mut best: Option<Split> = None;
    let mut best_gain = LEAST_GAIN.max(gamma.next_down());
    let mut consider = |feature: usize, boundary: usize, default_left: bool, left: Sum| {
        let right = total - left;
        if left.hessian <= 0 || right.hessian <= 0 {
            return;
        }
        let ((gl, hl), (gr, hr)) = (scale.real(left), scale.real(right));
        if hl < regularization.min_child_weight || hr < regularization.min_child_weight {
            return;
        }
        let gain = regularization.gain(gl, hl) + regularization.gain(gr, hr) - parent;
        if gain > best_gain && gain.is_finite() {
            best_gain = gain;
            best = Some(Split { gain, feature, boundary, default_left, left });
        }
    };
    let mut buffer = Vec::new();
    for feature in features.iter().map(|feature| *feature as usize) {
        let sums = bins.sums(histogram, total, feature, &mut buffer);
        let num_bins = bins.feature(feature).num_bins();
        let missing = sums.get(num_bins).copied().unwrap_or_default();
        let mut left = Sum::default();
        for (bin, sum) in sums[..num_bins - 1].iter().enumerate() {
            if *sum != Sum::default() {
                left += *sum;
                consider(feature, bin + 1, false, left);
            }
        }
        if missing != Sum::default() {
            // From above, so that of equal gains the largest boundary wins; boundary 0 parts missing from present.
            let mut right = Sum::default();
            for (bin, sum) in sums[..num_bins].iter().enumerate().rev() {
                if *sum != Sum::default() {
                    right += *sum;
                    consider(feature, bin, true, total - right);
                }
            }
        }
    }
    best
}
