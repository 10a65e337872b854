//! The nouns and contracts of datafusion-ml.
//!
//! An [`Algorithm`] is fitted to [`TrainingData`] and yields a [`Model`], which turns [`Features`] into a [`Prediction`].
//! An [`Encoder`] turns the user's Arrow columns into features, in training and in prediction alike, and an
//! [`artifact`] is the one file in which all that was learned is kept.
//!
//! This crate knows Arrow and nothing else: no query engine, no object store, no async runtime. That is what lets an
//! algorithm be written, tested and timed with a table in memory and nothing around it.

pub mod algorithm;
pub mod artifact;
pub mod conformance;
pub mod data;
pub mod encoder;
pub mod error;
pub mod evaluation;
pub mod explanation;
pub mod features;
pub mod kernel_shap;
pub mod metrics;
pub mod options;
pub mod preprocessors;
pub mod report;
pub mod target;
pub mod task;
mod values;

pub use algorithm::{Algorithm, Contributions, FitContext, FitRequest, Model, Parameters, Prediction, RawOutputs};
pub use artifact::{FittedModel, Manifest};
pub use data::{InMemoryData, TrainingBlock, TrainingData, WithValidation};
pub use encoder::{Encoder, Encoding};
pub use error::{Error, ErrorKind, Result};
pub use evaluation::Evaluation;
pub use features::{FeatureColumn, Features};
pub use kernel_shap::KernelShap;
pub use metrics::{Metric, metric_text};
pub use options::{OptionKind, OptionSpec, Options};
pub use preprocessors::{Preprocessors, Transformer};
pub use report::{Importance, RoundRecord, TrainingLog, Trial, TrialStatus};
pub use target::Target;
pub use task::Task;
