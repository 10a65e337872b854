//! `INSERT`: the defaults of columns where VALUES says DEFAULT, and decimals digit by digit.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Schema};
use datafusion::catalog::TableProvider;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, TableReference};
use datafusion::datasource::listing::ListingTable;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{LogicalPlan, Values};
use datafusion::prelude::DataFrame;
use datafusion::sql::parser::Statement as DFStatement;
use datafusion::sql::sqlparser::ast::{
    Expr, Ident, Insert, ObjectName, SetExpr, Statement as SqlStatement, TableObject, Value,
};
use datafusion::sql::sqlparser::parser::Parser;
use datafusion_ml_redshift::keep_digits;

use super::{count_answer, model_name, run_count, select_template};
use crate::catalog::RelationName;
use crate::error::invalid;
use crate::relations::{columns_of, folded, takes_no_null};
use crate::resolve::resolve;
use crate::session::MlSession;

/// Fails if it is an external table of files to which no rows can be added.
pub(crate) fn check_takes_rows(name: &RelationName, table: &dyn TableProvider) -> Result<()> {
    if let Some(listing) = table.downcast_ref::<ListingTable>()
        && listing.table_paths().iter().all(|path| !path.is_collection())
    {
        return Err(invalid(format!(
            "{name} is an external table of one file, which takes no rows; create it with a folder (LOCATION 'folder/'), or a \
             table in the store"
        )));
    }
    Ok(())
}

/// Inserts rows; `None`, and nothing done, if DataFusion is to say what is wrong with the table's name.
pub(super) async fn execute(session: &MlSession, insert: &Insert) -> Result<Option<DataFrame>> {
    let TableObject::TableName(name) = &insert.table else { return Ok(None) };
    let Ok(name) = model_name(session, name) else { return Ok(None) };
    let reference = TableReference::partial(name.schema.as_str(), name.name.as_str());
    if !session.context().table_exist(reference.clone())? {
        return Ok(None);
    }
    let table = session.context().table_provider(reference).await?;
    check_takes_rows(&name, table.as_ref())?;
    let mut insert = insert.clone();
    fill_defaults(session, table.as_ref(), &mut insert)?;
    keep_decimals(&table.schema(), &mut insert);
    let mut statement = DFStatement::Statement(Box::new(SqlStatement::Insert(insert)));
    resolve(session, &mut statement, None).await?;
    let plan = nullable_values(session.plan(statement).await?)?;
    let count = run_count(session.context().state(), plan).await;
    count_answer(session, count.map_err(|error| not_null(error, &name, &table.schema()))?).map(Some)
}

/// DataFusion's error of a NULL in a table that is in memory, in the words of one that is stored.
fn not_null(error: DataFusionError, table: &RelationName, schema: &Schema) -> DataFusionError {
    let column = match error.find_root() {
        DataFusionError::Execution(text) => text
            .strip_prefix("Invalid batch column at '")
            .and_then(|rest| rest.strip_suffix("' has null but schema specifies non-nullable"))
            .and_then(|position| schema.fields().get(position.parse::<usize>().ok()?)),
        _ => None,
    };
    match column {
        Some(column) => takes_no_null(table, column.name()),
        None => error,
    }
}

