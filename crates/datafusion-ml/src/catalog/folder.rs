//! The folder of the catalog: the names of its files, and reading, creating, listing and deleting them.

use std::path::PathBuf;

use bytes::Bytes;
use datafusion::error::{DataFusionError, Result};
use datafusion_ml_core::{Error, ErrorKind};
use futures::stream::{self, StreamExt};
use futures::{TryStreamExt, future};
use object_store::path::Path;
use object_store::{ObjectStoreExt, PutMode, PutOptions};
use serde::{Deserialize, Serialize};

use crate::error::{external, storage};
use crate::store::{StoreRoot, key_id_of, reason};

/// The file that names the newest checkpoint.
const HINT: &str = "last_checkpoint.json";

/// What a file of the log holds. Of one version, the checkpoint that is faster to read comes last, and the commit after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum FileKind {
    /// A checkpoint as format 1 had it.
    CheckpointV1,
    /// A checkpoint.
    Checkpoint,
    /// A commit.
    Commit,
}

impl FileKind {
    const ALL: [Self; 3] = [Self::CheckpointV1, Self::Checkpoint, Self::Commit];

    /// The end of the file's name.
    fn suffix(self) -> &'static str {
        match self {
            Self::CheckpointV1 => ".checkpoint.json",
            Self::Checkpoint => ".checkpoint.jsonl",
            Self::Commit => ".json",
        }
    }

    /// The newest format of such files that this version reads. With 3 for checkpoints and 2 for commits trainings came,
    /// with 4 and 3 tables, views and schemas, with 5 and 4 users, groups, roles and grants, with 6 and 5 ends of passwords and purposes of
    /// IAM roles.
    pub(super) fn newest_format(self) -> u64 {
        match self {
            Self::CheckpointV1 => 1,
            Self::Commit => 5,
            Self::Checkpoint => 6,
        }
    }
}

/// A file of the log. Files are in the order in which a reader goes through them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct LogFile {
    /// The number of the commit that it is, or that it is the state after.
    pub(super) version: u64,
    /// What it holds.
    pub(super) kind: FileKind,
}

impl LogFile {
    /// The commit of that number.
    pub(super) fn commit(version: u64) -> Self {
        Self { version, kind: FileKind::Commit }
    }

    /// The state after the commit of that number.
    pub(super) fn checkpoint(version: u64) -> Self {
        Self { version, kind: FileKind::Checkpoint }
    }

    /// Whether it holds a state.
    pub(super) fn is_checkpoint(self) -> bool {
        self.kind != FileKind::Commit
    }

    /// The file of that name; `None` for files that are not of the log.
    fn parse(name: &str) -> Option<Self> {
        let (digits, suffix) = name.split_at_checked(20)?;
        let kind = FileKind::ALL.into_iter().find(|kind| kind.suffix() == suffix)?;
        let version = digits.bytes().all(|digit| digit.is_ascii_digit()).then(|| digits.parse().ok())??;
        Some(Self { version, kind })
    }

    fn name(self) -> String {
        format!("{:020}{}", self.version, self.kind.suffix())
    }
}

/// The content of [`HINT`].
#[derive(Serialize, Deserialize)]
struct Hint {
    version: u64,
}

/// The format of a file, whatever else is in it.
#[derive(Deserialize)]
struct Format {
    #[serde(default)]
    format_version: u64,
}

/// The folder `catalog` of a store.
#[derive(Debug)]
pub(super) struct Folder {
    root: StoreRoot,
    /// Where it is if that is on this machine.
    local: Option<PathBuf>,
}

impl Folder {
    /// The folder under `root`; it need not be there.
    pub(super) fn new(root: StoreRoot) -> Self {
        let local = root.url().to_file_path().ok().map(|folder| folder.join("catalog"));
        Self { root, local }
    }

    /// The root of the store, for messages.
    pub(super) fn url(&self) -> &url::Url {
        self.root.url()
    }

    /// The bytes of a file; `None` if it is not there.
    pub(super) async fn get(&self, file: LogFile) -> Result<Option<Bytes>> {
        if self.is_next_of_local(file) {
            return Ok(None);
        }
        let bytes = match self.root.store().get(&self.path(file)).await {
            Ok(object) => object.bytes().await,
            Err(e) => Err(e),
        };
        match bytes {
            Ok(bytes) => match key_id_of(&bytes) {
                Some(key) => Err(self.sealed(&key)),
                None => Ok(Some(bytes)),
            },
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(e) => Err(storage(format!("catalog file {} cannot be read: {}", self.describe(file), reason(&e)))),
        }
    }

    /// Whether it is the commit after the last one, in a folder of this machine: every statement asks for that one, and a
    /// store hands the question to another thread, which takes ten times as long as to look. That the commit before is
    /// there tells that the folder is the one that the store reads.
    fn is_next_of_local(&self, file: LogFile) -> bool {
        let Some(folder) = self.local.as_ref().filter(|_| !file.is_checkpoint() && file.version > 1) else {
            return false;
        };
        let there = |file: LogFile| folder.join(file.name()).try_exists();
        matches!((there(file), there(LogFile::commit(file.version - 1))), (Ok(false), Ok(true)))
    }

