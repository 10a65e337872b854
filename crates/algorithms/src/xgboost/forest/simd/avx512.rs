//! AVX-512: a plane is one register.

use std::arch::x86_64::*;

use datafusion_ml_core::Features;

use super::{BLOCK, CodeSet, Codes, Line, Plane, Simd, Sums, push_bytes, push_words};
use crate::xgboost::forest::Forest;
use crate::xgboost::forest::cutter::{Buckets, Bytes, Cutter, Search};
use crate::xgboost::forest::evaluate::{Scratch, evaluate as evaluate_with};

/// Whether this CPU has all that [`evaluate`] needs.
pub(super) fn is_available() -> bool {
    is_x86_feature_detected!("avx512vbmi")
        && is_x86_feature_detected!("gfni")
        && is_x86_feature_detected!("bmi1")
        && is_x86_feature_detected!("bmi2")
}

/// See [`super::evaluate`].
#[target_feature(enable = "avx512vbmi,gfni,bmi1,bmi2")]
pub(super) fn evaluate(
    forest: &Forest,
    base: &[f32],
    features: &Features,
    scratch: &mut Scratch,
    margins: &mut [Vec<f32>],
) {
    // SAFETY: the instruction set is enabled here.
    unsafe { evaluate_with::<Avx512>(forest, base, features, scratch, margins) }
}

/// Up to 64 leaves are kept in registers as they are, up to 256 are looked up byte by byte, and larger tables are read
/// from memory.
pub(super) fn push_leaves(leaves: &[u32], lines: &mut Vec<Line>) {
    match leaves.len() {
        65..=256 => push_bytes(leaves, 64, lines),
        _ => push_words(leaves, lines),
    }
}

/// The instruction set.
struct Avx512;

impl Simd for Avx512 {
    type Bits = __m512i;

    const PARTS: usize = 1;

    const FEW_CONDITIONS: usize = 12;

    #[inline(always)]
    unsafe fn load(plane: &Plane, _: usize) -> __m512i {
        unsafe { _mm512_load_si512((&raw const *plane).cast()) }
    }

    #[inline(always)]
    unsafe fn store(bits: __m512i, plane: &mut Plane, _: usize) {
        unsafe { _mm512_store_si512((&raw mut *plane).cast(), bits) }
    }

    #[inline(always)]
    unsafe fn and(a: __m512i, b: __m512i) -> __m512i {
        unsafe { _mm512_and_si512(a, b) }
    }

    #[inline(always)]
    unsafe fn and_not(a: __m512i, b: __m512i) -> __m512i {
        unsafe { _mm512_andnot_si512(b, a) }
    }

    #[inline(always)]
    unsafe fn nor(a: __m512i, b: __m512i) -> __m512i {
        unsafe { _mm512_ternarylogic_epi64::<0b0000_0011>(a, b, b) }
    }

    #[inline(always)]
    unsafe fn or(a: __m512i, b: __m512i) -> __m512i {
        unsafe { _mm512_or_si512(a, b) }
    }

    #[inline(always)]
    unsafe fn xor(a: __m512i, b: __m512i) -> __m512i {
        unsafe { _mm512_xor_si512(a, b) }
    }

    #[inline(always)]
    unsafe fn or_and(a: __m512i, b: __m512i, c: __m512i) -> __m512i {
        unsafe { _mm512_ternarylogic_epi64::<0b1111_1000>(a, b, c) }
    }

    #[inline(always)]
    unsafe fn none() -> __m512i {
        unsafe { _mm512_setzero_si512() }
    }

