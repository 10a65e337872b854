//! Arrays and objects in FROM.
//!
//! `FROM t AS p, p.a AS e AT i` becomes one relation, `UNPIVOT` of sqlparser's with no columns, which no statement can
//! write: the relations before the comma, the path, and the names. The relation planner makes a plan of it.

use std::mem::take;

use datafusion::common::plan_err;
use datafusion::error::Result;
use datafusion::sql::sqlparser::ast::{
    Expr, FunctionArg, FunctionArgExpr, Ident, Join, JoinConstraint, JoinOperator, NullInclusion, ObjectName, Spanned,
    TableAlias, TableFactor, TableWithJoins, Value, ValueWithSpan,
};

use super::scope::{OURS, Scope, folded};
use crate::place::Place;

const ARRAY: &str = "array";
const OBJECT: &str = "object";

/// An array or an object in FROM.
pub(in crate::semistructured) struct Unnesting {
    /// What its elements, or the object's values, are called.
    pub(in crate::semistructured) element: String,
    /// What their positions, or the object's attributes, are called.
    pub(in crate::semistructured) position: Option<String>,
    pub(in crate::semistructured) value: Expr,
    /// Whether this is an object.
    pub(in crate::semistructured) of_object: bool,
    /// Whether rows without elements stay, with NULL.
    pub(in crate::semistructured) keeps_rows: bool,
}

/// What this module has made of an array in FROM.
pub(in crate::semistructured) fn unnesting_of(relation: &TableFactor) -> Option<Unnesting> {
    match relation {
        TableFactor::Unpivot { value, name, columns, null_inclusion, alias: Some(alias), .. } if columns.is_empty() => {
            Some(Unnesting {
                element: alias.name.value.clone(),
                position: alias.at.as_ref().map(|at| at.value.clone()),
                value: value.clone(),
                of_object: name.value == OBJECT,
                keeps_rows: matches!(null_inclusion, Some(NullInclusion::IncludeNulls)),
            })
        }
        _ => None,
    }
}

/// Rewrites the arrays in FROM, and says what FROM names. Doing so twice changes nothing. Fails of a join with an array on a
/// condition.
pub(super) fn rewrite(from: &mut Vec<TableWithJoins>) -> Result<Scope> {
    let mut scope = Scope::default();
    let mut done: Vec<TableWithJoins> = Vec::new();
    for TableWithJoins { relation, joins } in take(from) {
        match path(&relation, &scope).filter(|_| !done.is_empty()) {
            Some(path) => {
                let relation = path.over(take(&mut done), false);
                scope = Scope::default();
                scope.add(&relation);
                done.push(TableWithJoins { relation, joins: vec![] });
            }
            None => {
                scope.add(&relation);
                done.push(TableWithJoins { relation, joins: vec![] });
            }
        }
        for join in joins {
            match path(&join.relation, &scope) {
                Some(path) => {
                    let Some(keeps_rows) = keeps_rows(&join.join_operator) else {
                        return plan_err!(
                            "an array in FROM is joined on a condition{}; write JOIN {} ON true, and the condition in WHERE",
                            Place(join.relation.span()),
                            path.value
                        );
                    };
                    let relation = path.over(take(&mut done), keeps_rows);
                    scope = Scope::default();
                    scope.add(&relation);
                    done.push(TableWithJoins { relation, joins: vec![] });
                }
                None => {
                    scope.add(&join.relation);
                    if let Some(last) = done.last_mut() {
                        last.joins.push(join);
                    }
                }
            }
        }
    }
    *from = done;
    Ok(scope)
}

/// Whether a join with an array keeps the rows without elements; `None` of joins that an array cannot take part in.
fn keeps_rows(operator: &JoinOperator) -> Option<bool> {
    let always = |constraint: &JoinConstraint| {
        matches!(
            constraint,
            JoinConstraint::None | JoinConstraint::On(Expr::Value(ValueWithSpan { value: Value::Boolean(true), .. }))
        )
    };
    match operator {
        JoinOperator::CrossJoin(constraint) | JoinOperator::Join(constraint) | JoinOperator::Inner(constraint) => {
            always(constraint).then_some(false)
        }
        JoinOperator::Left(constraint) | JoinOperator::LeftOuter(constraint) => always(constraint).then_some(true),
        _ => None,
    }
}

struct Path {
    value: Expr,
    of_object: bool,
    element: String,
    position: Option<String>,
}

/// The path that the relation is: it begins with a name of an earlier relation, or with UNPIVOT.
fn path(relation: &TableFactor, scope: &Scope) -> Option<Path> {
    let TableFactor::Table { name, alias, args, json_path, .. } = relation else { return None };
    let idents: Vec<Ident> = name.0.iter().filter_map(|part| part.as_ident().cloned()).collect();
    let (value, of_object, default) = match args {
        Some(args) => match (idents.as_slice(), args.args.as_slice()) {
            ([function], [FunctionArg::Unnamed(FunctionArgExpr::Expr(object))]) if is_unpivot(function) => {
                (object.clone(), true, "value".to_owned())
            }
            _ => return None,
        },
        None => {
            let first = folded(idents.first()?);
            let is_path = scope.has_element(&first) || (scope.has_table(&first) && idents.len() > 1);
            let value = match idents.as_slice() {
                _ if !is_path => return None,
                [ident] => Expr::Identifier(ident.clone()),
                idents => Expr::CompoundIdentifier(idents.to_vec()),
            };
            let value = match json_path {
                Some(path) => Expr::JsonAccess { value: Box::new(value), path: path.clone() },
                None => value,
            };
            (value, false, folded(idents.last()?))
        }
    };
    let element = alias.as_ref().map_or(default, |alias| folded(&alias.name));
    let position = alias.as_ref().and_then(|alias| alias.at.as_ref()).map(folded);
    Some(Path { value, of_object, element, position })
}

fn is_unpivot(ident: &Ident) -> bool {
    ident.quote_style.is_none() && ident.value.eq_ignore_ascii_case("unpivot")
}

impl Path {
    /// The elements beside the relations' rows.
    fn over(self, relations: Vec<TableWithJoins>, keeps_rows: bool) -> TableFactor {
        TableFactor::Unpivot {
            table: Box::new(crossed(relations)),
            value: self.value,
            null_inclusion: keeps_rows.then_some(NullInclusion::IncludeNulls),
            name: Ident::new(if self.of_object { OBJECT } else { ARRAY }),
            columns: vec![],
            alias: Some(TableAlias {
                explicit: true,
                name: Ident::with_quote(OURS, self.element),
                columns: vec![],
                at: self.position.map(|position| Ident::with_quote(OURS, position)),
            }),
        }
    }
}

/// All relations of a FROM as one.
fn crossed(relations: Vec<TableWithJoins>) -> TableFactor {
    let mut relations = relations.into_iter();
    // There is a first one: it has given the path its first name.
    let Some(mut first) = relations.next() else {
        return TableFactor::Table {
            name: ObjectName(vec![]),
            alias: None,
            args: None,
            with_hints: vec![],
            version: None,
            with_ordinality: false,
            partitions: vec![],
            json_path: None,
            sample: None,
            index_hints: vec![],
        };
    };
    first.joins.extend(relations.map(|relation| Join {
        relation: match relation.joins.is_empty() {
            true => relation.relation,
            false => TableFactor::NestedJoin { table_with_joins: Box::new(relation), alias: None },
        },
        global: false,
        join_operator: JoinOperator::CrossJoin(JoinConstraint::None),
    }));
    match first.joins.is_empty() {
        true => first.relation,
        false => TableFactor::NestedJoin { table_with_joins: Box::new(first), alias: None },
    }
}
