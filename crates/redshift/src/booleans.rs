//! Texts beside booleans: `flag = 't'`.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{DFSchema, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{Expr, ExprSchemable, lit};

use crate::operators::{compares, operator};

/// Reads a literal text that is compared with a boolean as one, which DataFusion does not. Fails of another text.
///
/// Source: [Boolean type](https://docs.aws.amazon.com/redshift/latest/dg/r_Boolean_type.html).
#[derive(Debug)]
pub(crate) struct BooleanPlanner;

impl ExprPlanner for BooleanPlanner {
    fn plan_binary_op(&self, binary: RawBinaryExpr, schema: &DFSchema) -> Result<PlannerResult<RawBinaryExpr>> {
        let RawBinaryExpr { op, mut left, mut right } = binary;
        if operator(&op).is_some_and(compares) {
            read_beside(&left, &mut right, schema)?;
            read_beside(&right, &mut left, schema)?;
        }
        Ok(PlannerResult::Original(RawBinaryExpr { op, left, right }))
    }
}

/// Reads the literal if it is a text, and the value a boolean; whether it is so.
pub(crate) fn read_beside(value: &Expr, literal: &mut Expr, schema: &DFSchema) -> Result<bool> {
    let Expr::Literal(text, _) = &*literal else { return Ok(false) };
    let Some(Some(text)) = text.try_as_str() else { return Ok(false) };
    if value.get_type(schema).ok() != Some(DataType::Boolean) {
        return Ok(false);
    }
    let boolean = match text.trim().to_ascii_lowercase().as_str() {
        "t" | "true" | "y" | "yes" | "1" => true,
        "f" | "false" | "n" | "no" | "0" => false,
        _ => return plan_err!("'{text}' is not a value of type BOOLEAN; those are 'true' and 'false'"),
    };
    *literal = lit(boolean);
    Ok(true)
}
