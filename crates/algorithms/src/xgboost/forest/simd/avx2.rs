//! AVX2: a plane is two registers.

use std::arch::x86_64::*;

use datafusion_ml_core::Features;

use super::{BLOCK, CodeSet, Codes, Line, Plane, Simd, Sums, push_bytes, push_words};
use crate::xgboost::forest::Forest;
use crate::xgboost::forest::cutter::{Buckets, Cutter, Search};
use crate::xgboost::forest::evaluate::{Scratch, evaluate as evaluate_with};

/// Whether this CPU has all that [`evaluate`] needs.
pub(super) fn is_available() -> bool {
    is_x86_feature_detected!("avx2") && is_x86_feature_detected!("bmi1") && is_x86_feature_detected!("bmi2")
}

/// See [`super::evaluate`].
#[target_feature(enable = "avx2,bmi1,bmi2")]
pub(super) fn evaluate(
    forest: &Forest,
    base: &[f32],
    features: &Features,
    scratch: &mut Scratch,
    margins: &mut [Vec<f32>],
) {
    // SAFETY: the instruction set is enabled here.
    unsafe { evaluate_with::<Avx2>(forest, base, features, scratch, margins) }
}

/// Up to 128 leaves are looked up byte by byte in registers; larger tables are read from memory.
pub(super) fn push_leaves(leaves: &[u32], lines: &mut Vec<Line>) {
    if leaves.len() <= 128 { push_bytes(leaves, 16, lines) } else { push_words(leaves, lines) }
}

/// The instruction set.
struct Avx2;

impl Simd for Avx2 {
    type Bits = __m256i;

    const PARTS: usize = 2;

    const FEW_CONDITIONS: usize = 6;

    #[inline(always)]
    unsafe fn load(plane: &Plane, part: usize) -> __m256i {
        unsafe { _mm256_load_si256((&raw const *plane).cast::<__m256i>().add(part)) }
    }

    #[inline(always)]
    unsafe fn store(bits: __m256i, plane: &mut Plane, part: usize) {
        unsafe { _mm256_store_si256((&raw mut *plane).cast::<__m256i>().add(part), bits) }
    }

    #[inline(always)]
    unsafe fn and(a: __m256i, b: __m256i) -> __m256i {
        unsafe { _mm256_and_si256(a, b) }
    }

    #[inline(always)]
    unsafe fn and_not(a: __m256i, b: __m256i) -> __m256i {
        unsafe { _mm256_andnot_si256(b, a) }
    }

    #[inline(always)]
    unsafe fn nor(a: __m256i, b: __m256i) -> __m256i {
        unsafe { _mm256_andnot_si256(_mm256_or_si256(a, b), _mm256_set1_epi8(-1)) }
    }

    #[inline(always)]
    unsafe fn or(a: __m256i, b: __m256i) -> __m256i {
        unsafe { _mm256_or_si256(a, b) }
    }

    #[inline(always)]
    unsafe fn xor(a: __m256i, b: __m256i) -> __m256i {
        unsafe { _mm256_xor_si256(a, b) }
    }

    #[inline(always)]
    unsafe fn or_and(a: __m256i, b: __m256i, c: __m256i) -> __m256i {
        unsafe { _mm256_or_si256(a, _mm256_and_si256(b, c)) }
    }

    #[inline(always)]
    unsafe fn none() -> __m256i {
        unsafe { _mm256_setzero_si256() }
    }

    #[inline(always)]
    unsafe fn select(condition: __m256i, left: __m256i, right: __m256i) -> __m256i {
        unsafe { _mm256_or_si256(_mm256_and_si256(condition, left), _mm256_andnot_si256(condition, right)) }
    }

    #[inline(always)]
    unsafe fn prefetch(values: &[f32]) {
        for line in values.chunks(16) {
            unsafe { _mm_prefetch::<_MM_HINT_T1>(line.as_ptr().cast()) }
        }
    }

    #[inline(always)]
    unsafe fn code(cutter: &Cutter, values: &[f32; BLOCK], codes: &mut Codes, missing: &mut Plane) {
        unsafe { code(cutter, values, codes, missing) }
    }

