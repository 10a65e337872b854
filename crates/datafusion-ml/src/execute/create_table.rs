//! `CREATE TABLE`, with columns, from a query, or like another.

use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::arrow::error::ArrowError;
use datafusion::common::TableReference;
use datafusion::datasource::MemTable;
use datafusion::error::Result;
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::DataFrame;
use datafusion::sql::parser::Statement as DFStatement;
use datafusion::sql::sqlparser::ast::{CreateTable as SqlCreateTable, Statement as SqlStatement};

pub(super) use self::columns::Columns;
use super::{model_name, no_rows, no_such_schema, notice_ignored, plan_query, query, run_count};
use crate::catalog::{Action, CatalogState, ColumnEntry, RelationEntry, RelationKind, RelationName, TableEntry};
use crate::error::invalid;
use crate::relations::{Change, StoredRelations, TemporaryTable, columns_of, encode_schema, exists, write_plan};
use crate::session::MlSession;
use crate::sql::{CreateTable, like_name};

mod columns;

/// Creates a table, and fills it if the statement has a query.
pub(super) async fn execute(session: &MlSession, statement: CreateTable) -> Result<DataFrame> {
    let CreateTable { table, ignored } = statement;
    let Some(relations) = &session.shared.relations else {
        notice_ignored(session, &ignored);
        let statement = DFStatement::Statement(Box::new(SqlStatement::CreateTable(*table)));
        return query(session, statement).await;
    };
    let name = model_name(session, &table.name)?;
    let is_temporary = table.temporary || name.name.starts_with('#');
    let state = relations.catalog.refresh().await?;
    let is_taken = relations.is_of_context(&name) || !is_temporary && state.relation(&name).is_some();
    if is_taken && table.if_not_exists {
        session.notice(&format!("{name} exists already, nothing was done"));
        return no_rows(session);
    }
    if relations.is_of_context(&name) && !(is_temporary && table.or_replace) {
        return Err(invalid(format!("a table {name} of this session exists already; choose another name")));
    }
    relations.check_schema(&state, &name.schema)?;
    let rights = session.shared.guard.rights(&state);
    if !is_temporary {
        rights.check_create_in(&state, &name.schema)?;
    }
    if let Some(other) = state.relation(&name).filter(|_| !is_temporary)
        && !(rights.owns(&other.owner) && table.or_replace && other.table().is_some())
    {
        return Err(exists(&state, &rights, other));
    }
    let (columns, rows) = content(session, &table).await?;
    columns.check_names()?;
    if is_temporary {
        create_in_memory(session, relations, name, columns, rows).await?;
    } else {
        create_in_store(session, relations, name, columns, rows, &table).await?;
    }
    notice_ignored(session, &ignored);
    no_rows(session)
}

/// The columns of the table, and a plan of its rows if there are any.
async fn content(session: &MlSession, table: &SqlCreateTable) -> Result<(Columns, Option<LogicalPlan>)> {
    if let Some(like) = &table.like {
        let name = model_name(session, like_name(like))?;
        let like = TableReference::partial(name.schema, name.name);
        let provider = session.context().table_provider(like).await?;
        let columns = match columns_of(provider.as_ref()) {
            Some(columns) => Columns { schema: provider.schema().as_ref().clone(), entries: columns.to_vec() },
            None => Columns::of_schema(provider.schema().fields().iter().map(|field| field.as_ref().clone())),
        };
        return Ok((columns.numbered_from_the_start(), None));
    }
    let Some(query) = &table.query else {
        if table.columns.is_empty() {
            return Err(invalid(format!("table {} would have no columns; name some, or AS SELECT ...", table.name)));
        }
        return Ok((Columns::of_statement(session, &table.columns).await?, None));
    };
    let plan = plan_query(session, query.as_ref().clone()).await?;
    if !table.columns.is_empty() {
        return Err(invalid("columns with types beside AS SELECT; leave them out, and cast in the query"));
    }
    let fields = plan.schema().fields().iter().map(|field| {
        // A column of NULLs has no type; text can hold whatever is put there later.
        let data_type = if field.data_type().is_null() { &DataType::Utf8View } else { field.data_type() };
        Field::new(field.name(), data_type.clone(), true).with_metadata(field.metadata().clone())
    });
    Ok((Columns::of_schema(fields), Some(plan)))
}

async fn create_in_store(
    session: &MlSession,
    relations: &Arc<StoredRelations>,
    name: RelationName,
    columns: Columns,
    rows: Option<LogicalPlan>,
    statement: &SqlCreateTable,
) -> Result<()> {
    let table = TableEntry { schema: encode_schema(&columns.schema)?, columns: columns.entries, files: Vec::new() };
    let owner = session.user();
    let entry = RelationEntry { name, id: 0, version: 0, owner, kind: RelationKind::Table(table) };
    if let Some(rows) = rows {
        let change = if statement.or_replace { Change::CreateOrReplace } else { Change::Create };
        return run_count(session.context().state(), write_plan(relations, entry, rows, change)?).await.map(drop);
    }
    let decide = |state: &CatalogState| {
        let rights = session.shared.guard.rights(state);
        match state.relation(&entry.name) {
            Some(_) if statement.if_not_exists => return Ok(Vec::new()),
            Some(other) if !(rights.owns(&other.owner) && statement.or_replace && other.table().is_some()) => {
                return Err(exists(state, &rights, other));
            }
            _ => {}
        }
        let version = state.version() + 1;
        Ok(vec![Action::PutRelation(Box::new(RelationEntry { id: version, version, ..entry.clone() }))])
    };
    relations.commit(decide).await.map(drop)
}

/// A table that ends with the session.
async fn create_in_memory(
    session: &MlSession,
    relations: &StoredRelations,
    name: RelationName,
    columns: Columns,
    rows: Option<LogicalPlan>,
) -> Result<()> {
    let numbered = |column: &&ColumnEntry| column.identity.is_some();
    if let Some(column) = columns.entries.iter().find(numbered) {
        return Err(invalid(format!(
            "column {} is numbered (IDENTITY), which a temporary table cannot do; leave TEMP out",
            column.name
        )));
    }
    let schema_of_table = Arc::new(columns.schema);
    let batches = match rows {
        Some(plan) => session.context().execute_logical_plan(plan).await?.collect_partitioned().await?,
        None => vec![Vec::new()],
    };
    let fitted = |batch: RecordBatch| {
        let arrays = batch.columns().iter().zip(schema_of_table.fields());
        let arrays = arrays.map(|(array, field)| cast(array, field.data_type()));
        RecordBatch::try_new(Arc::clone(&schema_of_table), arrays.collect::<Result<_, ArrowError>>()?)
    };
    let batches = batches.into_iter().map(|part| part.into_iter().map(fitted).collect());
    let batches = batches.collect::<Result<Vec<Vec<_>>, ArrowError>>()?;
    let defaults = columns.entries.iter().filter_map(|column| Some((column, column.default.as_ref()?)));
    let defaults = defaults.map(|(column, text)| Ok((column.name.clone(), session.expression(text)?)));
    let defaults = defaults.collect::<Result<_>>()?;
    let table = MemTable::try_new(Arc::clone(&schema_of_table), batches)?.with_column_defaults(defaults);
    let Some(schema) = relations.context_schema(&name.schema) else {
        return Err(no_such_schema(&session.shared.catalog.cached(), &name.schema));
    };
    schema.deregister_table(&name.name)?;
    let table_name = name.name.clone();
    schema.register_table(table_name, Arc::new(TemporaryTable::new(name, columns.entries, table))).map(drop)
}