    #[inline(always)]
    unsafe fn select(condition: __m512i, left: __m512i, right: __m512i) -> __m512i {
        unsafe { _mm512_ternarylogic_epi64::<0b1100_1010>(condition, left, right) }
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
    unsafe fn below(codes: &Codes, level: u8, _: usize) -> __m512i {
        unsafe { Self::load(&below(codes, level), 0) }
    }

    #[inline(always)]
    unsafe fn among(codes: &Codes, set: &CodeSet, _: usize) -> __m512i {
        unsafe { Self::load(&among(codes, set), 0) }
    }

    #[inline(always)]
    unsafe fn bits(codes: &Codes, _: usize) -> [__m512i; 8] {
        unsafe { bits(codes) }
    }

    #[inline(always)]
    unsafe fn add_leaves<const D: usize>(path: &[__m512i; 8], leaves: &[Line], sums: &mut Sums, _: usize) {
        unsafe { add_leaves::<D>(path, leaves, sums) }
    }

    #[inline(always)]
    unsafe fn add_deep_leaves(upper: &[__m512i; 8], lower: &[__m512i; 8], leaves: &[Line], sums: &mut Sums, _: usize) {
        unsafe { add_deep_leaves(upper, lower, leaves, sums) }
    }

    /// [`paths`] keeps rows apart by 128, and [`small_leaves`] by one.
    fn position(row: usize) -> usize {
        let (lane, vector, word, byte) = (row / 128, row / 16 % 8, row / 4 % 4, row % 4);
        vector * 64 + byte * 16 + lane * 4 + word
    }
}

/// See [`Simd::code`].
#[inline]
#[target_feature(enable = "avx512vbmi,gfni")]
fn code(cutter: &Cutter, values: &[f32; BLOCK], codes: &mut Codes, missing: &mut Plane) {
    let groups = values.as_chunks::<64>().0.iter().zip(codes.0.as_chunks_mut::<64>().0).zip(&mut missing.0);
    match &cutter.search {
        Search::Count => {
            for ((values, codes), missing) in groups {
                let rows = load_rows(values);
                *missing = missing_rows(&rows);
                store_codes(count(cutter.thresholds(), &rows), *missing, codes);
            }
        }
        Search::HalveFew => {
            for ((values, codes), missing) in groups {
                let rows = load_rows(values);
                *missing = missing_rows(&rows);
                store_codes(halve(&cutter.thresholds, &rows), *missing, codes);
            }
        }
        Search::Buckets(buckets) => {
            let mut unsure = [0; BLOCK / 64];
            for (((values, codes), missing), unsure) in groups.zip(&mut unsure) {
                let rows = load_rows(values);
                *missing = missing_rows(&rows);
                let (found, is_unsure) = look_up(buckets, &rows);
                store_codes(found, *missing, codes);
                *unsure = is_unsure;
            }
            if !buckets.is_exact {
                compare(cutter, buckets.most_per_key, values, &unsure, codes);
            }
        }
        Search::Halve => {
            for ((values, codes), missing) in groups {
                *missing = missing_rows(&load_rows(values));
                for ((row, code), value) in codes.iter_mut().enumerate().zip(values) {
                    *code = if *missing >> row & 1 == 1 { u8::MAX } else { cutter.code(*value) };
                }
            }
        }
    }
}

/// Reads the values of 64 rows.
#[inline]
#[target_feature(enable = "avx512vbmi,gfni")]
fn load_rows(values: &[f32; 64]) -> [__m512; 4] {
    let mut rows = [_mm512_setzero_ps(); 4];
    for (rows, values) in rows.iter_mut().zip(values.as_chunks::<16>().0) {
        // SAFETY: 16 values are read.
        *rows = unsafe { _mm512_loadu_ps(values.as_ptr()) };
    }
    rows
}

/// Writes the codes of 64 rows, 255 where the value is missing.
#[inline]
#[target_feature(enable = "avx512vbmi,gfni")]
fn store_codes(found: __m512i, missing: u64, codes: &mut [u8; 64]) {
    let found = _mm512_mask_mov_epi8(found, missing, _mm512_set1_epi8(-1));
    // SAFETY: 64 codes are written.
    unsafe { _mm512_storeu_si512(codes.as_mut_ptr().cast(), found) }
}

/// Reads 64 codes.
#[inline]
#[target_feature(enable = "avx512vbmi,gfni")]
fn load_codes(codes: &[u8; 64]) -> __m512i {
    // SAFETY: 64 codes are read.
    unsafe { _mm512_loadu_si512(codes.as_ptr().cast()) }
}

/// Reads a line of leaves.
#[inline]
#[target_feature(enable = "avx512vbmi,gfni")]
fn load_line(line: &Line) -> __m512i {
    // SAFETY: a line is 64 bytes, and aligned.
    unsafe { _mm512_load_si512((&raw const *line).cast()) }
}

/// The rows that are NaN.
#[inline]
#[target_feature(enable = "avx512vbmi,gfni")]
fn missing_rows(rows: &[__m512; 4]) -> u64 {
    let mut missing = 0;
    for (i, rows) in rows.iter().enumerate() {
        missing |= u64::from(_mm512_cmp_ps_mask::<_CMP_UNORD_Q>(*rows, *rows)) << (16 * i);
    }
    missing
}

/// Four vectors of words below 2^16 as two vectors of half words, their rows interleaved as [`in_order`] undoes it.
#[inline]
#[target_feature(enable = "avx512vbmi,gfni")]
fn narrow(words: [__m512i; 4]) -> [__m512i; 2] {
    [_mm512_packus_epi32(words[0], words[1]), _mm512_packus_epi32(words[2], words[3])]
}

/// Brings bytes that were packed from four vectors into the order of the rows.
#[inline]
#[target_feature(enable = "avx512vbmi,gfni")]
fn in_order(packed: __m512i) -> __m512i {
    let order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    _mm512_permutexvar_epi32(order, packed)
}

/// The number of thresholds that each row has reached.
#[inline]
#[target_feature(enable = "avx512vbmi,gfni")]
fn count(thresholds: &[f32], rows: &[__m512; 4]) -> __m512i {
    let mut counts = [_mm512_setzero_si512(); 4];
    for threshold in thresholds {
        let threshold = _mm512_set1_ps(*threshold);
        for (count, rows) in counts.iter_mut().zip(rows) {
            let reached = _mm512_cmp_ps_mask::<_CMP_GE_OQ>(*rows, threshold);
            *count = _mm512_mask_add_epi32(*count, reached, *count, _mm512_set1_epi32(1));
        }
    }
    let [first, second] = narrow(counts);
    in_order(_mm512_packus_epi16(first, second))
}

/// The number of thresholds, out of at most 31, that each row has reached.
#[inline]
#[target_feature(enable = "avx512vbmi,gfni")]
fn halve(thresholds: &[f32; 256], rows: &[__m512; 4]) -> __m512i {
    // SAFETY: 32 thresholds are read.
    let tables = unsafe { [_mm512_loadu_ps(thresholds.as_ptr()), _mm512_loadu_ps(thresholds.as_ptr().add(16))] };
    let mut counts = [_mm512_setzero_si512(); 4];
    for step in [16, 8, 4, 2, 1] {
        for (count, rows) in counts.iter_mut().zip(rows) {
            let next = _mm512_add_epi32(*count, _mm512_set1_epi32(step - 1));
            let threshold = _mm512_permutex2var_ps(tables[0], next, tables[1]);
            let reached = _mm512_cmp_ps_mask::<_CMP_GE_OQ>(*rows, threshold);
            *count = _mm512_mask_add_epi32(*count, reached, *count, _mm512_set1_epi32(step));
        }
    }
    let [first, second] = narrow(counts);
    in_order(_mm512_packus_epi16(first, second))
}

/// The number of thresholds below each row's key, and the rows whose key is a threshold's too: these as [`compare`]
/// expects them. If the buckets are exact, thresholds of the same key are counted.
#[inline]
#[target_feature(enable = "avx512vbmi,gfni")]
fn look_up(buckets: &Buckets, rows: &[__m512; 4]) -> (__m512i, u64) {
    let (scale, offset) = (_mm512_set1_ps(buckets.scale), _mm512_set1_ps(buckets.offset));
    let mut keys = [_mm512_setzero_si512(); 4];
    for (key, rows) in keys.iter_mut().zip(rows) {
        let scaled = _mm512_add_ps(_mm512_mul_ps(*rows, scale), offset);
        // Of a NaN and a number, the maximum is the second operand.
        let scaled = _mm512_max_ps(scaled, _mm512_setzero_ps());
        *key = _mm512_cvttps_epi32(_mm512_min_ps(scaled, _mm512_set1_ps(65_535.0)));
    }
    let [first, second] = narrow(keys);
    let bucket = _mm512_packus_epi16(_mm512_srli_epi16::<8>(first), _mm512_srli_epi16::<8>(second));
    let low = _mm512_set1_epi16(0xFF);
    let low = _mm512_packus_epi16(_mm512_and_si512(first, low), _mm512_and_si512(second, low));
    let low = _mm512_min_epu8(low, _mm512_set1_epi8(0xFE_u8.cast_signed()));
    let mut codes = entries(&buckets.starts, bucket);
    let mut is_equal = 0;
    for thresholds in &buckets.thresholds {
        let threshold = entries(thresholds, bucket);
        let equal = _mm512_cmpeq_epu8_mask(low, threshold);
        let above = _mm512_cmpgt_epu8_mask(low, threshold);
        let reached = if buckets.is_exact { above | equal } else { above };
        codes = _mm512_mask_add_epi8(codes, reached, codes, _mm512_set1_epi8(1));
        is_equal |= equal;
    }
    (in_order(codes), is_equal)
}

/// The entries of a table.
#[inline]
#[target_feature(enable = "avx512vbmi,gfni")]
fn entries(table: &Bytes, indices: __m512i) -> __m512i {
    let [a, b, c, d] = table.0.as_chunks::<64>().0 else { unreachable!("256 bytes") };
    let lower = _mm512_permutex2var_epi8(load_codes(a), indices, load_codes(b));
    let upper = _mm512_permutex2var_epi8(load_codes(c), indices, load_codes(d));
    _mm512_mask_blend_epi8(_mm512_movepi8_mask(indices), lower, upper)
}

/// Completes the codes of the rows that [`look_up`] was not sure of, which are numbered as before [`in_order`].
fn compare(cutter: &Cutter, most_per_key: usize, values: &[f32; BLOCK], unsure: &[u64; BLOCK / 64], codes: &mut Codes) {
    for (group, unsure) in unsure.iter().enumerate() {
        let mut unsure = *unsure;
        while unsure != 0 {
            let packed = unsure.trailing_zeros() as usize;
            let row = group * 64 + packed / 4 % 4 * 16 + packed / 16 * 4 + packed % 4;
            for _ in 0..most_per_key {
                // The last of the thresholds is padding, which is never reached.
                codes.0[row] += u8::from(cutter.thresholds[usize::from(codes.0[row])] <= values[row]);
            }
            unsure &= unsure - 1;
        }
    }
}

/// See [`Simd::below`].
#[inline]
#[target_feature(enable = "avx512vbmi,gfni")]
fn below(codes: &Codes, level: u8) -> Plane {
    let mut plane = Plane([0; BLOCK / 64]);
    for (bits, codes) in plane.0.iter_mut().zip(codes.0.as_chunks::<64>().0) {
        *bits = _mm512_cmplt_epu8_mask(load_codes(codes), _mm512_set1_epi8(level.cast_signed()));
    }
    plane
}

/// See [`Simd::among`].
#[inline]
#[target_feature(enable = "avx512vbmi,gfni")]
fn among(codes: &Codes, set: &CodeSet) -> Plane {
    let [a, b, c, d] = set.0.map(u64::cast_signed);
    // Permutations look at the lowest six bits: half of the bytes twice, or eight powers of two eight times.
    let set = _mm512_setr_epi64(a, b, c, d, a, b, c, d);
    let powers = _mm512_set1_epi64(0x8040_2010_0804_0201_u64.cast_signed());
    let mut plane = Plane([0; BLOCK / 64]);
    for (rows, codes) in plane.0.iter_mut().zip(codes.0.as_chunks::<64>().0) {
        let codes = load_codes(codes);
        let byte = _mm512_permutexvar_epi8(_mm512_srli_epi16::<3>(codes), set);
        *rows = _mm512_test_epi8_mask(byte, _mm512_permutexvar_epi8(codes, powers));
    }
    plane
}

/// Every eight bytes back to front, by a shuffle.
const REVERSED: [u8; 64] = {
    let (mut bytes, mut i) = ([0; 64], 0);
    while i < 64 {
        bytes[i] = (i / 8 * 8 % 16 + 7 - i % 8) as u8;
        i += 1;
    }
    bytes
};

/// Eight rows of eight bytes become columns, by a permutation.
const TRANSPOSED: [u8; 64] = {
    let (mut bytes, mut i) = ([0; 64], 0);
    while i < 64 {
        bytes[i] = (i % 8 * 8 + i / 8) as u8;
        i += 1;
    }
    bytes
};

/// In each 16 bytes, four rows of four become columns, by a shuffle.
const TRANSPOSED_FOURS: [u8; 64] = {
    let (mut bytes, mut i) = ([0; 64], 0);
    while i < 64 {
        bytes[i] = (i % 4 * 4 + i % 16 / 4) as u8;
        i += 1;
    }
    bytes
};

/// See [`Simd::bits`].
#[inline]
#[target_feature(enable = "avx512vbmi,gfni")]
fn bits(codes: &Codes) -> [__m512i; 8] {
    let (reversed, transposed) = (load_codes(&REVERSED), load_codes(&TRANSPOSED));
    // Word `p` of `words[i]` is word `i` of bit `p`.
    let mut words = [_mm512_setzero_si512(); 8];
    for (words, codes) in words.iter_mut().zip(codes.0.as_chunks::<64>().0) {
        let bits = transpose_bits(_mm512_shuffle_epi8(load_codes(codes), reversed));
        *words = _mm512_permutexvar_epi8(transposed, bits);
    }
    transpose_words(words)
}

/// Transposes 8 x 8 bits in every 64: bit `i` of byte `r` is bit `r` of byte `7 - i`.
#[inline]
#[target_feature(enable = "avx512vbmi,gfni")]
fn transpose_bits(matrices: __m512i) -> __m512i {
    _mm512_gf2p8affine_epi64_epi8::<0>(_mm512_set1_epi64(0x8040_2010_0804_0201_u64.cast_signed()), matrices)
}

/// Transposes 8 x 8 words of 64 bits.
#[inline]
#[target_feature(enable = "avx512vbmi,gfni")]
fn transpose_words(rows: [__m512i; 8]) -> [__m512i; 8] {
    let (mut even, mut odd) = ([_mm512_setzero_si512(); 4], [_mm512_setzero_si512(); 4]);
    for i in 0..4 {
        even[i] = _mm512_unpacklo_epi64(rows[2 * i], rows[2 * i + 1]);
        odd[i] = _mm512_unpackhi_epi64(rows[2 * i], rows[2 * i + 1]);
    }
    let (even, odd) = (transpose_pairs(even), transpose_pairs(odd));
    [even[0], odd[0], even[1], odd[1], even[2], odd[2], even[3], odd[3]]
}

/// Transposes 4 x 4 pairs of words.
#[inline]
#[target_feature(enable = "avx512vbmi,gfni")]
fn transpose_pairs(rows: [__m512i; 4]) -> [__m512i; 4] {
    const EVEN: i32 = 0x88;
    const ODD: i32 = 0xDD;
    let even = (_mm512_shuffle_i64x2::<EVEN>(rows[0], rows[1]), _mm512_shuffle_i64x2::<EVEN>(rows[2], rows[3]));
    let odd = (_mm512_shuffle_i64x2::<ODD>(rows[0], rows[1]), _mm512_shuffle_i64x2::<ODD>(rows[2], rows[3]));
    [
        _mm512_shuffle_i64x2::<EVEN>(even.0, even.1),
        _mm512_shuffle_i64x2::<EVEN>(odd.0, odd.1),
        _mm512_shuffle_i64x2::<ODD>(even.0, even.1),
        _mm512_shuffle_i64x2::<ODD>(odd.0, odd.1),
    ]
}

/// See [`Simd::add_leaves`].
#[inline]
#[target_feature(enable = "avx512vbmi,gfni")]
fn add_leaves<const D: usize>(path: &[__m512i; 8], leaves: &[Line], sums: &mut Sums) {
    let leaves = &leaves[..(1usize << D).div_ceil(16)];
    for (paths, sums) in paths::<D>(path).into_iter().zip(sums.0.as_chunks_mut::<64>().0) {
        let leaves = if D <= 6 { small_leaves::<D>(paths, leaves) } else { large_leaves::<D>(paths, leaves) };
        for (leaves, sums) in leaves.into_iter().zip(sums.as_chunks_mut::<16>().0) {
            // SAFETY: 16 sums are read and written.
            unsafe { _mm512_storeu_ps(sums.as_mut_ptr(), _mm512_add_ps(_mm512_loadu_ps(sums.as_ptr()), leaves)) }
        }
    }
}

/// The paths of all rows as bytes: byte `16 * l + e` of vector `i` is row `128 * l + 16 * i + e`.
#[inline]
#[target_feature(enable = "avx512vbmi,gfni")]
fn paths<const D: usize>(path: &[__m512i; 8]) -> [__m512i; 8] {
    // What becomes the highest bit comes first.
    let mut planes = [_mm512_setzero_si512(); 8];
    planes[8 - D..].copy_from_slice(&path[..D]);
    let [a, b, c, d, e, f, g, h] = planes;
    let (upper, lower) = (interleave(a, b, c, d), interleave(e, f, g, h));
    let mut paths = [_mm512_setzero_si512(); 8];
    for i in 0..4 {
        paths[2 * i] = transpose_bits(_mm512_unpacklo_epi32(upper[i], lower[i]));
        paths[2 * i + 1] = transpose_bits(_mm512_unpackhi_epi32(upper[i], lower[i]));
    }
    paths
}

/// The bytes of four planes as rows of four.
#[inline]
#[target_feature(enable = "avx512vbmi,gfni")]
fn interleave(a: __m512i, b: __m512i, c: __m512i, d: __m512i) -> [__m512i; 4] {
    let (ab, cd) = (_mm512_unpacklo_epi8(a, b), _mm512_unpacklo_epi8(c, d));
    let (ab_2, cd_2) = (_mm512_unpackhi_epi8(a, b), _mm512_unpackhi_epi8(c, d));
    [
        _mm512_unpacklo_epi16(ab, cd),
        _mm512_unpackhi_epi16(ab, cd),
        _mm512_unpacklo_epi16(ab_2, cd_2),
        _mm512_unpackhi_epi16(ab_2, cd_2),
    ]
}

/// The leaves of 64 paths out of at most 64 leaves; word `w` of vector `j` is that of byte `4 * w + j`.
#[inline]
#[target_feature(enable = "avx512vbmi,gfni")]
fn small_leaves<const D: usize>(paths: __m512i, leaves: &[Line]) -> [__m512; 4] {
    let lines = [0, 1, 2, 3].map(|line| &leaves[if line < (1usize << D).div_ceil(16) { line } else { 0 }]);
    let paths = [paths, _mm512_srli_epi32::<8>(paths), _mm512_srli_epi32::<16>(paths), _mm512_srli_epi32::<24>(paths)];
    let mut found = [_mm512_setzero_ps(); 4];
    for (found, paths) in found.iter_mut().zip(paths) {
        // Permutations look at no more bits of a path than they need.
        *found = _mm512_castsi512_ps(match D {
            0..=4 => _mm512_permutexvar_epi32(paths, load_line(lines[0])),
            5 => _mm512_permutex2var_epi32(load_line(lines[0]), paths, load_line(lines[1])),
            _ => {
                let lower = _mm512_permutex2var_epi32(load_line(lines[0]), paths, load_line(lines[1]));
                let upper = _mm512_permutex2var_epi32(load_line(lines[2]), paths, load_line(lines[3]));
                let is_upper = _mm512_test_epi32_mask(paths, _mm512_set1_epi32(32));
                _mm512_mask_blend_epi32(is_upper, lower, upper)
            }
        });
    }
    found
}

/// The leaves of 64 paths out of 128 or 256 leaves, in the order of [`small_leaves`].
#[inline]
#[target_feature(enable = "avx512vbmi,gfni")]
fn large_leaves<const D: usize>(paths: __m512i, leaves: &[Line]) -> [__m512; 4] {
    let paths = _mm512_shuffle_epi8(paths, load_codes(&TRANSPOSED_FOURS));
    let is_upper = _mm512_movepi8_mask(paths);
    let mut planes = [_mm512_setzero_si512(); 4];
    for (plane, lines) in planes.iter_mut().zip(leaves[..(1 << D) / 16].chunks_exact((1 << D) / 64)) {
        *plane = _mm512_permutex2var_epi8(load_line(&lines[0]), paths, load_line(&lines[1]));
        if D == 8 {
            let upper = _mm512_permutex2var_epi8(load_line(&lines[2]), paths, load_line(&lines[3]));
            *plane = _mm512_mask_blend_epi8(is_upper, *plane, upper);
        }
    }
    let [a, b, c, d] = planes;
    let found = interleave(a, b, c, d);
    [
        _mm512_castsi512_ps(found[0]),
        _mm512_castsi512_ps(found[1]),
        _mm512_castsi512_ps(found[2]),
        _mm512_castsi512_ps(found[3]),
    ]
}

/// See [`Simd::add_deep_leaves`].
#[inline]
#[target_feature(enable = "avx512vbmi,gfni")]
fn add_deep_leaves(upper: &[__m512i; 8], lower: &[__m512i; 8], leaves: &[Line], sums: &mut Sums) {
    let zero = _mm512_setzero_si512();
    let columns = load_codes(&TRANSPOSED_FOURS);
    let paths = paths::<8>(lower).into_iter().zip(paths::<8>(upper));
    for ((lower, upper), sums) in paths.zip(sums.0.as_chunks_mut::<64>().0) {
        let (lower, upper) = (_mm512_shuffle_epi8(lower, columns), _mm512_shuffle_epi8(upper, columns));
        for (path, sums) in interleave(lower, upper, zero, zero).into_iter().zip(sums.as_chunks_mut::<16>().0) {
            // SAFETY: there is a leaf for every path; 16 sums are read and written.
            unsafe {
                let leaves = _mm512_i32gather_ps::<4>(path, leaves.as_ptr().cast());
                _mm512_storeu_ps(sums.as_mut_ptr(), _mm512_add_ps(_mm512_loadu_ps(sums.as_ptr()), leaves));
            }
        }
    }
}
