//! Losses of margins, and their derivatives.

use crate::passes::Tile;
use crate::simd::{Kernel, dispatch, exp, fma};

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

/// Turns margins into probabilities that sum to 1, in place.
pub(super) fn softmax(margins: &mut [f64]) {
    let largest = margins.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut sum = 0.0;
    for margin in margins.iter_mut() {
        *margin = (*margin - largest).exp();
        sum += *margin;
    }
    margins.iter_mut().for_each(|margin| *margin /= sum);
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

    /// The sum of the losses of some rows, of which `margins` hold a column per output. These become the derivatives.
    /// `rows` holds the target in its first column and 1 in its second, 0 in the padding.
    pub(super) fn differentiate(self, margins: &mut Tile, rows: &Tile) -> f64 {
        dispatch(Differentiate { loss: self, margins, target: rows.column(0), ones: rows.column(1) })
    }

    /// The second derivatives of the losses in the margins of a pair of outputs, given the first and the `rows` of
    /// [`Loss::differentiate`].
    pub(super) fn differentiate_again(self, pair: (usize, usize), first: &Tile, rows: &Tile, second: &mut Tile) {
        second.set_rows(rows.rows());
        let first = [first.column(pair.0), first.column(pair.1)];
        dispatch(DifferentiateAgain { loss: self, pair, first, target: rows.column(0), second: second.column_mut(0) });
    }

    /// The probability of an output's class, given the derivative of the loss in its margin, and the target.
    #[inline(always)]
    fn probability(self, output: usize, derivative: f64, target: f64) -> f64 {
        match self {
            Self::Squared => 0.0,
            Self::Logistic => derivative + target,
            Self::Softmax(_) => derivative + if target == output as f64 { 1.0 } else { 0.0 },
        }
    }
}

struct DifferentiateAgain<'a> {
    loss: Loss,
    pair: (usize, usize),
    first: [&'a [f64]; 2],
    target: &'a [f64],
    second: &'a mut [f64],
}

impl Kernel for DifferentiateAgain<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FUSED: bool, const LANES: usize>(self) {
        let Self { loss, pair: (a, b), first: [of_a, of_b], .. } = self;
        let same = f64::from(a == b);
        for (((second, of_a), of_b), y) in self.second.iter_mut().zip(of_a).zip(of_b).zip(self.target) {
            let (p, q) = (loss.probability(a, *of_a, *y), loss.probability(b, *of_b, *y));
            *second = if loss == Loss::Squared { 1.0 } else { p * (same - q) };
        }
    }
}

struct Differentiate<'a> {
    loss: Loss,
    margins: &'a mut Tile,
    target: &'a [f64],
    ones: &'a [f64],
}

impl Kernel for Differentiate<'_> {
    type Output = f64;

    #[inline(always)]
    fn run<const FUSED: bool, const LANES: usize>(self) -> f64 {
        let (target, ones) = (self.target.as_chunks::<LANES>().0, self.ones.as_chunks::<LANES>().0);
        match self.loss {
            Loss::Squared => squared(self.margins, target),
            Loss::Logistic => logistic::<FUSED, LANES>(self.margins, target, ones),
            Loss::Softmax(classes) => softmax_tile::<FUSED, LANES>(self.margins, classes, target, ones),
        }
    }
}

#[inline(always)]
fn squared<const LANES: usize>(margins: &mut Tile, target: &[[f64; LANES]]) -> f64 {
    let mut sums = [0.0; LANES];
    for (margins, target) in margins.column_mut(0).as_chunks_mut::<LANES>().0.iter_mut().zip(target) {
        for lane in 0..LANES {
            margins[lane] -= target[lane];
            sums[lane] += margins[lane] * margins[lane];
        }
    }
    sums.iter().sum::<f64>() / 2.0
}

#[inline(always)]
fn logistic<const FUSED: bool, const LANES: usize>(
    margins: &mut Tile,
    target: &[[f64; LANES]],
    ones: &[[f64; LANES]],
) -> f64 {
    let mut sum = 0.0;
    let margins = margins.column_mut(0).as_chunks_mut::<LANES>().0.chunks_mut(FACTORS);
    for ((margins, target), ones) in margins.zip(target.chunks(FACTORS)).zip(ones.chunks(FACTORS)) {
        let (mut sums, mut factors) = ([0.0; LANES], [1.0; LANES]);
        for ((margins, target), ones) in margins.iter_mut().zip(target).zip(ones) {
            for lane in 0..LANES {
                let (margin, y) = (margins[lane], target[lane]);
                // Of the less probable class, beside 1 for the other.
                let small = exp::<FUSED>(-margin.abs());
                let share = 1.0 / (1.0 + small);
                margins[lane] = if margin >= 0.0 { share } else { small * share } - y;
                sums[lane] += margin.max(0.0) - margin * y;
                factors[lane] *= fma::<FUSED>(small, ones[lane], 1.0);
            }
        }
        sum += sums.iter().sum::<f64>() + sum_of_logarithms(&factors);
    }
    sum
}

