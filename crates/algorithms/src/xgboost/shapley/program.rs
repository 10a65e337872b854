//! Trees as lists of steps along their edges.

use std::sync::Arc;

use super::quadrature::{Rule, Rules};
use crate::xgboost::tree::{Node, Tree};

/// A tree to be evaluated.
#[derive(Debug)]
pub(super) struct Program {
    /// Every edge down and up, the left one of a node before the right one.
    pub(super) steps: Vec<Step>,
    pub(super) rule: Arc<Rule>,
    /// The most edges of a path.
    pub(super) depth: usize,
}

/// A step along an edge.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Step {
    /// Down to a split.
    Down(Edge),
    /// Down to a leaf of this value, and up again.
    Leaf(Edge, f64),
    /// Up from a split.
    Up(Edge),
}

/// An edge from a split to a child.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Edge {
    /// The index of the split.
    pub(super) split: u32,
    pub(super) side: Side,
    /// The number of edges from the root to the child, and so the place of what is known on the way to it.
    pub(super) level: u32,
    /// The share of the training rows, by cover, that passed this edge and all above it by the same feature.
    pub(super) share: f64,
    /// The nearest edge above by the same feature.
    pub(super) previous: Option<Previous>,
}

/// See [`Edge::previous`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Previous {
    pub(super) level: u32,
    pub(super) share: f64,
}

/// The side of a child.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Left,
    Right,
}

/// What is to be done next in the course of a walk.
enum Task {
    /// The edge to a child, and all below it.
    Visit {
        split: usize,
        side: Side,
        level: usize,
    },
    Return(Edge),
}

impl Program {
    /// A tree's program, and the mean of its leaves by cover.
    pub(super) fn compile(tree: &Tree, rules: &mut Rules) -> (Self, f64) {
        let nodes = tree.nodes();
        let (mut steps, mut mean, mut depth, mut most_features) = (Vec::new(), 0.0, 0, 0);
        // Of the edges above: the feature, the edge, and the product of all shares and the number of features so far.
        let mut path: Vec<(u32, Edge, f64, usize)> = Vec::new();
        let mut tasks = Vec::new();
        let open = |tasks: &mut Vec<Task>, split: usize, level: usize| {
            tasks.extend([Side::Right, Side::Left].map(|side| Task::Visit { split, side, level }));
        };
        if nodes[0].is_leaf() {
            mean = f64::from(nodes[0].value);
        } else {
            open(&mut tasks, 0, 1);
        }
        while let Some(task) = tasks.pop() {
            let (split, side, level) = match task {
                Task::Return(edge) => {
                    steps.push(Step::Up(edge));
                    continue;
                }
                Task::Visit { split, side, level } => (split, side, level),
            };
            path.truncate(level - 1);
            let node = &nodes[split];
            let child = if side == Side::Left { node.left } else { node.right } as usize;
            let own = share(node, &nodes[child]);
            let (reach, features) = path.last().map_or((1.0, 0), |(.., reach, features)| (*reach, *features));
            let previous = path.iter().rev().find(|(feature, ..)| *feature == node.feature);
            let previous = previous.map(|(_, edge, ..)| Previous { level: edge.level, share: edge.share });
            let edge = Edge {
                split: split as u32,
                side,
                level: level as u32,
                share: own * previous.map_or(1.0, |previous| previous.share),
                previous,
            };
            let (reach, features) = (reach * own, features + usize::from(previous.is_none()));
            if nodes[child].is_leaf() {
                let value = f64::from(nodes[child].value);
                mean += value * reach;
                (depth, most_features) = (depth.max(level), most_features.max(features));
                steps.push(Step::Leaf(edge, value));
            } else {
                steps.push(Step::Down(edge));
                path.push((node.feature, edge, reach, features));
                tasks.push(Task::Return(edge));
                open(&mut tasks, child, level + 1);
            }
        }
        (Self { steps, rule: rules.get(most_features.div_ceil(2)), depth }, mean)
    }
}

/// The share of the rows at a node that went to one of its children; one half of no rows.
fn share(node: &Node, child: &Node) -> f64 {
    let share = f64::from(child.cover) / f64::from(node.cover);
    if share.is_finite() && share >= 0.0 { share } else { 0.5 }
}
