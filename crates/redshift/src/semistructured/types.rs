//! The type SUPER where a statement names it.

use std::sync::Arc;

use datafusion::arrow::datatypes::FieldRef;
use datafusion::error::Result;
use datafusion::logical_expr::planner::TypePlanner;
use datafusion::sql::sqlparser::ast::DataType;

use super::marker::super_field;

/// Plans SUPER; other types are as before.
#[derive(Debug)]
pub(super) struct SuperTypePlanner {
    pub(super) others: Option<Arc<dyn TypePlanner>>,
}

impl TypePlanner for SuperTypePlanner {
    fn plan_type_field(&self, sql_type: &DataType) -> Result<Option<FieldRef>> {
        match (sql_type, &self.others) {
            (DataType::Custom(name, _), _) if name.to_string().eq_ignore_ascii_case("super") => {
                Ok(Some(super_field("")))
            }
            (_, Some(others)) => others.plan_type_field(sql_type),
            (_, None) => Ok(None),
        }
    }
}
