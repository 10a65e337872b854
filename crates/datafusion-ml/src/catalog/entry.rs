//! What the catalog records of a model.

use std::fmt;

use serde::{Deserialize, Serialize};
use url::Url;

use super::access::{GrantEntry, GrantKey, GroupEntry, Privilege, RoleEntry, UserEntry};
use super::relation::{RelationEntry, RelationName, SchemaEntry};
use super::training::TrainingEntry;
use crate::store::{StoreOptions, is_s3};

/// A change of the catalog.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// A model is there, new or in place of the one of that name. What was being trained under that name is done with.
    PutModel(Box<ModelEntry>),
    /// The model of that name is gone, and what was being trained under it.
    DropModel(ModelName),
    /// A model of that name is being trained, or could not be. The model that has the name, if any, stays.
    PutTraining(Box<TrainingEntry>),
    /// A table or view is there, new or in place of the one of that name.
    PutRelation(Box<RelationEntry>),
    /// The table or view of that name is gone.
    DropRelation(RelationName),
    /// There is a schema of that name, even while nothing lies in it.
    PutSchema(SchemaEntry),
    /// There is no such schema any more but for what lies in it.
    DropSchema(String),
    /// There is a user of that name, new or changed.
    PutUser(UserEntry),
    /// The user of that name is gone.
    DropUser(String),
    /// There is a group of that name, new or changed.
    PutGroup(GroupEntry),
    /// The group of that name is gone.
    DropGroup(String),
    /// There is a role of that name.
    PutRole(RoleEntry),
    /// The role of that name is gone.
    DropRole(String),
    /// Somebody has a privilege. It ends when what it is on is dropped.
    Grant(GrantEntry),
    /// Somebody has it no more.
    Revoke(GrantKey),
}

impl Action {
    /// The first format of commits that has it.
    pub(super) fn format(&self) -> u64 {
        match self {
            Self::PutModel(_) | Self::DropModel(_) => 1,
            Self::PutTraining(_) => 2,
            Self::PutRelation(_) | Self::DropRelation(_) | Self::PutSchema(_) | Self::DropSchema(_) => 3,
            Self::PutUser(user) if user.valid_until.is_some() => 5,
            Self::Grant(GrantEntry { key, .. }) | Self::Revoke(key)
                if matches!(key.privilege, Privilege::AssumeRoleFor(_)) =>
            {
                5
            }
            Self::PutUser(_)
            | Self::DropUser(_)
            | Self::PutGroup(_)
            | Self::DropGroup(_)
            | Self::PutRole(_)
            | Self::DropRole(_)
            | Self::Grant(_)
            | Self::Revoke(_) => 4,
        }
    }
}

/// A model's name with its schema.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ModelName {
    /// The schema.
    pub schema: String,
    /// The name in the schema.
    pub name: String,
}

/// A function's name with its schema.
pub type FunctionName = ModelName;

impl ModelName {
    /// A name.
    pub fn new(schema: impl Into<String>, name: impl Into<String>) -> Self {
        Self { schema: schema.into(), name: name.into() }
    }

    /// The name with something behind it.
    pub(crate) fn with_suffix(&self, suffix: &str) -> Self {
        Self::new(&self.schema, format!("{}{suffix}", self.name))
    }
}

impl fmt::Display for ModelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.schema, self.name)
    }
}

/// What a model is found by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelKey {
    /// Schema and name.
    pub name: ModelName,
    /// 1 for a new model, one more for each that replaces it.
    pub version: u64,
    /// The prediction function.
    pub function: FunctionName,
    /// Whether `<function>_probabilities` exists too.
    pub has_probabilities: bool,
    /// Whether `<function>_explain` exists too; models of earlier versions have none.
    #[serde(default)]
    pub has_contributions: bool,
}

/// Where an artifact lies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArtifactLocation {
    /// The URL of the folder that holds it; `None` means the root of the store that holds the catalog.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root: Option<String>,
    /// SHA-256 of the bytes, in hexadecimal.
    pub digest: String,
}

/// What the statement selected its rows from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceText {
    /// A table by name.
    Table(String),
    /// A query.
    Query(String),
}

