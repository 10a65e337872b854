//! Growing one tree: split the most promising leaves until none is worth splitting.

use std::ops::Range;

use super::bins::{Bins, Code};
use super::gradients::{Rounded, Scale, Sum};
use super::histogram::{self, Histogram, HistogramPool};
use super::rows::{Fringe, Outcome, RowLists};
use super::sampling::Sampling;
use super::settings::{GrowPolicy, Settings};
use super::split::{self, Split};
use super::tree::{Node, Tree};
use crate::parallel;

/// A leaf with its best split, not yet carried out.
#[derive(Debug)]
struct Candidate {
    leaf: Leaf,
    split: Split,
    /// Kept only if there is room; without it both children's histograms are built from rows. Sums being exact, the
    /// tree is the same.
    histogram: Option<Histogram>,
}

/// A node that may be split.
#[derive(Debug)]
struct Leaf {
    node: usize,
    depth: usize,
    rows: Range<usize>,
    sum: Sum,
}

/// Grows trees on binned data, reusing its memory from tree to tree.
#[derive(Debug)]
pub(super) struct Grower<'a, C> {
    bins: &'a Bins<C>,
    settings: &'a Settings,
    /// Splits gain more than this.
    least_gain: f64,
    histograms: HistogramPool,
}

/// The bytes of histograms that are kept at a time, as far as the depth of the trees allows.
const HISTOGRAM_MEMORY: usize = 128 << 20;

impl<'a, C: Code> Grower<'a, C> {
    /// A grower whose splits gain more than `noise`, and `gamma` at least; see [`Self::memory`].
    pub(super) fn new(bins: &'a Bins<C>, settings: &'a Settings, noise: f64) -> Self {
        let limit = max_histograms(bins.num_codes(), bins.num_rows(), settings);
        let least_gain = noise.max(settings.gamma.next_down());
        Self { bins, settings, least_gain, histograms: HistogramPool::new(bins.num_codes(), limit) }
    }

    /// The bytes that a grower takes.
    pub(super) fn memory(num_codes: usize, num_rows: usize, settings: &Settings) -> usize {
        max_histograms(num_codes, num_rows, settings) * num_codes * size_of::<Sum>()
    }

    /// Grows a tree on rows in ascending order with their derivatives, whose sum is `total`, and adds what it says to
    /// the margins.
    pub(super) fn grow<V: Rounded>(
        &mut self,
        rows: &mut RowLists<V>,
        (scale, total): (Scale, Sum),
        sampling: &Sampling,
        class: u32,
        margins: &mut [f32],
    ) -> Tree {
        let growth = Growth { scale, sampling, nodes: Vec::new(), fringes: Vec::new() };
        let (nodes, fringes) = self.grow_nodes(growth, rows, total);
        rows.add_outcomes(self.bins, &fringes, margins);
        Tree::grown(nodes, class)
    }

    fn grow_nodes<V: Rounded>(
        &mut self,
        mut growth: Growth,
        rows: &mut RowLists<V>,
        total: Sum,
    ) -> (Vec<Node>, Vec<Fringe>) {
        let root = Leaf { node: 0, depth: 0, rows: 0..self.bins.num_rows(), sum: total };
        growth.add_leaf(root.sum, self.settings);
        let mut histogram = self.histograms.take();
        histogram::build(self.bins, vec![(rows.get(root.rows.clone()), &mut histogram)]);
        let mut open = self.find_splits(&mut growth, vec![(root, histogram)]);
        let mut num_leaves = 1;
        while !open.is_empty() && num_leaves < self.settings.max_leaves {
            let most = (self.settings.max_leaves - num_leaves).min(self.histograms.batch_size());
            let batch: Vec<Candidate> = match self.settings.grow_policy {
                GrowPolicy::Depthwise => {
                    // Children are appended behind their parents' level, so that the front is the shallowest level.
                    let depth = open[0].leaf.depth;
                    let level = open.iter().take_while(|candidate| candidate.leaf.depth == depth).count();
                    open.drain(..level.min(most)).collect()
                }
                GrowPolicy::Lossguide => vec![open.remove(most_promising(&open))],
            };
            num_leaves += batch.len();
            open.extend(self.split(&mut growth, rows, batch));
        }
        for Candidate { leaf, histogram, .. } in open {
            growth.settle(leaf);
            if let Some(histogram) = histogram {
                self.histograms.give_back(histogram);
            }
        }
        (growth.nodes, growth.fringes)
    }

