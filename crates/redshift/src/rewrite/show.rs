//! `SHOW SCHEMAS`, `SHOW DATABASES`, and SHOW TABLES and COLUMNS of a schema and a table, as queries of `information_schema`.
//!
//! Source: [SHOW SCHEMAS](https://docs.aws.amazon.com/redshift/latest/dg/r_SHOW_SCHEMAS.html) and its neighbours.

use datafusion::common::{not_impl_err, plan_err};
use datafusion::error::Result;
use datafusion::execution::context::SessionState;
use datafusion::sql::sqlparser::ast::{
    ObjectNamePart, ShowStatementFilter, ShowStatementFilterPosition, ShowStatementOptions, Statement,
};
use datafusion::sql::sqlparser::parser::Parser;

use super::names::normalized;
use super::system_tables::TYPE;
use crate::RedshiftDialect;

/// Puts a query in the place of such a statement. `SHOW TABLES` of everything and `SHOW COLUMNS` of a table without a schema are
/// DataFusion's.
pub(super) fn respell(state: &SessionState, statement: &mut Statement) -> Result<()> {
    let columns;
    let listing = match &*statement {
        Statement::ShowDatabases { show_options, .. } => Listing {
            columns: "DISTINCT catalog_name AS database_name",
            from: "schemata",
            parents: &[],
            sorted_by: "catalog_name",
            options: show_options,
        },
        Statement::ShowSchemas { show_options, .. } => Listing {
            columns: "catalog_name AS database_name, schema_name, schema_owner",
            from: "schemata",
            parents: &["catalog_name"],
            sorted_by: "schema_name",
            options: show_options,
        },
        Statement::ShowTables { show_options, .. } if is_asked_for_some(show_options) => Listing {
            columns: "table_catalog AS database_name, table_schema AS schema_name, table_name, table_type",
            from: "tables",
            parents: &["table_schema", "table_catalog"],
            sorted_by: "table_name",
            options: show_options,
        },
        Statement::ShowColumns { show_options, .. } if names(show_options).len() > 1 || says_table(show_options) => {
            columns = format!(
                "table_catalog AS database_name, table_schema AS schema_name, table_name, column_name, \
                 ordinal_position + 1 AS ordinal_position, column_default, is_nullable, {TYPE} AS data_type"
            );
            Listing {
                columns: &columns,
                from: "columns",
                parents: &["table_name", "table_schema", "table_catalog"],
                sorted_by: "ordinal_position",
                options: show_options,
            }
        }
        _ => return Ok(()),
    };
    let query = listing.query(state)?;
    if let Some(query) = Parser::new(&RedshiftDialect).try_with_sql(&query)?.parse_statements()?.pop() {
        *statement = query;
    }
    Ok(())
}

/// What is shown of a view of `information_schema`.
struct Listing<'a> {
    columns: &'a str,
    from: &'a str,
    /// The columns in which the parts of the name after FROM are looked for, the last part first.
    parents: &'a [&'a str],
    sorted_by: &'a str,
    options: &'a ShowStatementOptions,
}

impl Listing<'_> {
    fn query(&self, state: &SessionState) -> Result<String> {
        let string = |text: &str| format!("'{}'", text.replace('\'', "''"));
        let names = names(self.options);
        if names.len() > self.parents.len() {
            return plan_err!("{} has more parts than such a name may have", names.join("."));
        }
        let database = names.first().filter(|_| names.len() == self.parents.len());
        if let Some(database) = database.filter(|database| state.catalog_list().catalog(database).is_none()) {
            let databases = state.catalog_list().catalog_names().join(", ");
            return plan_err!("there is no database {database}; there is {databases}");
        }
        let parents = self.parents.iter().zip(names.iter().rev());
        let mut conditions: Vec<String> =
            parents.map(|(column, name)| format!("{column} = {}", string(name))).collect();
        if names.len() == 1 && self.from == "columns" {
            let schema = &state.config_options().catalog.default_schema;
            conditions.push(format!("table_schema = {}", string(schema)));
        }
        let name = self.sorted_by;
        match &self.options.filter_position {
            Some(ShowStatementFilterPosition::Infix(filter) | ShowStatementFilterPosition::Suffix(filter)) => {
                match filter {
                    ShowStatementFilter::Like(pattern) | ShowStatementFilter::NoKeyword(pattern) => {
                        conditions.push(format!("{name} LIKE {}", string(pattern)));
                    }
                    ShowStatementFilter::ILike(pattern) => conditions.push(format!("{name} ILIKE {}", string(pattern))),
                    ShowStatementFilter::Where(_) => return not_impl_err!("SHOW .. WHERE; write LIKE 'pattern'"),
                }
            }
            None => {}
        }
        let (columns, from) = (self.columns, self.from);
        let condition = if conditions.is_empty() { "TRUE".to_owned() } else { conditions.join(" AND ") };
        let limit = self.options.limit.as_ref().map(|limit| format!(" LIMIT {limit}")).unwrap_or_default();
        Ok(format!("SELECT {columns} FROM information_schema.{from} WHERE {condition} ORDER BY {name}{limit}"))
    }
}

fn is_asked_for_some(options: &ShowStatementOptions) -> bool {
    options.show_in.is_some() || options.filter_position.is_some()
}

/// Whether the word TABLE stands before the name after FROM.
fn says_table(options: &ShowStatementOptions) -> bool {
    options.show_in.as_ref().is_some_and(|parent| parent.parent_type.is_some())
}

/// The parts of the name after FROM.
fn names(options: &ShowStatementOptions) -> Vec<String> {
    let name = options.show_in.as_ref().and_then(|parent| parent.parent_name.as_ref());
    name.into_iter().flat_map(|name| &name.0).filter_map(ObjectNamePart::as_ident).map(normalized).collect()
}
