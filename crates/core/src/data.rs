//! Training data: re-readable blocks of encoded features and targets in one fixed order.

use crate::{Error, Features, Result};

/// Rows to learn from. They may lie in memory or in spilled files; every pass sees the same blocks in the same order.
pub trait TrainingData: Send + Sync {
    /// The number of rows in all blocks.
    fn num_rows(&self) -> usize;

    /// The names of the encoded features.
    fn feature_names(&self) -> &[String];

    /// The blocks, from the first to the last. Each call is one pass.
    fn blocks(&self) -> Box<dyn Iterator<Item = Result<TrainingBlock>> + Send + '_>;

    /// Rows of the same features that are not learned from, by which an algorithm that learns in rounds may tell when
    /// to stop.
    fn validation(&self) -> Option<&dyn TrainingData> {
        None
    }
}

/// Training data with other rows to validate on.
#[derive(Clone, Copy)]
pub struct WithValidation<'a> {
    /// The rows that are learned from.
    pub training: &'a dyn TrainingData,
    /// The rows that are not.
    pub validation: &'a dyn TrainingData,
}

impl TrainingData for WithValidation<'_> {
    fn num_rows(&self) -> usize {
        self.training.num_rows()
    }

    fn feature_names(&self) -> &[String] {
        self.training.feature_names()
    }

    fn blocks(&self) -> Box<dyn Iterator<Item = Result<TrainingBlock>> + Send + '_> {
        self.training.blocks()
    }

    fn validation(&self) -> Option<&dyn TrainingData> {
        Some(self.validation)
    }
}

/// Some consecutive rows.
#[derive(Debug, Clone)]
pub struct TrainingBlock {
    /// The features.
    pub features: Features,
    /// The target of each row: the number to predict, or the index of the class. Empty without a target.
    pub target: Vec<f64>,
}

impl TrainingBlock {
    /// A block; fails unless there is no target or one per row.
    pub fn try_new(features: Features, target: Vec<f64>) -> Result<Self> {
        if !target.is_empty() && target.len() != features.num_rows() {
            return Err(Error::internal(format!("{} targets for {} rows", target.len(), features.num_rows())));
        }
        Ok(Self { features, target })
    }
}

/// Training data that lies in memory.
#[derive(Debug, Clone)]
pub struct InMemoryData {
    feature_names: Vec<String>,
    blocks: Vec<TrainingBlock>,
}

impl InMemoryData {
    /// Data of the given blocks.
    pub fn new(feature_names: Vec<String>, blocks: Vec<TrainingBlock>) -> Self {
        Self { feature_names, blocks }
    }
}

impl TrainingData for InMemoryData {
    fn num_rows(&self) -> usize {
        self.blocks.iter().map(|block| block.features.num_rows()).sum()
    }

    fn feature_names(&self) -> &[String] {
        &self.feature_names
    }

    fn blocks(&self) -> Box<dyn Iterator<Item = Result<TrainingBlock>> + Send + '_> {
        Box::new(self.blocks.iter().cloned().map(Ok))
    }
}
