//! Margins of many rows at once: the whole ensemble is evaluated with bits instead of walked.
//!
//! For a block of 512 rows,
//!
//! 1. every value becomes a code: how many of the model's thresholds of that feature it has reached ([`cutter`]);
//! 2. every distinct condition `feature < threshold` of the whole ensemble becomes a plane: one bit per row. So does every
//!    categorical one: the bounds of the categories are thresholds too, and a set of codes tells where it holds;
//! 3. in every tree, the planes of a level are reduced pairwise, from below, by the decisions above them, until one
//!    plane per level says which way each row goes there: one ternary operation per node decides 512 rows;
//! 4. the decisions of a row, read across the planes, are the number of its leaf, and the leaf is added to its margin.
//!
//! All codes, planes and sums of a block stay in the cache. A missing value reaches no threshold; where it has to go
//! left, the rows in which the feature is missing are added to the plane. So there are two programs, and the one
//! without missing values is used for blocks that have none.
//!
//! Leaves are added in the order of the trees in single precision: the margins are those of a walk from node to node, to
//! the bit. Trees deeper than [`MAX_DEPTH`] are walked.

mod compile;
mod cutter;
mod evaluate;
mod simd;
mod walk;

use std::cell::RefCell;

use datafusion_ml_core::Features;

use compile::{Program, Step};
use cutter::Cutter;
use evaluate::Scratch;
pub use simd::InstructionSet;
use walk::Walk;

/// Rows that are evaluated at once.
const BLOCK: usize = 512;
/// Deeper trees have so many paths that trying them all is no quicker than walking.
const MAX_DEPTH: usize = 12;

/// An ensemble of trees, compiled for evaluation.
#[derive(Debug)]
pub(super) struct Forest {
    instruction_set: InstructionSet,
    num_features: usize,
    num_outputs: usize,
    cutters: Vec<Cutter>,
    /// For blocks without missing values.
    complete: Program,
    /// For the others.
    with_missing: Program,
    /// The trees in their order.
    steps: Vec<Step>,
    /// The leaves of the trees that are evaluated by planes.
    leaves: Vec<simd::Line>,
    /// The other trees.
    walks: Vec<Walk>,
}

thread_local! {
    /// Kept from batch to batch: a large model needs a few hundred kilobytes.
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

impl Forest {
    /// `margins[output][row]`: `base[output]` plus the leaves that the row reaches, added in the order of the trees.
    pub(super) fn margins(&self, base: &[f32], features: &Features) -> Vec<Vec<f32>> {
        debug_assert!(base.len() == self.num_outputs && features.num_features() >= self.num_features);
        let mut margins: Vec<Vec<f32>> = base.iter().map(|_| vec![0.0; features.num_rows()]).collect();
        SCRATCH.with_borrow_mut(|scratch| simd::evaluate(self, base, features, scratch, &mut margins));
        margins
    }
}

#[cfg(test)]
mod tests;
