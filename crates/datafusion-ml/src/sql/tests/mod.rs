//! Tests of the language.

mod access;
mod datafusion;
mod forms;
mod functions;
mod leniency;
mod refusals;
mod tables;

use ::datafusion::sql::sqlparser::dialect::GenericDialect;

use super::{MlParser, Statement};

/// Parses one statement, and checks that what it prints as parses to the same.
fn parse(sql: &str) -> Statement {
    let mut statements = MlParser::parse_sql(sql, &GenericDialect {}).unwrap_or_else(|e| panic!("{sql}: {e}"));
    assert_eq!(statements.len(), 1, "{sql}");
    let statement = statements.remove(0).expect("there is one");
    let printed = statement.to_string();
    let again = MlParser::parse_sql(&printed, &GenericDialect {}).unwrap_or_else(|e| panic!("{printed}: {e}"));
    assert_eq!(again.front(), Some(&statement), "{printed}");
    statement
}

/// Parses one statement that is ours and prints it, a clause a line.
fn canonical(sql: &str) -> String {
    let statement = parse(sql);
    assert!(!matches!(statement, Statement::DataFusion(_)), "{sql}");
    let mut printed = statement.to_string();
    for clause in super::Clause::ALL.map(super::Clause::name) {
        printed = printed.replace(&format!(" {clause} "), &format!("\n{clause} "));
    }
    printed
}

/// The error of text that does not parse.
fn error(sql: &str) -> String {
    match MlParser::parse_sql(sql, &GenericDialect {}) {
        Ok(statements) => panic!("{sql} parsed: {statements:?}"),
        Err(error) => match crate::error::find_error(&error) {
            Some(error) => error.to_string(),
            None => error.to_string(),
        },
    }
}
