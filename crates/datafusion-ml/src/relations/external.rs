//! An external table as a table of DataFusion, from the statement that created it.

use std::path::Path;
use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::common::exec_datafusion_err;
use datafusion::datasource::listing::ListingTableUrl;
use datafusion::error::Result;
use datafusion::logical_expr::{DdlStatement, LogicalPlan};
use datafusion::sql::parser::{CreateExternalTable, DFParser, Statement as DFStatement};
use datafusion::sql::sqlparser::ast::{Ident, ObjectName, Value};

use crate::catalog::RelationName;
use crate::error::storage;
use crate::session::MlSession;
use crate::store::StoreOptions;

/// The table that the statement describes. Files are looked at for their schema.
pub(super) async fn provider(
    session: &MlSession,
    name: &RelationName,
    statement: &str,
) -> Result<Arc<dyn TableProvider>> {
    let damaged = || storage(format!("external table {name} is damaged in the catalog; drop it and create it again"));
    let mut statement = DFParser::parse_sql(statement)?.pop_front().ok_or_else(damaged)?;
    if let DFStatement::CreateExternalTable(table) = &mut statement {
        // The planner looks the name up, which would lead back to here.
        table.name = ObjectName::from(vec![Ident::with_quote('"', "external table")]);
        for location in &table.locations {
            open_store(session, location).await;
        }
    }
    let state = session.context().state();
    let LogicalPlan::Ddl(DdlStatement::CreateExternalTable(table)) = state.statement_to_plan(statement).await? else {
        return Err(damaged());
    };
    let factory = state.table_factories().get(&table.file_type.to_uppercase());
    let factory = factory.ok_or_else(|| exec_datafusion_err!("there is no file type {}", table.file_type))?;
    factory.create(&state, &table).await.map_err(|e| e.context(format!("external table {name} cannot be read")))
}

/// Opens the store of a location, which registers it with the runtime. If that fails, reading says so better.
async fn open_store(session: &MlSession, location: &str) {
    if let Ok(location) = ListingTableUrl::parse(location)
        && location.scheme() != "file"
    {
        let url = location.get_url();
        if session.context().runtime_env().object_store_registry.get_store(url).is_err() {
            let _ = session.shared.stores.open(url, &StoreOptions::default()).await;
        }
    }
}

/// The statement as text that says all of it.
pub(crate) fn statement_of(table: &CreateExternalTable) -> String {
    let list = |items: Vec<String>| items.join(", ");
    let mut text = "CREATE ".to_owned();
    if table.unbounded {
        text += "UNBOUNDED ";
    }
    text += &format!("EXTERNAL TABLE {} ", table.name);
    let columns = table.columns.iter().map(ToString::to_string);
    let columns: Vec<String> = columns.chain(table.constraints.iter().map(ToString::to_string)).collect();
    if !columns.is_empty() {
        text += &format!("({}) ", list(columns));
    }
    text += &format!("STORED AS {}", table.file_type);
    if !table.table_partition_cols.is_empty() {
        text += &format!(" PARTITIONED BY ({})", list(table.table_partition_cols.clone()));
    }
    for order in &table.order_exprs {
        text += &format!(" WITH ORDER ({})", list(order.iter().map(ToString::to_string).collect()));
    }
    let quoted = |text: &String| Value::SingleQuotedString(text.replace('\'', "''")).to_string();
    match table.locations.as_slice() {
        [location] => text += &format!(" LOCATION {}", quoted(location)),
        locations => text += &format!(" LOCATION ({})", list(locations.iter().map(quoted).collect())),
    }
    let options = table.options.iter().map(|(key, value)| format!("{} {value}", quoted(key)));
    let options = list(options.collect());
    if options.is_empty() { text } else { format!("{text} OPTIONS ({options})") }
}

/// Writes local paths so that they mean the same in every working directory.
pub(crate) fn absolute_locations(table: &mut CreateExternalTable) {
    for location in &mut table.locations {
        if !location.contains("://")
            && Path::new(location).is_relative()
            && let Ok(path) = std::path::absolute(location.as_str())
        {
            let is_folder = location.ends_with('/');
            *location = path.to_string_lossy().into_owned();
            if is_folder && !location.ends_with('/') {
                location.push('/');
            }
        }
    }
}
