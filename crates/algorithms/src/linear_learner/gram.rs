//! The Gram matrix of standardised features, in one pass.

use datafusion_ml_core::{Error, FitContext, Result, TrainingBlock, TrainingData};

use super::scale::Scale;
use crate::passes::{Moments, Products, Tile, add_products, axpy, over_blocks};

/// Means of products of standardised features with each other and with the target.
#[derive(Debug, Clone)]
pub(super) struct Gram {
    pub(super) scale: Scale,
    pub(super) target_mean: f64,
    /// `matrix[i * features + j]`, symmetric.
    pub(super) matrix: Vec<f64>,
    /// Per feature, the target less its mean.
    pub(super) with_target: Vec<f64>,
}

impl Gram {
    /// One pass over the rows, of which there is at least one.
    ///
    /// Sums products of differences from the means of the first block. These are exact enough: of `n` rows in blocks of
    /// `b`, the means of the first block are within `sqrt(n / b)` standard deviations from those of all rows, so that
    /// taking the means of all rows off the sums loses no more than a factor `n / b` of precision.
    pub(super) fn of(data: &dyn TrainingData, context: &dyn FitContext) -> Result<Self> {
        let features = data.feature_names().len();
        let origin = Origin::of(data)?;
        let width = features + 2;
        let mut sums = vec![0.0; width * width];
        context.reserve(8 * sums.len() * (2 + 2 * context.threads()))?;
        let of_block = |_, block: &TrainingBlock| origin.products(block);
        over_blocks(data, context, 1 + width * width / 16, of_block, |block| axpy(1.0, &block, &mut sums))?;
        Ok(origin.gram(&sums))
    }
}

/// The means of the first rows, from which differences are taken.
struct Origin {
    features: Vec<f64>,
    target: f64,
}

impl Origin {
    fn of(data: &dyn TrainingData) -> Result<Self> {
        for block in data.blocks() {
            let block = block?;
            if block.features.num_rows() > 0 {
                let target = block.target.iter().sum::<f64>() / block.target.len().max(1) as f64;
                return Ok(Self { features: Moments::of_block(&block).mean, target });
            }
        }
        Err(Error::internal("no rows for a Gram matrix"))
    }

    /// The sums of products of a block's features, target and ones, by rows, of which the upper triangle is filled.
    fn products(&self, block: &TrainingBlock) -> Vec<f64> {
        let features = self.features.len();
        let width = features + 2;
        let mut sums = vec![0.0; width * width];
        let mut tile = Tile::new(Tile::height(block.features.num_rows(), width), width);
        for rows in Tile::ranges(block.features.num_rows(), width) {
            tile.load(&block.features, rows.clone(), self.features.iter().map(|mean| (*mean, 1.0)));
            tile.set(features, block.target[rows.clone()].iter().map(|y| y - self.target));
            tile.set(features + 1, std::iter::repeat_n(1.0, rows.len()));
            add_products(&tile, &tile, Products::Upper, &mut sums);
        }
        sums
    }

    /// The matrix, given the sums over all blocks.
    fn gram(self, sums: &[f64]) -> Gram {
        let features = self.features.len();
        let width = features + 2;
        let sum = |i: usize| sums[i * width + width - 1];
        let rows = sum(width - 1);
        let covariance = |i: usize, j: usize| (sums[i.min(j) * width + i.max(j)] - sum(i) * (sum(j) / rows)) / rows;
        let mean = self.features.iter().enumerate().map(|(i, origin)| origin + sum(i) / rows).collect();
        let scale = Scale::new(mean, (0..features).map(|i| covariance(i, i).max(0.0)).collect());
        // A factor of 0 makes a feature 0, even if its products overflow.
        let scaled = |value: f64, factor: f64| if factor == 0.0 { 0.0 } else { value * factor };
        let factor = |i: usize, j: usize| scale.factor[i] * scale.factor[j];
        let entries = (0..features).flat_map(|i| (0..features).map(move |j| (i, j)));
        Gram {
            target_mean: self.target + sum(features) / rows,
            matrix: entries.map(|(i, j)| scaled(covariance(i, j), factor(i, j))).collect(),
            with_target: (0..features).map(|i| scaled(covariance(i, features), scale.factor[i])).collect(),
            scale,
        }
    }
}
