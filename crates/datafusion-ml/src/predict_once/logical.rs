//! The logical rule.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, Result};
use datafusion::logical_expr::{Expr, LogicalPlan, Projection};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};

use crate::predict::entry_of;

/// Has an aggregate find the predictions that it needs in a projection below it.
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
        let input = match (&plan, plan.inputs().as_slice()) {
            (LogicalPlan::Aggregate(aggregate), [input])
                if !aggregate.group_expr.iter().any(|group| matches!(group, Expr::GroupingSet(_))) =>
            {
                *input
            }
            _ => return Ok(Transformed::no(plan)),
        };
        let expressions = plan.expressions();
        let calls = calls(&expressions)?;
        if calls.is_empty() {
            return Ok(Transformed::no(plan));
        }
        let columns = input.schema().columns().into_iter().map(Expr::Column);
        let columns = columns.chain(calls.iter().cloned()).collect();
        let projection = Projection::try_new(columns, Arc::new(input.clone()))?;
        let expressions = expressions.into_iter().map(|expr| with_columns(expr, &calls)).collect::<Result<_>>()?;
        let schema = Arc::clone(plan.schema());
        let plan = plan.with_new_exprs(expressions, vec![LogicalPlan::Projection(projection)])?;
        Ok(Transformed::yes(with_names(plan, &schema)?))
    }
}

/// The plan with the names that its columns had.
fn with_names(plan: LogicalPlan, schema: &DFSchema) -> Result<LogicalPlan> {
    if plan.schema().columns() == schema.columns() {
        return Ok(plan);
    }
    let named = plan.schema().columns().into_iter().zip(schema.iter());
    let columns = named
        .map(|(column, (qualifier, field))| Expr::Column(column).alias_qualified(qualifier.cloned(), field.name()));
    Ok(LogicalPlan::Projection(Projection::try_new(columns.collect(), Arc::new(plan))?))
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
