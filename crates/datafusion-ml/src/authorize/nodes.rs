//! The node that stands in plans until the analyzer has seen it.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use datafusion::common::{DFSchemaRef, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, Extension, LogicalPlan, UserDefinedLogicalNodeCore};

use crate::catalog::{RelationEntry, RelationName};

/// Tells the analyzer what a part of a plan is. The analyzer removes it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Marked {
    pub(super) mark: Mark,
    pub(super) input: LogicalPlan,
}

/// What a part of a plan is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Mark {
    /// The plan of the view, or of the external table, of that name and number, as it was in that version.
    View { name: RelationName, id: u64, version: u64 },
    /// The plan of a prepared statement. DataFusion optimizes it when it is prepared: a call over constants becomes its value
    /// then. What the statement uses is kept beside it, for the analyzer to look at whenever the statement is executed: the
    /// plan as it was before.
    Prepared(LogicalPlan),
}

impl Marked {
    /// The plan of a view.
    pub(crate) fn view(view: &RelationEntry, input: LogicalPlan) -> LogicalPlan {
        let RelationEntry { name, id, version, .. } = view;
        Self { mark: Mark::View { name: name.clone(), id: *id, version: *version }, input }.into_plan()
    }

    /// The plan of a statement that is to be prepared.
    pub(crate) fn prepared(input: LogicalPlan) -> LogicalPlan {
        Self { mark: Mark::Prepared(input.clone()), input }.into_plan()
    }

    /// What is marked here, if something is.
    pub(super) fn at(node: &LogicalPlan) -> Option<&Self> {
        let LogicalPlan::Extension(extension) = node else { return None };
        extension.node.as_any().downcast_ref()
    }

    fn into_plan(self) -> LogicalPlan {
        LogicalPlan::Extension(Extension { node: Arc::new(self) })
    }
}

impl PartialOrd for Marked {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        (self == other).then_some(Ordering::Equal)
    }
}

impl UserDefinedLogicalNodeCore for Marked {
    fn name(&self) -> &str {
        match self.mark {
            Mark::View { .. } => "View",
            Mark::Prepared(_) => "Prepared",
        }
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        self.input.schema()
    }

    fn expressions(&self) -> Vec<Expr> {
        Vec::new()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match &self.mark {
            Mark::View { name, .. } => write!(f, "View: {name}"),
            Mark::Prepared(_) => f.write_str("Prepared"),
        }
    }

    fn with_exprs_and_inputs(&self, _: Vec<Expr>, mut inputs: Vec<LogicalPlan>) -> Result<Self> {
        match (inputs.pop(), inputs.is_empty()) {
            (Some(input), true) => Ok(Self { mark: self.mark.clone(), input }),
            _ => plan_err!("what is marked is one plan"),
        }
    }
}
