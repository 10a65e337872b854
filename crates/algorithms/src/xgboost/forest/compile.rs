//! From trees to a program of planes.

use super::cutter::{Cutter, MAX_THRESHOLDS};
use super::simd::{CodeSet, InstructionSet, Plane};
use super::walk::Walk;
use super::{Forest, MAX_DEPTH};
use crate::xgboost::categories::Categories;
use crate::xgboost::tree::{Node, Tree};

/// The conditions of an ensemble and where its trees find them.
#[derive(Debug, Default)]
pub(super) struct Program {
    /// The conditions on the codes of each cutter. Their planes follow one another in this order.
    pub(super) conditions: Vec<Conditions>,
    /// The conditions of categorical splits. Their planes follow those of the others.
    pub(super) categorical: Vec<CategoricalCondition>,
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

/// The condition that a value is none of some categories: whether it has reached an even number of their bounds.
#[derive(Debug)]
pub(super) struct CategoricalCondition {
    /// The cutters that have bounds among their thresholds, each with a set of codes: the condition holds where an odd
    /// number of the sets have the row's code.
    pub(super) sets: Vec<(usize, CodeSet)>,
    /// Whether it holds for missing values.
    pub(super) missing_left: bool,
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
            match &node.categories {
                Some(categories) => thresholds[node.feature as usize].extend(categories.bounds()),
                None => thresholds[node.feature as usize].push(node.threshold),
            }
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

    /// The cutter of a feature's threshold, and the least code of the values that have reached it.
    fn locate(&self, feature: u32, threshold: f32) -> (usize, u8) {
        let feature = feature as usize;
        let rank = self.thresholds[feature].partition_point(|lower| *lower < threshold);
        (self.first_cutters[feature] + rank / MAX_THRESHOLDS, (rank % MAX_THRESHOLDS) as u8 + 1)
    }

    /// The condition of a categorical split.
    fn categorical_condition(&self, feature: u32, categories: &Categories, missing_left: bool) -> CategoricalCondition {
        let mut sets: Vec<(usize, CodeSet)> = Vec::new();
        for bound in categories.bounds() {
            let (cutter, level) = self.locate(feature, bound);
            if sets.last().is_none_or(|(last, _)| *last != cutter) {
                // The first set begins with all codes: no bound reached makes an even number.
                sets.push((cutter, if sets.is_empty() { CodeSet::all() } else { CodeSet::none() }));
            }
            if let Some((_, set)) = sets.last_mut() {
                set.toggle_from(level);
            }
        }
        CategoricalCondition { sets, missing_left }
    }

    /// The conditions of all trees and the planes of their nodes; `is_left` says of which nodes missing values go left.
    fn program<'a>(&self, trees: impl Iterator<Item = &'a Tree> + Clone, is_left: impl Fn(&Node) -> bool) -> Program {
        let mut conditions: Vec<Conditions> = self.cutters.iter().map(|_| Conditions::default()).collect();
        let mut categorical = Vec::new();
        for node in trees.clone().flat_map(Tree::nodes).filter(|node| !node.is_leaf()) {
            match &node.categories {
                Some(categories) => categorical.push((node.feature, &**categories, is_left(node))),
                None => {
                    let (cutter, level) = self.locate(node.feature, node.threshold);
                    conditions[cutter].levels(is_left(node)).push(level);
                }
            }
        }
        categorical.sort_unstable();
        categorical.dedup();
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
            let index = if let Some(categories) = &node.categories {
                let condition = (node.feature, &**categories, is_left(node));
                num_planes + categorical.partition_point(|of_plane| *of_plane < condition)
            } else {
                let (cutter, level) = self.locate(node.feature, node.threshold);
                let Conditions { missing_right, missing_left } = &conditions[cutter];
                let (before, levels) =
                    if is_left(node) { (missing_right.len(), missing_left) } else { (0, missing_right) };
                first_planes[cutter] + before + levels.partition_point(|of_plane| *of_plane < level)
            };
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
        let num_planes = (num_planes + categorical.len()).max(1);
        let categorical = categorical
            .into_iter()
            .map(|(feature, categories, missing_left)| self.categorical_condition(feature, categories, missing_left));
        let categorical = categorical.collect();
        Program { conditions, categorical, num_planes, nodes }
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
