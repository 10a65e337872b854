//! Running independent pieces of work on the threads of the current pool, or in place where that is quicker.

use rayon::prelude::*;

/// Work below this many elementary steps (about a nanosecond each) is not worth waking another thread for.
const SERIAL: usize = 50_000;

/// `run` of every item, in the order of the items. `work` is the sum of the elementary steps over all items.
pub(crate) fn map<T: Send, R: Send>(work: usize, items: Vec<T>, run: impl Fn(T) -> R + Send + Sync) -> Vec<R> {
    if work < SERIAL || items.len() < 2 || rayon::current_num_threads() == 1 {
        items.into_iter().map(run).collect()
    } else {
        items.into_par_iter().with_max_len(1).map(run).collect()
    }
}

/// Runs every item. `work` is the sum of the elementary steps over all items.
pub(crate) fn for_each<T: Send>(work: usize, items: Vec<T>, run: impl Fn(T) + Send + Sync) {
    if work < SERIAL || items.len() < 2 || rayon::current_num_threads() == 1 {
        items.into_iter().for_each(run);
    } else {
        items.into_par_iter().with_max_len(1).for_each(run);
    }
}
