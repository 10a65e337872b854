//! Writing a table: new files first, then the commit that makes them part of it.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::common::config::{ParquetColumnOptions, ParquetOptions};
use datafusion::config::{ConfigNonZeroUsize, TableParquetOptions};
use datafusion::datasource::file_format::parquet::ParquetSink;
use datafusion::datasource::listing::ListingTableUrl;
use datafusion::datasource::physical_plan::{FileGroup, FileOutputMode, FileSinkConfig};
use datafusion::datasource::sink::DataSink;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::dml::InsertOp;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType};
use datafusion_ml_core::{Error, ErrorKind};
use futures::StreamExt;
use parking_lot::Mutex;

use super::rows::RowGate;
use super::{StoredRelations, decode_schema};
use crate::authorize::Rights;
use crate::catalog::{
    Action, CatalogState, ColumnEntry, FileEntry, RelationEntry, RelationKind, RelationName, TableEntry,
};
use crate::error::{external, invalid};

/// What becomes of the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// A new table has them.
    Create,
    /// A new table has them; what had its name is gone.
    CreateOrReplace,
    /// The table has them beside its own, by that statement.
    Append(&'static str),
    /// The table has them in place of its own, by that statement; for that it must be as it was when it was read.
    Replace(&'static str),
}

impl Change {
    fn is_replacement(self) -> bool {
        matches!(self, Self::Replace(_))
    }

    /// The statement that changes the rows of a table that is there.
    fn statement(self) -> Option<&'static str> {
        match self {
            Self::Create | Self::CreateOrReplace => None,
            Self::Append(statement) | Self::Replace(statement) => Some(statement),
        }
    }
}

/// Writes rows into files and commits the table that has them.
#[derive(Debug)]
pub(crate) struct StoredSink {
    relations: Arc<StoredRelations>,
    /// As it was when the statement was planned, or as it is to be created.
    entry: RelationEntry,
    table: TableEntry,
    strict: SchemaRef,
    /// The same with NULL allowed everywhere: DataFusion would refuse rows before we can say why.
    schema: SchemaRef,
    change: Change,
}

impl StoredSink {
    /// A sink of the table in `entry`.
    pub(crate) fn new(relations: &Arc<StoredRelations>, entry: RelationEntry, change: Change) -> Result<Self> {
        let Some(table) = entry.table().cloned() else {
            return Err(invalid(format!("{} is {}, not a table", entry.name, entry.a_noun())));
        };
        let strict = decode_schema(&table.schema)?;
        let fields = strict.fields().iter().map(|field| field.as_ref().clone().with_nullable(true));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        Ok(Self { relations: Arc::clone(relations), entry, table, strict, schema, change })
    }

