//! The rows of the nodes of a growing tree: one list in which every node owns a range.

use std::ops::Range;

use super::bins::{Bins, Code, Column, Sides};
use super::gradients::Rounded;
use crate::parallel;

/// Rows that one task divides.
const PIECE: usize = 1 << 15;

/// A row with its rounded derivatives, which are at hand wherever the row is.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Entry<V> {
    pub(super) row: u32,
    pub(super) value: V,
}

/// Every row once; each node's rows are consecutive and in ascending order.
#[derive(Debug)]
pub(super) struct RowLists<V> {
    entries: Vec<Entry<V>>,
    /// Room to divide rows in: those that go left from the front, the others from the back.
    room: Vec<Entry<V>>,
}

/// What becomes of the margins of a range of rows once the tree is grown.
#[derive(Debug)]
pub(super) struct Fringe {
    pub(super) rows: Range<usize>,
    pub(super) outcome: Outcome,
}

/// What is added to the margins of a range of rows.
#[derive(Debug)]
pub(super) enum Outcome {
    /// The same for all.
    Leaf(f32),
    /// What the side of the split that the row is on says: left, right.
    Split(Sides, [f32; 2]),
}

/// Tells the sides of a split apart by the codes of a column.
struct Decision<'a, C> {
    column: Column<'a, C>,
    left: &'a [bool],
}

impl<'a, C: Code> Decision<'a, C> {
    fn new(bins: &'a Bins<C>, sides: &'a Sides) -> Self {
        Self { column: bins.column(sides.column), left: &sides.left }
    }

    #[inline(always)]
    fn is_left(&self, row: u32) -> bool {
        self.left[self.column.code(row)]
    }
}

impl<V: Rounded> RowLists<V> {
    /// Lists of so many rows, to be filled through [`Self::entries_mut`].
    pub(super) fn new(num_rows: usize) -> Self {
        Self { entries: vec![Entry::default(); num_rows], room: vec![Entry::default(); num_rows] }
    }

    /// Bytes per row.
    pub(super) const BYTES_PER_ROW: usize = 2 * size_of::<Entry<V>>();

    /// The rows of all nodes.
    pub(super) fn entries_mut(&mut self) -> &mut [Entry<V>] {
        &mut self.entries
    }

    /// The rows of a range.
    pub(super) fn get(&self, range: Range<usize>) -> &[Entry<V>] {
        &self.entries[range]
    }

    /// Divides ranges, which ascend and do not overlap, so that the left side comes first and both sides keep their
    /// order. Returns where each right side begins.
    pub(super) fn divide<C: Code>(&mut self, bins: &Bins<C>, splits: &[(Range<usize>, Sides)]) -> Vec<usize> {
        let work: usize = splits.iter().map(|(range, _)| range.len() * 2).sum();
        let pieces: Vec<(usize, Range<usize>)> = splits
            .iter()
            .enumerate()
            .flat_map(|(node, (range, _))| {
                let end = range.end;
                range.clone().step_by(PIECE).map(move |start| (node, start..end.min(start + PIECE)))
            })
            .collect();
        let mut room = Carver::new(&mut self.room);
        let tasks = pieces
            .iter()
            .map(|(node, range)| (&splits[*node].1, &self.entries[range.clone()], room.carve(range.clone())))
            .collect();
        let left_counts: Vec<usize> =
            parallel::map(work, tasks, |(sides, rows, room)| divide(&Decision::new(bins, sides), rows, room));

        // The left sides of a node's pieces come first, then the right sides, each in the order of the pieces.
        let mut middles: Vec<usize> = splits.iter().map(|(range, _)| range.start).collect();
        for ((node, _), left) in pieces.iter().zip(&left_counts) {
            middles[*node] += left;
        }
        let mut rows = Carver::new(&mut self.entries);
        let mut tasks = Vec::with_capacity(2 * pieces.len());
        let divided: Vec<_> = pieces.iter().zip(&left_counts).collect();
        for of_node in divided.chunk_by(|a, b| a.0.0 == b.0.0) {
            rows.skip_to(splits[of_node[0].0.0].0.start);
            for ((_, range), left) in of_node {
                tasks.push((rows.next(**left), &self.room[range.start..range.start + **left], Order::Same));
            }
            for ((_, range), left) in of_node {
                let right = &self.room[range.start + **left..range.end];
                tasks.push((rows.next(right.len()), right, Order::Reversed));
            }
        }
        parallel::for_each(work / 4, tasks, |(to, from, order)| match order {
            Order::Same => to.copy_from_slice(from),
            Order::Reversed => to.iter_mut().zip(from.iter().rev()).for_each(|(to, from)| *to = *from),
        });
        middles
    }

    /// Adds to the margin of every row what its fringe says. The fringes hold every row once.
    pub(super) fn add_outcomes<C: Code>(&self, bins: &Bins<C>, fringes: &[Fringe], margins: &mut [f32]) {
        // Each task owns some consecutive margins; the rows of a fringe ascend, so that it finds its share by search.
        let threads = parallel::threads();
        let most = margins.len().div_ceil(threads).max(1);
        let size = if fringes.len() > 1024 { most } else { most.min(1 << 16) };
        let work = margins.len() * 2;
        parallel::for_each(work, margins.chunks_mut(size).enumerate().collect(), |(chunk, margins)| {
            let (from, to) = (chunk * size, chunk * size + margins.len());
            for Fringe { rows, outcome } in fringes {
                let rows = &self.entries[rows.clone()];
                let rows = &rows[rows.partition_point(|entry| (entry.row as usize) < from)..];
                let rows = &rows[..rows.partition_point(|entry| (entry.row as usize) < to)];
                match outcome {
                    Outcome::Leaf(value) => rows.iter().for_each(|entry| margins[entry.row as usize - from] += value),
                    Outcome::Split(sides, [left, right]) => {
                        let sides = Decision::new(bins, sides);
                        for Entry { row, .. } in rows {
                            margins[*row as usize - from] += if sides.is_left(*row) { left } else { right };
                        }
                    }
                }
            }
        });
    }
}

/// Whether a side lies in its room as it should be or back to front.
#[derive(Debug, Clone, Copy)]
enum Order {
    Same,
    Reversed,
}

/// Writes the left rows to the front of `room` and the right ones to its back, back to front; returns how many are
/// left.
fn divide<C: Code, V: Rounded>(sides: &Decision<C>, rows: &[Entry<V>], room: &mut [Entry<V>]) -> usize {
    let room = &mut room[..rows.len()];
    let (mut left, mut back) = (0, rows.len());
    for entry in rows {
        // Both free ends are written and one is kept: no branch depends on the data.
        let is_left = sides.is_left(entry.row);
        room[left] = *entry;
        room[back - 1] = *entry;
        left += usize::from(is_left);
        back -= usize::from(!is_left);
    }
    left
}

/// Cuts ascending ranges out of a slice.
struct Carver<'a, T> {
    rest: &'a mut [T],
    start: usize,
}

impl<'a, T> Carver<'a, T> {
    fn new(slice: &'a mut [T]) -> Self {
        Self { rest: slice, start: 0 }
    }

    fn carve(&mut self, range: Range<usize>) -> &'a mut [T] {
        self.skip_to(range.start);
        self.next(range.len())
    }

    fn skip_to(&mut self, start: usize) {
        self.next(start - self.start);
    }

    fn next(&mut self, count: usize) -> &'a mut [T] {
        let (first, rest) = std::mem::take(&mut self.rest).split_at_mut(count);
        self.rest = rest;
        self.start += count;
        first
    }
}
