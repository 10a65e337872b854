//! The training data as bin numbers: one small code per cell instead of a number.

use datafusion_ml_core::{Error, FitContext, Result, TrainingData};

use super::objective::Objective;
use super::sketch::{self, Sketch};
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

    fn num_codes(&self) -> usize {
        self.num_bins() + usize::from(self.has_missing)
    }
}

/// What the first pass over the data found.
#[derive(Debug)]
pub(super) struct Survey {
    /// The bins of every feature.
    pub(super) features: Vec<FeatureBins>,
    /// The target of every row.
    pub(super) labels: Vec<f32>,
}

impl Survey {
    /// Reads the data once: sketches every feature and collects the targets.
    pub(super) fn read(
        data: &dyn TrainingData,
        objective: &Objective,
        max_bin: usize,
        context: &dyn FitContext,
    ) -> Result<Self> {
        let num_features = data.feature_names().len();
        let mut sketches: Vec<(Sketch, Vec<f32>)> = (0..num_features).map(|_| Default::default()).collect();
        let mut labels = Vec::with_capacity(data.num_rows());
        for block in data.blocks() {
            context.checkpoint()?;
            let block = block?;
            let rows = block.features.num_rows();
            if block.features.num_features() != num_features || block.target.len() != rows {
                return Err(Error::internal(format!(
                    "a block of {rows} rows has {} targets and {} of {num_features} features",
                    block.target.len(),
                    block.features.num_features()
                )));
            }
            for target in &block.target {
                labels.push(objective.label(*target)?);
            }
            let columns = sketches.iter_mut().zip(block.features.columns()).collect();
            parallel::for_each(rows * num_features * 8, columns, |((sketch, buffer), column)| {
                sketch.extend(column.f32s(0..rows, buffer));
            });
        }
        let features = parallel::map(num_features * 10_000, sketches, |(sketch, _)| {
            let has_missing = sketch.has_missing();
            // One code is kept for missing values, so that the default of 256 bins fits a byte.
            let max_bins = if has_missing && max_bin == 256 { 255 } else { max_bin };
            FeatureBins { cuts: sketch::cuts(&sketch.finish(), max_bins), has_missing }
        });
        Ok(Self { features, labels })
    }

    /// Whether every code fits a byte.
    pub(super) fn fits_u8(&self) -> bool {
        self.features.iter().all(|feature| feature.num_codes() <= 256)
    }
}

/// The codes of all cells, twice: row by row for histograms, column by column for partitioning rows.
#[derive(Debug)]
pub(super) struct Bins<C> {
    num_rows: usize,
    /// Codes per row including padding, so that few rows straddle cache lines.
    stride: usize,
    rows: Vec<C>,
    columns: Vec<Vec<C>>,
    features: Vec<FeatureBins>,
    /// Where each feature's codes begin in a histogram; one more entry holds the histogram's length.
    offsets: Vec<usize>,
}

/// Rows that are copied from columns to rows at a time.
const TILE: usize = 512;

impl<C: Code> Bins<C> {
    /// The bytes that codes of so many cells take.
    pub(super) fn memory(num_rows: usize, num_features: usize) -> usize {
        num_rows.saturating_mul(num_features + stride(num_features)).saturating_mul(size_of::<C>())
    }

    /// Reads the data once more and replaces every value by its code.
    pub(super) fn read(data: &dyn TrainingData, features: Vec<FeatureBins>, context: &dyn FitContext) -> Result<Self> {
        let (num_rows, num_features) = (data.num_rows(), features.len());
        let stride = stride(num_features);
        let mut columns: Vec<(Vec<C>, Vec<f32>)> =
            features.iter().map(|_| (vec![C::default(); num_rows], Vec::new())).collect();
        let mut rows = vec![C::default(); num_rows * stride];
        let mut start = 0;
        for block in data.blocks() {
            context.checkpoint()?;
            let block = block?;
            let end = start + block.features.num_rows();
            if end > num_rows || block.features.num_features() != num_features {
                return Err(Error::internal("the training data changed between two passes"));
            }
            let tasks = columns.iter_mut().zip(&features).zip(block.features.columns()).collect();
            parallel::for_each((end - start) * num_features * 4, tasks, |(((codes, buffer), feature), column)| {
                let values = column.f32s(0..end - start, buffer);
                C::encode(&feature.cuts, C::new(feature.num_bins()), values, &mut codes[start..end]);
            });
            let tiles = rows[start * stride..end * stride].chunks_mut(TILE * stride).enumerate().collect::<Vec<_>>();
            parallel::for_each((end - start) * num_features, tiles, |(index, tile)| {
                let from = start + index * TILE;
                for (feature, (codes, _)) in columns.iter().enumerate() {
                    for (row, code) in tile.chunks_exact_mut(stride).zip(&codes[from..]) {
                        row[feature] = *code;
                    }
                }
            });
            start = end;
        }
        if start != num_rows {
            return Err(Error::internal(format!("the training data has {start} instead of {num_rows} rows")));
        }
        let mut offsets = vec![0];
        for feature in &features {
            offsets.push(offsets[offsets.len() - 1] + feature.num_codes());
        }
        let columns = columns.into_iter().map(|(codes, _)| codes).collect();
        Ok(Self { num_rows, stride, rows, columns, features, offsets })
    }

    /// The number of rows.
    pub(super) fn num_rows(&self) -> usize {
        self.num_rows
    }

    /// The number of features.
    pub(super) fn num_features(&self) -> usize {
        self.features.len()
    }

    /// The number of codes of all features: the length of a histogram.
    pub(super) fn num_codes(&self) -> usize {
        self.offsets[self.features.len()]
    }

    /// The bins of a feature.
    pub(super) fn feature(&self, feature: usize) -> &FeatureBins {
        &self.features[feature]
    }

    /// Where each feature's codes begin in a histogram, in the order of [`Self::row`].
    pub(super) fn offsets(&self) -> &[usize] {
        &self.offsets[..self.features.len()]
    }

    /// A feature's part of a histogram.
    pub(super) fn part<'a, T>(&self, histogram: &'a [T], feature: usize) -> &'a [T] {
        &histogram[self.offsets[feature]..self.offsets[feature + 1]]
    }

    /// The number of codes per row that count.
    pub(super) fn num_columns(&self) -> usize {
        self.features.len()
    }

    /// The number of codes per row, with padding.
    pub(super) fn stride(&self) -> usize {
        self.stride
    }

    /// The codes of all rows, if a code is a byte.
    pub(super) fn as_bytes(&self) -> Option<&[u8]> {
        C::as_bytes(&self.rows)
    }

    /// A column's part of a histogram.
    pub(super) fn part_mut<'a, T>(&self, histogram: &'a mut [T], column: usize) -> &'a mut [T] {
        &mut histogram[self.offsets[column]..self.offsets[column + 1]]
    }

    /// The codes of a feature; each is below the feature's number of codes.
    pub(super) fn column(&self, feature: usize) -> &[C] {
        &self.columns[feature]
    }

    /// The codes of a row; each is below its feature's number of codes.
    #[inline(always)]
    pub(super) fn row(&self, row: usize) -> &[C] {
        &self.rows[row * self.stride..][..self.features.len()]
    }
}

/// Codes per row with padding.
fn stride(num_features: usize) -> usize {
    match num_features {
        0..=16 => num_features.next_power_of_two(),
        _ => num_features.next_multiple_of(16),
    }
}
