//! What a `MERGE` says: its clauses, and how its expressions call the tables.

use std::ops::ControlFlow;

use datafusion::error::Result;
use datafusion::sql::sqlparser::ast::{
    Assignment, Expr, Merge, MergeAction, MergeClauseKind, MergeInsertExpr, TableFactor, visit_expressions,
    visit_expressions_mut,
};

use crate::error::invalid;
use crate::relations::folded;

/// What WHEN MATCHED does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Matched<'a> {
    Update(&'a [Assignment]),
    Delete,
}

/// The clauses of a MERGE, at most one of each kind.
pub(super) struct Clauses<'a> {
    pub(super) matched: Option<Matched<'a>>,
    pub(super) not_matched: Option<&'a MergeInsertExpr>,
}

impl<'a> Clauses<'a> {
    pub(super) fn of(merge: &'a Merge) -> Result<Self> {
        let unsupported = |what: &str| {
            Err(invalid(format!(
                "MERGE with {what} is not supported; there are WHEN MATCHED THEN UPDATE SET ... or DELETE, and WHEN NOT \
                 MATCHED THEN INSERT (...) VALUES (...)"
            )))
        };
        let mut clauses = Self { matched: None, not_matched: None };
        let is_query = |expr: &Expr| matches!(expr, Expr::InSubquery { .. } | Expr::Exists { .. } | Expr::Subquery(_));
        let walked = visit_expressions(merge.on.as_ref(), |expr| match is_query(expr) {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        });
        if walked.is_break() {
            return unsupported("a subquery in ON, which belongs into USING (SELECT ...) AS s,");
        }
        if merge.output.is_some() {
            return unsupported("OUTPUT or RETURNING");
        }
        for clause in &merge.clauses {
            if clause.predicate.is_some() {
                return unsupported("a condition after MATCHED");
            }
            if clause.clause_kind == MergeClauseKind::NotMatchedBySource {
                return unsupported("NOT MATCHED BY SOURCE");
            }
            let is_first = match &clause.action {
                MergeAction::Update(update) => {
                    if update.update_predicate.is_some() || update.delete_predicate.is_some() {
                        return unsupported("WHERE after UPDATE SET");
                    }
                    clauses.matched.replace(Matched::Update(&update.assignments)).is_none()
                }
                MergeAction::Delete { .. } => clauses.matched.replace(Matched::Delete).is_none(),
                MergeAction::Insert(insert) => {
                    if insert.insert_predicate.is_some() {
                        return unsupported("WHERE after INSERT");
                    }
                    clauses.not_matched.replace(insert).is_none()
                }
            };
            if !is_first {
                return unsupported("two clauses of a kind");
            }
        }
        match clauses.matched.is_some() || clauses.not_matched.is_some() {
            true => Ok(clauses),
            false => unsupported("neither WHEN nor REMOVE DUPLICATES"),
        }
    }
}

/// The statement with `table.column` in its expressions where it says `schema.table.column`, as tables are called beside
/// the numbers of their rows.
pub(super) fn with_short_names(merge: &Merge) -> Merge {
    let names = [&merge.table, &merge.source].into_iter().filter_map(|factor| match factor {
        TableFactor::Table { name, alias: None, .. } => {
            name.0.iter().map(|part| part.as_ident().map(folded)).collect::<Option<Vec<_>>>()
        }
        _ => None,
    });
    let names: Vec<Vec<String>> = names.filter(|name| name.len() > 1).collect();
    let mut merge = merge.clone();
    let shorten = |expr: &mut Expr| {
        if let Expr::CompoundIdentifier(parts) = expr {
            let starts = |name: &&Vec<String>| {
                parts.len() > name.len() && parts.iter().map(folded).take(name.len()).eq(name.iter().cloned())
            };
            if let Some(name) = names.iter().find(starts) {
                parts.drain(..name.len() - 1);
            }
        }
        ControlFlow::<()>::Continue(())
    };
    let _ = visit_expressions_mut(&mut merge, shorten);
    merge
}
