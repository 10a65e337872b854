//! What FROM names.

use datafusion::sql::sqlparser::ast::{Ident, ObjectName, TableAlias, TableFactor};

use super::from::unnesting_of;

/// The names that a query's FROM gives.
#[derive(Debug, Default, Clone)]
pub(super) struct Scope {
    /// Each by its alias, or by the name of its table with that of its schema.
    tables: Vec<Vec<String>>,
    elements: Vec<Element>,
}

/// A name for the elements of an array, and perhaps one for their positions.
#[derive(Debug, Clone)]
struct Element {
    name: String,
    position: Option<String>,
}

/// How many of a path's names make up its column.
#[derive(Debug, PartialEq)]
pub(super) enum Root {
    /// So many of them, with the table's.
    Column(usize),
    /// An element, in its own table.
    Element,
    /// The position of the element in this table.
    Position(String),
}

/// The name that the identifier stands for.
pub(in crate::semistructured) fn folded(ident: &Ident) -> String {
    match ident.quote_style {
        Some(_) => ident.value.clone(),
        None => ident.value.to_lowercase(),
    }
}

/// The quote of the names that this crate has put in the place of others; no statement can use it.
pub(super) const OURS: char = '`';

impl Scope {
    /// Adds what the relation is called.
    pub(super) fn add(&mut self, relation: &TableFactor) {
        if let Some(unnesting) = unnesting_of(relation) {
            if let TableFactor::Unpivot { table, .. } = relation {
                self.add(table);
            }
            return self.elements.push(Element { name: unnesting.element, position: unnesting.position });
        }
        match relation {
            TableFactor::Table { name, alias, .. } => self.add_named(alias.as_ref(), Some(name)),
            TableFactor::NestedJoin { table_with_joins, alias: None } => {
                self.add(&table_with_joins.relation);
                table_with_joins.joins.iter().for_each(|join| self.add(&join.relation));
            }
            TableFactor::Derived { alias, .. }
            | TableFactor::TableFunction { alias, .. }
            | TableFactor::Function { alias, .. }
            | TableFactor::UNNEST { alias, .. }
            | TableFactor::NestedJoin { alias, .. } => self.add_named(alias.as_ref(), None),
            // What they are of is named within them.
            TableFactor::Pivot { table, alias, .. } | TableFactor::Unpivot { table, alias, .. } => {
                self.add(table);
                self.add_named(alias.as_ref(), None);
            }
            _ => {}
        }
    }

    fn add_named(&mut self, alias: Option<&TableAlias>, name: Option<&ObjectName>) {
        match (alias, name) {
            (Some(alias), _) => self.tables.push(vec![folded(&alias.name)]),
            (None, Some(name)) => {
                self.tables.push(name.0.iter().filter_map(|part| part.as_ident()).map(folded).collect());
            }
            (None, None) => {}
        }
    }

    pub(super) fn has_table(&self, name: &str) -> bool {
        self.tables.iter().any(|table| table.last().is_some_and(|last| last == name))
    }

    pub(super) fn has_element(&self, name: &str) -> bool {
        self.elements.iter().any(|element| element.name == name)
    }
}

/// What the first of the names stand for, in the innermost scope that knows. `None` if they are left to DataFusion.
pub(super) fn root(idents: &[Ident], scopes: &[Scope]) -> Option<Root> {
    let first = idents.first().filter(|ident| ident.quote_style != Some(OURS))?;
    let names: Vec<String> = idents.iter().map(folded).collect();
    for scope in scopes.iter().rev() {
        if scope.has_element(&names[0]) {
            return Some(Root::Element);
        }
        if scope.has_table(&names[0]) && names.len() > 1 {
            return Some(Root::Column(2));
        }
        let qualified = |table: &Vec<String>| table.len() < names.len() && names.starts_with(table);
        if let Some(table) = scope.tables.iter().find(|table| qualified(table)) {
            return Some(Root::Column(table.len() + 1));
        }
        let position = |element: &&Element| element.position.as_ref() == Some(&names[0]);
        if let Some(element) = scope.elements.iter().find(position) {
            return Some(Root::Position(element.name.clone()));
        }
    }
    let is_variable = first.value.starts_with('@');
    (!scopes.is_empty() && !is_variable).then_some(Root::Column(1))
}
