//! Categories as numbers: how frequent they are, and what the target is like where they occur.
//!
//! The mean of the target, shrunk towards the mean of all rows as if the category had [`PRIOR_ROWS`] more rows of that
//! mean (Micci-Barreca, "A preprocessing scheme for high-cardinality categorical attributes", SIGKDD Explorations 3(1),
//! 2001, equation 3). A row must not see its own target, so the rows that are learned from get the means of the other
//! folds; the prior, the same for every row, gives nothing away.

use arrow::array::ArrayRef;
use serde::{Deserialize, Serialize};

use super::categories::{Categories, Code, TextMap, for_each_text, shortened};
use super::column::Scaling;
use crate::{Error, FeatureColumn, Result};

/// The weight of the prior in the mean of a category, in rows: about the ratio of the variance within categories to that
/// between them, where they tell something of the target.
pub const PRIOR_ROWS: f64 = 3.0;

/// So many categories are told apart while learning at least, those that come first; later ones are encoded as unseen.
pub const MAX_LEVELS: usize = 1 << 16;

/// More are, where a fold has no more counts and sums of them than this.
const MAX_SUMS: usize = 1 << 20;

/// The rows that are learned from lie in at most this many folds.
pub const MAX_FOLDS: usize = 32;

/// A category becomes one number per feature, looked up by its code. The most frequent category has code 0.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Levels {
    categories: Categories,
    features: Vec<LevelFeature>,
}

/// The numbers of one feature.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct LevelFeature {
    name: String,
    /// Per code.
    known: Vec<f32>,
    missing: f32,
    unseen: f32,
}

/// What a feature tells of a category.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Level {
    /// Its place in the order of frequency, from 0; then unseen, then missing.
    Rank,
    /// `ln(1 + rows)`.
    Count,
    /// The shrunk mean of an output: of the target itself, or of "the target is this class".
    Mean(usize),
}

/// What is averaged per category.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outputs {
    /// Nothing.
    None,
    /// The target: a number, or 0 and 1.
    Value,
    /// For each of so many classes, whether the target is it.
    Classes(usize),
}

impl Outputs {
    pub(crate) fn count(self) -> usize {
        match self {
            Self::None => 0,
            Self::Value => 1,
            Self::Classes(classes) => classes,
        }
    }

    /// Adds a row to `[rows, output, ...]`.
    fn add(self, target: f64, sums: &mut [f64]) {
        sums[0] += 1.0;
        match self {
            Self::None => {}
            Self::Value => sums[1] += target,
            Self::Classes(_) => {
                if let Some(sum) = sums.get_mut(target as usize + 1) {
                    *sum += 1.0;
                }
            }
        }
    }
}

/// Counts rows and sums outputs per category and fold.
#[derive(Debug)]
pub(crate) struct LevelsLearner {
    outputs: Outputs,
    /// The slot of each category. Slot 0 is NULL.
    slots: TextMap<u32>,
    /// Per fold and slot, `[rows, output, ...]`; as long as needed.
    sums: Vec<Vec<f64>>,
    /// Per fold, the same over all rows.
    totals: Vec<Vec<f64>>,
}

/// The statistics of every fold, for the rows that were learned from.
#[derive(Debug, Clone)]
pub(crate) struct OutOfFold {
    levels: Vec<Level>,
    outputs: Outputs,
    /// The scaling of each level by all rows, and by those without fold 0, 1, ...; empty if none is scaled.
    scaling: Vec<Vec<Scaling>>,
    /// Per code (NULL last) and fold, `[rows, output, ...]`.
    sums: Vec<f64>,
    /// Per fold, the same over all rows; empty for a fold without rows.
    totals: Vec<Vec<f64>>,
}

impl LevelsLearner {
    pub(crate) fn new(outputs: Outputs) -> Self {
        Self { outputs, slots: TextMap::default(), sums: Vec::new(), totals: Vec::new() }
    }

