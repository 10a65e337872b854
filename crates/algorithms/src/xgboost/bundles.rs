//! Features that are never away from their usual value in the same row share one column of codes, as one-hot columns do
//! (exclusive feature bundling; Ke et al., LightGBM: A Highly Efficient Gradient Boosting Decision Tree, 2017, §4).
//!
//! Every row is looked at and no conflict is allowed, so that the trees are the same with and without bundles.

use super::bins::FeatureBins;

/// A value is usual if at least one in so many rows of the first block has it.
const USUAL: usize = 8;
/// Bundles that a feature is tried with.
const TRIED: usize = 64;

/// The value that a feature is assumed to have in most rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Usual {
    /// 0 or -0.
    Zero,
    /// No value.
    Missing,
}

impl Usual {
    /// The code of the value in a feature of its own.
    fn code(self, bins: &FeatureBins) -> usize {
        match self {
            Self::Zero => bins.cuts.partition_point(|cut| *cut <= 0.0),
            Self::Missing => bins.num_bins(),
        }
    }
}

/// In which rows of a block a feature is away from its usual value.
#[derive(Debug, Default)]
pub(super) struct Presence {
    pub(super) usual: Option<Usual>,
    /// A bit per row; empty without a usual value.
    away: Vec<u64>,
}

impl Presence {
    /// Chooses the usual value from the first rows.
    pub(super) fn begin(&mut self, values: &[f32]) {
        let zeros = values.iter().filter(|value| **value == 0.0).count();
        let missing = values.iter().filter(|value| value.is_nan()).count();
        let (usual, count) = if zeros >= missing { (Usual::Zero, zeros) } else { (Usual::Missing, missing) };
        self.usual = (count > 0 && count * USUAL >= values.len()).then_some(usual);
    }

    /// Notes the rows of the next block.
    pub(super) fn note(&mut self, values: &[f32]) {
        match self.usual {
            Some(Usual::Zero) => self.note_where(values, |value| value != 0.0),
            Some(Usual::Missing) => self.note_where(values, |value| !value.is_nan()),
            None => {}
        }
    }

    fn note_where(&mut self, values: &[f32], is_away: impl Fn(f32) -> bool) {
        self.away.clear();
        self.away.extend(values.chunks(u64::BITS as usize).map(|chunk| {
            chunk.iter().enumerate().fold(0, |bits, (row, value)| bits | u64::from(is_away(*value)) << row)
        }));
    }
}

/// Features that have been exclusive in all rows so far.
#[derive(Debug, Default)]
pub(super) struct Bundles {
    members: Vec<Vec<usize>>,
    has_begun: bool,
}

impl Bundles {
    /// Takes the rows into account that the features noted last. The first time, each feature joins the latest bundle
    /// that it goes with, one-hot columns lying side by side. From then on features leave bundles and never join any.
    pub(super) fn update(&mut self, mut presences: Vec<&mut Presence>) {
        if std::mem::replace(&mut self.has_begun, true) {
            for members in &mut self.members {
                let mut union = vec![0; presences[members[0]].away.len()];
                members.retain(|feature| join(&mut union, &presences[*feature].away));
            }
        } else {
            let mut unions: Vec<Vec<u64>> = Vec::new();
            for (feature, presence) in presences.iter().enumerate().filter(|(_, presence)| presence.usual.is_some()) {
                let latest = (unions.len().saturating_sub(TRIED)..unions.len()).rev();
                match latest.into_iter().find(|bundle| join(&mut unions[*bundle], &presence.away)) {
                    Some(bundle) => self.members[bundle].push(feature),
                    None => {
                        unions.push(presence.away.clone());
                        self.members.push(vec![feature]);
                    }
                }
            }
        }
        // A feature alone is watched no more.
        self.members.retain(|members| members.len() > 1);
        let mut usuals = vec![None; presences.len()];
        self.members.iter().flatten().for_each(|feature| usuals[*feature] = presences[*feature].usual);
        presences.iter_mut().zip(usuals).for_each(|(presence, usual)| presence.usual = usual);
    }
}

/// Adds rows to a union unless it has some of them already.
fn join(union: &mut [u64], rows: &[u64]) -> bool {
    let is_exclusive = union.iter().zip(rows).all(|(union, rows)| union & rows == 0);
    if is_exclusive {
        union.iter_mut().zip(rows).for_each(|(union, rows)| *union |= rows);
    }
    is_exclusive
}

/// Where the codes of one feature lie.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// The column.
    pub(super) column: usize,
    /// How the codes are told from those of other features, if the column has several.
    shared: Option<Shared>,
}

/// Codes of a feature in a shared column, whose code 0 means that all its features have their usual values.
#[derive(Debug, Clone, Copy)]
struct Shared {
    /// The column's code of the feature's first code that is not the usual one.
    first: usize,
    /// The feature's code of its usual value.
    usual: usize,
}

