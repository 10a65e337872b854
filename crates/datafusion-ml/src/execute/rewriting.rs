//! The rows of a table with other values in some of them: what `UPDATE` and `MERGE` write.

use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::error::Result;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder, ident, when};
use datafusion::sql::sqlparser::ast::helpers::attached_token::AttachedToken as Attached;
use datafusion::sql::sqlparser::ast::{Assignment, AssignmentTarget, CaseWhen, Expr, Ident, ObjectName, SelectItem};
use datafusion_ml_redshift::{is_super, keep_digits};

use super::drop::no_such_column;
use super::insert::{default_expression, is_default};
use crate::catalog::{RelationEntry, TableEntry};
use crate::error::invalid;
use crate::relations::{assign, decode_schema, folded};
use crate::session::MlSession;
use crate::sql::invalid_at;

/// Where a condition is true, columns get other values.
pub(super) struct Case {
    pub(super) kind: CaseKind,
    pub(super) condition: Expr,
    /// The columns by their position, each with what it gets.
    pub(super) values: Vec<(usize, Expr)>,
}

/// What a text becomes in a column of SUPER.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CaseKind {
    /// A string of JSON, as UPDATE makes of it.
    Update,
    /// The JSON that it is, as for INSERT.
    Insert,
}

/// What becomes of the rows of a table. The first case whose condition is true counts.
pub(super) struct Rewriting<'a> {
    entry: &'a RelationEntry,
    schema: SchemaRef,
    cases: Vec<Case>,
}

impl<'a> Rewriting<'a> {
    /// Rewrites the rows of the table in `entry`.
    pub(super) fn new(entry: &'a RelationEntry, table: &TableEntry, mut cases: Vec<Case>) -> Result<Self> {
        let schema = decode_schema(&table.schema)?;
        for (position, value) in cases.iter_mut().flat_map(|case| &mut case.values) {
            if matches!(schema.field(*position).data_type(), DataType::Decimal128(..)) {
                keep_digits(value);
            }
        }
        Ok(Self { entry, schema, cases })
    }

    /// The items of a SELECT over rows of the table: the values that they have, which `old` gives by the names of columns; of
    /// every case whether it is true, and the values that it gives. They are apart because CASE would give old and new
    /// values a type that both can be cast to, in which they need not be what they were.
    pub(super) fn items(&self, old: impl Fn(&str) -> Expr) -> Vec<SelectItem> {
        let fields = self.schema.fields();
        let mut items: Vec<SelectItem> =
            fields.iter().enumerate().map(|(at, field)| named(old(field.name()), old_name(at))).collect();
        for (number, case) in self.cases.iter().enumerate() {
            items
                .push(named(Expr::IsTrue(Box::new(Expr::Nested(Box::new(case.condition.clone())))), flag_name(number)));
            for (at, new) in &case.values {
                let is_super = is_super(self.schema.field(*at));
                if is_super && case.kind == CaseKind::Insert {
                    items.push(named(choose(case.condition.clone(), new.clone(), None), text_name(number, *at)));
                }
                // Of SUPER and others CASE makes SUPER.
                let other = is_super.then(|| old(fields[*at].name()));
                items.push(named(choose(case.condition.clone(), new.clone(), other), new_name(number, *at)));
            }
        }
        items
    }

    /// The rows as they are to be, of the result of a SELECT of [`Self::items`].
    pub(super) fn rows(&self, selected: LogicalPlan) -> Result<LogicalPlan> {
        let columns = self.schema.fields().iter().enumerate().map(|(at, field)| {
            let mut value = ident(old_name(at));
            for (number, case) in self.cases.iter().enumerate().rev() {
                if case.values.iter().any(|(position, _)| *position == at) {
                    let text = text_name(number, at);
                    let text = selected.schema().field_with_unqualified_name(&text).ok();
                    let text = text.filter(|field| field.data_type().is_string());
                    let name = text.map_or_else(|| new_name(number, at), |field| field.name().clone());
                    let new = assign(&self.entry.name, field, ident(name));
                    value = when(ident(flag_name(number)), new).otherwise(value)?;
                }
            }
            Ok(value.alias(field.name()))
        });
        let columns = columns.collect::<Result<Vec<_>>>()?;
        LogicalPlanBuilder::from(selected).project(columns)?.build()
    }
}

