//! `FROM t PIVOT (SUM(x) FOR k IN ('a', 'b'))` and `FROM t UNPIVOT (x FOR k IN (a, b))`; and a table with computed columns, which
//! the rewrite of aliases makes.
//!
//! Source: [PIVOT and UNPIVOT](https://docs.aws.amazon.com/redshift/latest/dg/r_FROM_clause-pivot-unpivot-examples.html).

use std::collections::HashSet;

use datafusion::common::{Column, not_impl_err, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::planner::{PlannedRelation, RelationPlanner, RelationPlannerContext, RelationPlanning};
use datafusion::logical_expr::{BinaryExpr, Expr, LogicalPlan, LogicalPlanBuilder, Operator, lit};
use datafusion::sql::sqlparser::ast::{
    Expr as SqlExpr, ExprWithAlias, Ident, NullInclusion, PivotValueSource, TableFactor, Value,
};

use crate::rewrite::computed_columns;

/// Plans PIVOT as an aggregation with a filter for each column, and UNPIVOT as a union of a query for each column.
#[derive(Debug)]
pub(crate) struct PivotPlanner;

impl RelationPlanner for PivotPlanner {
    fn plan_relation(
        &self,
        relation: TableFactor,
        context: &mut dyn RelationPlannerContext,
    ) -> Result<RelationPlanning> {
        if let Some((table, columns)) = computed_columns(&relation) {
            let plan = compute(context.plan(table.clone())?, columns, context)?;
            return Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(plan, None))));
        }
        let (plan, alias) = match relation {
            TableFactor::Pivot { table, aggregate_functions, value_column, value_source, alias, .. } => {
                let PivotValueSource::List(values) = value_source else {
                    return not_impl_err!(
                        "PIVOT with values that a query finds; list them: FOR {} IN ('a', 'b')",
                        texts(&value_column)
                    );
                };
                let [key] = <[SqlExpr; 1]>::try_from(value_column).map_err(|columns| {
                    datafusion::common::not_impl_datafusion_err!("PIVOT over several columns, {}", texts(&columns))
                })?;
                (pivot(context.plan(*table)?, aggregate_functions, key, values, context)?, alias)
            }
            TableFactor::Unpivot { table, value, name, columns, null_inclusion, alias } if !columns.is_empty() => {
                let keeps_nulls = null_inclusion == Some(NullInclusion::IncludeNulls);
                let plan = unpivot(context.plan(*table)?, &value, name, columns, context)?;
                let value = Expr::Column(Column::new_unqualified(column_name(&value, context)?));
                let plan = LogicalPlanBuilder::from(plan);
                let plan = if keeps_nulls { plan } else { plan.filter(value.is_not_null())? };
                (plan.build()?, alias)
            }
            other => return Ok(RelationPlanning::Original(Box::new(other))),
        };
        Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(plan, alias))))
    }
}

/// The rows with more columns, each computed from those before it.
fn compute(
    input: LogicalPlan,
    columns: &[ExprWithAlias],
    context: &mut dyn RelationPlannerContext,
) -> Result<LogicalPlan> {
    let mut plan = input;
    for ExprWithAlias { expr, alias } in columns {
        let value = context.sql_to_expr(expr.clone(), plan.schema())?;
        let value = match alias {
            Some(alias) => value.alias(context.normalize_ident(alias.clone())),
            None => value,
        };
        let before = plan.schema().columns().into_iter().map(Expr::Column);
        let all: Vec<Expr> = before.chain([value]).collect();
        plan = LogicalPlanBuilder::from(plan).project(all)?.build()?;
    }
    Ok(plan)
}

