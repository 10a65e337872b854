//! From features to the inputs of the first layer.
//!
//! A feature is first shifted by its median and divided by its spread. Then it becomes one linear input, cut off at
//! [`CLIP`] so that outliers do no harm, and, if asked for, one input per quantile bin, which rises inside the bin and is
//! flat outside: the piecewise linear encoding of Gorishniy, Rubachev, Babenko, "On embeddings for numerical
//! features in tabular deep learning", 2022, section 3.2. All inputs are therefore of one form, a line between two bounds.

use std::ops::Range;

use datafusion_ml_core::{Error, Features, Result};

/// Linear inputs end here, in spreads from the median.
const CLIP: f32 = 10.0;

/// Scaled features end here, far from where differences overflow.
const FARTHEST: f32 = 1e18;

/// How features become inputs.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Inputs {
    /// The median of every feature.
    pub(super) center: Vec<f64>,
    /// The inverse of its spread; 0 if it is constant.
    pub(super) factor: Vec<f64>,
    /// In the order of the features.
    pub(super) ramps: Vec<Ramp>,
}

/// An input: `(z - offset) * slope` of a scaled feature `z`, from `-bound` to `bound`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Ramp {
    pub(super) feature: u32,
    pub(super) offset: f32,
    pub(super) slope: f32,
    pub(super) bound: f32,
}

impl Inputs {
    /// Learns from a sample of every feature, which is sorted thereby. `bins` per feature; below 2 there are none.
    pub(super) fn learn(sample: &mut [Vec<f64>], bins: usize) -> Self {
        let mut inputs = Self { center: Vec::new(), factor: Vec::new(), ramps: Vec::new() };
        for (feature, values) in sample.iter_mut().enumerate() {
            values.retain(|value| !value.is_nan());
            values.sort_unstable_by(f64::total_cmp);
            let (center, factor) = center_and_factor(values);
            inputs.center.push(center);
            inputs.factor.push(factor);
            if factor > 0.0 {
                let feature = feature as u32;
                inputs.ramps.push(Ramp { feature, offset: 0.0, slope: 1.0, bound: CLIP });
                // Together they weigh about as much as the line.
                let bound = 1.0 / (bins.max(1) as f32).sqrt();
                let edges = edges(values, bins, |value| scaled(value, center, factor));
                inputs.ramps.extend(edges.windows(2).map(|edge| Ramp {
                    feature,
                    offset: edge[0] / 2.0 + edge[1] / 2.0,
                    slope: 2.0 * bound / (edge[1] - edge[0]),
                    bound,
                }));
            }
        }
        inputs
    }

    /// The number of features.
    pub(super) fn num_features(&self) -> usize {
        self.center.len()
    }

    /// The number of inputs.
    pub(super) fn len(&self) -> usize {
        self.ramps.len()
    }

    /// Appends scaled rows, row by row, to `scaled_rows`. Fails on another number of features.
    pub(super) fn scale(&self, features: &Features, rows: Range<usize>, scaled_rows: &mut Vec<f32>) -> Result<()> {
        let width = self.num_features();
        if features.num_features() != width {
            return Err(Error::internal(format!("{} features for a model of {width}", features.num_features())));
        }
        let start = scaled_rows.len();
        scaled_rows.resize(start + rows.len() * width, 0.0);
        let mut buffer = Vec::new();
        for (feature, column) in features.columns().iter().enumerate() {
            let (center, factor) = (self.center[feature], self.factor[feature]);
            if factor > 0.0 {
                let slots = scaled_rows[start + feature..].iter_mut().step_by(width);
                for (slot, value) in slots.zip(column.f64s(rows.clone(), &mut buffer)) {
                    *slot = scaled(*value, center, factor);
                }
            }
        }
        Ok(())
    }

    /// The inputs of one scaled row.
    pub(super) fn expand(&self, scaled_row: &[f32], inputs: &mut [f32]) {
        for (input, ramp) in inputs.iter_mut().zip(&self.ramps) {
            let value = (scaled_row[ramp.feature as usize] - ramp.offset) * ramp.slope;
            *input = value.clamp(-ramp.bound, ramp.bound);
        }
    }
}

/// Missing values lie at the median.
fn scaled(value: f64, center: f64, factor: f64) -> f32 {
    let scaled = (value - center) * factor;
    if scaled.is_nan() { 0.0 } else { (scaled as f32).clamp(-FARTHEST, FARTHEST) }
}

