//! `VACUUM`: the files of tables that no table has any more are deleted.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use datafusion::arrow::array::{ArrayRef, RecordBatch, UInt64Array};
use datafusion::error::Result;
use datafusion::prelude::DataFrame;
use datafusion::sql::sqlparser::ast::VacuumStatement;

use super::{answer, model_name, no_such_relation};
use crate::relations::StoredRelations;
use crate::session::MlSession;

/// Deletes what no table names and what nobody can be writing or reading: nothing younger than `ml.vacuum_keep_seconds`.
///
/// A table that the statement names has to be there; all tables are looked at anyhow.
pub(super) async fn execute(
    session: &MlSession,
    relations: &Arc<StoredRelations>,
    statement: &VacuumStatement,
) -> Result<DataFrame> {
    // Listed first: a file that is committed later is known to the state that is read now.
    let files = relations.root.table_files().await?;
    let state = relations.catalog.refresh_now().await?;
    session.shared.guard.rights(&state).check_superuser("VACUUM")?;
    if let Some(table) = &statement.table_name {
        let name = model_name(session, table)?;
        if !relations.is_of_context(&name) && relations.find_in(&state, &name).is_none() {
            return Err(no_such_relation(session, &state, &name));
        }
    }
    let tables = state.relations().filter_map(|relation| relation.table());
    let live: BTreeSet<&str> = tables.flat_map(|table| &table.files).map(|file| file.path.as_str()).collect();
    let keep = Duration::from_secs(session.options().vacuum_keep_seconds);
    let (mut deleted, mut bytes) = (0, 0);
    for file in files.iter().filter(|file| !live.contains(file.path.as_str()) && file.age >= keep) {
        relations.root.delete_table_file(&file.path).await?;
        deleted += 1;
        bytes += file.bytes;
    }
    let count = |number: u64| Arc::new(UInt64Array::from(vec![number])) as ArrayRef;
    answer(session, RecordBatch::try_from_iter([("files_deleted", count(deleted)), ("bytes_deleted", count(bytes))])?)
}
