//! Count, mean, spread, skewness and range of numbers, taken row by row, so that nothing depends on how rows are batched.

use super::column::Scaling;
use crate::Transformer;

/// The moments of the numbers seen: Welford's recurrence, with Terriberry's for the third.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moments {
    pub(crate) count: f64,
    pub(crate) mean: f64,
    /// Sum of squared deviations from the mean.
    squares: f64,
    /// Sum of cubed deviations from the mean.
    cubes: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Default for Moments {
    fn default() -> Self {
        Self { count: 0.0, mean: 0.0, squares: 0.0, cubes: 0.0, min: f64::INFINITY, max: f64::NEG_INFINITY }
    }
}

impl Moments {
    pub(crate) fn add(&mut self, value: f64) {
        self.count += 1.0;
        let delta = value - self.mean;
        let step = delta / self.count;
        self.mean += step;
        let square = delta * (value - self.mean);
        self.cubes += square * step * (self.count - 2.0) - 3.0 * step * self.squares;
        self.squares += square;
        self.min = self.min.min(value);
        self.max = self.max.max(value);
    }

    /// Whether the numbers differ.
    pub(crate) fn varies(&self) -> bool {
        self.max > self.min
    }

    /// The third standardised moment: 0 for symmetric numbers and for constant ones, NaN where it overflows.
    pub(crate) fn skewness(&self) -> f64 {
        if self.squares == 0.0 { 0.0 } else { self.count.sqrt() * self.cubes / self.squares.powf(1.5) }
    }

    /// The map `(x − offset) × factor` of a scaler. A constant column becomes 0.
    pub(crate) fn scaling(&self, scaler: Transformer) -> Scaling {
        let (offset, range) = match scaler {
            Transformer::MinMax => (self.min, self.max - self.min),
            Transformer::Normalizer => (0.0, self.min.abs().max(self.max.abs())),
            _ => (self.mean, (self.squares / self.count).sqrt()),
        };
        if range > 0.0 && range.is_finite() {
            Scaling { offset, factor: range.recip() }
        } else {
            Scaling { offset: if offset.is_finite() { offset } else { 0.0 }, factor: 0.0 }
        }
    }

    /// Zero mean, unit variance.
    pub(crate) fn standard(&self) -> Scaling {
        self.scaling(Transformer::StandardScaler)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_those_of_the_definition() {
        let values = [1.0, 2.0, 2.0, 9.0, -4.0];
        let mut moments = Moments::default();
        values.iter().for_each(|value| moments.add(*value));
        let central = |power| values.iter().map(|value| (value - 2.0f64).powi(power)).sum::<f64>() / 5.0;
        assert!((moments.mean - 2.0).abs() < 1e-12);
        assert!((moments.skewness() - central(3) / central(2).powf(1.5)).abs() < 1e-12);
        assert!((moments.standard().factor - central(2).sqrt().recip()).abs() < 1e-12);
    }
}
