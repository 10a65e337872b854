//! Dividing the rows of one node by the side of its split, in place.

use super::bins::{Bins, Code, Column, Sides};
use super::rows::Entry;

/// Tells the sides of a split apart by the codes of a column.
#[derive(Debug, Clone, Copy)]
pub(super) struct Decision<'a, C> {
    column: Column<'a, C>,
    left: &'a [bool],
}

impl<'a, C: Code> Decision<'a, C> {
    pub(super) fn new(bins: &'a Bins<C>, sides: &'a Sides) -> Self {
        Self { column: bins.column(sides.column), left: &sides.left }
    }

    #[inline(always)]
    pub(super) fn is_left(&self, row: u32) -> bool {
        self.left[self.column.code(row)]
    }

    /// Moves the left rows to the front of `entries` and writes the right ones to the front of `room`, which is as long;
    /// both keep their order. Returns how many are left.
    pub(super) fn divide<V: Copy>(&self, entries: &mut [Entry<V>], room: &mut [Entry<V>]) -> usize {
        let room = &mut room[..entries.len()];
        #[cfg(target_arch = "x86_64")]
        if size_of::<Entry<V>>() == 8 && is_x86_feature_detected!("avx512f") {
            // SAFETY: the processor has the feature, just asked for, and an entry has eight bytes.
            return unsafe { self.divide_eights(entries, room) };
        }
        self.divide_rest((0, 0), entries, room)
    }

    /// Divides the entries from `next` on; `left` are already at the front.
    #[inline(always)]
    fn divide_rest<V: Copy>(
        &self,
        (next, mut left): (usize, usize),
        entries: &mut [Entry<V>],
        room: &mut [Entry<V>],
    ) -> usize {
        for index in next..entries.len() {
            // The row is written to both sides and kept on one: no branch depends on the data.
            let entry = entries[index];
            let is_left = self.is_left(entry.row);
            entries[left] = entry;
            room[index - left] = entry;
            left += usize::from(is_left);
        }
        left
    }

    /// Divides eight entries at a time: each side's are pressed together in a vector register.
    ///
    /// # Safety
    /// An entry has eight bytes, and `room` is as long as `entries`.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f")]
    unsafe fn divide_eights<V: Copy>(&self, entries: &mut [Entry<V>], room: &mut [Entry<V>]) -> usize {
        use std::arch::x86_64::{_mm512_loadu_si512, _mm512_maskz_compress_epi64, _mm512_storeu_si512};
        let mut left = 0;
        let whole = entries.len() / 8 * 8;
        for index in (0..whole).step_by(8) {
            let mut mask = 0u8;
            for (lane, entry) in entries[index..index + 8].iter().enumerate() {
                mask |= u8::from(self.is_left(entry.row)) << lane;
            }
            // SAFETY: eight entries are read from `index`. As many are written from `left` and from `index - left`, neither
            // of which is above `index`: nothing outside the slices, and nothing that is still to be read.
            unsafe {
                let eight = _mm512_loadu_si512(entries.as_ptr().add(index).cast());
                _mm512_storeu_si512(entries.as_mut_ptr().add(left).cast(), _mm512_maskz_compress_epi64(mask, eight));
                let right = room.as_mut_ptr().add(index - left);
                _mm512_storeu_si512(right.cast(), _mm512_maskz_compress_epi64(!mask, eight));
            }
            left += mask.count_ones() as usize;
        }
        self.divide_rest((whole, left), entries, room)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_keep_their_order() {
        for count in 0..70u32 {
            let codes: Vec<u8> = (0..count).map(|row| (row.wrapping_mul(0x9E37_79B9) >> 24) as u8).collect();
            let left: Vec<bool> = (0..256).map(|code| code % 3 != count % 3).collect();
            let decision = Decision { column: Column::of(&codes), left: &left };
            let entries: Vec<Entry<i32>> = (0..count).map(|row| Entry { row, value: -(row as i32) }).collect();
            let (lefts, rights): (Vec<_>, Vec<_>) = entries.iter().partition(|entry| decision.is_left(entry.row));
            let (mut divided, mut room) = (entries.clone(), vec![Entry::default(); count as usize]);
            assert_eq!(decision.divide(&mut divided, &mut room), lefts.len());
            assert_eq!(divided[..lefts.len()], lefts);
            assert_eq!(room[..rights.len()], rights);
            let (mut divided, mut room) = (entries, vec![Entry::default(); count as usize]);
            assert_eq!(decision.divide_rest((0, 0), &mut divided, &mut room), lefts.len());
            assert_eq!(divided[..lefts.len()], lefts);
            assert_eq!(room[..rights.len()], rights);
        }
    }
}
