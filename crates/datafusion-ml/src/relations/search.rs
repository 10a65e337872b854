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
pub(crate) fn common_tables(node: &impl Visit) -> BTreeSet<String> {
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

/// The name in lower case, unless quoted.
pub(crate) fn folded(ident: &Ident) -> String {
    if ident.quote_style.is_some() { ident.value.clone() } else { ident.value.to_lowercase() }
}