/// One model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelEntry {
    /// Schema and name.
    pub name: ModelName,
    /// 1 for a new model, one more for each that replaces it.
    pub version: u64,
    /// Who created it.
    pub owner: String,
    /// When it was created, in seconds since 1970-01-01 UTC.
    pub created_at: i64,
    /// The prediction function.
    pub function: FunctionName,
    /// Whether `<function>_probabilities` exists too.
    pub has_probabilities: bool,
    /// Whether `<function>_explain` exists too; models of earlier versions have none.
    #[serde(default)]
    pub has_contributions: bool,
    /// Where the fitted model lies.
    pub artifact: ArtifactLocation,
    /// The digest of the [`TrainingLog`](datafusion_ml_core::TrainingLog), which lies beside the artifact; models of
    /// earlier versions have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub training_log: Option<String>,
    /// What SHOW MODEL says of the statement and its outcome.
    pub report: StatementReport,
}

/// What SHOW MODEL says, as it was when the model was created; reading it needs no artifact.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StatementReport {
    /// `xgboost`, `linear_learner`, ...
    pub model_type: String,
    /// As SHOW MODEL prints it.
    pub problem_type: String,
    /// The objective, if there are several.
    pub objective: Option<String>,
    /// Names and values of metrics, as `train:rmse`.
    pub metrics: Vec<(String, f64)>,
    /// What the rows were selected from.
    pub source: SourceText,
    /// The target column.
    pub target: Option<String>,
    /// Names and PostgreSQL types of the function's parameters.
    pub parameters: Vec<(String, String)>,
    /// PostgreSQL type of the function's result.
    pub returns: String,
    /// The hyperparameters in effect.
    pub hyperparameters: Vec<(String, String)>,
    /// The rows that the query gave.
    pub rows_read: u64,
    /// Those of them whose target is missing, so that nothing can be learned from them.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub rows_without_target: u64,
    /// The rows that were learned from.
    pub rows_used: u64,
    /// Wall time of reading and training, in seconds.
    pub seconds: f64,
    /// Whether MAX_RUNTIME ended training early.
    pub stopped_early: bool,
    /// `default` or an ARN, if the statement named one.
    pub iam_role: Option<String>,
    /// S3_BUCKET as written.
    pub s3_bucket: Option<String>,
    /// KMS_KEY_ID as written.
    pub kms_key_id: Option<String>,
    /// TAGS as written.
    pub tags: Option<String>,
    /// MAX_CELLS as written.
    pub max_cells: Option<u64>,
    /// MAX_RUNTIME in seconds, as written.
    pub max_runtime: Option<u64>,
    /// Whether AUTO was ON.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub auto: bool,
    /// What AUTO ON decided and why, as further keys and values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<(String, String)>,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// What the names of the functions for probabilities, both of Redshift's, have after that of the prediction function.
pub(crate) const PROBABILITY_SUFFIXES: [&str; 2] = ["_probabilities", "_prob"];

/// What the name of the function for contributions has after that of the prediction function.
pub(crate) const EXPLAIN_SUFFIX: &str = "_explain";

/// What the names of all functions that a model may have are made of.
pub(crate) const FUNCTION_SUFFIXES: [&str; 4] = ["", PROBABILITY_SUFFIXES[0], PROBABILITY_SUFFIXES[1], EXPLAIN_SUFFIX];

impl ModelKey {
    /// Every function of the model: for predictions, for probabilities under both of Redshift's names, and for what the
    /// columns contributed.
    pub fn functions(&self) -> Vec<FunctionName> {
        let suffixes = FUNCTION_SUFFIXES.into_iter().filter(|suffix| self.has_function(suffix));
        suffixes.map(|suffix| self.function.with_suffix(suffix)).collect()
    }

    /// Whether the model has the function of that suffix.
    pub(super) fn has_function(&self, suffix: &str) -> bool {
        match suffix {
            "" => true,
            EXPLAIN_SUFFIX => self.has_contributions,
            _ => self.has_probabilities,
        }
    }
}

impl ModelEntry {
    /// What the model is found by.
    pub fn key(&self) -> ModelKey {
        ModelKey {
            name: self.name.clone(),
            version: self.version,
            function: self.function.clone(),
            has_probabilities: self.has_probabilities,
            has_contributions: self.has_contributions,
        }
    }

    /// How the folder at `url` is opened to write the model's files into it.
    pub(crate) fn store_options(&self, url: &Url) -> StoreOptions {
        let role = self.report.iam_role.clone().filter(|role| role != "default" && is_s3(url));
        StoreOptions { kms_key_id: self.report.kms_key_id.clone(), iam_role: role, region: None }
    }

    /// Every function of the model; see [`ModelKey::functions`].
    pub fn functions(&self) -> Vec<FunctionName> {
        self.key().functions()
    }
}
