//! The best split of a node, found in its histogram.

use super::bins::{Bins, Code};
use super::gradients::{Scale, Sum};
use super::histogram::Histogram;
use crate::simd::{Kernel, dispatch};

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

/// The best split of a node by one of `features`, `total` being the node's sum, if any gains more than `least_gain`.
///
/// Of equal gains the first feature wins, and missing values go right, as in XGBoost.
pub(super) fn best<C: Code>(
    bins: &Bins<C>,
    scale: &Scale,
    (histogram, total): (&Histogram, Sum),
    features: &[u32],
    regularization: &Regularization,
    least_gain: f64,
) -> Option<Split> {
    let (g, h) = scale.real(total);
    let node = Node { scale, regularization, total, gain: regularization.gain(g, h) };
    let mut best: Option<Split> = None;
    let mut best_gain = least_gain;
    let (mut buffer, mut lefts, mut gains) = (Vec::new(), Lefts::default(), Vec::new());
    for feature in features.iter().map(|feature| *feature as usize) {
        let sums = bins.sums(histogram, total, feature, &mut buffer);
        let num_bins = bins.feature(feature).num_bins();
        let missing = sums.get(num_bins).copied().unwrap_or_default();
        lefts.fill(&sums[..num_bins - 1]);
        let largest = node.gains(&lefts, Sum::default(), &mut gains);
        if largest > best_gain {
            // Of equal gains the smallest boundary wins.
            best = gains.iter().position(|gain| *gain == largest).map(|boundary| Split {
                gain: largest,
                feature,
                boundary,
                default_left: false,
                left: lefts.get(boundary),
            });
            best_gain = largest;
        }
        if missing == Sum::default() {
            continue;
        }
        let largest = node.gains(&lefts, missing, &mut gains);
        if largest > best_gain {
            // Of equal gains the largest boundary wins; boundary 0 parts missing from present.
            best = gains.iter().rposition(|gain| *gain == largest).map(|boundary| Split {
                gain: largest,
                feature,
                boundary,
                default_left: true,
                left: lefts.get(boundary) + missing,
            });
            best_gain = largest;
        }
    }
    best
}

/// The sums below each boundary of a feature, of the smallest boundary, 0, first.
#[derive(Debug, Default)]
struct Lefts {
    gradients: Vec<i64>,
    hessians: Vec<i64>,
}

impl Lefts {
    /// The sums below the boundaries before, between and after some bins.
    fn fill(&mut self, sums: &[Sum]) {
        self.gradients.resize(sums.len() + 1, 0);
        self.hessians.resize(sums.len() + 1, 0);
        let mut left = Sum::default();
        for ((sum, gradient), hessian) in sums.iter().zip(&mut self.gradients[1..]).zip(&mut self.hessians[1..]) {
            left += *sum;
            (*gradient, *hessian) = (left.gradient, left.hessian);
        }
    }

    fn get(&self, boundary: usize) -> Sum {
        Sum { gradient: self.gradients[boundary], hessian: self.hessians[boundary] }
    }
}

/// A node that is to be split.
#[derive(Debug, Clone, Copy)]
struct Node<'a> {
    scale: &'a Scale,
    regularization: &'a Regularization,
    total: Sum,
    /// Twice the loss that its best weight saves.
    gain: f64,
}

impl Node<'_> {
    /// By how much splits at all boundaries lower twice the loss, `more` going left besides; minus infinity where a side
    /// has too little weight. Returns the largest.
    fn gains(&self, lefts: &Lefts, more: Sum, gains: &mut Vec<f64>) -> f64 {
        gains.resize(lefts.gradients.len(), 0.0);
        dispatch(Gains { node: *self, lefts, more, gains })
    }
}

/// See [`Node::gains`].
struct Gains<'a> {
    node: Node<'a>,
    lefts: &'a Lefts,
    more: Sum,
    gains: &'a mut [f64],
}

impl Gains<'_> {
    #[inline(always)]
    fn fill(&mut self, saved: impl Fn(f64, f64) -> f64) {
        let Node { scale, regularization, total, gain: parent } = self.node;
        let least = regularization.min_child_weight;
        let lefts = self.lefts.gradients.iter().zip(&self.lefts.hessians);
        for ((gradient, hessian), gain) in lefts.zip(self.gains.iter_mut()) {
            let left = Sum { gradient: gradient + self.more.gradient, hessian: hessian + self.more.hessian };
            let right = total - left;
            let ((gl, hl), (gr, hr)) = (scale.real(left), scale.real(right));
            let is_heavy = (left.hessian > 0) & (right.hessian > 0) & (hl >= least) & (hr >= least);
            let saved = saved(gl, hl) + saved(gr, hr) - parent;
            // Infinity and NaN are no gain either.
            *gain = if is_heavy & (saved.abs() < f64::INFINITY) { saved } else { f64::NEG_INFINITY };
        }
    }
}

impl Kernel for Gains<'_> {
    type Output = f64;

    #[inline(always)]
    fn run<const FUSED: bool, const LANES: usize>(mut self) -> f64 {
        let regularization = self.node.regularization;
        if regularization.alpha == 0.0 && regularization.max_delta_step == 0.0 {
            self.fill(|g, h| g * g / (h + regularization.lambda));
        } else {
            self.fill(|g, h| regularization.gain(g, h));
        }
        let larger = |a: f64, b: f64| if b > a { b } else { a };
        let (groups, rest) = self.gains.as_chunks::<8>();
        let mut largest = [f64::NEG_INFINITY; 8];
        for group in groups {
            (0..8).for_each(|lane| largest[lane] = larger(largest[lane], group[lane]));
        }
        largest.iter().chain(rest).fold(f64::NEG_INFINITY, |a, b| larger(a, *b))
    }
}
