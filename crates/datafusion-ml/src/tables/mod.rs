//! Functions in FROM over models: how training went, what was learned, and how well a model does on the rows of a query.
//!
//! Their first argument is the name of a model, a literal that [`resolve`](crate::resolve) has looked up before the
//! statement is planned. [`log`] and [`parameters`] make tables of models, which [`reported`] keeps; [`planner`] turns the
//! others into plain plans over the query that is their second argument, with [`evaluate`] as the one aggregate function
//! of our own.

mod evaluate;
mod log;
mod parameters;
mod planner;
mod reported;

use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::catalog::{TableFunctionArgs, TableFunctionImpl, TableProvider};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::context::SessionState;

use datafusion_ml_core::{FittedModel, TrainingLog};

use crate::catalog::ModelEntry;
use crate::error::invalid;

pub(crate) use evaluate::{evaluate_with_tally, evaluated_entry};
pub(crate) use reported::register_reported;

/// A function in FROM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TableFunction {
    /// The candidates of a search.
    Trials,
    /// The metrics of each round of training.
    TrainingInfo,
    /// The nodes of a model's trees.
    Trees,
    /// The weights of a linear model or a network.
    Weights,
    /// The centroids of clusters.
    Centroids,
    /// The standard metrics on the rows of a query.
    Evaluate,
    /// How many rows of each class are predicted as which.
    ConfusionMatrix,
    /// True and false positive rate for each threshold.
    RocCurve,
}

impl TableFunction {
    const ALL: [Self; 8] = [
        Self::Trials,
        Self::TrainingInfo,
        Self::Trees,
        Self::Weights,
        Self::Centroids,
        Self::Evaluate,
        Self::ConfusionMatrix,
        Self::RocCurve,
    ];

    /// The function of that name, in lower case.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|function| function.name() == name)
    }

    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Trials => "ml_trials",
            Self::TrainingInfo => "ml_training_info",
            Self::Trees => "ml_trees",
            Self::Weights => "ml_weights",
            Self::Centroids => "ml_centroids",
            Self::Evaluate => "ml_evaluate",
            Self::ConfusionMatrix => "ml_confusion_matrix",
            Self::RocCurve => "ml_roc_curve",
        }
    }

    /// What it reads.
    pub(crate) fn source(self) -> Source {
        match self {
            Self::Trials | Self::TrainingInfo => Source::Log,
            Self::Trees | Self::Weights | Self::Centroids => Source::Parameters,
            Self::Evaluate | Self::ConfusionMatrix | Self::RocCurve => Source::Query,
        }
    }

    /// The answer from the log of a model's training.
    pub(crate) fn of_log(self, log: &TrainingLog) -> Result<RecordBatch> {
        if self == Self::Trials { log::trials(log) } else { log::rounds(log) }
    }

    /// The answer from what a model learned.
    pub(crate) fn of_model(self, entry: &ModelEntry, model: &FittedModel) -> Result<RecordBatch> {
        parameters::parameters_of(self, entry, model)
    }

    /// The error for arguments that it does not take.
    fn usage(self) -> DataFusionError {
        let name = self.name();
        invalid(if self.source() == Source::Query {
            format!("{name} takes a model's name as text and a query: {name}('my_model', (SELECT * FROM my_table))")
        } else {
            format!("{name} takes a model's name as text: {name}('my_model')")
        })
    }
}

/// What a function reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// The log of the model's training.
    Log,
    /// What the model learned.
    Parameters,
    /// Rows of a query, which the model predicts.
    Query,
}

/// Makes the functions known to the context, unless they are.
pub(crate) fn register_table_functions(state: &mut SessionState) -> Result<()> {
    if TableFunction::ALL.iter().all(|function| state.table_functions().contains_key(function.name())) {
        return Ok(());
    }
    for function in TableFunction::ALL {
        match function.source() {
            Source::Log | Source::Parameters => register_reported(state, function, None)?,
            Source::Query => state.register_udtf(function.name(), Arc::new(Planned(function))),
        }
    }
    state.register_relation_planner(Arc::new(planner::ModelRelationPlanner))
}

/// A function that [`planner`] plans: here only its name is taken, so that no model's function can have it.
#[derive(Debug)]
struct Planned(TableFunction);

impl TableFunctionImpl for Planned {
    fn call_with_args(&self, _: TableFunctionArgs) -> Result<Arc<dyn TableProvider>> {
        Err(self.0.usage())
    }
}