/// A row for each combination of the columns that the aggregates and the key do not name; in it a column for each value of the
/// key, which is an aggregate of the rows with that value.
fn pivot(
    input: LogicalPlan,
    aggregates: Vec<ExprWithAlias>,
    key: SqlExpr,
    values: Vec<ExprWithAlias>,
    context: &mut dyn RelationPlannerContext,
) -> Result<LogicalPlan> {
    let schema = input.schema().as_ref().clone();
    let key = context.sql_to_expr(key, &schema)?;
    let mut named: HashSet<Column> = key.column_refs().into_iter().cloned().collect();
    let mut planned: Vec<(AggregateFunction, Option<Ident>)> = vec![];
    for aggregate in aggregates {
        let text = aggregate.expr.to_string();
        match context.sql_to_expr(aggregate.expr, &schema)?.unalias() {
            Expr::AggregateFunction(function) if function.params.filter.is_none() => {
                named.extend(function.params.args.iter().flat_map(Expr::column_refs).cloned());
                planned.push((function, aggregate.alias));
            }
            _ => return plan_err!("PIVOT needs an aggregate such as SUM(x), and not {text}"),
        }
    }
    let groups: Vec<Column> = schema.columns().into_iter().filter(|column| !named.contains(column)).collect();
    let mut columns = vec![];
    let mut names = vec![];
    for ExprWithAlias { expr, alias } in values {
        let name = match alias {
            Some(alias) => context.normalize_ident(alias),
            None => value_text(&expr),
        };
        let value = context.sql_to_expr(expr, &schema)?;
        let is_value = BinaryExpr::new(Box::new(key.clone()), Operator::IsNotDistinctFrom, Box::new(value));
        for (function, alias) in &planned {
            let mut function = function.clone();
            function.params.filter = Some(Box::new(Expr::BinaryExpr(is_value.clone())));
            columns.push(Expr::AggregateFunction(function));
            names.push(match alias {
                Some(alias) => format!("{name}_{}", context.normalize_ident(alias.clone())),
                None => name.clone(),
            });
        }
    }
    let plan = LogicalPlanBuilder::from(input)
        .aggregate(groups.iter().cloned().map(Expr::Column), columns.iter().map(Expr::clone))?;
    let aggregated = plan.schema().columns();
    let kept = groups.iter().map(|column| Expr::Column(column.clone()).alias(column.name()));
    let made =
        aggregated.iter().skip(groups.len()).zip(names).map(|(column, name)| Expr::Column(column.clone()).alias(name));
    plan.project(kept.chain(made).collect::<Vec<_>>())?.build()
}

/// For each row and each column of the list a row of the other columns, the name of the column, and its value.
fn unpivot(
    input: LogicalPlan,
    value: &SqlExpr,
    name: Ident,
    columns: Vec<ExprWithAlias>,
    context: &mut dyn RelationPlannerContext,
) -> Result<LogicalPlan> {
    let schema = input.schema().as_ref().clone();
    let (value, name) = (column_name(value, context)?, context.normalize_ident(name));
    let mut taken = vec![];
    for ExprWithAlias { expr, alias } in columns {
        let text = value_text(&expr);
        let Expr::Column(column) = context.sql_to_expr(expr, &schema)? else {
            return plan_err!("UNPIVOT needs the names of columns, and not {text}");
        };
        let label = alias.map_or_else(|| column.name.clone(), |alias| alias.value);
        taken.push((column, label));
    }
    let others: Vec<Column> =
        schema.columns().into_iter().filter(|column| !taken.iter().any(|(taken, _)| taken == column)).collect();
    let mut union: Option<LogicalPlanBuilder> = None;
    for (column, label) in taken {
        let kept = others.iter().map(|column| Expr::Column(column.clone()).alias(column.name()));
        let made = [lit(label).alias(&name), Expr::Column(column).alias(&value)];
        let rows = LogicalPlanBuilder::from(input.clone()).project(kept.chain(made).collect::<Vec<_>>())?;
        union = Some(match union {
            Some(before) => before.union(rows.build()?)?,
            None => rows,
        });
    }
    match union {
        Some(union) => union.build(),
        None => plan_err!("UNPIVOT needs columns: UNPIVOT (value FOR name IN (a, b))"),
    }
}

fn column_name(expr: &SqlExpr, context: &dyn RelationPlannerContext) -> Result<String> {
    match expr {
        SqlExpr::Identifier(ident) => Ok(context.normalize_ident(ident.clone())),
        other => plan_err!("UNPIVOT needs a name for the values, and not {other}"),
    }
}

/// What a column is called that is made of a value.
fn value_text(expr: &SqlExpr) -> String {
    match expr {
        SqlExpr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) => text.clone(),
            other => other.to_string().to_lowercase(),
        },
        other => other.to_string(),
    }
}

fn texts(expressions: &[SqlExpr]) -> String {
    expressions.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
