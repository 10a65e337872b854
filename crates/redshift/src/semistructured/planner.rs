//! From the syntax of paths, comparisons and arithmetic to the functions that do them.

use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Column, DFSchema, TableReference, plan_err};
use datafusion::error::Result;
use datafusion::functions::core::expr_fn::coalesce;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr, RawFieldAccessExpr};
use datafusion::logical_expr::{BinaryExpr, Expr, ExprSchemable, GetFieldAccess, Operator, binary_expr, lit};

use super::cast::{from_super, to_super};
use super::elements::marked;
use super::finish::operation;
use super::marker::{has_no_parts, is_nested, is_super};
use super::path::{attribute, is_path, step};
use crate::literals::type_name;
use crate::operators::{compares, operator};

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
                type_name(field.data_type())
            );
        }
        Ok(PlannerResult::Planned(step(access.expr, next)))
    }

    fn plan_binary_op(&self, binary: RawBinaryExpr, schema: &DFSchema) -> Result<PlannerResult<RawBinaryExpr>> {
        // To ask for the type of what an operator gives is to ask all that is below it, at every link of a chain. It is never
        // SUPER, and only `||` gives something nested.
        let is_plain = |expr: &Expr| match expr {
            Expr::BinaryExpr(BinaryExpr { op: Operator::StringConcat, .. }) => {
                expr.get_type(schema).is_ok_and(|data_type| !is_nested(&data_type))
            }
            Expr::BinaryExpr(_) => true,
            expr => {
                let field = field_of(expr, schema);
                !is_path(expr) && field.is_ok_and(|field| !is_super(&field) && !is_nested(field.data_type()))
            }
        };
        if is_plain(&binary.left) && is_plain(&binary.right) {
            return Ok(PlannerResult::Original(binary));
        }
        let (Some(operator), Ok(left), Ok(right)) =
            (operator(&binary.op), field_of(&binary.left, schema), field_of(&binary.right, schema))
        else {
            return Ok(PlannerResult::Original(binary));
        };
        let dynamic = is_super(&left) || is_super(&right);
        // A nested value of Arrow's types, and a path into it, is SUPER to the reader: a comparison of different types is an
        // answer, not an error.
        let is_nested_or_path = |expr: &Expr, field: &Field| is_path(expr) || is_nested(field.data_type());
        let mixed = (is_nested_or_path(&binary.left, &left) || is_nested_or_path(&binary.right, &right))
            && families_differ(&left, &right);
        if !(dynamic || mixed && compares(operator)) {
            return Ok(PlannerResult::Original(binary));
        }
        let RawBinaryExpr { left: left_expr, right: right_expr, .. } = binary;
        let name = binary_expr(left_expr.clone(), operator, right_expr.clone()).schema_name().to_string();
        let planned = match operator {
            Operator::And | Operator::Or | Operator::StringConcat => {
                let data_type = if operator == Operator::StringConcat { DataType::Utf8 } else { DataType::Boolean };
                let in_type = |expr: Expr, field: &Field| match is_super(field) {
                    true => from_super(expr, data_type.clone()),
                    false => expr,
                };
                binary_expr(in_type(left_expr, &left), operator, in_type(right_expr, &right))
            }
            _ => {
                let operands = (read(left_expr, &left, &right), read(right_expr, &right, &left));
                match operation(operands.0, operator, operands.1) {
                    Some(operation) => operation,
                    None => return plan_err!("SUPER has no operator {operator}; cast the value to another type"),
                }
            }
        };
        Ok(PlannerResult::Planned(planned.alias(name)))
    }
}

/// What is known of the value. DataFusion forgets of MIN and MAX of SUPER what they are of.
fn field_of(expr: &Expr, schema: &DFSchema) -> Result<FieldRef> {
    let (name, args) = match expr {
        Expr::AggregateFunction(aggregate) => (aggregate.func.name(), aggregate.params.args.as_slice()),
        Expr::WindowFunction(window) => (window.fun.name(), window.params.args.as_slice()),
        _ => ("", [].as_slice()),
    };
    match args {
        [value] if matches!(name, "min" | "max") => field_of(value, schema),
        _ => expr.to_field(schema).map(|(_, field)| field),
    }
}

/// The operand, of which a text that a path leads to is taken for what it reads as beside a number or a boolean: what models
/// answer are texts, whatever the type of their classes.
fn read(operand: Expr, field: &Field, other: &Field) -> Expr {
    let other = other.data_type();
    match is_path(&operand) && !is_super(field) && field.data_type().is_string() {
        true if other.is_numeric() || *other == DataType::Boolean => {
            let read = to_super(from_super(operand.clone(), other.clone()));
            marked(coalesce(vec![read, to_super(operand)]))
        }
        _ => operand,
    }
}

/// Whether they are of different kinds, of numbers, texts, booleans, arrays and objects. Of dates and times the text is read.
fn families_differ(left: &Field, right: &Field) -> bool {
    let family = |field: &Field| match field.data_type() {
        DataType::Boolean => Some(0),
        data_type if data_type.is_numeric() => Some(1),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Some(2),
        DataType::Struct(_) | DataType::Map(..) => Some(3),
        data_type if is_nested(data_type) => Some(4),
        _ => None,
    };
    matches!((family(left), family(right)), (Some(left), Some(right)) if left != right)
}
