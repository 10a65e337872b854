//! Mean and variance of every feature.

use datafusion_ml_core::TrainingBlock;

use crate::simd::{Kernel, dispatch};

/// Mean and variance of every feature (Chan, Golub, LeVeque, "Updating formulae and a pairwise algorithm for computing
/// sample variances", 1979).
#[derive(Debug, Clone, Default)]
pub(crate) struct Moments {
    pub(crate) count: f64,
    pub(crate) mean: Vec<f64>,
    squares: Vec<f64>,
}

impl Moments {
    /// The moments of no rows.
    pub(crate) fn new(features: usize) -> Self {
        Self { count: 0.0, mean: vec![0.0; features], squares: vec![0.0; features] }
    }

    /// The moments of some rows.
    pub(crate) fn of_block(block: &TrainingBlock) -> Self {
        let rows = block.features.num_rows();
        let mut buffer = Vec::new();
        let mut moments = Self { count: rows as f64, ..Self::default() };
        for column in block.features.columns() {
            let (mean, squares) = mean_and_squares(column.f64s(0..rows, &mut buffer));
            moments.mean.push(mean);
            moments.squares.push(squares);
        }
        moments
    }

    /// Adds the rows of others.
    pub(crate) fn merge(&mut self, other: &Self) {
        let count = self.count + other.count;
        if count == 0.0 {
            return;
        }
        for feature in 0..self.mean.len() {
            let delta = other.mean[feature] - self.mean[feature];
            self.mean[feature] += delta * other.count / count;
            self.squares[feature] += other.squares[feature] + delta * delta * self.count * other.count / count;
        }
        self.count = count;
    }

    /// The population variance of every feature.
    pub(crate) fn variance(&self) -> Vec<f64> {
        self.squares.iter().map(|squares| squares / self.count.max(1.0)).collect()
    }
}

/// The mean of values and the sum of the squared differences from it. The mean of the differences corrects what rounding
/// takes from values far from 0, as times in seconds are.
fn mean_and_squares(values: &[f64]) -> (f64, f64) {
    let count = (values.len() as f64).max(1.0);
    let (sum, _) = dispatch(Sums { values, from: 0.0 });
    let near = sum / count;
    let (sum, squares) = dispatch(Sums { values, from: near });
    (near + sum / count, (squares - sum * sum / count).max(0.0))
}

/// The sums of the differences from a number, and of their squares.
struct Sums<'a> {
    values: &'a [f64],
    from: f64,
}

impl Kernel for Sums<'_> {
    type Output = (f64, f64);

    #[inline(always)]
    fn run<const FUSED: bool, const LANES: usize>(self) -> (f64, f64) {
        let (vectors, rest) = self.values.as_chunks::<LANES>();
        // Four vectors of sums, so that an addition need not wait for the one before.
        let (mut sums, mut squares) = ([[0.0; LANES]; 4], [[0.0; LANES]; 4]);
        let (quads, others) = vectors.as_chunks::<4>();
        for quad in quads {
            for part in 0..4 {
                for lane in 0..LANES {
                    let value = quad[part][lane] - self.from;
                    sums[part][lane] += value;
                    squares[part][lane] += value * value;
                }
            }
        }
        let (mut sum, mut square) = (sums.as_flattened().iter().sum(), squares.as_flattened().iter().sum());
        for value in others.as_flattened().iter().chain(rest) {
            sum += value - self.from;
            square += (value - self.from) * (value - self.from);
        }
        (sum, square)
    }
}
