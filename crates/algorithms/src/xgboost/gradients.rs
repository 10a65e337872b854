//! Derivatives as whole numbers, so that their sums do not depend on the order of summation.
//!
//! A row's two derivatives are scaled by powers of two and rounded. The narrow form packs them into 16 bits each,
//! rounding up or down in proportion (by a low-discrepancy sequence over the rows) so that sums stay unbiased. The wide
//! form has 30 bits each; it serves small data and derivatives whose largest dwarfs their mean.
//!
//! The derivatives themselves are never stored: they are computed twice, once for their extent and once to be rounded.

use std::fmt::Debug;
use std::ops::{AddAssign, SubAssign};

use super::derivatives::Source;
use super::rows::Entry;
use super::sampling::Sampling;
use crate::parallel;
use crate::simd::{Kernel, dispatch};

/// Rows that one task works on.
pub(super) const CHUNK: usize = 1 << 14;
/// Rows whose derivatives are at hand at a time.
pub(super) const TILE: usize = 1 << 9;
/// Rows up to which the wide form costs nothing that matters.
const SMALL: usize = 1 << 14;
/// The ratio of largest to mean derivative from which 16 bits are too few.
const SKEW: f64 = 256.0;
/// The golden ratio's fraction in units of `2^-32`: its multiples are spread evenly.
const GOLDEN: u32 = 0x9E37_79B9;
/// Sums that are kept side by side, so that they fill a vector register.
const WIDTH: usize = 16;

/// First and second derivative of the loss by the margin.
pub(super) type Derivatives = [f32; 2];

/// The sums of both derivatives over some rows, in units of a [`Scale`].
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

impl std::ops::Add for Sum {
    type Output = Self;

    #[inline(always)]
    fn add(mut self, other: Self) -> Self {
        self += other;
        self
    }
}

impl std::ops::Sub for Sum {
    type Output = Self;

    #[inline(always)]
    fn sub(mut self, other: Self) -> Self {
        self -= other;
        self
    }
}

/// The rounded derivatives of a row.
pub(super) trait Rounded: Copy + Default + Debug + PartialEq + Send + Sync + 'static {
    /// Rounds scaled derivatives; `ticket` is spread evenly over the rows.
    fn round(derivatives: Derivatives, factors: [f64; 2], ticket: u32) -> Self;
    /// As a sum of one.
    fn sum(self) -> Sum;
    /// As a number whose halves are the derivatives, if sums of 2^16 rows fit the halves.
    fn packed(self) -> Option<i64>;
}

/// First derivative in the upper 16 bits, signed; second in the lower.
pub(super) type Narrow = i32;

impl Rounded for Narrow {
    #[inline(always)]
    fn round([g, h]: Derivatives, factors: [f64; 2], ticket: u32) -> Self {
        // Seven bits of each end: sums below 2^16 hold them exactly in single precision.
        let (up, down) = ((ticket >> 25) as f32 / 128.0, (ticket & 127) as f32 / 128.0);
        let gradient = whole(g * factors[0] as f32 + up + 32_768.0) - 32_768;
        let hessian = whole(h * factors[1] as f32 + down);
        gradient << 16 | (hessian & 0xFFFF)
    }

    #[inline(always)]
    fn sum(self) -> Sum {
        Sum { gradient: i64::from(self >> 16), hessian: i64::from(self & 0xFFFF) }
    }

    #[inline(always)]
    fn packed(self) -> Option<i64> {
        Some((i64::from(self >> 16) << 32) + i64::from(self & 0xFFFF))
    }
}

/// First and second.
pub(super) type Wide = [i32; 2];

impl Rounded for Wide {
    #[inline(always)]
    fn round(derivatives: Derivatives, factors: [f64; 2], _: u32) -> Self {
        let whole = |side: usize| (f64::from(derivatives[side]) * factors[side]).round() as i32;
        [whole(0), whole(1)]
    }

    #[inline(always)]
    fn sum(self) -> Sum {
        Sum { gradient: i64::from(self[0]), hessian: i64::from(self[1]) }
    }

    #[inline(always)]
    fn packed(self) -> Option<i64> {
        None
    }
}

/// The sums of 2^16 rows at most that [`Rounded::packed`] gave.
#[inline(always)]
pub(super) fn unpacked(packed: i64) -> Sum {
    Sum { gradient: packed >> 32, hessian: packed & 0xFFFF_FFFF }
}

/// How the derivatives of one tree are rounded.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    /// Whether the form is [`Narrow`].
    pub(super) is_narrow: bool,
    /// Powers of two.
    factors: [f64; 2],
}

impl Scale {
    /// A scale by which derivatives of that extent fit their form.
    pub(super) fn new(extent: &Extent, num_rows: usize) -> Self {
        let is_narrow = num_rows > SMALL && extent.skew(num_rows) <= SKEW;
        let factors = if is_narrow {
            let [g, h] = extent.largest.map(|largest| power_of_two_below(32_766.0 / f64::from(largest)));
            // The second derivative is never negative and has one bit more.
            [g, 2.0 * h]
        } else {
            extent.largest.map(|largest| power_of_two_below(f64::from(1 << 30) / f64::from(largest)))
        };
        Self { is_narrow, factors }
    }

    /// A sum in true units.
    #[inline(always)]
    pub(super) fn real(&self, sum: Sum) -> (f64, f64) {
        // Dividing by a power of two is multiplying by its inverse.
        (sum.gradient as f64 * (1.0 / self.factors[0]), sum.hessian as f64 * (1.0 / self.factors[1]))
    }

