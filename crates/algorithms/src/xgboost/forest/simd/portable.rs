//! Plain Rust over 64-bit words, for the compiler to vectorise.

use super::{BLOCK, CodeSet, Codes, Line, Plane, Simd, Sums};
use crate::xgboost::forest::cutter::{Cutter, Search};

/// No instructions in particular.
pub(super) struct Portable;

type Words = [u64; WORDS];

/// Words of a part: 128 rows, as many as the registers of any CPU of today hold.
const WORDS: usize = 2;

#[inline(always)]
fn zip(a: Words, b: Words, operation: impl Fn(u64, u64) -> u64) -> Words {
    std::array::from_fn(|word| operation(a[word], b[word]))
}

/// Transposes 8 x 8 bits (Warren, Hacker's Delight, 2nd edition, section 7-3).
#[inline(always)]
fn transpose(mut matrix: u64) -> u64 {
    let mut swap = |distance: u32, mask: u64| {
        let differing = (matrix ^ (matrix >> distance)) & mask;
        matrix ^= differing ^ (differing << distance);
    };
    swap(7, 0x00AA_00AA_00AA_00AA);
    swap(14, 0x0000_CCCC_0000_CCCC);
    swap(28, 0x0000_0000_F0F0_F0F0);
    matrix
}

/// The paths of a group of eight rows.
#[inline(always)]
fn paths<const D: usize>(path: &[Words; 8], group: usize) -> [u8; 8] {
    let (word, shift) = (group / 8, group % 8 * 8);
    let mut decisions = 0;
    for (level, bits) in path[..D].iter().enumerate() {
        decisions |= (bits[word] >> shift & 0xFF) << (8 * (D - 1 - level));
    }
    transpose(decisions).to_le_bytes()
}

impl Simd for Portable {
    type Bits = Words;

    const PARTS: usize = BLOCK / 64 / WORDS;

    const FEW_CONDITIONS: usize = 0;

    #[inline(always)]
    unsafe fn load(plane: &Plane, part: usize) -> Words {
        plane.0.as_chunks().0[part]
    }

    #[inline(always)]
    unsafe fn store(bits: Words, plane: &mut Plane, part: usize) {
        plane.0.as_chunks_mut().0[part] = bits;
    }

    #[inline(always)]
    unsafe fn and(a: Words, b: Words) -> Words {
        zip(a, b, |a, b| a & b)
    }

    #[inline(always)]
    unsafe fn and_not(a: Words, b: Words) -> Words {
        zip(a, b, |a, b| a & !b)
    }

    #[inline(always)]
    unsafe fn nor(a: Words, b: Words) -> Words {
        zip(a, b, |a, b| !(a | b))
    }

    #[inline(always)]
    unsafe fn or(a: Words, b: Words) -> Words {
        zip(a, b, |a, b| a | b)
    }

    #[inline(always)]
    unsafe fn xor(a: Words, b: Words) -> Words {
        zip(a, b, |a, b| a ^ b)
    }

    #[inline(always)]
    unsafe fn or_and(a: Words, b: Words, c: Words) -> Words {
        zip(a, zip(b, c, |b, c| b & c), |a, b| a | b)
    }

    #[inline(always)]
    unsafe fn none() -> Words {
        [0; WORDS]
    }

    #[inline(always)]
    unsafe fn select(condition: Words, left: Words, right: Words) -> Words {
        zip(right, zip(condition, zip(left, right, |l, r| l ^ r), |c, d| c & d), |r, d| r ^ d)
    }

    #[inline(always)]
    unsafe fn prefetch(_: &[f32]) {}