#[inline(always)]
fn softmax_tile<const FUSED: bool, const LANES: usize>(
    margins: &mut Tile,
    classes: usize,
    target: &[[f64; LANES]],
    ones: &[[f64; LANES]],
) -> f64 {
    let mut sum = 0.0;
    let steps = target.len().min(ones.len());
    for first in (0..steps).step_by(FACTORS) {
        let (mut sums, mut factors) = ([0.0; LANES], [1.0; LANES]);
        for step in first..(first + FACTORS).min(steps) {
            let (target, ones) = (&target[step], &ones[step]);
            let (mut largest, mut of_truth) = ([f64::NEG_INFINITY; LANES], [0.0; LANES]);
            for class in 0..classes {
                let margins = &margins.column(class).as_chunks::<LANES>().0[step];
                for lane in 0..LANES {
                    largest[lane] = largest[lane].max(margins[lane]);
                    of_truth[lane] += if target[lane] == class as f64 { margins[lane] } else { 0.0 };
                }
            }
            let mut exponentials = [0.0; LANES];
            for class in 0..classes {
                let margins = &mut margins.column_mut(class).as_chunks_mut::<LANES>().0[step];
                for lane in 0..LANES {
                    margins[lane] = exp::<FUSED>(margins[lane] - largest[lane]);
                    exponentials[lane] += margins[lane];
                }
            }
            let mut shares = [0.0; LANES];
            for lane in 0..LANES {
                shares[lane] = 1.0 / exponentials[lane];
                sums[lane] += (largest[lane] - of_truth[lane]) * ones[lane];
                factors[lane] *= fma::<FUSED>(exponentials[lane] - 1.0, ones[lane], 1.0);
            }
            for class in 0..classes {
                let margins = &mut margins.column_mut(class).as_chunks_mut::<LANES>().0[step];
                for lane in 0..LANES {
                    let truth = if target[lane] == class as f64 { 1.0 } else { 0.0 };
                    margins[lane] = fma::<FUSED>(margins[lane], shares[lane], -truth);
                }
            }
        }
        sum += sums.iter().sum::<f64>() + sum_of_logarithms(&factors);
    }
    sum
}

/// Logarithms are taken of products of this many numbers, which do not overflow: each is at most the number of classes.
const FACTORS: usize = 32;

/// Out of line: with a call in it, a loop would keep nothing in vector registers.
#[inline(never)]
fn sum_of_logarithms(factors: &[f64]) -> f64 {
    factors.iter().map(|factor| factor.ln()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(values: &[f64]) -> Tile {
        let mut tile = Tile::new(values.len(), 1);
        tile.set_rows(values.len());
        tile.set(0, values.iter().copied());
        tile
    }

    fn rows(target: &[f64]) -> Tile {
        let mut tile = Tile::new(target.len(), 2);
        tile.set_rows(target.len());
        tile.set(0, target.iter().copied());
        tile.set(1, target.iter().map(|_| 1.0));
        tile
    }

    #[test]
    fn logistic_loss_and_derivative_follow_their_formulae() {
        let margins = [0.0, 0.3, -2.0, 40.0, -800.0, 1e-9, 5.0];
        let target = [1.0, 0.0, 1.0, 1.0, 0.0, 1.0, 0.0];
        let mut tile = column(&margins);
        let sum = Loss::Logistic.differentiate(&mut tile, &rows(&target));
        let expected: f64 = margins.iter().zip(&target).map(|(m, y)| m.exp().ln_1p().min(1e3) - m * y).sum();
        assert!((sum - expected).abs() < 1e-13 * expected, "{sum} instead of {expected}");
        for ((m, y), ours) in margins.iter().zip(&target).zip(tile.column(0)) {
            assert!((ours - (sigmoid(*m) - y)).abs() < 1e-15, "{ours} at {m}");
        }
    }

    #[test]
    fn two_classes_of_softmax_are_logistic() {
        let margins: Vec<f64> = (-40..60).map(|m| f64::from(m) / 7.0).collect();
        let target: Vec<f64> = (0..100).map(|row| f64::from(row % 3 == 0)).collect();
        let mut one = column(&margins);
        let mut two = Tile::new(100, 2);
        two.set_rows(100);
        two.set(0, margins.iter().map(|m| -m / 2.0));
        two.set(1, margins.iter().map(|m| m / 2.0));
        let of_one = Loss::Logistic.differentiate(&mut one, &rows(&target));
        let of_two = Loss::Softmax(2).differentiate(&mut two, &rows(&target));
        assert!((of_one - of_two).abs() < 1e-12 * of_one, "{of_one} instead of {of_two}");
        for row in 0..100 {
            let [a, b, c] = [one.column(0)[row], two.column(0)[row], two.column(1)[row]];
            assert!((a - c).abs() < 1e-14 && (a + b).abs() < 1e-14, "{a}, {b}, {c}");
        }
    }
}
