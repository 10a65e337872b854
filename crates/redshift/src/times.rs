//! Operators of dates and intervals that DataFusion lacks or computes otherwise, and literals of dates beside them.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::DFSchema;
use datafusion::error::Result;
use datafusion::logical_expr::expr::{Between, Cast, InList};
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{BinaryExpr, Expr, ExprSchemable, Operator, ScalarUDF, cast, lit};
use datafusion::sql::sqlparser::ast::BinaryOperator;

use crate::booleans;
use crate::functions::{iso_text, scale_interval};
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

/// Rewrites literals of dates and timestamps as ISO 8601 has them, which DataFusion reads, where they are compared or cast, and
/// texts in lists beside booleans; whether there are any.
pub(crate) fn read_literals(expr: &mut Expr, schema: &DFSchema) -> Result<bool> {
    Ok(match expr {
        Expr::BinaryExpr(BinaryExpr { left, right, .. }) => {
            read_beside(left, right, schema) || read_beside(right, left, schema)
        }
        Expr::Between(Between { expr, low, high, .. }) => {
            read_beside(expr, low, schema) | read_beside(expr, high, schema)
        }
        Expr::InList(InList { expr, list, .. }) => {
            let mut is_read = false;
            for value in list {
                is_read |= read_beside(expr, value, schema) || booleans::read_beside(expr, value, schema)?;
            }
            is_read
        }
        Expr::Cast(Cast { expr, field }) if is_moment(field.data_type()) => read(expr),
        _ => false,
    })
}

/// A date, or a timestamp.
pub(crate) fn is_moment(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Date32 | DataType::Date64 | DataType::Timestamp(..))
}

fn read_beside(value: &Expr, literal: &mut Expr, schema: &DFSchema) -> bool {
    matches!(literal, Expr::Literal(literal, _) if literal.try_as_str().is_some())
        && value.get_type(schema).is_ok_and(|data_type| is_moment(&data_type))
        && read(literal)
}

fn read(literal: &mut Expr) -> bool {
    let Expr::Literal(value, _) = literal else { return false };
    let Some(Some(text)) = value.try_as_str() else { return false };
    let iso = iso_text(text);
    let differs = iso != text;
    if differs {
        *literal = lit(iso);
    }
    differs
}

fn operation(left: Expr, operator: Operator, right: Expr) -> Expr {
    Expr::BinaryExpr(BinaryExpr::new(Box::new(left), operator, Box::new(right)))
}
