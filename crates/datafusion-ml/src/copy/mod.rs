//! `COPY table FROM 'files'`: files become rows of a table.
//!
//! Text is read as it streams in: `split` makes records of texts of it, with the line each begins at, by `delimited` and
//! `json`; `convert` makes columns of them and says of each value that is wrong where it stands. The rows then go the way of
//! INSERT, so a table takes all of them or none.

mod convert;
mod dates;
mod delimited;
mod json;
mod json_paths;
mod load;
mod log;
mod parquet;
mod sources;
mod split;

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch, UInt64Array};
use datafusion::catalog::TableProvider;
use datafusion::catalog::streaming::StreamingTable;
use datafusion::common::{Column, TableReference};
use datafusion::datasource::empty::EmptyTable;
use datafusion::datasource::provider_as_source;
use datafusion::error::Result;
use datafusion::logical_expr::dml::InsertOp;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, lit};
use datafusion::prelude::DataFrame;
use datafusion::scalar::ScalarValue;
use datafusion::sql::sqlparser::ast::Ident;
use parking_lot::Mutex;

use self::convert::Target;
pub(crate) use self::dates::timestamp;
use self::load::{Loading, Rejections};
pub(crate) use self::log::{LoadLog, register_last_copy};
use crate::catalog::{Purpose, RelationName};
use crate::error::invalid;
use crate::execute::{
    answer, check_takes_rows, model_name, no_such_column, no_such_relation, notice_ignored, run_count, state_with_role,
    with_iam_role,
};
use crate::relations::{OfCopy, columns_of, folded};
use crate::session::MlSession;
use crate::sql::{Copy, CopyFormat};

/// Loads the files, and answers how many rows there were and how many were left out.
pub(crate) async fn execute(session: &MlSession, statement: Copy) -> Result<DataFrame> {
    let role = statement.options.iam_role.as_ref();
    with_iam_role(session, role, Purpose::Copy, Box::pin(load(session, &statement))).await
}

async fn load(session: &MlSession, statement: &Copy) -> Result<DataFrame> {
    let name = model_name(session, &statement.table)?;
    let table = target_table(session, &name).await?;
    check_takes_rows(&name, table.as_ref())?;
    let columns = loaded_columns(&name, table.as_ref(), &statement.columns)?;
    let files = sources::files(session, statement).await?;
    let places = files.iter().map(|file| Ok(file.url()?.get_url().clone())).collect::<Result<Vec<_>>>()?;
    let mut state = state_with_role(session.context().state(), &places).await?;
    state.config_mut().set_extension(Arc::new(OfCopy));
    let rejections = Arc::new(Mutex::new(Rejections::new(&name, statement.options.max_error)));
    let schema = table.schema();
    let source: Arc<dyn TableProvider> = match &statement.options.format {
        _ if files.is_empty() => Arc::new(EmptyTable::new(Arc::new(schema.project(&columns)?))),
        CopyFormat::Parquet => {
            let fields: Vec<_> = columns.iter().map(|position| schema.field(*position)).collect();
            parquet::table(&state, &name, &files, &fields).await?
        }
        CopyFormat::Text { .. } | CopyFormat::FixedWidth(_) | CopyFormat::Json(_) => {
            let paths = sources::json_paths(session, statement, columns.len()).await?;
            let targets = columns.iter().map(|position| {
                let max_bytes = columns_of(table.as_ref()).and_then(|columns| columns[*position].max_bytes);
                Target::new(schema.field(*position), max_bytes)
            });
            let targets = targets.collect::<Result<Vec<_>>>()?;
            let loading = Loading::new(files, targets, paths, statement.options.clone(), Arc::clone(&rejections));
            StreamingTable::try_new(loading.schema_of_rows(), vec![Arc::new(loading)]).map(Arc::new)?
        }
    };
    let rows = LogicalPlanBuilder::scan("copy", provider_as_source(source), None)?.build()?;
    let loaded = match statement.options.no_load {
        true => DataFrame::new(state, rows).count().await.map(|_| 0),
        false => run_count(state, plan(&name, table, rows, &columns)?).await,
    };
    let mut rejections = rejections.lock();
    session.shared.loads.lock().note(&name.to_string(), loaded.as_ref().ok().copied(), rejections.take());
    let loaded = loaded?;
    notice_ignored(session, &statement.ignored);
    rejections.examples().iter().for_each(|example| session.notice(example));
    let count = |number: u64| Arc::new(UInt64Array::from(vec![number])) as ArrayRef;
    let row = [("rows_loaded", count(loaded)), ("rows_rejected", count(rejections.count()))];
    answer(session, RecordBatch::try_from_iter(row)?)
}

async fn target_table(session: &MlSession, name: &RelationName) -> Result<Arc<dyn TableProvider>> {
    let reference = TableReference::partial(name.schema.as_str(), name.name.as_str());
    let catalog = session.shared.catalog.refresh().await?;
    if !session.context().table_exist(reference.clone())? {
        return Err(no_such_relation(session, &catalog, name));
    }
    session.context().table_provider(reference).await
}

/// The positions in the table of the columns that the files have, in the files' order.
fn loaded_columns(name: &RelationName, table: &dyn TableProvider, listed: &[Ident]) -> Result<Vec<usize>> {
    let schema = table.schema();
    let entries = columns_of(table);
    let is_numbered = |position: usize| entries.is_some_and(|entries| entries[position].identity.is_some());
    if listed.is_empty() {
        return Ok((0..schema.fields().len()).filter(|position| !is_numbered(*position)).collect());
    }
    let mut positions = Vec::with_capacity(listed.len());
    for ident in listed {
        let column = folded(ident);
        let position = schema
            .index_of(&column)
            .map_err(|_| no_such_column(name, &column, schema.fields().iter().map(|field| field.name().as_str())))?;
        if positions.contains(&position) {
            return Err(invalid(format!("column {column} is named twice; name it once")));
        }
        positions.push(position);
    }
    Ok(positions)
}

/// A plan that inserts `rows` into the table: column by column, and the default where the files have none.
fn plan(
    name: &RelationName,
    table: Arc<dyn TableProvider>,
    rows: LogicalPlan,
    columns: &[usize],
) -> Result<LogicalPlan> {
    let found: Vec<Column> = rows.schema().columns();
    let schema = table.schema();
    let values = schema.fields().iter().enumerate().map(|(position, field)| {
        let value = match columns.iter().position(|column| *column == position) {
            Some(file_position) => Expr::Column(found[file_position].clone()),
            None => table.get_column_default(field.name()).cloned().unwrap_or_else(|| lit(ScalarValue::Null)),
        };
        Ok(value.cast_to(field.data_type(), rows.schema())?.alias(field.name()))
    });
    let values = values.collect::<Result<Vec<Expr>>>()?;
    let rows = LogicalPlanBuilder::from(rows).project(values)?.build()?;
    let reference = TableReference::partial(name.schema.as_str(), name.name.as_str());
    LogicalPlanBuilder::insert_into(rows, reference, provider_as_source(table), InsertOp::Append)?.build()
}
