//! Which rows and features a tree learns from. Every choice is a function of the seed and of what it is made for, never
//! of the order in which choices are made.

use std::borrow::Cow;

use super::settings::Settings;

/// The choices for one tree.
#[derive(Debug)]
pub(super) struct Sampling {
    key: u64,
    subsample: f64,
    colsample_bylevel: f64,
    colsample_bynode: f64,
    features: Vec<u32>,
}

/// What a choice is made for.
const ROWS: u64 = 1;
const TREE: u64 = 2;
const LEVEL: u64 = 3;
const NODE: u64 = 4;
const ROUNDING: u64 = 5;

impl Sampling {
    /// The choices for the tree of that number.
    pub(super) fn new(settings: &Settings, num_features: usize, tree: usize) -> Self {
        let key = mix(mix(settings.seed) ^ tree as u64);
        let all: Vec<u32> = (0..num_features as u32).collect();
        let features = sample(&all, settings.colsample_bytree, mix(key ^ TREE)).into_owned();
        Self {
            key,
            subsample: settings.subsample,
            colsample_bylevel: settings.colsample_bylevel,
            colsample_bynode: settings.colsample_bynode,
            features,
        }
    }

    /// Whether the tree learns from every row.
    pub(super) fn has_all_rows(&self) -> bool {
        self.subsample >= 1.0
    }

    /// Whether the tree learns from a row.
    #[inline(always)]
    pub(super) fn has_row(&self, row: usize) -> bool {
        self.has_all_rows() || unit(mix(mix(self.key ^ ROWS) ^ row as u64)) < self.subsample
    }

    /// The features that a node may be split by, in ascending order.
    pub(super) fn features(&self, depth: usize, node: usize) -> Cow<'_, [u32]> {
        let of_level = sample(&self.features, self.colsample_bylevel, mix(mix(self.key ^ LEVEL) ^ depth as u64));
        if self.colsample_bynode >= 1.0 {
            return of_level;
        }
        let of_node = sample(&of_level, self.colsample_bynode, mix(mix(self.key ^ NODE) ^ node as u64));
        Cow::Owned(of_node.into_owned())
    }

    /// A number that differs from tree to tree.
    pub(super) fn salt(&self) -> u32 {
        mix(self.key ^ ROUNDING) as u32
    }
}

/// A share of the features, at least one.
fn sample(features: &[u32], share: f64, key: u64) -> Cow<'_, [u32]> {
    if share >= 1.0 || features.is_empty() {
        return Cow::Borrowed(features);
    }
    let count = ((features.len() as f64 * share) as usize).max(1);
    let mut drawn: Vec<(u64, u32)> = features.iter().map(|f| (mix(key ^ u64::from(*f)), *f)).collect();
    drawn.sort_unstable();
    let mut drawn: Vec<u32> = drawn[..count].iter().map(|(_, feature)| *feature).collect();
    drawn.sort_unstable();
    Cow::Owned(drawn)
}

/// SplitMix64: a random-looking bijection of 64 bits.
#[inline(always)]
fn mix(value: u64) -> u64 {
    let z = value.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// A number in `[0, 1)`.
#[inline(always)]
fn unit(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_has_the_right_size_and_depends_on_the_key_alone() {
        let all: Vec<u32> = (0..10).collect();
        assert_eq!(sample(&all, 0.55, 7).len(), 5);
        assert_eq!(sample(&all, 0.01, 7).len(), 1);
        assert_eq!(sample(&all, 0.5, 7), sample(&all, 0.5, 7));
        assert_ne!(sample(&all, 0.5, 7), sample(&all, 0.5, 8));
    }
}
