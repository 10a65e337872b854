//! The catalog: which models, tables, views and schemas there are.
//!
//! It is one log of commits, `<root>/catalog/<20-digit version>.json`, each a list of actions. The only write is to create
//! the next number: whoever comes second reads what the first wrote, checks again and tries the number after it. That is
//! atomic in memory, on local disk and on every S3-compatible store that honours `If-None-Match: *`. A reader asks for the
//! next number until there is none; no number is left out.
//!
//! A model that is trained in the background is recorded when its training begins ([`TrainingEntry`]) and again when it is
//! there or has failed. Until then a model of that name, which it is to replace, stays as it is.
//!
//! A table's entry names the Parquet files that hold its rows; files never change, so whoever holds an entry holds the table
//! as it was, and a statement that changes a table writes new files before it commits ([`RelationEntry`]).
//!
//! Each commit names the digest of the one before, so that a commit that is edited, or copied to another number, is noticed by
//! whoever reads on from it. That is no seal: who can write the files of the store can write all of them anew, and is their
//! owner. Artifacts are named by their digests, which commits hold, and are checked when they are read.
//!
//! Every now and then the folded state is written beside the log, `<version>.checkpoint.jsonl`, so that a reader need not
//! start at the first commit, and `last_checkpoint.json` says which is the newest. Both only save time: commits stay as
//! they are, and what reads commits only reads the same catalog. Every file has the lowest format that holds what is in it,
//! so that earlier versions read a catalog until something is in it that they do not know.

mod access;
mod checkpoint;
mod entry;
mod folder;
mod indexed;
mod log;
mod relation;
mod state;
mod training;

pub use self::access::{
    Access, GrantEntry, GrantKey, Grantee, GroupEntry, Object, Privilege, Purpose, RoleEntry, UserEntry,
};
pub use crate::background::Process;
pub use entry::{Action, ArtifactLocation, FunctionName, ModelEntry, ModelKey, ModelName, SourceText, StatementReport};
pub(crate) use entry::{EXPLAIN_SUFFIX, FUNCTION_SUFFIXES, PROBABILITY_SUFFIXES};
pub use indexed::IndexedEntry;
pub(crate) use log::reading_once;
pub use log::{Catalog, CommitEntry};
pub use relation::{
    CalledModel, ColumnEntry, FileEntry, Identity, RelationEntry, RelationKind, RelationName, SchemaEntry, TableEntry,
    ViewEntry,
};
pub use state::CatalogState;
pub use training::TrainingEntry;
