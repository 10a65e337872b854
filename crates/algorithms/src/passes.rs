//! Passes over training data: blocks are worked on side by side and their results merged in the order of the blocks, so
//! that sums are the same, to the bit, on any number of threads.

use std::ops::Range;

use datafusion_ml_core::{FeatureColumn, FitContext, Result, TrainingBlock, TrainingData};

use crate::parallel;

mod moments;
mod tile;

pub(crate) use moments::Moments;
pub(crate) use tile::{Products, Tile, add_products, combine};

/// Runs `work` on a pool of the context's threads.
pub(crate) fn with_threads<T: Send>(context: &dyn FitContext, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    parallel::on_threads(context.threads(), work)
}

/// How many values are worked on before the context is asked whether to go on.
const GROUP_VALUES: usize = 4_000_000;

/// Calls `map` for every block, with the number of its first row, and `merge` with its results, in the order of the
/// blocks. `steps_per_row` estimates the work, in nanoseconds.
pub(crate) fn over_blocks<T: Send>(
    data: &dyn TrainingData,
    context: &dyn FitContext,
    steps_per_row: usize,
    map: impl Fn(usize, &TrainingBlock) -> T + Send + Sync,
    mut merge: impl FnMut(T),
) -> Result<()> {
    let mut blocks = data.blocks();
    let mut next_row = 0;
    loop {
        context.checkpoint()?;
        let (first_row, mut group) = (next_row, Vec::new());
        while group.len() < 2 * parallel::threads()
            || (next_row - first_row) * data.feature_names().len().max(1) < GROUP_VALUES
        {
            let Some(block) = blocks.next().transpose()? else { break };
            let rows = block.features.num_rows();
            group.push((next_row, block));
            next_row += rows;
        }
        if group.is_empty() {
            return Ok(());
        }
        let steps = (next_row - first_row).saturating_mul(steps_per_row);
        let results = parallel::map(steps, group.iter().collect(), |(row, block)| map(*row, block));
        results.into_iter().for_each(&mut merge);
    }
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

/// The sum of values, in eight running sums.
#[inline]
pub(crate) fn sum(values: &[f64]) -> f64 {
    let mut sums = [0.0; 8];
    let (chunks, rest) = values.as_chunks::<8>();
    for chunk in chunks {
        for lane in 0..8 {
            sums[lane] += chunk[lane];
        }
    }
    sums.iter().sum::<f64>() + rest.iter().sum::<f64>()
}

/// `y[i] += factor * x[i]`.
#[inline]
pub(crate) fn axpy(factor: f64, x: &[f64], y: &mut [f64]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y += factor * x;
    }
}
