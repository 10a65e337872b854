//! What the catalog records of tables, views and schemas.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::entry::ModelName;

/// A table's or view's name with its schema. They are named apart from models: a table may be called as a model is.
pub type RelationName = ModelName;

/// A table or a view.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RelationEntry {
    /// Schema and name.
    pub name: RelationName,
    /// The number of the commit that created it, so no two relations have the same.
    pub id: u64,
    /// The number of the commit that changed it last.
    pub version: u64,
    /// Who created it.
    pub owner: String,
    /// What it is.
    pub kind: RelationKind,
}

/// What a relation is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RelationKind {
    /// A table whose rows lie in the store.
    Table(TableEntry),
    /// A query under a name.
    View(ViewEntry),
    /// Files that lie elsewhere, as CREATE EXTERNAL TABLE names them: the statement.
    External(String),
}

impl RelationEntry {
    /// What a statement calls it.
    pub fn noun(&self) -> &'static str {
        self.a_noun().split_once(' ').map_or("", |(_, noun)| noun)
    }

    /// The same with its article.
    pub fn a_noun(&self) -> &'static str {
        match self.kind {
            RelationKind::Table(_) => "a table",
            RelationKind::View(_) => "a view",
            RelationKind::External(_) => "an external table",
        }
    }

    /// The table, if it is one whose rows lie in the store.
    pub fn table(&self) -> Option<&TableEntry> {
        match &self.kind {
            RelationKind::Table(table) => Some(table),
            _ => None,
        }
    }
}

/// A table whose rows lie in the store.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TableEntry {
    /// The Arrow schema: the head of an Arrow IPC stream, in hexadecimal.
    pub schema: String,
    /// What the schema does not say of the columns, one for each, in order.
    pub columns: Vec<ColumnEntry>,
    /// The Parquet files that hold the rows, in the order in which they came. A file never changes.
    pub files: Vec<FileEntry>,
}

impl TableEntry {
    /// How many rows the table has.
    pub fn rows(&self) -> u64 {
        self.files.iter().map(|file| file.rows).sum()
    }
}

/// A column of a table.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ColumnEntry {
    /// The name, for readers of the file.
    pub name: String,
    /// The type as the statement wrote it, or Arrow's name of it.
    pub data_type: String,
    /// The longest value of a text in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_bytes: Option<u64>,
    /// The expression of DEFAULT.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    /// How the column is numbered, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<Identity>,
}

/// `IDENTITY(seed, step)`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The number of the first row.
    pub seed: i64,
    /// The number of the next row.
    pub next: i64,
    /// What is added from row to row.
    pub step: i64,
    /// Whether a row may bring a number of its own.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_default: bool,
}

/// A Parquet file of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Where it lies below the folder `tables` of the store.
    pub path: String,
    /// How many rows it has.
    pub rows: u64,
}

/// A view.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ViewEntry {
    /// The query.
    pub query: String,
    /// Names for its columns; empty where the query names them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<String>,
    /// The dialect of its text.
    pub dialect: String,
    /// The schema of names in it that do not say theirs.
    pub default_schema: String,
    /// The relations it reads, of whatever kind.
    pub reads: Vec<RelationName>,
    /// The models that it gives rows to. Earlier versions did not write them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<CalledModel>,
}

/// A model that a view calls, as it was when the view was created.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CalledModel {
    /// Schema and name.
    pub name: ModelName,
    /// Whose it was.
    pub owner: String,
}

/// A schema that a statement created.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchemaEntry {
    /// Its name.
    pub name: String,
    /// Who created it.
    pub owner: String,
}

/// All relations and schemas as of one version of the log.
#[derive(Debug, Clone, Default)]
pub(super) struct Relations {
    pub(super) by_name: BTreeMap<RelationName, Arc<RelationEntry>>,
    pub(super) schemas: BTreeMap<String, Arc<SchemaEntry>>,
}

impl Relations {
    pub(super) fn new(relations: Vec<RelationEntry>, schemas: Vec<SchemaEntry>) -> Self {
        Self {
            by_name: relations.into_iter().map(|entry| (entry.name.clone(), Arc::new(entry))).collect(),
            schemas: schemas.into_iter().map(|entry| (entry.name.clone(), Arc::new(entry))).collect(),
        }
    }
}
