//! Running independent pieces of work on the threads of the current pool, or in place where that is quicker.

use std::cell::Cell;

use datafusion_ml_core::{Error, Result};
use rayon::prelude::*;

/// Work below this many elementary steps (about a nanosecond each) is not worth waking another thread for.
pub(crate) const SERIAL: usize = 50_000;

thread_local! {
    /// Whether this thread works alone.
    static IS_ALONE: Cell<bool> = const { Cell::new(false) };
}

/// How many threads there are to run on.
pub(crate) fn threads() -> usize {
    if IS_ALONE.get() { 1 } else { rayon::current_num_threads() }
}

/// Runs `work` on a pool of so many threads, or in place on this one alone.
pub(crate) fn on_threads<T: Send>(threads: usize, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    /// Puts back what was, even if the work panics.
    struct Restore(bool);
    impl Drop for Restore {
        fn drop(&mut self) {
            IS_ALONE.set(self.0);
        }
    }
    if threads == 1 {
        let _restore = Restore(IS_ALONE.replace(true));
        return work();
    }
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .thread_name(|index| format!("training-{index}"))
        .build()
        .map_err(|e| Error::internal(format!("no threads for training: {e}")))?
        .install(work)
}

/// `run` of every item, in the order of the items. `work` is the sum of the elementary steps over all items.
pub(crate) fn map<T: Send, R: Send>(work: usize, items: Vec<T>, run: impl Fn(T) -> R + Send + Sync) -> Vec<R> {
    if work < SERIAL || items.len() < 2 || threads() == 1 {
        items.into_iter().map(run).collect()
    } else {
        items.into_par_iter().with_max_len(1).map(run).collect()
    }
}

/// Runs every item. `work` is the sum of the elementary steps over all items.
pub(crate) fn for_each<T: Send>(work: usize, items: Vec<T>, run: impl Fn(T) + Send + Sync) {
    if work < SERIAL || items.len() < 2 || threads() == 1 {
        items.into_iter().for_each(run);
    } else {
        items.into_par_iter().with_max_len(1).for_each(run);
    }
}
