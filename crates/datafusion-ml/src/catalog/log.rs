//! The commit log: reading what is new, and committing against it.

use std::cell::Cell;
use std::sync::Arc;

use datafusion::error::{DataFusionError, Result};
use datafusion_ml_core::{Error, ErrorKind};
use futures::future::try_join_all;
use parking_lot::RwLock;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::checkpoint;
use super::entry::Action;
use super::folder::{Folder, LogFile};
use super::state::CatalogState;
use crate::background::unix_seconds;
use crate::error::{external, storage};
use crate::store::{StoreRoot, hex};

/// The state is written beside the log after every this many commits.
const CHECKPOINT_INTERVAL: u64 = 64;

/// So many commits are read at once where several are expected.
const READ_AHEAD: u64 = 32;

/// So many lost races in a row are reported as a conflict.
const MAX_ATTEMPTS: usize = 100;

tokio::task_local! {
    /// The catalog that the statement which runs in this task has read, by its address.
    static READ: Cell<usize>;
}

/// Runs a statement, for which [`Catalog::refresh`] reads once. What it commits is decided on the newest state nevertheless.
pub(crate) fn reading_once<F: Future>(statement: F) -> impl Future<Output = F::Output> {
    READ.scope(Cell::new(0), statement)
}

/// The catalog of one store: the state as last read, and the way to read on and to commit.
#[derive(Debug)]
pub struct Catalog {
    folder: Folder,
    state: RwLock<Arc<CatalogState>>,
}

/// The content of a commit file. Earlier versions did not write who committed, and when.
#[derive(Serialize, Deserialize)]
struct Commit {
    format_version: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    by: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    at: Option<i64>,
    /// What the statement did, where the actions do not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    statement: Option<String>,
    /// The digest of the commit before, where it was known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    previous: Option<String>,
    actions: Vec<Action>,
}

/// A commit, and the digest of its bytes.
struct Written {
    commit: Commit,
    digest: String,
}

/// A commit of the log.
#[derive(Debug, Clone, PartialEq)]
pub struct CommitEntry {
    /// Its number, from 1.
    pub version: u64,
    /// The name of who committed, if that is known.
    pub by: Option<String>,
    /// When, in seconds since 1970-01-01 UTC, if that is known.
    pub at: Option<i64>,
    /// What the statement did to the rows of a table: `INSERT`, `COPY`, `UPDATE`, `DELETE`, `TRUNCATE`.
    pub statement: Option<String>,
    /// What was changed.
    pub actions: Vec<Action>,
}

impl Catalog {
    /// The catalog under `root`; nothing is read yet, and nothing need be there.
    pub fn new(root: StoreRoot) -> Self {
        Self { folder: Folder::new(root), state: RwLock::new(Arc::default()) }
    }

    /// The state as last read.
    pub fn cached(&self) -> Arc<CatalogState> {
        Arc::clone(&self.state.read())
    }

    /// [`Catalog::refresh_now`], but once for each statement.
    pub async fn refresh(&self) -> Result<Arc<CatalogState>> {
        let address = std::ptr::from_ref(self) as usize;
        if READ.try_with(Cell::get) == Ok(address) {
            return Ok(self.cached());
        }
        let state = self.refresh_now().await?;
        let _ = READ.try_with(|read| read.set(address));
        Ok(state)
    }

    /// Reads the commits that are newer than the state last read: one request if there are none.
    ///
    /// Fails if a file is damaged or of a later format, or if a commit is seen to be missing before a later one.
    pub async fn refresh_now(&self) -> Result<Arc<CatalogState>> {
        let mut version = self.state.read().version();
        let mut count = 1;
        if version == 0 {
            version = self.open().await?;
            count = if version == 0 { 1 } else { READ_AHEAD };
        }
        loop {
            let commits = self.read_commits(version + 1, count).await?;
            let is_last = (commits.len() as u64) < count;
            self.apply(version, commits)?;
            if is_last {
                return Ok(self.cached());
            }
            version += count;
            count = READ_AHEAD;
        }
    }

