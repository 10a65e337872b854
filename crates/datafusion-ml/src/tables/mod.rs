//! Functions in FROM over models: how training went, and how well a model does on the rows of a query.
//!
//! Their first argument is the name of a model, a literal that [`resolve`](crate::resolve) has looked up before the
//! statement is planned. [`log`] holds what is read from the training log; [`planner`] turns the others into plain plans
//! over the query that is their second argument, with [`evaluate`] as the one aggregate function of our own.

mod evaluate;
mod log;
mod planner;

use std::sync::Arc;

use datafusion::catalog::{TableFunctionArgs, TableFunctionImpl, TableProvider};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::context::SessionState;

use crate::error::invalid;

pub(crate) use log::register_log;

/// A function in FROM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TableFunction {
    /// The candidates of a search.
    Trials,
    /// The metrics of each round of training.
    TrainingInfo,
    /// The standard metrics on the rows of a query.
    Evaluate,
    /// How many rows of each class are predicted as which.
    ConfusionMatrix,
    /// True and false positive rate for each threshold.
    RocCurve,
}

impl TableFunction {
    const ALL: [Self; 5] = [Self::Trials, Self::TrainingInfo, Self::Evaluate, Self::ConfusionMatrix, Self::RocCurve];

    /// The function of that name, in lower case.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|function| function.name() == name)
    }

    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Trials => "ml_trials",
            Self::TrainingInfo => "ml_training_info",
            Self::Evaluate => "ml_evaluate",
            Self::ConfusionMatrix => "ml_confusion_matrix",
            Self::RocCurve => "ml_roc_curve",
        }
    }

    /// Whether it reports from the training log.
    pub(crate) fn reads_log(self) -> bool {
        matches!(self, Self::Trials | Self::TrainingInfo)
    }

    /// The error for arguments that it does not take.
    fn usage(self) -> DataFusionError {
        let name = self.name();
        invalid(if self.reads_log() {
            format!("{name} takes a model's name as text: {name}('my_model')")
        } else {
            format!("{name} takes a model's name as text and a query: {name}('my_model', (SELECT * FROM my_table))")
        })
    }
}

/// Makes the functions known to the context, unless they are.
pub(crate) fn register_table_functions(state: &mut SessionState) -> Result<()> {
    if TableFunction::ALL.iter().all(|function| state.table_functions().contains_key(function.name())) {
        return Ok(());
    }
    for function in TableFunction::ALL {
        if function.reads_log() {
            register_log(state, function, None)?;
        } else {
            state.register_udtf(function.name(), Arc::new(Planned(function)));
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
