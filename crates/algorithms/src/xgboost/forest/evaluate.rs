//! The evaluation of a forest, block by block, with whatever instruction set.

use datafusion_ml_core::{FeatureColumn, Features};

use super::compile::{CategoricalCondition, Conditions, Program, StepTree, num_nodes};
use super::simd::{Codes, Line, Plane, Simd, Sums};
use super::{BLOCK, Forest, MAX_DEPTH};

/// Memory for the values between features and margins of a block.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    /// Per cutter.
    codes: Vec<Codes>,
    /// Per cutter, the rows without a value.
    missing: Vec<Plane>,
    /// Per condition.
    planes: Vec<Plane>,
    /// Per output.
    sums: Vec<Sums>,
    /// For features that are not single precision, or end within the block.
    values: Values,
    /// All features of a block, for walking.
    tile: Vec<f32>,
}

/// The values of a feature in one block.
#[derive(Debug)]
struct Values {
    padded: Box<[f32; BLOCK]>,
    converted: Vec<f32>,
}

impl Default for Values {
    fn default() -> Self {
        Self { padded: Box::new([0.0; BLOCK]), converted: Vec::new() }
    }
}

impl Values {
    /// The block's values that begin at a row; after the last row there are zeros.
    #[inline(always)]
    fn get<'a>(&'a mut self, column: &'a FeatureColumn, start: usize) -> &'a [f32; BLOCK] {
        let end = column.len().min(start + BLOCK);
        let values = column.f32s(start..end, &mut self.converted);
        match values.first_chunk() {
            Some(values) => values,
            None => {
                self.padded[..values.len()].copy_from_slice(values);
                self.padded[values.len()..].fill(0.0);
                &self.padded
            }
        }
    }
}

/// Sets `margins[output][row]` to `base[output]` plus the leaves that the row reaches.
///
/// # Safety
///
/// The CPU must have the instruction set, and it must be enabled where this is inlined.
#[inline(always)]
pub(super) unsafe fn evaluate<S: Simd>(
    forest: &Forest,
    base: &[f32],
    features: &Features,
    scratch: &mut Scratch,
    margins: &mut [Vec<f32>],
) {
    let Scratch { codes, missing, planes, sums, values, tile } = scratch;
    codes.resize(forest.cutters.len(), Codes([0; BLOCK]));
    missing.resize(forest.cutters.len(), Plane([0; BLOCK / 64]));
    planes.resize(forest.complete.num_planes.max(forest.with_missing.num_planes), Plane([0; BLOCK / 64]));
    sums.resize(base.len(), Sums([0.0; BLOCK]));
    for start in (0..features.num_rows()).step_by(BLOCK) {
        let mut is_complete = true;
        for ((cutter, codes), missing) in forest.cutters.iter().zip(codes.iter_mut()).zip(missing.iter_mut()) {
            let column = features.column(cutter.feature);
            // SAFETY: as the caller promises.
            unsafe {
                prefetch::<S>(column, start + BLOCK);
                S::code(cutter, values.get(column, start), codes, missing);
            }
            is_complete &= missing.0 == [0; BLOCK / 64];
        }
        let program = if is_complete { &forest.complete } else { &forest.with_missing };
        let mut rest = &mut planes[..];
        for ((conditions, codes), missing) in program.conditions.iter().zip(codes.iter()).zip(missing.iter()) {
            let of_cutter = conditions.missing_right.len() + conditions.missing_left.len();
            let (planes, others) = rest.split_at_mut(of_cutter);
            rest = others;
            // SAFETY: as the caller promises.
            unsafe { set_planes::<S>(conditions, codes, missing, planes) };
        }
        for (condition, plane) in program.categorical.iter().zip(rest) {
            // SAFETY: as the caller promises.
            unsafe { set_categorical_plane::<S>(condition, codes, missing, plane) };
        }
        for (sums, base) in sums.iter_mut().zip(base) {
            sums.0.fill(*base);
        }
        if !forest.walks.is_empty() {
            tile.clear();
            features.columns().iter().for_each(|column| tile.extend(values.get(column, start)));
        }
        for step in &forest.steps {
            let sums = &mut sums[step.output];
            match step.tree {
                // SAFETY: as the caller promises; the program was compiled with this step.
                StepTree::Planes { depth, first_node, first_leaf } => unsafe {
                    let leaves = &forest.leaves[first_leaf..];
                    add_tree::<S>(depth, program, first_node, planes, leaves, sums);
                },
                StepTree::Walk(walk) => {
                    for (row, leaf) in forest.walks[walk].leaves(tile).into_iter().enumerate() {
                        sums.0[S::position(row)] += leaf;
                    }
                }
            }
        }
        for (margins, sums) in margins.iter_mut().zip(sums.iter()) {
            for (row, margin) in margins[start..].iter_mut().take(BLOCK).enumerate() {
                *margin = sums.0[S::position(row)];
            }
        }
    }
}

