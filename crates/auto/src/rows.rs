//! The rows of a search: drawn once, kept in memory fold by fold, and encoded once for each encoding that is asked for.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{Array, ArrayRef, BooleanArray, new_empty_array};
use arrow::compute::{concat, filter};
use datafusion_ml_core::encoder::FoldEncoder;
use datafusion_ml_core::{Encoding, Error, FitContext, InMemoryData, Result, TrainingBlock, TrainingData};

/// The user's rows, as they came; every pass gives the same blocks in the same order.
pub trait RawRows: Send + Sync {
    /// The number of rows in all blocks.
    fn num_rows(&self) -> usize;

    /// The blocks, from the first to the last. Each call is one pass.
    fn blocks(&self) -> Box<dyn Iterator<Item = Result<RawBlock>> + Send + '_>;
}

/// Some consecutive rows.
#[derive(Debug, Clone)]
pub struct RawBlock {
    /// The feature columns.
    pub columns: Vec<ArrayRef>,
    /// The number to predict, or the index of the class.
    pub target: Vec<f64>,
}

/// The rows that candidates are tried on, dealt to folds once or several times. Folds are numbered through all deals.
#[derive(Debug)]
pub(crate) struct SearchRows {
    deals: Vec<Deal>,
    folds_per_deal: u8,
}

/// The rows in folds, and what was learned of their columns fold by fold.
#[derive(Debug)]
struct Deal {
    /// Per fold: columns and target.
    folds: Vec<RawBlock>,
    encoders: Vec<(Encoding, FoldEncoder)>,
    encoded: Mutex<EncodedRows>,
}

/// Encoded rows by the number of the encoding and the fold whose targets nothing was learned from.
type EncodedRows = HashMap<(usize, Option<u8>), Arc<Encoded>>;

/// All rows in one encoding, fold by fold.
#[derive(Debug)]
pub(crate) struct Encoded {
    feature_names: Vec<String>,
    folds: Vec<TrainingBlock>,
}

impl SearchRows {
    /// Rows that are not dealt yet.
    pub(crate) fn new(folds_per_deal: u8) -> Self {
        Self { deals: Vec::new(), folds_per_deal }
    }

    /// Deals the rows: those whose `fold` is one of a deal's; others are not drawn.
    pub(crate) fn deal(
        &mut self,
        rows: &dyn RawRows,
        folds: &[u8],
        encoders: Vec<(Encoding, FoldEncoder)>,
        context: &dyn FitContext,
    ) -> Result<()> {
        let mut parts: Vec<Vec<RawBlock>> = vec![Vec::new(); usize::from(self.folds_per_deal)];
        let mut first = 0;
        for block in rows.blocks() {
            context.checkpoint()?;
            let block = block?;
            let of_block = folds
                .get(first..first + block.target.len())
                .ok_or_else(|| Error::internal("a second pass gave more rows than the first"))?;
            first += block.target.len();
            for (fold, parts) in parts.iter_mut().enumerate() {
                let mask: BooleanArray = of_block.iter().map(|of_row| Some(usize::from(*of_row) == fold)).collect();
                if mask.true_count() > 0 {
                    let columns = block.columns.iter().map(|column| filter(column, &mask)).collect::<Result<_, _>>()?;
                    let target = block.target.iter().zip(of_block).filter(|(_, of_row)| usize::from(**of_row) == fold);
                    parts.push(RawBlock { columns, target: target.map(|(y, _)| *y).collect() });
                }
            }
        }
        let empty: Vec<ArrayRef> = match parts.iter().flatten().next() {
            Some(block) => block.columns.iter().map(|column| new_empty_array(column.data_type())).collect(),
            None => return Err(Error::data("the query gives no row; a model needs rows to learn from")),
        };
        let folds = parts.into_iter().map(|parts| join(&empty, parts)).collect::<Result<_>>()?;
        self.deals.push(Deal { folds, encoders, encoded: Mutex::default() });
        Ok(())
    }

    /// The encoder of an encoding, of the first deal.
    pub(crate) fn encoder(&self, encoding: usize) -> &FoldEncoder {
        &self.deals[0].encoders[encoding].1
    }

    /// The number of an algorithm's encoding.
    pub(crate) fn encoding(&self, wanted: Encoding) -> Result<usize> {
        self.deals[0]
            .encoders
            .iter()
            .position(|(encoding, _)| *encoding == wanted)
            .ok_or_else(|| Error::internal("the search has no encoder for an algorithm"))
    }

    /// The targets of a fold.
    pub(crate) fn target(&self, fold: u8) -> &[f64] {
        let (deal, first) = self.deal_of(fold);
        &deal.folds[usize::from(fold - first)].target
    }

