//! A tree's Shapley values of a block of rows.

use super::program::{Edge, Program, Side, Step};
use super::quadrature::Point;
use crate::simd::{Kernel, fma};
use crate::xgboost::tree::Tree;

/// Rows that are evaluated at once.
pub(super) const ROWS: usize = 64;

/// The most numbers per row that are kept on the way down a tree.
const MAX_SCRATCH: usize = 1 << 20;

/// A number per row.
type Rows = [f64; ROWS];

/// What is known on the way down a tree, by level, which is the number of edges from the root.
#[derive(Debug)]
pub(super) struct Scratch {
    /// Per level, 1 for the rows that pass all splits so far by the feature of the edge to this level, else 0.
    passes: Vec<Rows>,
    /// Per level and point of the quadrature, the product of all features' factors so far.
    products: Vec<Rows>,
    /// Per level and point, the weighted sum of the leaves below with their products, as far as they have been seen.
    sums: Vec<Rows>,
}

impl Scratch {
    /// Enough for all of the programs; `None` if that is too much.
    pub(super) fn new(programs: &[Program]) -> Option<Self> {
        let levels = programs.iter().map(|program| program.depth + 1).max().unwrap_or(1);
        let sizes = programs.iter().map(|program| (program.depth + 1) * program.rule.0.len());
        let size = sizes.max().unwrap_or(0);
        (levels + 2 * size <= MAX_SCRATCH).then(|| Self {
            passes: vec![[0.0; ROWS]; levels],
            products: vec![[1.0; ROWS]; size],
            sums: vec![[0.0; ROWS]; size],
        })
    }
}

/// Adds a tree's Shapley values to `out`, by feature.
pub(super) struct Evaluate<'a> {
    pub(super) tree: &'a Tree,
    pub(super) program: &'a Program,
    /// The values of every feature; those of rows that are not there may be any.
    pub(super) given: &'a [[f32; ROWS]],
    pub(super) scratch: &'a mut Scratch,
    pub(super) out: &'a mut [Rows],
}

impl Kernel for Evaluate<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FUSED: bool, const LANES: usize>(self) {
        let Self { tree, program, given, scratch, out } = self;
        let points = &program.rule.0[..];
        // A program of fewer points keeps its first level where this one has its root.
        scratch.products[..points.len()].fill([1.0; ROWS]);
        for step in &program.steps {
            match step {
                Step::Down(edge) => {
                    scratch.pass(tree, edge, given);
                    scratch.descend::<FUSED>(edge, points);
                }
                Step::Leaf(edge, value) => {
                    scratch.pass(tree, edge, given);
                    let out = &mut out[tree.nodes()[edge.split as usize].feature as usize];
                    scratch.leaf::<FUSED>(edge, points, *value, out);
                }
                Step::Up(edge) => {
                    let out = &mut out[tree.nodes()[edge.split as usize].feature as usize];
                    scratch.ascend::<FUSED>(edge, points, out);
                }
            }
        }
    }
}

impl Scratch {
    /// Finds the rows that pass an edge.
    #[inline(always)]
    fn pass(&mut self, tree: &Tree, edge: &Edge, given: &[[f32; ROWS]]) {
        let (above, passes) = self.passes.split_at_mut(edge.level as usize);
        let (passes, previous) = (&mut passes[0], edge.previous.map(|previous| &above[previous.level as usize]));
        match (edge.side, previous) {
            (Side::Left, previous) => {
                let node = &tree.nodes()[edge.split as usize];
                for (pass, value) in passes.iter_mut().zip(&given[node.feature as usize]) {
                    *pass = if node.child(*value) == node.left { 1.0 } else { 0.0 };
                }
                if let Some(previous) = previous {
                    passes.iter_mut().zip(previous).for_each(|(pass, previous)| *pass *= previous);
                }
            }
            // Those that came here and did not go left, the step before at this level.
            (Side::Right, None) => passes.iter_mut().for_each(|pass| *pass = 1.0 - *pass),
            (Side::Right, Some(previous)) => {
                passes.iter_mut().zip(previous).for_each(|(pass, previous)| *pass = previous - *pass);
            }
        }
    }

    /// Multiplies the products by the factor of an edge.
    #[inline(always)]
    fn descend<const FUSED: bool>(&mut self, edge: &Edge, points: &[Point]) {
        let (level, count) = (edge.level as usize, points.len());
        let (above, products) = self.products.split_at_mut(level * count);
        let above = &above[(level - 1) * count..];
        for ((point, above), products) in points.iter().zip(above).zip(products) {
            let factor = Factor::new::<FUSED>(edge, point);
            let (passes, previous) = passes(&self.passes, edge);
            match previous {
                None => {
                    for row in 0..ROWS {
                        products[row] = above[row] * fma::<FUSED>(passes[row], factor.passing, factor.failing);
                    }
                }
                Some(previous) => {
                    for row in 0..ROWS {
                        let fallen = fma::<FUSED>(previous[row], factor.fallen, factor.failing);
                        products[row] = above[row] * fma::<FUSED>(passes[row], factor.passing, fallen);
                    }
                }
            }
        }
        self.sums[level * count..][..count].fill([0.0; ROWS]);
    }

