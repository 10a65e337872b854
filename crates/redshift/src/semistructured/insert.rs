//! INSERT into columns of type SUPER: numbers, dates, structs and lists become JSON. A text stays as it is, and must be JSON.

use datafusion::arrow::datatypes::Field;
use datafusion::error::Result;
use datafusion::execution::context::SessionState;
use datafusion::sql::parser::Statement;
use datafusion::sql::planner::object_name_to_table_reference;
use datafusion::sql::sqlparser::ast::{
    CastKind, DataType, Expr, Ident, Insert, ObjectName, Query, SelectItem, SetExpr, Statement as SqlStatement,
    TableAlias, TableAliasColumnDef, TableFactor, TableObject,
};
use datafusion::sql::sqlparser::parser::Parser;

use super::ast::rewrite_statement;
use super::marker::is_super;
use crate::RedshiftDialect;

/// Casts to SUPER what the statement inserts into columns of that type.
pub(crate) async fn convert_inserted(state: &SessionState, statement: &mut Statement) -> Result<()> {
    let Statement::Statement(statement) = statement else { return Ok(()) };
    let SqlStatement::Insert(insert) = statement.as_mut() else { return Ok(()) };
    let columns = super_columns(state, insert).await;
    let Some(source) = insert.source.as_mut().filter(|_| columns.contains(&true)) else { return Ok(()) };
    if let SetExpr::Values(values) = source.body.as_mut() {
        let values = values.rows.iter_mut().flat_map(|row| row.content.iter_mut().zip(&columns));
        for (value, _) in values.filter(|(value, is_super)| **is_super && matches!(&**value, Expr::Function(_))) {
            *value = as_super(value.clone());
        }
        return Ok(());
    }
    // If the query is wrong the planning of the statement says so better than this would.
    let Some(given) = fields_of(state, source).await.filter(|given| given.len() == columns.len()) else {
        return Ok(());
    };
    let converts = |(field, column): (&Field, &bool)| {
        *column && !is_super(field) && !field.data_type().is_string() && !field.data_type().is_null()
    };
    let converts: Vec<bool> = given.iter().zip(&columns).map(converts).collect();
    if converts.contains(&true) {
        **source = converted(source, &converts)?;
    }
    Ok(())
}

/// Of the columns that are inserted into whether they are SUPER; nothing if they are not known.
async fn super_columns(state: &SessionState, insert: &Insert) -> Vec<bool> {
    let TableObject::TableName(name) = &insert.table else { return vec![] };
    let Ok(table) = object_name_to_table_reference(name.clone(), true) else { return vec![] };
    let Ok(schema) = state.schema_for_ref(table.clone()) else { return vec![] };
    let Ok(Some(table)) = schema.table(table.table()).await else { return vec![] };
    let fields = table.schema();
    if insert.columns.is_empty() {
        return fields.fields().iter().map(|field| is_super(field)).collect();
    }
    let is_super = |column: &ObjectName| {
        let name = column.0.last().and_then(|part| part.as_ident()).map(super::ast::folded);
        name.and_then(|name| fields.field_with_name(&name).ok()).is_some_and(is_super)
    };
    insert.columns.iter().map(is_super).collect()
}

/// The columns that the query returns.
async fn fields_of(state: &SessionState, query: &Query) -> Option<Vec<Field>> {
    let mut statement = Statement::Statement(Box::new(SqlStatement::Query(Box::new(query.clone()))));
    rewrite_statement(&mut statement).ok()?;
    // Boxed: planning a statement is a large future.
    let plan = Box::pin(state.statement_to_plan(statement)).await.ok()?;
    Some(plan.schema().fields().iter().map(|field| field.as_ref().clone()).collect())
}

/// The query with some of its columns cast to SUPER.
fn converted(query: &Query, converts: &[bool]) -> Result<Query> {
    let mut outer = Parser::new(&RedshiftDialect).try_with_sql("SELECT * FROM (SELECT 1) AS given")?.parse_query()?;
    if let SetExpr::Select(select) = outer.body.as_mut()
        && let [from] = select.from.as_mut_slice()
        && let TableFactor::Derived { subquery, alias: Some(TableAlias { columns, .. }), .. } = &mut from.relation
    {
        let name = |index: usize| Ident::new(format!("c{index}"));
        **subquery = query.clone();
        let names = (0..converts.len()).map(|index| TableAliasColumnDef { name: name(index), data_type: None });
        *columns = names.collect();
        let items = converts.iter().enumerate().map(|(index, convert)| {
            let column = Expr::Identifier(name(index));
            SelectItem::UnnamedExpr(if *convert { as_super(column) } else { column })
        });
        select.projection = items.collect();
    }
    Ok(*outer)
}

fn as_super(value: Expr) -> Expr {
    let data_type = DataType::Custom(ObjectName::from(Ident::new("super")), vec![]);
    Expr::Cast { kind: CastKind::Cast, expr: Box::new(value), data_type, array: false, format: None }
}
