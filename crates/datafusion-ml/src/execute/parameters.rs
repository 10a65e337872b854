//! `SET` and `RESET` of parameters that Redshift has and that mean nothing here, or cannot be changed: scripts begin with them.

use datafusion::error::Result;
use datafusion::prelude::DataFrame;
use datafusion::sql::parser::{ResetStatement, Statement as DFStatement};
use datafusion::sql::sqlparser::ast::{Expr, Ident, ObjectName, Set, Statement as SqlStatement};

use super::insert::is_default;
use super::no_rows;
use crate::error::invalid;
use crate::session::MlSession;

/// Source: [configuration reference](https://docs.aws.amazon.com/redshift/latest/dg/cm_chap_ConfigurationRef.html).
const WITHOUT_EFFECT: [&str; 15] = [
    "analyze_threshold_percent",
    "application_name",
    "auto_mv",
    "client_encoding",
    "datestyle",
    "enable_result_cache_for_session",
    "enable_vacuum_boost",
    "extra_float_digits",
    "max_concurrency_scaling_clusters",
    "mv_enable_aqmv_for_session",
    "query_group",
    "statement_timeout",
    "stored_proc_log_min_messages",
    "use_fips_ssl",
    "wlm_query_slot_count",
];

/// Parameters that are switches and have one position here: the name, whether it is on, and what that means.
const FIXED: [(&str, bool, &str); 7] = [
    ("cast_super_null_on_error", true, "a cast of SUPER that does not fit is NULL"),
    ("default_array_search_null_handling", true, "functions find NULL in arrays as they find other elements"),
    ("downcase_delimited_identifier", false, "names in double quotes keep their case"),
    ("enable_case_sensitive_identifier", true, "names in double quotes keep their case"),
    ("enable_case_sensitive_super_attribute", true, "attributes in double quotes keep their case"),
    ("navigate_super_null_on_error", true, "a path to what is not there is NULL"),
    ("parse_super_null_on_error", false, "JSON_PARSE fails of text that is no JSON; CAN_JSON_PARSE says whether it is"),
];

/// Carries out such a statement, with a notice; `None`, and nothing done, for others. Fails for a switch in the position that
/// there is not.
pub(super) fn execute(session: &MlSession, statement: &DFStatement) -> Result<Option<DataFrame>> {
    let (name, value) = match statement {
        DFStatement::Reset(ResetStatement::Variable(name)) => (name.to_string(), None),
        DFStatement::Statement(statement) => match statement.as_ref() {
            SqlStatement::Set(Set::SingleAssignment { variable, values, .. }) => (variable.to_string(), values.first()),
            _ => return Ok(None),
        },
        _ => return Ok(None),
    };
    let name = name.to_lowercase();
    if let Some((_, is_on, meaning)) = FIXED.iter().find(|(known, ..)| *known == name) {
        let position = if *is_on { "on" } else { "off" };
        let fact = format!("{name} is always {position} here: {meaning}");
        if value.is_some_and(|value| !is_default(value) && switch(value) != Some(*is_on)) {
            return Err(invalid(format!("{fact}; leave the statement out")));
        }
        session.notice(&fact);
        return no_rows(session).map(Some);
    }
    if !WITHOUT_EFFECT.contains(&name.as_str()) {
        return Ok(None);
    }
    session.notice(&format!("{name} has no effect here"));
    no_rows(session).map(Some)
}

/// `SET TIME ZONE 'UTC'` as `SET timezone = 'UTC'`.
pub(super) fn respell(statement: &mut DFStatement) {
    if let DFStatement::Statement(statement) = statement
        && let SqlStatement::Set(Set::SetTimeZone { value, .. }) = statement.as_ref()
    {
        let (variable, values) = (ObjectName::from(Ident::new("timezone")), vec![value.clone()]);
        **statement = SqlStatement::Set(Set::SingleAssignment { scope: None, hivevar: false, variable, values });
    }
}

/// The position of a switch.
fn switch(value: &Expr) -> Option<bool> {
    match value.to_string().trim_matches('\'').to_lowercase().as_str() {
        "on" | "true" | "t" | "yes" | "1" => Some(true),
        "off" | "false" | "f" | "no" | "0" => Some(false),
        _ => None,
    }
}
