//! A stream of values in bounded memory: every distinct value while there are few, a quantile sketch from then on.
//!
//! The sketch is that of Karnin, Lang and Liberty (Optimal Quantile Approximation in Streams, 2016) with compactors of
//! equal capacity that keep the odd and the even ranks in turn, so that it is deterministic. Two sketches merge by
//! joining their levels. With capacity 4096 the error of a rank is well below a thousandth of the rows.
//!
//! Of many values the sketch is given one of each few, drawn evenly: of a quarter of a million, the share of a bin of 256
//! is off by 3 % of itself. Values are counted exactly as long as few are distinct, however many there are.

/// Distinct values that are counted exactly, and values per level of the sketch.
const CAPACITY: usize = 4096;
/// Values from which the sketch draws: it is given between so many and twice as many.
const DRAWN: usize = 1 << 18;
/// The golden ratio's fraction in units of `2^-32`: its multiples are spread evenly.
const GOLDEN: u32 = 0x9E37_79B9;

/// What is known of the values of one feature.
#[derive(Debug, Default)]
pub(super) struct Sketch {
    /// Values not yet looked at, as [`key`]s.
    buffer: Vec<u32>,
    /// Distinct keys in ascending order with their numbers; unused once there are too many.
    exact: Vec<(u32, u64)>,
    /// Keys of weight `2^level`; empty while counting exactly.
    levels: Vec<Level>,
    /// Whether some value was NaN.
    has_missing: bool,
    /// One of `2^sparsity` values is drawn, once there are too many distinct ones.
    sparsity: u32,
    /// Groups of values that one was drawn from.
    num_groups: u32,
}

#[derive(Debug, Default)]
struct Level {
    keys: Vec<u32>,
    /// Whether the next compaction keeps the odd ranks.
    odd: bool,
}

impl Sketch {
    /// The bytes that a sketch of so many values takes at most: counts, then one level per halving.
    pub(super) fn memory(num_values: usize) -> usize {
        let levels = (num_values / CAPACITY).max(1).ilog2() as usize + 2;
        num_values.min(CAPACITY) * size_of::<u32>() * (levels + 5)
    }

    /// A sketch of so many values.
    pub(super) fn new(num_values: usize) -> Self {
        Self { sparsity: (num_values / DRAWN).max(1).ilog2(), ..Self::default() }
    }

    /// Takes note of some values; NaN is missing.
    pub(super) fn extend(&mut self, mut values: &[f32]) {
        self.has_missing = self.has_missing || values.iter().fold(false, |any, value| any | value.is_nan());
        while self.levels.is_empty() && !values.is_empty() {
            let (now, later) = values.split_at(values.len().min(CAPACITY - self.buffer.len()));
            now.iter().for_each(|value| self.push_value(*value));
            values = later;
        }
        for group in values.chunks(1 << self.sparsity) {
            self.num_groups = self.num_groups.wrapping_add(1);
            let drawn = u64::from(self.num_groups.wrapping_mul(GOLDEN)) << self.sparsity >> 32;
            // A last group that is too short for the draw counts in proportion to its length, on average.
            if let Some(value) = group.get(drawn as usize) {
                self.push_value(*value);
            }
        }
    }

    fn push_value(&mut self, value: f32) {
        // The place is written in any case and kept unless the value is missing: no branch depends on the data.
        self.buffer.push(key(value));
        let len = self.buffer.len() - usize::from(value.is_nan());
        self.buffer.truncate(len);
        if len == CAPACITY {
            self.flush();
        }
    }

    /// Whether some value was missing.
    pub(super) fn has_missing(&self) -> bool {
        self.has_missing
    }

    /// Distinct values in ascending order, each with the number of values that it stands for.
    pub(super) fn finish(mut self) -> Vec<(f32, u64)> {
        if self.levels.is_empty() {
            self.flush();
        }
        let mut weighted: Vec<(u32, u64)> = self.exact;
        let weight = if self.levels.is_empty() { 1 } else { 1 << self.sparsity };
        weighted.extend(self.buffer.iter().map(|key| (*key, weight)));
        for (level, Level { keys, .. }) in self.levels.iter().enumerate() {
            weighted.extend(keys.iter().map(|key| (*key, 1 << level)));
        }
        weighted.sort_unstable();
        weighted.dedup_by(|next, kept| {
            let same = next.0 == kept.0;
            if same {
                kept.1 += next.1;
            }
            same
        });
        weighted.into_iter().map(|(key, count)| (value(key), count)).collect()
    }

    fn flush(&mut self) {
        self.buffer.sort_unstable();
        if !self.levels.is_empty() {
            let mut keys = std::mem::take(&mut self.buffer);
            self.push(self.sparsity as usize, &keys);
            keys.clear();
            self.buffer = keys;
            return;
        }
        let counts = self.buffer.chunk_by(|a, b| a == b).map(|run| (run[0], run.len() as u64));
        self.exact = merge(&self.exact, counts);
        self.buffer.clear();
        if self.exact.len() > CAPACITY {
            self.levels.push(Level::default());
            for (key, count) in std::mem::take(&mut self.exact) {
                for level in (0..u64::BITS as usize).filter(|level| count >> level & 1 == 1) {
                    self.push(level, &[key]);
                }
            }
        }
    }