impl Place {
    /// The column's code of a code of the feature.
    #[inline(always)]
    pub(super) fn code(&self, code: usize) -> usize {
        match self.shared {
            None => code,
            Some(Shared { usual, .. }) if code == usual => 0,
            Some(Shared { first, usual }) => first + code - usize::from(code > usual),
        }
    }

    /// The feature's code that the column does not tell from other features' codes, if the column is shared.
    pub(super) fn usual(&self) -> Option<usize> {
        self.shared.map(|shared| shared.usual)
    }
}

/// The columns of codes.
#[derive(Debug, Default)]
pub(super) struct Layout {
    /// Where each feature lies.
    pub(super) places: Vec<Place>,
    /// The features of each column.
    pub(super) members: Vec<Vec<usize>>,
    /// Where each column's codes begin in a histogram; one more entry holds the histogram's length.
    pub(super) offsets: Vec<usize>,
}

impl Layout {
    /// A column for each bundle, or for as much of it as has at most `max_codes` codes, and for each other feature.
    pub(super) fn new(features: &[FeatureBins], bundles: &Bundles, usuals: &[Option<Usual>], max_codes: usize) -> Self {
        let mut bundle_of = vec![None; features.len()];
        for (bundle, members) in bundles.members.iter().enumerate() {
            members.iter().for_each(|feature| bundle_of[*feature] = Some(bundle));
        }
        let mut layout = Self { offsets: vec![0], ..Self::default() };
        let mut num_codes: Vec<usize> = Vec::new();
        // The column that each bundle fills at present.
        let mut open = vec![None; bundles.members.len()];
        for (feature, bins) in features.iter().enumerate() {
            let bundled = bundle_of[feature].zip(usuals[feature]);
            let fits = |column: &usize| num_codes[*column] + bins.num_codes() - 1 <= max_codes;
            let column = match bundled.and_then(|(bundle, _)| open[bundle]).filter(fits) {
                Some(column) => column,
                None => {
                    num_codes.push(1);
                    layout.members.push(Vec::new());
                    num_codes.len() - 1
                }
            };
            if let Some((bundle, _)) = bundled {
                open[bundle] = Some(column);
            }
            let shared = bundled.map(|(_, usual)| Shared { first: num_codes[column], usual: usual.code(bins) });
            layout.places.push(Place { column, shared });
            layout.members[column].push(feature);
            num_codes[column] += bins.num_codes() - 1;
        }
        for members in layout.members.iter().filter(|members| members.len() == 1) {
            layout.places[members[0]].shared = None;
        }
        for num_codes in num_codes {
            layout.offsets.push(layout.offsets[layout.offsets.len() - 1] + num_codes);
        }
        layout
    }

    /// The number of columns.
    pub(super) fn num_columns(&self) -> usize {
        self.members.len()
    }

    /// The number of codes of all columns: the length of a histogram.
    pub(super) fn num_codes(&self) -> usize {
        self.offsets[self.members.len()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bundled(blocks: &[[&[f32]; 3]]) -> Vec<Vec<usize>> {
        let mut presences: [Presence; 3] = Default::default();
        let mut bundles = Bundles::default();
        for (index, block) in blocks.iter().enumerate() {
            for (presence, values) in presences.iter_mut().zip(block) {
                if index == 0 {
                    presence.begin(values);
                }
                presence.note(values);
            }
            bundles.update(presences.iter_mut().collect());
        }
        bundles.members
    }

    #[test]
    fn features_are_bundled_as_long_as_no_row_has_two_of_them() {
        let nan = f32::NAN;
        let first: [&[f32]; 3] = [&[1.0, 0.0, 0.0, 0.0], &[-0.0, 7.0, 0.0, 0.0], &[nan, nan, 3.0, nan]];
        assert_eq!(bundled(&[first]), [[0, 1, 2]]);
        assert_eq!(bundled(&[first, [&[0.0, 0.0], &[1.0, 0.0], &[2.0, 0.0]]]), [[0, 1]]);
        assert_eq!(bundled(&[first, [&[1.0], &[nan], &[0.0]]]), Vec::<Vec<usize>>::new());
    }

    #[test]
    fn the_codes_of_a_bundle_lie_behind_each_other() {
        let features = [
            FeatureBins { cuts: vec![1.0], has_missing: false },
            FeatureBins { cuts: vec![-1.0, 0.0, 1.0], has_missing: true },
            FeatureBins { cuts: vec![5.0, 6.0], has_missing: false },
        ];
        let bundles = Bundles { members: vec![vec![0, 1]], has_begun: true };
        let layout = Layout::new(&features, &bundles, &[Some(Usual::Zero), Some(Usual::Zero), None], 256);
        assert_eq!(layout.members, [vec![0, 1], vec![2]]);
        assert_eq!(layout.offsets, [0, 6, 9]);
        assert_eq!([0, 1].map(|code| layout.places[0].code(code)), [0, 1]);
        assert_eq!([0, 1, 2, 3, 4].map(|code| layout.places[1].code(code)), [2, 3, 0, 4, 5]);
        assert_eq!(Layout::new(&features, &bundles, &[Some(Usual::Zero); 3], 5).members.len(), 3);
    }
}
