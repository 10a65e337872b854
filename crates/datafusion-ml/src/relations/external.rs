//! An external table as a table of DataFusion, from the statement that created it.

use std::path::Path;
use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::common::exec_datafusion_err;
use datafusion::datasource::listing::ListingTableUrl;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{DdlStatement, LogicalPlan};
use datafusion::sql::parser::{CreateExternalTable, DFParser, Statement as DFStatement};
use datafusion::sql::sqlparser::ast::{Ident, ObjectName, Value};
use sha2::{Digest, Sha256};

use crate::catalog::RelationName;
use crate::error::storage;
use crate::execute::state_with_role;
use crate::session::MlSession;
use crate::store::{ROLE_SCHEME, StoreOptions, hex};

/// The option that names the IAM role with which the files are read.
const ROLE_OPTION: &str = "iam_role";

/// The table that the statement describes. Files are looked at for their schema: with the table's own role, or that of the
/// statement that reads it.
pub(super) async fn provider(
    session: &MlSession,
    name: &RelationName,
    statement: &str,
) -> Result<Arc<dyn TableProvider>> {
    let mut table = parsed(name, statement)?;
    let mut state = session.context().state();
    // The planner looks the name up, which would lead back to here.
    table.name = ObjectName::from(vec![Ident::with_quote('"', "external table")]);
    let role = role_of(&table).map(str::to_owned);
    table.options.retain(|(key, _)| !key.eq_ignore_ascii_case(ROLE_OPTION));
    match role.filter(|role| role != "default") {
        Some(role) => {
            for location in &mut table.locations {
                *location = open_with_role(session, location, &role).await?;
            }
        }
        None => {
            let mut places = Vec::new();
            for location in &table.locations {
                open_store(session, location).await;
                places.push(ListingTableUrl::parse(location)?.get_url().clone());
            }
            state = state_with_role(state, &places).await?;
        }
    }
    let statement = DFStatement::CreateExternalTable(table);
    let LogicalPlan::Ddl(DdlStatement::CreateExternalTable(table)) = state.statement_to_plan(statement).await? else {
        return Err(damaged(name));
    };
    let factory = state.table_factories().get(&table.file_type.to_uppercase());
    let factory = factory.ok_or_else(|| exec_datafusion_err!("there is no file type {}", table.file_type))?;
    factory.create(&state, &table).await.map_err(|e| e.context(format!("external table {name} cannot be read")))
}

fn damaged(name: &RelationName) -> DataFusionError {
    storage(format!("external table {name} is damaged in the catalog; drop it and create it again"))
}

/// The statement that the catalog keeps of an external table.
pub(crate) fn parsed(name: &RelationName, statement: &str) -> Result<CreateExternalTable> {
    match DFParser::parse_sql(statement)?.pop_front() {
        Some(DFStatement::CreateExternalTable(table)) => Ok(table),
        _ => Err(damaged(name)),
    }
}

/// The role that an external table names.
pub(crate) fn role_of(table: &CreateExternalTable) -> Option<&str> {
    let (_, role) = table.options.iter().find(|(key, _)| key.eq_ignore_ascii_case(ROLE_OPTION))?;
    match role {
        Value::SingleQuotedString(role) => Some(role),
        _ => None,
    }
}

/// Opens the store of a location with the credentials of a role, and gives the location below which the runtime finds it: others
/// may be read with other credentials.
async fn open_with_role(session: &MlSession, location: &str, role: &str) -> Result<String> {
    let options = StoreOptions { iam_role: Some(role.to_owned()), ..StoreOptions::default() };
    let parsed = ListingTableUrl::parse(location)?;
    let store = session.shared.stores.open(parsed.get_url(), &options).await?;
    let scheme = format!("{ROLE_SCHEME}{}", &hex(&Sha256::digest(role))[..16]);
    let assumed = location.replacen(parsed.scheme(), &scheme, 1);
    session.context().register_object_store(ListingTableUrl::parse(&assumed)?.get_url(), store);
    Ok(assumed)
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