    /// Adds a leaf to the sums above it and to the value of its edge's feature.
    #[inline(always)]
    fn leaf<const FUSED: bool>(&mut self, edge: &Edge, points: &[Point], value: f64, out: &mut Rows) {
        let (above, count) = (edge.level as usize - 1, points.len());
        let products = &self.products[above * count..];
        let sums = &mut self.sums[above * count..];
        for ((point, products), sums) in points.iter().zip(products).zip(sums) {
            let factor = Factor::new::<FUSED>(edge, point);
            let gain = Gain::new(edge, point);
            let value = value * point.weight;
            let (passes, previous) = passes(&self.passes, edge);
            match previous {
                None => {
                    let (failing, passing) = (value * factor.failing, value * factor.passing);
                    for row in 0..ROWS {
                        let leaf = products[row] * fma::<FUSED>(passes[row], passing, failing);
                        sums[row] += leaf;
                        out[row] = fma::<FUSED>(leaf, fma::<FUSED>(passes[row], gain.passing, gain.failing), out[row]);
                    }
                }
                Some(previous) => {
                    for row in 0..ROWS {
                        let fallen = fma::<FUSED>(previous[row], factor.fallen, factor.failing);
                        let leaf = value * products[row] * fma::<FUSED>(passes[row], factor.passing, fallen);
                        sums[row] += leaf;
                        let less = previous[row] * gain.previous;
                        out[row] = fma::<FUSED>(leaf, fma::<FUSED>(passes[row], gain.passing, less), out[row]);
                    }
                }
            }
        }
    }

    /// Adds the sums of an edge's leaves to those above it and to the value of its feature.
    #[inline(always)]
    fn ascend<const FUSED: bool>(&mut self, edge: &Edge, points: &[Point], out: &mut Rows) {
        let (level, count) = (edge.level as usize, points.len());
        let (above, sums) = self.sums.split_at_mut(level * count);
        let above = &mut above[(level - 1) * count..];
        for ((point, above), sums) in points.iter().zip(above).zip(sums) {
            let gain = Gain::new(edge, point);
            let (passes, previous) = passes(&self.passes, edge);
            match previous {
                None => {
                    for row in 0..ROWS {
                        above[row] += sums[row];
                        let gain = fma::<FUSED>(passes[row], gain.passing, gain.failing);
                        out[row] = fma::<FUSED>(sums[row], gain, out[row]);
                    }
                }
                Some(previous) => {
                    for row in 0..ROWS {
                        above[row] += sums[row];
                        let gain = fma::<FUSED>(passes[row], gain.passing, previous[row] * gain.previous);
                        out[row] = fma::<FUSED>(sums[row], gain, out[row]);
                    }
                }
            }
        }
    }
}

/// Which rows pass an edge, and which passed the one before it by the same feature.
#[inline(always)]
fn passes<'a>(passes: &'a [Rows], edge: &Edge) -> (&'a Rows, Option<&'a Rows>) {
    (&passes[edge.level as usize], edge.previous.map(|previous| &passes[previous.level as usize]))
}

/// The factor `(1 - t) r + t o` of a feature at an edge over that at the edge before it, in parts: what all rows have,
/// what is added for those that pass, and for those that passed the edge before.
struct Factor {
    failing: f64,
    passing: f64,
    fallen: f64,
}

impl Factor {
    #[inline(always)]
    fn new<const FUSED: bool>(edge: &Edge, point: &Point) -> Self {
        let failing = point.rest * edge.share;
        match edge.previous {
            None => Self { failing, passing: point.t, fallen: 0.0 },
            Some(previous) => {
                // Without any share, neither has this edge, and the product is 0 already.
                let ratio = if previous.share > 0.0 { edge.share / previous.share } else { 0.0 };
                let before = 1.0 / fma::<FUSED>(point.rest, previous.share, point.t);
                Self { failing: ratio, passing: point.t * before, fallen: failing * before - ratio }
            }
        }
    }
}

/// `(o - r) / ((1 - t) r + t o)`, what is left of the factor where the feature is the one in question, less the same of
/// the edge before, in parts as [`Factor`].
struct Gain {
    failing: f64,
    passing: f64,
    previous: f64,
}

impl Gain {
    #[inline(always)]
    fn new(edge: &Edge, point: &Point) -> Self {
        // With `o = 0` it is `-1 / (1 - t)`, whatever the share.
        let failing = -1.0 / point.rest;
        let passing = |share: f64| (1.0 - share) / (point.rest * share + point.t) - failing;
        Self {
            failing,
            passing: passing(edge.share),
            previous: edge.previous.map_or(0.0, |previous| -passing(previous.share)),
        }
    }
}