    /// Carries out splits of nodes whose rows ascend; returns the children that are worth splitting.
    fn split<V: Rounded>(
        &mut self,
        growth: &mut Growth,
        rows: &mut RowLists<V>,
        batch: Vec<Candidate>,
    ) -> Vec<Candidate> {
        let mut divided = Vec::with_capacity(batch.len());
        for Candidate { leaf, split, histogram } in batch {
            let children = growth.add_split(&leaf, &split, self.bins, self.settings);
            if leaf.depth + 1 < self.settings.max_depth {
                divided.push((leaf, split, histogram, children));
                continue;
            }
            let values = children.map(|child| growth.nodes[child].value);
            growth.fringes.push(Fringe { rows: leaf.rows, outcome: Outcome::Split(self.bins.sides(&split), values) });
            if let Some(histogram) = histogram {
                self.histograms.give_back(histogram);
            }
        }
        let ranges: Vec<_> =
            divided.iter().map(|(leaf, split, ..)| (leaf.rows.clone(), self.bins.sides(split))).collect();
        let middles = rows.divide(self.bins, &ranges);

        // The smaller child's histogram is built from rows, the larger one's is the parent's without it.
        let mut families = Vec::with_capacity(divided.len());
        for ((leaf, split, histogram, [left, right]), middle) in divided.into_iter().zip(middles) {
            let depth = leaf.depth + 1;
            let left = Leaf { node: left, depth, rows: leaf.rows.start..middle, sum: split.left };
            let right = Leaf { node: right, depth, rows: middle..leaf.rows.end, sum: leaf.sum - split.left };
            if !growth.may_split(&left, self.settings) && !growth.may_split(&right, self.settings) {
                growth.settle(left);
                growth.settle(right);
                if let Some(histogram) = histogram {
                    self.histograms.give_back(histogram);
                }
                continue;
            }
            let left_is_small = left.rows.len() <= right.rows.len();
            let subtract = histogram.is_some();
            let large = histogram.unwrap_or_else(|| self.histograms.take());
            families.push(Family { left, right, left_is_small, small: self.histograms.take(), large, subtract });
        }
        let mut builds = Vec::with_capacity(families.len());
        for Family { left, right, left_is_small, small, large, subtract } in &mut families {
            let (small_rows, large_rows) =
                if *left_is_small { (&left.rows, &right.rows) } else { (&right.rows, &left.rows) };
            builds.push((rows.get(small_rows.clone()), small));
            if !*subtract {
                builds.push((rows.get(large_rows.clone()), large));
            }
        }
        histogram::build(self.bins, builds);
        let subtractions: Vec<_> = families.iter_mut().filter(|family| family.subtract).collect();
        parallel::for_each(subtractions.len() * self.bins.num_codes(), subtractions, |family| {
            family.large.iter_mut().zip(&family.small).for_each(|(large, small)| *large -= *small);
        });
        let mut leaves = Vec::with_capacity(2 * families.len());
        for Family { left, right, left_is_small, small, large, .. } in families {
            let (of_left, of_right) = if left_is_small { (small, large) } else { (large, small) };
            leaves.push((left, of_left));
            leaves.push((right, of_right));
        }
        self.find_splits(growth, leaves)
    }

