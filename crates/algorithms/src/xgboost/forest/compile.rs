//! From trees to a program of planes.

use super::cutter::{Cutter, MAX_THRESHOLDS};
use super::simd::{InstructionSet, Plane};
use super::walk::Walk;
use super::{Forest, MAX_DEPTH};
use crate::xgboost::tree::{Node, Tree};

/// The conditions of an ensemble and where its trees find them.
#[derive(Debug, Default)]
pub(super) struct Program {
    /// The conditions on the codes of each cutter. Their planes follow one another in this order.
    pub(super) conditions: Vec<Conditions>,
    pub(super) num_planes: usize,
    /// The planes of all trees' inner nodes, level by level from the root, each level from left to right; as distances
    /// in bytes from the first plane. Below a leaf that is higher than others there is any plane.
    pub(super) nodes: Vec<u32>,
}

/// Conditions `code < level` on the codes of one cutter.
#[derive(Debug, Default)]
pub(super) struct Conditions {
    /// Those that do not hold for missing values, ascending.
    pub(super) missing_right: Vec<u8>,
    /// Those that hold for missing values, ascending.
    pub(super) missing_left: Vec<u8>,
}

/// What is to be done for one tree.
#[derive(Debug)]
pub(super) struct Step {
    /// The output that it adds to.
    pub(super) output: usize,
    pub(super) tree: StepTree,
}

/// How a tree is evaluated.
#[derive(Debug)]
pub(super) enum StepTree {
    /// By planes: the depth, from 1, and where its nodes and leaves begin.
    Planes { depth: usize, first_node: usize, first_leaf: usize },
    /// By walking: the number of the walk.
    Walk(usize),
}

impl Forest {
    /// Compiles trees that ask for none but the first `num_features` features.
    pub(in crate::xgboost) fn compile(
        trees: &[Tree],
        (num_features, num_outputs): (usize, usize),
        instruction_set: InstructionSet,
    ) -> Self {
        let depths: Vec<usize> = trees.iter().map(Tree::depth).collect();
        let flat = || trees.iter().zip(&depths).filter(|(_, depth)| **depth <= MAX_DEPTH).map(|(tree, _)| tree);
        let atlas = Atlas::new(num_features, flat());
        let complete = atlas.program(flat(), |_| false);
        let with_missing = atlas.program(flat(), |node| node.default_left);

        let (mut steps, mut leaves, mut walks) = (Vec::with_capacity(trees.len()), Vec::new(), Vec::new());
        let mut first_node = 0;
        for (tree, depth) in trees.iter().zip(depths) {
            let output = tree.class as usize;
            if depth > MAX_DEPTH {
                steps.push(Step { output, tree: StepTree::Walk(walks.len()) });
                walks.push(Walk::new(tree));
                continue;
            }
            let depth = depth.max(1);
            steps.push(Step { output, tree: StepTree::Planes { depth, first_node, first_leaf: leaves.len() } });
            first_node += num_nodes(depth);
            instruction_set.push_leaves(&leaves_of(tree, depth), &mut leaves);
        }
        let cutters = atlas.cutters;
        Self { instruction_set, num_features, num_outputs, cutters, complete, with_missing, steps, leaves, walks }
    }
}

/// The inner nodes of a complete tree.
pub(super) fn num_nodes(depth: usize) -> usize {
    (1 << depth) - 1
}

/// Where every threshold is found.
struct Atlas {
    cutters: Vec<Cutter>,
    /// The first cutter of each feature, of which all but the last are full.
    first_cutters: Vec<usize>,
    /// The thresholds of each feature, ascending.
    thresholds: Vec<Vec<f32>>,
}

