//! Histograms: the sums of derivatives per bin of every feature, over the rows of one node.

use std::cell::RefCell;
use std::sync::{Mutex, PoisonError};

use super::bins::{Bins, Code};
use super::gradients::{Rounded, Sum, unpacked};
use super::rows::Entry;
use crate::parallel;

/// Sums per code: a feature's part is [`Bins::part`].
pub(super) type Histogram = Vec<Sum>;

/// Rows whose narrow sums fit 32 bits each: `2^16 * (2^16 - 1) < 2^32`.
const MOST_PACKED: usize = 1 << 16;
/// Rows that are worth a task of their own.
const LEAST_ROWS: usize = 1 << 13;
/// Packed sums per column: one more than a byte has values, so that the sums of equal codes lie in different cache sets.
const WIDTH: usize = 257;
/// Rows ahead of the current one whose codes are fetched into the cache.
const AHEAD: usize = 16;

thread_local! {
    /// Packed sums of the thread's current task, all zero between tasks.
    static PACKED: RefCell<Vec<[i64; WIDTH]>> = const { RefCell::new(Vec::new()) };
}

/// Adds the rows of each node to its histogram.
pub(super) fn build<C: Code, V: Rounded>(bins: &Bins<C>, nodes: Vec<(&[Entry<V>], &mut Histogram)>) {
    let num_rows: usize = nodes.iter().map(|(rows, _)| rows.len()).sum();
    let work = num_rows * bins.num_columns();
    let threads = parallel::threads();
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
        let is_worth_packing = V::default().packed().is_some() && rows.len() * bins.num_columns() > bins.num_codes();
        match bins.as_bytes().filter(|_| is_worth_packing) {
            Some(codes) => PACKED.with_borrow_mut(|packed| {
                packed.resize(bins.num_columns().max(packed.len()), [0; WIDTH]);
                let packed = &mut packed[..bins.num_columns()];
                add_packed(codes, bins.stride(), rows, packed);
                let mut histogram = lock();
                for (column, packed) in packed.iter_mut().enumerate() {
                    for (sum, packed) in bins.part_mut(&mut histogram, column).iter_mut().zip(packed) {
                        *sum += unpacked(std::mem::take(packed));
                    }
                }
            }),
            None => add(bins, rows, &mut lock()),
        }
    });
}

/// Adds the values of rows to the packed sums of all their codes; those that are not sampled have nothing to add. `codes` are `stride` per row.
#[inline(never)]
fn add_packed<V: Rounded>(codes: &[u8], stride: usize, rows: &[Entry<V>], histogram: &mut [[i64; WIDTH]]) {
    let num_columns = histogram.len();
    let (eights, rest) = histogram.as_chunks_mut::<8>();
    let (fours, ones) = rest.as_chunks_mut::<4>();
    for (index, Entry { row, value }) in rows.iter().enumerate() {
        if let Some(ahead) = rows.get(index + AHEAD) {
            prefetch(codes, ahead.row as usize * stride);
        }
        let Some(value) = value.packed().filter(|value| *value != 0) else { continue };
        let (code_eights, rest) = codes[*row as usize * stride..][..num_columns].as_chunks::<8>();
        let (code_fours, code_ones) = rest.as_chunks::<4>();
        for (columns, codes) in eights.iter_mut().zip(code_eights) {
            add_group(columns, u64::from_le_bytes(*codes), value);
        }
        for (columns, codes) in fours.iter_mut().zip(code_fours) {
            add_group(columns, u64::from(u32::from_le_bytes(*codes)), value);
        }
        for (column, code) in ones.iter_mut().zip(code_ones) {
            column[usize::from(*code)] += value;
        }
    }
}

/// Adds a value to one sum of each column, whose codes are the bytes of `codes` from the lowest on: loaded at once, they
/// leave the ports for loads to the sums.
#[inline(always)]
fn add_group<const N: usize>(columns: &mut [[i64; WIDTH]; N], codes: u64, value: i64) {
    for (index, column) in columns.iter_mut().enumerate() {
        column[usize::from((codes >> (8 * index)) as u8)] += value;
    }
}

/// Adds the values of rows to the sums of all their codes.
#[inline(never)]
fn add<C: Code, V: Rounded>(bins: &Bins<C>, rows: &[Entry<V>], histogram: &mut [Sum]) {
    assert_eq!(histogram.len(), bins.num_codes());
    for (index, Entry { row, value }) in rows.iter().enumerate() {
        if let Some(ahead) = rows.get(index + AHEAD) {
            prefetch(bins.row(ahead.row as usize), 0);
        }
        if *value == V::default() {
            continue;
        }
        let value = value.sum();
        for (offset, code) in bins.offsets().iter().zip(bins.row(*row as usize)) {
            // SAFETY: a code is below its column's number of codes, so that offset + code is below `num_codes`.
            unsafe { *histogram.get_unchecked_mut(offset + code.index()) += value };
        }
    }
}

/// Asks for an element to be in the cache soon.
#[inline(always)]
fn prefetch<C>(slice: &[C], index: usize) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch reads nothing and cannot fault.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(slice.as_ptr().wrapping_add(index).cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (slice, index);
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