    /// The number of the user's feature columns.
    pub(crate) fn num_columns(&self) -> usize {
        self.deals[0].folds.iter().map(|fold| fold.columns.len()).max().unwrap_or(0)
    }

    /// The number of rows.
    pub(crate) fn num_rows(&self) -> usize {
        self.deals[0].folds.iter().map(|fold| fold.target.len()).sum()
    }

    /// The fold after another of the same deal, after the last the first.
    pub(crate) fn next(&self, fold: u8) -> u8 {
        let (_, first) = self.deal_of(fold);
        first + (fold - first + 1) % self.folds_per_deal
    }

    /// The rows of the folds of one deal that are `wanted`, encoded without the targets of the fold that is held out.
    pub(crate) fn of(&self, encoding: usize, held_out: u8, wanted: impl Fn(u8) -> bool) -> Result<InMemoryData> {
        let (deal, first) = self.deal_of(held_out);
        let encoded = deal.encoded(encoding, Some(held_out - first))?;
        let blocks = (first..).zip(&encoded.folds).filter(|(fold, _)| wanted(*fold)).map(|(_, block)| block.clone());
        Ok(InMemoryData::new(encoded.feature_names.clone(), blocks.collect()))
    }

    /// All rows, to learn from.
    pub(crate) fn all(&self, encoding: usize) -> Result<InMemoryData> {
        let encoded = self.deals[0].encoded(encoding, None)?;
        Ok(InMemoryData::new(encoded.feature_names.clone(), encoded.folds.clone()))
    }

    /// The deal that a fold is of, and the first fold of that.
    fn deal_of(&self, fold: u8) -> (&Deal, u8) {
        let number = fold / self.folds_per_deal;
        (&self.deals[usize::from(number)], number * self.folds_per_deal)
    }
}

impl Deal {
    fn encoded(&self, encoding: usize, excluded: Option<u8>) -> Result<Arc<Encoded>> {
        let encoder = &self.encoders[encoding].1;
        let excluded = excluded.filter(|_| encoder.depends_on_target());
        let lock = || self.encoded.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(encoded) = lock().get(&(encoding, excluded)) {
            return Ok(Arc::clone(encoded));
        }
        // Most features are the same whatever is excluded, and shared.
        let known = excluded.map(|_| self.encoded(encoding, None)).transpose()?;
        let folds = self.folds.iter().enumerate().map(|(fold, block)| {
            let rows = block.target.len();
            let known = known.as_ref().map(|known| &known.folds[fold].features);
            let features = encoder.encode(rows, &block.columns, &vec![fold as u8; rows], excluded, known)?;
            TrainingBlock::try_new(features, block.target.clone())
        });
        let encoded = Arc::new(Encoded {
            feature_names: encoder.encoder().feature_names(),
            folds: folds.collect::<Result<_>>()?,
        });
        lock().insert((encoding, excluded), Arc::clone(&encoded));
        Ok(encoded)
    }
}

/// Blocks one after the other, after a block without rows.
fn join(empty: &[ArrayRef], blocks: Vec<RawBlock>) -> Result<RawBlock> {
    let columns = empty.iter().enumerate().map(|(column, empty)| {
        let parts: Vec<&dyn Array> =
            blocks.iter().map(|block| block.columns[column].as_ref()).chain([empty.as_ref()]).collect();
        concat(&parts)
    });
    let columns = columns.collect::<Result<_, _>>()?;
    Ok(RawBlock { columns, target: blocks.into_iter().flat_map(|block| block.target).collect() })
}

/// All rows of a table that is larger than what candidates are tried on, encoded block by block on every pass.
pub(crate) struct StreamedRows<'a> {
    pub(crate) rows: &'a dyn RawRows,
    pub(crate) folds: &'a [u8],
    pub(crate) encoder: &'a FoldEncoder,
    pub(crate) feature_names: Vec<String>,
}

impl TrainingData for StreamedRows<'_> {
    fn num_rows(&self) -> usize {
        self.rows.num_rows()
    }

    fn feature_names(&self) -> &[String] {
        &self.feature_names
    }

    fn blocks(&self) -> Box<dyn Iterator<Item = Result<TrainingBlock>> + Send + '_> {
        let mut first = 0;
        Box::new(self.rows.blocks().map(move |block| {
            let block = block?;
            let rows = block.target.len();
            let features = self.encoder.encode(rows, &block.columns, &self.folds[first..first + rows], None, None)?;
            first += rows;
            TrainingBlock::try_new(features, block.target)
        }))
    }
}
