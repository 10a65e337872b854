//! How far a search is.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use super::{DONE, Search};

/// The share of all that is done when the search is over and the final fits begin,
const SEARCHED: f64 = 0.85;
/// and when these are done and the model is measured.
const FITTED: f64 = 0.97;

/// What is being tried, and how many fits have been made.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// The candidates on trial.
    candidates: Range<usize>,
    /// The part of their trials that the fits being made are.
    part: (usize, usize),
    /// How many fits that are.
    fits: usize,
    made: AtomicUsize,
    made_before: usize,
}

impl Progress {
    /// Candidates go into one of several rungs; those that are out of the race count as tried.
    pub(super) fn enter(&mut self, candidates: &[usize], rung: usize, rungs: usize) {
        let first = candidates.iter().min().copied().unwrap_or_default();
        let last = candidates.iter().max().copied().unwrap_or_default();
        if rung == 0 {
            self.candidates = first..last + 1;
        }
        self.part = (rung, rungs);
    }

    /// So many fits come.
    pub(super) fn expect(&mut self, fits: usize) {
        self.made_before += self.made.swap(0, Ordering::Relaxed);
        self.fits = fits;
    }

    /// A fit was made.
    pub(super) fn step(&self) {
        self.made.fetch_add(1, Ordering::Relaxed);
    }

    /// The share of so many candidates that has been tried.
    fn share(&self, of: usize) -> f64 {
        let of_part = self.made.load(Ordering::Relaxed) as f64 / self.fits.max(1) as f64;
        let (rung, rungs) = self.part;
        let of_batch = (rung as f64 + of_part.min(1.0)) / rungs.max(1) as f64;
        (self.candidates.start as f64 + of_batch * self.candidates.len() as f64) / of.max(1) as f64
    }
}

impl Search<'_> {
    /// Says how far the search is: by the time that it has, or by the candidates that it may try.
    pub(super) fn report(&self) {
        let progress = &self.progress;
        let step = format!(
            "fit {}, candidates {} to {} of at most {}",
            progress.made_before + progress.made.load(Ordering::Relaxed) + 1,
            progress.candidates.start + 1,
            progress.candidates.end,
            self.spec.max_candidates
        );
        let done = progress.share(self.spec.max_candidates).max(self.time_spent(DONE - self.reserve)).min(1.0);
        self.context.progress(SEARCHED * done, &step, None);
    }

    /// Says how far the final fits are.
    pub(crate) fn report_final(&self, done: usize, fits: usize) {
        let share = done as f64 / fits.max(1) as f64;
        let step = format!("fit {} of {fits} on all rows", (done + 1).min(fits));
        self.context.progress(SEARCHED + (FITTED - SEARCHED) * share, &step, None);
    }

    /// The share of the time up to a share of MAX_RUNTIME that has passed; 0 without one.
    #[expect(clippy::disallowed_methods, reason = "progress is shown as a share of MAX_RUNTIME")]
    fn time_spent(&self, of: f64) -> f64 {
        self.spec.max_runtime.map_or(0.0, |runtime| {
            let whole = runtime.mul_f64(of).as_secs_f64();
            Instant::now().duration_since(self.started).as_secs_f64() / whole.max(1e-3)
        })
    }
}
