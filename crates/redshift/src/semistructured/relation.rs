//! The plan of an array or an object in FROM: two lists per row, of the elements and of their positions, unnested together.

use datafusion::common::{Column, NullHandling, UnnestOptions};
use datafusion::error::Result;
use datafusion::logical_expr::planner::{PlannedRelation, RelationPlanner, RelationPlannerContext, RelationPlanning};
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlanBuilder};
use datafusion::sql::sqlparser::ast::TableFactor;

use super::ast::unnesting_of;
use super::elements::{attributes, elements, has_super_attributes, has_super_elements, marked, names, positions};

/// Plans what the rewrite of the statement has made of an array in FROM.
#[derive(Debug)]
pub(super) struct UnnestPlanner;

/// The columns while they are lists.
const ELEMENTS: &str = "elements of an array";
const POSITIONS: &str = "positions in an array";

impl RelationPlanner for UnnestPlanner {
    fn plan_relation(
        &self,
        relation: TableFactor,
        context: &mut dyn RelationPlannerContext,
    ) -> Result<RelationPlanning> {
        let (unnesting, table) = match (unnesting_of(&relation), relation) {
            (Some(unnesting), TableFactor::Unpivot { table, .. }) => (unnesting, table),
            (_, relation) => return Ok(RelationPlanning::Original(Box::new(relation))),
        };
        let input = context.plan(*table)?;
        let value = context.sql_to_expr(unnesting.value, input.schema())?;
        let columns: Vec<Expr> = input.schema().iter().map(|pair| Expr::Column(Column::from(pair))).collect();
        let (_, field) = value.to_field(input.schema())?;
        let (values, places, is_super) = match unnesting.of_object {
            true => (attributes(value.clone()), names(value), has_super_attributes(&field)),
            false => (elements(value.clone()), positions(elements(value)), has_super_elements(&field)),
        };
        let lists = [values.alias(ELEMENTS), places.alias(POSITIONS)];
        let nulls = if unnesting.keeps_rows { NullHandling::PreserveAndExpandEmpty } else { NullHandling::Drop };
        let unnested = |name: &str| Column::new_unqualified(name);
        let plan = LogicalPlanBuilder::from(input)
            .project(columns.iter().cloned().chain(lists))?
            .unnest_columns_with_options(
                vec![unnested(ELEMENTS), unnested(POSITIONS)],
                UnnestOptions::new().with_null_handling(nulls),
            )?;
        let element = Expr::Column(unnested(ELEMENTS));
        let element = if is_super { marked(element) } else { element };
        let table = unnesting.element;
        let mut all = columns;
        all.push(element.alias_qualified(Some(table.as_str()), table.as_str()));
        if let Some(position) = unnesting.position {
            all.push(Expr::Column(unnested(POSITIONS)).alias_qualified(Some(table.as_str()), position));
        }
        Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(plan.project(all)?.build()?, None))))
    }
}
