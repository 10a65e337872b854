//! The training data as bin numbers: one small code per cell instead of a number.

use datafusion_ml_core::{Error, FeatureColumn, FitContext, Result, TrainingData};

use super::bundles::{Layout, Place};
use super::codes::{Codes, Storage};
use super::gradients::Sum;
use super::split::Split;
use crate::parallel;

/// A bin number in as few bits as will do.
pub(super) trait Code: Copy + Default + Send + Sync + 'static {
    /// The number as a code; it fits by construction.
    fn new(bin: usize) -> Self;
    /// The code as a number.
    fn index(self) -> usize;
    /// The codes as they are, if they are bytes.
    fn as_bytes(codes: &[Self]) -> Option<&[u8]>;
    /// Bin numbers of values (by [`FeatureBins`]), the missing ones given `missing`.
    fn encode(cuts: &[f32], missing: Self, values: &[f32], codes: &mut [Self]);
}

impl Code for u8 {
    fn new(bin: usize) -> Self {
        bin as u8
    }

    #[inline(always)]
    fn index(self) -> usize {
        usize::from(self)
    }

    fn as_bytes(codes: &[Self]) -> Option<&[u8]> {
        Some(codes)
    }

    /// Binary search without branches over cuts padded with NaN, which is never at most as large as anything.
    fn encode(cuts: &[f32], missing: Self, values: &[f32], codes: &mut [Self]) {
        let mut padded = [f32::NAN; 256];
        padded[..cuts.len()].copy_from_slice(cuts);
        for (value, code) in values.iter().zip(codes) {
            let mut bin = 0usize;
            for step in [128, 64, 32, 16, 8, 4, 2, 1] {
                bin += if padded[(bin + step - 1) & 255] <= *value { step } else { 0 };
            }
            *code = if value.is_nan() { missing } else { bin as u8 };
        }
    }
}

impl Code for u16 {
    fn new(bin: usize) -> Self {
        bin as u16
    }

    #[inline(always)]
    fn index(self) -> usize {
        usize::from(self)
    }

    fn as_bytes(_: &[Self]) -> Option<&[u8]> {
        None
    }

    fn encode(cuts: &[f32], missing: Self, values: &[f32], codes: &mut [Self]) {
        for (value, code) in values.iter().zip(codes) {
            let bin = cuts.partition_point(|cut| cut <= value) as u16;
            *code = if value.is_nan() { missing } else { bin };
        }
    }
}

/// The bins of one feature. A value's bin is the number of cuts that are at most as large; missing is the last code.
#[derive(Debug)]
pub(super) struct FeatureBins {
    /// Ascending lower bounds of all bins but the first.
    pub(super) cuts: Vec<f32>,
    /// Whether there is one more code, for missing values.
    pub(super) has_missing: bool,
}

impl FeatureBins {
    /// The number of bins of present values, at least 1; also the code of missing values.
    pub(super) fn num_bins(&self) -> usize {
        self.cuts.len() + 1
    }

    /// The number of codes, with that of missing values if there is one.
    pub(super) fn num_codes(&self) -> usize {
        self.num_bins() + usize::from(self.has_missing)
    }
}

/// The codes of all cells: row by row for histograms and, if there is memory, again column by column for dividing rows,
/// which would otherwise fetch a whole row for one code.
#[derive(Debug)]
pub(super) struct Bins<C> {
    num_rows: usize,
    /// Codes per row including padding, so that few rows straddle cache lines.
    stride: usize,
    rows: Codes<C>,
    columns: Option<Codes<C>>,
    features: Vec<FeatureBins>,
    layout: Layout,
}

/// Rows that are copied from columns to rows at a time.
const TILE: usize = 512;

