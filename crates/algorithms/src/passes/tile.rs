//! Tiles: some rows of double-precision columns that stay in the cache while loops pass over them.

use std::ops::Range;

use datafusion_ml_core::Features;

use crate::simd::{Kernel, dispatch, fma};

/// Rows are padded to a multiple of this.
const ROWS: usize = 16;

/// Columns are padded to a multiple of this.
const COLUMNS: usize = 4;

/// Some rows, column by column, padded with rows and columns of 0 to the steps of the kernels.
#[derive(Debug)]
pub(crate) struct Tile {
    values: Vec<f64>,
    columns: usize,
    rows: usize,
    /// The distance of columns in `values`, of which no multiple is a page, or they would share few sets of the cache.
    stride: usize,
}

impl Tile {
    /// Of zeros, for up to `rows` rows.
    pub(crate) fn new(rows: usize, columns: usize) -> Self {
        let stride = rows.next_multiple_of(ROWS) + ROWS / 2;
        Self { values: vec![0.0; stride * columns.next_multiple_of(COLUMNS)], columns, rows, stride }
    }

    /// The most rows of a range of [`Tile::ranges`].
    pub(crate) fn height(num_rows: usize, columns: usize) -> usize {
        // As many as stay in the cache that is nearest to a core but one.
        (24_576 / columns.max(1)).clamp(32, 512).min(num_rows)
    }

    /// The ranges of rows that make up a block, so few that `columns` of them stay in the cache.
    pub(crate) fn ranges(num_rows: usize, columns: usize) -> impl Iterator<Item = Range<usize>> {
        let height = Self::height(num_rows, columns).max(1);
        (0..num_rows.div_ceil(height)).map(move |tile| tile * height..((tile + 1) * height).min(num_rows))
    }

    /// Makes the tile `rows` rows high; their values are to be set next.
    pub(crate) fn set_rows(&mut self, rows: usize) {
        self.rows = rows;
    }

    /// The number of rows without padding.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// The number of columns without padding.
    pub(crate) fn columns(&self) -> usize {
        self.columns
    }

    /// The number of rows with padding.
    #[inline(always)]
    pub(crate) fn padded(&self) -> usize {
        self.rows.next_multiple_of(ROWS)
    }

    /// The rows of a column, with padding.
    #[inline(always)]
    pub(crate) fn column(&self, column: usize) -> &[f64] {
        &self.values[column * self.stride..][..self.padded()]
    }

    /// The rows of a column, with padding.
    #[inline(always)]
    pub(crate) fn column_mut(&mut self, column: usize) -> &mut [f64] {
        let padded = self.padded();
        &mut self.values[column * self.stride..][..padded]
    }

    /// Two vectors of a column from a row that is a multiple of their length.
    #[inline(always)]
    pub(crate) fn pair<const LANES: usize>(&self, column: usize, row: usize) -> &[[f64; LANES]; 2] {
        let vectors = self.values[column * self.stride + row..].as_chunks().0;
        vectors.first_chunk().expect("columns are padded to pairs of vectors")
    }

    /// A vector of a column from a row that is a multiple of its length.
    #[inline(always)]
    pub(crate) fn vector<const LANES: usize>(&self, column: usize, row: usize) -> &[f64; LANES] {
        self.values[column * self.stride + row..].first_chunk().expect("columns are padded to whole vectors")
    }

    /// Sets a column, and its padding to 0.
    pub(crate) fn set(&mut self, column: usize, values: impl Iterator<Item = f64>) {
        let mut slots = self.column_mut(column).iter_mut();
        values.zip(&mut slots).for_each(|(value, slot)| *slot = value);
        slots.for_each(|slot| *slot = 0.0);
    }

    /// Makes the first columns `(x - shift) * factor` of the features' rows, given a pair for each.
    pub(crate) fn load(&mut self, features: &Features, rows: Range<usize>, maps: impl Iterator<Item = (f64, f64)>) {
        self.set_rows(rows.len());
        let mut buffer = Vec::new();
        for (index, (column, (shift, factor))) in features.columns().iter().zip(maps).enumerate() {
            let values = column.f64s(rows.clone(), &mut buffer);
            dispatch(Load { values, shift, factor, slots: self.column_mut(index) });
        }
    }

    /// Makes each column the product of one of `x` and `factors`.
    pub(crate) fn set_products(&mut self, x: &Self, factors: &[f64]) {
        self.set_rows(x.rows);
        dispatch(SetProducts { x, factors, slots: self });
    }
}

