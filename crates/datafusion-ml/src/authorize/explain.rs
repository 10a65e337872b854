//! EXPLAIN where there are users.
//!
//! It shows what a plan reads, and a view may read what its reader may not see. DataFusion hands the analyzer the plan that is
//! to be explained, and not that it is; so EXPLAIN is for [`MlSession::sql`](crate::MlSession::sql), which looks at the whole
//! statement, and plain `ctx.sql` is refused it.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::error::Result;
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::context::{QueryPlanner, SessionState};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::DataFrame;

use super::{Guard, denied};
use crate::audit::COUNT_PREDICTIONS;

/// In the configuration of a session whose plans have been looked at.
struct LookedAt;

impl Guard {
    /// Explains in that state what a plan of EXPLAIN explains. Fails if the principal may not see it.
    pub(crate) fn explain(&self, mut state: SessionState, plan: LogicalPlan) -> Result<DataFrame> {
        if !self.is_idle() {
            self.authorize(plan.clone())?;
        }
        state.config_mut().set_extension(Arc::new(LookedAt));
        if self.recorder.is_some() {
            // What a plan computes while it is planned is no prediction for anybody, if it is only shown.
            let mut analyzer = state.analyzer().clone();
            analyzer.rules.retain(|rule| rule.name() != COUNT_PREDICTIONS);
            let mut builder = SessionStateBuilder::new_from_existing(state);
            *builder.analyzer() = Some(analyzer);
            state = builder.build();
        }
        Ok(DataFrame::new(state, plan))
    }
}

/// Plans what `inner` does, but for what is to be explained and has not been looked at.
#[derive(Debug)]
pub(super) struct GuardedPlanner {
    pub(super) inner: Arc<dyn QueryPlanner + Send + Sync>,
    pub(super) guard: Arc<Guard>,
}

#[async_trait]
impl QueryPlanner for GuardedPlanner {
    async fn create_physical_plan(&self, plan: &LogicalPlan, session: &dyn Session) -> Result<Arc<dyn ExecutionPlan>> {
        if matches!(plan, LogicalPlan::Explain(_))
            && session.config().get_extension::<LookedAt>().is_none()
            && !self.guard.asks_nothing()
        {
            return Err(denied(
                "permission denied to EXPLAIN: a plan shows what views read; run the statement through MlSession::sql",
            ));
        }
        self.inner.create_physical_plan(plan, session).await
    }
}