/// Leaves out the columns for which every row says DEFAULT, and those behind the last value; where some rows say it, the
/// default's expression takes its place. `DEFAULT VALUES` is a row of such.
fn fill_defaults(session: &MlSession, table: &dyn TableProvider, insert: &mut Insert) -> Result<()> {
    let schema = table.schema();
    let names: Vec<ObjectName> =
        schema.fields().iter().map(|field| ObjectName::from(vec![Ident::with_quote('"', field.name())])).collect();
    if insert.source.is_none() && insert.assignments.is_empty() {
        let row = vec!["DEFAULT"; names.len()].join(", ");
        insert.source = Some(Box::new(select_template(session, &format!("VALUES ({row})"))?));
    }
    let Some(SetExpr::Values(values)) = insert.source.as_mut().map(|query| query.body.as_mut()) else { return Ok(()) };
    let width = values.rows.first().map_or(0, |row| row.content.len());
    if values.rows.iter().any(|row| row.content.len() != width) {
        return Ok(());
    }
    if insert.columns.is_empty() && width <= names.len() {
        insert.columns = names[..width].to_vec();
    }
    if insert.columns.len() != width || !values.rows.iter().flat_map(|row| &row.content).any(is_default) {
        return Ok(());
    }
    let mut left_out: Vec<bool> =
        (0..width).map(|column| values.rows.iter().all(|row| is_default(&row.content[column]))).collect();
    if left_out.iter().all(|is_out| *is_out) {
        // A row has at least one value.
        left_out[0] = false;
    }
    for row in &mut values.rows {
        for ((value, column), is_out) in row.content.iter_mut().zip(&insert.columns).zip(&left_out) {
            if !is_out && is_default(value) {
                *value = default_of(session, table, column)?;
            }
        }
        let mut is_kept = left_out.iter().map(|is_out| !is_out);
        row.content.retain(|_| is_kept.next().unwrap_or(true));
    }
    let mut is_kept = left_out.iter().map(|is_out| !is_out);
    insert.columns.retain(|_| is_kept.next().unwrap_or(true));
    Ok(())
}

/// Has the literals for columns of decimals read digit by digit.
fn keep_decimals(schema: &Schema, insert: &mut Insert) {
    let Some(SetExpr::Values(values)) = insert.source.as_mut().map(|query| query.body.as_mut()) else { return };
    let is_decimal = |column: &ObjectName| {
        let field = name_of(column).and_then(|name| schema.field_with_name(&name).ok());
        field.is_some_and(|field| matches!(field.data_type(), DataType::Decimal128(..)))
    };
    let decimals: Vec<bool> = insert.columns.iter().map(is_decimal).collect();
    for row in &mut values.rows {
        let values = row.content.iter_mut().zip(&decimals);
        values.filter(|(_, is_decimal)| **is_decimal).for_each(|(value, _)| keep_digits(value));
    }
}

fn name_of(column: &ObjectName) -> Option<String> {
    column.0.last().and_then(|part| part.as_ident()).map(folded)
}

/// Whether the word DEFAULT stands in the place of a value.
pub(super) fn is_default(expr: &Expr) -> bool {
    matches!(expr, Expr::Identifier(word) if word.quote_style.is_none() && word.value.eq_ignore_ascii_case("default"))
}

/// The expression of a column's default; NULL if it has none.
fn default_of(session: &MlSession, table: &dyn TableProvider, column: &ObjectName) -> Result<Expr> {
    let name = name_of(column).unwrap_or_default();
    let text = match columns_of(table) {
        Some(columns) => columns.iter().find(|column| column.name == name).and_then(|column| column.default.as_deref()),
        None if table.get_column_default(&name).is_none() => None,
        None => {
            return Err(invalid(format!(
                "DEFAULT for column {name} beside values for it, in a table that is not in the store; leave the column out"
            )));
        }
    };
    default_expression(session, text)
}

/// The expression in the text of a default; NULL if there is none.
pub(super) fn default_expression(session: &MlSession, text: Option<&str>) -> Result<Expr> {
    let Some(text) = text else { return Ok(Expr::value(Value::Null)) };
    Ok(Parser::new(session.dialect()?.as_ref()).try_with_sql(text)?.parse_expr()?)
}

/// The plan with NULL allowed in VALUES: the table says why it takes none, where it does not.
fn nullable_values(plan: LogicalPlan) -> Result<LogicalPlan> {
    let relaxed = plan.transform_up(|node| match node {
        LogicalPlan::Values(Values { schema, values }) => {
            let fields = schema
                .iter()
                .map(|(table, field)| (table.cloned(), Arc::new(field.as_ref().clone().with_nullable(true))));
            let schema = DFSchema::new_with_metadata(fields.collect(), schema.metadata().clone())?;
            Ok(Transformed::yes(LogicalPlan::Values(Values { schema: Arc::new(schema), values })))
        }
        LogicalPlan::Projection(_) => node.recompute_schema().map(Transformed::yes),
        node => Ok(Transformed::no(node)),
    })?;
    Ok(relaxed.data)
}
