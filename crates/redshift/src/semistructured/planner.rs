//! From the syntax of paths, comparisons and arithmetic to the functions that do them.

use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Column, DFSchema, TableReference, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr, RawFieldAccessExpr};
use datafusion::logical_expr::{BinaryExpr, Expr, ExprSchemable, GetFieldAccess, Operator, lit};
use datafusion::sql::sqlparser::ast::BinaryOperator;

use super::cast::from_super;
use super::compare::{comparison, operand};
use super::marker::{has_no_parts, is_super};
use super::path::{attribute, is_path, step};

/// Comes before DataFusion's own planners, whose positions count from 1.
#[derive(Debug)]
pub(super) struct SuperExprPlanner;

impl ExprPlanner for SuperExprPlanner {
    fn plan_compound_identifier(
        &self,
        field: &Field,
        qualifier: Option<&TableReference>,
        nested_names: &[String],
    ) -> Result<PlannerResult<Vec<Expr>>> {
        if has_no_parts(field) {
            return Ok(PlannerResult::Original(vec![]));
        }
        let column = Expr::Column(Column::new(qualifier.cloned(), field.name()));
        Ok(PlannerResult::Planned(nested_names.iter().fold(column, |value, name| attribute(value, name))))
    }

    fn plan_field_access(
        &self,
        access: RawFieldAccessExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawFieldAccessExpr>> {
        let next = match &access.field_access {
            GetFieldAccess::NamedStructField { name } => lit(name.clone()),
            GetFieldAccess::ListIndex { key } => key.as_ref().clone(),
            GetFieldAccess::ListRange { .. } => return Ok(PlannerResult::Original(access)),
        };
        // A column that is not in the schema is DataFusion's to complain of.
        if !is_path(&access.expr)
            && let Ok((_, field)) = access.expr.to_field(schema)
            && has_no_parts(&field)
        {
            return plan_err!(
                "{} is of type {} and has no parts as SUPER has; JSON_PARSE makes SUPER of text",
                access.expr,
                field.data_type()
            );
        }
        Ok(PlannerResult::Planned(step(access.expr, next)))
    }

    fn plan_binary_op(&self, binary: RawBinaryExpr, schema: &DFSchema) -> Result<PlannerResult<RawBinaryExpr>> {
        let (Some(operator), Ok((_, left)), Ok((_, right))) =
            (operator(&binary.op), binary.left.to_field(schema), binary.right.to_field(schema))
        else {
            return Ok(PlannerResult::Original(binary));
        };
        let RawBinaryExpr { op, left: left_expr, right: right_expr } = binary;
        let dynamic = is_super(&left) || is_super(&right);
        // A path into Arrow's types is SUPER to the reader: a comparison of different types is an answer, not an error.
        let mixed = (is_path(&left_expr) || is_path(&right_expr)) && families_differ(&left, &right);
        if (dynamic || mixed)
            && let Some(comparison) = comparison(left_expr.clone(), operator, right_expr.clone())
        {
            return Ok(PlannerResult::Planned(comparison));
        }
        if !dynamic {
            return Ok(PlannerResult::Original(RawBinaryExpr { op, left: left_expr, right: right_expr }));
        }
        let in_type = |expr: Expr, field: &FieldRef| match operator {
            _ if !is_super(field) => expr,
            Operator::And | Operator::Or => from_super(expr, DataType::Boolean),
            Operator::StringConcat => from_super(expr, DataType::Utf8),
            _ => operand(expr),
        };
        let (left, right) = (in_type(left_expr, &left), in_type(right_expr, &right));
        Ok(PlannerResult::Planned(Expr::BinaryExpr(BinaryExpr::new(Box::new(left), operator, Box::new(right)))))
    }
}

/// DataFusion's operator, of those that SUPER has.
fn operator(operator: &BinaryOperator) -> Option<Operator> {
    Some(match operator {
        BinaryOperator::Eq => Operator::Eq,
        BinaryOperator::NotEq => Operator::NotEq,
        BinaryOperator::Lt => Operator::Lt,
        BinaryOperator::LtEq => Operator::LtEq,
        BinaryOperator::Gt => Operator::Gt,
        BinaryOperator::GtEq => Operator::GtEq,
        BinaryOperator::Plus => Operator::Plus,
        BinaryOperator::Minus => Operator::Minus,
        BinaryOperator::Multiply => Operator::Multiply,
        BinaryOperator::Divide => Operator::Divide,
        BinaryOperator::Modulo => Operator::Modulo,
        BinaryOperator::And => Operator::And,
        BinaryOperator::Or => Operator::Or,
        BinaryOperator::StringConcat => Operator::StringConcat,
        _ => return None,
    })
}

/// Whether both are scalars, and not both numbers, both text, or both booleans. Of dates and times the text is read.
fn families_differ(left: &Field, right: &Field) -> bool {
    let family = |field: &Field| match field.data_type() {
        DataType::Boolean => Some(0),
        data_type if data_type.is_numeric() => Some(1),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Some(2),
        _ => None,
    };
    matches!((family(left), family(right)), (Some(left), Some(right)) if left != right)
}
