//! The instruction sets that a forest is evaluated with. All give the same margins, to the bit.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod portable;

use datafusion_ml_core::Features;

use super::cutter::Cutter;
use super::evaluate::{Scratch, evaluate as evaluate_with};
use super::{BLOCK, Forest};

/// A bit per row of a block.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
pub(super) struct Plane(pub(super) [u64; BLOCK / 64]);

/// A code per row of a block.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
pub(super) struct Codes(pub(super) [u8; BLOCK]);

/// A set of codes: bit `code % 64` of word `code / 64`.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(32))]
pub(super) struct CodeSet([u64; 4]);

impl CodeSet {
    /// No code.
    pub(super) fn none() -> Self {
        Self([0; 4])
    }

    /// Every code.
    pub(super) fn all() -> Self {
        Self([u64::MAX; 4])
    }

    /// Takes out the codes from `level` on that are in it, and puts in those that are not.
    pub(super) fn toggle_from(&mut self, level: u8) {
        let word = usize::from(level / 64);
        self.0[word] ^= u64::MAX << (level % 64);
        self.0[word + 1..].iter_mut().for_each(|word| *word = !*word);
    }
}

/// A sum per row of a block, in an order of the instruction set's own ([`Simd::position`]).
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
pub(super) struct Sums(pub(super) [f32; BLOCK]);

/// A piece of a table of leaves, laid out as the instruction set wants it.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
pub(super) struct Line([u32; 16]);

/// What the evaluation of a block asks of an instruction set.
///
/// # Safety
///
/// The CPU must have the instruction set, and the functions must be inlined where it is enabled.
pub(super) trait Simd {
    /// As much of a plane as a register holds.
    type Bits: Copy;

    /// How many registers make a plane.
    const PARTS: usize;

    /// Up to so many conditions on a column of codes are compared one by one.
    const FEW_CONDITIONS: usize;

    /// Reads a part of a plane.
    unsafe fn load(plane: &Plane, part: usize) -> Self::Bits;

    /// Writes a part of a plane.
    unsafe fn store(bits: Self::Bits, plane: &mut Plane, part: usize);

    /// `a & b`.
    unsafe fn and(a: Self::Bits, b: Self::Bits) -> Self::Bits;

    /// `a & !b`.
    unsafe fn and_not(a: Self::Bits, b: Self::Bits) -> Self::Bits;

    /// `!(a | b)`.
    unsafe fn nor(a: Self::Bits, b: Self::Bits) -> Self::Bits;

    /// `a | b`.
    unsafe fn or(a: Self::Bits, b: Self::Bits) -> Self::Bits;

    /// `a ^ b`.
    unsafe fn xor(a: Self::Bits, b: Self::Bits) -> Self::Bits;

    /// `a | (b & c)`.
    unsafe fn or_and(a: Self::Bits, b: Self::Bits, c: Self::Bits) -> Self::Bits;

    /// No row.
    unsafe fn none() -> Self::Bits;

    /// Where `condition` holds, `left`; elsewhere, `right`.
    unsafe fn select(condition: Self::Bits, left: Self::Bits, right: Self::Bits) -> Self::Bits;

    /// Asks for values that will soon be read.
    unsafe fn prefetch(values: &[f32]);

    /// The codes of values, and which of them are missing; the code of these is 255.
    unsafe fn code(cutter: &Cutter, values: &[f32; BLOCK], codes: &mut Codes, missing: &mut Plane);

    /// The rows of a part whose code is below `level`.
    unsafe fn below(codes: &Codes, level: u8, part: usize) -> Self::Bits;

    /// The rows of a part whose code is in a set.
    unsafe fn among(codes: &Codes, set: &CodeSet, part: usize) -> Self::Bits;

    /// The bits of the codes of a part, from the lowest to the highest.
    unsafe fn bits(codes: &Codes, part: usize) -> [Self::Bits; 8];

    /// Adds to the sums of a part's rows the leaves that their decisions lead to. `path[..D]` are the decisions from the
    /// root down.
    unsafe fn add_leaves<const D: usize>(path: &[Self::Bits; 8], leaves: &[Line], sums: &mut Sums, part: usize);

    /// As [`Self::add_leaves`], of a tree deeper than 8: `upper` and `lower` are the decisions above the last eight, and
    /// these; those that are not there are [`Self::none`] and come first.
    unsafe fn add_deep_leaves(
        upper: &[Self::Bits; 8],
        lower: &[Self::Bits; 8],
        leaves: &[Line],
        sums: &mut Sums,
        part: usize,
    );

    /// Where a row's sum is.
    fn position(row: usize) -> usize;
}

/// Instructions for the evaluation of trees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InstructionSet {
    /// AVX-512 with byte permutations (VBMI) and bit matrices (GFNI).
    #[cfg(target_arch = "x86_64")]
    Avx512,
    /// AVX2.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// Whatever the target has by default; on ARM that is NEON.
    Portable,
}

impl InstructionSet {
    /// Those that this CPU has, the best one first.
    pub fn available() -> Vec<Self> {
        let mut available = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            if avx512::is_available() {
                available.push(Self::Avx512);
            }
            if avx2::is_available() {
                available.push(Self::Avx2);
            }
        }
        available.push(Self::Portable);
        available
    }

    /// The best one that this CPU has.
    pub fn best() -> Self {
        Self::available()[0]
    }

    /// Appends a table of the leaves of all paths, in whole lines.
    pub(super) fn push_leaves(self, leaves: &[f32], lines: &mut Vec<Line>) {
        let leaves: Vec<u32> = leaves.iter().map(|leaf| leaf.to_bits()).collect();
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => avx512::push_leaves(&leaves, lines),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => avx2::push_leaves(&leaves, lines),
            Self::Portable => push_words(&leaves, lines),
        }
    }
}

/// Words in their order.
fn push_words(words: &[u32], lines: &mut Vec<Line>) {
    lines.extend(words.chunks(16).map(|words| {
        let mut line = Line([0; 16]);
        line.0[..words.len()].copy_from_slice(words);
        line
    }));
}

/// Words as bytes: the first bytes of all words, then the second ones, ... Each kind fills whole pieces of `size` bytes,
/// and all together whole lines.
#[cfg(target_arch = "x86_64")]
fn push_bytes(words: &[u32], size: usize, lines: &mut Vec<Line>) {
    let mut bytes = Vec::new();
    for byte in 0..4 {
        bytes.extend(words.iter().map(|word| word.to_le_bytes()[byte]));
        bytes.resize(bytes.len().next_multiple_of(size), 0);
    }
    let words: Vec<u32> = bytes.as_chunks::<4>().0.iter().map(|bytes| u32::from_le_bytes(*bytes)).collect();
    push_words(&words, lines);
}

/// The margins of all rows, by [`Forest::margins`].
pub(super) fn evaluate(
    forest: &Forest,
    base: &[f32],
    features: &Features,
    scratch: &mut Scratch,
    margins: &mut [Vec<f32>],
) {
    match forest.instruction_set {
        // SAFETY: only available instruction sets are chosen.
        #[cfg(target_arch = "x86_64")]
        InstructionSet::Avx512 => unsafe { avx512::evaluate(forest, base, features, scratch, margins) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        InstructionSet::Avx2 => unsafe { avx2::evaluate(forest, base, features, scratch, margins) },
        // SAFETY: needs no special instructions.
        InstructionSet::Portable => unsafe {
            evaluate_with::<portable::Portable>(forest, base, features, scratch, margins);
        },
    }
}
