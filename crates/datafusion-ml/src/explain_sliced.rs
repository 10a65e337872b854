//! Explanations that take long are made for a few rows at a time.
//!
//! A model that has to be asked for its Shapley values, as a network has, takes milliseconds for a row. A function is called
//! with thousands of rows, and while it runs, the task that called it can do nothing else: a statement would heed its
//! cancellation minutes later. So nodes that call such a function get their rows in slices, and the task lets others have
//! their turn before each.

use std::fmt;
use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::execution_plan::{CardinalityEffect, replace_children_if_necessary};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use futures::{StreamExt, stream};

use crate::predict::predictions_per_row;

/// A slice is worth about so many predictions: some tenths of a second.
const PREDICTIONS: usize = 100_000;

/// Gives nodes that explain predictions their rows in slices.
#[derive(Debug)]
struct SliceExplanations;

/// Adds the rule to others: before projections are evaluated by the scan of a file, which cannot be sliced.
pub(crate) fn install(rules: &mut Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>>) {
    let place = rules.iter().position(|rule| rule.name() == "ProjectionPushdown").unwrap_or(rules.len());
    rules.insert(place, Arc::new(SliceExplanations));
}

impl PhysicalOptimizerRule for SliceExplanations {
    fn name(&self) -> &str {
        "slice_explanations"
    }

    fn schema_check(&self) -> bool {
        true
    }

    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        let plan = plan.transform_up(|plan| {
            let predictions = predictions_of(plan.as_ref())?;
            if predictions <= 1 {
                return Ok(Transformed::no(plan));
            }
            let rows = (PREDICTIONS / predictions).max(1);
            let sliced = |input: &Arc<dyn ExecutionPlan>| Arc::new(SlicedExec { input: Arc::clone(input), rows }) as _;
            let inputs = plan.children().into_iter().map(sliced).collect();
            Ok(Transformed::yes(replace_children_if_necessary(plan, inputs)?))
        })?;
        Ok(plan.data)
    }
}

/// How many predictions the dearest explanation in the node's expressions takes for a row.
fn predictions_of(plan: &dyn ExecutionPlan) -> Result<usize> {
    let mut most = 0;
    plan.apply_expressions(&mut |expr: &Arc<dyn PhysicalExpr>| {
        expr.apply(|expr| {
            if let Some(call) = expr.downcast_ref::<ScalarFunctionExpr>() {
                most = most.max(predictions_per_row(call.fun()));
            }
            Ok(TreeNodeRecursion::Continue)
        })
    })?;
    Ok(most)
}

/// The rows of its input, a few at a time, with a pause before each few.
#[derive(Debug)]
struct SlicedExec {
    input: Arc<dyn ExecutionPlan>,
    rows: usize,
}

impl DisplayAs for SlicedExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "SlicedExec: rows={}", self.rows)
    }
}

impl ExecutionPlan for SlicedExec {
    fn name(&self) -> &str {
        "SlicedExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.input.properties()
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(self: Arc<Self>, mut children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(Arc::new(Self { input: children.swap_remove(0), rows: self.rows }))
    }

    fn supports_limit_pushdown(&self) -> bool {
        true
    }

    fn cardinality_effect(&self) -> CardinalityEffect {
        CardinalityEffect::Equal
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let input = self.input.execute(partition, context)?;
        let (schema, rows) = (input.schema(), self.rows);
        let slices = input.flat_map(move |batch| {
            let slices = match batch {
                Ok(batch) => {
                    let starts = (0..batch.num_rows()).step_by(rows);
                    starts.map(|start| Ok(batch.slice(start, rows.min(batch.num_rows() - start)))).collect()
                }
                Err(error) => vec![Err(error)],
            };
            stream::iter(slices)
        });
        let slices = slices.then(|slice| async {
            tokio::task::yield_now().await;
            slice
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, slices)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::prelude::SessionContext;
    use futures::poll;

    #[tokio::test]
    async fn rows_come_in_slices_and_others_have_their_turn_between() {
        let context = SessionContext::new();
        let input = context.sql("SELECT value FROM range(10)").await.unwrap().create_physical_plan().await.unwrap();
        let mut slices = SlicedExec { input, rows: 4 }.execute(0, context.task_ctx()).unwrap();
        let mut sizes = Vec::new();
        loop {
            assert!(sizes.iter().sum::<usize>() == 10 || poll!(slices.next()).is_pending());
            let Some(slice) = slices.next().await else { break };
            sizes.push(slice.unwrap().num_rows());
        }
        assert_eq!(sizes, [4, 4, 2]);
    }
}
