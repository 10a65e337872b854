//! What is read, and would be passed over if it were not refused.

use datafusion::common::plan_err;
use datafusion::error::Result;
use datafusion::sql::sqlparser::ast::{Expr, Spanned, TableFactor};

use crate::place::Place;

/// Fails of TABLESAMPLE.
pub(super) fn check_relation(relation: &TableFactor) -> Result<()> {
    match relation {
        TableFactor::Table { sample: Some(_), .. } | TableFactor::Derived { sample: Some(_), .. } => plan_err!(
            "there is no TABLESAMPLE{}; of one row in a hundred write WHERE random() < 0.01",
            Place(relation.span())
        ),
        _ => Ok(()),
    }
}

/// Fails of `column (+)`.
pub(super) fn outer_join(column: &Expr) -> Result<()> {
    plan_err!(
        "{column}(+) is not supported{}; write the outer join in FROM: a LEFT JOIN b ON a.x = b.x",
        Place(column.span())
    )
}
