//! Margins of many rows: trees are walked for eight rows in lock-step, over small tiles of columns.

use datafusion_ml_core::Features;

use super::tree::{Node, Tree};

/// Rows per tile: few enough for their features to stay in the cache from tree to tree.
const TILE: usize = 128;
/// Rows that walk together, hiding each other's memory latency.
const LANES: usize = 8;
/// Trees deeper than this are likely to be lopsided and are walked row by row.
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
    threshold: f32,
    default_left: bool,
    /// Where to go: right, left.
    children: [u32; 2],
}

impl Walk {
    /// The walk of a tree.
    pub(super) fn new(tree: &Tree) -> Self {
        let step = |(index, node): (usize, &Node)| Step {
            feature: node.feature,
            threshold: node.threshold,
            default_left: node.default_left,
            children: if node.is_leaf() { [index as u32; 2] } else { [node.right, node.left] },
        };
        Self { steps: tree.nodes().iter().enumerate().map(step).collect(), depth: tree.depth() }
    }

    /// The leaves that rows `first..first + LANES` of a tile end at.
    #[inline(always)]
    fn leaves(&self, tile: &[f32], first: usize) -> [u32; LANES] {
        let mut nodes = [0u32; LANES];
        for _ in 0..self.depth {
            for (lane, node) in nodes.iter_mut().enumerate() {
                let step = &self.steps[*node as usize];
                let value = tile[step.feature as usize * TILE + first + lane];
                let is_left = (value < step.threshold) | (value.is_nan() & step.default_left);
                *node = step.children[usize::from(is_left)];
            }
        }
        nodes
    }
}

/// `margins[output][row]`: the base margin plus the trees' leaves, added in the order of the trees.
pub(super) fn margins(trees: &[Tree], walks: &[Walk], base: &[f32], features: &Features) -> Vec<Vec<f32>> {
    let num_rows = features.num_rows();
    let mut margins: Vec<Vec<f32>> = base.iter().map(|base| vec![*base; num_rows]).collect();
    // At least one column, so that the single leaf of a tree without splits may look at feature 0.
    let mut tile = vec![0f32; features.num_features().max(1) * TILE];
    let mut buffer = Vec::new();
    for start in (0..num_rows).step_by(TILE) {
        let rows = TILE.min(num_rows - start);
        for (column, tile) in features.columns().iter().zip(tile.chunks_exact_mut(TILE)) {
            tile[..rows].copy_from_slice(column.f32s(start..start + rows, &mut buffer));
        }
        for (tree, walk) in trees.iter().zip(walks) {
            let margins = &mut margins[tree.class as usize][start..start + rows];
            if walk.depth > DEEPEST {
                for (row, margin) in margins.iter_mut().enumerate() {
                    *margin += tree.evaluate(|feature| tile[feature as usize * TILE + row]);
                }
                continue;
            }
            for (group, margins) in margins.chunks_mut(LANES).enumerate() {
                let leaves = walk.leaves(&tile, group * LANES);
                for (margin, leaf) in margins.iter_mut().zip(leaves) {
                    *margin += tree.nodes()[leaf as usize].value;
                }
            }
        }
    }
    margins
}
