//! Derivatives as whole numbers, so that their sums do not depend on the order of summation.
//!
//! A row's two derivatives are scaled by powers of two and rounded. The narrow form packs them into 16 bits each,
//! rounding up or down in proportion (by a low-discrepancy sequence over the rows) so that sums stay unbiased. The wide
//! form has 30 bits each; it serves small data and derivatives whose largest dwarfs their mean.

use std::ops::{AddAssign, SubAssign};

use crate::parallel;

/// Rows that one task works on.
pub(super) const CHUNK: usize = 1 << 14;
/// Rows up to which the wide form costs nothing that matters.
const SMALL: usize = 1 << 14;
/// The ratio of largest to mean derivative from which 16 bits are too few.
const SKEW: f64 = 256.0;
/// The golden ratio's fraction in units of `2^-32`: its multiples are spread evenly.
const GOLDEN: u32 = 0x9E37_79B9;

/// The sums of both derivatives over some rows, in units of [`Gradients::unit`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Sum {
    pub(super) gradient: i64,
    pub(super) hessian: i64,
}

impl AddAssign for Sum {
    #[inline(always)]
    fn add_assign(&mut self, other: Self) {
        self.gradient += other.gradient;
        self.hessian += other.hessian;
    }
}

impl SubAssign for Sum {
    #[inline(always)]
    fn sub_assign(&mut self, other: Self) {
        self.gradient -= other.gradient;
        self.hessian -= other.hessian;
    }
}

impl std::ops::Sub for Sum {
    type Output = Self;

    fn sub(mut self, other: Self) -> Self {
        self -= other;
        self
    }
}

/// The rounded derivatives of every row.
#[derive(Debug)]
pub(super) enum Rounded {
    /// First derivative in the upper 16 bits, signed; second in the lower.
    Narrow(Vec<i32>),
    /// First and second.
    Wide(Vec<[i32; 2]>),
}

/// The derivatives of every row.
#[derive(Debug)]
pub(super) struct Gradients {
    /// As computed: first and second.
    pub(super) values: Vec<[f32; 2]>,
    rounded: Rounded,
    /// What one unit of a [`Sum`] is worth.
    unit: [f64; 2],
}

impl Gradients {
    /// All zero.
    pub(super) fn new(num_rows: usize) -> Self {
        Self { values: vec![[0.0; 2]; num_rows], rounded: Rounded::Narrow(Vec::new()), unit: [1.0; 2] }
    }

    /// Bytes per row, at most.
    pub(super) const BYTES_PER_ROW: usize = 16;

    /// The rounded derivatives.
    pub(super) fn rounded(&self) -> &Rounded {
        &self.rounded
    }

    /// A sum in true units.
    #[inline(always)]
    pub(super) fn real(&self, sum: Sum) -> (f64, f64) {
        (sum.gradient as f64 * self.unit[0], sum.hessian as f64 * self.unit[1])
    }

    /// The sum over all rows.
    pub(super) fn total(&self) -> Sum {
        let mut total = Sum::default();
        match &self.rounded {
            Rounded::Narrow(values) => values.iter().for_each(|value| total += narrow(*value)),
            Rounded::Wide(values) => values.iter().for_each(|value| total += wide(*value)),
        }
        total
    }

