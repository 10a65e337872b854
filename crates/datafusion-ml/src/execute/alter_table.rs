//! `ALTER TABLE`. A change of columns writes the rows anew, so that files always have the columns of their table.

use std::sync::Arc;

use datafusion::arrow::datatypes::{Field, Schema};
use datafusion::error::Result;
use datafusion::prelude::DataFrame;
use datafusion::sql::sqlparser::ast::{ColumnDef, Expr, Ident, ObjectName, SelectItem, SetExpr, TableWithJoins};

use super::create_table::Columns;
use super::drop::readers;
use super::insert::default_expression;
use super::{
    model_name, no_rows, no_such_column, no_such_relation, plan_query, qualified_name, run_count, select_template,
};
use crate::authorize::denied;
use crate::catalog::{Action, CatalogState, GrantEntry, Object, RelationEntry, RelationKind, RelationName, TableEntry};
use crate::error::invalid;
use crate::relations::{Change, StoredRelations, decode_schema, encode_schema, exists, folded, write_plan};
use crate::session::MlSession;
use crate::sql::{AlterTable, TableChange};

/// Changes a table of the store, or the name or owner of a view. The table's owner may, and superusers.
pub(super) async fn execute(session: &MlSession, statement: AlterTable) -> Result<DataFrame> {
    let name = model_name(session, &statement.name)?;
    let Some(relations) = &session.shared.relations else {
        return Err(invalid("ALTER TABLE needs tables that are in the store; create the table anew"));
    };
    if relations.is_of_context(&name) {
        return Err(invalid(format!("table {name} is not in the store and cannot be altered; create it anew")));
    }
    let state = relations.catalog.refresh().await?;
    let Some(entry) = relations.find_in(&state, &name).cloned() else {
        return Err(no_such_relation(session, &state, &name));
    };
    if !session.shared.guard.rights(&state).owns(&entry.owner) {
        return Err(denied(format!("permission denied for {} {name}; it can be altered by its owner", entry.noun())));
    }
    match &statement.change {
        TableChange::RenameTo(to) => rename(session, relations, &name, to).await?,
        TableChange::OwnerTo(user) => give(session, relations, &name, &folded(user)).await?,
        TableChange::Nothing(text) => session.notice(&format!("{text} has no effect here")),
        change => alter_columns(session, relations, &entry, change).await?,
    }
    no_rows(session)
}

/// Writes the rows with the columns that the table is to have.
async fn alter_columns(
    session: &MlSession,
    relations: &Arc<StoredRelations>,
    entry: &RelationEntry,
    change: &TableChange,
) -> Result<()> {
    let name = &entry.name;
    let Some(table) = entry.table() else {
        return Err(invalid(format!("{name} is {}; its columns are those of what it reads", entry.a_noun())));
    };
    let schema = decode_schema(&table.schema)?;
    let mut entries = table.columns.clone();
    let mut values: Vec<Expr> =
        table.columns.iter().map(|column| Expr::Identifier(Ident::with_quote('"', &column.name))).collect();
    let position = |column: &Ident| {
        let column = folded(column);
        let found = table.columns.iter().position(|other| other.name == column);
        found.ok_or_else(|| no_such_column(name, &column, table.columns.iter().map(|column| column.name.as_str())))
    };
    let mut fields: Vec<Field> = schema.fields().iter().map(|field| field.as_ref().clone()).collect();
    match change {
        TableChange::AddColumn(column) => {
            let added = Columns::of_statement(session, std::slice::from_ref(column.as_ref())).await?;
            if added.entries.iter().any(|column| column.identity.is_some()) {
                return Err(invalid("a numbered column (IDENTITY) cannot be added; CREATE TABLE another with it"));
            }
            for column in &added.entries {
                values.push(default_expression(session, column.default.as_deref())?);
            }
            fields.extend(added.schema.fields().iter().map(|field| field.as_ref().clone()));
            entries.extend(added.entries);
        }
        TableChange::DropColumn(column) => {
            let position = position(column)?;
            if fields.len() == 1 {
                return Err(invalid(format!("{column} is the only column of table {name}; DROP TABLE {name} instead")));
            }
            values.remove(position);
            fields.remove(position);
            entries.remove(position);
        }
        TableChange::RenameColumn { from, to } => {
            let position = position(from)?;
            fields[position].set_name(folded(to));
            entries[position].name = folded(to);
        }
        TableChange::ColumnType(column, data_type) => {
            let position = position(column)?;
            let definition = ColumnDef { name: column.clone(), data_type: data_type.clone(), options: Vec::new() };
            let altered = Columns::of_statement(session, &[definition]).await?;
            let (old, new) = (fields[position].data_type(), altered.schema.field(0).data_type());
            if !(old == new && entries[position].max_bytes.is_some()) {
                return Err(invalid(format!(
                    "column {column} of table {name} cannot become {data_type}: only the size of VARCHAR changes; ADD \
                     COLUMN another, UPDATE it, and DROP COLUMN {column}"
                )));
            }
            entries[position].max_bytes = altered.entries[0].max_bytes;
            entries[position].data_type.clone_from(&altered.entries[0].data_type);
        }
        TableChange::RenameTo(_) | TableChange::OwnerTo(_) | TableChange::Nothing(_) => return Ok(()),
    }
    let columns = Columns { schema: Schema::new(fields), entries };
    columns.check_names()?;
    let mut query = select_template(session, "SELECT * FROM t")?;
    if let SetExpr::Select(select) = query.body.as_mut() {
        select.from = vec![table_of(session, name)?];
        // Under names that no value can mean.
        let alias = |position: usize| Ident::with_quote('"', format!("#{position}"));
        let values = values.into_iter().enumerate();
        let values = values.map(|(position, expr)| SelectItem::ExprWithAlias { expr, alias: alias(position) });
        select.projection = values.collect();
    }
    let plan = plan_query(session, query).await?;
    let changed = TableEntry { schema: encode_schema(&columns.schema)?, columns: columns.entries, files: Vec::new() };
    let changed = RelationEntry { kind: RelationKind::Table(changed), ..entry.clone() };
    run_count(session.context().state(), write_plan(relations, changed, plan, Change::Replace("ALTER TABLE"))?).await?;
    if let TableChange::DropColumn(column) | TableChange::RenameColumn { from: column, .. } = change {
        for view in readers(session, &relations.catalog.cached(), name) {
            session.notice(&format!("{view} reads table {name}; if it names column {column}, create it again"));
        }
    }
    Ok(())
}

