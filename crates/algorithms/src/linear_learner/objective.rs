//! The mean loss over all rows, its gradient and its Hessian, each in one pass.

use datafusion_ml_core::{FitContext, Result, TrainingBlock, TrainingData};

use super::loss::Loss;
use super::scale::Scale;
use crate::passes::{Products, Tile, add_products, axpy, combine, dot, over_blocks};

/// What is minimised over weights that hold, per output, a weight per standardised feature and the intercept last: the mean
/// loss and half of `l2` times the squared weights without the intercepts.
pub(super) struct Objective<'a> {
    pub(super) data: &'a dyn TrainingData,
    pub(super) context: &'a dyn FitContext,
    pub(super) loss: Loss,
    pub(super) scale: &'a Scale,
    pub(super) l2: f64,
}

/// An objective at some weights.
#[derive(Debug, Clone)]
pub(super) struct Evaluation {
    pub(super) value: f64,
    pub(super) gradient: Vec<f64>,
}

/// Sums over rows.
struct Sums {
    loss: f64,
    gradient: Vec<f64>,
    /// Per pair of outputs `a <= b`, a matrix by rows, of which the upper triangle is filled. Empty if not asked for.
    hessian: Vec<f64>,
}

impl Objective<'_> {
    /// The value and the gradient.
    pub(super) fn evaluate(&self, weights: &[f64]) -> Result<Evaluation> {
        Ok(self.finish(weights, &self.pass(weights, 0)?))
    }

    /// The value, the gradient and the Hessian, by rows.
    pub(super) fn evaluate_with_hessian(&self, weights: &[f64]) -> Result<(Evaluation, Vec<f64>)> {
        let (outputs, stride, size) = (self.loss.outputs(), self.scale.len() + 1, weights.len());
        let sums = self.pass(weights, pairs(outputs).count())?;
        let rows = self.data.num_rows() as f64;
        let mut hessian = vec![0.0; size * size];
        for ((a, b), block) in pairs(outputs).zip(sums.hessian.chunks_exact(stride * stride)) {
            for i in 0..stride {
                for j in 0..stride {
                    let entry = block[i.min(j) * stride + i.max(j)] / rows;
                    let (row, column) = (a * stride + i, b * stride + j);
                    hessian[row * size + column] = entry;
                    hessian[column * size + row] = entry;
                }
            }
        }
        for index in (0..size).filter(|index| (index + 1) % stride != 0) {
            hessian[index * size + index] += self.l2;
        }
        Ok((self.finish(weights, &sums), hessian))
    }

    /// Means and penalties from sums.
    fn finish(&self, weights: &[f64], sums: &Sums) -> Evaluation {
        let (features, stride, rows) = (self.scale.len(), self.scale.len() + 1, self.data.num_rows() as f64);
        let mut value = sums.loss / rows;
        let mut gradient: Vec<f64> = sums.gradient.iter().map(|sum| sum / rows).collect();
        for (weights, gradient) in weights.chunks_exact(stride).zip(gradient.chunks_exact_mut(stride)) {
            value += self.l2 / 2.0 * dot(&weights[..features], &weights[..features]);
            axpy(self.l2, &weights[..features], &mut gradient[..features]);
        }
        Evaluation { value, gradient }
    }

    fn pass(&self, weights: &[f64], num_pairs: usize) -> Result<Sums> {
        let stride = self.scale.len() + 1;
        let hessian_size = num_pairs * stride * stride;
        let new = || Sums { loss: 0.0, gradient: vec![0.0; weights.len()], hessian: vec![0.0; hessian_size] };
        let mut all = new();
        let steps = 1 + (4 * weights.len() + hessian_size) / 8 + 2 * self.loss.outputs();
        let of_block = |_, block: &TrainingBlock| {
            let mut sums = new();
            self.add_block(block, weights, &mut sums);
            sums
        };
        over_blocks(self.data, self.context, steps, of_block, |block| {
            all.loss += block.loss;
            axpy(1.0, &block.gradient, &mut all.gradient);
            axpy(1.0, &block.hessian, &mut all.hessian);
        })?;
        Ok(all)
    }

    fn add_block(&self, block: &TrainingBlock, weights: &[f64], sums: &mut Sums) {
        let (outputs, stride, num_rows) = (self.loss.outputs(), self.scale.len() + 1, block.features.num_rows());
        // Per feature and output, to be transposed.
        let mut slopes = vec![0.0; weights.len()];
        let height = Tile::height(num_rows, stride);
        let mut x = Tile::new(height, stride);
        let [mut margins, mut target] = [outputs, 2].map(|columns| Tile::new(height, columns));
        let with_hessian = usize::from(!sums.hessian.is_empty());
        let [mut second, mut weighted] = [1, stride].map(|columns| Tile::new(height, columns * with_hessian));
        for rows in Tile::ranges(num_rows, stride) {
            self.scale.load(&block.features, rows.clone(), &mut x);
            target.set_rows(rows.len());
            target.set(0, block.target[rows.clone()].iter().copied());
            target.set(1, std::iter::repeat_n(1.0, rows.len()));
            combine(&x, weights, &mut margins);
            sums.loss += self.loss.differentiate(&mut margins, &target);
            add_products(&x, &margins, Products::All, &mut slopes);
            for ((a, b), sums) in pairs(outputs).zip(sums.hessian.chunks_exact_mut(stride * stride)) {
                self.loss.differentiate_again((a, b), &margins, &target, &mut second);
                weighted.set_products(&x, second.column(0));
                add_products(&x, &weighted, Products::Upper, sums);
            }
        }
        for (output, gradient) in sums.gradient.chunks_exact_mut(stride).enumerate() {
            for (slot, slopes) in gradient.iter_mut().zip(slopes.chunks_exact(outputs)) {
                *slot += slopes[output];
            }
        }
    }
}

/// The pairs of outputs `a <= b`.
fn pairs(outputs: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..outputs).flat_map(move |a| (a..outputs).map(move |b| (a, b)))
}
