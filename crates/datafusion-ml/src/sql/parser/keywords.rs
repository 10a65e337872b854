//! Misspelt keywords.

use datafusion::error::DataFusionError;
use datafusion::sql::sqlparser::parser::ParserError;
use datafusion_ml_core::options::nearest;

/// The words with which clauses and statements begin; of two that are as near the first is meant.
const KEYWORDS: [&str; 38] = [
    "FROM",
    "WHERE",
    "GROUP",
    "HAVING",
    "QUALIFY",
    "ORDER",
    "LIMIT",
    "OFFSET",
    "JOIN",
    "UNION",
    "EXCEPT",
    "INTERSECT",
    "INTO",
    "VALUES",
    "ALTER",
    "ANALYZE",
    "BEGIN",
    "COMMIT",
    "COPY",
    "CREATE",
    "DELETE",
    "DESCRIBE",
    "DROP",
    "EXPLAIN",
    "GRANT",
    "INSERT",
    "MERGE",
    "MODEL",
    "REVOKE",
    "ROLLBACK",
    "SCHEMA",
    "SELECT",
    "SHOW",
    "TABLE",
    "TRUNCATE",
    "UNLOAD",
    "UPDATE",
    "VIEW",
];

/// The keyword that a word is likely to be meant for, as the end of a message.
pub(super) fn near_keyword(word: &str) -> Option<String> {
    let near = nearest(word, KEYWORDS).filter(|near| !near.eq_ignore_ascii_case(word))?;
    Some(format!("; did you mean {near}?"))
}

/// The parser's error, with the keyword that the word where it stopped is likely to be meant for.
pub(super) fn with_near_keyword(error: DataFusionError) -> DataFusionError {
    let DataFusionError::SQL(inner, backtrace) = error else { return error };
    match *inner {
        ParserError::ParserError(message) => {
            let found = message.rsplit_once("found: ").map_or("", |(_, found)| found);
            let near = near_keyword(found.split(' ').next().unwrap_or_default()).unwrap_or_default();
            DataFusionError::SQL(Box::new(ParserError::ParserError(format!("{message}{near}"))), backtrace)
        }
        other => DataFusionError::SQL(Box::new(other), backtrace),
    }
}