    pub(crate) fn observe(&mut self, array: &ArrayRef, target: &[f64], folds: &[u8]) -> Result<()> {
        let width = self.outputs.count() + 1;
        let max_levels = MAX_LEVELS.max(MAX_SUMS / width);
        let mut rows = target.iter().zip(folds);
        for_each_text(array.as_ref(), &mut |text| {
            let Some((target, fold)) = rows.next() else { return };
            let fold = usize::from(*fold);
            if fold >= self.totals.len() {
                self.totals.resize(fold + 1, vec![0.0; width]);
                self.sums.resize(fold + 1, Vec::new());
            }
            self.outputs.add(*target, &mut self.totals[fold]);
            let slot = match text.map(shortened) {
                None => 0,
                Some(text) => match self.slots.get(text.as_ref()) {
                    Some(slot) => *slot as usize,
                    None if self.slots.len() < max_levels => {
                        let slot = self.slots.len() + 1;
                        self.slots.insert(text.into_owned(), slot as u32);
                        slot
                    }
                    None => return,
                },
            };
            let sums = &mut self.sums[fold];
            if sums.len() < (slot + 1) * width {
                sums.resize((slot + 1) * width, 0.0);
            }
            self.outputs.add(*target, &mut sums[slot * width..(slot + 1) * width]);
        })
    }

    /// Categories of one row are forgotten where they say no more than an unseen one: `levels` without their rank.
    pub(crate) fn finish(self, levels: &[Level], dense: bool) -> (Levels, OutOfFold) {
        let Self { outputs, slots, sums: slot_sums, totals } = self;
        let (width, num_folds) = (outputs.count() + 1, totals.len());
        let of_slot = |fold: usize, slot: usize| slot_sums[fold].get(slot * width..(slot + 1) * width);
        let rows = |slot: usize| (0..num_folds).filter_map(|fold| of_slot(fold, slot)).map(|sums| sums[0]).sum::<f64>();
        let least = if levels.contains(&Level::Rank) { 1.0 } else { 2.0 };
        let mut kept: Vec<(String, usize, f64)> = slots
            .into_iter()
            .map(|(name, slot)| (name, slot as usize, rows(slot as usize)))
            .filter(|(_, _, rows)| *rows >= least)
            .collect();
        kept.sort_unstable_by(|a, b| b.2.total_cmp(&a.2).then_with(|| a.0.cmp(&b.0)));
        let mut sums = vec![0.0; (kept.len() + 1) * num_folds * width];
        let slots = kept.iter().map(|(_, slot, _)| *slot).chain([0]);
        let places = slots.flat_map(|slot| (0..num_folds).map(move |fold| (fold, slot)));
        for ((fold, slot), place) in places.zip(sums.chunks_exact_mut(width)) {
            if let Some(sums) = of_slot(fold, slot) {
                place.copy_from_slice(sums);
            }
        }
        let num_known = kept.len();
        let mut out_of_fold = OutOfFold { levels: levels.to_vec(), outputs, scaling: Vec::new(), sums, totals };
        if dense {
            let excluded = [None].into_iter().chain((0..num_folds as u8).map(Some));
            out_of_fold.scaling = excluded.map(|excluded| out_of_fold.scaling_without(excluded, num_known)).collect();
        }
        let scaling = out_of_fold.scaling_of(None);
        let feature = |(index, level)| out_of_fold.table(level, num_known, None, scaling.get(index).copied());
        let features = levels.iter().copied().enumerate().map(feature).collect();
        let categories = Categories::from(kept.into_iter().map(|(name, _, _)| name).collect::<Vec<_>>());
        (Levels { categories, features }, out_of_fold)
    }
}

impl OutOfFold {
    /// How many categories have at least so many rows.
    pub(crate) fn num_frequent(&self, least: f64) -> usize {
        let num_known = self.sums.len() / (self.totals.len() * (self.outputs.count() + 1)).max(1);
        (0..num_known.saturating_sub(1)).take_while(|code| self.sums_of(*code, None)[0] >= least).count()
    }

    /// The number of rows.
    pub(crate) fn num_rows(&self) -> f64 {
        self.others(None, None).map(|fold| self.totals[fold][0]).sum()
    }

    /// Whether the target is in any feature.
    pub(crate) fn depends_on_target(&self) -> bool {
        self.outputs != Outputs::None
    }

    /// Whether the rows that were learned from are encoded in another way than new ones: ranks are not.
    pub(crate) fn differs_from_all_rows(&self) -> bool {
        self.levels.iter().any(|level| *level != Level::Rank)
    }

