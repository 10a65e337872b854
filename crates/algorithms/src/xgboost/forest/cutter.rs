//! Codes: which of a feature's thresholds a value has reached.

/// The most thresholds of one cutter, so that a code is a byte.
pub(super) const MAX_THRESHOLDS: usize = u8::MAX as usize;
/// Up to so many thresholds are counted one by one.
const FEW: usize = 4;
/// Up to so many thresholds are searched in registers.
const SOME: usize = 31;
/// The most thresholds that may share a bucket.
const MAX_PER_BUCKET: usize = 8;
/// The lower byte of the key of a threshold that is not there. No value's is as high.
const NO_THRESHOLD: u8 = u8::MAX;

/// Up to 255 thresholds of one feature, ascending. The code of a value is how many of them are at most as large.
#[derive(Debug)]
pub(super) struct Cutter {
    pub(super) feature: usize,
    /// The thresholds, padded with NaN, which no value reaches.
    pub(super) thresholds: Box<[f32; 256]>,
    pub(super) num_thresholds: usize,
    pub(super) search: Search,
}

/// How the code of a value is found.
#[derive(Debug)]
pub(super) enum Search {
    /// Every threshold is compared.
    Count,
    /// Binary search among at most 31 thresholds.
    HalveFew,
    /// The value's bucket tells where to begin.
    Buckets(Box<Buckets>),
    /// Binary search.
    Halve,
}

/// An index of thresholds: values are mapped to keys of 16 bits, of which the upper byte is a bucket's number.
///
/// The map never descends: a value whose key is above a threshold's is above the threshold. A value with the same key as
/// a threshold has to be compared with it, unless thresholds are the least values that have their keys: so it is where
/// they are whole numbers, or simple fractions.
#[derive(Debug)]
pub(super) struct Buckets {
    pub(super) scale: f32,
    pub(super) offset: f32,
    /// How many thresholds lie in lower buckets.
    pub(super) starts: Bytes,
    /// The lower bytes of the keys of each bucket's first, second, ... threshold.
    pub(super) thresholds: Vec<Bytes>,
    /// Whether a value has reached a threshold that has the same key.
    pub(super) is_exact: bool,
    /// The most thresholds that have the same key.
    pub(super) most_per_key: usize,
}

/// One byte per bucket.
#[derive(Debug, Clone)]
#[repr(C, align(64))]
pub(super) struct Bytes(pub(super) [u8; 256]);

impl Cutter {
    /// The cutter of ascending thresholds without NaN.
    pub(super) fn new(feature: usize, ascending: &[f32]) -> Self {
        let mut thresholds = Box::new([f32::NAN; 256]);
        thresholds[..ascending.len()].copy_from_slice(ascending);
        let search = match ascending.len() {
            count if count <= FEW => Search::Count,
            count if count <= SOME => Search::HalveFew,
            _ => Buckets::new(ascending).map_or(Search::Halve, |buckets| Search::Buckets(Box::new(buckets))),
        };
        Self { feature, thresholds, num_thresholds: ascending.len(), search }
    }

    /// The thresholds.
    pub(super) fn thresholds(&self) -> &[f32] {
        &self.thresholds[..self.num_thresholds]
    }

    /// The code of a value by binary search without branches; of NaN, 0.
    #[inline(always)]
    pub(super) fn code(&self, value: f32) -> u8 {
        let mut code = 0;
        for step in [128, 64, 32, 16, 8, 4, 2, 1] {
            code += if self.thresholds[(code + step - 1) & 255] <= value { step } else { 0 };
        }
        code as u8
    }
}

impl Buckets {
    /// An index of at least two ascending thresholds, if they can be told apart well enough by 16 bits.
    fn new(thresholds: &[f32]) -> Option<Self> {
        // The lowest threshold lies in the second bucket and the highest near the end of the last one.
        let (first, last) = (thresholds[0], thresholds[thresholds.len() - 1]);
        let scale = (65_000.0 - 512.0) / (last - first);
        if !(scale.is_normal() && scale > 0.0) {
            return None;
        }
        // Scaling whole numbers by a power of two, and moving them by whole numbers, leaves them whole.
        let power_of_two = f32::from_bits(scale.to_bits() & 0x7F80_0000);
        let candidates =
            [power_of_two, scale].map(|scale| Self::scaled(thresholds, scale, (512.0 - first * scale).floor()));
        let [exact, finest] = candidates;
        exact.filter(|buckets| buckets.is_exact).or(finest)
    }

    /// The index by a map.
    fn scaled(thresholds: &[f32], scale: f32, offset: f32) -> Option<Self> {
        let mut buckets =
            Self { scale, offset, starts: Bytes([0; 256]), thresholds: Vec::new(), is_exact: true, most_per_key: 1 };
        let mut counts = [0; 256];
        let same_key = |a: &f32, b: &f32| buckets.key(*a) == buckets.key(*b);
        buckets.most_per_key = thresholds.chunk_by(same_key).map(<[f32]>::len).max()?;
        for threshold in thresholds {
            let key = buckets.key(*threshold);
            buckets.is_exact &= buckets.key(threshold.next_down()) < key;
            let [low, bucket] = key.to_le_bytes();
            let count = &mut counts[usize::from(bucket)];
            if *count == buckets.thresholds.len() {
                buckets.thresholds.push(Bytes([NO_THRESHOLD; 256]));
            }
            buckets.thresholds[*count].0[usize::from(bucket)] = low;
            *count += 1;
        }
        let mut start = 0;
        for (count, of_bucket) in counts.into_iter().zip(&mut buckets.starts.0) {
            *of_bucket = start as u8;
            start += count;
        }
        (buckets.thresholds.len() <= MAX_PER_BUCKET).then_some(buckets)
    }

    /// The key of a value; of NaN, 0. Vector code does the same operations.
    #[inline(always)]
    pub(super) fn key(&self, value: f32) -> u16 {
        let key = (value * self.scale + self.offset).clamp(0.0, 65_535.0) as u16;
        // Keys end before the mark of thresholds that are not there.
        key - u16::from(key & 0xFF == u16::from(NO_THRESHOLD))
    }
}