struct SetProducts<'a> {
    x: &'a Tile,
    factors: &'a [f64],
    slots: &'a mut Tile,
}

impl Kernel for SetProducts<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FUSED: bool, const LANES: usize>(self) {
        for column in 0..self.x.columns {
            let values = self.x.column(column).iter().zip(self.factors);
            for (slot, (value, factor)) in self.slots.column_mut(column).iter_mut().zip(values) {
                *slot = value * factor;
            }
        }
    }
}

struct Load<'a> {
    values: &'a [f64],
    shift: f64,
    factor: f64,
    slots: &'a mut [f64],
}

impl Kernel for Load<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FUSED: bool, const LANES: usize>(self) {
        prefetch_after(self.values);
        let (slots, padding) = self.slots.split_at_mut(self.values.len());
        for (slot, value) in slots.iter_mut().zip(self.values) {
            *slot = (value - self.shift) * self.factor;
        }
        padding.fill(0.0);
    }
}

/// Has the memory after some values, as many again, brought into the cache while other work goes on: most likely these are
/// the values that are loaded next.
#[inline(always)]
fn prefetch_after(values: &[f64]) {
    #[cfg(target_arch = "x86_64")]
    for index in (values.len()..2 * values.len()).step_by(8) {
        use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
        // SAFETY: a prefetch may be of any address, and changes no value.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(values.as_ptr().wrapping_add(index).cast()) };
    }
}

/// Which products [`add_products`] forms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Products {
    /// Of every left column with every right one.
    All,
    /// At least those of a left column with right columns of the same or a later number.
    Upper,
}

/// `sums[i * columns + j] += sum over rows of left[i] * right[j]`, where `columns` is the number of right columns.
pub(crate) fn add_products(left: &Tile, right: &Tile, products: Products, sums: &mut [f64]) {
    dispatch(AddProducts { left, right, products, sums });
}

struct AddProducts<'a> {
    left: &'a Tile,
    right: &'a Tile,
    products: Products,
    sums: &'a mut [f64],
}

impl Kernel for AddProducts<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FUSED: bool, const LANES: usize>(self) {
        let Self { left, right, products, sums } = self;
        for i in (0..left.columns).step_by(4) {
            let first = if products == Products::Upper { i } else { 0 };
            for j in (first..right.columns).step_by(2) {
                let block = products_of_block::<FUSED, LANES>(left, right, i, j);
                for (i, block) in (i..left.columns).zip(block) {
                    for (j, product) in (j..right.columns).zip(block) {
                        sums[i * right.columns + j] += product;
                    }
                }
            }
        }
    }
}

/// The products of four left columns with two right ones, in vector registers.
#[inline(always)]
fn products_of_block<const FUSED: bool, const LANES: usize>(
    left: &Tile,
    right: &Tile,
    i: usize,
    j: usize,
) -> [[f64; 2]; 4] {
    let steps = left.padded() / LANES;
    let vectors = |tile, column| vectors::<LANES>(tile, column, steps);
    let left = [vectors(left, i), vectors(left, i + 1), vectors(left, i + 2), vectors(left, i + 3)];
    let right = [vectors(right, j), vectors(right, j + 1)];
    let mut sums = [[[0.0; LANES]; 2]; 4];
    for step in 0..steps {
        for i in 0..4 {
            for j in 0..2 {
                for lane in 0..LANES {
                    sums[i][j][lane] = fma::<FUSED>(left[i][step][lane], right[j][step][lane], sums[i][j][lane]);
                }
            }
        }
    }
    sums.map(|sums| sums.map(|lanes| lanes.iter().sum()))
}

/// The first `steps` vectors of a column.
#[inline(always)]
fn vectors<const LANES: usize>(tile: &Tile, column: usize, steps: usize) -> &[[f64; LANES]] {
    &tile.column(column).as_chunks().0[..steps]
}

/// `sums[output] = sum over columns of weights[output * columns + column] * x[column]`, row by row.
pub(crate) fn combine(x: &Tile, weights: &[f64], sums: &mut Tile) {
    sums.set_rows(x.rows);
    dispatch(Combine { x, weights, sums });
}

struct Combine<'a> {
    x: &'a Tile,
    weights: &'a [f64],
    sums: &'a mut Tile,
}

