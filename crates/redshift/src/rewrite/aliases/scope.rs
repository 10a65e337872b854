//! The common table expressions that can be seen from a point of a statement.

use datafusion::sql::sqlparser::ast::helpers::attached_token::AttachedToken;
use datafusion::sql::sqlparser::ast::{
    Cte, GroupByExpr, Query, Select, SelectFlavor, SelectItem, SetExpr, TableWithJoins, WildcardAdditionalOptions, With,
};

use crate::rewrite::names::normalized;
use crate::rewrite::sets::query_of;

/// One entry for every query around the point, the outermost first.
#[derive(Default)]
pub(super) struct Scopes(Vec<Scope>);

struct Scope {
    recursive: bool,
    ctes: Vec<Cte>,
    /// How many of them have been walked through. They are walked through first, in their order, and before the body.
    complete: usize,
}

impl Scopes {
    pub(super) fn enter(&mut self, query: &Query) {
        let (recursive, ctes) = match &query.with {
            Some(with) => (with.recursive, with.cte_tables.clone()),
            None => (false, vec![]),
        };
        self.0.push(Scope { recursive, ctes, complete: 0 });
    }

    pub(super) fn leave(&mut self, query: &Query) {
        self.0.pop();
        if let Some(around) = self.0.last_mut()
            && let Some(cte) = around.ctes.get_mut(around.complete)
        {
            *cte.query = query.clone();
            around.complete += 1;
        }
    }

    /// The query `SELECT * FROM <from>` with all that can be seen from here.
    pub(super) fn columns_question(&self, from: &[TableWithJoins]) -> Query {
        let mut ctes: Vec<Cte> = vec![];
        for cte in self.0.iter().flat_map(|scope| &scope.ctes[..scope.complete]) {
            // An inner one hides an outer one of its name.
            ctes.retain(|outer| normalized(&outer.alias.name) != normalized(&cte.alias.name));
            ctes.push(cte.clone());
        }
        let recursive = self.0.iter().any(|scope| scope.recursive);
        let with = With { with_token: AttachedToken::empty(), recursive, cte_tables: ctes };
        Query {
            with: if with.cte_tables.is_empty() { None } else { Some(with) },
            ..query_of(Box::new(SetExpr::Select(Box::new(everything_of(from)))))
        }
    }
}

fn everything_of(from: &[TableWithJoins]) -> Select {
    Select {
        select_token: AttachedToken::empty(),
        optimizer_hints: vec![],
        distinct: None,
        select_modifiers: None,
        top: None,
        top_before_distinct: false,
        projection: vec![SelectItem::Wildcard(WildcardAdditionalOptions::default())],
        exclude: None,
        into: None,
        from: from.to_vec(),
        lateral_views: vec![],
        prewhere: None,
        selection: None,
        connect_by: vec![],
        group_by: GroupByExpr::Expressions(vec![], vec![]),
        cluster_by: vec![],
        distribute_by: vec![],
        sort_by: vec![],
        having: None,
        named_window: vec![],
        qualify: None,
        window_before_qualify: false,
        value_table_mode: None,
        flavor: SelectFlavor::Standard,
    }
}
