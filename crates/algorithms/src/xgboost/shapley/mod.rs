//! Exact Shapley values of tree ensembles, path-dependent: what XGBoost's `pred_contribs` and shap's `TreeExplainer` give.
//!
//! A feature that is withheld sends a row down both sides of a split, in the proportion of their covers (Lundberg et al.,
//! From local explanations to global understanding with explainable AI for trees, 2020, algorithm 2). So a leaf of value
//! `v`, whose path asks for the features `k`, adds `v prod_k x_k` to the worth of a coalition, `x_k` being `o_k` (1 where
//! the row would pass all of the path's splits by `k`, else 0) with `k` given, and `r_k` (the product of the splits' shares
//! of cover) without. The Shapley value of `j` is the integral along the diagonal of the game's multilinear extension
//! (Owen, Multilinear Extensions of Games, 1972):
//!
//! ```text
//! phi_j = sum over leaves of  v (o_j - r_j)  integral_0^1  prod_{k != j} ((1 - t) r_k + t o_k)  dt
//! ```
//!
//! The integrand is a polynomial, of a degree below the number `d` of features on the path, so that the Gauss-Legendre
//! rule of `d / 2` points, rounded up, gives it without error. Everything in it is a product of positive numbers: nothing
//! cancels. At each point, the product is carried down the tree and the sums over leaves are carried up, as in Linear
//! TreeSHAP (Yu et al., 2022), which does so with other points: each edge costs one step, however deep the tree.
//!
//! **How.** The trees become lists of steps down and up their edges. A list is run for a block of rows at a time, so that
//! each step is a loop over vectors. **Cost.** Per row: nodes x `d / 2` x some six multiplications or additions.

mod evaluate;
mod program;
mod quadrature;

use datafusion_ml_core::{Contributions, Error, Features, Result};

use super::tree::Tree;
use evaluate::{Evaluate, ROWS, Scratch};
use program::Program;

use crate::simd::dispatch;

/// An ensemble of trees, prepared for Shapley values.
#[derive(Debug)]
pub(super) struct Explainer {
    num_features: usize,
    num_outputs: usize,
    programs: Vec<Program>,
    /// The sum over trees of the mean of their leaves by cover, per output.
    expected: Vec<f64>,
}

impl Explainer {
    /// Prepares trees of so many features and outputs.
    pub(super) fn new(trees: &[Tree], num_features: usize, num_outputs: usize) -> Self {
        let mut expected = vec![0.0; num_outputs];
        let mut rules = quadrature::Rules::default();
        let programs = trees.iter().map(|tree| {
            let (program, mean) = Program::compile(tree, &mut rules);
            expected[tree.class as usize] += mean;
            program
        });
        Self { num_features, num_outputs, programs: programs.collect(), expected }
    }

    /// The Shapley values of all rows; `trees` are those it was made of, `base` is where margins start.
    pub(super) fn contributions(&self, trees: &[Tree], base: &[f32], features: &Features) -> Result<Contributions> {
        let (num_features, num_outputs) = (self.num_features, self.num_outputs);
        let mut scratch = Scratch::new(&self.programs).ok_or_else(|| {
            Error::invalid("the model's trees are too deep for Shapley values; train with a lower max_depth")
        })?;
        let mut values = vec![0.0; features.num_rows() * num_outputs * num_features];
        let mut given = vec![[f32::NAN; ROWS]; num_features];
        // `of_block[output * num_features + feature][row]`.
        let mut of_block = vec![[0.0; ROWS]; num_outputs * num_features];
        let mut buffer = Vec::new();
        for (block, values) in values.chunks_mut((ROWS * num_outputs * num_features).max(1)).enumerate() {
            let rows = block * ROWS..features.num_rows().min((block + 1) * ROWS);
            for (given, column) in given.iter_mut().zip(features.columns()) {
                given[..rows.len()].copy_from_slice(column.f32s(rows.clone(), &mut buffer));
            }
            of_block.fill([0.0; ROWS]);
            for (tree, program) in trees.iter().zip(&self.programs) {
                let out = &mut of_block[tree.class as usize * num_features..][..num_features];
                dispatch(Evaluate { tree, program, given: &given, scratch: &mut scratch, out });
            }
            for (row, values) in values.chunks_exact_mut(num_outputs * num_features).enumerate() {
                values.iter_mut().zip(&of_block).for_each(|(value, of_block)| *value = of_block[row]);
            }
        }
        let base = base.iter().zip(&self.expected).map(|(base, expected)| f64::from(*base) + expected).collect();
        Ok(Contributions { num_outputs, num_features, base, values, sampling_error: None })
    }
}

#[cfg(test)]
mod tests;
