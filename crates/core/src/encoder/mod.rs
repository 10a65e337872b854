//! From the user's Arrow columns to features, in training and in prediction alike.
//!
//! An [`EncoderBuilder`] learns in one pass over the raw batches what each column needs (categories, means, ranges); the
//! [`Encoder`] is stored in the artifact and applied to every batch. Numbers, booleans and decimals become one feature;
//! texts become one feature (ordinal) or one per category (one-hot). NULL and NaN are missing.
//!
//! With AUTO ON a [`TableProfiler`] first finds out what each column is, dates and free text among them, and an
//! [`AutoEncoderBuilder`] learns the features that suit it.

mod auto;
mod categories;
mod column;
mod dates;
mod distinct;
mod encoding;
mod learn;
mod levels;
mod moments;
mod profile;
mod standard;
mod words;

use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use serde::{Deserialize, Serialize};

use crate::{Error, FeatureColumn, Features, Result};
use column::{ColumnEncoder, Transform};

pub use auto::{AutoEncoderBuilder, FoldEncoder, MAX_INDICATORS, MAX_MEAN_CLASSES};
pub(crate) use categories::for_each_text;
pub use distinct::MAX_COUNTED_VALUES;
pub use encoding::{CategoryEncoding, Encoding, MissingValues, Precision};
pub use learn::{EncoderBuilder, MAX_CATEGORIES, MAX_ONE_HOT_CATEGORIES};
pub use levels::{MAX_FOLDS, MAX_LEVELS, PRIOR_ROWS};
pub use profile::{ColumnKind, ColumnProfile, MAX_FEW_VALUES, MIN_IDENTIFIER_ROWS, TableProfiler};
pub use standard::STANDARD_LIMIT;
pub use words::MAX_WORDS;

/// What training learned of the feature columns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Encoder {
    precision: Precision,
    columns: Vec<ColumnEncoder>,
    /// Encoders of the same columns, whose features follow.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    others: Vec<Encoder>,
}

/// Whether a value of one type can be given for a feature that was trained on another: text for text, a number of any
/// width for a number, a boolean for a boolean, a date or timestamp for either, a time for a time, and NULL for all.
pub fn accepts(trained: &DataType, given: &DataType) -> bool {
    if *given == DataType::Null || *trained == DataType::Null {
        return true;
    }
    let is_boolean = |data_type: &DataType| *data_type == DataType::Boolean;
    let is_number = |data_type: &DataType| column::is_number(data_type) && *data_type != DataType::Boolean;
    [column::is_text, dates::is_date, dates::is_time, is_boolean, is_number]
        .iter()
        .any(|is_such| is_such(trained) && is_such(given))
}

impl Encoder {
    pub(crate) fn new(precision: Precision, columns: Vec<ColumnEncoder>) -> Self {
        Self { precision, columns, others: Vec::new() }
    }

    /// The features of every encoder, one after the other; names may repeat. Fails without an encoder, and unless all
    /// are of the same columns.
    pub fn concat(encoders: Vec<Self>) -> Result<Self> {
        let mut encoders = encoders.into_iter();
        let mut first = encoders.next().ok_or_else(|| Error::internal("no encoder to start with"))?;
        for other in encoders {
            let columns = |encoder: &Self| -> Vec<(String, String)> {
                encoder.columns.iter().map(|column| (column.name.clone(), column.data_type.clone())).collect()
            };
            if columns(&first) != columns(&other) {
                return Err(Error::internal("encoders of different columns cannot be joined"));
            }
            first.others.push(other);
        }
        Ok(first)
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
        let own = self.columns.iter().flat_map(ColumnEncoder::feature_names);
        own.chain(self.others.iter().flat_map(Self::feature_names)).collect()
    }

    /// The number of the user's column that each feature comes from.
    pub fn column_of_feature(&self) -> Vec<usize> {
        let features = |(index, column): (usize, &ColumnEncoder)| vec![index; column.feature_names().len()];
        let own = self.columns.iter().enumerate().flat_map(features);
        own.chain(self.others.iter().flat_map(Self::column_of_feature)).collect()
    }

    /// Encodes one array per column, in training order. Float columns that need no change are not copied.
    pub fn encode(&self, num_rows: usize, columns: &[ArrayRef]) -> Result<Features> {
        self.encode_columns(num_rows, columns, |index, array, out| self.encode_column(index, array, out))
    }

    /// Encodes by `encode`, which appends the features of the column at an index.
    fn encode_columns(
        &self,
        num_rows: usize,
        columns: &[ArrayRef],
        encode: impl Fn(usize, &ArrayRef, &mut Vec<FeatureColumn>) -> Result<()>,
    ) -> Result<Features> {
        if columns.len() != self.columns.len() {
            return Err(Error::invalid(format!(
                "the model takes {} columns, not {}",
                self.columns.len(),
                columns.len()
            )));
        }
        let mut features = Vec::with_capacity(columns.len());
        for (index, array) in columns.iter().enumerate() {
            encode(index, array, &mut features)
                .map_err(|e| Error::new(e.kind(), format!("column {}: {}", self.columns[index].name, e.message())))?;
        }
        for other in &self.others {
            features.extend_from_slice(other.encode(num_rows, columns)?.columns());
        }
        Features::try_new(num_rows, features)
    }

    fn encode_column(&self, index: usize, array: &ArrayRef, out: &mut Vec<FeatureColumn>) -> Result<()> {
        self.columns[index].encode(array, self.precision, out)
    }

    /// Encodes a column by a part of its transform.
    fn encode_part(
        &self,
        index: usize,
        part: &Transform,
        array: &ArrayRef,
        out: &mut Vec<FeatureColumn>,
    ) -> Result<()> {
        self.columns[index].apply(part, array, self.precision, out)
    }

    /// The number of features of a column.
    fn num_features_of(&self, index: usize) -> usize {
        self.columns[index].feature_names().len()
    }

    fn transform(&self, index: usize) -> &Transform {
        &self.columns[index].transform
    }
}

#[cfg(test)]
mod tests;
