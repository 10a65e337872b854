//! The logical rule.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, Result};
use datafusion::logical_expr::{Expr, LogicalPlan, Projection};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};

use crate::predict::entry_of;

/// Puts a projection of a model's calls between a filter and an aggregate or a window that share them.
#[derive(Debug)]
pub(super) struct ProjectUnderAggregate;

impl OptimizerRule for ProjectUnderAggregate {
    fn name(&self) -> &str {
        "project_predictions_under_aggregate"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::TopDown)
    }

    fn rewrite(&self, plan: LogicalPlan, _: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        let filter = match (&plan, plan.inputs().as_slice()) {
            (LogicalPlan::Window(_), [LogicalPlan::Filter(filter)]) => filter,
            (LogicalPlan::Aggregate(aggregate), [LogicalPlan::Filter(filter)])
                if !aggregate.group_expr.iter().any(|group| matches!(group, Expr::GroupingSet(_))) =>
            {
                filter
            }
            _ => return Ok(Transformed::no(plan)),
        };
        let expressions = plan.expressions();
        let filtered = calls(std::slice::from_ref(&filter.predicate))?;
        let shared: Vec<Expr> = calls(&expressions)?.into_iter().filter(|call| filtered.contains(call)).collect();
        if shared.is_empty() {
            return Ok(Transformed::no(plan));
        }
        let columns = filter.input.schema().columns().into_iter().map(Expr::Column);
        let columns = columns.chain(shared.iter().cloned()).collect();
        let projection = Projection::try_new(columns, Arc::new(LogicalPlan::Filter(filter.clone())))?;
        let expressions = expressions.into_iter().map(|expr| with_columns(expr, &shared)).collect::<Result<_>>()?;
        Ok(Transformed::yes(plan.with_new_exprs(expressions, vec![LogicalPlan::Projection(projection)])?))
    }
}

/// The calls of models in some expressions, in the order in which they are met.
fn calls(expressions: &[Expr]) -> Result<Vec<Expr>> {
    let mut calls: Vec<Expr> = Vec::new();
    for expression in expressions {
        expression.apply(|expr| {
            if !matches!(expr, Expr::ScalarFunction(function) if entry_of(&function.func).is_some()) {
                return Ok(TreeNodeRecursion::Continue);
            }
            if !calls.contains(expr) {
                calls.push(expr.clone());
            }
            Ok(TreeNodeRecursion::Jump)
        })?;
    }
    Ok(calls)
}

/// The expression with columns in the place of calls. A column has the name of its call, so that names stay as they are.
fn with_columns(expr: Expr, calls: &[Expr]) -> Result<Expr> {
    let replaced = expr.transform_down(|expr| match calls.contains(&expr) {
        true => Ok(Transformed::yes(Expr::Column(Column::new_unqualified(expr.schema_name().to_string())))),
        false => Ok(Transformed::no(expr)),
    });
    replaced.map(|replaced| replaced.data)
}