/// Asks for the values of a block that begins at a row.
///
/// # Safety
///
/// As of [`evaluate`].
#[inline(always)]
unsafe fn prefetch<S: Simd>(column: &FeatureColumn, start: usize) {
    if let FeatureColumn::F32(array) = column
        && let Some(values) = array.values().get(start..array.len().min(start + BLOCK))
    {
        // SAFETY: as the caller promises.
        unsafe { S::prefetch(values) };
    }
}

/// Sets the planes of the conditions on a column of codes.
///
/// # Safety
///
/// As of [`evaluate`].
#[inline(always)]
unsafe fn set_planes<S: Simd>(conditions: &Conditions, codes: &Codes, missing: &Plane, planes: &mut [Plane]) {
    let Conditions { missing_right, missing_left } = conditions;
    let (right, left) = planes.split_at_mut(missing_right.len());
    for part in 0..S::PARTS {
        // SAFETY: as the caller promises.
        unsafe {
            let missing = S::load(missing, part);
            if planes_are_few::<S>(conditions) {
                for (level, plane) in missing_right.iter().zip(&mut *right) {
                    S::store(S::below(codes, *level, part), plane, part);
                }
                for (level, plane) in missing_left.iter().zip(&mut *left) {
                    S::store(S::or(S::below(codes, *level, part), missing), plane, part);
                }
            } else {
                let digits = Digits::<S>::new(S::bits(codes, part));
                for (level, plane) in missing_right.iter().zip(&mut *right) {
                    S::store(digits.below(*level), plane, part);
                }
                for (level, plane) in missing_left.iter().zip(&mut *left) {
                    S::store(S::or(digits.below(*level), missing), plane, part);
                }
            }
        }
    }
}

/// Sets the plane of a condition on categories.
///
/// # Safety
///
/// As of [`evaluate`].
#[inline(always)]
unsafe fn set_categorical_plane<S: Simd>(
    condition: &CategoricalCondition,
    codes: &[Codes],
    missing: &[Plane],
    plane: &mut Plane,
) {
    for part in 0..S::PARTS {
        // SAFETY: as the caller promises.
        unsafe {
            let (mut rows, mut is_missing) = (S::none(), S::none());
            for (cutter, set) in &condition.sets {
                rows = S::xor(rows, S::among(&codes[*cutter], set, part));
                is_missing = S::load(&missing[*cutter], part);
            }
            rows = if condition.missing_left { S::or(rows, is_missing) } else { S::and_not(rows, is_missing) };
            S::store(rows, plane, part);
        }
    }
}

fn planes_are_few<S: Simd>(conditions: &Conditions) -> bool {
    conditions.missing_right.len() + conditions.missing_left.len() <= S::FEW_CONDITIONS
}

/// Codes as two hexadecimal digits.
struct Digits<S: Simd> {
    low: Digit<S>,
    high: Digit<S>,
}

impl<S: Simd> Digits<S> {
    /// The digits with the given bits, from the lowest to the highest.
    ///
    /// # Safety
    ///
    /// As of [`evaluate`].
    #[inline(always)]
    unsafe fn new(bits: [S::Bits; 8]) -> Self {
        let [a, b, c, d, e, f, g, h] = bits;
        // SAFETY: as the caller promises.
        unsafe { Self { low: Digit::new([a, b, c, d]), high: Digit::new([e, f, g, h]) } }
    }

