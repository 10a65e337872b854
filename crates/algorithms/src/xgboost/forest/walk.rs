//! Trees too deep for planes: eight rows walk from node to node in lock-step.

use std::sync::Arc;

use super::BLOCK;
use crate::xgboost::categories::Categories;
use crate::xgboost::tree::{Node, Tree};

/// Rows that walk together, hiding each other's memory latency.
const LANES: usize = 8;
/// Trees deeper than this are likely to be lopsided, and rows that reach a leaf early should not wait for the others.
const DEEPEST: usize = 16;

/// A tree laid out for walking: a leaf is its own child, so that all rows can take as many steps as the tree is deep.
#[derive(Debug)]
pub(super) struct Walk {
    steps: Vec<Step>,
    /// Of each step that is a categorical split, the categories that go right; empty if no step is.
    categories: Vec<Option<Arc<Categories>>>,
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
        let is_categorical = tree.nodes().iter().any(|node| node.categories.is_some());
        let categories = tree.nodes().iter().filter(|_| is_categorical).map(|node| node.categories.clone()).collect();
        Self { steps: tree.nodes().iter().enumerate().map(step).collect(), categories, depth: tree.depth() }
    }

    /// The leaf of every row of a block, `values[feature * BLOCK + row]` being its features.
    pub(super) fn leaves(&self, values: &[f32]) -> [f32; BLOCK] {
        if self.categories.is_empty() {
            self.leaves_by(values, |node, value| value < self.steps[node as usize].threshold_or_leaf)
        } else {
            self.leaves_by(values, |node, value| match &self.categories[node as usize] {
                Some(categories) => !(value.is_nan() || categories.contains(value)),
                None => value < self.steps[node as usize].threshold_or_leaf,
            })
        }
    }

    /// The leaves, `is_left` telling which present values go left at a node; for NaN it is false.
    fn leaves_by(&self, values: &[f32], is_left: impl Fn(u32, f32) -> bool) -> [f32; BLOCK] {
        let next = |node: u32, row: usize| {
            let step = &self.steps[node as usize];
            let value = values[step.feature as usize * BLOCK + row];
            step.children[usize::from(is_left(node, value) | (value.is_nan() & step.default_left))]
        };
        let mut leaves = [0.0; BLOCK];
        for (group, leaves) in leaves.chunks_exact_mut(LANES).enumerate() {
            let first = group * LANES;
            let nodes = if self.depth <= DEEPEST { self.in_step(next, first) } else { alone(next, first) };
            for (leaf, node) in leaves.iter_mut().zip(nodes) {
                *leaf = self.steps[node as usize].threshold_or_leaf;
            }
        }
        leaves
    }

    /// The nodes where rows end that take every step together.
    fn in_step(&self, next: impl Fn(u32, usize) -> u32, first: usize) -> [u32; LANES] {
        let mut nodes = [0; LANES];
        for _ in 0..self.depth {
            for (lane, node) in nodes.iter_mut().enumerate() {
                *node = next(*node, first + lane);
            }
        }
        nodes
    }
}

/// The nodes where rows end that walk one after the other.
fn alone(next: impl Fn(u32, usize) -> u32, first: usize) -> [u32; LANES] {
    std::array::from_fn(|lane| {
        let mut node = 0;
        loop {
            let child = next(node, first + lane);
            if child == node {
                return node;
            }
            node = child;
        }
    })
}
