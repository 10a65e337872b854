//! Common table expressions that use each other so often that their query grows without measure.

use std::collections::HashMap;
use std::ops::ControlFlow;

use datafusion::common::plan_err;
use datafusion::error::Result;
use datafusion::sql::sqlparser::ast::{Query, Visit, visit_relations};

use super::names::normalized;

/// So many copies of common table expressions a query may stand for.
const MAX_COPIES: u64 = 2048;

/// Fails if there would be too many copies of the query's common table expressions: DataFusion writes one down wherever it is
/// named, so that a chain in which each names the one before twice doubles with every link.
pub(super) fn check(query: &Query) -> Result<()> {
    let Some(with) = &query.with else { return Ok(()) };
    let mut copies: HashMap<String, u64> = HashMap::new();
    for table in &with.cte_tables {
        let inner = copies_in(table.query.as_ref(), &copies);
        copies.insert(normalized(&table.alias.name), inner.saturating_add(1));
    }
    let total = copies_in(query.body.as_ref(), &copies);
    if total <= MAX_COPIES {
        return Ok(());
    }
    let first = with.cte_tables.iter().find(|table| copies[&normalized(&table.alias.name)] > MAX_COPIES / 64);
    let name = first.map_or_else(String::new, |table| table.alias.name.to_string());
    plan_err!(
        "the tables of WITH name each other so often that {total} of them would be computed; CREATE TEMP TABLE {name} AS \
         the query of {name} first, which computes it once"
    )
}

fn copies_in(node: &impl Visit, copies: &HashMap<String, u64>) -> u64 {
    let mut total = 0u64;
    let _ = visit_relations(node, |name| {
        if let [part] = name.0.as_slice()
            && let Some(inner) = part.as_ident().and_then(|ident| copies.get(&normalized(ident)))
        {
            total = total.saturating_add(*inner);
        }
        ControlFlow::<()>::Continue(())
    });
    total
}
