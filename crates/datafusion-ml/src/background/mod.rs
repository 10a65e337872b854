//! Trainings in the background: running them, and telling how far they are.
//!
//! With `SET ml.background_training = true` CREATE MODEL returns when its rows have been read. The catalog then records a
//! [`TrainingEntry`], and a task of the runtime trains on: it keeps itself on a board of the session ([`Trainings`]), by
//! which statements of the session see its progress and cancel it; and it writes a lease beside the catalog every few
//! seconds ([`Lease`]), by which other processes see that it lives. In the end it commits the model or why there is none.
//!
//! Whether a training still runs is thus never a matter of the catalog alone: it is observed ([`find_training`]). One whose
//! process has ended, or whose lease is old, was interrupted, and is told of as failed.

mod lease;
mod process;
mod running;

use std::sync::Arc;

use datafusion::common::exec_datafusion_err;
use datafusion::error::Result;
use tokio::sync::Notify;

use self::lease::{HEARTBEAT, LEASE_SECONDS};
pub(crate) use self::lease::{Lease, Progress, unix_seconds};
pub use self::process::Process;
use self::running::{Latest, Place};
pub(crate) use self::running::{Trainings, is_wanted};
use crate::catalog::{Action, CatalogState, TrainingEntry};
use crate::error::find_error;
use crate::session::MlSession;

/// What has become of a training.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum TrainingStatus {
    /// It runs; how far it is, as far as is known.
    Running(Option<Progress>),
    /// It has failed, for this reason.
    Failed(String),
    /// It has ended without a word, for this reason.
    Interrupted(String),
}

impl TrainingStatus {
    /// Why there will be no model, if there will be none.
    pub(crate) fn failure(&self) -> Option<String> {
        match self {
            Self::Running(_) => None,
            Self::Failed(reason) => Some(reason.clone()),
            Self::Interrupted(reason) => Some(format!("interrupted: {reason}")),
        }
    }
}

/// A training of the catalog, as it is now.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Training {
    pub(crate) entry: Arc<TrainingEntry>,
    pub(crate) status: TrainingStatus,
}

/// The newest state of the catalog, and what has become of the training that `find` finds in it.
pub(crate) async fn find_training(
    session: &MlSession,
    find: impl Fn(&CatalogState) -> Option<&Arc<TrainingEntry>>,
) -> Result<(Arc<CatalogState>, Option<Training>)> {
    let mut state = session.shared.catalog.refresh().await?;
    while let Some(entry) = find(&state).cloned() {
        let status = observe(session, &entry).await?;
        if let TrainingStatus::Interrupted(_) = status {
            // It may have ended well while we were looking. Then the catalog tells, which comes before its end.
            let newest = session.shared.catalog.refresh_now().await?;
            if find(&newest) != Some(&entry) {
                state = newest;
                continue;
            }
        }
        return Ok((state, Some(Training { entry, status })));
    }
    Ok((state, None))
}

async fn observe(session: &MlSession, entry: &TrainingEntry) -> Result<TrainingStatus> {
    if let Some(reason) = &entry.failure {
        return Ok(TrainingStatus::Failed(reason.clone()));
    }
    if let Some(progress) = session.shared.trainings.progress(entry.id) {
        return Ok(TrainingStatus::Running(progress));
    }
    if entry.process.as_ref().is_some_and(Process::has_ended) {
        return Ok(TrainingStatus::Interrupted("the process that trained it has ended".to_owned()));
    }
    let lease = session.shared.root.get_lease(entry.id).await?;
    let silence = unix_seconds() - lease.as_ref().map_or(entry.created_at, |lease| lease.heartbeat);
    if silence > LEASE_SECONDS {
        let reason = format!("what trained it has given no sign of life for {silence} seconds");
        return Ok(TrainingStatus::Interrupted(reason));
    }
    Ok(TrainingStatus::Running(lease.and_then(|lease| lease.progress)))
}

/// Sees a training through: `train` fits and commits the model. Ends early when that is not wanted any more.
pub(crate) async fn see_through(session: &MlSession, mut place: Place<'_>, train: impl Future<Output = Result<()>>) {
    let Place { entry, progress, cancelled, .. } = &mut place;
    let (unwanted, ended) = (Notify::new(), Notify::new());
    let training = async {
        let outcome = tokio::select! {
            outcome = train => outcome,
            _ = cancelled => Ok(()),
            () = unwanted.notified() => Ok(()),
        };
        ended.notify_one();
        outcome
    };
    // A lease that is being written is written to the end, or it might be there after it was deleted.
    let (outcome, ()) = tokio::join!(training, beat(session, entry, progress, &unwanted, &ended));
    let shared = &session.shared;
    if let Err(error) = outcome {
        let reason = find_error(&error).map_or_else(|| error.strip_backtrace(), ToString::to_string);
        // If this cannot be written either, the lease tells before long.
        if fail(session, entry, &reason).await.unwrap_or(true) {
            shared.trainings.failed(entry, exec_datafusion_err!("model {} was not trained: {reason}", entry.name));
        }
    }
    shared.root.delete_lease(entry.id).await;
}

/// Gives signs of life until training has ended, and tells when it is not wanted any more.
async fn beat(session: &MlSession, entry: &TrainingEntry, progress: &Latest, unwanted: &Notify, ended: &Notify) {
    let shared = &session.shared;
    let mut ticks = tokio::time::interval(HEARTBEAT);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = ended.notified() => return,
        }
        let lease = Lease { heartbeat: unix_seconds(), progress: progress.get() };
        // Both may fail for a moment, as stores do. What matters in the end is whether the model can be committed.
        let _ = shared.root.put_lease(entry.id, &lease).await;
        if let Ok(state) = shared.catalog.refresh().await
            && !is_wanted(&state, &entry.name, entry.id)
        {
            unwanted.notify_one();
        }
    }
}

/// Records that a training has failed, unless it is not wanted any more; gives whether it was.
async fn fail(session: &MlSession, entry: &TrainingEntry, reason: &str) -> Result<bool> {
    let mut wanted = false;
    let failed = TrainingEntry { failure: Some(reason.to_owned()), ..entry.clone() };
    let decide = |state: &CatalogState| {
        wanted = is_wanted(state, &entry.name, entry.id);
        Ok(if wanted { vec![Action::PutTraining(Box::new(failed.clone()))] } else { Vec::new() })
    };
    session.shared.catalog.commit_by(Some(&entry.owner), None, decide).await?;
    Ok(wanted)
}
