//! What INSERT makes of numbers with decimals where a column wants whole ones: it rounds, as a cast does.

use std::sync::Arc;

use datafusion::common::DFSchema;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::Result;
use datafusion::execution::context::SessionState;
use datafusion::logical_expr::expr::Cast;
use datafusion::logical_expr::{
    DmlStatement, Expr, ExprSchemable, LogicalPlan, Projection, ScalarUDF, Values, WriteOp,
};

use crate::functions::ROUND_TO_INTEGER;

/// The plan in which the casts that INSERT adds round.
pub(crate) fn round_assignments(plan: LogicalPlan, state: &SessionState) -> Result<LogicalPlan> {
    let (LogicalPlan::Dml(insert), Some(round)) = (&plan, state.scalar_functions().get(ROUND_TO_INTEGER)) else {
        return Ok(plan);
    };
    let (WriteOp::Insert(_), LogicalPlan::Projection(projection)) = (&insert.op, insert.input.as_ref()) else {
        return Ok(plan);
    };
    // The rows of VALUES are cast where they stand.
    let below = match projection.input.as_ref() {
        LogicalPlan::Values(Values { schema, values }) => {
            let nothing = DFSchema::empty();
            let row =
                |row: &Vec<Expr>| row.iter().cloned().map(|expr| Ok(rounded(expr, &nothing, round)?.data)).collect();
            let values = values.iter().map(row).collect::<Result<_>>()?;
            Arc::new(LogicalPlan::Values(Values { schema: Arc::clone(schema), values }))
        }
        _ => Arc::clone(&projection.input),
    };
    let columns =
        projection.expr.iter().cloned().map(|expr| rounded(expr, below.schema(), round).map(|expr| expr.data));
    let columns = columns.collect::<Result<Vec<_>>>()?;
    let input = LogicalPlan::Projection(Projection::try_new(columns, below)?);
    let (name, target) = (insert.table_name.clone(), Arc::clone(&insert.target));
    Ok(LogicalPlan::Dml(DmlStatement::new(name, target, insert.op.clone(), Arc::new(input))))
}

fn rounded(expr: Expr, schema: &DFSchema, round: &ScalarUDF) -> Result<Transformed<Expr>> {
    expr.transform_down(|expr| match expr {
        Expr::Cast(Cast { expr, field })
            if field.data_type().is_integer()
                && expr.get_type(schema).is_ok_and(|given| given.is_floating() || given.is_decimal()) =>
        {
            let expr = Box::new(round.call(vec![*expr]));
            Ok(Transformed::complete(Expr::Cast(Cast { expr, field })))
        }
        expr => Ok(Transformed::no(expr)),
    })
}
