//! Standardised features.

use std::ops::Range;

use datafusion_ml_core::Features;

use crate::passes::Tile;

/// The map from features to standardised ones, `(x − mean) × factor`. A constant feature becomes 0.
#[derive(Debug, Clone)]
pub(super) struct Scale {
    pub(super) mean: Vec<f64>,
    pub(super) factor: Vec<f64>,
}

impl Scale {
    pub(super) fn new(mean: Vec<f64>, variance: Vec<f64>) -> Self {
        let factors = mean.iter().zip(variance).map(|(mean, variance)| {
            let deviation = variance.sqrt();
            // What is smaller than this is rounding.
            if deviation > 1e-12 * mean.abs() && deviation.is_finite() { deviation.recip() } else { 0.0 }
        });
        Self { factor: factors.collect(), mean }
    }

    /// The number of features.
    pub(super) fn len(&self) -> usize {
        self.mean.len()
    }

    /// Fills a tile with the standardised rows, and a last column of ones for the intercept.
    pub(super) fn load(&self, features: &Features, rows: Range<usize>, tile: &mut Tile) {
        tile.load(features, rows.clone(), self.mean.iter().copied().zip(self.factor.iter().copied()));
        tile.set(self.len(), std::iter::repeat_n(1.0, rows.len()));
    }

    /// Makes weights for features standardised by `self`, per output with the intercept last, fit this scale.
    pub(super) fn convert(&self, weights: &mut [f64], to: &Self) {
        for output in weights.chunks_exact_mut(self.len() + 1) {
            let (weights, intercept) = output.split_at_mut(self.len());
            for (feature, weight) in weights.iter_mut().enumerate() {
                let raw = *weight * self.factor[feature];
                intercept[0] += raw * (to.mean[feature] - self.mean[feature]);
                *weight = if to.factor[feature] > 0.0 { raw / to.factor[feature] } else { 0.0 };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn converted_weights_give_the_same_margin() {
        let (from, to) = (Scale::new(vec![1.0, 5.0], vec![4.0, 0.0]), Scale::new(vec![3.0, 5.5], vec![9.0, 1.0]));
        let margin = |scale: &Scale, weights: &[f64], x: [f64; 2]| -> f64 {
            weights[2] + (0..2).map(|i| weights[i] * (x[i] - scale.mean[i]) * scale.factor[i]).sum::<f64>()
        };
        let mut weights = [0.5, 0.0, -1.0];
        let before = margin(&from, &weights, [7.0, 6.0]);
        from.convert(&mut weights, &to);
        assert!((margin(&to, &weights, [7.0, 6.0]) - before).abs() < 1e-14);
    }
}
