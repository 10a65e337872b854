//! Gradient boosted trees with XGBoost's hyperparameters, objectives, semantics and file format.
//!
//! Minimises `sum over rows of loss(y, m) + sum over trees of (gamma * leaves + lambda/2 * |w|^2 + alpha * |w|_1)`, where
//! the margin `m` is a constant plus one leaf weight `w` of every tree. Each round adds the tree that lowers the loss's
//! second-order expansion most, shrunk by `eta` (Chen and Guestrin, XGBoost: A Scalable Tree Boosting System, 2016).
//!
//! | objective | problem | predicts | metric |
//! |---|---|---|---|
//! | `reg:squarederror` | regression | number | rmse |
//! | `reg:squaredlogerror` | regression, target above -1 | number | rmsle |
//! | `reg:logistic` | regression, target in 0 to 1 | number | rmse |
//! | `reg:pseudohubererror` | regression | number | mphe |
//! | `reg:tweedie` | regression, target from 0 | number | tweedie_nloglik |
//! | `binary:logistic` | two classes | probabilities | error |
//! | `binary:hinge` | two classes | classes | error |
//! | `multi:softmax` | several classes | probabilities | merror |
//!
//! **How.** Two passes over the data: the first sketches every feature's distribution, the second replaces each value by
//! its bin number, one byte at the default `max_bin`. From then on trees are grown from histograms of the derivatives
//! over bins; the larger of two siblings' histograms is the parent's less the smaller one's. Derivatives are rounded to
//! whole numbers so that sums are exact: the same data and seed give the same model, to the bit, on any number of
//! threads.
//!
//! **When it ends.** With rows held out, each round's metric on them is taken down, and `early_stopping_rounds` rounds
//! without an improvement (of the log loss, where there are probabilities; else of the metric) end training; the model
//! keeps the rounds up to the best one.
//!
//! **Cost.** Time: rows x features x depth x rounds x outputs, a nanosecond or so each. Memory: two bytes per cell, about
//! 30 bytes per row, four per row and output, and at most 128 MB of histograms. Predictions evaluate trees as
//! bits, 512 rows at a time, and walk those deeper than 12.
//!
//! **Not done.** `tree_method` names other than `hist` are accepted and carried out as `hist`. No ranking, survival or
//! quantile objectives, no `dart` or `gblinear`, no categorical splits but those of imported models (in training,
//! categories are encoded as ordinals), no monotone or interaction constraints, no row weights but `scale_pos_weight`.

mod bins;
mod boost;
mod bundles;
mod categories;
mod codes;
mod derivatives;
mod divide;
mod forest;
mod format;
mod gradients;
mod grow;
mod histogram;
mod model;
mod objective;
mod parameters;
mod rows;
mod sampling;
mod settings;
mod shapley;
mod sketch;
mod split;
mod survey;
mod tree;
mod ubjson;
mod validation;

use std::sync::Arc;

use datafusion_ml_core::encoder::{CategoryEncoding, MissingValues, Precision};
use datafusion_ml_core::{
    Algorithm, Encoding, FitContext, FitRequest, Metric, Model, OptionSpec, Parameters, Result, Task, TrainingData,
};

pub use forest::InstructionSet;
pub use model::XgboostModel;
use objective::{OBJECTIVES, Objective};
use settings::{OPTIONS, Settings};

/// The algorithm `xgboost`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Xgboost;

impl Algorithm for Xgboost {
    fn name(&self) -> &str {
        "xgboost"
    }

    fn tasks(&self) -> &[Task] {
        &[Task::Regression, Task::BinaryClassification, Task::MulticlassClassification]
    }

    fn options(&self) -> &[OptionSpec] {
        OPTIONS
    }

    fn encoding(&self) -> Encoding {
        Encoding { categories: CategoryEncoding::Ordinal, missing: MissingValues::Keep, precision: Precision::F32 }
    }

    fn objectives(&self) -> &[(&'static str, Task)] {
        OBJECTIVES
    }

    /// The metric that XGBoost reports for the objective.
    fn metric(&self, request: &FitRequest) -> Result<Metric> {
        Ok(Objective::try_new(request)?.metric())
    }

    fn fit(&self, data: &dyn TrainingData, request: &FitRequest, context: &dyn FitContext) -> Result<Arc<dyn Model>> {
        let objective = Objective::try_new(request)?;
        let settings = Settings::try_new(&request.options, context)?;
        Ok(Arc::new(boost::fit(data, objective, &settings, context)?))
    }

    fn load(&self, parameters: Parameters) -> Result<Arc<dyn Model>> {
        Ok(Arc::new(XgboostModel::try_from(parameters)?))
    }
}