    #[inline(always)]
    unsafe fn below(codes: &Codes, level: u8, part: usize) -> __m256i {
        unsafe { below(codes, level, part) }
    }

    #[inline(always)]
    unsafe fn among(codes: &Codes, set: &CodeSet, part: usize) -> __m256i {
        unsafe { among(codes, set, part) }
    }

    #[inline(always)]
    unsafe fn bits(codes: &Codes, part: usize) -> [__m256i; 8] {
        unsafe { bits(codes, part) }
    }

    #[inline(always)]
    unsafe fn add_leaves<const D: usize>(path: &[__m256i; 8], leaves: &[Line], sums: &mut Sums, part: usize) {
        unsafe { add_leaves::<D>(path, leaves, sums, part) }
    }

    #[inline(always)]
    unsafe fn add_deep_leaves(
        upper: &[__m256i; 8],
        lower: &[__m256i; 8],
        leaves: &[Line],
        sums: &mut Sums,
        part: usize,
    ) {
        unsafe { add_deep_leaves(upper, lower, leaves, sums, part) }
    }

    /// [`paths`] keeps rows apart by 128, and [`add_leaves`] by four.
    fn position(row: usize) -> usize {
        let (part, lane, vector, four, word) = (row / 256, row / 128 % 2, row / 16 % 8, row / 4 % 4, row % 4);
        part * 256 + vector * 32 + four * 8 + lane * 4 + word
    }
}

/// See [`Simd::code`].
#[inline]
#[target_feature(enable = "avx2")]
fn code(cutter: &Cutter, values: &[f32; BLOCK], codes: &mut Codes, missing: &mut Plane) {
    let groups = values.as_chunks::<32>().0.iter().zip(codes.0.as_chunks_mut::<32>().0);
    match &cutter.search {
        Search::Count | Search::HalveFew => {
            groups.for_each(|(values, codes)| count(cutter.thresholds(), values, codes));
        }
        Search::Buckets(buckets) => groups.for_each(|(values, codes)| look_up(cutter, buckets, values, codes)),
        Search::Halve => groups.for_each(|(values, codes)| *codes = values.map(|value| cutter.code(value))),
    }
    for ((values, codes), missing) in
        values.as_chunks::<64>().0.iter().zip(codes.0.as_chunks_mut::<64>().0).zip(&mut missing.0)
    {
        *missing = missing_rows(values);
        let mut rows = *missing;
        while rows != 0 {
            codes[rows.trailing_zeros() as usize] = u8::MAX;
            rows &= rows - 1;
        }
    }
}

/// Reads eight values.
#[inline]
#[target_feature(enable = "avx2")]
fn load_values(values: &[f32; 8]) -> __m256 {
    // SAFETY: 8 values are read.
    unsafe { _mm256_loadu_ps(values.as_ptr()) }
}

/// Reads 32 bytes.
#[inline]
#[target_feature(enable = "avx2")]
fn load_bytes(bytes: &[u8; 32]) -> __m256i {
    // SAFETY: 32 bytes are read.
    unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
}

/// Writes eight words.
#[inline]
#[target_feature(enable = "avx2")]
fn store_words(vector: __m256i) -> [u32; 8] {
    let mut words = [0; 8];
    // SAFETY: 8 words are written.
    unsafe { _mm256_storeu_si256(words.as_mut_ptr().cast(), vector) };
    words
}

/// The rows that are NaN.
#[inline]
#[target_feature(enable = "avx2")]
fn missing_rows(values: &[f32; 64]) -> u64 {
    let mut missing = 0;
    for (i, values) in values.as_chunks::<8>().0.iter().enumerate() {
        let values = load_values(values);
        let is_missing = _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_UNORD_Q>(values, values));
        missing |= u64::from(is_missing.cast_unsigned()) << (8 * i);
    }
    missing
}

