//! The trainings that run in this session.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::error::{DataFusionError, Result};
use parking_lot::Mutex;
use tokio::sync::{oneshot, watch};

use super::lease::Progress;
use crate::catalog::{CatalogState, ModelName, TrainingEntry};
use crate::train::TrainingProgress;

/// What is trained in the background of a session.
#[derive(Debug, Default)]
pub(crate) struct Trainings {
    board: watch::Sender<Board>,
}

#[derive(Debug, Default)]
struct Board {
    /// By the number of the training.
    running: BTreeMap<u64, Running>,
    /// Those that failed, until somebody asks or the failure is done with.
    failures: Vec<Failure>,
}

#[derive(Debug)]
struct Running {
    name: ModelName,
    progress: Arc<Latest>,
    /// Dropped to cancel the training; `None` once that has been done.
    wanted: Option<oneshot::Sender<()>>,
}

#[derive(Debug)]
struct Failure {
    id: u64,
    name: ModelName,
    error: DataFusionError,
}

/// Keeps what a training reported last.
#[derive(Debug, Default)]
pub(super) struct Latest(Mutex<Option<Progress>>);

impl Latest {
    pub(super) fn get(&self) -> Option<Progress> {
        self.0.lock().clone()
    }
}

impl TrainingProgress for Latest {
    fn update(&self, _: &str, done: f64, step: &str, metric: Option<(&str, f64)>) {
        *self.0.lock() = Some(Progress::new(done, step, metric));
    }

    fn finish(&self, _: &str) {}
}

/// A training's place on the board, until it is dropped.
pub(crate) struct Place<'a> {
    trainings: &'a Trainings,
    pub(super) entry: Arc<TrainingEntry>,
    pub(super) progress: Arc<Latest>,
    /// Ready as soon as the training is cancelled.
    pub(super) cancelled: oneshot::Receiver<()>,
}

impl Place<'_> {
    /// Where the training reports how far it is.
    pub(crate) fn progress(&self) -> Arc<dyn TrainingProgress> {
        Arc::clone(&self.progress) as _
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.trainings.board.send_modify(|board| drop(board.running.remove(&self.entry.id)));
    }
}

impl Trainings {
    /// Notes that a training runs.
    pub(crate) fn enter(&self, entry: Arc<TrainingEntry>) -> Place<'_> {
        let (wanted, cancelled) = oneshot::channel();
        let progress = Arc::<Latest>::default();
        let running = Running { name: entry.name.clone(), progress: Arc::clone(&progress), wanted: Some(wanted) };
        self.board.send_modify(|board| drop(board.running.insert(entry.id, running)));
        Place { trainings: self, entry, progress, cancelled }
    }

    /// Notes why a training failed.
    pub(super) fn failed(&self, training: &TrainingEntry, error: DataFusionError) {
        let failure = Failure { id: training.id, name: training.name.clone(), error };
        self.board.send_modify(|board| board.failures.push(failure));
    }

    /// The progress of a training, if it runs here.
    pub(super) fn progress(&self, id: u64) -> Option<Option<Progress>> {
        self.board.borrow().running.get(&id).map(|running| running.progress.get())
    }

    /// Cancels what is not to be trained any more, since its model was dropped or is made by another statement, and
    /// forgets failures that were dropped or replaced.
    pub(crate) fn cancel_unwanted(&self, state: &CatalogState) {
        self.board.send_modify(|board| {
            for (id, running) in &mut board.running {
                if !is_wanted(state, &running.name, *id) {
                    running.wanted = None;
                }
            }
            board.failures.retain(|Failure { name, id, .. }| state.training(name).is_some_and(|other| other.id == *id));
        });
    }

    /// The names of the models.
    pub(crate) fn names(&self) -> Vec<ModelName> {
        self.board.borrow().running.values().map(|running| running.name.clone()).collect()
    }

    /// Waits until none is left; fails if one has failed since this was last asked.
    pub(crate) async fn finish(&self) -> Result<()> {
        let mut changes = self.board.subscribe();
        // The sender lives as long as `self`.
        let _ = changes.wait_for(|board| board.running.is_empty()).await;
        let mut failures = Vec::new();
        self.board.send_modify(|board| failures = std::mem::take(&mut board.failures));
        let mut errors: Vec<_> = failures.into_iter().map(|failure| failure.error).collect();
        match errors.len() {
            0 | 1 => errors.pop().map_or(Ok(()), Err),
            _ => Err(DataFusionError::Collection(errors)),
        }
    }
}

/// Whether the training of that number may still give the model of that name.
pub(crate) fn is_wanted(state: &CatalogState, name: &ModelName, id: u64) -> bool {
    state.training(name).is_some_and(|training| training.id == id && training.failure.is_none())
}
