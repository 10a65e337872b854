//! Rows for formats that have no nested values, such as CSV.

use std::sync::Arc;

use datafusion::arrow::datatypes::Field;
use datafusion::common::Column;
use datafusion::error::Result;
use datafusion::logical_expr::dml::CopyTo;
use datafusion::logical_expr::{Expr, LogicalPlan, Projection};

use super::cast::to_super;
use super::marker::is_nested;

/// The plan with its structs, lists and maps as JSON text; NULL stays NULL. A plan without them is as it was.
pub fn nested_as_json(plan: LogicalPlan) -> Result<LogicalPlan> {
    let is_nested = |field: &Field| is_nested(field.data_type());
    if !plan.schema().fields().iter().any(|field| is_nested(field)) {
        return Ok(plan);
    }
    let columns = plan.schema().iter().map(|(qualifier, field)| {
        let column = Expr::Column(Column::from((qualifier, field)));
        match is_nested(field) {
            true => to_super(column).alias_qualified(qualifier.cloned(), field.name()),
            false => column,
        }
    });
    let columns = columns.collect();
    Ok(LogicalPlan::Projection(Projection::try_new(columns, Arc::new(plan))?))
}

/// The plan in which COPY TO a CSV file writes nested values as JSON text; another plan is as it was.
pub fn copy_nested_as_json(plan: LogicalPlan) -> Result<LogicalPlan> {
    match plan {
        LogicalPlan::Copy(copy) if copy.file_type.get_ext() == "csv" => {
            let input = Arc::new(nested_as_json(Arc::unwrap_or_clone(copy.input))?);
            Ok(LogicalPlan::Copy(CopyTo { input, ..copy }))
        }
        plan => Ok(plan),
    }
}