    #[inline(always)]
    unsafe fn code(cutter: &Cutter, values: &[f32; BLOCK], codes: &mut Codes, missing: &mut Plane) {
        match &cutter.search {
            Search::Count => {
                codes.0.fill(0);
                for threshold in cutter.thresholds() {
                    for (code, value) in codes.0.iter_mut().zip(values) {
                        *code += u8::from(threshold <= value);
                    }
                }
            }
            Search::Buckets(buckets) => {
                let most = buckets.thresholds.len();
                for (code, value) in codes.0.iter_mut().zip(values) {
                    let mut reached = usize::from(buckets.starts.0[usize::from(buckets.key(*value) >> 8)]);
                    for _ in 0..most {
                        // The padding is never reached, so that the code stays a byte.
                        reached += usize::from(cutter.thresholds[reached & 255] <= *value);
                    }
                    *code = reached as u8;
                }
            }
            Search::Halve | Search::HalveFew => {
                for (code, value) in codes.0.iter_mut().zip(values) {
                    *code = cutter.code(*value);
                }
            }
        }
        for ((word, codes), values) in
            missing.0.iter_mut().zip(codes.0.chunks_exact_mut(64)).zip(values.chunks_exact(64))
        {
            *word = 0;
            if values.iter().fold(false, |any, value| any | value.is_nan()) {
                for (row, (code, value)) in codes.iter_mut().zip(values).enumerate() {
                    if value.is_nan() {
                        *code = u8::MAX;
                        *word |= 1 << row;
                    }
                }
            }
        }
    }

    #[inline(always)]
    unsafe fn below(codes: &Codes, level: u8, part: usize) -> Words {
        let codes = &codes.0.as_chunks::<{ 64 * WORDS }>().0[part];
        std::array::from_fn(|word| {
            let codes = codes.as_chunks::<64>().0[word].iter().enumerate();
            codes.fold(0, |bits, (row, code)| bits | (u64::from(*code < level) << row))
        })
    }

    #[inline(always)]
    unsafe fn among(codes: &Codes, set: &CodeSet, part: usize) -> Words {
        let codes = &codes.0.as_chunks::<{ 64 * WORDS }>().0[part];
        std::array::from_fn(|word| {
            let codes = codes.as_chunks::<64>().0[word].iter().enumerate();
            codes.fold(0, |bits, (row, code)| bits | (set.0[usize::from(code / 64)] >> (code % 64) & 1) << row)
        })
    }

    #[inline(always)]
    unsafe fn bits(codes: &Codes, part: usize) -> [Words; 8] {
        let mut bits = [[0; WORDS]; 8];
        let groups = codes.0.as_chunks::<{ 64 * WORDS }>().0[part].as_chunks::<8>().0;
        for (group, codes) in groups.iter().enumerate() {
            let of_rows = transpose(u64::from_le_bytes(*codes)).to_le_bytes();
            for (bits, of_rows) in bits.iter_mut().zip(of_rows) {
                bits[group / 8] |= u64::from(of_rows) << (group % 8 * 8);
            }
        }
        bits
    }

    #[inline(always)]
    unsafe fn add_leaves<const D: usize>(path: &[Words; 8], leaves: &[Line], sums: &mut Sums, part: usize) {
        let leaves = &leaves[..(1usize << D).div_ceil(16)];
        let sums = sums.0.as_chunks_mut::<{ 64 * WORDS }>().0[part].as_chunks_mut::<8>().0;
        for (group, sums) in sums.iter_mut().enumerate() {
            for (sum, path) in sums.iter_mut().zip(paths::<D>(path, group)) {
                let path = usize::from(path) & ((1 << D) - 1);
                *sum += f32::from_bits(leaves[path / 16].0[path % 16]);
            }
        }
    }

    #[inline(always)]
    unsafe fn add_deep_leaves(upper: &[Words; 8], lower: &[Words; 8], leaves: &[Line], sums: &mut Sums, part: usize) {
        let sums = sums.0.as_chunks_mut::<{ 64 * WORDS }>().0[part].as_chunks_mut::<8>().0;
        for (group, sums) in sums.iter_mut().enumerate() {
            let (upper, lower) = (paths::<8>(upper, group), paths::<8>(lower, group));
            for ((sum, upper), lower) in sums.iter_mut().zip(upper).zip(lower) {
                let path = usize::from(upper) << 8 | usize::from(lower);
                *sum += f32::from_bits(leaves[path / 16].0[path % 16]);
            }
        }
    }

    fn position(row: usize) -> usize {
        row
    }
}
