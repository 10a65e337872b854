//! Solvers: Cholesky, coordinate descent, L-BFGS and accelerated proximal gradients.

use std::collections::VecDeque;

use datafusion_ml_core::Result;

use super::objective::Evaluation;
use super::precondition::Preconditioner;
use crate::passes::{axpy, dot};

/// A Cholesky factor of a symmetric positive semidefinite matrix plus a ridge. Columns that depend on earlier ones are
/// left out: their solution is 0.
#[derive(Debug)]
pub(super) struct Cholesky {
    size: usize,
    /// Lower triangle, by rows; a row of a column left out has 0 on the diagonal.
    factor: Vec<f64>,
}

impl Cholesky {
    /// The factor of `scale * matrix + ridge * identity`.
    pub(super) fn new(matrix: &[f64], size: usize, scale: f64, ridge: f64) -> Self {
        let mut factor = vec![0.0; size * size];
        for i in 0..size {
            for j in 0..=i {
                let (row_i, row_j) = (&factor[i * size..i * size + j], &factor[j * size..j * size + j]);
                let rest = scale * matrix[i * size + j] - dot(row_i, row_j);
                let pivot = factor[j * size + j];
                factor[i * size + j] = if i > j {
                    if pivot > 0.0 { rest / pivot } else { 0.0 }
                } else if rest + ridge > 1e-10 * (scale * matrix[i * size + i] + ridge) {
                    (rest + ridge).sqrt()
                } else {
                    0.0
                };
            }
        }
        Self { size, factor }
    }

    /// Solves for the right-hand side, in place.
    pub(super) fn solve(&self, values: &mut [f64]) {
        let (size, factor) = (self.size, &self.factor);
        for i in 0..size {
            let pivot = factor[i * size + i];
            let rest = values[i] - dot(&factor[i * size..i * size + i], &values[..i]);
            values[i] = if pivot > 0.0 { rest / pivot } else { 0.0 };
        }
        for i in (0..size).rev() {
            let pivot = factor[i * size + i];
            values[i] = if pivot > 0.0 { values[i] / pivot } else { 0.0 };
            let solved = values[i];
            for j in 0..i {
                values[j] -= factor[i * size + j] * solved;
            }
        }
    }
}

/// The `w` that minimises `w·G·w/2 − c·w + l2/2 |w|² + l1 |w|₁`.
pub(super) fn coordinate_descent(gram: &[f64], c: &[f64], l1: f64, l2: f64, epochs: usize, tolerance: f64) -> Vec<f64> {
    let size = c.len();
    let mut weights = vec![0.0; size];
    // The gradient of the smooth part without ridge: G·w − c.
    let mut gradient: Vec<f64> = c.iter().map(|value| -value).collect();
    for _ in 0..epochs.max(1000) {
        let mut largest_step = 0f64;
        for j in 0..size {
            let curvature = gram[j * size + j];
            if curvature + l2 <= 0.0 {
                continue;
            }
            let pull = curvature * weights[j] - gradient[j];
            let next = shrink(pull, l1) / (curvature + l2);
            let step = next - weights[j];
            if step != 0.0 {
                axpy(step, &gram[j * size..(j + 1) * size], &mut gradient);
                weights[j] = next;
                largest_step = largest_step.max(step.abs());
            }
        }
        if largest_step <= tolerance * 1e-3 {
            break;
        }
    }
    weights
}

/// Soft thresholding.
fn shrink(value: f64, by: f64) -> f64 {
    value.signum() * (value.abs() - by).max(0.0)
}

/// How many steps L-BFGS remembers.
const MEMORY: usize = 10;

/// Steps shorter than this are lost in rounding.
const SHORTEST: f64 = 1e-10;

/// When L-BFGS ends.
pub(super) struct Limits<'a> {
    /// The most evaluations.
    pub(super) epochs: usize,
    /// The length of the last step in the norm of the Hessian.
    pub(super) tolerance: f64,
    /// The most that a step may be longer than this times the one before it; infinite for no such limit.
    pub(super) pace: f64,
    /// Asked before each step, given the number of evaluations and the value, whether to go on.
    pub(super) go_on: &'a dyn Fn(usize, f64) -> bool,
}

