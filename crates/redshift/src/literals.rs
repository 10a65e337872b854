//! Literals that are no value of the type they are wanted in, found before the optimizer finds them, and said in words that
//! help.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::expr::{Cast, ScalarFunction};
use datafusion::logical_expr::{BinaryExpr, Expr, ExprSchemable, LogicalPlan};
use datafusion::scalar::ScalarValue;

use crate::functions::{ISO_DATETIME, ROUND_TO_INTEGER, TEXT, iso_text};
use crate::times::is_moment;

/// Fails if a literal cannot be what it is cast to, or what it is compared with.
pub(crate) fn check(plan: &LogicalPlan) -> Result<()> {
    plan.apply_with_subqueries(|node| {
        let mut schema = DFSchema::empty();
        for input in node.inputs() {
            schema.merge(input.schema());
        }
        node.apply_expressions(|expr| {
            expr.apply(|expr| match expr {
                Expr::Cast(Cast { expr, field }) => check_value(expr, field.data_type()),
                Expr::BinaryExpr(BinaryExpr { left, op, right }) if op.supports_propagation() => {
                    check_operand(left, right, &schema)?;
                    check_operand(right, left, &schema)
                }
                _ => Ok(TreeNodeRecursion::Continue),
            })
        })
    })
    .map(|_| ())
}

/// Whether a text can be compared with the other operand, for which it is read as a value of that type.
fn check_operand(text: &Expr, other: &Expr, schema: &DFSchema) -> Result<TreeNodeRecursion> {
    match (text, other.get_type(schema)) {
        (Expr::Literal(value, _), Ok(data_type))
            if value.try_as_str().is_some() && (data_type.is_numeric() || data_type.is_temporal()) =>
        {
            check_value(text, &data_type)
        }
        _ => Ok(TreeNodeRecursion::Continue),
    }
}

fn check_value(expr: &Expr, data_type: &DataType) -> Result<TreeNodeRecursion> {
    let Some(value) = literal(expr) else { return Ok(TreeNodeRecursion::Continue) };
    // A date in another notation than that of ISO 8601 is read later.
    let iso = value.try_as_str().flatten().filter(|_| is_moment(data_type));
    let iso = iso.map(|text| ScalarValue::Utf8(Some(iso_text(text))));
    if iso.as_ref().unwrap_or(&value).cast_to(data_type).is_ok() {
        return Ok(TreeNodeRecursion::Continue);
    }
    let hint = match data_type {
        DataType::Date32 | DataType::Date64 => {
            "; a date is written like '2017-03-21', and TO_DATE(text, pattern) reads others"
        }
        DataType::Timestamp(..) => {
            "; a timestamp is written like '2017-03-21 22:05:00', and TO_TIMESTAMP(text, pattern) reads others"
        }
        DataType::Boolean => "; those are 'true' and 'false'",
        _ => "",
    };
    let name = type_name(data_type);
    match value.try_as_str().flatten() {
        Some(text) => plan_err!("'{text}' is not a value of type {name}{hint}"),
        None => plan_err!("{value} is not a value of type {name}{hint}"),
    }
}

/// The literal that is cast, as the rewrite of the cast lets it be read.
fn literal(expr: &Expr) -> Option<ScalarValue> {
    match expr {
        Expr::Literal(value, _) => Some(value.clone()),
        Expr::ScalarFunction(ScalarFunction { func, args }) => match (func.name(), args.as_slice()) {
            (ISO_DATETIME | ROUND_TO_INTEGER, [Expr::Literal(value, _)]) => Some(value.clone()),
            (TEXT, [Expr::Literal(value, _)]) if value.try_as_str().is_some() => Some(value.clone()),
            _ => None,
        },
        _ => None,
    }
}

/// What Redshift calls a type of Arrow's.
pub fn type_name(data_type: &DataType) -> String {
    match data_type {
        DataType::Boolean => "BOOLEAN".to_owned(),
        DataType::Int8 | DataType::Int16 | DataType::UInt8 => "SMALLINT".to_owned(),
        DataType::Int32 | DataType::UInt16 => "INTEGER".to_owned(),
        DataType::Int64 | DataType::UInt32 | DataType::UInt64 => "BIGINT".to_owned(),
        DataType::Float16 | DataType::Float32 => "REAL".to_owned(),
        DataType::Float64 => "FLOAT".to_owned(),
        DataType::Decimal32(precision, scale) | DataType::Decimal64(precision, scale) => {
            format!("DECIMAL({precision}, {scale})")
        }
        DataType::Decimal128(precision, scale) | DataType::Decimal256(precision, scale) => {
            format!("DECIMAL({precision}, {scale})")
        }
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "VARCHAR".to_owned(),
        DataType::Date32 | DataType::Date64 => "DATE".to_owned(),
        DataType::Timestamp(_, None) => "TIMESTAMP".to_owned(),
        DataType::Timestamp(_, Some(_)) => "TIMESTAMPTZ".to_owned(),
        DataType::Time32(_) | DataType::Time64(_) => "TIME".to_owned(),
        DataType::Interval(_) | DataType::Duration(_) => "INTERVAL".to_owned(),
        DataType::Dictionary(_, values) => type_name(values),
        DataType::Struct(_) | DataType::Map(..) => "OBJECT".to_owned(),
        nested if nested.is_nested() => "ARRAY".to_owned(),
        DataType::Null => "NULL".to_owned(),
        _ => "BINARY".to_owned(),
    }
}
