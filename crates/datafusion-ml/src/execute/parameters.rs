//! `SET` and `RESET` of parameters that Redshift has and that mean nothing here: scripts begin with them.

use datafusion::error::Result;
use datafusion::prelude::DataFrame;
use datafusion::sql::parser::{ResetStatement, Statement as DFStatement};
use datafusion::sql::sqlparser::ast::{Set, Statement as SqlStatement};

use super::no_rows;
use crate::session::MlSession;

/// Source: [configuration reference](https://docs.aws.amazon.com/redshift/latest/dg/cm_chap_ConfigurationRef.html).
const WITHOUT_EFFECT: [&str; 12] = [
    "analyze_threshold_percent",
    "application_name",
    "auto_mv",
    "client_encoding",
    "datestyle",
    "enable_result_cache_for_session",
    "enable_vacuum_boost",
    "extra_float_digits",
    "max_concurrency_scaling_clusters",
    "query_group",
    "statement_timeout",
    "wlm_query_slot_count",
];

/// Carries out such a statement, with a notice; `None`, and nothing done, for others.
pub(super) fn execute(session: &MlSession, statement: &DFStatement) -> Result<Option<DataFrame>> {
    let name = match statement {
        DFStatement::Reset(ResetStatement::Variable(name)) => name.to_string(),
        DFStatement::Statement(statement) => match statement.as_ref() {
            SqlStatement::Set(Set::SingleAssignment { variable, .. }) => variable.to_string(),
            _ => return Ok(None),
        },
        _ => return Ok(None),
    };
    if !WITHOUT_EFFECT.iter().any(|known| known.eq_ignore_ascii_case(&name)) {
        return Ok(None);
    }
    session.notice(&format!("{} has no effect here", name.to_lowercase()));
    no_rows(session).map(Some)
}
