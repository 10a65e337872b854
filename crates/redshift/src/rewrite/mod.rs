//! From Redshift's statements to those that DataFusion plans.

use datafusion::error::Result;
use datafusion::execution::context::SessionState;
use datafusion::sql::parser::Statement;

/// Turns what DataFusion does not know into what it knows. The tables that the statement names are looked up in `state`.
pub async fn rewrite(_state: &SessionState, _statement: &mut Statement) -> Result<()> {
    Ok(())
}