impl<C: Code> Bins<C> {
    /// Reads the data once more and replaces every value by its code.
    pub(super) fn read(
        data: &dyn TrainingData,
        features: Vec<FeatureBins>,
        layout: Layout,
        context: &dyn FitContext,
    ) -> Result<Self> {
        let (num_rows, num_features, num_columns) = (data.num_rows(), features.len(), layout.num_columns());
        let stride = stride(num_columns);
        let (rows_len, columns_len) = (num_rows.saturating_mul(stride), num_rows.saturating_mul(num_columns));
        let (has_columns, storage) = reserve(rows_len * size_of::<C>(), columns_len * size_of::<C>(), context)?;
        let mut rows = Codes::<C>::new(rows_len, &storage)?;
        let mut columns = if has_columns { Some(Codes::<C>::new(columns_len, &storage)?) } else { None };
        let mut encoders: Vec<Encoder<C>> = (0..num_columns).map(|_| Encoder::default()).collect();
        let mut start = 0;
        for block in data.blocks() {
            context.checkpoint()?;
            let block = block?;
            let end = start + block.features.num_rows();
            if end > num_rows || block.features.num_features() != num_features {
                return Err(Error::internal("the training data changed between two passes"));
            }
            let tasks = encoders.iter_mut().zip(&layout.members).collect();
            parallel::for_each((end - start) * num_features * 4, tasks, |(encoder, members)| {
                encoder.begin(end - start);
                for feature in members {
                    let values = block.features.column(*feature);
                    encoder.encode(values, &features[*feature], &layout.places[*feature]);
                }
            });
            let tiles = rows[start * stride..end * stride].chunks_mut(TILE * stride).enumerate().collect::<Vec<_>>();
            parallel::for_each((end - start) * num_columns, tiles, |(index, tile)| {
                for (column, encoder) in encoders.iter().enumerate() {
                    for (row, code) in tile.chunks_exact_mut(stride).zip(&encoder.codes[index * TILE..]) {
                        row[column] = *code;
                    }
                }
            });
            if let Some(columns) = &mut columns {
                for (column, encoder) in columns.chunks_exact_mut(num_rows).zip(&encoders) {
                    column[start..end].copy_from_slice(&encoder.codes);
                }
            }
            start = end;
        }
        if start != num_rows {
            return Err(Error::internal(format!("the training data has {start} instead of {num_rows} rows")));
        }
        Ok(Self { num_rows, stride, rows, columns, features, layout })
    }

    /// The number of rows.
    pub(super) fn num_rows(&self) -> usize {
        self.num_rows
    }

    /// The number of features.
    pub(super) fn num_features(&self) -> usize {
        self.features.len()
    }

    /// The number of columns of codes.
    pub(super) fn num_columns(&self) -> usize {
        self.layout.num_columns()
    }

    /// The number of codes of all columns: the length of a histogram.
    pub(super) fn num_codes(&self) -> usize {
        self.layout.num_codes()
    }

    /// The number of codes per row, with padding.
    pub(super) fn stride(&self) -> usize {
        self.stride
    }

    /// The bins of a feature.
    pub(super) fn feature(&self, feature: usize) -> &FeatureBins {
        &self.features[feature]
    }

    /// Where each column's codes begin in a histogram, in the order of [`Self::row`].
    pub(super) fn offsets(&self) -> &[usize] {
        &self.layout.offsets[..self.num_columns()]
    }

    /// A column's part of a histogram.
    pub(super) fn part_mut<'a>(&self, histogram: &'a mut [Sum], column: usize) -> &'a mut [Sum] {
        &mut histogram[self.layout.offsets[column]..self.layout.offsets[column + 1]]
    }

    /// The sums per code of a feature, `total` being the node's sum. Borrows them from the histogram where the feature
    /// has a column of its own, otherwise fills `buffer`.
    pub(super) fn sums<'a>(
        &self,
        histogram: &'a [Sum],
        total: Sum,
        feature: usize,
        buffer: &'a mut Vec<Sum>,
    ) -> &'a [Sum] {
        let place = &self.layout.places[feature];
        let part = &histogram[self.layout.offsets[place.column]..self.layout.offsets[place.column + 1]];
        let Some(usual) = place.usual() else { return part };
        buffer.clear();
        let mut rest = total;
        for code in 0..self.features[feature].num_codes() {
            let sum = if code == usual { Sum::default() } else { part[place.code(code)] };
            rest -= sum;
            buffer.push(sum);
        }
        buffer[usual] = rest;
        buffer
    }

    /// Tells the sides of a split apart.
    pub(super) fn sides(&self, split: &Split) -> Sides {
        let (bins, place) = (&self.features[split.feature], &self.layout.places[split.feature]);
        let is_left = |code| code < split.boundary || (split.default_left && code == bins.num_bins());
        let num_codes = self.layout.offsets[place.column + 1] - self.layout.offsets[place.column];
        let mut left = vec![place.usual().is_some_and(is_left); num_codes];
        (0..bins.num_codes()).for_each(|code| left[place.code(code)] = is_left(code));
        Sides { column: place.column, left }
    }

    /// The codes of a column.
    pub(super) fn column(&self, column: usize) -> Column<'_, C> {
        match &self.columns {
            Some(columns) => Column::of(&columns[column * self.num_rows..][..self.num_rows]),
            None => Column { codes: &self.rows[column..], step: self.stride },
        }
    }

    /// The codes of all rows, if a code is a byte.
    pub(super) fn as_bytes(&self) -> Option<&[u8]> {
        C::as_bytes(&self.rows)
    }

    /// The codes of a row; each is below its column's number of codes.
    #[inline(always)]
    pub(super) fn row(&self, row: usize) -> &[C] {
        &self.rows[row * self.stride..][..self.layout.num_columns()]
    }
}

