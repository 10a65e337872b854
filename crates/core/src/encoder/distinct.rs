//! How many distinct values a column has, in bounded memory.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};

/// Up to this many distinct values are counted exactly.
pub const MAX_COUNTED_VALUES: usize = 1 << 16;

/// Wegman's adaptive sampling (Flajolet 1990): a set of the hashes below a threshold, which is halved whenever the set is
/// full. Exact up to [`MAX_COUNTED_VALUES`] distinct values; beyond that the standard error is about half a per cent.
#[derive(Debug, Default)]
pub(crate) struct Distinct {
    hashes: HashSet<u64, BuildHasherDefault<AsItIs>>,
    halvings: u32,
}

impl Distinct {
    pub(crate) fn add(&mut self, hash: u64) {
        if hash.leading_zeros() >= self.halvings && self.hashes.insert(hash) && self.hashes.len() > MAX_COUNTED_VALUES {
            self.halvings += 1;
            self.hashes.retain(|hash| hash.leading_zeros() >= self.halvings);
        }
    }

    pub(crate) fn count(&self) -> u64 {
        (self.hashes.len() as u64) << self.halvings
    }
}

/// Hashes that are hashes already. Their halves are swapped, since those that are kept have zeros in front.
#[derive(Debug, Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0.rotate_left(32)
    }

    fn write(&mut self, _: &[u8]) {}

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

/// The finaliser of splitmix64: a bijection that spreads every bit over all.
pub(crate) fn hash_word(word: u64) -> u64 {
    let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

/// A hash of bytes, the same on every machine.
pub(crate) fn hash_bytes(bytes: &[u8]) -> u64 {
    let mut hash = bytes.len() as u64 ^ 0x9e37_79b9_7f4a_7c15;
    for chunk in bytes.chunks(8) {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        hash = hash_word(hash ^ u64::from_le_bytes(word));
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_exact_up_to_the_cap_and_close_beyond() {
        let mut distinct = Distinct::default();
        for value in 0..MAX_COUNTED_VALUES as u64 {
            distinct.add(hash_word(value));
            distinct.add(hash_word(value));
        }
        assert_eq!(distinct.count(), MAX_COUNTED_VALUES as u64);
        for value in 0..2_000_000 {
            distinct.add(hash_word(value));
        }
        assert!((distinct.count() as f64 / 2e6 - 1.0).abs() < 0.02, "{}", distinct.count());
        assert!(distinct.hashes.len() <= MAX_COUNTED_VALUES);
    }

    #[test]
    fn texts_that_differ_in_length_alone_have_different_hashes() {
        assert_ne!(hash_bytes(b""), hash_bytes(b"\0"));
        assert_ne!(hash_bytes(b"a"), hash_bytes(b"a\0"));
    }
}