    /// The rows whose code is below `level`.
    ///
    /// # Safety
    ///
    /// As of [`evaluate`].
    #[inline(always)]
    unsafe fn below(&self, level: u8) -> S::Bits {
        let (high, low) = (usize::from(level >> 4), usize::from(level & 15));
        // SAFETY: as the caller promises.
        unsafe { S::or_and(self.high.below[high], self.high.equal[high], self.low.below[low]) }
    }
}

/// Of a hexadecimal digit of the codes, the rows where it is, or is below, each of its 16 values.
struct Digit<S: Simd> {
    below: [S::Bits; 16],
    equal: [S::Bits; 16],
}

impl<S: Simd> Digit<S> {
    /// The digit with the given bits, from the lowest to the highest.
    ///
    /// # Safety
    ///
    /// As of [`evaluate`].
    #[inline(always)]
    unsafe fn new(bits: [S::Bits; 4]) -> Self {
        // SAFETY: as the caller promises.
        unsafe {
            let (low, high) = (Self::pair(bits[0], bits[1]), Self::pair(bits[2], bits[3]));
            let mut below = [S::none(); 16];
            let mut equal = [S::none(); 16];
            let mut rows = S::none();
            for value in 0..16 {
                below[value] = rows;
                equal[value] = S::and(low[value % 4], high[value / 4]);
                rows = S::or(rows, equal[value]);
            }
            Self { below, equal }
        }
    }

    /// Where two bits are 0, 1, 2 and 3.
    ///
    /// # Safety
    ///
    /// As of [`evaluate`].
    #[inline(always)]
    unsafe fn pair(low: S::Bits, high: S::Bits) -> [S::Bits; 4] {
        // SAFETY: as the caller promises.
        unsafe { [S::nor(low, high), S::and_not(low, high), S::and_not(high, low), S::and(low, high)] }
    }
}

/// Adds a tree's leaves to the sums.
///
/// # Safety
///
/// As of [`evaluate`]; the program's nodes from `first_node` on must be those of a tree of that depth, and `planes` those
/// of the program.
#[inline(always)]
unsafe fn add_tree<S: Simd>(
    depth: usize,
    program: &Program,
    first_node: usize,
    planes: &[Plane],
    leaves: &[Line],
    sums: &mut Sums,
) {
    let nodes = &program.nodes[first_node..][..num_nodes(depth)];
    let tree = Nodes { nodes, planes };
    // SAFETY: as the caller promises; the tree has as many levels as are asked for.
    unsafe {
        match depth {
            1 => tree.add::<S, 1>(leaves, sums),
            2 => tree.add::<S, 2>(leaves, sums),
            3 => tree.add::<S, 3>(leaves, sums),
            4 => tree.add::<S, 4>(leaves, sums),
            5 => tree.add::<S, 5>(leaves, sums),
            6 => tree.add::<S, 6>(leaves, sums),
            7 => tree.add::<S, 7>(leaves, sums),
            8 => tree.add::<S, 8>(leaves, sums),
            _ => tree.add_deep::<S>(depth, leaves, sums),
        }
    }
}

/// The planes of a tree's inner nodes, level by level.
struct Nodes<'a> {
    nodes: &'a [u32],
    planes: &'a [Plane],
}

/// Functions that pick, among the planes of `2 ^ k` nodes of a level, the one that the last `k` decisions lead to.
macro_rules! pick {
    ($($name:ident: $count:literal by $half:ident;)*) => {
        $(
            /// # Safety
            ///
            /// As of [`evaluate`]; `path` holds at least `level` decisions, and the nodes are there.
            #[inline(always)]
            unsafe fn $name<S: Simd>(&self, first: usize, path: &[S::Bits; 8], level: usize, part: usize) -> S::Bits {
                // SAFETY: as the caller promises.
                unsafe {
                    let left = self.$half::<S>(first, path, level, part);
                    let right = self.$half::<S>(first + (1 << ($count - 1)), path, level, part);
                    S::select(path[level - $count], left, right)
                }
            }
        )*
    };
}