    /// Every commit, from the first on.
    ///
    /// Fails if one is missing, damaged, or of a later format.
    pub async fn history(&self) -> Result<Vec<CommitEntry>> {
        let mut history = Vec::new();
        loop {
            let first = history.len() as u64 + 1;
            let commits = self.read_commits(first, READ_AHEAD).await?;
            let is_last = (commits.len() as u64) < READ_AHEAD;
            history.extend(commits.into_iter().zip(first..).map(|(commit, version)| {
                let Commit { by, at, statement, actions, .. } = commit.commit;
                CommitEntry { version, by, at, statement, actions }
            }));
            if is_last {
                return Ok(history);
            }
        }
    }

    /// [`Catalog::commit_by`], in nobody's name.
    pub async fn commit(&self, decide: impl FnMut(&CatalogState) -> Result<Vec<Action>>) -> Result<Arc<CatalogState>> {
        self.commit_by(None, None, decide).await
    }

    /// Commits what `decide` makes of the newest state, or nothing if it makes nothing of it, in the name of `by`, by that
    /// statement if its actions do not say what it did. If somebody else commits first, `decide` is asked again with the state after that. Gives the state after the commit.
    pub async fn commit_by(
        &self,
        by: Option<&str>,
        statement: Option<&str>,
        mut decide: impl FnMut(&CatalogState) -> Result<Vec<Action>>,
    ) -> Result<Arc<CatalogState>> {
        for _ in 0..MAX_ATTEMPTS {
            let state = self.refresh_now().await?;
            let actions = decide(&state)?;
            if actions.is_empty() {
                return Ok(state);
            }
            let (file, previous) = (LogFile::commit(state.version() + 1), state.last_commit().map(str::to_owned));
            drop(state);
            let later = self.folder.list(file.version - 1).await?.into_iter().next();
            self.check_no_gap(file, later).await?;
            let format_version = actions.iter().map(Action::format).max().unwrap_or(1);
            let (by, statement, at) = (by.map(str::to_owned), statement.map(str::to_owned), Some(unix_seconds()));
            let commit = Commit { format_version, by, at, statement, previous, actions };
            let internal = |e: serde_json::Error| external(Error::internal(format!("{e}, in a commit of the catalog")));
            let bytes = serde_json::to_vec_pretty(&commit).map_err(internal)?;
            // What cannot be read back must not get into the log.
            let commit = serde_json::from_slice(&bytes).map_err(internal)?;
            let digest = digest(&bytes);
            if self.folder.create(file, bytes.into()).await? {
                self.apply(file.version - 1, vec![Written { commit, digest }])?;
                let state = self.cached();
                if file.version.is_multiple_of(CHECKPOINT_INTERVAL) {
                    // A checkpoint only saves time, so failing to write one is no error.
                    let _ = self.write_checkpoint(&state).await;
                }
                return Ok(state);
            }
        }
        Err(self.conflict())
    }

    /// Starts from the newest checkpoint, if there is one, and gives its version. The hint saves listing the folder; it
    /// may be missing, or name a checkpoint that has been deleted because there are newer ones.
    async fn open(&self) -> Result<u64> {
        if let Some(version) = self.folder.hint().await
            && let Some(version) = self.open_checkpoint(LogFile::checkpoint(version)).await?
        {
            return Ok(version);
        }
        for _ in 0..MAX_ATTEMPTS {
            let files = self.folder.list(0).await?;
            let version = match files.iter().rev().find(|file| file.is_checkpoint()) {
                Some(file) => self.open_checkpoint(*file).await?,
                None => Some(0),
            };
            if let Some(version) = version {
                let later = files.into_iter().find(|file| file.version > version);
                self.check_no_gap(LogFile::commit(version + 1), later).await?;
                return Ok(version);
            }
        }
        Err(self.conflict())
    }

