//! SUPER: paths into nested values, unnesting, and values whose shape is not known.

use datafusion::error::Result;
use datafusion::execution::context::SessionState;

/// The state with SUPER's functions, and its access to nested values in the place of DataFusion's.
pub(crate) fn install(state: SessionState) -> Result<SessionState> {
    Ok(state)
}
