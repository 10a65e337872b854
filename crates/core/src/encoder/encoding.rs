//! How an algorithm wants the columns of the user encoded.

use serde::{Deserialize, Serialize};

/// How an algorithm wants the user's columns encoded when the statement does not say otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Encoding {
    /// What becomes of categories (strings).
    pub categories: CategoryEncoding,
    /// What becomes of missing values (NULL and NaN).
    pub missing: MissingValues,
    /// The width of features that are not floats already.
    pub precision: Precision,
}

/// What becomes of categories.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum CategoryEncoding {
    /// One feature: the category's rank in sorted order, from 0.
    Ordinal,
    /// One feature per category: 1 where it is that category, else 0.
    OneHot,
}

/// What becomes of missing values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum MissingValues {
    /// They stay missing (NaN); infinite values are allowed.
    Keep,
    /// They are replaced by the column's mean or most frequent category; infinite values are refused, by AUTO ON
    /// bounded.
    Impute,
}

/// The width of a feature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Precision {
    /// 32 bits.
    F32,
    /// 64 bits.
    F64,
}
