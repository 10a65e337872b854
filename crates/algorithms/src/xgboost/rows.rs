//! The rows of the nodes of a growing tree: one list in which every node owns a range.

use std::ops::Range;

use super::bins::{Bins, Code, Sides};
use super::divide::Decision;
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
    /// Room for those that go right while rows are divided.
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
        let (mut entries, mut room) = (Carver::new(&mut self.entries), Carver::new(&mut self.room));
        let tasks = pieces
            .iter()
            .map(|(node, range)| (&splits[*node].1, entries.carve(range.clone()), room.carve(range.clone())))
            .collect();
        let left_counts: Vec<usize> =
            parallel::map(work, tasks, |(sides, entries, room)| Decision::new(bins, sides).divide(entries, room));

        // The left sides of a node's pieces close up, each to the one before; the right sides follow.
        let divided: Vec<(&Range<usize>, usize)> = pieces.iter().map(|(_, range)| range).zip(left_counts).collect();
        let nodes: Vec<_> = splits
            .iter()
            .map(|(range, _)| {
                let first = divided.partition_point(|(piece, _)| piece.start < range.start);
                let count = range.len().div_ceil(PIECE);
                (range, &divided[first..first + count])
            })
            .collect();
        let mut entries = Carver::new(&mut self.entries);
        let tasks =
            nodes.iter().map(|(range, pieces)| (range.start, entries.carve((*range).clone()), *pieces)).collect();
        let middles = parallel::map(work / 4, tasks, |(start, entries, pieces)| {
            let mut middle = 0;
            for (piece, left) in pieces {
                entries.copy_within(piece.start - start..piece.start - start + left, middle);
                middle += left;
            }
            start + middle
        });
        let mut entries = Carver::new(&mut self.entries);
        let mut tasks = Vec::with_capacity(pieces.len());
        for ((_, pieces), middle) in nodes.iter().zip(&middles) {
            entries.skip_to(*middle);
            for (piece, left) in *pieces {
                let right = piece.len() - left;
                tasks.push((entries.next(right), &self.room[piece.start..piece.start + right]));
            }
        }
        parallel::for_each(work / 4, tasks, |(to, from)| to.copy_from_slice(from));
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