    /// Fills `entries` with all rows in ascending order and their derivatives; those that are not sampled count nothing.
    /// Returns the sum.
    pub(super) fn round<V: Rounded>(&self, source: &Source, sampling: &Sampling, entries: &mut [Entry<V>]) -> Sum {
        let work = entries.len() * 3;
        let sums = parallel::map(work, entries.chunks_mut(CHUNK).enumerate().collect(), |(chunk, entries)| {
            let mut tile = [Derivatives::default(); TILE];
            let mut sum = Sum::default();
            for (index, entries) in entries.chunks_mut(TILE).enumerate() {
                let start = chunk * CHUNK + index * TILE;
                let derivatives = &mut tile[..entries.len()];
                source.derive(start..start + entries.len(), derivatives);
                if !sampling.has_all_rows() {
                    let rows = derivatives.iter_mut().enumerate().filter(|(index, _)| !sampling.has_row(start + index));
                    rows.for_each(|(_, derivatives)| *derivatives = [0.0; 2]);
                }
                sum += dispatch(Round { derivatives, factors: self.factors, start, salt: sampling.salt(), entries });
            }
            sum
        });
        sums.into_iter().fold(Sum::default(), |all, sum| all + sum)
    }
}

/// Rounds a tile.
struct Round<'a, V> {
    derivatives: &'a [Derivatives],
    factors: [f64; 2],
    start: usize,
    salt: u32,
    entries: &'a mut [Entry<V>],
}

impl<V: Rounded> Kernel for Round<'_, V> {
    type Output = Sum;

    #[inline(always)]
    fn run<const FUSED: bool, const LANES: usize>(self) -> Sum {
        let mut sum = Sum::default();
        for (index, (entry, derivatives)) in self.entries.iter_mut().zip(self.derivatives).enumerate() {
            let row = self.start + index;
            let ticket = (row as u32).wrapping_mul(GOLDEN).wrapping_add(self.salt);
            let value = V::round(*derivatives, self.factors, ticket);
            *entry = Entry { row: row as u32, value };
            sum += value.sum();
        }
        sum
    }
}

/// How large the absolute derivatives are.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Extent {
    largest: [f32; 2],
    sum: [f64; 2],
}

impl Extent {
    /// The extent of some rows' derivatives.
    pub(super) fn of(derivatives: &[Derivatives]) -> Self {
        dispatch(Measure(derivatives))
    }

    /// Takes more rows into account.
    pub(super) fn add(&mut self, other: Self) {
        for side in 0..2 {
            self.largest[side] = self.largest[side].max(other.largest[side]);
            self.sum[side] += other.sum[side];
        }
    }

    /// The larger ratio of largest to mean; infinite if something is not finite.
    fn skew(&self, count: usize) -> f64 {
        let skew = |side: usize| match (f64::from(self.largest[side]), self.sum[side]) {
            (0.0, 0.0) => 1.0,
            (largest, sum) => largest * count as f64 / sum,
        };
        let (g, h) = (skew(0), skew(1));
        if g.is_finite() && h.is_finite() { g.max(h) } else { f64::INFINITY }
    }
}

/// Finds the extent of a tile.
struct Measure<'a>(&'a [Derivatives]);

impl Kernel for Measure<'_> {
    type Output = Extent;

    #[inline(always)]
    fn run<const FUSED: bool, const LANES: usize>(self) -> Extent {
        // First and second derivatives alternate, in the lanes as in the tile.
        let (mut largest, mut sum) = ([0f32; WIDTH], [0f32; WIDTH]);
        let (groups, rest) = self.0.as_flattened().as_chunks::<WIDTH>();
        let mut take = |lane: usize, value: f32| {
            // NaN shows in the sum.
            largest[lane] = if value.abs() > largest[lane] { value.abs() } else { largest[lane] };
            sum[lane] += value.abs();
        };
        for group in groups {
            (0..WIDTH).for_each(|lane| take(lane, group[lane]));
        }
        rest.iter().enumerate().for_each(|(lane, value)| take(lane, *value));
        let mut extent = Extent::default();
        for lane in 0..WIDTH {
            extent.largest[lane % 2] = extent.largest[lane % 2].max(largest[lane]);
            extent.sum[lane % 2] += f64::from(sum[lane]);
        }
        extent
    }
}

/// The whole part of a number from 0 to 2^22. A conversion would look for numbers out of range, one by one.
#[inline(always)]
fn whole(x: f32) -> i32 {
    /// Adding it rounds to a whole number, which stands in the low bits of the sum.
    const ROUND: f32 = 8_388_608.0;
    let rounded = x + ROUND;
    (rounded.to_bits() as i32).wrapping_sub(ROUND.to_bits() as i32) - i32::from(rounded - ROUND > x)
}

/// The largest power of two that is at most `x`, kept within what single precision can multiply by.
fn power_of_two_below(x: f64) -> f64 {
    if x.is_nan() { 1.0 } else { x.clamp(1e-36, 1e36).log2().floor().exp2() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_part_is_that_of_a_conversion() {
        for eighths in 0..(66_000 * 8) {
            let x = eighths as f32 / 8.0;
            for x in [x, x.next_up(), x.next_down().max(0.0)] {
                assert_eq!(whole(x), x as i32, "{x}");
            }
        }
    }

    #[test]
    fn an_extent_knows_what_is_not_finite() {
        for count in [1, 7, 8, 9, 100] {
            let mut derivatives: Vec<Derivatives> = (0..count).map(|i| [-(i as f32), 0.5]).collect();
            let extent = Extent::of(&derivatives);
            assert_eq!(extent.largest, [count as f32 - 1.0, 0.5]);
            assert_eq!(extent.sum, [(count * (count - 1) / 2) as f64, 0.5 * count as f64]);
            for wrong in [f32::NAN, f32::INFINITY] {
                derivatives[count - 1] = [wrong, 0.5];
                assert_eq!(Extent::of(&derivatives).skew(count), f64::INFINITY);
            }
        }
    }
}