    /// Adds keys of weight `2^level`, halving full levels into the next.
    fn push(&mut self, level: usize, keys: &[u32]) {
        if self.levels.len() <= level {
            self.levels.resize_with(level + 1, Level::default);
        }
        let this = &mut self.levels[level];
        this.keys.extend_from_slice(keys);
        if this.keys.len() >= CAPACITY {
            // Stable sorting finds the sorted runs that the keys consist of.
            this.keys.sort();
            // Of an odd number the last key stays behind, so that no weight is lost.
            let last = if this.keys.len() % 2 == 1 { this.keys.pop() } else { None };
            let half: Vec<u32> = this.keys.iter().skip(usize::from(this.odd)).step_by(2).copied().collect();
            this.odd = !this.odd;
            this.keys.clear();
            this.keys.extend(last);
            self.push(level + 1, &half);
        }
    }
}

/// A number that orders as the value does; both zeros give the same.
fn key(value: f32) -> u32 {
    let bits = (value + 0.0).to_bits();
    if bits >> 31 == 1 { !bits } else { bits | 1 << 31 }
}

/// The value of a key.
fn value(key: u32) -> f32 {
    f32::from_bits(if key >> 31 == 1 { key & !(1 << 31) } else { !key })
}

/// Two ascending lists of counts as one.
fn merge(left: &[(u32, u64)], right: impl Iterator<Item = (u32, u64)>) -> Vec<(u32, u64)> {
    let mut merged = Vec::with_capacity(left.len());
    let mut left = left.iter().copied().peekable();
    for (key, count) in right {
        while let Some(smaller) = left.next_if(|(other, _)| *other < key) {
            merged.push(smaller);
        }
        let same = left.next_if(|(other, _)| *other == key).map_or(0, |(_, count)| count);
        merged.push((key, count + same));
    }
    merged.extend(left);
    merged
}

/// Where to cut values into at most `max_bins` bins of about equal weight; a value belongs to the bin numbered by how
/// many cuts are at most as large as it. With few distinct values each has its own bin. A value too heavy for one bin
/// gets a bin of its own and the others share the rest (after LightGBM's `GreedyFindBin`).
pub(super) fn cuts(values: &[(f32, u64)], max_bins: usize) -> Vec<f32> {
    if values.len() <= max_bins {
        return values.iter().skip(1).map(|(value, _)| *value).collect();
    }
    let total: u64 = values.iter().map(|(_, count)| count).sum();
    let mean = total as f64 / max_bins as f64;
    let is_heavy = |count: u64| count as f64 >= mean;
    let (heavy_bins, heavy_total) =
        values.iter().filter(|(_, count)| is_heavy(*count)).fold((0, 0), |(n, sum), (_, count)| (n + 1, sum + count));
    let (mut light_bins, mut light_total) = (max_bins.saturating_sub(heavy_bins).max(1), total - heavy_total);
    let mut mean = light_total as f64 / light_bins as f64;
    let (mut cuts, mut bin) = (Vec::with_capacity(max_bins), 0);
    for pair in values.windows(2) {
        let ((_, count), (next, next_count)) = (pair[0], pair[1]);
        bin += count;
        if !is_heavy(count) {
            light_total -= count;
        }
        if is_heavy(count) || is_heavy(next_count) || bin as f64 >= mean {
            cuts.push(next);
            if cuts.len() + 1 >= max_bins {
                break;
            }
            bin = 0;
            if !is_heavy(count) {
                light_bins = (light_bins - 1).max(1);
                mean = light_total as f64 / light_bins as f64;
            }
        }
    }
    cuts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_values_are_counted_exactly() {
        let mut sketch = Sketch::default();
        for _ in 0..10_000 {
            sketch.extend(&[3.0, -1.0, f32::INFINITY, -0.0, 0.0, f32::NAN]);
        }
        assert!(sketch.has_missing());
        let values = sketch.finish();
        assert_eq!(values, [(-1.0, 10_000), (0.0, 20_000), (3.0, 10_000), (f32::INFINITY, 10_000)]);
        assert_eq!(cuts(&values, 256), [0.0, 3.0, f32::INFINITY]);
        assert_eq!(cuts(&[], 256), Vec::<f32>::new());
    }

    #[test]
    fn ranks_of_many_values_are_near_the_truth() {
        let n = 1_000_000u64;
        let mut sketch = Sketch::new(n as usize);
        let values: Vec<f32> = (0..n).map(|i| (i * 7919 % n) as f32).collect();
        values.chunks(8192).for_each(|chunk| sketch.extend(chunk));
        let values = sketch.finish();
        assert!(values.len() < 16 * CAPACITY);
        assert!(values.iter().map(|(_, count)| count).sum::<u64>().abs_diff(n) < n / 1000);
        let mut rank = 0;
        for (value, count) in values {
            assert!((f64::from(value) - rank as f64).abs() < n as f64 * 3e-3, "{value} has rank {rank}");
            rank += count;
        }
    }

    #[test]
    fn a_heavy_value_leaves_the_bins_to_the_others() {
        let values: Vec<(f32, u64)> = (0..1000).map(|i| (i as f32, if i == 500 { 1_000_000 } else { 10 })).collect();
        let cuts = cuts(&values, 64);
        assert!(cuts.len() > 55 && cuts.len() < 64, "{}", cuts.len());
        assert!(cuts.contains(&500.0) && cuts.contains(&501.0));
    }
}
