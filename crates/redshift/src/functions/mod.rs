//! Redshift's functions that DataFusion lacks or defines otherwise, one file each.

use datafusion::error::Result;
use datafusion::execution::context::SessionState;

/// Makes the functions known to the state.
pub(crate) fn register(_state: &mut SessionState) -> Result<()> {
    Ok(())
}
