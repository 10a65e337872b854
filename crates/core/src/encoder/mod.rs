//! From the user's Arrow columns to features, in training and in prediction alike.
//!
//! An [`EncoderBuilder`] learns in one pass over the raw batches what each column needs (categories, means, ranges); the
//! [`Encoder`] is stored in the artifact and applied to every batch. Numbers, booleans and decimals become one feature;
//! texts become one feature (ordinal) or one per category (one-hot). NULL and NaN are missing.

mod categories;
mod column;
mod stub;
pub use stub::*;
mod encoding;
mod learn;

use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use serde::{Deserialize, Serialize};

use crate::{Error, Features, Result};
use column::ColumnEncoder;

pub(crate) use categories::for_each_text;
pub use encoding::{CategoryEncoding, Encoding, MissingValues, Precision};
pub use learn::{EncoderBuilder, MAX_CATEGORIES, MAX_ONE_HOT_CATEGORIES};

/// What training learned of the feature columns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Encoder {
    precision: Precision,
    columns: Vec<ColumnEncoder>,
}

/// Whether a value of one type can be given for a feature that was trained on another: text for text, a number of any
/// width for a number, a boolean for a boolean, and NULL for all.
pub fn accepts(trained: &DataType, given: &DataType) -> bool {
    let is_boolean = |data_type: &DataType| *data_type == DataType::Boolean;
    if *given == DataType::Null || *trained == DataType::Null {
        return true;
    }
    if column::is_text(trained) || column::is_text(given) {
        return column::is_text(trained) && column::is_text(given);
    }
    column::is_number(given) && is_boolean(trained) == is_boolean(given)
}

impl Encoder {
    pub(crate) fn new(precision: Precision, columns: Vec<ColumnEncoder>) -> Self {
        Self { precision, columns }
    }

    /// The number of the user's columns.
    pub fn num_columns(&self) -> usize {
        self.columns.len()
    }

    /// The names of the user's columns.
    pub fn column_names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|column| column.name.as_str())
    }

    /// The types of the user's columns in training.
    pub fn column_types(&self) -> Result<Vec<DataType>> {
        self.columns
            .iter()
            .map(|column| {
                let unknown =
                    |_| Error::storage(format!("column {} has an unknown type {}", column.name, column.data_type));
                column.data_type.parse().map_err(unknown)
            })
            .collect()
    }

    /// The names of the features, in their order.
    pub fn feature_names(&self) -> Vec<String> {
        self.columns.iter().flat_map(ColumnEncoder::feature_names).collect()
    }

    /// Encodes one array per column, in training order. Float columns that need no change are not copied.
    pub fn encode(&self, num_rows: usize, columns: &[ArrayRef]) -> Result<Features> {
        if columns.len() != self.columns.len() {
            return Err(Error::invalid(format!(
                "the model takes {} columns, not {}",
                self.columns.len(),
                columns.len()
            )));
        }
        let mut features = Vec::with_capacity(columns.len());
        for (encoder, array) in self.columns.iter().zip(columns) {
            encoder
                .encode(array, self.precision, &mut features)
                .map_err(|e| Error::new(e.kind(), format!("column {}: {}", encoder.name, e.message())))?;
        }
        Features::try_new(num_rows, features)
    }
}

#[cfg(test)]
mod tests;
