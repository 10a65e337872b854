//! Standardised features, and their Gram matrix in one pass.

use std::ops::Range;

use datafusion_ml_core::{Features, FitContext, Result, TrainingBlock, TrainingData};

use crate::passes::{Moments, axpy, dot, over_blocks, tile_height, tiles, values};

/// The map from features to standardised ones, `(x − mean) × factor`. A constant feature becomes 0.
#[derive(Debug, Clone)]
pub(super) struct Scale {
    pub(super) mean: Vec<f64>,
    pub(super) factor: Vec<f64>,
}

impl Scale {
    pub(super) fn new(moments: &Moments) -> Self {
        let factors = moments.mean.iter().zip(moments.variance()).map(|(mean, variance)| {
            let deviation = variance.sqrt();
            // What is smaller than this is rounding.
            if deviation > 1e-12 * mean.abs() && deviation.is_finite() { deviation.recip() } else { 0.0 }
        });
        Self { mean: moments.mean.clone(), factor: factors.collect() }
    }

    /// The number of features.
    pub(super) fn len(&self) -> usize {
        self.mean.len()
    }

    /// Fills `tile` with the standardised rows, column by column.
    pub(super) fn fill(&self, features: &Features, rows: Range<usize>, tile: &mut Vec<f64>) {
        tile.clear();
        let mut buffer = Vec::new();
        for (index, column) in features.columns().iter().enumerate() {
            let (mean, factor) = (self.mean[index], self.factor[index]);
            tile.extend(values(column, rows.clone(), &mut buffer).iter().map(|value| (value - mean) * factor));
        }
    }
}

/// Means of products of standardised features with each other and with the target.
#[derive(Debug, Clone)]
pub(super) struct Gram {
    /// `matrix[i * features + j]`, symmetric.
    pub(super) matrix: Vec<f64>,
    /// Per feature, the target less its mean.
    pub(super) with_target: Vec<f64>,
}

impl Gram {
    /// One pass over the rows.
    pub(super) fn of(
        data: &dyn TrainingData,
        scale: &Scale,
        target_mean: f64,
        context: &dyn FitContext,
    ) -> Result<Self> {
        let features = scale.len();
        let mut sums = Self { matrix: vec![0.0; features * features], with_target: vec![0.0; features] };
        let of_block = |block: &TrainingBlock| Self::of_block(block, scale, target_mean);
        over_blocks(data, context, features * (features + 3) / 2, of_block, |block| {
            axpy(1.0, &block.matrix, &mut sums.matrix);
            axpy(1.0, &block.with_target, &mut sums.with_target);
        })?;
        let rows = data.num_rows() as f64;
        sums.matrix.iter_mut().for_each(|sum| *sum /= rows);
        sums.with_target.iter_mut().for_each(|sum| *sum /= rows);
        for i in 0..features {
            for j in 0..i {
                sums.matrix[i * features + j] = sums.matrix[j * features + i];
            }
        }
        Ok(sums)
    }

    /// Sums, not means, over the upper triangle.
    fn of_block(block: &TrainingBlock, scale: &Scale, target_mean: f64) -> Self {
        let features = scale.len();
        let mut sums = Self { matrix: vec![0.0; features * features], with_target: vec![0.0; features] };
        let (mut tile, mut target) = (Vec::new(), Vec::new());
        for rows in tiles(block.features.num_rows(), tile_height(features)) {
            target.clear();
            target.extend(block.target[rows.clone()].iter().map(|y| y - target_mean));
            let height = rows.len();
            scale.fill(&block.features, rows, &mut tile);
            let columns: Vec<&[f64]> = tile.chunks_exact(height).collect();
            for i in 0..features {
                sums.with_target[i] += dot(columns[i], &target);
                for j in i..features {
                    sums.matrix[i * features + j] += dot(columns[i], columns[j]);
                }
            }
        }
        sums
    }
}