impl Kernel for Combine<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FUSED: bool, const LANES: usize>(mut self) {
        let mut output = 0;
        while output < self.sums.columns {
            output += match self.sums.columns - output {
                1 => self.block::<FUSED, LANES, 1>(output),
                2 | 3 => self.block::<FUSED, LANES, 2>(output),
                _ => self.block::<FUSED, LANES, 4>(output),
            };
        }
    }
}

impl Combine<'_> {
    /// `OUTPUTS` outputs from `first`, two vectors of rows at a time. Gives their number.
    #[expect(clippy::needless_range_loop, reason = "the index is that of several arrays")]
    #[inline(always)]
    fn block<const FUSED: bool, const LANES: usize, const OUTPUTS: usize>(&mut self, first: usize) -> usize {
        let columns = self.x.columns;
        let weights: [&[f64]; OUTPUTS] =
            std::array::from_fn(|output| &self.weights[(first + output) * columns..][..columns]);
        for start in (0..self.x.padded()).step_by(2 * LANES) {
            let mut sums = [[[0.0; LANES]; 2]; OUTPUTS];
            for column in 0..columns {
                let x: &[[f64; LANES]; 2] = self.x.pair(column, start);
                for output in 0..OUTPUTS {
                    let weight = weights[output][column];
                    for half in 0..2 {
                        for lane in 0..LANES {
                            sums[output][half][lane] = fma::<FUSED>(weight, x[half][lane], sums[output][half][lane]);
                        }
                    }
                }
            }
            for (output, sums) in sums.iter().enumerate() {
                let slots = &mut self.sums.column_mut(first + output)[start..start + 2 * LANES];
                slots.copy_from_slice(sums.as_flattened());
            }
        }
        OUTPUTS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(index: usize) -> f64 {
        (index as f64 * 0.618_033_988_749_894_9).fract() - 0.5
    }

    /// A tile after another that was higher, so that padding is not 0 of itself.
    fn tile(rows: usize, columns: usize, salt: usize) -> (Tile, Vec<Vec<f64>>) {
        let values: Vec<Vec<f64>> =
            (0..columns).map(|column| (0..rows).map(|row| number(salt + 31 * column + row)).collect()).collect();
        let mut tile = Tile::new(rows + 50, columns);
        tile.set_rows(rows + 50);
        (0..columns).for_each(|column| tile.set(column, std::iter::repeat_n(9.0, rows + 50)));
        tile.load(&Features::from_f64(values.clone()).unwrap(), 0..rows, std::iter::repeat_n((0.0, 1.0), columns));
        (tile, values)
    }

    fn dot(a: &[f64], b: &[f64]) -> f64 {
        a.iter().zip(b).map(|(a, b)| a * b).sum()
    }

    #[test]
    fn products_are_sums_over_rows() {
        for (rows, lefts, rights) in [(1, 1, 1), (16, 4, 2), (37, 5, 3), (100, 22, 22), (300, 9, 1)] {
            let ((left, of_left), (right, of_right)) = (tile(rows, lefts, 1), tile(rows, rights, 1000));
            let (mut all, mut upper) = (vec![1.0; lefts * rights], vec![0.0; lefts * lefts]);
            add_products(&left, &right, Products::All, &mut all);
            add_products(&left, &left, Products::Upper, &mut upper);
            for i in 0..lefts {
                for j in 0..rights {
                    assert!((all[i * rights + j] - 1.0 - dot(&of_left[i], &of_right[j])).abs() < 1e-13);
                }
                for j in i..lefts {
                    assert!((upper[i * lefts + j] - dot(&of_left[i], &of_left[j])).abs() < 1e-13);
                }
            }
        }
    }

    #[test]
    fn combinations_are_sums_over_columns() {
        for (rows, columns, outputs) in [(1, 1, 1), (37, 5, 2), (100, 21, 5), (64, 3, 7)] {
            let (x, values) = tile(rows, columns, 1);
            let weights: Vec<f64> = (0..columns * outputs).map(|index| number(index + 77)).collect();
            let mut sums = Tile::new(rows, outputs);
            combine(&x, &weights, &mut sums);
            for output in 0..outputs {
                for row in 0..rows {
                    let row_values: Vec<f64> = values.iter().map(|column| column[row]).collect();
                    let expected = dot(&weights[output * columns..(output + 1) * columns], &row_values);
                    assert!((sums.column(output)[row] - expected).abs() < 1e-13);
                }
            }
        }
    }
}
