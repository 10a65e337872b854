//! `BEGIN`, `COMMIT`, `ROLLBACK`, `ANALYZE` and `COMMENT`, of which scripts are full.
//!
//! Each statement takes effect by itself, as a whole or not at all, and others see it at once. So `BEGIN` and `COMMIT` have no
//! effect, and `ROLLBACK`, which would have to take back what others have seen, is refused.

use datafusion::error::Result;
use datafusion::prelude::DataFrame;
use datafusion::sql::parser::Statement as DFStatement;
use datafusion::sql::sqlparser::ast::Statement as SqlStatement;

use super::no_rows;
use crate::error::invalid;
use crate::session::MlSession;

/// Carries out such a statement, with a notice; `None`, and nothing done, for others. Fails for ROLLBACK.
pub(super) fn execute(session: &MlSession, statement: &DFStatement) -> Result<Option<DataFrame>> {
    let DFStatement::Statement(statement) = statement else { return Ok(None) };
    match statement.as_ref() {
        SqlStatement::StartTransaction { .. } => session.notice(
            "BEGIN has no effect here: each statement takes effect by itself, as a whole or not at all, and at once",
        ),
        SqlStatement::Commit { .. } => {
            session.notice("COMMIT has no effect here: each statement has taken effect by itself");
        }
        SqlStatement::Rollback { .. } => {
            return Err(invalid(
                "ROLLBACK is not possible: each statement before it has taken effect by itself, as a whole, and stays; \
                 undo it with a statement of its own",
            ));
        }
        SqlStatement::Analyze { .. } => {
            session.notice("ANALYZE has no effect here: the files of a table have their statistics with them");
        }
        SqlStatement::Comment { .. } => session.notice("COMMENT has no effect here: nothing keeps it"),
        _ => return Ok(None),
    }
    no_rows(session).map(Some)
}
