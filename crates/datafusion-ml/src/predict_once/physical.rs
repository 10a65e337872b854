//! The physical rule.

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr, conjunction, split_conjunction};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::filter::{FilterExec, FilterExecBuilder};
use datafusion::physical_plan::projection::{ProjectionExec, ProjectionExpr};
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::{ExecutionPlan, Partitioning};

use crate::predict::entry_of;

type Expr = Arc<dyn PhysicalExpr>;

/// Has a projection and the filter below it read a prediction that both need from a projection below the filter.
#[derive(Debug)]
pub(super) struct SplitFilters;

impl PhysicalOptimizerRule for SplitFilters {
    fn name(&self) -> &str {
        "split_filters_by_predictions"
    }

    fn schema_check(&self) -> bool {
        true
    }

    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        let plan = plan.transform_down(|plan| {
            let pair = plan.downcast_ref::<ProjectionExec>().map(Pair::of).transpose()?.flatten();
            Ok(match pair.map(Pair::split).transpose()?.flatten() {
                Some(split) => Transformed::yes(split),
                None => Transformed::no(plan),
            })
        })?;
        Ok(plan.data)
    }
}

/// A projection and the filter below it, with nothing between that does more than name columns and spread rows.
struct Pair<'a> {
    /// What the projection computes of the columns of the filter's input.
    above: Vec<ProjectionExpr>,
    filter: &'a FilterExec,
    /// The number of partitions, if rows are spread evenly above the filter.
    spread: Option<usize>,
    /// Whether partitions are brought together above the filter, and then how many rows of them are wanted.
    gathered: Option<Option<usize>>,
}

impl<'a> Pair<'a> {
    fn of(projection: &'a ProjectionExec) -> Result<Option<Self>> {
        let (mut above, mut spread, mut gathered) = (projection.expr().to_vec(), None, None);
        let mut below = projection.input();
        loop {
            let columns: Vec<usize> = if let Some(filter) = below.downcast_ref::<FilterExec>() {
                let schema = filter.input().schema();
                let all: Vec<usize> = (0..schema.fields().len()).collect();
                let columns = filter.projection().as_deref().unwrap_or(&all);
                read_through(&mut above, columns)?;
                // Equal expressions have columns of equal names.
                for expr in &mut above {
                    expr.expr = replaced(&expr.expr, &|column| {
                        let field = schema.fields().get(column.index())?;
                        Some(Column::new(field.name(), column.index()))
                    })?;
                }
                return Ok(Some(Self { above, filter, spread, gathered }));
            } else if let Some(repartition) = below.downcast_ref::<RepartitionExec>()
                && let Partitioning::RoundRobinBatch(partitions) = repartition.partitioning()
            {
                spread = spread.or(Some(*partitions));
                below = repartition.input();
                continue;
            } else if let Some(gather) = below.downcast_ref::<CoalescePartitionsExec>()
                && gathered.is_none()
            {
                // Rows that are spread after they have been brought together were spread before, too.
                spread = None;
                gathered = Some(gather.fetch());
                below = gather.input();
                continue;
            } else if let Some(renaming) = below.downcast_ref::<ProjectionExec>() {
                below = renaming.input();
                let column = |expr: &ProjectionExpr| expr.expr.downcast_ref::<Column>().map(Column::index);
                match renaming.expr().iter().map(column).collect() {
                    Some(columns) => columns,
                    None => return Ok(None),
                }
            } else {
                return Ok(None);
            };
            read_through(&mut above, &columns)?;
        }
    }

    /// The same rows by another way; `None` if projection and filter share no prediction.
    fn split(self) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let Self { mut above, filter, spread, gathered } = self;
        let parts: Vec<Expr> = split_conjunction(filter.predicate()).into_iter().cloned().collect();
        let mut filtered = Vec::new();
        parts.iter().for_each(|part| calls(part, &mut filtered));
        let mut projected = Vec::new();
        above.iter().for_each(|expr| calls(&expr.expr, &mut projected));
        let shared: Vec<Expr> = filtered.into_iter().filter(|call| projected.contains(call)).collect();
        if shared.is_empty() {
            return Ok(None);
        }
        let (late, early): (Vec<Expr>, Vec<Expr>) = parts.into_iter().partition(|part| {
            let mut found = Vec::new();
            calls(part, &mut found);
            !found.is_empty()
        });
        let mut input = Arc::clone(filter.input());
        if !early.is_empty() {
            input = Arc::new(FilterExec::try_new(conjunction(early), input)?);
        }
        if let Some(partitions) = spread {
            input = Arc::new(RepartitionExec::try_new(input, Partitioning::RoundRobinBatch(partitions))?);
        }
        let late: Vec<Expr> = late.iter().map(|part| named(part, &shared)).collect::<Result<_>>()?;
        for expr in &mut above {
            expr.expr = named(&expr.expr, &shared)?;
        }

