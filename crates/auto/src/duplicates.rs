//! Rows that are there several times.
//!
//! If a row lay in one fold and its copies in others, a candidate would be judged on what it has learned by heart. So copies
//! share a fold. Rows that are alike because there are few values that they could have are no copies: there it matters how
//! often each is seen, and that the model is judged on such rows.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use arrow::array::ArrayRef;
use arrow::row::{RowConverter, SortField};
use datafusion_ml_core::encoder::ColumnProfile;
use datafusion_ml_core::{FitContext, Result};

use crate::rows::RawRows;

/// The logarithm of how many times more different rows there could be than pairs of rows, if likeness is to be no chance.
const SURELY: f64 = 2.3;

/// Per row the first that is like it, target included; `None` if no two are, or likeness is of no consequence.
pub(crate) fn firsts(
    rows: &dyn RawRows,
    profiles: &[ColumnProfile],
    context: &dyn FitContext,
) -> Result<Option<Vec<u32>>> {
    let num_rows = rows.num_rows();
    let possible: f64 = profiles.iter().map(|profile| (profile.distinct.max(1) as f64).ln()).sum();
    if possible < 2.0 * (num_rows.max(1) as f64).ln() + SURELY {
        return Ok(None);
    }
    let mut converter: Option<RowConverter> = None;
    let mut seen: HashMap<u64, u32> = HashMap::with_capacity(num_rows);
    let mut firsts = Vec::with_capacity(num_rows);
    for block in rows.blocks() {
        context.checkpoint()?;
        let block = block?;
        let fields = |columns: &[ArrayRef]| columns.iter().map(|c| SortField::new(c.data_type().clone())).collect();
        let converter = match &mut converter {
            Some(converter) => converter,
            none => none.insert(RowConverter::new(fields(&block.columns))?),
        };
        let converted = converter.convert_columns(&block.columns)?;
        for (row, target) in converted.iter().zip(&block.target) {
            let mut hasher = DefaultHasher::new();
            row.as_ref().hash(&mut hasher);
            target.to_bits().hash(&mut hasher);
            firsts.push(*seen.entry(hasher.finish()).or_insert(firsts.len() as u32));
        }
    }
    Ok(Some(firsts).filter(|_| seen.len() < num_rows))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::Float64Array;
    use arrow::datatypes::{DataType, Field};
    use datafusion_ml_core::conformance::LocalContext;
    use datafusion_ml_core::encoder::TableProfiler;

    use super::*;
    use crate::rows::RawBlock;

    struct Blocks(Vec<RawBlock>);

    impl RawRows for Blocks {
        fn num_rows(&self) -> usize {
            self.0.iter().map(|block| block.target.len()).sum()
        }

        fn blocks(&self) -> Box<dyn Iterator<Item = Result<RawBlock>> + Send + '_> {
            Box::new(self.0.iter().cloned().map(Ok))
        }
    }

    /// The first of each row of four columns, `value` giving the values, in blocks of 7 rows.
    fn firsts_of(rows: usize, value: impl Fn(usize, usize) -> f64, target: impl Fn(usize) -> f64) -> Option<Vec<u32>> {
        let fields: Vec<Field> = (0..4).map(|c| Field::new(format!("c{c}"), DataType::Float64, true)).collect();
        let mut profiler = TableProfiler::new(&fields.iter().collect::<Vec<_>>()).unwrap();
        let block = |start: usize| {
            let of_block = start..rows.min(start + 7);
            let column = |c: usize| Arc::new(Float64Array::from_iter_values(of_block.clone().map(|row| value(row, c))));
            let columns: Vec<ArrayRef> = (0..4).map(|c| column(c) as ArrayRef).collect();
            RawBlock { columns, target: of_block.map(&target).collect() }
        };
        let blocks = Blocks((0..rows).step_by(7).map(block).collect());
        blocks.0.iter().for_each(|block| profiler.observe(&block.columns).unwrap());
        firsts(&blocks, &profiler.finish(), &LocalContext::new(1, 1)).unwrap()
    }

    #[test]
    fn copies_are_found_if_they_cannot_be_chance() {
        let number = |row: usize, column: usize| (row % 20 * 13 + column * 7) as f64 / 3.0;
        let firsts = firsts_of(60, number, |row| (row % 20) as f64).unwrap();
        assert_eq!(firsts, (0..60).map(|row| row % 20).collect::<Vec<u32>>());
        assert_eq!(firsts_of(60, number, |row| row as f64), None, "targets differ");
        assert_eq!(firsts_of(60, |row, column| (row + column) as f64, |_| 1.0), None, "rows differ");
        let bit = |row: usize, column: usize| (row >> column & 1) as f64;
        assert_eq!(firsts_of(60, bit, |_| 1.0), None, "there are 16 rows that there could be");
    }
}
