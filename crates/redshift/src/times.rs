//! Operators of dates and intervals that DataFusion lacks or computes otherwise.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::DFSchema;
use datafusion::error::Result;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{BinaryExpr, Expr, ExprSchemable, Operator, ScalarUDF, cast, lit};
use datafusion::sql::sqlparser::ast::BinaryOperator;

use crate::functions::scale_interval;
use crate::operators::{compares, operator};

/// Multiplies and divides intervals by numbers, and compares dates with timestamps in the timestamps' unit, where DataFusion
/// would make both nanoseconds, which end in 2262.
#[derive(Debug)]
pub(crate) struct TimePlanner {
    scale: Arc<ScalarUDF>,
}

impl Default for TimePlanner {
    fn default() -> Self {
        Self { scale: Arc::new(ScalarUDF::new_from_impl(scale_interval())) }
    }
}

impl ExprPlanner for TimePlanner {
    fn plan_binary_op(&self, binary: RawBinaryExpr, schema: &DFSchema) -> Result<PlannerResult<RawBinaryExpr>> {
        let (Ok(left), Ok(right)) = (binary.left.get_type(schema), binary.right.get_type(schema)) else {
            return Ok(PlannerResult::Original(binary));
        };
        let RawBinaryExpr { op, left: left_expr, right: right_expr } = binary;
        let comparison = operator(&op).filter(|operator| compares(*operator));
        let planned = match (&op, &left, &right, comparison) {
            (BinaryOperator::Multiply, DataType::Interval(_), number, _) if number.is_numeric() => {
                self.scale.call(vec![left_expr, right_expr])
            }
            (BinaryOperator::Multiply, number, DataType::Interval(_), _) if number.is_numeric() => {
                self.scale.call(vec![right_expr, left_expr])
            }
            (BinaryOperator::Divide, DataType::Interval(_), number, _) if number.is_numeric() => {
                self.scale.call(vec![left_expr, operation(lit(1.0), Operator::Divide, right_expr)])
            }
            (_, DataType::Date32, timestamp @ DataType::Timestamp(TimeUnit::Microsecond, _), Some(comparison)) => {
                operation(cast(left_expr, timestamp.clone()), comparison, right_expr)
            }
            (_, timestamp @ DataType::Timestamp(TimeUnit::Microsecond, _), DataType::Date32, Some(comparison)) => {
                operation(left_expr, comparison, cast(right_expr, timestamp.clone()))
            }
            _ => return Ok(PlannerResult::Original(RawBinaryExpr { op, left: left_expr, right: right_expr })),
        };
        Ok(PlannerResult::Planned(planned))
    }
}

fn operation(left: Expr, operator: Operator, right: Expr) -> Expr {
    Expr::BinaryExpr(BinaryExpr::new(Box::new(left), operator, Box::new(right)))
}