        // The columns that are still needed, then the predictions.
        let needed: BTreeSet<usize> = late
            .iter()
            .chain(above.iter().map(|expr| &expr.expr))
            .flat_map(collect_columns)
            .map(|column| column.index())
            .filter(|index| *index < PREDICTIONS)
            .collect();
        let schema = input.schema();
        let columns = needed.iter().map(|index| {
            let name = schema.field(*index).name();
            ProjectionExpr { expr: Arc::new(Column::new(name, *index)), alias: name.clone() }
        });
        let predictions = shared
            .iter()
            .enumerate()
            .map(|(number, call)| ProjectionExpr { expr: Arc::clone(call), alias: prediction_name(number) });
        let input = Arc::new(ProjectionExec::try_new(columns.chain(predictions), input)?);
        let place = |column: &Column| match column.index().checked_sub(PREDICTIONS) {
            Some(number) => Some(needed.len() + number),
            None => needed.iter().position(|index| *index == column.index()),
        };
        let late: Vec<Expr> = late.iter().map(|part| with_columns(part, &place)).collect::<Result<_>>()?;
        for expr in &mut above {
            expr.expr = with_columns(&expr.expr, &place)?;
        }
        let filter = FilterExecBuilder::new(conjunction(late), input)
            .with_default_selectivity(filter.default_selectivity())
            .with_batch_size(filter.batch_size())
            .with_fetch(filter.fetch())
            .build()?;
        let mut filter: Arc<dyn ExecutionPlan> = Arc::new(filter);
        if let Some(fetch) = gathered {
            filter = Arc::new(CoalescePartitionsExec::new(filter).with_fetch(fetch));
        }
        Ok(Some(Arc::new(ProjectionExec::try_new(above, filter)?)))
    }
}

/// Has expressions read columns of the input of a node that only selects `columns` of it.
fn read_through(expressions: &mut [ProjectionExpr], columns: &[usize]) -> Result<()> {
    for expr in expressions {
        expr.expr = with_columns(&expr.expr, &|column| columns.get(column.index()).copied())?;
    }
    Ok(())
}

/// Columns from here on stand for shared predictions, until they have their places.
const PREDICTIONS: usize = usize::MAX / 2;

fn prediction_name(number: usize) -> String {
    format!("prediction_{}", number + 1)
}

/// Adds the calls of models in the expression to those found, each once.
fn calls(expr: &Expr, found: &mut Vec<Expr>) {
    let is_call = expr.downcast_ref::<ScalarFunctionExpr>().is_some_and(|call| entry_of(call.fun()).is_some());
    match is_call {
        true if !found.contains(expr) => found.push(Arc::clone(expr)),
        true => {}
        false => expr.children().into_iter().for_each(|child| calls(child, found)),
    }
}

/// The expression with columns that stand for predictions in the place of shared calls.
fn named(expr: &Expr, shared: &[Expr]) -> Result<Expr> {
    let named = Arc::clone(expr).transform_down(|expr| {
        match shared.iter().position(|call| call.as_ref() == expr.as_ref()) {
            Some(number) => {
                let column: Expr = Arc::new(Column::new(&prediction_name(number), PREDICTIONS + number));
                Ok(Transformed::new(column, true, TreeNodeRecursion::Jump))
            }
            None => Ok(Transformed::no(expr)),
        }
    })?;
    Ok(named.data)
}

/// The expression with every column at another place.
fn with_columns(expr: &Expr, place: &dyn Fn(&Column) -> Option<usize>) -> Result<Expr> {
    replaced(expr, &|column| Some(Column::new(column.name(), place(column)?)))
}

/// The expression with other columns in the place of its own.
fn replaced(expr: &Expr, by: &dyn Fn(&Column) -> Option<Column>) -> Result<Expr> {
    let replaced = Arc::clone(expr).transform_down(|expr| match expr.downcast_ref::<Column>().and_then(by) {
        Some(column) => Ok(Transformed::yes(Arc::new(column) as Expr)),
        None => Ok(Transformed::no(expr)),
    })?;
    Ok(replaced.data)
}