/// The number of thresholds that each row has reached.
#[inline]
#[target_feature(enable = "avx2")]
fn count(thresholds: &[f32], values: &[f32; 32], codes: &mut [u8; 32]) {
    let mut rows = [_mm256_setzero_ps(); 4];
    for (rows, values) in rows.iter_mut().zip(values.as_chunks::<8>().0) {
        *rows = load_values(values);
    }
    let mut counts = [_mm256_setzero_si256(); 4];
    for threshold in thresholds {
        let threshold = _mm256_set1_ps(*threshold);
        for (count, rows) in counts.iter_mut().zip(rows) {
            let reached = _mm256_castps_si256(_mm256_cmp_ps::<_CMP_GE_OQ>(rows, threshold));
            *count = _mm256_sub_epi32(*count, reached);
        }
    }
    let first = _mm256_packus_epi32(counts[0], counts[1]);
    let second = _mm256_packus_epi32(counts[2], counts[3]);
    let packed = _mm256_packus_epi16(first, second);
    let packed = _mm256_permutevar8x32_epi32(packed, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
    // SAFETY: 32 codes are written.
    unsafe { _mm256_storeu_si256(codes.as_mut_ptr().cast(), packed) }
}

/// The codes by buckets.
#[inline]
#[target_feature(enable = "avx2")]
fn look_up(cutter: &Cutter, buckets: &Buckets, values: &[f32; 32], codes: &mut [u8; 32]) {
    let (scale, offset) = (_mm256_set1_ps(buckets.scale), _mm256_set1_ps(buckets.offset));
    for (values, codes) in values.as_chunks::<8>().0.iter().zip(codes.as_chunks_mut::<8>().0) {
        let scaled = _mm256_add_ps(_mm256_mul_ps(load_values(values), scale), offset);
        // Of a NaN and a number, the maximum is the second operand.
        let scaled = _mm256_max_ps(scaled, _mm256_setzero_ps());
        let keys = _mm256_cvttps_epi32(_mm256_min_ps(scaled, _mm256_set1_ps(65_535.0)));
        let numbers = store_words(_mm256_srli_epi32::<8>(keys));
        for ((value, number), code) in values.iter().zip(numbers).zip(codes) {
            *code = buckets.starts.0[number as usize & 0xFF];
            for _ in 0..buckets.thresholds.len() {
                // The last of the thresholds is padding, which is never reached.
                *code += u8::from(cutter.thresholds[usize::from(*code)] <= *value);
            }
        }
    }
}

/// See [`Simd::below`].
#[inline]
#[target_feature(enable = "avx2")]
fn below(codes: &Codes, level: u8, part: usize) -> __m256i {
    let mut rows = [0; 8];
    let highest = _mm256_set1_epi8((level - 1).cast_signed());
    for (rows, codes) in rows.iter_mut().zip(&codes.0.as_chunks::<32>().0[part * 8..]) {
        let codes = load_bytes(codes);
        *rows = _mm256_movemask_epi8(_mm256_cmpeq_epi8(_mm256_min_epu8(codes, highest), codes));
    }
    words(rows)
}

/// See [`Simd::among`].
#[inline]
#[target_feature(enable = "avx2")]
fn among(codes: &Codes, set: &CodeSet, part: usize) -> __m256i {
    let [a, b, c, d] = set.0.map(u64::cast_signed);
    let (lower, upper) = (_mm256_setr_epi64x(a, b, a, b), _mm256_setr_epi64x(c, d, c, d));
    // Bit `n % 8` in byte `n`.
    let powers = _mm256_set1_epi64x(0x8040_2010_0804_0201_u64.cast_signed());
    let mut rows = [0; 8];
    for (rows, codes) in rows.iter_mut().zip(&codes.0.as_chunks::<32>().0[part * 8..]) {
        let codes = load_bytes(codes);
        let byte = _mm256_and_si256(_mm256_srli_epi16::<3>(codes), _mm256_set1_epi8(15));
        let bytes = _mm256_blendv_epi8(_mm256_shuffle_epi8(lower, byte), _mm256_shuffle_epi8(upper, byte), codes);
        let bit = _mm256_shuffle_epi8(powers, _mm256_and_si256(codes, _mm256_set1_epi8(7)));
        *rows = _mm256_movemask_epi8(_mm256_cmpeq_epi8(_mm256_and_si256(bytes, bit), bit));
    }
    words(rows)
}

/// A vector of words.
#[inline]
#[target_feature(enable = "avx2")]
fn words(words: [i32; 8]) -> __m256i {
    // SAFETY: 8 words are read.
    unsafe { _mm256_loadu_si256(words.as_ptr().cast()) }
}

/// See [`Simd::bits`].
#[inline]
#[target_feature(enable = "avx2")]
fn bits(codes: &Codes, part: usize) -> [__m256i; 8] {
    let mut rows = [[0; 8]; 8];
    for (i, codes) in codes.0.as_chunks::<32>().0[part * 8..][..8].iter().enumerate() {
        let mut codes = load_bytes(codes);
        for rows in rows.iter_mut().rev() {
            // The mask has the highest bit of every byte.
            rows[i] = _mm256_movemask_epi8(codes);
            codes = _mm256_add_epi8(codes, codes);
        }
    }
    let mut bits = [_mm256_setzero_si256(); 8];
    for (bits, rows) in bits.iter_mut().zip(rows) {
        *bits = words(rows);
    }
    bits
}

/// See [`Simd::add_leaves`].
#[inline]
#[target_feature(enable = "avx2")]
fn add_leaves<const D: usize>(path: &[__m256i; 8], leaves: &[Line], sums: &mut Sums, part: usize) {
    let sums = sums.0.as_chunks_mut::<32>().0[part * 8..][..8].iter_mut();
    for (paths, sums) in paths::<D>(path).into_iter().zip(sums) {
        let leaves =
            if D <= 7 { small_leaves::<D>(paths, leaves) } else { gather(paths, _mm256_setzero_si256(), leaves) };
        add(leaves, sums);
    }
}

/// The paths of 256 rows as bytes: byte `16 * l + e` of vector `i` is row `128 * l + 16 * i + e`.
#[inline]
#[target_feature(enable = "avx2")]
fn paths<const D: usize>(path: &[__m256i; 8]) -> [__m256i; 8] {
    // What becomes the lowest bit comes first.
    let mut planes = [_mm256_setzero_si256(); 8];
    for (plane, bits) in planes.iter_mut().zip(path[..D].iter().rev()) {
        *plane = *bits;
    }
    let [a, b, c, d, e, f, g, h] = planes;
    let (lower, upper) = (interleave(a, b, c, d), interleave(e, f, g, h));
    let mut paths = [_mm256_setzero_si256(); 8];
    for i in 0..4 {
        paths[2 * i] = transpose_bits(_mm256_unpacklo_epi32(lower[i], upper[i]));
        paths[2 * i + 1] = transpose_bits(_mm256_unpackhi_epi32(lower[i], upper[i]));
    }
    paths
}

/// Transposes 8 x 8 bits in every 64 (Warren, Hacker's Delight, 2nd edition, section 7-3).
#[inline]
#[target_feature(enable = "avx2")]
fn transpose_bits(matrices: __m256i) -> __m256i {
    let matrices = swap_bits::<7>(matrices, 0x00AA_00AA_00AA_00AA);
    let matrices = swap_bits::<14>(matrices, 0x0000_CCCC_0000_CCCC);
    swap_bits::<28>(matrices, 0x0000_0000_F0F0_F0F0)
}

/// Swaps the bits of `mask` with those that lie higher by `DISTANCE`.
#[inline]
#[target_feature(enable = "avx2")]
fn swap_bits<const DISTANCE: i32>(matrices: __m256i, mask: i64) -> __m256i {
    let differing = _mm256_xor_si256(matrices, _mm256_srli_epi64::<DISTANCE>(matrices));
    let differing = _mm256_and_si256(differing, _mm256_set1_epi64x(mask));
    _mm256_xor_si256(matrices, _mm256_xor_si256(differing, _mm256_slli_epi64::<DISTANCE>(differing)))
}

/// The bytes of four vectors as rows of four.
#[inline]
#[target_feature(enable = "avx2")]
fn interleave(a: __m256i, b: __m256i, c: __m256i, d: __m256i) -> [__m256i; 4] {
    let (ab, cd) = (_mm256_unpacklo_epi8(a, b), _mm256_unpacklo_epi8(c, d));
    let (ab_2, cd_2) = (_mm256_unpackhi_epi8(a, b), _mm256_unpackhi_epi8(c, d));
    [
        _mm256_unpacklo_epi16(ab, cd),
        _mm256_unpackhi_epi16(ab, cd),
        _mm256_unpacklo_epi16(ab_2, cd_2),
        _mm256_unpackhi_epi16(ab_2, cd_2),
    ]
}

/// The leaves of 32 paths out of at most 128 leaves; word `4 * l + w` of vector `j` is that of byte `16 * l + 4 * j + w`.
#[inline]
#[target_feature(enable = "avx2")]
fn small_leaves<const D: usize>(paths: __m256i, leaves: &[Line]) -> [__m256i; 4] {
    // A plane of bytes is as many pieces of 16.
    let pieces = (1usize << D).div_ceil(16);
    let leaves = &leaves[..pieces];
    // Bits 4, 5 and 6 of a path where a blend looks for them.
    let choices = [_mm256_slli_epi16::<3>(paths), _mm256_slli_epi16::<2>(paths), _mm256_slli_epi16::<1>(paths)];
    let mut planes = [_mm256_setzero_si256(); 4];
    for (byte, plane) in planes.iter_mut().enumerate() {
        let mut found = [_mm256_setzero_si256(); 8];
        for (piece, found) in found.iter_mut().enumerate().take(pieces) {
            let index = byte * pieces + piece;
            let table: &[u32; 4] = &leaves[index / 4].0.as_chunks().0[index % 4];
            // SAFETY: 16 bytes are read.
            let table = _mm256_broadcastsi128_si256(unsafe { _mm_loadu_si128(table.as_ptr().cast()) });
            *found = _mm256_shuffle_epi8(table, paths);
        }
        let mut count = pieces;
        for choice in choices {
            for i in 0..count / 2 {
                found[i] = _mm256_blendv_epi8(found[2 * i], found[2 * i + 1], choice);
            }
            count /= 2;
        }
        *plane = found[0];
    }
    let [a, b, c, d] = planes;
    interleave(a, b, c, d)
}

/// The leaves of 32 paths with the given lower and upper bytes, in the order of [`small_leaves`].
#[inline]
#[target_feature(enable = "avx2")]
fn gather(lower: __m256i, upper: __m256i, leaves: &[Line]) -> [__m256i; 4] {
    let zero = _mm256_setzero_si256();
    let paths = interleave(lower, upper, zero, zero);
    let mut found = [zero; 4];
    for (found, paths) in found.iter_mut().zip(paths) {
        // SAFETY: there is a leaf for every path.
        *found = unsafe { _mm256_i32gather_epi32::<4>(leaves.as_ptr().cast(), paths) };
    }
    found
}

/// See [`Simd::add_deep_leaves`].
#[inline]
#[target_feature(enable = "avx2")]
fn add_deep_leaves(upper: &[__m256i; 8], lower: &[__m256i; 8], leaves: &[Line], sums: &mut Sums, part: usize) {
    let paths = paths::<8>(lower).into_iter().zip(paths::<8>(upper));
    for ((lower, upper), sums) in paths.zip(&mut sums.0.as_chunks_mut::<32>().0[part * 8..][..8]) {
        add(gather(lower, upper, leaves), sums);
    }
}

/// Adds leaves to the sums of 32 rows.
#[inline]
#[target_feature(enable = "avx2")]
fn add(leaves: [__m256i; 4], sums: &mut [f32; 32]) {
    for (leaves, sums) in leaves.into_iter().zip(sums.as_chunks_mut::<8>().0) {
        let sum = _mm256_add_ps(load_values(sums), _mm256_castsi256_ps(leaves));
        // SAFETY: 8 sums are written.
        unsafe { _mm256_storeu_ps(sums.as_mut_ptr(), sum) }
    }
}