/// Asks for memory for the codes: for rows and columns, for the rows alone, or for neither if there is a directory for
/// temporary files. Says whether columns are to be kept, and where the codes go.
fn reserve(rows: usize, columns: usize, context: &dyn FitContext) -> Result<(bool, Storage)> {
    if context.reserve(rows.saturating_add(columns)).is_ok() {
        return Ok((true, Storage::Memory));
    }
    match (context.reserve(rows), context.scratch_dir()) {
        (Ok(()), _) => Ok((false, Storage::Memory)),
        (Err(_), Some(directory)) => Ok((false, Storage::File(directory))),
        (Err(error), None) => Err(error),
    }
}

/// The codes of a column, some steps apart.
#[derive(Debug, Clone, Copy)]
pub(super) struct Column<'a, C> {
    codes: &'a [C],
    step: usize,
}

impl<'a, C: Code> Column<'a, C> {
    /// Codes that lie side by side.
    pub(super) fn of(codes: &'a [C]) -> Self {
        Self { codes, step: 1 }
    }

    /// The code of a row, below the column's number of codes.
    #[inline(always)]
    pub(super) fn code(&self, row: u32) -> usize {
        self.codes[row as usize * self.step].index()
    }
}

/// The side of a split that each code is on.
#[derive(Debug)]
pub(super) struct Sides {
    /// The column that decides.
    pub(super) column: usize,
    /// Whether rows of that code go left.
    pub(super) left: Vec<bool>,
}

/// The codes of a column in one block.
#[derive(Debug, Default)]
struct Encoder<C> {
    codes: Vec<C>,
    values: Vec<f32>,
    /// The codes of one feature of several.
    own: Vec<C>,
}

impl<C: Code> Encoder<C> {
    /// Begins a block of so many rows, in which all features have their usual values so far.
    fn begin(&mut self, num_rows: usize) {
        self.codes.clear();
        self.codes.resize(num_rows, C::default());
    }

    /// Writes the codes of a feature; in a shared column, where they are not the usual one.
    fn encode(&mut self, values: &FeatureColumn, bins: &FeatureBins, place: &Place) {
        let missing = C::new(bins.num_bins());
        let values = values.f32s(0..self.codes.len(), &mut self.values);
        let Some(usual) = place.usual() else { return C::encode(&bins.cuts, missing, values, &mut self.codes) };
        self.own.resize(self.codes.len(), C::default());
        C::encode(&bins.cuts, missing, values, &mut self.own);
        for (to, code) in self.codes.iter_mut().zip(&self.own) {
            if code.index() != usual {
                *to = C::new(place.code(code.index()));
            }
        }
    }
}

/// Codes per row with padding, which keeps rows from straddling cache lines as far as it adds a fifth at most.
fn stride(num_columns: usize) -> usize {
    let padded = if num_columns > 64 { num_columns.next_multiple_of(64) } else { num_columns.next_power_of_two() };
    if (padded - num_columns) * 5 <= num_columns { padded } else { num_columns.next_multiple_of(4) }
}
