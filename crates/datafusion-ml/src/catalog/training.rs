//! What the catalog records of a training in the background, from its start until the model is there or dropped.

use serde::{Deserialize, Serialize};

use super::entry::{FUNCTION_SUFFIXES, FunctionName, ModelName, StatementReport};
use crate::background::Process;

/// A model that is being trained in the background, or could not be. There may be a model of the same name, which this
/// one is to replace.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrainingEntry {
    /// Schema and name.
    pub name: ModelName,
    /// The number of the commit that recorded the start, so no two trainings have the same.
    pub id: u64,
    /// Who created it.
    pub owner: String,
    /// When training began, in seconds since 1970-01-01 UTC.
    pub created_at: i64,
    /// The prediction function that there will be.
    pub function: FunctionName,
    /// What SHOW MODEL says of the statement; what only a fitted model has is empty or 0.
    pub report: StatementReport,
    /// The process that trains, where processes can be told apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<Process>,
    /// Why there will be no model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

impl TrainingEntry {
    /// Every function that the model may have: which it has is known when it is fitted.
    pub fn functions(&self) -> Vec<FunctionName> {
        FUNCTION_SUFFIXES.map(|suffix| self.function.with_suffix(suffix)).to_vec()
    }
}
