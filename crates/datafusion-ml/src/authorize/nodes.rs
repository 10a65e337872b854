//! Nodes that stand in plans until the analyzer has seen them.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use datafusion::common::{DFSchemaRef, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, Extension, LogicalPlan, UserDefinedLogicalNodeCore};

use crate::catalog::ModelName;

/// Stands in a plan where the plan of a view, or of an external table, was put in. The analyzer removes it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct ViewOf {
    /// The schema and name.
    pub(super) name: ModelName,
    pub(super) input: LogicalPlan,
}

impl ViewOf {
    /// The plan of a view.
    pub(crate) fn plan(name: ModelName, input: LogicalPlan) -> LogicalPlan {
        LogicalPlan::Extension(Extension { node: Arc::new(Self { name, input }) })
    }

    /// The view whose plan was put in here, if one was.
    pub(super) fn at(node: &LogicalPlan) -> Option<&Self> {
        let LogicalPlan::Extension(extension) = node else { return None };
        extension.node.as_any().downcast_ref()
    }
}

impl PartialOrd for ViewOf {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        (self == other).then_some(Ordering::Equal).or_else(|| self.name.partial_cmp(&other.name).filter(|o| o.is_ne()))
    }
}

impl UserDefinedLogicalNodeCore for ViewOf {
    fn name(&self) -> &str {
        "ViewOf"
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
        write!(f, "ViewOf: {}", self.name)
    }

    fn with_exprs_and_inputs(&self, _: Vec<Expr>, mut inputs: Vec<LogicalPlan>) -> Result<Self> {
        match (inputs.pop(), inputs.is_empty()) {
            (Some(input), true) => Ok(Self { name: self.name.clone(), input }),
            _ => plan_err!("a view has one plan"),
        }
    }
}

/// The plan of a prepared statement. DataFusion optimizes it when it is prepared: a call over constants becomes its value then.
/// What the statement uses is kept beside it, for the analyzer to look at whenever the statement is executed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Prepared {
    /// The plan as it was before it was optimized.
    pub(super) uses: LogicalPlan,
    pub(super) input: LogicalPlan,
}

impl Prepared {
    /// The plan to be prepared.
    pub(crate) fn plan(input: LogicalPlan) -> LogicalPlan {
        LogicalPlan::Extension(Extension { node: Arc::new(Self { uses: input.clone(), input }) })
    }

    /// The prepared statement that is executed here, if one is.
    pub(super) fn at(node: &LogicalPlan) -> Option<&Self> {
        let LogicalPlan::Extension(extension) = node else { return None };
        extension.node.as_any().downcast_ref()
    }
}

impl PartialOrd for Prepared {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        (self == other).then_some(Ordering::Equal)
    }
}

impl UserDefinedLogicalNodeCore for Prepared {
    fn name(&self) -> &str {
        "Prepared"
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
        f.write_str("Prepared")
    }

    fn with_exprs_and_inputs(&self, _: Vec<Expr>, mut inputs: Vec<LogicalPlan>) -> Result<Self> {
        match (inputs.pop(), inputs.is_empty()) {
            (Some(input), true) => Ok(Self { uses: self.uses.clone(), input }),
            _ => plan_err!("a prepared statement has one plan"),
        }
    }
}
