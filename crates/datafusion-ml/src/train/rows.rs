//! Which rows are learned from, and the view of them that algorithms get.

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BooleanArray, RecordBatch};
use datafusion::arrow::compute::BatchCoalescer;
use datafusion_ml_core::{Encoder, Error, Features, Result, Target, TrainingBlock, TrainingData};

use super::buffer::TrainingBuffer;

/// Rows per batch of those that were chosen.
const CHOSEN_ROWS: usize = 8_192;

/// A choice of rows by a seeded hash of their position: the same rows for the same seed, whatever the batches.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct RowFilter {
    seed: u64,
    /// Rows whose sampling hash is at most this are used at all.
    sampled_up_to: u64,
    part: Part,
}

/// The part of the sampled rows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Part {
    /// All of them.
    All,
    /// Those that are held out, given the share.
    HeldOut(f64),
    /// Those that are not held out, given the share that is.
    Kept(f64),
}

impl RowFilter {
    /// A uniform sample of `limit` of `num_rows` rows; all of them without a limit.
    pub(super) fn sample(seed: u64, num_rows: usize, limit: Option<usize>) -> Self {
        let sampled_up_to = match limit {
            Some(limit) if limit < num_rows => {
                let mut hashes: Vec<u64> = (0..num_rows as u64).map(|row| hash(seed, row)).collect();
                *hashes.select_nth_unstable(limit.max(1) - 1).1
            }
            _ => u64::MAX,
        };
        Self { seed, sampled_up_to, part: Part::All }
    }

    /// A part of the sampled rows.
    pub(super) fn part(self, part: Part) -> Self {
        Self { part, ..self }
    }

    fn takes_all(&self) -> bool {
        self.sampled_up_to == u64::MAX && self.part == Part::All
    }

    fn takes(&self, row: u64) -> bool {
        if hash(self.seed, row) > self.sampled_up_to {
            return false;
        }
        // A second, independent hash, as a number in [0, 1).
        let share = || (hash(!self.seed, row) >> 11) as f64 / (1u64 << 53) as f64;
        match self.part {
            Part::All => true,
            Part::HeldOut(fraction) => share() < fraction,
            Part::Kept(fraction) => share() >= fraction,
        }
    }

    /// How many of `num_rows` rows it takes.
    pub(super) fn count(&self, num_rows: usize) -> usize {
        if self.takes_all() { num_rows } else { (0..num_rows as u64).filter(|row| self.takes(*row)).count() }
    }

    /// The chosen rows, batch by batch, in their order. Each call is one pass.
    pub(super) fn batches(self, buffer: &TrainingBuffer) -> Box<dyn Iterator<Item = Result<RecordBatch>> + Send + '_> {
        let mut batches = buffer
            .batches()
            .map(|batch| batch.map_err(|e| Error::storage(format!("spilled training rows cannot be read: {e}"))));
        if self.takes_all() {
            return Box::new(batches);
        }
        // A few rows of each of many batches would cost what whole batches cost.
        let mut chosen = BatchCoalescer::new(Arc::clone(buffer.schema()), CHOSEN_ROWS);
        let mut next_row = 0;
        Box::new(std::iter::from_fn(move || {
            while !chosen.has_completed_batch() {
                let step = match batches.next() {
                    Some(Err(error)) => return Some(Err(error)),
                    Some(Ok(batch)) => {
                        let mask = self.mask(next_row, batch.num_rows());
                        next_row += batch.num_rows() as u64;
                        chosen.push_batch_with_filter(batch, &mask)
                    }
                    None if chosen.is_empty() => return None,
                    None => chosen.finish_buffered_batch(),
                };
                if let Err(error) = step {
                    return Some(Err(error.into()));
                }
            }
            chosen.next_completed_batch().map(Ok)
        }))
    }

    fn mask(&self, first_row: u64, num_rows: usize) -> BooleanArray {
        (first_row..first_row + num_rows as u64).map(|row| Some(self.takes(row))).collect()
    }
}