/// How L-BFGS ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// At the minimum, or at one of the other limits.
    Done,
    /// Too slow after so many evaluations: the Hessian has changed.
    Slow(usize),
}

/// Minimises by L-BFGS (Nocedal and Wright, Numerical Optimization, 2006, algorithm 7.5) from `weights`, where the
/// objective has been evaluated, with a preconditioner in place of the initial inverse Hessian.
///
/// The length of a step in the norm of the Hessian is the root of what it is predicted to take off twice the value. Near
/// the minimum, where differences of values are rounding, steps are accepted by their slope (Hager and Zhang, "A new
/// conjugate gradient method with guaranteed descent and an efficient line search", 2005, the approximate Wolfe condition).
pub(super) fn lbfgs(
    objective: &mut dyn FnMut(&[f64]) -> Result<Evaluation>,
    preconditioner: &Preconditioner,
    weights: &mut [f64],
    mut at: Evaluation,
    limits: &Limits<'_>,
) -> Result<End> {
    let mut evaluations = 1;
    let mut last_length = f64::INFINITY;
    let mut history: VecDeque<(Vec<f64>, Vec<f64>, f64)> = VecDeque::new();
    let mut last_flat_slope = f64::NEG_INFINITY;
    while (limits.go_on)(evaluations, at.value) {
        let direction = direction(&at.gradient, &history, preconditioner);
        let slope = dot(&at.gradient, &direction);
        let step_length = (-slope).sqrt();
        if step_length <= limits.tolerance.max(SHORTEST) {
            // Too short to be worth an evaluation, and sure to lead nearer.
            axpy(1.0, &direction, weights);
            break;
        }
        if slope >= 0.0 || evaluations >= limits.epochs {
            break;
        }
        if step_length > limits.pace * last_length {
            return Ok(End::Slow(evaluations));
        }
        let rounding = 1e-14 * at.value.abs();
        let mut length = 1.0;
        let (next, next_at) = loop {
            let mut next = weights.to_vec();
            axpy(length, &direction, &mut next);
            let next_at = objective(&next)?;
            evaluations += 1;
            let is_flat = next_at.value <= at.value + rounding && dot(&next_at.gradient, &direction) <= -0.9 * slope;
            if next_at.value <= at.value + 1e-4 * length * slope || is_flat {
                break (next, next_at);
            }
            length /= 2.0;
            if length < 1e-10 || evaluations >= limits.epochs {
                return Ok(End::Done);
            }
        };
        let step: Vec<f64> = next.iter().zip(weights.iter()).map(|(a, b)| a - b).collect();
        let change: Vec<f64> = next_at.gradient.iter().zip(&at.gradient).map(|(a, b)| a - b).collect();
        let curvature = dot(&step, &change);
        if curvature > 0.0 {
            if history.len() == MEMORY {
                history.pop_front();
            }
            history.push_back((step, change, curvature));
        }
        weights.copy_from_slice(&next);
        if (next_at.value - at.value).abs() <= rounding {
            // Among values that are equal but for rounding, slopes must fall, or they are rounding, too.
            if slope <= last_flat_slope {
                break;
            }
            last_flat_slope = slope;
        } else {
            last_length = step_length;
        }
        at = next_at;
    }
    Ok(End::Done)
}

/// The two-loop recursion.
fn direction(
    gradient: &[f64],
    history: &VecDeque<(Vec<f64>, Vec<f64>, f64)>,
    preconditioner: &Preconditioner,
) -> Vec<f64> {
    let mut direction: Vec<f64> = gradient.iter().map(|value| -value).collect();
    let mut factors = Vec::with_capacity(history.len());
    for (step, change, curvature) in history.iter().rev() {
        let factor = dot(step, &direction) / curvature;
        axpy(-factor, change, &mut direction);
        factors.push(factor);
    }
    preconditioner.apply(&mut direction);
    for ((step, change, curvature), factor) in history.iter().zip(factors.into_iter().rev()) {
        let correction = dot(change, &direction) / curvature;
        axpy(factor - correction, step, &mut direction);
    }
    direction
}

