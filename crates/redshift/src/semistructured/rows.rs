//! Where whole rows are compared: GROUP BY, DISTINCT, joins by the names of columns (INTERSECT and EXCEPT are such joins), and
//! UNION, which makes one type of two.

use std::sync::Arc;

use datafusion::common::Column;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::Result;
use datafusion::logical_expr::expr::{AggregateFunction, Sort};
use datafusion::logical_expr::utils::grouping_set_to_exprlist;
use datafusion::logical_expr::{
    Aggregate, Distinct, DistinctOn, Expr, Join, JoinConstraint, LogicalPlan, Projection, Union, when,
};

use super::cast::to_super;
use super::compare::{key, order_key};
use super::elements::marked;
use super::extremes;
use super::finish::has_super;
use super::marker::is_super;

/// The node that compares SUPER values by what they are; `None` if it has no such to compare.
pub(super) fn compare_values(plan: &LogicalPlan) -> Result<Option<LogicalPlan>> {
    match plan {
        LogicalPlan::Aggregate(aggregate) => group_by_keys(aggregate),
        LogicalPlan::Distinct(Distinct::All(input)) if input.schema().fields().iter().any(|field| is_super(field)) => {
            let columns = input.schema().iter().map(|pair| Expr::Column(Column::from(pair))).collect();
            group_by_keys(&Aggregate::try_new(Arc::clone(input), columns, vec![])?)
        }
        LogicalPlan::Distinct(Distinct::On(distinct)) => distinct_on_keys(distinct),
        LogicalPlan::Join(join) => join_by_keys(join),
        LogicalPlan::Union(union) => unite(union),
        _ => Ok(None),
    }
}

/// Takes the places of SUPER values in the order of ORDER BY for them, in ON and in ORDER BY, which must begin alike.
fn distinct_on_keys(distinct: &DistinctOn) -> Result<Option<LogicalPlan>> {
    let schema = distinct.input.schema();
    if !distinct.on_expr.iter().any(|expr| has_super(expr, schema)) {
        return Ok(None);
    }
    let by_order = |expr: &Expr| match has_super(expr, schema) {
        true => order_key(expr.clone()),
        false => expr.clone(),
    };
    let on = distinct.on_expr.iter().map(by_order).collect();
    let sorts = distinct
        .sort_expr
        .as_ref()
        .map(|sorts| sorts.iter().map(|sort| Sort { expr: by_order(&sort.expr), ..sort.clone() }).collect::<Vec<_>>());
    let distinct = DistinctOn::try_new(on, distinct.select_expr.clone(), sorts, Arc::clone(&distinct.input))?;
    Ok(Some(LogicalPlan::Distinct(Distinct::On(distinct))))
}

/// Groups by the keys of SUPER values, and answers of each group the first of its values.
fn group_by_keys(aggregate: &Aggregate) -> Result<Option<LogicalPlan>> {
    let input = aggregate.input.schema();
    let groups = grouping_set_to_exprlist(&aggregate.group_expr)?;
    if !groups.iter().any(|group| has_super(group, input)) {
        return Ok(None);
    }
    let by_key = |expr: Expr| match has_super(&expr, input) {
        true => key(expr.unalias()),
        false => expr,
    };
    let in_sets = matches!(aggregate.group_expr.as_slice(), [Expr::GroupingSet(_)]);
    let group_expr = aggregate.group_expr.iter().cloned().map(|group| match group {
        sets @ Expr::GroupingSet(_) => {
            sets.map_children(|group| Ok(Transformed::yes(by_key(group)))).map(|sets| sets.data)
        }
        group => Ok(by_key(group)),
    });
    let first = |group: &Expr| {
        let args = vec![group.clone().unalias()];
        Expr::AggregateFunction(AggregateFunction::new_udf(extremes::min(), args, false, None, vec![], None))
    };
    let firsts = groups.iter().filter(|group| has_super(group, input)).map(|group| first(group));
    let aggr_expr = aggregate.aggr_expr.iter().cloned().chain(firsts).collect();
    let grouped = Aggregate::try_new(Arc::clone(&aggregate.input), group_expr.collect::<Result<_>>()?, aggr_expr)?;
    let columns = aggregate.schema.iter().enumerate().map(|(index, (qualifier, field))| {
        let Some(group) = groups.get(index).filter(|group| has_super(group, input)) else {
            return Ok(Expr::Column(Column::from((qualifier, field))));
        };
        let column = |expr: &Expr| Expr::Column(Column::new_unqualified(expr.schema_name().to_string()));
        let value = column(&first(group));
        // Of the rows that are grouped without it, it is NULL.
        let value = match in_sets {
            true => marked(when(column(&by_key((*group).clone())).is_not_null(), value).end()?),
            false => value,
        };
        Ok(value.alias_qualified(qualifier.cloned(), field.name()))
    });
    let columns = columns.collect::<Result<Vec<_>>>()?;
    Ok(Some(LogicalPlan::Projection(Projection::try_new(columns, Arc::new(LogicalPlan::Aggregate(grouped)))?)))
}

/// Joins by the keys of columns of which one is SUPER.
fn join_by_keys(join: &Join) -> Result<Option<LogicalPlan>> {
    let (left, right) = (join.left.schema(), join.right.schema());
    let is_dynamic = |pair: &(Expr, Expr)| has_super(&pair.0, left) || has_super(&pair.1, right);
    if !join.on.iter().any(is_dynamic) {
        return Ok(None);
    }
    let on = join.on.iter().cloned().map(|pair| match is_dynamic(&pair) {
        true => (key(pair.0), key(pair.1)),
        false => pair,
    });
    let join = Join { on: on.collect(), join_constraint: JoinConstraint::On, ..join.clone() };
    Ok(Some(LogicalPlan::Join(join)))
}

/// A column that is SUPER on one side is so on all.
fn unite(union: &Union) -> Result<Option<LogicalPlan>> {
    let columns = 0..union.schema.fields().len();
    let is_dynamic = |column: usize| union.inputs.iter().any(|input| is_super(input.schema().field(column)));
    if !columns.clone().any(is_dynamic) {
        return Ok(None);
    }
    let inputs = union.inputs.iter().map(|input| {
        let converted = columns.clone().map(|column| {
            let (qualifier, field) = input.schema().qualified_field(column);
            let value = Expr::Column(Column::from((qualifier, field)));
            match is_dynamic(column) && !is_super(field) {
                true => to_super(value).alias_qualified(qualifier.cloned(), field.name()),
                false => value,
            }
        });
        Ok(Arc::new(LogicalPlan::Projection(Projection::try_new(converted.collect(), Arc::clone(input))?)))
    });
    Ok(Some(LogicalPlan::Union(Union::try_new_with_loose_types(inputs.collect::<Result<_>>()?)?)))
}
