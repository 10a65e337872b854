//! Making probabilities mean what they say.
//!
//! Raw outputs `m` become `scale * m + offset`. For two classes this is Platt's scaling ("Probabilistic outputs for support
//! vector machines", 1999), for several it is the scaling by a temperature (Guo, Pleiss, Sun, Weinberger, "On calibration of
//! modern neural networks", 2017), without an offset. As Platt does, the line of two classes is fitted to targets a little
//! inside 0 and 1, `1 / (n + 2)` of the `n` rows of a class, so that no sample, however well it is told apart, makes
//! probabilities certain. Both are learned from predictions out of fold, and kept only if they
//! lower the log loss of rows that they were not learned from.

use datafusion_ml_core::{RawOutputs, Task};

use crate::objective::{log_sum_exp, sigmoid, smooth_loss, softplus};

/// A straight line through raw outputs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Calibration {
    /// What raw outputs are multiplied by.
    pub scale: f64,
    /// What is added.
    pub offset: f64,
}

/// By how much, of its value, the log loss has to fall.
const WORTHWHILE: f64 = 0.001;
/// A flatter line would leave nothing of what a model says of a row but the shares of the classes.
const MIN_SCALE: f64 = 0.05;
/// Fewer rows teach nothing about probabilities.
const MIN_ROWS: usize = 20;
/// What is known of a line before any row is seen: that it changes nothing, to within 1, as surely as from so many rows.
const PRIOR_ROWS: f64 = 4.0;

impl Calibration {
    /// None at all.
    pub const NONE: Self = Self { scale: 1.0, offset: 0.0 };

    /// Calibrates raw outputs in place.
    pub(crate) fn apply(self, raw: &mut RawOutputs) {
        if self != Self::NONE {
            raw.values.iter_mut().for_each(|value| *value = self.scale * *value + self.offset);
        }
    }

    /// The calibration of raw outputs out of fold, if it is worthwhile: what is learned from one half of the rows has to
    /// help in the other, and the other way round. `is_odd` says which half a row is of.
    pub(crate) fn learn(task: Task, raw: &RawOutputs, target: &[f64], is_odd: &[bool]) -> Self {
        if !task.is_classification() || target.len() < MIN_ROWS {
            return Self::NONE;
        }
        let mut calibrated = 0.0;
        for odd in [false, true] {
            let (learned_on, applied_to): (Vec<usize>, Vec<usize>) =
                (0..target.len()).partition(|row| is_odd[*row] == odd);
            if learned_on.is_empty() || applied_to.is_empty() {
                return Self::NONE;
            }
            let (raw_of, target_of) = part(raw, target, &learned_on);
            let line = Self::fit(task, &raw_of, &target_of);
            let (mut raw_of, target_of) = part(raw, target, &applied_to);
            line.apply(&mut raw_of);
            calibrated += smooth_loss(task, &raw_of, &target_of) * target_of.len() as f64;
        }
        let plain = smooth_loss(task, raw, target) * target.len() as f64;
        if calibrated < plain * (1.0 - WORTHWHILE) { Self::fit(task, raw, target) } else { Self::NONE }
    }

    /// The line of least log loss and distance from none, by Newton's method with halved steps.
    fn fit(task: Task, raw: &RawOutputs, target: &[f64]) -> Self {
        let target = &soft(task, target)[..];
        let prior = PRIOR_ROWS / target.len().max(1) as f64;
        let loss = |line: Self| {
            let mut raw = raw.clone();
            line.apply(&mut raw);
            let distance = (line.scale - 1.0).powi(2) + line.offset.powi(2);
            soft_loss(task, &raw, target) + prior * distance / 2.0
        };
        let (mut line, mut best) = (Self::NONE, soft_loss(task, raw, target));
        for _ in 0..50 {
            let step = line.newton_step(task, raw, target);
            let mut share = 1.0;
            let next = loop {
                let scale = (line.scale - share * step.0).max(MIN_SCALE);
                let next = Self { scale, offset: line.offset - share * step.1 };
                let loss = loss(next);
                if loss < best {
                    break Some((next, loss));
                }
                share /= 2.0;
                if share < 1e-4 {
                    break None;
                }
            };
            let Some((next, loss)) = next else { break };
            let is_done = best - loss < 1e-12;
            (line, best) = (next, loss);
            if is_done {
                break;
            }
        }
        line
    }