/// The median and the inverse spread of sorted values. The spread is the interquartile range as that of a normal distribution
/// of unit variance; of values of which half are equal the standard deviation; of two values, as indicators are, their
/// difference.
fn center_and_factor(sorted: &[f64]) -> (f64, f64) {
    /// The interquartile range of the normal distribution.
    const NORMAL: f64 = 1.348_979_500_392_163_5;
    let (Some(least), Some(most)) = (sorted.first(), sorted.last()) else { return (0.0, 0.0) };
    let quantile = |share: f64| sorted[((sorted.len() - 1) as f64 * share).round() as usize];
    let center = quantile(0.5);
    let (range, quartiles) = (most - least, quantile(0.75) - quantile(0.25));
    let spread = if sorted.iter().all(|value| value == least || value == most) {
        range
    } else if quartiles > 0.0 {
        quartiles / NORMAL
    } else {
        let mean = sorted.iter().map(|value| value / sorted.len() as f64).sum::<f64>();
        let squares = sorted.iter().map(|value| ((value - mean) / range).powi(2)).sum::<f64>();
        range * (squares / sorted.len() as f64).sqrt()
    };
    // What is smaller than this is rounding.
    let is_constant = spread <= 1e-12 * center.abs() || !spread.is_finite();
    let factor = if is_constant { 0.0 } else { spread.recip() };
    (center, if factor.is_finite() { factor } else { 0.0 })
}

/// The scaled edges of bins that hold about as many values each; empty if there were fewer than two bins.
fn edges(sorted: &[f64], bins: usize, scaled: impl Fn(f64) -> f32) -> Vec<f32> {
    let last = sorted.len().saturating_sub(1);
    let mut edges: Vec<f32> = (0..=bins).map(|edge| scaled(sorted[last * edge / bins.max(1)])).collect();
    edges.dedup_by(|next, edge| *next - *edge <= 1e-6 * edge.abs().max(1.0));
    if bins < 2 || edges.len() < 3 { Vec::new() } else { edges }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inputs_of(inputs: &Inputs, value: f64) -> Vec<f32> {
        let mut scaled_row = Vec::new();
        inputs.scale(&Features::from_f64(vec![vec![value]]).unwrap(), 0..1, &mut scaled_row).unwrap();
        let mut row = vec![0.0; inputs.len()];
        inputs.expand(&scaled_row, &mut row);
        row
    }

    /// Quartiles 25 and 75 of 0 to 100 are 50 apart: a spread of 37.06.
    #[test]
    fn a_number_becomes_a_line_and_a_ramp_per_bin() {
        let inputs = Inputs::learn(&mut [(0..=100).map(f64::from).collect()], 4);
        let spread = 50.0 / 1.349;
        for (value, ramps) in [
            (0.0, [-0.5; 4]),
            (25.0, [0.5, -0.5, -0.5, -0.5]),
            (62.5, [0.5, 0.5, 0.0, -0.5]),
            (100.0, [0.5; 4]),
            (200.0, [0.5; 4]),
        ] {
            let row = inputs_of(&inputs, value);
            assert!((f64::from(row[0]) - (value - 50.0) / spread).abs() < 1e-3, "{row:?}");
            assert!(row[1..].iter().zip(ramps).all(|(a, b)| (a - b).abs() < 1e-5), "{value}: {row:?}");
        }
        assert_eq!(inputs_of(&inputs, 1e300)[0], CLIP);
        assert_eq!(inputs_of(&inputs, f64::NAN), inputs_of(&inputs, 50.0));
    }

    #[test]
    fn an_indicator_stays_0_or_1_and_a_constant_is_left_out() {
        let rare = (0..200).map(|row| f64::from(row % 50 == 0)).collect();
        let inputs = Inputs::learn(&mut [rare], 16);
        assert_eq!([inputs_of(&inputs, 0.0), inputs_of(&inputs, 1.0)], [vec![0.0], vec![1.0]]);
        assert_eq!(Inputs::learn(&mut [vec![7.0; 30], vec![]], 16).len(), 0);
    }

    /// Times in seconds lie far from 0.
    #[test]
    fn a_far_origin_costs_no_precision() {
        let inputs = Inputs::learn(&mut [(0..1000).map(|row| 1.7e9 + f64::from(row)).collect()], 0);
        let step = inputs_of(&inputs, 1.7e9 + 501.0)[0] - inputs_of(&inputs, 1.7e9 + 500.0)[0];
        assert!((step - 1.349 / 500.0).abs() < 1e-5, "{step}");
    }
}