    /// Takes the state over from a checkpoint and gives its version; `None` if the file is not there.
    async fn open_checkpoint(&self, file: LogFile) -> Result<Option<u64>> {
        let Some(bytes) = self.folder.get(file).await? else { return Ok(None) };
        let state = checkpoint::decode(&self.folder, file, &bytes)?;
        let mut current = self.state.write();
        if state.version() > current.version() {
            *current = Arc::new(state);
        }
        Ok(Some(file.version))
    }

    /// Reads `count` commits from `first` on, all at once; gives those before the first that does not exist.
    async fn read_commits(&self, first: u64, count: u64) -> Result<Vec<Written>> {
        let files = (first..first + count).map(LogFile::commit);
        let mut commits = try_join_all(files.clone().map(|file| self.read_commit(file))).await?;
        for (position, file) in files.clone().enumerate() {
            match files.clone().skip(position).find(|later| commits[(later.version - first) as usize].is_some()) {
                None => break,
                // Either both were written while we were reading, or this one is missing.
                Some(later) if later != file => {
                    let commit = self.read_commit(file).await?;
                    commits[position] = Some(commit.ok_or_else(|| self.gap(file, later))?);
                }
                Some(_) => {}
            }
        }
        Ok(commits.into_iter().map_while(|commit| commit).collect())
    }

    async fn read_commit(&self, file: LogFile) -> Result<Option<Written>> {
        let bytes = self.folder.get(file).await?;
        bytes.map(|bytes| self.parse_commit(file, &bytes)).transpose()
    }

    fn parse_commit(&self, file: LogFile, bytes: &[u8]) -> Result<Written> {
        self.folder.check_format(file, bytes)?;
        let commit = serde_json::from_slice(bytes).map_err(|e| self.folder.damaged(file, &e))?;
        Ok(Written { commit, digest: digest(bytes) })
    }

    /// Takes in the commits that follow `version`, as far as that has not been done meanwhile. Fails at one that was written
    /// after another commit than the one before it.
    fn apply(&self, version: u64, commits: Vec<Written>) -> Result<()> {
        let mut current = self.state.write();
        let known = (current.version() - version) as usize;
        if known >= commits.len() {
            return Ok(());
        }
        let state = Arc::make_mut(&mut current);
        for Written { commit, digest } in commits.into_iter().skip(known) {
            if let (Some(before), Some(previous)) = (state.last_commit(), &commit.previous)
                && before != previous
            {
                let file = LogFile::commit(state.version() + 1);
                let reason = "it was not written after the commit that is before it, which has been altered, or this one was \
                    copied from elsewhere; restore both";
                return Err(self.folder.damaged(file, &reason));
            }
            state.apply(commit.actions, digest);
        }
        Ok(())
    }

    /// Writes the state beside the log, points to it, and deletes older checkpoints but for one, which readers may just
    /// have been pointed to.
    async fn write_checkpoint(&self, state: &CatalogState) -> Result<()> {
        let version = state.version();
        self.folder.create(LogFile::checkpoint(version), checkpoint::encode(state)?).await?;
        self.folder.put_hint(version).await?;
        let mut older = self.folder.list(0).await?;
        older.retain(|file| file.is_checkpoint() && file.version < version);
        older.pop();
        self.folder.delete(&older).await;
        Ok(())
    }

    /// Fails if `later` exists although `next`, the commit that comes before it, does not: to create that would forge
    /// history. A listing is no snapshot, so the one that was not in it is looked for again.
    async fn check_no_gap(&self, next: LogFile, later: Option<LogFile>) -> Result<()> {
        match later {
            Some(later) if later != next && self.folder.get(next).await?.is_none() => Err(self.gap(next, later)),
            _ => Ok(()),
        }
    }

    fn gap(&self, missing: LogFile, later: LogFile) -> DataFusionError {
        storage(format!(
            "the catalog log at {} has a gap: commit {} is missing before {}; restore the file",
            self.folder.url(),
            missing.version,
            self.folder.path(later)
        ))
    }

    fn conflict(&self) -> DataFusionError {
        external(Error::new(
            ErrorKind::Conflict,
            format!(
                "the catalog at {} is being changed by others without pause; run the statement again",
                self.folder.url()
            ),
        ))
    }
}

fn digest(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}