    /// Writes a new file; false if it is there already.
    pub(super) async fn create(&self, file: LogFile, bytes: Bytes) -> Result<bool> {
        let options = PutOptions { mode: PutMode::Create, ..Default::default() };
        match self.root.store().put_opts(&self.path(file), bytes.into(), options).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. }) => Ok(false),
            Err(e) => Err(self.not_written(&e)),
        }
    }

    /// The files of the log after the commit `version`, in order.
    pub(super) async fn list(&self, version: u64) -> Result<Vec<LogFile>> {
        let (folder, offset) = (self.root.path(&["catalog"]), self.path(LogFile::commit(version)));
        let listed = self.root.store().list_with_offset(Some(&folder), &offset);
        let files = listed.try_filter_map(|meta| future::ok(meta.location.filename().and_then(LogFile::parse)));
        match files.try_collect::<Vec<_>>().await {
            Ok(mut files) => {
                files.sort_unstable();
                Ok(files)
            }
            Err(object_store::Error::NotFound { .. }) => Ok(Vec::new()),
            Err(e) => Err(storage(format!("the catalog at {} cannot be read: {e}", self.url()))),
        }
    }

    /// Deletes files. What cannot be deleted stays, which is no error.
    pub(super) async fn delete(&self, files: &[LogFile]) {
        let paths: Vec<_> = files.iter().map(|file| Ok(self.path(*file))).collect();
        self.root.store().delete_stream(stream::iter(paths).boxed()).for_each(|_| future::ready(())).await;
    }

    /// The version of the newest checkpoint, to the knowledge of who wrote it; `None` if that cannot be read.
    pub(super) async fn hint(&self) -> Option<u64> {
        let object = self.root.store().get(&self.hint_path()).await.ok()?;
        let hint: Hint = serde_json::from_slice(&object.bytes().await.ok()?).ok()?;
        Some(hint.version)
    }

    /// Says that the checkpoint of that version is the newest.
    pub(super) async fn put_hint(&self, version: u64) -> Result<()> {
        let bytes = serde_json::to_vec(&Hint { version }).map_err(|e| external(Error::internal(e.to_string())))?;
        let written = self.root.store().put(&self.hint_path(), bytes.into()).await;
        written.map(drop).map_err(|e| self.not_written(&e))
    }

    /// Fails if `json`, the (beginning of the) content of `file`, is of a format that only a later version reads.
    pub(super) fn check_format(&self, file: LogFile, json: &[u8]) -> Result<()> {
        let mut values = serde_json::Deserializer::from_slice(json).into_iter::<Format>();
        let found = match values.next() {
            Some(Ok(format)) => format.format_version,
            Some(Err(e)) => return Err(self.damaged(file, &e)),
            None => return Err(self.damaged(file, &"it is empty")),
        };
        let readable = file.kind.newest_format();
        if found <= readable {
            return Ok(());
        }
        Err(external(Error::new(
            ErrorKind::Incompatible,
            format!(
                "catalog file {} has format {found}, but this version of datafusion-ml reads formats up to {readable}; \
                 upgrade datafusion-ml",
                self.describe(file)
            ),
        )))
    }

    /// The error for a file whose content is not what it should be.
    pub(super) fn damaged(&self, file: LogFile, reason: &dyn std::fmt::Display) -> DataFusionError {
        damaged(&self.describe(file), reason)
    }

    /// Name and place of a file, for messages.
    pub(super) fn describe(&self, file: LogFile) -> String {
        format!("{} at {}", self.path(file), self.url())
    }

    /// The error for a store that is sealed where no key was given.
    fn sealed(&self, key: &str) -> DataFusionError {
        storage(format!(
            "the store at {} is sealed with key {key}, and no key was given; open it with that key (DFML_KEY, --key-file)",
            self.url()
        ))
    }

    fn not_written(&self, reason: &object_store::Error) -> DataFusionError {
        storage(format!("the catalog at {} cannot be written: {reason}", self.url()))
    }

    /// Where a file is, in the store.
    pub(super) fn path(&self, file: LogFile) -> Path {
        self.root.path(&["catalog", &file.name()])
    }

    fn hint_path(&self) -> Path {
        self.root.path(&["catalog", HINT])
    }
}

/// The error for a file, as [`Folder::describe`] names it, whose content is not what it should be.
pub(super) fn damaged(file: &str, reason: &dyn std::fmt::Display) -> DataFusionError {
    storage(format!("catalog file {file} is damaged: {reason}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_log_are_told_from_others() {
        for file in FileKind::ALL.map(|kind| LogFile { version: 64, kind }) {
            assert_eq!(LogFile::parse(&file.name()), Some(file));
        }
        for other in ["last_checkpoint.json", "64.json", "00000000000000000064.txt", "+0000000000000000064.json", "ü"]
        {
            assert_eq!(LogFile::parse(other), None, "{other}");
        }
    }
}
