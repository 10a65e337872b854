//! Passes over training data: blocks are worked on side by side and their results merged in the order of the blocks, so
//! that sums are the same, to the bit, on any number of threads.

use std::ops::Range;

use datafusion_ml_core::{Error, FeatureColumn, FitContext, Result, TrainingBlock, TrainingData};

use crate::parallel;

/// Runs `work` on a pool of the context's threads.
pub(crate) fn with_threads<T: Send>(context: &dyn FitContext, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(context.threads())
        .build()
        .map_err(|e| Error::internal(format!("no threads for training: {e}")))?
        .install(work)
}

/// Calls `map` for every block and `merge` with its results, in the order of the blocks. `steps_per_row` estimates the
/// work, in nanoseconds.
pub(crate) fn over_blocks<T: Send>(
    data: &dyn TrainingData,
    context: &dyn FitContext,
    steps_per_row: usize,
    map: impl Fn(&TrainingBlock) -> T + Send + Sync,
    mut merge: impl FnMut(T),
) -> Result<()> {
    let width = 2 * rayon::current_num_threads();
    let mut blocks = data.blocks();
    loop {
        context.checkpoint()?;
        let group = blocks.by_ref().take(width).collect::<Result<Vec<_>>>()?;
        if group.is_empty() {
            return Ok(());
        }
        let rows: usize = group.iter().map(|block| block.features.num_rows()).sum();
        let results = parallel::map(rows.saturating_mul(steps_per_row), group.iter().collect(), &map);
        results.into_iter().for_each(&mut merge);
    }
}

/// The ranges of at most `height` rows that make up `num_rows`.
pub(crate) fn tiles(num_rows: usize, height: usize) -> impl Iterator<Item = Range<usize>> {
    (0..num_rows.div_ceil(height)).map(move |tile| tile * height..((tile + 1) * height).min(num_rows))
}

/// How many rows of `num_features` double-precision columns fit the cache that is nearest to a core but one.
pub(crate) fn tile_height(num_features: usize) -> usize {
    (65_536 / num_features.max(1)).clamp(16, 1024)
}

/// The rows of a column as double precision, converted into `buffer` where they are not already.
pub(crate) fn values<'a>(column: &'a FeatureColumn, rows: Range<usize>, buffer: &'a mut Vec<f64>) -> &'a [f64] {
    column.f64s(rows, buffer)
}

/// `sum of a[i] * b[i]`, in eight running sums that the compiler keeps in vector registers.
#[inline]
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; 8];
    let (a_chunks, b_chunks) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f64 = a_chunks.remainder().iter().zip(b_chunks.remainder()).map(|(x, y)| x * y).sum();
    for (x, y) in a_chunks.zip(b_chunks) {
        for lane in 0..8 {
            sums[lane] += x[lane] * y[lane];
        }
    }
    sums.iter().sum::<f64>() + rest
}

/// `y[i] += factor * x[i]`.
#[inline]
pub(crate) fn axpy(factor: f64, x: &[f64], y: &mut [f64]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y += factor * x;
    }
}

/// Mean and variance of every feature, and the mean of the target if there is one (Chan, Golub, LeVeque, "Updating
/// formulae and a pairwise algorithm for computing sample variances", 1979).
#[derive(Debug, Clone, Default)]
pub(crate) struct Moments {
    pub(crate) count: f64,
    pub(crate) mean: Vec<f64>,
    /// 0 without a target.
    pub(crate) target_mean: f64,
    squares: Vec<f64>,
}

impl Moments {
    /// The moments of all rows.
    pub(crate) fn of(data: &dyn TrainingData, context: &dyn FitContext) -> Result<Self> {
        let features = data.feature_names().len();
        let mut all = Self { mean: vec![0.0; features], squares: vec![0.0; features], ..Self::default() };
        over_blocks(data, context, 2 * features, Self::of_block, |block| all.merge(&block))?;
        Ok(all)
    }

    fn of_block(block: &TrainingBlock) -> Self {
        let rows = block.features.num_rows();
        let mut buffer = Vec::new();
        let count = (rows as f64).max(1.0);
        let (target_mean, _) = mean_and_squares(&block.target, count);
        let mut moments = Self { count: rows as f64, target_mean, ..Self::default() };
        for column in block.features.columns() {
            let (mean, squares) = mean_and_squares(values(column, 0..rows, &mut buffer), count);
            moments.mean.push(mean);
            moments.squares.push(squares);
        }
        moments
    }

    fn merge(&mut self, other: &Self) {
        let count = self.count + other.count;
        if count == 0.0 {
            return;
        }
        self.target_mean += (other.target_mean - self.target_mean) * other.count / count;
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

/// The mean of `count` values and the sum of the squared differences from it. The mean of the differences corrects what
/// rounding takes from values far from 0, as times in seconds are.
fn mean_and_squares(values: &[f64], count: f64) -> (f64, f64) {
    let near = values.iter().sum::<f64>() / count;
    let (mut sum, mut squares) = (0.0, 0.0);
    for value in values {
        sum += value - near;
        squares += (value - near) * (value - near);
    }
    (near + sum / count, (squares - sum * sum / count).max(0.0))
}