impl Atlas {
    fn new<'a>(num_features: usize, trees: impl Iterator<Item = &'a Tree>) -> Self {
        let mut thresholds = vec![Vec::new(); num_features];
        for node in trees.flat_map(Tree::nodes).filter(|node| !node.is_leaf()) {
            thresholds[node.feature as usize].push(node.threshold);
        }
        let (mut cutters, mut first_cutters) = (Vec::new(), Vec::with_capacity(num_features));
        for (feature, thresholds) in thresholds.iter_mut().enumerate() {
            thresholds.sort_unstable_by(f32::total_cmp);
            // 0.0 and -0.0 are the same threshold.
            thresholds.dedup();
            first_cutters.push(cutters.len());
            cutters.extend(thresholds.chunks(MAX_THRESHOLDS).map(|chunk| Cutter::new(feature, chunk)));
        }
        Self { cutters, first_cutters, thresholds }
    }

    /// The cutter of a node's condition, and the code below which the condition holds.
    fn locate(&self, node: &Node) -> (usize, u8) {
        let feature = node.feature as usize;
        let rank = self.thresholds[feature].partition_point(|threshold| *threshold < node.threshold);
        (self.first_cutters[feature] + rank / MAX_THRESHOLDS, (rank % MAX_THRESHOLDS) as u8 + 1)
    }

    /// The conditions of all trees and the planes of their nodes; `is_left` says of which nodes missing values go left.
    fn program<'a>(&self, trees: impl Iterator<Item = &'a Tree> + Clone, is_left: impl Fn(&Node) -> bool) -> Program {
        let mut conditions: Vec<Conditions> = self.cutters.iter().map(|_| Conditions::default()).collect();
        for node in trees.clone().flat_map(Tree::nodes).filter(|node| !node.is_leaf()) {
            let (cutter, level) = self.locate(node);
            conditions[cutter].levels(is_left(node)).push(level);
        }
        let mut first_planes = Vec::with_capacity(conditions.len());
        let mut num_planes = 0;
        for conditions in &mut conditions {
            first_planes.push(num_planes);
            for levels in [&mut conditions.missing_right, &mut conditions.missing_left] {
                levels.sort_unstable();
                levels.dedup();
                num_planes += levels.len();
            }
        }
        let plane = |node: &Node| {
            let (cutter, level) = self.locate(node);
            let Conditions { missing_right, missing_left } = &conditions[cutter];
            let (before, levels) = if is_left(node) { (missing_right.len(), missing_left) } else { (0, missing_right) };
            let index = first_planes[cutter] + before + levels.partition_point(|of_plane| *of_plane < level);
            (index * size_of::<Plane>()) as u32
        };
        let mut nodes = Vec::new();
        for tree in trees {
            let first = nodes.len();
            nodes.resize(first + num_nodes(tree.depth().max(1)), 0);
            visit(tree, |node, level, from_left| {
                if !node.is_leaf() {
                    nodes[first + num_nodes(level) + from_left] = plane(node);
                }
            });
        }
        // One plane at least: nodes below leaves refer to the first.
        Program { conditions, num_planes: num_planes.max(1), nodes }
    }
}

impl Conditions {
    fn levels(&mut self, missing_left: bool) -> &mut Vec<u8> {
        if missing_left { &mut self.missing_left } else { &mut self.missing_right }
    }
}

/// The leaf of every path of `depth` decisions. Going left is a 1; the first decision is the highest bit.
fn leaves_of(tree: &Tree, depth: usize) -> Vec<f32> {
    let mut leaves = vec![0.0; 1 << depth];
    visit(tree, |node, level, from_left| {
        if node.is_leaf() {
            // From the left, paths count down from all ones.
            let width = 1 << (depth - level);
            let end = leaves.len() - from_left * width;
            leaves[end - width..end].fill(node.value);
        }
    });
    leaves
}

/// Visits every node with its level and how many nodes of that level would lie left of it in a complete tree.
fn visit(tree: &Tree, mut seen: impl FnMut(&Node, usize, usize)) {
    let mut open = vec![(0usize, 0, 0)];
    while let Some((index, level, from_left)) = open.pop() {
        let node = &tree.nodes()[index];
        seen(node, level, from_left);
        if !node.is_leaf() {
            open.push((node.left as usize, level + 1, 2 * from_left));
            open.push((node.right as usize, level + 1, 2 * from_left + 1));
        }
    }
}
