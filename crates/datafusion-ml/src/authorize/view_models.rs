//! The models that views call. A model is known by its name, and the name of one that is dropped can be taken by anybody, who would
//! be given the rows that the view reads. So a view calls its owner's models, those of superusers, and those that it called when it
//! was created, as long as they are their makers'.

use std::collections::BTreeSet;

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, LogicalPlan};

use super::nodes::Marked;
use super::{Guard, Rights, denied};
use crate::catalog::{CalledModel, CatalogState, RelationEntry, ViewEntry};
use crate::predict::entry_of;
use crate::tables::evaluated_entry;

/// The models to which the plan gives rows, but for those that views in it call.
pub(crate) fn called_models(plan: &LogicalPlan) -> Result<Vec<CalledModel>> {
    let mut found = BTreeSet::new();
    plan.apply_with_subqueries(|node| {
        if Marked::at(node).is_some() {
            return Ok(TreeNodeRecursion::Jump);
        }
        node.apply_expressions(|expr| {
            expr.apply(|expr| {
                let entry = match expr {
                    Expr::ScalarFunction(call) => entry_of(&call.func),
                    Expr::AggregateFunction(call) => evaluated_entry(&call.func),
                    _ => None,
                };
                found.extend(entry.map(|entry| CalledModel { name: entry.name.clone(), owner: entry.owner.clone() }));
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })?;
    Ok(found.into_iter().collect())
}

impl Guard {
    /// Fails if the plan of the view calls a model that is another than that which the view was created with, and not of somebody
    /// who may know the rows.
    pub(super) fn check_models(
        &self,
        state: &CatalogState,
        rights: &Rights,
        relation: &RelationEntry,
        view: &ViewEntry,
        plan: &LogicalPlan,
    ) -> Result<()> {
        let is_another = |model: &CalledModel| {
            !view.models.contains(model)
                && model.owner != relation.owner
                && !self.rights_of_owner(state, &model.owner).is_superuser()
        };
        let name = &relation.name;
        match called_models(plan)?.iter().find(|model| is_another(model)) {
            None => Ok(()),
            Some(model) if rights.owns(&relation.owner) => Err(denied(format!(
                "view {name} cannot be read: model {} is not the one that it was created with, but {}'s; CREATE OR REPLACE VIEW \
                 {name} to call that",
                model.name, model.owner
            ))),
            // What it reads is its owner's secret.
            Some(_) => Err(denied(format!("view {name} cannot be read; ask its owner {}", relation.owner))),
        }
    }
}
