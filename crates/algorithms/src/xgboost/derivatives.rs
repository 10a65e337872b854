//! The derivatives of the loss by the margins, computed on demand for some rows at a time.

use std::ops::Range;

use super::gradients::{CHUNK, Derivatives, Extent, TILE};
use super::objective::{Objective, exp};
use crate::parallel;
use crate::simd::{Kernel, dispatch};

/// What the derivatives of one output follow from.
#[derive(Debug)]
pub(super) struct Source<'a> {
    pub(super) objective: &'a Objective,
    pub(super) labels: &'a [f32],
    /// The margins of this output.
    pub(super) margins: &'a [f32],
    /// The output, a class of softmax.
    pub(super) class: usize,
    pub(super) softmax: &'a Softmax,
}

impl Source<'_> {
    /// The derivatives of some rows.
    pub(super) fn derive(&self, rows: Range<usize>, out: &mut [Derivatives]) {
        let (margins, labels) = (&self.margins[rows.clone()], &self.labels[rows.clone()]);
        if let Objective::Softmax { .. } = self.objective {
            let normalizers = &self.softmax.normalizers[rows];
            dispatch(DeriveSoftmax { class: self.class, margins, normalizers, labels, out });
        } else {
            dispatch(Derive { objective: self.objective, margins, labels, out });
        }
    }

    /// The extent of the derivatives of all rows, and the sum of losses, 0 of softmax.
    pub(super) fn extent(&self) -> (Extent, f64) {
        let parts = parallel::map(self.labels.len() * 3, self.chunks(), |chunk| {
            let mut tile = [Derivatives::default(); TILE];
            let (mut extent, mut loss) = (Extent::default(), 0.0);
            for start in chunk.clone().step_by(TILE) {
                let rows = start..chunk.end.min(start + TILE);
                let derivatives = &mut tile[..rows.len()];
                self.derive(rows.clone(), derivatives);
                extent.add(Extent::of(derivatives));
                loss += self.loss(rows);
            }
            (extent, loss)
        });
        // Parts are summed in their order, which no number of threads changes.
        parts.into_iter().fold((Extent::default(), 0.0), |(mut extent, loss), (part, more)| {
            extent.add(part);
            (extent, loss + more)
        })
    }

    /// The sum of losses of all rows; 0 of softmax.
    pub(super) fn total_loss(&self) -> f64 {
        parallel::map(self.labels.len(), self.chunks(), |rows| self.loss(rows)).into_iter().sum()
    }

    fn loss(&self, rows: Range<usize>) -> f64 {
        let (margins, labels) = (&self.margins[rows.clone()], &self.labels[rows]);
        dispatch(Loss { objective: self.objective, margins, labels })
    }

    fn chunks(&self) -> Vec<Range<usize>> {
        let num_rows = self.labels.len();
        (0..num_rows).step_by(CHUNK).map(|start| start..num_rows.min(start + CHUNK)).collect()
    }
}

/// See [`Objective::derivatives`].
struct Derive<'a> {
    objective: &'a Objective,
    margins: &'a [f32],
    labels: &'a [f32],
    out: &'a mut [Derivatives],
}

impl Kernel for Derive<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FUSED: bool, const LANES: usize>(self) {
        self.objective.derivatives(self.margins, self.labels, self.out);
    }
}

/// See [`Objective::softmax_derivatives`].
struct DeriveSoftmax<'a> {
    class: usize,
    margins: &'a [f32],
    normalizers: &'a [f32],
    labels: &'a [f32],
    out: &'a mut [Derivatives],
}

impl Kernel for DeriveSoftmax<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FUSED: bool, const LANES: usize>(self) {
        Objective::softmax_derivatives(self.class, self.margins, self.normalizers, self.labels, self.out);
    }
}

/// See [`Objective::loss`].
struct Loss<'a> {
    objective: &'a Objective,
    margins: &'a [f32],
    labels: &'a [f32],
}

impl Kernel for Loss<'_> {
    type Output = f64;

    #[inline(always)]
    fn run<const FUSED: bool, const LANES: usize>(self) -> f64 {
        self.objective.loss(self.margins, self.labels)
    }
}

/// What the classes of a row share.
#[derive(Debug, Default)]
pub(super) struct Softmax {
    /// `ln(sum of e^margin)` of each row, as of the start of the round.
    normalizers: Vec<f32>,
}

impl Softmax {
    /// Prepares a round; returns how many rows are classified wrongly. Does nothing for other objectives.
    pub(super) fn normalize(&mut self, objective: &Objective, margins: &[Vec<f32>], labels: &[f32]) -> f64 {
        if !matches!(objective, Objective::Softmax { .. }) {
            return 0.0;
        }
        self.normalizers.resize(labels.len(), 0.0);
        let chunks = labels.chunks(CHUNK).zip(self.normalizers.chunks_mut(CHUNK)).enumerate().collect();
        let wrong = parallel::map(labels.len() * margins.len() * 4, chunks, |(chunk, (labels, normalizers))| {
            dispatch(Normalize { start: chunk * CHUNK, margins, labels, normalizers })
        });
        wrong.into_iter().sum::<usize>() as f64
    }
}

/// Normalizes a chunk; counts the rows that are classified wrongly.
struct Normalize<'a> {
    start: usize,
    margins: &'a [Vec<f32>],
    labels: &'a [f32],
    normalizers: &'a mut [f32],
}

impl Kernel for Normalize<'_> {
    type Output = usize;

    #[inline(always)]
    fn run<const FUSED: bool, const LANES: usize>(self) -> usize {
        const TILE: usize = 256;
        let mut wrong = 0;
        for (tile, (labels, normalizers)) in self.labels.chunks(TILE).zip(self.normalizers.chunks_mut(TILE)).enumerate()
        {
            let range = self.start + tile * TILE..self.start + tile * TILE + labels.len();
            let (mut largest, mut best) = ([f32::NEG_INFINITY; TILE], [0f32; TILE]);
            for (class, margins) in self.margins.iter().enumerate() {
                for ((largest, best), margin) in largest.iter_mut().zip(&mut best).zip(&margins[range.clone()]) {
                    *best = if *margin > *largest { class as f32 } else { *best };
                    *largest = largest.max(*margin);
                }
            }
            normalizers.fill(0.0);
            for margins in self.margins {
                for ((sum, largest), margin) in normalizers.iter_mut().zip(&largest).zip(&margins[range.clone()]) {
                    *sum += exp(margin - largest);
                }
            }
            normalizers.iter_mut().zip(&largest).for_each(|(sum, largest)| *sum = sum.ln() + largest);
            wrong += best.iter().zip(labels).filter(|(best, label)| best != label).count();
        }
        wrong
    }
}