    /// Rounds `values`; rows for which `sampled` is false count nothing. `salt` varies how ties are broken.
    pub(super) fn round(&mut self, salt: u32, sampled: impl Fn(usize) -> bool + Sync) {
        let values = &self.values;
        let extent = Extent::of(values);
        if values.len() > SMALL && extent.skew(values.len()) <= SKEW {
            let scale = extent.largest.map(|largest| power_of_two_below(32_766.0 / largest));
            // The second derivative is never negative and has one bit more.
            let scale = [scale[0] as f32, (scale[1] * 2.0) as f32];
            self.unit = scale.map(|scale| 1.0 / f64::from(scale));
            let mut rounded = match std::mem::replace(&mut self.rounded, Rounded::Narrow(Vec::new())) {
                Rounded::Narrow(rounded) if rounded.len() == values.len() => rounded,
                _ => vec![0; values.len()],
            };
            let tasks = values.chunks(CHUNK).zip(rounded.chunks_mut(CHUNK)).enumerate().collect();
            parallel::for_each(values.len() * 2, tasks, |(chunk, (values, rounded))| {
                for (index, ([g, h], rounded)) in values.iter().zip(rounded).enumerate() {
                    let row = chunk * CHUNK + index;
                    let ticket = (row as u32).wrapping_mul(GOLDEN).wrapping_add(salt);
                    // Seven bits of each end: sums below 2^16 hold them exactly in single precision.
                    let (up, down) = ((ticket >> 25) as f32 / 128.0, (ticket & 127) as f32 / 128.0);
                    let gradient = (g * scale[0] + up + 32_768.0) as i32 - 32_768;
                    let hessian = (h * scale[1] + down) as i32;
                    *rounded = if sampled(row) { gradient << 16 | (hessian & 0xFFFF) } else { 0 };
                }
            });
            self.rounded = Rounded::Narrow(rounded);
        } else {
            let scale = extent.largest.map(|largest| power_of_two_below(f64::from(1 << 30) / largest));
            self.unit = scale.map(|scale| 1.0 / scale);
            let mut rounded = match std::mem::replace(&mut self.rounded, Rounded::Narrow(Vec::new())) {
                Rounded::Wide(rounded) if rounded.len() == values.len() => rounded,
                _ => vec![[0; 2]; values.len()],
            };
            let tasks = values.chunks(CHUNK).zip(rounded.chunks_mut(CHUNK)).enumerate().collect();
            parallel::for_each(values.len() * 3, tasks, |(chunk, (values, rounded))| {
                for (index, ([g, h], rounded)) in values.iter().zip(rounded).enumerate() {
                    let whole = |value: f32, scale: f64| (f64::from(value) * scale).round() as i32;
                    let row = chunk * CHUNK + index;
                    *rounded = if sampled(row) { [whole(*g, scale[0]), whole(*h, scale[1])] } else { [0; 2] };
                }
            });
            self.rounded = Rounded::Wide(rounded);
        }
    }
}

/// How large the absolute derivatives are.
#[derive(Debug, Clone, Copy, Default)]
struct Extent {
    largest: [f64; 2],
    sum: [f64; 2],
}

impl Extent {
    fn of(values: &[[f32; 2]]) -> Self {
        let parts = parallel::map(values.len(), values.chunks(CHUNK).collect(), |chunk| {
            let (mut largest, mut sum) = ([0f32; 2], [0f32; 2]);
            for value in chunk {
                for side in 0..2 {
                    largest[side] = largest[side].max(value[side].abs());
                    sum[side] += value[side].abs();
                }
            }
            Self { largest: largest.map(f64::from), sum: sum.map(f64::from) }
        });
        // Chunks are summed in their order: the result decides the form and must not depend on threads.
        parts.into_iter().fold(Self::default(), |mut all, part| {
            for side in 0..2 {
                all.largest[side] = all.largest[side].max(part.largest[side]);
                all.sum[side] += part.sum[side];
            }
            all
        })
    }

    /// The larger ratio of largest to mean; infinite if something is not finite.
    fn skew(&self, count: usize) -> f64 {
        let skew = |side: usize| match self.largest[side] {
            0.0 => 1.0,
            largest => largest * count as f64 / self.sum[side],
        };
        let (g, h) = (skew(0), skew(1));
        if g.is_finite() && h.is_finite() { g.max(h) } else { f64::INFINITY }
    }
}

/// The largest power of two that is at most `x`, kept within what single precision can multiply by.
fn power_of_two_below(x: f64) -> f64 {
    if x.is_nan() { 1.0 } else { x.clamp(1e-36, 1e36).log2().floor().exp2() }
}

/// A narrow pair as a sum.
#[inline(always)]
pub(super) fn narrow(value: i32) -> Sum {
    Sum { gradient: i64::from(value >> 16), hessian: i64::from(value & 0xFFFF) }
}

/// A wide pair as a sum.
#[inline(always)]
pub(super) fn wide(value: [i32; 2]) -> Sum {
    Sum { gradient: i64::from(value[0]), hessian: i64::from(value[1]) }
}
