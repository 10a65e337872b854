//! Approximate inverses of the Hessian, with which L-BFGS begins.

use super::loss::Loss;
use super::solve::Cholesky;

/// Added to the diagonal of a matrix that may be singular.
const RIDGE: f64 = 1e-9;

/// An approximation of the Hessian of an objective. Weights hold, per output, a weight per feature and the intercept last.
pub(super) enum Preconditioner {
    /// The Hessian at weights near by.
    Hessian(Cholesky),
    /// A bound of it for each output: the curvature of the loss times the Gram matrix of the features.
    Gram { factor: Cholesky, features: usize, curvature: f64 },
    /// A number for the weights, and one for the intercepts.
    Diagonal { features: usize, weight: f64, intercept: f64 },
}

impl Preconditioner {
    /// Of the Hessian of `size` weights.
    pub(super) fn of_hessian(hessian: &[f64], size: usize) -> Self {
        Self::Hessian(Cholesky::new(hessian, size, 1.0, RIDGE))
    }

    /// Of the Gram matrix of standardised features.
    pub(super) fn of_gram(matrix: &[f64], features: usize, loss: Loss, l2: f64) -> Self {
        let curvature = loss.curvature();
        Self::Gram { factor: Cholesky::new(matrix, features, curvature, l2 + RIDGE), features, curvature }
    }

    /// Of nothing but the number of features.
    pub(super) fn diagonal(features: usize, loss: Loss, l2: f64) -> Self {
        Self::Diagonal { features, weight: loss.curvature() + l2, intercept: loss.curvature() }
    }

    /// Multiplies by the inverse, in place.
    pub(super) fn apply(&self, direction: &mut [f64]) {
        match self {
            Self::Hessian(factor) => factor.solve(direction),
            Self::Gram { factor, features, curvature } => {
                for output in direction.chunks_exact_mut(features + 1) {
                    factor.solve(&mut output[..*features]);
                    output[*features] /= curvature;
                }
            }
            Self::Diagonal { features, weight, intercept } => {
                for output in direction.chunks_exact_mut(features + 1) {
                    output[..*features].iter_mut().for_each(|value| *value /= weight);
                    output[*features] /= intercept;
                }
            }
        }
    }
}
