//! Redshift's system views of tables and columns, as queries of `information_schema`, which knows all of it.
//!
//! Source: [PG_TABLE_DEF](https://docs.aws.amazon.com/redshift/latest/dg/r_PG_TABLE_DEF.html),
//! [SVV_TABLES](https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_TABLES.html),
//! [SVV_COLUMNS](https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_COLUMNS.html).

use datafusion::error::Result;
use datafusion::sql::sqlparser::ast::{ObjectNamePart, SetExpr, TableFactor};
use datafusion::sql::sqlparser::parser::Parser;

use super::names::normalized;
use crate::RedshiftDialect;

/// The name of the type of a column, as Redshift has it, of the column `data_type` of `information_schema.columns`.
pub(super) const TYPE: &str = "CASE WHEN data_type IN ('Utf8', 'LargeUtf8', 'Utf8View') THEN 'character varying' \
    WHEN data_type = 'Boolean' THEN 'boolean' WHEN data_type = 'Int16' THEN 'smallint' WHEN data_type = 'Int32' THEN 'integer' \
    WHEN data_type = 'Int64' THEN 'bigint' WHEN data_type = 'Float32' THEN 'real' WHEN data_type = 'Float64' THEN 'double precision' \
    WHEN data_type = 'Date32' THEN 'date' WHEN data_type LIKE 'Time64%' THEN 'time without time zone' \
    WHEN data_type LIKE 'Timestamp(%,%' THEN 'timestamp with time zone' \
    WHEN data_type LIKE 'Timestamp%' THEN 'timestamp without time zone' \
    WHEN data_type LIKE 'Decimal128(%' THEN REPLACE(REPLACE(data_type, 'Decimal128', 'numeric'), ' ', '') \
    ELSE data_type END";

/// The query of such a view; `None` for other names.
fn query_of(name: &str) -> Option<String> {
    Some(match name {
        "pg_tables" => "SELECT table_schema AS schemaname, table_name AS tablename FROM information_schema.tables \
             WHERE table_type = 'BASE TABLE'"
            .to_owned(),
        "pg_views" => {
            "SELECT table_schema AS schemaname, table_name AS viewname, definition FROM information_schema.views \
             WHERE definition IS NOT NULL"
                .to_owned()
        }
        "pg_table_def" => format!(
            "SELECT table_schema AS schemaname, table_name AS tablename, column_name AS \"column\", {TYPE} AS type, \
             'none' AS encoding, false AS distkey, 0 AS sortkey, is_nullable = 'NO' AS \"notnull\" \
             FROM information_schema.columns WHERE table_schema <> 'information_schema'"
        ),
        "svv_tables" => {
            "SELECT table_catalog, table_schema, table_name, table_type FROM information_schema.tables".to_owned()
        }
        "svv_columns" => format!(
            "SELECT table_catalog, table_schema, table_name, column_name, ordinal_position + 1 AS ordinal_position, \
             column_default, is_nullable, {TYPE} AS data_type FROM information_schema.columns"
        ),
        _ => return None,
    })
}

/// Puts the query in the place of such a view, named alone or in `pg_catalog`.
pub(super) fn respell(relation: &mut TableFactor) -> Result<()> {
    let TableFactor::Table { name, alias, args: None, .. } = &*relation else { return Ok(()) };
    let parts: Vec<String> = name.0.iter().filter_map(ObjectNamePart::as_ident).map(normalized).collect();
    let view = match parts.as_slice() {
        [view] => view,
        [schema, view] if schema == "pg_catalog" => view,
        _ => return Ok(()),
    };
    let Some(query) = query_of(view) else { return Ok(()) };
    let text = format!("SELECT 1 FROM ({query}) AS {view}");
    let query = Parser::new(&RedshiftDialect).try_with_sql(&text)?.parse_query()?;
    let SetExpr::Select(mut select) = *query.body else { return Ok(()) };
    let Some(from) = select.from.pop() else { return Ok(()) };
    let given = alias.clone();
    *relation = from.relation;
    if let (TableFactor::Derived { alias, .. }, Some(given)) = (relation, given) {
        *alias = Some(given);
    }
    Ok(())
}
