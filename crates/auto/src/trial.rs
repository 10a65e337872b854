//! Fits of a search: each in a scope of its own, several side by side where the rows are few.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use datafusion_ml_core::{
    Algorithm, Error, ErrorKind, FitContext, FitRequest, Model, Options, RawOutputs, Result, RoundRecord, Task,
    TrainingData, WithValidation,
};

/// More cells than this are learned from by all threads together, one fit after the other.
const CELLS_SIDE_BY_SIDE: usize = 4_000_000;

/// What surrounds one fit: a seed, threads and a deadline of its own. What it reserves is given back when it ends.
pub(crate) struct FitScope<'a> {
    pub(crate) parent: &'a dyn FitContext,
    pub(crate) seed: u64,
    pub(crate) threads: usize,
    pub(crate) deadline: Option<Instant>,
    /// Says how far the search is.
    report: &'a (dyn Fn() + Sync),
    reserved: AtomicUsize,
    rounds: Mutex<Vec<RoundRecord>>,
}

impl<'a> FitScope<'a> {
    pub(crate) fn new(
        parent: &'a dyn FitContext,
        seed: u64,
        threads: usize,
        deadline: Option<Instant>,
        report: &'a (dyn Fn() + Sync),
    ) -> Self {
        Self { parent, seed, threads, deadline, report, reserved: AtomicUsize::new(0), rounds: Mutex::default() }
    }

    /// The rounds that were taken down.
    pub(crate) fn take_rounds(&self) -> Vec<RoundRecord> {
        std::mem::take(&mut self.rounds.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl FitContext for FitScope<'_> {
    fn seed(&self) -> u64 {
        self.seed
    }

    fn threads(&self) -> usize {
        self.threads
    }

    /// How far the search is matters, not how far its fits are.
    fn progress(&self, _: f64, _: &str, _: Option<(&str, f64)>) {
        (self.report)();
    }

    fn record(&self, step: usize, metrics: &[(&str, f64)]) {
        let metrics = metrics.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
        let mut rounds = self.rounds.lock().unwrap_or_else(PoisonError::into_inner);
        rounds.push(RoundRecord { round: step as u64, metrics });
    }

    fn checkpoint(&self) -> Result<()> {
        self.parent.checkpoint()
    }

    fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    fn reserve(&self, bytes: usize) -> Result<()> {
        self.parent.reserve(bytes)?;
        self.reserved.fetch_add(bytes, Ordering::Relaxed);
        Ok(())
    }

    fn release(&self, bytes: usize) {
        self.parent.release(bytes);
        self.reserved.fetch_sub(bytes, Ordering::Relaxed);
    }

    fn scratch_dir(&self) -> Option<PathBuf> {
        self.parent.scratch_dir()
    }
}

impl Drop for FitScope<'_> {
    fn drop(&mut self) {
        self.parent.release(self.reserved.load(Ordering::Relaxed));
    }
}

/// One fit to be made.
pub(crate) struct Fit<'a> {
    pub(crate) algorithm: &'a dyn Algorithm,
    pub(crate) options: Vec<(&'static str, String)>,
}

/// What a fit gave.
pub(crate) struct Fitted {
    pub(crate) model: Arc<dyn Model>,
    /// The raw outputs of the rows held out.
    pub(crate) raw: Option<RawOutputs>,
    /// How many rounds it learned for, if it learns in rounds, and their metrics.
    pub(crate) num_rounds: Option<usize>,
    pub(crate) rounds: Vec<RoundRecord>,
    pub(crate) seconds: f64,
}

impl Fit<'_> {
    /// Fits the model, and asks it for the rows held out.
    #[expect(clippy::disallowed_methods, reason = "the log of a search says how long its fits took")]
    pub(crate) fn run(
        &self,
        (task, num_classes): (Task, usize),
        training: &dyn TrainingData,
        validation: Option<&dyn TrainingData>,
        scope: &FitScope<'_>,
    ) -> Result<Fitted> {
        let started = Instant::now();
        let objectives = self.algorithm.objectives();
        let given = self.options.iter().map(|(name, value)| (*name, value.as_str()));
        let request = FitRequest {
            task,
            num_classes,
            objective: objectives.iter().find(|(_, of)| *of == task).map(|(name, _)| (*name).to_owned()),
            options: Options::parse(self.algorithm.options(), given)?,
        };
        let model = match validation {
            Some(validation) => self.algorithm.fit(&WithValidation { training, validation }, &request, scope)?,
            None => self.algorithm.fit(training, &request, scope)?,
        };
        let raw = validation.map(|validation| raw_of(model.as_ref(), validation)).transpose()?;
        if raw.as_ref().is_some_and(|raw| raw.values.iter().any(|value| !value.is_finite())) {
            return Err(Error::data("it predicts numbers that are not finite"));
        }
        let (num_rounds, rounds) = (model.rounds(), scope.take_rounds());
        Ok(Fitted { model, raw, num_rounds, rounds, seconds: started.elapsed().as_secs_f64() })
    }
}

/// The raw outputs of all rows.
pub(crate) fn raw_of(model: &dyn Model, data: &dyn TrainingData) -> Result<RawOutputs> {
    let mut all: Option<RawOutputs> = None;
    for block in data.blocks() {
        let raw = model.raw(&block?.features)?;
        match &mut all {
            Some(all) => all.values.extend(raw.values),
            None => all = Some(raw),
        }
    }
    all.ok_or_else(|| Error::data("there are no rows to validate on"))
}

/// How many of so many pieces of work run side by side.
pub(crate) fn workers(pieces: usize, cells: usize, threads: usize) -> usize {
    if cells > CELLS_SIDE_BY_SIDE { 1 } else { threads.min(pieces).max(1) }
}

/// Runs every piece of work and gives their results in the order of the pieces. On few cells they run side by side; on many,
/// one after the other on all threads. `work` is told how many threads it may use.
///
/// Pieces that have not begun when `is_over` says so are left out, as `None`. A cancelled piece cancels all.
pub(crate) fn run_all<T: Send>(
    pieces: usize,
    cells: usize,
    threads: usize,
    is_over: impl Fn() -> bool + Sync,
    work: impl Fn(usize, usize) -> Result<T> + Sync,
) -> Result<Vec<Option<Result<T>>>> {
    let workers = workers(pieces, cells, threads);
    let threads_each = (threads / workers).max(1);
    let next = AtomicUsize::new(0);
    let results: Vec<Mutex<Option<Result<T>>>> = (0..pieces).map(|_| Mutex::new(None)).collect();
    let is_cancelled = |result: &Result<T>| matches!(result, Err(e) if e.kind() == ErrorKind::Cancelled);
    let turn = || {
        loop {
            let piece = next.fetch_add(1, Ordering::Relaxed);
            if piece >= pieces || is_over() {
                return;
            }
            let result = work(piece, threads_each);
            let cancelled = is_cancelled(&result);
            *results[piece].lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
            if cancelled {
                next.store(pieces, Ordering::Relaxed);
            }
        }
    };
    if workers == 1 {
        turn();
    } else {
        std::thread::scope(|scope| {
            for _ in 0..workers {
                scope.spawn(turn);
            }
        });
    }
    let results: Vec<Option<Result<T>>> =
        results.into_iter().map(|result| result.into_inner().unwrap_or_else(PoisonError::into_inner)).collect();
    if results.iter().flatten().any(is_cancelled) {
        return Err(Error::cancelled());
    }
    Ok(results)
}