/// Minimises the objective plus `l1` times the absolute weights, but for every `stride`-th (the intercepts), by
/// accelerated proximal gradients with restarts. `lipschitz` bounds the curvature of the objective.
pub(super) fn proximal_gradients(
    objective: &mut dyn FnMut(&[f64]) -> Result<Evaluation>,
    weights: &mut [f64],
    (l1, stride): (f64, usize),
    lipschitz: f64,
    limits: &Limits<'_>,
) -> Result<()> {
    let mut ahead = weights.to_vec();
    let mut momentum = 1.0f64;
    for epoch in 1..=limits.epochs {
        let Evaluation { value, gradient } = objective(&ahead)?;
        if !(limits.go_on)(epoch, value) {
            break;
        }
        let next: Vec<f64> = ahead
            .iter()
            .zip(&gradient)
            .enumerate()
            .map(|(index, (weight, slope))| {
                let moved = weight - slope / lipschitz;
                if (index + 1) % stride == 0 { moved } else { shrink(moved, l1 / lipschitz) }
            })
            .collect();
        let step: Vec<f64> = next.iter().zip(weights.iter()).map(|(a, b)| a - b).collect();
        let overshoot: f64 = ahead.iter().zip(&next).zip(&step).map(|((a, n), s)| (a - n) * s).sum();
        let next_momentum = if overshoot > 0.0 { 1.0 } else { (1.0 + (1.0 + 4.0 * momentum * momentum).sqrt()) / 2.0 };
        let inertia = if overshoot > 0.0 { 0.0 } else { (momentum - 1.0) / next_momentum };
        weights.copy_from_slice(&next);
        ahead = next;
        axpy(inertia, &step, &mut ahead);
        momentum = next_momentum;
        if lipschitz * dot(&step, &step) <= limits.tolerance * limits.tolerance * value.abs().max(1e-12) {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linear_learner::loss::Loss;

    #[test]
    fn cholesky_solves_and_leaves_dependent_columns_out() {
        let mut x = vec![1.0, 2.0];
        Cholesky::new(&[2.0, 1.0, 1.0, 2.0], 2, 1.0, 0.0).solve(&mut x);
        assert!(x[0].abs() < 1e-12 && (x[1] - 1.0).abs() < 1e-12);
        let mut x = vec![3.0, 3.0];
        Cholesky::new(&[1.0, 1.0, 1.0, 1.0], 2, 1.0, 0.0).solve(&mut x);
        assert_eq!(x, [3.0, 0.0]);
    }

    #[test]
    fn solvers_agree_on_a_quadratic() {
        let (gram, c) = ([2.0, 0.5, 0.5, 1.0], [1.0, -1.0]);
        let mut objective = |w: &[f64]| {
            let gw = [2.0 * w[0] + 0.5 * w[1], 0.5 * w[0] + w[1]];
            Ok(Evaluation { value: dot(w, &gw) / 2.0 - dot(&c, w) + 10.0, gradient: vec![gw[0] - c[0], gw[1] - c[1]] })
        };
        let mut exact = c.to_vec();
        Cholesky::new(&gram, 2, 1.0, 0.0).solve(&mut exact);
        let near = |w: &[f64]| w.iter().zip(&exact).all(|(a, b)| (a - b).abs() < 1e-6);
        assert!(near(&coordinate_descent(&gram, &c, 0.0, 0.0, 1000, 1e-9)));
        let mut weights = [0.0; 2];
        let start = objective(&weights).unwrap();
        let limits = Limits { epochs: 1000, tolerance: 1e-12, pace: f64::INFINITY, go_on: &|_, _| true };
        let preconditioner = Preconditioner::diagonal(1, Loss::Squared, 0.0);
        lbfgs(&mut objective, &preconditioner, &mut weights, start, &limits).unwrap();
        assert!(near(&weights), "{weights:?}");
        let mut weights = [0.0; 2];
        proximal_gradients(&mut objective, &mut weights, (0.0, 3), 2.5, &limits).unwrap();
        assert!(near(&weights), "{weights:?}");
    }
}