    /// The leaves that are worth splitting, with their best splits; settles the others.
    fn find_splits(&mut self, growth: &mut Growth, leaves: Vec<(Leaf, Histogram)>) -> Vec<Candidate> {
        let threads = parallel::threads();
        let features: Vec<_> = leaves.iter().map(|(leaf, _)| growth.sampling.features(leaf.depth, leaf.node)).collect();
        let mut tasks = Vec::new();
        for (index, ((leaf, histogram), features)) in leaves.iter().zip(&features).enumerate() {
            if growth.may_split(leaf, self.settings) {
                // Few leaves are searched by several threads each.
                let parts = if threads == 1 { 1 } else { (2 * threads).div_ceil(leaves.len()) };
                let size = features.len().div_ceil(parts).max(1);
                tasks.extend(features.chunks(size).map(|features| (index, leaf.sum, histogram, features)));
            }
        }
        let work = tasks.len() * self.bins.num_codes() * 4;
        let found = parallel::map(work, tasks, |(index, sum, histogram, features)| {
            let regularization = &self.settings.regularization;
            (index, split::best(self.bins, &growth.scale, (histogram, sum), features, regularization, self.least_gain))
        });
        let mut best: Vec<Option<Split>> = vec![None; leaves.len()];
        for (index, split) in found {
            // Parts come in the order of features, and the first of equal gains stays.
            if split.is_some_and(|split| best[index].is_none_or(|best| split.gain > best.gain)) {
                best[index] = split;
            }
        }
        let mut candidates = Vec::with_capacity(leaves.len());
        for ((leaf, histogram), split) in leaves.into_iter().zip(best) {
            match split {
                Some(split) => candidates.push(Candidate { leaf, split, histogram: self.histograms.keep(histogram) }),
                None => {
                    growth.settle(leaf);
                    self.histograms.give_back(histogram);
                }
            }
        }
        candidates
    }
}

/// Two siblings on the way to their histograms.
#[derive(Debug)]
struct Family {
    left: Leaf,
    right: Leaf,
    left_is_small: bool,
    small: Histogram,
    large: Histogram,
    /// Whether `large` holds the parent's histogram, from which the small one is to be subtracted.
    subtract: bool,
}

/// What is known of the tree so far.
struct Growth<'a> {
    scale: Scale,
    sampling: &'a Sampling,
    nodes: Vec<Node>,
    fringes: Vec<Fringe>,
}

impl Growth<'_> {
    /// Adds a node that is a leaf so far.
    fn add_leaf(&mut self, sum: Sum, settings: &Settings) -> usize {
        let (g, h) = self.scale.real(sum);
        let value =
            (settings.regularization.weight(g, h) * settings.eta).clamp(f64::from(f32::MIN), f64::from(f32::MAX));
        self.nodes.push(Node::leaf(value as f32, h as f32));
        self.nodes.len() - 1
    }

    /// Turns a leaf into a split with two leaves.
    fn add_split<C: Code>(&mut self, leaf: &Leaf, split: &Split, bins: &Bins<C>, settings: &Settings) -> [usize; 2] {
        let children = [self.add_leaf(split.left, settings), self.add_leaf(leaf.sum - split.left, settings)];
        let (g, h) = self.scale.real(leaf.sum);
        let cuts = &bins.feature(split.feature).cuts;
        self.nodes[leaf.node] = Node {
            feature: split.feature as u32,
            // Without any cut below, no present value goes left.
            threshold: if split.boundary == 0 { f32::NEG_INFINITY } else { cuts[split.boundary - 1] },
            categories: None,
            default_left: split.default_left,
            left: children[0] as u32,
            right: children[1] as u32,
            value: settings.regularization.weight(g, h) as f32,
            gain: split.gain as f32,
            cover: h as f32,
        };
        children
    }

    /// Whether a split could leave enough weight on both sides.
    fn may_split(&self, leaf: &Leaf, settings: &Settings) -> bool {
        let (_, h) = self.scale.real(leaf.sum);
        leaf.rows.len() > 1 && h >= 2.0 * settings.regularization.min_child_weight
    }

    /// Lets a leaf be a leaf for good.
    fn settle(&mut self, leaf: Leaf) {
        self.fringes.push(Fringe { rows: leaf.rows, outcome: Outcome::Leaf(self.nodes[leaf.node].value) });
    }
}

/// The candidate of the largest gain, the first of equals.
fn most_promising(candidates: &[Candidate]) -> usize {
    let mut best = 0;
    for (index, candidate) in candidates.iter().enumerate() {
        if candidate.split.gain > candidates[best].split.gain {
            best = index;
        }
    }
    best
}

/// How many histograms are kept at a time: two per node of the widest level, but no more than the memory allows.
fn max_histograms(num_codes: usize, num_rows: usize, settings: &Settings) -> usize {
    let widest = 1usize << settings.max_depth.min(20);
    let wanted = (2 * widest).min(2 * settings.max_leaves.min(num_rows)).max(8);
    wanted.min(HISTOGRAM_MEMORY / (num_codes * size_of::<Sum>()).max(1)).max(8)
}
