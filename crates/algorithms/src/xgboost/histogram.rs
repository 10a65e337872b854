//! Histograms: the sums of derivatives per bin of every feature, over the rows of one node.

use std::cell::RefCell;
use std::ops::AddAssign;
use std::sync::{Mutex, PoisonError};

use super::bins::{Bins, Code};
use super::gradients::{Gradients, Rounded, Sum, narrow, wide};
use crate::parallel;

/// Sums per code: a feature's part is [`Bins::part`].
pub(super) type Histogram = Vec<Sum>;

/// Rows whose narrow sums fit 32 bits each: `2^16 * (2^16 - 1) < 2^32`.
const MOST_PACKED: usize = 1 << 16;
/// Rows that are worth a task of their own.
const LEAST_ROWS: usize = 1 << 13;
/// Features that are added to without a loop's overhead.
const GROUP: usize = 4;
/// Rows ahead of the current one whose codes are fetched into the cache.
const AHEAD: usize = 16;

thread_local! {
    /// Packed sums of the thread's current task, all zero between tasks.
    static PACKED: RefCell<Vec<i64>> = const { RefCell::new(Vec::new()) };
}

/// Adds the rows of each node to its histogram.
pub(super) fn build<C: Code>(bins: &Bins<C>, gradients: &Gradients, nodes: Vec<(&[u32], &mut Histogram)>) {
    let num_rows: usize = nodes.iter().map(|(rows, _)| rows.len()).sum();
    let work = num_rows * bins.num_features();
    let threads = rayon::current_num_threads();
    let mut tasks = Vec::new();
    let mut targets = Vec::with_capacity(nodes.len());
    for (rows, histogram) in nodes {
        let most = if threads == 1 { MOST_PACKED } else { (rows.len() / threads).clamp(LEAST_ROWS, MOST_PACKED) };
        tasks.extend(rows.chunks(most).map(|chunk| (targets.len(), chunk)));
        targets.push(Mutex::new(histogram));
    }
    tasks.sort_by_key(|(_, rows)| std::cmp::Reverse(rows.len()));
    parallel::for_each(work, tasks, |(target, rows)| {
        // A poisoned lock means that another task panicked, and that panic ends the fit anyway.
        let lock = || targets[target].lock().unwrap_or_else(PoisonError::into_inner);
        match gradients.rounded() {
            Rounded::Narrow(values) if rows.len() * bins.num_features() > bins.num_codes() => {
                PACKED.with_borrow_mut(|packed| {
                    packed.resize(bins.num_codes(), 0);
                    accumulate(bins, rows, values, packed, |value| {
                        let sum = narrow(value);
                        (sum.gradient << 32) + sum.hessian
                    });
                    for (packed, sum) in packed.iter_mut().zip(lock().iter_mut()) {
                        *sum += Sum { gradient: *packed >> 32, hessian: *packed & 0xFFFF_FFFF };
                        *packed = 0;
                    }
                });
            }
            Rounded::Narrow(values) => accumulate(bins, rows, values, &mut lock(), narrow),
            Rounded::Wide(values) => accumulate(bins, rows, values, &mut lock(), wide),
        }
    });
}

/// Adds the value of each row to the sums of all its codes.
#[inline(never)]
fn accumulate<C: Code, V: Copy, T: Copy + AddAssign>(
    bins: &Bins<C>,
    rows: &[u32],
    values: &[V],
    histogram: &mut [T],
    convert: impl Fn(V) -> T,
) {
    assert_eq!(histogram.len(), bins.num_codes());
    let (offset_groups, last_offsets) = bins.offsets().as_chunks::<GROUP>();
    for (index, row) in rows.iter().enumerate() {
        if let Some(ahead) = rows.get(index + AHEAD) {
            prefetch(bins.row(*ahead as usize));
            prefetch(&values[*ahead as usize..]);
        }
        let value = convert(values[*row as usize]);
        let mut add = |offset: usize, code: C| {
            // SAFETY: a code is below its feature's number of codes, so that offset + code is below `num_codes`.
            unsafe { *histogram.get_unchecked_mut(offset + code.index()) += value };
        };
        let (code_groups, last_codes) = bins.row(*row as usize).as_chunks::<GROUP>();
        for (offsets, codes) in offset_groups.iter().zip(code_groups) {
            (0..GROUP).for_each(|i| add(offsets[i], codes[i]));
        }
        for (offset, code) in last_offsets.iter().zip(last_codes) {
            add(*offset, *code);
        }
    }
}

/// Asks for a slice to be in the cache soon.
#[inline(always)]
fn prefetch<C>(slice: &[C]) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch reads nothing and cannot fault.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(slice.as_ptr().cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = slice;
}

/// Histograms for reuse, bounded in number.
#[derive(Debug)]
pub(super) struct HistogramPool {
    free: Vec<Histogram>,
    num_codes: usize,
    limit: usize,
    taken: usize,
}

impl HistogramPool {
    /// A pool that likes to lend at most `limit` histograms.
    pub(super) fn new(num_codes: usize, limit: usize) -> Self {
        Self { free: Vec::new(), num_codes, limit, taken: 0 }
    }

    /// A histogram of zeros.
    pub(super) fn take(&mut self) -> Histogram {
        self.taken += 1;
        match self.free.pop() {
            Some(mut histogram) => {
                histogram.fill(Sum::default());
                histogram
            }
            None => vec![Sum::default(); self.num_codes],
        }
    }

    /// Takes a histogram back.
    pub(super) fn give_back(&mut self, histogram: Histogram) {
        self.taken -= 1;
        self.free.push(histogram);
    }

    /// Keeps a histogram with its node if there is room for more, else takes it back.
    pub(super) fn keep(&mut self, histogram: Histogram) -> Option<Histogram> {
        if self.taken <= self.limit / 2 {
            return Some(histogram);
        }
        self.give_back(histogram);
        None
    }

    /// How many nodes may be split at a time: each needs at most two histograms.
    pub(super) fn batch_size(&self) -> usize {
        (self.limit / 4).max(1)
    }
}