/// How many classes have no row among those that a filter takes. Fails if all of these are of one class.
pub(super) fn unseen_classes(
    filter: RowFilter,
    buffer: &TrainingBuffer,
    column: usize,
    target: &Target,
) -> Result<usize> {
    if filter.takes_all() || target.classes().is_empty() {
        return Ok(0);
    }
    let (mut rows, mut seen) = (0, BTreeSet::new());
    for batch in filter.batches(buffer) {
        let classes = target.encode(batch?.column(column))?;
        rows += classes.len();
        seen.extend(classes.into_iter().map(|class| class as usize));
    }
    match seen.first() {
        Some(only) if seen.len() == 1 => Err(Error::data(format!(
            "MAX_CELLS allows {rows} of {} rows, and those that were drawn are all of class {}; raise MAX_CELLS",
            buffer.num_rows(),
            target.classes()[*only]
        ))),
        _ => Ok(target.classes().len() - seen.len()),
    }
}

/// SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014) of seed and row.
fn hash(seed: u64, row: u64) -> u64 {
    let mut z =
        seed.wrapping_mul(0xA24B_AED4_963E_E407).wrapping_add(row.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// The chosen rows of a buffer, encoded block by block on every pass.
pub(super) struct TrainingRows<'a> {
    buffer: &'a TrainingBuffer,
    encoder: &'a Encoder,
    /// The target with the position of its column.
    target: Option<(usize, &'a Target)>,
    filter: RowFilter,
    num_rows: usize,
    feature_names: Vec<String>,
}

impl<'a> TrainingRows<'a> {
    pub(super) fn new(
        buffer: &'a TrainingBuffer,
        encoder: &'a Encoder,
        target: Option<(usize, &'a Target)>,
        filter: RowFilter,
    ) -> Self {
        let num_rows = filter.count(buffer.num_rows());
        Self { buffer, encoder, target, filter, num_rows, feature_names: encoder.feature_names() }
    }

    fn block(&self, batch: &RecordBatch) -> Result<TrainingBlock> {
        let target_column = self.target.map(|(column, _)| column);
        let target = self.target.map_or(Ok(Vec::new()), |(column, target)| target.encode(batch.column(column)))?;
        TrainingBlock::try_new(self.encode(batch, target_column)?, target)
    }

    fn encode(&self, batch: &RecordBatch, target_column: Option<usize>) -> Result<Features> {
        self.encoder.encode(batch.num_rows(), &feature_columns(batch, target_column))
    }
}

/// All columns but the target.
pub(super) fn feature_columns(batch: &RecordBatch, target_column: Option<usize>) -> Vec<ArrayRef> {
    let columns = batch.columns().iter().enumerate();
    columns.filter(|(index, _)| Some(*index) != target_column).map(|(_, column)| Arc::clone(column)).collect()
}

impl TrainingData for TrainingRows<'_> {
    fn num_rows(&self) -> usize {
        self.num_rows
    }

    fn feature_names(&self) -> &[String] {
        &self.feature_names
    }

    fn blocks(&self) -> Box<dyn Iterator<Item = Result<TrainingBlock>> + Send + '_> {
        Box::new(self.filter.batches(self.buffer).map(|batch| self.block(&batch?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_has_exactly_the_rows_asked_for_and_splits_without_overlap() {
        let sample = RowFilter::sample(7, 10_000, Some(1_000));
        assert_eq!(sample.count(10_000), 1_000);
        let (held_out, kept) = (sample.part(Part::HeldOut(0.2)), sample.part(Part::Kept(0.2)));
        assert_eq!(held_out.count(10_000) + kept.count(10_000), 1_000);
        assert!((0..10_000).all(|row| !(held_out.takes(row) && kept.takes(row))));
        assert!((150..250).contains(&held_out.count(10_000)), "{}", held_out.count(10_000));
        assert_ne!(sample.mask(0, 100), RowFilter::sample(8, 10_000, Some(1_000)).mask(0, 100));
    }
}
