//! What surrounds a fit in a session: threads, progress, cancellation, deadline and memory.

use std::fmt::Debug;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use datafusion::execution::TaskContext;
use datafusion::execution::disk_manager::DiskManager;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion_ml_core::{Error, FitContext, Result, RoundRecord};
use parking_lot::Mutex;

/// Somebody who watches models being trained; called from the training thread.
pub trait TrainingProgress: Debug + Send + Sync {
    /// `done` goes from 0 to 1; `step` says where training is (`round 12 of 100`); `metric` is a name and a value.
    fn update(&self, model: &str, done: f64, step: &str, metric: Option<(&str, f64)>);

    /// Training has ended, well or not.
    fn finish(&self, model: &str);
}

/// Tells the training thread to stop when the future that waits for it is dropped.
#[derive(Debug, Default)]
pub(super) struct CancelOnDrop(Arc<AtomicBool>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The context of one CREATE MODEL.
#[derive(Debug)]
pub(super) struct SessionFitContext {
    model: String,
    seed: u64,
    threads: usize,
    deadline: Option<Instant>,
    cancelled: Arc<AtomicBool>,
    progress: Option<Arc<dyn TrainingProgress>>,
    /// What the fit reserved; given back when the fit is done.
    reservation: Mutex<MemoryReservation>,
    disk: Arc<DiskManager>,
    rounds: Mutex<Vec<RoundRecord>>,
    /// What is said before the steps of a fit that is a part of the whole, and which part it is.
    stage: (&'static str, Range<f64>),
    /// How far training was said to be: it does not go back.
    reached: Mutex<f64>,
}

impl SessionFitContext {
    pub(super) fn new(
        model: String,
        seed: u64,
        threads: usize,
        progress: Option<Arc<dyn TrainingProgress>>,
        cancel: &CancelOnDrop,
        task: &TaskContext,
    ) -> Self {
        let reservation = MemoryConsumer::new(format!("CREATE MODEL {model}")).register(task.memory_pool());
        Self {
            model,
            seed,
            threads,
            deadline: None,
            cancelled: Arc::clone(&cancel.0),
            progress,
            reservation: Mutex::new(reservation),
            disk: Arc::clone(&task.runtime_env().disk_manager),
            rounds: Mutex::default(),
            stage: ("", 0.0..1.0),
            reached: Mutex::default(),
        }
    }

    /// Sets when the next fit has to stop.
    pub(super) fn set_deadline(&mut self, deadline: Option<Instant>) {
        self.deadline = deadline;
    }

    /// Sets which part of the whole the next fit is, and what to say before its steps.
    pub(super) fn set_stage(&mut self, name: &'static str, part: Range<f64>) {
        self.stage = (name, part);
    }

    /// Forgets the rounds of a fit that is not kept.
    pub(super) fn forget_rounds(&self) {
        self.rounds.lock().clear();
    }

    /// The rounds of the fits since then.
    pub(super) fn take_rounds(&self) -> Vec<RoundRecord> {
        std::mem::take(&mut self.rounds.lock())
    }

    /// Gives back what the last fit reserved.
    pub(super) fn free(&self) {
        self.reservation.lock().free();
    }
}

impl FitContext for SessionFitContext {
    fn seed(&self) -> u64 {
        self.seed
    }

    fn threads(&self) -> usize {
        self.threads
    }

    fn progress(&self, done: f64, step: &str, metric: Option<(&str, f64)>) {
        if let Some(progress) = &self.progress {
            let (name, part) = &self.stage;
            let mut reached = self.reached.lock();
            *reached = reached.max(part.start + (part.end - part.start) * done.clamp(0.0, 1.0));
            progress.update(&self.model, *reached, &format!("{name}{step}"), metric);
        }
    }

    fn record(&self, step: usize, metrics: &[(&str, f64)]) {
        let metrics = metrics.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
        self.rounds.lock().push(RoundRecord { round: step as u64, metrics });
    }

    fn checkpoint(&self) -> Result<()> {
        if self.cancelled.load(Ordering::Relaxed) { Err(Error::cancelled()) } else { Ok(()) }
    }

    fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    fn reserve(&self, bytes: usize) -> Result<()> {
        self.reservation.lock().try_grow(bytes).map_err(|e| {
            Error::data(format!(
                "training needs more memory than the session allows: {}; raise the memory limit, or train on fewer rows \
                 (MAX_CELLS) or columns",
                e.strip_backtrace()
            ))
        })
    }

    fn release(&self, bytes: usize) {
        let reservation = self.reservation.lock();
        let bytes = bytes.min(reservation.size());
        reservation.shrink(bytes);
    }

    /// Where the session spills to.
    fn scratch_dir(&self) -> Option<PathBuf> {
        // The folder is made with its first file.
        let file = self.disk.create_tmp_file("CREATE MODEL").ok()?;
        file.path().and_then(Path::parent).map(Path::to_owned)
    }
}

impl Drop for SessionFitContext {
    fn drop(&mut self) {
        if let Some(progress) = &self.progress {
            progress.finish(&self.model);
        }
    }
}
