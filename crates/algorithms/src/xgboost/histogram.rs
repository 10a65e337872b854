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
/// Packed sums per column: a line of the cache more than a byte has values, so that columns of few codes, too, use all
/// sets of the cache (with one sum more, 28 columns of 32 codes took 2.5 times as long).
const WIDTH: usize = 264;
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

/// Adds the values of rows to the packed sums of all their codes; those that are not sampled have nothing to add. `codes`
/// are `stride` per row.
fn add_packed<V: Rounded>(codes: &[u8], stride: usize, rows: &[Entry<V>], histogram: &mut [[i64; WIDTH]]) {
    /// Picks the loop by the number of groups of eight columns.
    macro_rules! pick {
        ($($eights:literal)*) => {
            match (histogram.len() / 8, histogram.len() % 8 / 4) {
                $(
                    ($eights, 0) => add_groups::<V, $eights, 0>(codes, stride, rows, histogram),
                    ($eights, _) => add_groups::<V, $eights, 1>(codes, stride, rows, histogram),
                )*
                _ => add_many_groups(codes, stride, rows, histogram),
            }
        };
    }
    pick!(0 1 2 3 4 5 6 7 8)
}

/// [`add_packed`] with so many groups of eight columns and of four: knowing the numbers takes a sixth off the time.
#[inline(never)]
fn add_groups<V: Rounded, const EIGHTS: usize, const FOURS: usize>(
    codes: &[u8],
    stride: usize,
    rows: &[Entry<V>],
    histogram: &mut [[i64; WIDTH]],
) {
    let (groups, ones) = histogram.split_at_mut(EIGHTS * 8 + FOURS * 4);
    let (eights, fours) = groups.split_at_mut(EIGHTS * 8);
    let (eights, fours) = (eights.as_chunks_mut::<8>().0, fours.as_chunks_mut::<4>().0);
    each_row(codes, stride, rows, |codes, value| {
        let (group_codes, one_codes) = codes.split_at(EIGHTS * 8 + FOURS * 4);
        let (eight_codes, four_codes) = group_codes.split_at(EIGHTS * 8);
        for (columns, codes) in eights.iter_mut().zip(eight_codes.as_chunks::<8>().0) {
            add_group(columns, u64::from_le_bytes(*codes), value);
        }
        for (columns, codes) in fours.iter_mut().zip(four_codes.as_chunks::<4>().0) {
            add_group(columns, u64::from(u32::from_le_bytes(*codes)), value);
        }
        for (column, code) in ones.iter_mut().zip(one_codes) {
            column[usize::from(*code)] += value;
        }
    });
}

/// [`add_packed`] with any number of columns.
#[inline(never)]
fn add_many_groups<V: Rounded>(codes: &[u8], stride: usize, rows: &[Entry<V>], histogram: &mut [[i64; WIDTH]]) {
    let num_columns = histogram.len();
    let (eights, ones) = histogram.as_chunks_mut::<8>();
    each_row(codes, stride, rows, |codes, value| {
        let (eight_codes, one_codes) = codes[..num_columns].as_chunks::<8>();
        for (columns, codes) in eights.iter_mut().zip(eight_codes) {
            add_group(columns, u64::from_le_bytes(*codes), value);
        }
        for (column, code) in ones.iter_mut().zip(one_codes) {
            column[usize::from(*code)] += value;
        }
    });
}

/// Gives the codes from each row on and its value, but of those with nothing to add.
#[inline(always)]
fn each_row<V: Rounded>(codes: &[u8], stride: usize, rows: &[Entry<V>], mut add: impl FnMut(&[u8], i64)) {
    for (index, Entry { row, value }) in rows.iter().enumerate() {
        if let Some(ahead) = rows.get(index + AHEAD) {
            // A row may lie across two lines of the cache.
            let first = ahead.row as usize * stride;
            prefetch(codes, first);
            prefetch(codes, first + stride - 1);
        }
        if let Some(value) = value.packed().filter(|value| *value != 0) {
            add(&codes[*row as usize * stride..], value);
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

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::xgboost::gradients::Narrow;

    #[test]
    fn packed_sums_are_those_of_a_plain_loop_for_any_number_of_columns() {
        let mut random = ChaCha8Rng::seed_from_u64(1);
        for num_columns in [1, 3, 4, 7, 8, 12, 28, 50, 71, 72, 79, 90] {
            let stride = num_columns + random.random_range(0..4);
            let codes: Vec<u8> = (0..500 * stride).map(|_| random.random()).collect();
            let rows = (0..500).filter(|row| row % 3 != 1);
            let rows: Vec<Entry<Narrow>> = rows.map(|row| Entry { row, value: random.random() }).collect();
            let mut expected = vec![[0; WIDTH]; num_columns];
            for Entry { row, value } in &rows {
                for (column, sums) in expected.iter_mut().enumerate() {
                    sums[usize::from(codes[*row as usize * stride + column])] += value.packed().unwrap();
                }
            }
            let mut packed = vec![[0; WIDTH]; num_columns];
            add_packed(&codes, stride, &rows, &mut packed);
            assert_eq!(packed, expected, "{num_columns} columns");
        }
    }
}
