//! Who predicted with which version of which model, how many rows, and when.
//!
//! When a plan is analysed, each function of a model in it gets a [`Tally`], which counts the rows that it is called with. The tally
//! goes where the function goes, so it is gone when the last of the plan is: when the statement has ended, or was
//! cancelled. Then it is written, as one small object per statement and function, by a task of the runtime, or before by
//! [`Recorder::flush`]. What a process that is killed had not written is lost.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{Expr, LogicalPlan, ScalarUDF};
use datafusion::optimizer::AnalyzerRule;
use futures::future::join_all;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use crate::authorize::Guard;
use crate::background::unix_seconds;
use crate::catalog::{ModelEntry, ModelName};
use crate::predict::{entry_of, left_to_execution, with_tally};
use crate::store::StoreRoot;
use crate::tables::{evaluate_with_tally, evaluated_entry};

/// What is recorded of the predictions of a statement by one function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PredictionRecord {
    /// When the statement ended, in seconds since 1970-01-01 UTC.
    pub(crate) at: i64,
    /// For whom.
    pub(crate) user: String,
    /// The model.
    pub(crate) model: ModelName,
    /// Whose it was. Earlier versions did not write that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) owner: Option<String>,
    /// Its version.
    pub(crate) version: u64,
    /// The function, as it was called.
    pub(crate) function: String,
    /// How many rows it was called with.
    pub(crate) rows: u64,
}

/// Writes what tallies have counted.
pub(crate) struct Recorder {
    root: StoreRoot,
    runtime: Handle,
    live: Mutex<Vec<Weak<Tally>>>,
    writing: Mutex<Vec<JoinHandle<()>>>,
    /// The first record since the last flush that could not be written.
    failure: Mutex<Option<DataFusionError>>,
}

impl Recorder {
    /// Writes into the store, by tasks of the runtime that this is called on.
    pub(crate) fn new(root: StoreRoot) -> Self {
        let runtime = Handle::current();
        Self { root, runtime, live: Mutex::default(), writing: Mutex::default(), failure: Mutex::default() }
    }

    /// Writes what has been counted until now. Fails if something could not be written since this was last called.
    pub(crate) async fn flush(self: &Arc<Self>) -> Result<()> {
        let live: Vec<Arc<Tally>> = self.live.lock().iter().filter_map(Weak::upgrade).collect();
        live.iter().for_each(|tally| tally.write());
        drop(live);
        let writing = std::mem::take(&mut *self.writing.lock());
        join_all(writing).await;
        self.failure.lock().take().map_or(Ok(()), Err)
    }

    fn write(self: &Arc<Self>, record: PredictionRecord) {
        let recorder = Arc::clone(self);
        let task = self.runtime.spawn(async move {
            if let Err(error) = recorder.root.put_prediction_record(&record).await {
                recorder.failure.lock().get_or_insert(error);
            }
        });
        let mut writing = self.writing.lock();
        writing.retain(|task| !task.is_finished());
        writing.push(task);
    }

    /// The plan, with a tally for each function of a model.
    fn count(self: &Arc<Self>, plan: LogicalPlan, user: &str) -> Result<LogicalPlan> {
        let mut functions: HashMap<String, Arc<ScalarUDF>> = HashMap::new();
        map_calls(plan, |expr| match expr {
            Expr::ScalarFunction(mut call) => {
                let Some(entry) = entry_of(&call.func) else {
                    return Transformed::no(Expr::ScalarFunction(call));
                };
                let name = call.func.name().to_owned();
                let function = match functions.get(&name) {
                    Some(function) if **function == *call.func => Arc::clone(function),
                    _ => with_tally(&call.func, self.tally(entry, &name, user)),
                };
                functions.insert(name, Arc::clone(&function));
                call.func = function;
                Transformed::yes(Expr::ScalarFunction(call))
            }
            Expr::AggregateFunction(mut call) => match evaluated_entry(&call.func) {
                Some(entry) => {
                    let tally = self.tally(entry, call.func.name(), user);
                    call.func = evaluate_with_tally(&call.func, tally);
                    Transformed::yes(Expr::AggregateFunction(call))
                }
                None => Transformed::no(Expr::AggregateFunction(call)),
            },
            expr => Transformed::no(expr),
        })
    }

    fn tally(self: &Arc<Self>, entry: &ModelEntry, function: &str, user: &str) -> Arc<Tally> {
        let record = PredictionRecord {
            at: 0,
            user: user.to_owned(),
            model: entry.name.clone(),
            owner: Some(entry.owner.clone()),
            version: entry.version,
            function: function.to_owned(),
            rows: 0,
        };
        let tally = Arc::new(Tally { record, rows: AtomicU64::new(0), recorder: Arc::clone(self) });
        let mut live = self.live.lock();
        live.retain(|tally| tally.strong_count() > 0);
        live.push(Arc::downgrade(&tally));
        drop(live);
        tally
    }
}

/// The plan of a statement that is to be prepared, with calls that the optimizer leaves alone: it would put values in the place of
/// calls over constants, once for all executions, before they are counted.
pub(crate) fn uncomputed(plan: LogicalPlan) -> Result<LogicalPlan> {
    map_calls(plan, |expr| match expr {
        Expr::ScalarFunction(mut call) if entry_of(&call.func).is_some() => {
            call.func = left_to_execution(&call.func);
            Transformed::yes(Expr::ScalarFunction(call))
        }
        expr => Transformed::no(expr),
    })
}

fn map_calls(plan: LogicalPlan, mut map: impl FnMut(Expr) -> Transformed<Expr>) -> Result<LogicalPlan> {
    let mapped = plan.transform_down_with_subqueries(|node| {
        node.map_expressions(|expr| expr.transform_down(|expr| Ok(map(expr))))
    })?;
    Ok(mapped.data)
}

/// The name of [`CountPredictions`] as a rule.
pub(crate) const COUNT_PREDICTIONS: &str = "count predictions";

/// The rule of the analyzer by which predictions are counted.
#[derive(Debug)]
pub(crate) struct CountPredictions {
    recorder: Arc<Recorder>,
    guard: Arc<Guard>,
}

impl CountPredictions {
    /// The rule that counts for whom the guard says.
    pub(crate) fn new(recorder: &Arc<Recorder>, guard: &Arc<Guard>) -> Self {
        Self { recorder: Arc::clone(recorder), guard: Arc::clone(guard) }
    }
}

impl AnalyzerRule for CountPredictions {
    fn name(&self) -> &str {
        COUNT_PREDICTIONS
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        self.recorder.count(plan, &self.guard.user())
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder").field("root", self.root.url()).finish_non_exhaustive()
    }
}

/// Counts the rows that one function is called with in one statement.
#[derive(Debug)]
pub(crate) struct Tally {
    record: PredictionRecord,
    rows: AtomicU64,
    recorder: Arc<Recorder>,
}

impl Tally {
    /// Counts more rows.
    pub(crate) fn add(&self, rows: usize) {
        self.rows.fetch_add(rows as u64, Ordering::Relaxed);
    }

    fn write(&self) {
        let rows = self.rows.swap(0, Ordering::Relaxed);
        if rows > 0 {
            self.recorder.write(PredictionRecord { at: unix_seconds(), rows, ..self.record.clone() });
        }
    }
}

impl Drop for Tally {
    fn drop(&mut self) {
        self.write();
    }
}
