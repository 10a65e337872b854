//! `ml_trials('name')` and `ml_training_info('name')`: the training log as a table.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use datafusion::catalog::{MemTable, TableFunctionArgs, TableFunctionImpl, TableProvider};
use datafusion::error::Result;
use datafusion::execution::context::SessionState;
use datafusion::logical_expr::Expr;
use datafusion_ml_core::{Error, TrainingLog};

use super::TableFunction;
use crate::error::{external, invalid};

/// One of the two functions, with the tables of the models that have been asked for in this session, by the text that
/// names the model.
#[derive(Debug, Clone)]
struct LogFunction {
    function: TableFunction,
    tables: BTreeMap<String, RecordBatch>,
}

/// Puts the function into the context, with one more log if there is one; `text` is what the statement calls the model.
pub(crate) fn register_log(
    state: &mut SessionState,
    function: TableFunction,
    log: Option<(&str, &TrainingLog)>,
) -> Result<()> {
    let registered = state.table_functions().get(function.name());
    let registered = registered.and_then(|registered| {
        let registered: &dyn Any = registered.function().as_ref();
        registered.downcast_ref::<LogFunction>().cloned()
    });
    let mut implementation = registered.unwrap_or_else(|| LogFunction { function, tables: BTreeMap::new() });
    if let Some((text, log)) = log {
        let table = if function == TableFunction::Trials { trials(log) } else { rounds(log) };
        implementation.tables.insert(text.to_owned(), table?);
    }
    state.register_udtf(function.name(), Arc::new(implementation));
    Ok(())
}

impl TableFunctionImpl for LogFunction {
    fn call_with_args(&self, args: TableFunctionArgs) -> Result<Arc<dyn TableProvider>> {
        let text = match args.exprs() {
            [Expr::Literal(text, _)] => text.try_as_str().flatten(),
            _ => None,
        };
        let text = text.ok_or_else(|| self.function.usage())?;
        let Some(table) = self.tables.get(text) else {
            return Err(invalid(format!(
                "model {text} has not been asked for in this session; run the statement through MlSession::sql"
            )));
        };
        Ok(Arc::new(MemTable::try_new(table.schema(), vec![vec![table.clone()]])?))
    }
}

/// A row per candidate: its number, what it was, and how it did.
fn trials(log: &TrainingLog) -> Result<RecordBatch> {
    let trials = &log.trials;
    let json = |options: &BTreeMap<String, String>| {
        serde_json::to_string(options).map_err(|e| external(Error::internal(e.to_string())))
    };
    let hyperparameters = trials.iter().map(|trial| json(&trial.hyperparameters)).collect::<Result<Vec<_>>>()?;
    let columns: [(&str, ArrayRef); 9] = [
        ("candidate", integers(trials.iter().map(|trial| trial.candidate))),
        ("model_type", texts(trials.iter().map(|trial| &trial.model_type))),
        ("hyperparameters", texts(hyperparameters)),
        ("folds", integers(trials.iter().map(|trial| trial.folds))),
        ("metric", texts(trials.iter().map(|trial| &trial.metric))),
        ("value", Arc::new(trials.iter().map(|trial| trial.value).collect::<Float64Array>())),
        ("seconds", floats(trials.iter().map(|trial| trial.seconds))),
        ("status", texts(trials.iter().map(|trial| trial.status.to_string()))),
        ("weight", floats(trials.iter().map(|trial| trial.weight))),
    ];
    Ok(RecordBatch::try_from_iter_with_nullable(columns.map(|(name, column)| (name, column, true)))?)
}

/// A row per round and metric.
fn rounds(log: &TrainingLog) -> Result<RecordBatch> {
    let rows = || log.rounds.iter().flat_map(|round| round.metrics.iter().map(move |metric| (round.round, metric)));
    let columns: [(&str, ArrayRef); 3] = [
        ("round", integers(rows().map(|(round, _)| round))),
        ("metric", texts(rows().map(|(_, (name, _))| name))),
        ("value", floats(rows().map(|(_, (_, value))| *value))),
    ];
    Ok(RecordBatch::try_from_iter_with_nullable(columns.map(|(name, column)| (name, column, true)))?)
}

fn integers(values: impl Iterator<Item = u64>) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(values.map(|value| value as i64)))
}

fn floats(values: impl Iterator<Item = f64>) -> ArrayRef {
    Arc::new(Float64Array::from_iter_values(values))
}

fn texts(values: impl IntoIterator<Item = impl AsRef<str>>) -> ArrayRef {
    Arc::new(values.into_iter().map(Some).collect::<StringArray>())
}
