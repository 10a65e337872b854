//! The commit log: reading what is new, and committing against it.

use std::sync::Arc;

use datafusion::error::Result;
use datafusion_ml_core::{Error, ErrorKind};
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectStoreExt, PutMode, PutOptions};
use parking_lot::RwLock;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::entry::{Action, ModelEntry};
use super::state::CatalogState;
use crate::error::{external, storage};
use crate::store::StoreRoot;

/// The format that this version writes. It reads every format up to this one.
const FORMAT_VERSION: u64 = 1;

/// The state is written beside the log after every this many commits.
const CHECKPOINT_INTERVAL: u64 = 64;

/// So many lost races in a row are reported as a conflict.
const MAX_ATTEMPTS: usize = 100;

/// The catalog of one store: the state as last read, and the way to read on and to commit.
#[derive(Debug)]
pub struct Catalog {
    root: StoreRoot,
    state: RwLock<Arc<CatalogState>>,
}

/// The content of a commit file.
#[derive(Serialize, Deserialize)]
struct Commit {
    format_version: u64,
    actions: Vec<Action>,
}

/// The content of a checkpoint file: the state as of the commit of the same number.
#[derive(Serialize, Deserialize)]
struct Checkpoint {
    format_version: u64,
    models: Vec<ModelEntry>,
}

/// A file of the log.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum LogFile {
    Checkpoint,
    Commit,
}

impl Catalog {
    /// The catalog under `root`; nothing is read yet, and nothing need be there.
    pub fn new(root: StoreRoot) -> Self {
        Self { root, state: RwLock::new(Arc::default()) }
    }

    /// The state as last read.
    pub fn cached(&self) -> Arc<CatalogState> {
        Arc::clone(&self.state.read())
    }

    /// Reads the commits that are newer than the state last read.
    pub async fn refresh(&self) -> Result<Arc<CatalogState>> {
        let mut state = self.cached();
        let files = self.newer_files(state.version()).await?;
        let checkpoint = files.iter().rev().find(|(_, kind, _)| *kind == LogFile::Checkpoint);
        if let Some((version, _, path)) = checkpoint {
            let checkpoint: Checkpoint = self.read(path).await?;
            state = Arc::new(CatalogState::new(*version, checkpoint.models));
        }
        for (version, kind, path) in &files {
            if *kind == LogFile::Checkpoint || *version <= state.version() {
                continue;
            }
            if *version != state.version() + 1 {
                return Err(storage(format!(
                    "the catalog log at {} has a gap: commit {} is missing before {path}; restore the file",
                    self.root.url(),
                    state.version() + 1
                )));
            }
            let commit: Commit = self.read(path).await?;
            state = Arc::new(state.apply(commit.actions));
        }
        let mut current = self.state.write();
        if state.version() > current.version() {
            *current = Arc::clone(&state);
        }
        Ok(Arc::clone(&current))
    }

    /// Commits what `decide` makes of the newest state, or nothing if it makes nothing of it. If somebody else commits
    /// first, `decide` is asked again with the state after that. Gives the state after the commit.
    pub async fn commit(
        &self,
        mut decide: impl FnMut(&CatalogState) -> Result<Vec<Action>>,
    ) -> Result<Arc<CatalogState>> {
        for _ in 0..MAX_ATTEMPTS {
            let state = self.refresh().await?;
            let actions = decide(&state)?;
            if actions.is_empty() {
                return Ok(state);
            }
            let version = state.version() + 1;
            let commit = Commit { format_version: FORMAT_VERSION, actions };
            let path = self.root.path(&["catalog", &format!("{version:020}.json")]);
            if self.create(&path, &commit).await? {
                let state = self.refresh().await?;
                if version % CHECKPOINT_INTERVAL == 0 {
                    self.write_checkpoint(version).await;
                }
                return Ok(state);
            }
        }
        Err(external(Error::new(
            ErrorKind::Conflict,
            format!(
                "the catalog at {} is being changed by others without pause; run the statement again",
                self.root.url()
            ),
        )))
    }

    /// The files of the log after `version`, in order, a checkpoint before the commit of the same number.
    async fn newer_files(&self, version: u64) -> Result<Vec<(u64, LogFile, Path)>> {
        let folder = self.root.path(&["catalog"]);
        let offset = self.root.path(&["catalog", &format!("{version:020}.json")]);
        let listed: Vec<_> = match self.root.store().list_with_offset(Some(&folder), &offset).try_collect().await {
            Ok(listed) => listed,
            Err(object_store::Error::NotFound { .. }) => Vec::new(),
            Err(e) => return Err(storage(format!("the catalog at {} cannot be read: {e}", self.root.url()))),
        };
        let mut files: Vec<(u64, LogFile, Path)> =
            listed.into_iter().filter_map(|meta| log_file(meta.location)).collect();
        files.sort_unstable_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
        Ok(files)
    }

    /// Writes a new file; false if it is there already.
    async fn create(&self, path: &Path, content: &impl Serialize) -> Result<bool> {
        let bytes = serde_json::to_vec_pretty(content).map_err(|e| external(Error::internal(e.to_string())))?;
        let options = PutOptions { mode: PutMode::Create, ..Default::default() };
        match self.root.store().put_opts(path, bytes.into(), options).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. }) => Ok(false),
            Err(e) => Err(storage(format!("the catalog at {} cannot be written: {e}", self.root.url()))),
        }
    }

    /// Writes the state beside the log. A checkpoint only saves time, so failing to write one is no error.
    async fn write_checkpoint(&self, version: u64) {
        let state = self.cached();
        if state.version() != version {
            return;
        }
        let models = state.models().map(|entry| ModelEntry::clone(entry)).collect();
        let path = self.root.path(&["catalog", &format!("{version:020}.checkpoint.json")]);
        let _ = self.create(&path, &Checkpoint { format_version: FORMAT_VERSION, models }).await;
    }

    async fn read<T: DeserializeOwned>(&self, path: &Path) -> Result<T> {
        let damaged =
            |e: &dyn std::fmt::Display| storage(format!("catalog file {path} at {} is damaged: {e}", self.root.url()));
        let object = self.root.store().get(path).await.map_err(|e| damaged(&e))?;
        let bytes = object.bytes().await.map_err(|e| damaged(&e))?;
        let value: serde_json::Value = serde_json::from_slice(&bytes).map_err(|e| damaged(&e))?;
        let version = value.get("format_version").and_then(serde_json::Value::as_u64).unwrap_or(0);
        if version > FORMAT_VERSION {
            return Err(external(Error::new(
                ErrorKind::Incompatible,
                format!(
                    "catalog file {path} at {} has format {version}, but this version of datafusion-ml reads formats up \
                     to {FORMAT_VERSION}; upgrade datafusion-ml",
                    self.root.url()
                ),
            )));
        }
        serde_json::from_value(value).map_err(|e| damaged(&e))
    }
}

/// Version and kind of a file of the log; `None` for files that are not of the log.
fn log_file(path: Path) -> Option<(u64, LogFile, Path)> {
    let name = path.filename()?;
    let (digits, kind) = match name.strip_suffix(".checkpoint.json") {
        Some(digits) => (digits, LogFile::Checkpoint),
        None => (name.strip_suffix(".json")?, LogFile::Commit),
    };
    let version = (digits.len() == 20).then(|| digits.parse().ok())??;
    Some((version, kind, path))
}
