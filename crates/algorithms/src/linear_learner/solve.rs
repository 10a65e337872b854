//! Solvers: Cholesky, coordinate descent, L-BFGS and accelerated proximal gradients.

use std::collections::VecDeque;

use datafusion_ml_core::Result;

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

/// A function with a gradient; every evaluation is a pass over the rows.
pub(super) type Objective<'a> = dyn FnMut(&[f64]) -> Result<(f64, Vec<f64>)> + 'a;

/// How many steps L-BFGS remembers.
const MEMORY: usize = 10;

/// Minimises by L-BFGS (Nocedal and Wright, Numerical Optimization, 2006, algorithm 7.5) from `weights`, with
/// `precondition` in place of the initial inverse Hessian, until the predicted decrease falls below `tolerance` times the
/// value, or `epochs` evaluations. `go_on` is asked before each step.
pub(super) fn lbfgs(
    objective: &mut Objective<'_>,
    precondition: &dyn Fn(&mut [f64]),
    weights: &mut [f64],
    epochs: usize,
    tolerance: f64,
    go_on: &dyn Fn(usize, f64) -> bool,
) -> Result<()> {
    let (mut value, mut gradient) = objective(weights)?;
    let mut evaluations = 1;
    let mut history: VecDeque<(Vec<f64>, Vec<f64>, f64)> = VecDeque::new();
    while evaluations < epochs && go_on(evaluations, value) {
        let direction = direction(&gradient, &history, precondition);
        let slope = dot(&gradient, &direction);
        if slope >= 0.0 || -slope <= 2.0 * tolerance * value.abs().max(1e-12) {
            break;
        }
        let mut length = 1.0;
        let (next, next_value, next_gradient) = loop {
            let mut next = weights.to_vec();
            axpy(length, &direction, &mut next);
            let (next_value, next_gradient) = objective(&next)?;
            evaluations += 1;
            if next_value <= value + 1e-4 * length * slope {
                break (next, next_value, next_gradient);
            }
            length /= 2.0;
            if length < 1e-10 || evaluations >= epochs {
                return Ok(());
            }
        };
        let step: Vec<f64> = next.iter().zip(weights.iter()).map(|(a, b)| a - b).collect();
        let change: Vec<f64> = next_gradient.iter().zip(&gradient).map(|(a, b)| a - b).collect();
        let curvature = dot(&step, &change);
        if curvature > 0.0 {
            if history.len() == MEMORY {
                history.pop_front();
            }
            history.push_back((step, change, curvature));
        }
        weights.copy_from_slice(&next);
        (value, gradient) = (next_value, next_gradient);
    }
    Ok(())
}

/// The two-loop recursion.
fn direction(
    gradient: &[f64],
    history: &VecDeque<(Vec<f64>, Vec<f64>, f64)>,
    precondition: &dyn Fn(&mut [f64]),
) -> Vec<f64> {
    let mut direction: Vec<f64> = gradient.iter().map(|value| -value).collect();
    let mut factors = Vec::with_capacity(history.len());
    for (step, change, curvature) in history.iter().rev() {
        let factor = dot(step, &direction) / curvature;
        axpy(-factor, change, &mut direction);
        factors.push(factor);
    }
    precondition(&mut direction);
    for ((step, change, curvature), factor) in history.iter().zip(factors.into_iter().rev()) {
        let correction = dot(change, &direction) / curvature;
        axpy(factor - correction, step, &mut direction);
    }
    direction
}

/// Minimises the objective plus `l1` times the absolute weights, but for every `stride`-th (the intercepts), by
/// accelerated proximal gradients with restarts. `lipschitz` bounds the curvature of the objective.
pub(super) fn proximal_gradients(
    objective: &mut Objective<'_>,
    weights: &mut [f64],
    (l1, stride): (f64, usize),
    lipschitz: f64,
    epochs: usize,
    tolerance: f64,
    go_on: &dyn Fn(usize, f64) -> bool,
) -> Result<()> {
    let mut ahead = weights.to_vec();
    let mut momentum = 1.0f64;
    for epoch in 1..=epochs {
        let (value, gradient) = objective(&ahead)?;
        if !go_on(epoch, value) {
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
        if lipschitz * dot(&step, &step) <= tolerance * tolerance * value.abs().max(1e-12) {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

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
            Ok((dot(w, &gw) / 2.0 - dot(&c, w) + 10.0, vec![gw[0] - c[0], gw[1] - c[1]]))
        };
        let mut exact = c.to_vec();
        Cholesky::new(&gram, 2, 1.0, 0.0).solve(&mut exact);
        let near = |w: &[f64]| w.iter().zip(&exact).all(|(a, b)| (a - b).abs() < 1e-6);
        assert!(near(&coordinate_descent(&gram, &c, 0.0, 0.0, 1000, 1e-9)));
        let mut weights = [0.0; 2];
        lbfgs(&mut objective, &|_| {}, &mut weights, 100, 1e-16, &|_, _| true).unwrap();
        assert!(near(&weights), "{weights:?}");
        let mut weights = [0.0; 2];
        proximal_gradients(&mut objective, &mut weights, (0.0, 3), 2.5, 1000, 1e-12, &|_, _| true).unwrap();
        assert!(near(&weights), "{weights:?}");
    }
}
