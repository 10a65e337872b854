//! Trees too deep for planes: eight rows walk from node to node in lock-step.

use super::BLOCK;
use crate::xgboost::tree::{Node, Tree};

/// Rows that walk together, hiding each other's memory latency.
const LANES: usize = 8;
/// Trees deeper than this are likely to be lopsided, and rows that reach a leaf early should not wait for the others.
const DEEPEST: usize = 16;

/// A tree laid out for walking: a leaf is its own child, so that all rows can take as many steps as the tree is deep.
#[derive(Debug)]
pub(super) struct Walk {
    steps: Vec<Step>,
    depth: usize,
}

#[derive(Debug, Clone, Copy)]
struct Step {
    feature: u32,
    /// Of a leaf, what it adds.
    threshold_or_leaf: f32,
    default_left: bool,
    /// Where to go: right, left.
    children: [u32; 2],
}

impl Walk {
    /// The walk of a tree.
    pub(super) fn new(tree: &Tree) -> Self {
        let step = |(index, node): (usize, &Node)| Step {
            feature: node.feature,
            threshold_or_leaf: if node.is_leaf() { node.value } else { node.threshold },
            default_left: node.default_left,
            children: if node.is_leaf() { [index as u32; 2] } else { [node.right, node.left] },
        };
        Self { steps: tree.nodes().iter().enumerate().map(step).collect(), depth: tree.depth() }
    }

    /// The leaf of every row of a block, `values[feature * BLOCK + row]` being its features.
    pub(super) fn leaves(&self, values: &[f32]) -> [f32; BLOCK] {
        let mut leaves = [0.0; BLOCK];
        for (group, leaves) in leaves.chunks_exact_mut(LANES).enumerate() {
            let first = group * LANES;
            let nodes = if self.depth <= DEEPEST { self.in_step(values, first) } else { self.alone(values, first) };
            for (leaf, node) in leaves.iter_mut().zip(nodes) {
                *leaf = self.steps[node as usize].threshold_or_leaf;
            }
        }
        leaves
    }

    /// The leaves of rows that take every step together.
    fn in_step(&self, values: &[f32], first: usize) -> [u32; LANES] {
        let mut nodes = [0; LANES];
        for _ in 0..self.depth {
            for (lane, node) in nodes.iter_mut().enumerate() {
                *node = self.steps[*node as usize].next(values, first + lane);
            }
        }
        nodes
    }

    /// The leaves of rows that walk one after the other.
    fn alone(&self, values: &[f32], first: usize) -> [u32; LANES] {
        std::array::from_fn(|lane| {
            let mut node = 0;
            loop {
                let next = self.steps[node as usize].next(values, first + lane);
                if next == node {
                    return node;
                }
                node = next;
            }
        })
    }
}

impl Step {
    #[inline(always)]
    fn next(&self, values: &[f32], row: usize) -> u32 {
        let value = values[self.feature as usize * BLOCK + row];
        let is_left = (value < self.threshold_or_leaf) | (value.is_nan() & self.default_left);
        self.children[usize::from(is_left)]
    }
}