/// The table in FROM.
fn table_of(session: &MlSession, name: &RelationName) -> Result<TableWithJoins> {
    let quoted = |part: &str| Ident::with_quote('"', part).to_string();
    let text = format!("SELECT * FROM {}.{}", quoted(&name.schema), quoted(&name.name));
    let from = match *select_template(session, &text)?.body {
        SetExpr::Select(mut select) => select.from.pop(),
        _ => None,
    };
    from.ok_or_else(|| invalid(format!("{name} cannot be read")))
}

async fn rename(session: &MlSession, relations: &Arc<StoredRelations>, name: &RelationName, to: &Ident) -> Result<()> {
    let new = qualified_name(&ObjectName::from(vec![to.clone()]), &name.schema)?;
    if relations.is_of_context(&new) {
        return Err(invalid(format!("a table {new} of this session exists already; choose another name")));
    }
    let decide = |state: &CatalogState| {
        let entry = current(session, state, name)?;
        if let Some(other) = state.relation(&new) {
            return Err(exists(state, &session.shared.guard.rights(state), other));
        }
        if let Some(view) = readers(session, state, name).first() {
            return Err(invalid(format!("{view} reads {name} by its name; drop it first, and create it again after")));
        }
        let object = Object::Relation(name.clone());
        let grants: Vec<GrantEntry> = state.access().grants_on(&object).cloned().collect();
        let version = state.version() + 1;
        let renamed = RelationEntry { name: new.clone(), version, ..entry };
        let mut actions = vec![Action::DropRelation(name.clone()), Action::PutRelation(Box::new(renamed))];
        actions.extend(grants.into_iter().map(|mut grant| {
            grant.key.object = Object::Relation(new.clone());
            Action::Grant(grant)
        }));
        Ok(actions)
    };
    relations.commit(decide).await.map(drop)
}

async fn give(session: &MlSession, relations: &Arc<StoredRelations>, name: &RelationName, user: &str) -> Result<()> {
    let decide = |state: &CatalogState| {
        session.shared.guard.rights(state).check_superuser("ALTER TABLE ... OWNER TO")?;
        if !state.access().users.contains_key(user) {
            return Err(invalid(format!("there is no user {user}; CREATE USER {user} first")));
        }
        let entry = current(session, state, name)?;
        let version = state.version() + 1;
        let given = RelationEntry { version, owner: user.to_owned(), ..entry };
        Ok(vec![Action::PutRelation(Box::new(given))])
    };
    relations.commit(decide).await.map(drop)
}

/// The relation as it is when the change is committed.
fn current(session: &MlSession, state: &CatalogState, name: &RelationName) -> Result<RelationEntry> {
    let entry = state.relation(name).map(|entry| entry.as_ref().clone());
    entry.ok_or_else(|| no_such_relation(session, state, name))
}
