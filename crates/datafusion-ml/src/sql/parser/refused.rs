//! Statements of Redshift's that there are not here, with what to do instead.

use datafusion::error::Result;
use datafusion::sql::sqlparser::dialect::RedshiftSqlDialect;

use super::MlParser;
use crate::sql::location::invalid_at;

/// The words with which a statement begins, what is said of it, and the remedy.
const REFUSED: [(&[&str], &str, &str); 14] = [
    (&["CREATE", "PROCEDURE"], "there are no procedures", "run the statements of its body"),
    (&["CREATE", "OR", "REPLACE", "PROCEDURE"], "there are no procedures", "run the statements of its body"),
    (&["CALL"], "there are no procedures", "run the statements of its body"),
    (&["CREATE", "FUNCTION"], "there are no functions of one's own in SQL or Python", FUNCTION),
    (&["CREATE", "OR", "REPLACE", "FUNCTION"], "there are no functions of one's own in SQL or Python", FUNCTION),
    (&["CREATE", "EXTERNAL", "FUNCTION"], "there are no external functions", FUNCTION),
    (&["CREATE", "OR", "REPLACE", "EXTERNAL", "FUNCTION"], "there are no external functions", FUNCTION),
    (&["CREATE", "LIBRARY"], "there are no libraries", FUNCTION),
    (&["CREATE", "OR", "REPLACE", "LIBRARY"], "there are no libraries", FUNCTION),
    (&["DECLARE"], "there are no cursors", CURSOR),
    (&["FETCH"], "there are no cursors", CURSOR),
    (&["CLOSE"], "there are no cursors", CURSOR),
    (&["LOCK"], "there are no locks", "leave it out: each statement changes a table as a whole or not at all"),
    (
        &["CREATE", "EXTERNAL", "SCHEMA"],
        "there are no external schemas",
        "write CREATE SCHEMA, and CREATE EXTERNAL TABLE for what lies in files",
    ),
];

const FUNCTION: &str = "write the expression in the query, or in a view";
const CURSOR: &str = "run the query, with LIMIT if its first rows are enough";

impl MlParser<'_> {
    /// Fails of such a statement, in Redshift's dialect.
    pub(super) fn refuse(&self) -> Result<()> {
        let refused = REFUSED.iter().find(|(words, ..)| self.at_words(0, words));
        match refused.filter(|_| self.dialect.is::<RedshiftSqlDialect>()) {
            Some((_, fact, remedy)) => Err(invalid_at(self.span(), fact, remedy)),
            None => Ok(()),
        }
    }
}