/// In a result of [`Rewriting::items`], what the column was.
fn old_name(column: usize) -> String {
    format!("#{column}")
}

/// In a result of [`Rewriting::items`], whether the case is true.
pub(super) fn flag_name(case: usize) -> String {
    format!("#case{case}")
}

/// In a result of [`Rewriting::items`], what the column gets.
fn new_name(case: usize, column: usize) -> String {
    format!("#case{case}_{column}")
}

/// In a result of [`Rewriting::items`], what a column of SUPER gets in an INSERT, as far as it is a text.
fn text_name(case: usize, column: usize) -> String {
    format!("#case{case}_{column}_text")
}

fn named(expr: Expr, name: String) -> SelectItem {
    SelectItem::ExprWithAlias { expr, alias: Ident::with_quote('"', name) }
}

/// `CASE WHEN condition THEN new [ELSE other] END`
fn choose(condition: Expr, new: Expr, other: Option<Expr>) -> Expr {
    Expr::Case {
        case_token: Attached::empty(),
        end_token: Attached::empty(),
        operand: None,
        conditions: vec![CaseWhen { condition, result: new }],
        else_result: other.map(Box::new),
    }
}

/// What SET gives to which columns.
pub(super) fn assigned_values(
    session: &MlSession,
    entry: &RelationEntry,
    table: &TableEntry,
    assignments: &[Assignment],
) -> Result<Vec<(usize, Expr)>> {
    let mut values: Vec<(usize, Expr)> = Vec::new();
    for assignment in assignments {
        let name = match &assignment.target {
            AssignmentTarget::ColumnName(name) => name,
            AssignmentTarget::Tuple(_) => {
                return Err(invalid(format!("{assignment} is not supported; set columns one by one")));
            }
        };
        let (position, value) = given_value(session, entry, table, name, &assignment.value)?;
        if values.iter().any(|(other, _)| *other == position) {
            return Err(invalid(format!("SET names column {name} twice; name it once")));
        }
        values.push((position, value));
    }
    Ok(values)
}

/// Fails of a part of a SUPER value in the place of a column.
fn check_is_whole(entry: &RelationEntry, table: &TableEntry, target: &ObjectName) -> Result<()> {
    let parts: Vec<&Ident> = target.0.iter().filter_map(|part| part.as_ident()).collect();
    let [first, _, ..] = parts.as_slice() else { return Ok(()) };
    let name = folded(first);
    if name == entry.name.name || table.columns.iter().all(|column| column.name != name) {
        return Ok(());
    }
    Err(invalid_at(
        first.span,
        format!("{target} is a part of column {name}, and SET gives whole values"),
        format!("write SET {name} = OBJECT('attribute', value, ...), or JSON_PARSE('...')"),
    ))
}

/// The position of a column that gets a value, and the value; the word DEFAULT numbers a row anew in a column that is
/// numbered.
pub(super) fn given_value(
    session: &MlSession,
    entry: &RelationEntry,
    table: &TableEntry,
    name: &ObjectName,
    value: &Expr,
) -> Result<(usize, Expr)> {
    check_is_whole(entry, table, name)?;
    let name = name.0.last().and_then(|part| part.as_ident()).map(folded).unwrap_or_default();
    let Some(position) = table.columns.iter().position(|column| column.name == name) else {
        let columns = table.columns.iter().map(|column| column.name.as_str());
        return Err(no_such_column(&entry.name, &name, columns));
    };
    let column = &table.columns[position];
    if is_default(value) {
        return Ok((position, default_expression(session, column.default.as_deref())?));
    }
    if column.identity.is_some_and(|identity| !identity.by_default) {
        return Err(invalid(format!(
            "column {name} of table {} is numbered (IDENTITY) and takes no values; leave it out",
            entry.name
        )));
    }
    Ok((position, value.clone()))
}