    /// Writes the rows; gives the files, and the columns with the numbers that come next.
    async fn write(
        &self,
        data: SendableRecordBatchStream,
        context: &Arc<TaskContext>,
    ) -> Result<(Vec<FileEntry>, Vec<ColumnEntry>)> {
        let mut columns = self.table.columns.clone();
        if self.change.is_replacement() {
            // Most rows are the table's own, which have their numbers.
            columns.iter_mut().filter_map(|column| column.identity.as_mut()).for_each(|it| it.by_default = true);
        }
        let gate = RowGate::new(self.entry.name.clone(), Arc::clone(&self.strict), columns);
        let gate = Arc::new(Mutex::new(gate));
        let admitted = {
            let gate = Arc::clone(&gate);
            data.map(move |batch| gate.lock().admit(&batch?))
        };
        let admitted = Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.strict), admitted));
        // One file after the other keeps rows in their order.
        let mut config = context.session_config().clone();
        config.options_mut().execution.minimum_parallel_output_files = ConfigNonZeroUsize::try_new(1)?;
        let parquet = parquet_options(config.options().execution.parquet.clone(), &self.strict);
        let context = TaskContext::default().with_session_config(config).with_runtime(context.runtime_env());
        let folder = self.relations.root.table_folder(&self.entry.name)?;
        let folder = ListingTableUrl::try_new(folder, None)?;
        let sink = ParquetSink::new(
            FileSinkConfig {
                original_url: folder.to_string(),
                object_store_url: folder.object_store(),
                file_group: FileGroup::default(),
                table_paths: vec![folder],
                output_schema: Arc::clone(&self.strict),
                table_partition_cols: Vec::new(),
                insert_op: InsertOp::Append,
                keep_partition_by_columns: false,
                file_extension: "parquet".to_owned(),
                file_output_mode: FileOutputMode::Directory,
            },
            parquet,
        );
        DataSink::write_all(&sink, admitted, &Arc::new(context)).await?;
        let mut files: Vec<FileEntry> = sink
            .written()
            .into_iter()
            .map(|(path, file)| (path, file.file_metadata().num_rows() as u64))
            .filter(|(_, rows)| *rows > 0)
            .map(|(path, rows)| Ok(FileEntry { path: self.relations.root.below_tables(&path)?, rows }))
            .collect::<Result<_>>()?;
        files.sort_by_key(|file| file_number(&file.path));
        let gate = Arc::try_unwrap(gate).map_err(|_| external(Error::internal("rows are still being written")))?;
        let mut columns = gate.into_inner().into_columns();
        for (column, before) in columns.iter_mut().zip(&self.table.columns) {
            if let (Some(identity), Some(before)) = (&mut column.identity, before.identity) {
                identity.by_default = before.by_default;
            }
        }
        Ok((files, columns))
    }

    /// The table with these files, in the state that the commit is to follow.
    fn changed(&self, state: &CatalogState, files: &[FileEntry], columns: &[ColumnEntry]) -> Result<RelationEntry> {
        let (name, version) = (&self.entry.name, state.version() + 1);
        let current = state.relation(name);
        let mut entry = self.entry.clone();
        entry.version = version;
        let mut table = TableEntry { columns: columns.to_vec(), ..self.table.clone() };
        let rights = self.relations.rights(state)?;
        match (self.change, current) {
            (Change::Create, Some(other)) => return Err(exists(state, &rights, other)),
            (Change::CreateOrReplace, Some(other)) if !(rights.owns(&other.owner) && other.table().is_some()) => {
                return Err(exists(state, &rights, other));
            }
            (Change::Create | Change::CreateOrReplace, _) => {
                entry.id = version;
                table.files = files.to_vec();
            }
            (_, Some(current)) if current.id == self.entry.id => {
                let now = current.table().cloned().unwrap_or_else(|| self.table.clone());
                // What takes the place of all may have other columns, too.
                let is_other = match self.change.is_replacement() {
                    true => current.version != self.entry.version,
                    false => now.columns != self.table.columns,
                };
                if is_other {
                    return Err(conflict(name));
                }
                table.files = if self.change.is_replacement() { Vec::new() } else { now.files };
                table.files.extend_from_slice(files);
            }
            _ => return Err(invalid(format!("table {name} was dropped meanwhile; nothing was written"))),
        }
        entry.kind = RelationKind::Table(table);
        Ok(entry)
    }
}

/// How files are written. SUPER gets no statistics: no predicate on JSON text can use them.
fn parquet_options(global: ParquetOptions, schema: &Schema) -> TableParquetOptions {
    let mut options = TableParquetOptions { global, ..Default::default() };
    for field in schema.fields().iter().filter(|field| field.extension_type_name().is_some()) {
        let column = ParquetColumnOptions { statistics_enabled: Some("none".to_owned()), ..Default::default() };
        options.column_specific_options.insert(field.name().clone(), column);
    }
    options
}

/// The error for a name that is taken.
pub(crate) fn exists(state: &CatalogState, rights: &Rights, other: &RelationEntry) -> DataFusionError {
    let (noun, name) = (other.noun(), &other.name);
    invalid(match rights.may_see(state, other) {
        true => format!("{noun} {name} exists already; choose another name, or drop it first"),
        false => format!("name {name} is taken; choose another"),
    })
}

/// The error for a table that another statement has changed meanwhile.
pub(crate) fn conflict(name: &RelationName) -> DataFusionError {
    let message = format!("table {name} was changed by another statement meanwhile; run this one again");
    external(Error::new(ErrorKind::Conflict, message))
}

/// The number at the end of a file's name, by which DataFusion counts the files that it writes.
fn file_number(path: &str) -> u64 {
    let number = path.rsplit_once('_').and_then(|(_, end)| end.strip_suffix(".parquet")?.parse().ok());
    number.unwrap_or_default()
}

#[async_trait]
impl DataSink for StoredSink {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    async fn write_all(&self, data: SendableRecordBatchStream, context: &Arc<TaskContext>) -> Result<u64> {
        let (files, columns) = self.write(data, context).await?;
        let rows = files.iter().map(|file| file.rows).sum();
        let is_change = !matches!(self.change, Change::Append(_)) || !files.is_empty();
        let decide = |state: &CatalogState| match is_change {
            true => Ok(vec![Action::PutRelation(Box::new(self.changed(state, &files, &columns)?))]),
            false => Ok(Vec::new()),
        };
        self.relations.commit_rows(self.change.statement(), decide).await?;
        Ok(rows)
    }
}

impl DisplayAs for StoredSink {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "StoredSink(table={}, change={:?})", self.entry.name, self.change)
    }
}
