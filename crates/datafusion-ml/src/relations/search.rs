//! The search path: a name without a schema is that of the first schema of the path in which there is such a relation.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Ident, ObjectName, ObjectNamePart, Query, Visit, VisitMut, Visitor, visit_relations_mut,
};

use crate::catalog::RelationName;
use crate::session::MlSession;

/// Writes the schema before the names of relations that lie in other schemas of the path than the first. DataFusion looks
/// names up in one schema.
pub(crate) fn qualify(session: &MlSession, node: &mut (impl Visit + VisitMut)) {
    if session.shared.search_path.lock().len() < 2 {
        return;
    }
    let own = common_tables(node);
    let _: ControlFlow<Infallible> = visit_relations_mut(node, |name| {
        qualify_name(session, name, &own);
        ControlFlow::Continue(())
    });
}

fn qualify_name(session: &MlSession, name: &mut ObjectName, own: &BTreeSet<String>) {
    let Some(relations) = &session.shared.relations else { return };
    let [part] = name.0.as_slice() else { return };
    let Some(folded) = part.as_ident().map(folded).filter(|name| !own.contains(name)) else { return };
    let (state, default) = (relations.catalog.cached(), session.default_schema());
    let is_in = |schema: &String| {
        let name = RelationName::new(schema, &folded);
        relations.is_of_context(&name) || relations.find_in(&state, &name).is_some()
    };
    let found = session.shared.search_path.lock().iter().find(|schema| is_in(schema)).cloned();
    if let Some(schema) = found.filter(|schema| *schema != default) {
        name.0.insert(0, ObjectNamePart::Identifier(Ident::with_quote('"', schema)));
    }
}

/// The names of the common table expressions in a statement.
fn common_tables(node: &impl Visit) -> BTreeSet<String> {
    #[derive(Default)]
    struct Names(BTreeSet<String>);
    impl Visitor for Names {
        type Break = Infallible;
        fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<Infallible> {
            let tables = query.with.iter().flat_map(|with| &with.cte_tables);
            self.0.extend(tables.map(|table| folded(&table.alias.name)));
            ControlFlow::Continue(())
        }
    }
    let mut names = Names::default();
    let _: ControlFlow<Infallible> = node.visit(&mut names);
    names.0
}

/// The names of relations in a query, but where they mean its own common table expressions.
pub(crate) fn relations_in(query: &Query) -> Vec<ObjectName> {
    /// A query that is being walked through: its common table expressions, of which the first so many are known now.
    struct Scope {
        tables: Vec<(String, *const Query)>,
        known: usize,
        is_recursive: bool,
    }
    impl Scope {
        fn position(&self, query: &Query) -> Option<usize> {
            self.tables.iter().position(|(_, table)| std::ptr::eq(*table, query))
        }
    }
    #[derive(Default)]
    struct Relations {
        found: Vec<ObjectName>,
        open: Vec<Scope>,
    }
    impl Visitor for Relations {
        type Break = Infallible;

        fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<Infallible> {
            if let Some(scope) = self.open.last_mut()
                && let Some(position) = scope.position(query)
            {
                scope.known = position + usize::from(scope.is_recursive);
            }
            let tables = query.with.iter().flat_map(|with| &with.cte_tables);
            let tables = tables.map(|table| (folded(&table.alias.name), &raw const *table.query)).collect();
            let is_recursive = query.with.as_ref().is_some_and(|with| with.recursive);
            self.open.push(Scope { tables, known: 0, is_recursive });
            ControlFlow::Continue(())
        }

        fn post_visit_query(&mut self, query: &Query) -> ControlFlow<Infallible> {
            self.open.pop();
            if let Some(scope) = self.open.last_mut()
                && let Some(position) = scope.position(query)
            {
                scope.known = position + 1;
            }
            ControlFlow::Continue(())
        }

        fn pre_visit_relation(&mut self, name: &ObjectName) -> ControlFlow<Infallible> {
            let is_own = |ident: &Ident| {
                let name = folded(ident);
                self.open.iter().any(|scope| scope.tables[..scope.known].iter().any(|(table, _)| *table == name))
            };
            match name.0.as_slice() {
                [part] if part.as_ident().is_some_and(is_own) => {}
                _ => self.found.push(name.clone()),
            }
            ControlFlow::Continue(())
        }
    }
    let mut relations = Relations::default();
    let _: ControlFlow<Infallible> = query.visit(&mut relations);
    relations.found
}

/// The name in lower case, unless quoted.
pub(crate) fn folded(ident: &Ident) -> String {
    if ident.quote_style.is_some() { ident.value.clone() } else { ident.value.to_lowercase() }
}
