//! A prediction that a filter has made is not made again above it.
//!
//! DataFusion moves a filter over a projected prediction below the projection, and writes the prediction into both, so that
//! the model is asked twice for the rows that pass (DataFusion's issues 4030, 23655 and 25329). Two optimizer rules see to
//! it that it is asked once, and only for rows that the rest of the filter lets through:
//!
//! ```text
//! ProjectionExec: x, f(x)                ProjectionExec: x, prediction_1
//!   FilterExec: f(x) > 7 AND x < 5   →     FilterExec: prediction_1 > 7
//!                                            ProjectionExec: x, f(x) AS prediction_1
//!                                              FilterExec: x < 5
//! ```
//!
//! [`SplitFilters`] does this. It is physical, since DataFusion pushes filters once more when plans are physical.
//! [`ProjectUnderAggregate`] sees to it that there is a projection where an aggregate needs predictions.

mod logical;
mod physical;

use std::sync::Arc;

use datafusion::execution::SessionStateBuilder;
use datafusion::optimizer::OptimizerRule;
use datafusion::prelude::SessionContext;

use self::logical::ProjectUnderAggregate;
use self::physical::SplitFilters;
use crate::explain_sliced;

/// Adds the rules to the context's, unless they are there, and the one by which explanations are sliced.
pub(crate) fn install(context: &SessionContext) {
    if context.state_ref().read().optimizers().iter().any(|rule| rule.name() == ProjectUnderAggregate.name()) {
        return;
    }
    context.add_optimizer_rule(Arc::new(ProjectUnderAggregate));
    let state = context.state_ref();
    let mut state = state.write();
    let id = state.session_id().to_owned();
    let mut rules = state.physical_optimizers().to_vec();
    rules.push(Arc::new(SplitFilters));
    explain_sliced::install(&mut rules);
    let with_rules = SessionStateBuilder::new_from_existing(state.clone()).with_physical_optimizer_rules(rules);
    *state = with_rules.with_session_id(id).build();
}