    /// The inverse Hessian times the gradient of the mean log loss, in scale and offset.
    fn newton_step(self, task: Task, raw: &RawOutputs, target: &[f64]) -> (f64, f64) {
        let (mut g, mut h) = ([0.0; 2], [0.0; 3]);
        if task == Task::BinaryClassification {
            for (m, y) in raw.values.iter().zip(target) {
                let p = sigmoid(self.scale * m + self.offset);
                let (d, w) = (p - y, p * (1.0 - p));
                g[0] += d * m;
                g[1] += d;
                h[0] += w * m * m;
                h[1] += w * m;
                h[2] += w;
            }
        } else {
            let mut scaled = vec![0.0; raw.num_outputs];
            for (margins, y) in raw.values.chunks_exact(raw.num_outputs).zip(target) {
                scaled.iter_mut().zip(margins).for_each(|(scaled, m)| *scaled = self.scale * m);
                let total = log_sum_exp(&scaled);
                let expected = |of: &dyn Fn(f64) -> f64| -> f64 {
                    scaled.iter().zip(margins).map(|(scaled, m)| (scaled - total).exp() * of(*m)).sum()
                };
                let mean = expected(&|m| m);
                g[0] += mean - margins[*y as usize];
                h[0] += expected(&|m| (m - mean) * (m - mean));
            }
            // The offset stays 0.
            h[2] = 1.0;
        }
        let prior = PRIOR_ROWS;
        g[0] += prior * (self.scale - 1.0);
        g[1] += prior * self.offset;
        let (a, b, c) = (h[0] + prior, h[1], h[2] + prior);
        let determinant = a * c - b * b;
        if determinant <= 0.0 || !determinant.is_finite() {
            return (0.0, 0.0);
        }
        ((c * g[0] - b * g[1]) / determinant, (a * g[1] - b * g[0]) / determinant)
    }
}

/// The targets that Platt fits the line to.
fn soft(task: Task, target: &[f64]) -> Vec<f64> {
    if task != Task::BinaryClassification {
        return target.to_vec();
    }
    let ones = target.iter().sum::<f64>();
    let zeros = target.len() as f64 - ones;
    target.iter().map(|y| if *y == 1.0 { (ones + 1.0) / (ones + 2.0) } else { 1.0 / (zeros + 2.0) }).collect()
}

/// The log loss of targets that need not be 0 or 1.
fn soft_loss(task: Task, raw: &RawOutputs, target: &[f64]) -> f64 {
    if task != Task::BinaryClassification {
        return smooth_loss(task, raw, target);
    }
    let of_row = |(m, y): (&f64, &f64)| y * softplus(-m) + (1.0 - y) * softplus(*m);
    raw.values.iter().zip(target).map(of_row).sum::<f64>() / target.len().max(1) as f64
}

/// Some of the rows.
fn part(raw: &RawOutputs, target: &[f64], rows: &[usize]) -> (RawOutputs, Vec<f64>) {
    let outputs = raw.num_outputs;
    let values = rows.iter().flat_map(|row| &raw.values[row * outputs..(row + 1) * outputs]).copied().collect();
    (RawOutputs { num_outputs: outputs, values }, rows.iter().map(|row| target[*row]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Log-odds that are twice what they should be, and 1 too high.
    fn overconfident() -> (RawOutputs, Vec<f64>, Vec<bool>) {
        let mut values = Vec::new();
        let mut target = Vec::new();
        for row in 0..4000_i32 {
            let margin = f64::from(row % 41 - 20) / 10.0;
            let draw = f64::from(row.wrapping_mul(-1_640_531_535).rem_euclid(10_000)) / 10_000.0;
            values.push(2.0 * margin + 1.0);
            target.push(f64::from(u8::from(draw < sigmoid(margin))));
        }
        let is_odd = (0..4000).map(|row| row / 7 % 2 == 1).collect();
        (RawOutputs { num_outputs: 1, values }, target, is_odd)
    }

    #[test]
    fn overconfident_log_odds_are_brought_back() {
        let (raw, target, is_odd) = overconfident();
        let line = Calibration::learn(Task::BinaryClassification, &raw, &target, &is_odd);
        assert!((line.scale - 0.5).abs() < 0.05 && (line.offset + 0.5).abs() < 0.1, "{line:?}");
        let mut calibrated = raw.clone();
        line.apply(&mut calibrated);
        let again = Calibration::learn(Task::BinaryClassification, &calibrated, &target, &is_odd);
        assert_eq!(again, Calibration::NONE, "what is calibrated is left alone");
    }

    #[test]
    fn several_classes_get_a_temperature() {
        let (raw, target, is_odd) = overconfident();
        let values = raw.values.iter().flat_map(|m| [0.0, 3.0 * (m - 1.0)]).collect();
        let raw = RawOutputs { num_outputs: 2, values };
        let line = Calibration::learn(Task::MulticlassClassification, &raw, &target, &is_odd);
        assert!((line.scale - 1.0 / 6.0).abs() < 0.02 && line.offset == 0.0, "{line:?}");
    }

    #[test]
    fn numbers_and_few_rows_are_left_alone() {
        let (raw, target, is_odd) = overconfident();
        assert_eq!(Calibration::learn(Task::Regression, &raw, &target, &is_odd), Calibration::NONE);
        let raw = RawOutputs { num_outputs: 1, values: raw.values[..15].to_vec() };
        let few = Calibration::learn(Task::BinaryClassification, &raw, &target[..15], &is_odd[..15]);
        assert_eq!(few, Calibration::NONE);
    }
}