    /// Zero mean and unit variance of every level over the rows without a fold.
    fn scaling_without(&self, excluded: Option<u8>, num_known: usize) -> Vec<Scaling> {
        let mut weights: Vec<f64> = (0..=num_known).map(|code| self.sums_of(code, excluded)[0]).collect();
        let all: f64 = self.others(None, excluded).map(|fold| self.totals[fold][0]).sum();
        weights.push(all - weights.iter().sum::<f64>());
        let all = all.max(1.0);
        let scaling = |level: &Level| {
            let table = self.table(*level, num_known, excluded, None);
            let values = || table.known.iter().chain([&table.missing, &table.unseen]).map(|value| f64::from(*value));
            let offset = values().zip(&weights).map(|(value, weight)| value * weight).sum::<f64>() / all;
            let square = values().zip(&weights).map(|(value, weight)| weight * (value - offset).powi(2)).sum::<f64>();
            let deviation = (square / all).sqrt();
            Scaling { offset, factor: if deviation > 0.0 && deviation.is_finite() { deviation.recip() } else { 0.0 } }
        };
        self.levels.iter().map(scaling).collect()
    }

    fn scaling_of(&self, excluded: Option<u8>) -> &[Scaling] {
        let index = excluded.map_or(0, |fold| usize::from(fold) + 1);
        self.scaling.get(index).or_else(|| self.scaling.first()).map_or(&[], Vec::as_slice)
    }

    /// The table of a level by all rows without a fold.
    fn table(&self, level: Level, num_known: usize, excluded: Option<u8>, scaling: Option<Scaling>) -> LevelFeature {
        let prior = self.prior(excluded);
        let value = |code, sums: &[f64]| {
            let value = value(level, code, num_known, sums, &prior, 1.0);
            scaling.map_or(value, |scaling| scaling.bounded(value)) as f32
        };
        let missing = self.sums_of(num_known, excluded);
        let unseen = value(Code::Unseen, &vec![0.0; self.outputs.count() + 1]);
        LevelFeature {
            name: match level {
                Level::Rank => "rank".to_owned(),
                Level::Count => "count".to_owned(),
                Level::Mean(_) if self.outputs == Outputs::Value => "mean".to_owned(),
                Level::Mean(class) => format!("mean{class}"),
            },
            known: (0..num_known).map(|code| value(Code::Known(code as u32), &self.sums_of(code, excluded))).collect(),
            missing: if missing[0] > 0.0 { value(Code::Missing, &missing) } else { unseen },
            unseen,
        }
    }

