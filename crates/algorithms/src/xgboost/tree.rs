//! A regression tree.

use std::sync::Arc;

use datafusion_ml_core::{Error, Result};

use super::categories::Categories;

/// A node of a tree: a split, or a leaf.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    /// The feature that decides; 0 of a leaf.
    pub(super) feature: u32,
    /// Rows below it go left; 0 of a leaf, and of a categorical split.
    pub(super) threshold: f32,
    /// Of a categorical split, those that go right.
    pub(super) categories: Option<Arc<Categories>>,
    /// Whether missing values go left.
    pub(super) default_left: bool,
    /// The left child; 0 (the root, which is nobody's child) marks a leaf.
    pub(super) left: u32,
    /// The right child.
    pub(super) right: u32,
    /// Of a leaf, what it adds to the margin; of a split, the weight it would have as a leaf, not shrunk by eta.
    pub(super) value: f32,
    /// By how much the split lowers twice the loss; 0 of a leaf.
    pub(super) gain: f32,
    /// The sum of second derivatives of the rows that came here in training.
    pub(super) cover: f32,
}

impl Node {
    /// A leaf.
    pub(super) fn leaf(value: f32, cover: f32) -> Self {
        Self {
            feature: 0,
            threshold: 0.0,
            categories: None,
            default_left: false,
            left: 0,
            right: 0,
            value,
            gain: 0.0,
            cover,
        }
    }

    /// Whether it is a leaf.
    #[inline(always)]
    pub(super) fn is_leaf(&self) -> bool {
        self.left == 0
    }

    /// The child for a value of the feature; NaN is missing.
    pub(super) fn child(&self, value: f32) -> u32 {
        let is_left = match &self.categories {
            _ if value.is_nan() => self.default_left,
            Some(categories) => !categories.contains(value),
            None => value < self.threshold,
        };
        if is_left { self.left } else { self.right }
    }
}

/// Nodes, of which the first is the root and every child comes after its parent.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tree {
    nodes: Vec<Node>,
    /// The output that it adds to.
    pub(super) class: u32,
}

impl Tree {
    /// A tree of damaged or foreign origin; fails unless every walk ends at a leaf and no number is NaN.
    pub(super) fn try_new(nodes: Vec<Node>, class: u32, num_features: usize) -> Result<Self> {
        let damaged =
            |node: usize, what: &str| Error::storage(format!("node {node} of a tree {what}; the model is damaged"));
        if nodes.is_empty() || u32::try_from(nodes.len()).is_err() {
            return Err(Error::storage(format!("a tree has {} nodes; the model is damaged", nodes.len())));
        }
        let mut is_child = vec![false; nodes.len()];
        for (index, node) in nodes.iter().enumerate() {
            if node.value.is_nan() || node.threshold.is_nan() {
                return Err(damaged(index, "holds NaN"));
            }
            if node.is_leaf() {
                continue;
            }
            if node.feature as usize >= num_features {
                return Err(damaged(index, &format!("asks for feature {} of {num_features}", node.feature)));
            }
            for child in [node.left as usize, node.right as usize] {
                if child <= index || child >= nodes.len() || std::mem::replace(&mut is_child[child], true) {
                    return Err(damaged(index, &format!("has the child {child}")));
                }
            }
        }
        Ok(Self { nodes, class })
    }

    /// A tree as it was grown.
    pub(super) fn grown(nodes: Vec<Node>, class: u32) -> Self {
        Self { nodes, class }
    }

    /// The nodes.
    pub(super) fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The bytes it takes, including its form for prediction.
    pub(super) fn memory_size(&self) -> usize {
        self.nodes.len() * 2 * size_of::<Node>()
    }

    /// What it adds to the margin of a row, `value` giving the row's features.
    pub(super) fn evaluate(&self, value: impl Fn(u32) -> f32) -> f32 {
        let mut node = &self.nodes[0];
        while !node.is_leaf() {
            node = &self.nodes[node.child(value(node.feature)) as usize];
        }
        node.value
    }

    /// The most splits between the root and a leaf.
    pub(super) fn depth(&self) -> usize {
        let mut depths = vec![0; self.nodes.len()];
        for (index, node) in self.nodes.iter().enumerate().filter(|(_, node)| !node.is_leaf()) {
            depths[node.left as usize] = depths[index] + 1;
            depths[node.right as usize] = depths[index] + 1;
        }
        depths.into_iter().max().unwrap_or(0)
    }
}