impl Nodes<'_> {
    /// Adds the tree's leaves to the sums.
    ///
    /// # Safety
    ///
    /// As of [`evaluate`]; the tree must have `D` levels.
    #[inline(always)]
    unsafe fn add<S: Simd, const D: usize>(&self, leaves: &[Line], sums: &mut Sums) {
        for part in 0..S::PARTS {
            // SAFETY: as the caller promises.
            unsafe { S::add_leaves::<D>(&self.path::<S, D>(part), leaves, sums, part) }
        }
    }

    /// Adds the leaves of a tree of more than eight levels to the sums.
    ///
    /// # Safety
    ///
    /// As of [`evaluate`]; the tree must have that depth.
    #[inline(always)]
    unsafe fn add_deep<S: Simd>(&self, depth: usize, leaves: &[Line], sums: &mut Sums) {
        for part in 0..S::PARTS {
            // SAFETY: as the caller promises.
            unsafe {
                let mut path = [S::none(); MAX_DEPTH];
                path[..8].copy_from_slice(&self.path::<S, 8>(part));
                for level in 8..depth {
                    path[level] = self.pick_many::<S>(&path, level, part);
                }
                let (mut upper, mut lower) = ([S::none(); 8], [S::none(); 8]);
                upper[16 - depth..].copy_from_slice(&path[..depth - 8]);
                lower.copy_from_slice(&path[depth - 8..depth]);
                S::add_deep_leaves(&upper, &lower, leaves, sums, part);
            }
        }
    }

    /// Picks among the planes of a level below the eighth.
    ///
    /// # Safety
    ///
    /// As of [`evaluate`]; `path` holds at least `level` decisions, and the nodes are there.
    #[inline(always)]
    unsafe fn pick_many<S: Simd>(&self, path: &[S::Bits; MAX_DEPTH], level: usize, part: usize) -> S::Bits {
        // SAFETY: as the caller promises.
        unsafe {
            // First by the last seven decisions, 128 planes at a time ...
            let mut last = [S::none(); 8];
            last[..7].copy_from_slice(&path[level - 7..level]);
            let mut picked = [S::none(); 1 << (MAX_DEPTH - 8)];
            let mut count = 1 << (level - 7);
            for (index, picked) in picked[..count].iter_mut().enumerate() {
                *picked = self.pick_7::<S>(num_nodes(level) + 128 * index, &last, 7, part);
            }
            // ... then by the others.
            for decision in path[..level - 7].iter().rev() {
                count /= 2;
                for index in 0..count {
                    picked[index] = S::select(*decision, picked[2 * index], picked[2 * index + 1]);
                }
            }
            picked[0]
        }
    }

    /// The decisions of a part's rows, from the root down.
    ///
    /// # Safety
    ///
    /// As of [`Self::add`].
    #[inline(always)]
    unsafe fn path<S: Simd, const D: usize>(&self, part: usize) -> [S::Bits; 8] {
        // SAFETY: as the caller promises.
        unsafe {
            let mut path = [S::none(); 8];
            path[0] = self.pick_0::<S>(0, &path, 0, part);
            if D > 1 {
                path[1] = self.pick_1::<S>(1, &path, 1, part);
            }
            if D > 2 {
                path[2] = self.pick_2::<S>(3, &path, 2, part);
            }
            if D > 3 {
                path[3] = self.pick_3::<S>(7, &path, 3, part);
            }
            if D > 4 {
                path[4] = self.pick_4::<S>(15, &path, 4, part);
            }
            if D > 5 {
                path[5] = self.pick_5::<S>(31, &path, 5, part);
            }
            if D > 6 {
                path[6] = self.pick_6::<S>(63, &path, 6, part);
            }
            if D > 7 {
                path[7] = self.pick_7::<S>(127, &path, 7, part);
            }
            path
        }
    }

    /// # Safety
    ///
    /// As of [`evaluate`]; the node is there.
    #[inline(always)]
    unsafe fn pick_0<S: Simd>(&self, node: usize, _: &[S::Bits; 8], _: usize, part: usize) -> S::Bits {
        // SAFETY: the node is there, as the caller promises; compilation numbers no plane that is not there.
        unsafe { S::load(&*self.planes.as_ptr().byte_add(*self.nodes.get_unchecked(node) as usize), part) }
    }

    pick! {
        pick_1: 1 by pick_0;
        pick_2: 2 by pick_1;
        pick_3: 3 by pick_2;
        pick_4: 4 by pick_3;
        pick_5: 5 by pick_4;
        pick_6: 6 by pick_5;
        pick_7: 7 by pick_6;
    }
}