    /// The folds that are counted, without two of them.
    fn others(&self, own: Option<u8>, excluded: Option<u8>) -> impl Iterator<Item = usize> + '_ {
        let is_left_out = move |fold| [own, excluded].into_iter().flatten().any(|out| usize::from(out) == fold);
        (0..self.totals.len()).filter(move |fold| !is_left_out(*fold) && self.totals[*fold][0] > 0.0)
    }

    fn sums_of(&self, code: usize, excluded: Option<u8>) -> Vec<f64> {
        let mut sums = vec![0.0; self.outputs.count() + 1];
        self.add_sums(code, self.others(None, excluded), &mut sums);
        sums
    }

    fn add_sums(&self, code: usize, folds: impl Iterator<Item = usize>, sums: &mut [f64]) {
        let width = sums.len();
        let of_code = &self.sums[code * self.totals.len() * width..];
        for fold in folds {
            sums.iter_mut().zip(&of_code[fold * width..]).for_each(|(sum, value)| *sum += value);
        }
    }

    /// The mean of each output over all rows but those of a fold.
    fn prior(&self, excluded: Option<u8>) -> Vec<f64> {
        let mut sums = vec![0.0; self.outputs.count() + 1];
        for fold in self.others(None, excluded) {
            sums.iter_mut().zip(&self.totals[fold]).for_each(|(sum, value)| *sum += value);
        }
        sums[1..].iter().map(|sum| sum / sums[0].max(1.0)).collect()
    }

    /// The features of rows that were learned from: by the statistics of all folds but the row's own and `excluded`.
    /// Rows are counted as if all folds took part.
    pub(crate) fn encode(
        &self,
        levels: &Levels,
        array: &ArrayRef,
        folds: &[u8],
        excluded: Option<u8>,
        out: &mut Vec<FeatureColumn>,
    ) -> Result<()> {
        let excluded = excluded.filter(|_| self.depends_on_target());
        let num_known = levels.categories.names().len();
        let prior = self.prior(excluded);
        let all = self.others(None, None).count() as f64;
        let others: Vec<Vec<usize>> =
            (0..MAX_FOLDS as u8).map(|own| self.others(Some(own), excluded).collect()).collect();
        let scaling = self.scaling_of(excluded);
        let mut sums = vec![0.0; self.outputs.count() + 1];
        let mut features = |code: Code, others: &[usize], features: &mut Vec<f32>| {
            sums.fill(0.0);
            match code {
                Code::Known(code) => self.add_sums(code as usize, others.iter().copied(), &mut sums),
                Code::Missing => self.add_sums(num_known, others.iter().copied(), &mut sums),
                Code::Unseen => {}
            }
            let scale = all / others.len().max(1) as f64;
            features.clear();
            features.extend(self.levels.iter().enumerate().map(|(index, level)| {
                let value = value(*level, code, num_known, &sums, &prior, scale);
                scaling.get(index).map_or(value, |scaling| scaling.bounded(value)) as f32
            }));
        };
        // What a category is in a fold is computed once, unless there are more of both than rows.
        let places = (num_known + 2) * self.totals.len();
        let is_kept = places <= array.len();
        let mut computed = vec![Vec::new(); if is_kept { places } else { 1 }];
        let mut columns = vec![Vec::with_capacity(array.len()); self.levels.len()];
        for (code, fold) in levels.categories.codes(array.as_ref())?.into_iter().zip(folds) {
            let others =
                others.get(usize::from(*fold)).ok_or_else(|| Error::internal("a fold has too high a number"))?;
            let slot = match code {
                Code::Known(code) => code as usize,
                Code::Missing => num_known,
                Code::Unseen => num_known + 1,
            };
            let place = if is_kept { slot * self.totals.len() + usize::from(*fold) } else { 0 };
            let Some(of_row) = computed.get_mut(place) else {
                return Err(Error::internal("rows are of a fold that was not learned from"));
            };
            if of_row.is_empty() || !is_kept {
                features(code, others, of_row);
            }
            columns.iter_mut().zip(&*of_row).for_each(|(column, value)| column.push(*value));
        }
        out.extend(columns.into_iter().map(|column| FeatureColumn::F32(column.into())));
        Ok(())
    }
}

/// One level of one category, whose rows and outputs sum to `sums`.
fn value(level: Level, code: Code, num_known: usize, sums: &[f64], prior: &[f64], scale: f64) -> f64 {
    match (level, code) {
        (Level::Rank, Code::Known(code)) => f64::from(code),
        (Level::Rank, Code::Unseen) => num_known as f64,
        (Level::Rank, Code::Missing) => num_known as f64 + 1.0,
        (Level::Count, _) => (sums[0] * scale).ln_1p(),
        (Level::Mean(output), _) => (sums[output + 1] + PRIOR_ROWS * prior[output]) / (sums[0] + PRIOR_ROWS),
    }
}

impl Levels {
    /// So many categories, those that come most often.
    pub(crate) fn most_frequent(&self, most: usize) -> Vec<String> {
        self.categories.names().iter().take(most).cloned().collect()
    }

    pub(crate) fn feature_names(&self, column: &str) -> Vec<String> {
        self.features.iter().map(|feature| format!("{column}.{}", feature.name)).collect()
    }

    /// Looks every row up.
    pub(crate) fn encode(&self, array: &ArrayRef, out: &mut Vec<FeatureColumn>) -> Result<()> {
        let codes = self.categories.codes(array.as_ref())?;
        for feature in &self.features {
            let value = |code: &Code| match code {
                Code::Known(code) => feature.known.get(*code as usize).copied().unwrap_or(feature.unseen),
                Code::Unseen => feature.unseen,
                Code::Missing => feature.missing,
            };
            out.push(FeatureColumn::F32(codes.iter().map(value).collect::<Vec<_>>().into()));
        }
        Ok(())
    }
}
