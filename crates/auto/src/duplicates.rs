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
