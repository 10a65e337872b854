//! What the model is made of: the best candidate or a mean of several, as time allows.

use std::time::Instant;

use datafusion_ml_core::{Error, RawOutputs, Result};

use crate::calibration::Calibration;
use crate::cut::{self, EVEN};
use crate::folds::FEW_ROWS;
use crate::objective::{prediction, smooth_loss};
use crate::search::Search;
use crate::selection::{POOL, Weights, select, weighted};

/// An ensemble has to lower the loss by this share of the log loss (or squared error) to be worth its time.
const WORTHWHILE: f64 = 0.002;
/// On fewer cells than this, counted once per output, a random member is fitted with several seeds and averaged.
const CELLS_OF_COPIES: usize = 500_000;
/// With so many seeds.
const COPIES: u64 = 3;
/// Choosing by folds once for each of them is for so many raw outputs at most.
const MAX_OUTPUTS: usize = 30_000;
/// The final fits are given so many times the time that they can be expected to take: one that is cut off is worse than
/// one that was not begun.
const CAUTION: f64 = 1.2;

/// Where time is short, a choice may lose so many times what the best candidate does.
const TOLERABLE: f64 = 1.05;

/// What the model is made of.
pub(crate) struct Choice {
    /// Candidate numbers and weights, largest first.
    pub(crate) members: Weights,
    /// Fits of each random member.
    pub(crate) copies: u64,
    pub(crate) calibration: Calibration,
    /// Above which probability a row is of class 1 of two.
    pub(crate) cut: f64,
    /// The raw outputs out of fold, calibrated.
    pub(crate) raw: Option<RawOutputs>,
    pub(crate) target: Vec<f64>,
    /// The log loss or squared error of the model and of the best single candidate, out of fold.
    pub(crate) losses: Option<(f64, f64)>,
    /// Candidates that were left out for want of time.
    pub(crate) left_out: Vec<usize>,
    /// Members that could not be fitted on all rows, and why the last of them could not.
    pub(crate) refused: Vec<usize>,
    pub(crate) refusal: Option<Error>,
    /// The share of the time that the final fits would take which there is.
    pub(crate) share: f64,
}

impl Choice {
    /// Members that nothing is known of yet.
    fn of(members: Weights) -> Self {
        Self {
            members,
            copies: 1,
            calibration: Calibration::NONE,
            cut: EVEN,
            raw: None,
            target: Vec::new(),
            losses: None,
            left_out: Vec::new(),
            refused: Vec::new(),
            refusal: None,
            share: 1.0,
        }
    }

    /// Whether a member alone says the same as the model.
    pub(crate) fn is_plain(&self) -> bool {
        self.calibration == Calibration::NONE && self.cut == EVEN
    }
}

impl Search<'_> {
    /// What the model is made of.
    pub(crate) fn choose(&self) -> Result<Choice> {
        let folds: Vec<u8> = (0..self.division.held_out).collect();
        let Some((best, members)) = self.members_by(&folds, &[])? else {
            // Too few rows to validate on, or too little time.
            return Ok(Choice::of(vec![(0, 1.0)]));
        };
        let mut choice = Choice { copies: self.copies(), target: self.target(&folds), ..Choice::of(members) };
        self.measure(&mut choice, best);
        Ok(choice)
    }

    /// By some folds, the best candidate that is not left out, and it alone or, if it is worthwhile, the best mean of several;
    /// `None` if no candidate was validated on them all.
    fn members_by(&self, folds: &[u8], left_out: &[usize]) -> Result<Option<(usize, Weights)>> {
        let task = self.spec.task;
        let mut ranking = self.ranking_by(folds)?;
        ranking.retain(|(number, _)| !left_out.contains(number));
        let Some(&(best, _)) = ranking.first() else { return Ok(None) };
        let target = self.target(folds);
        let raws: Vec<(usize, RawOutputs)> =
            ranking.iter().take(POOL).filter_map(|(number, _)| Some((*number, self.raw(*number, folds)?))).collect();
        let pool: Vec<(usize, &RawOutputs)> = raws.iter().map(|(number, raw)| (*number, raw)).collect();
        let (single, members) = (vec![(best, 1.0)], select(task, &pool, &target));
        let (alone, together) = (self.mean(&single, folds), self.mean(&members, folds));
        let gain = self.spec.loss(&alone, &target)? - self.spec.loss(&together, &target)?;
        let is_worthwhile = gain > WORTHWHILE * smooth_loss(task, &alone, &target);
        Ok(Some((best, if is_worthwhile { members } else { single })))
    }

    /// The weighted mean of what members say of some folds.
    fn mean(&self, members: &[(usize, f64)], folds: &[u8]) -> RawOutputs {
        let raw_of = |(number, weight): &(usize, f64)| Some((self.raw(*number, folds)?, *weight));
        let parts: Vec<(RawOutputs, f64)> = members.iter().filter_map(raw_of).collect();
        weighted(parts.iter().map(|(raw, weight)| (raw, *weight)))
    }

    /// The objective's metric of rows that had no say in the choice: of each fold it is judged what the others choose and
    /// calibrate without the candidates that were left out. Of few rows the metric of the choice itself would flatter, being
    /// the best of many. `None` if the folds are too few, or the rows so many that it hardly does.
    pub(crate) fn metric_of_choosing(&self, left_out: &[usize]) -> Result<Option<f64>> {
        let task = self.spec.task;
        let folds: Vec<u8> = (0..self.division.held_out.min(self.division.folds)).collect();
        let rows = self.rows.num_rows();
        if folds.len() < 3 || rows >= FEW_ROWS || rows * self.spec.num_outputs() > MAX_OUTPUTS {
            return Ok(None);
        }
        let mut accumulator = self.spec.objective.metric(task).accumulator();
        for fold in &folds {
            let others: Vec<u8> = folds.iter().copied().filter(|other| other != fold).collect();
            let Some((_, members)) = self.members_by(&others, left_out)? else { return Ok(None) };
            let (calibration, cut) = self.calibrate(&members, &others);
            let mut raw = self.mean(&members, &[*fold]);
            calibration.apply(&mut raw);
            if !raw.values.is_empty() {
                accumulator.add(&prediction(task, &raw, cut), self.rows.target(*fold))?;
            }
        }
        Ok(Some(accumulator.finish()))
    }

    /// How the mean of members becomes probabilities, and those labels, by some folds of one deal.
    fn calibrate(&self, members: &[(usize, f64)], folds: &[u8]) -> (Calibration, f64) {
        let (mut raw, target) = (self.mean(members, folds), self.target(folds));
        // What is learned from half of the folds has to help in the others; the rows of a single fold take turns.
        let is_odd: Vec<bool> = match folds {
            [_] => (0..target.len()).map(|row| row % 2 == 1).collect(),
            _ => {
                (0..folds.len()).flat_map(|place| vec![place % 2 == 1; self.rows.target(folds[place]).len()]).collect()
            }
        };
        let calibration = Calibration::learn(self.spec.task, &raw, &target, &is_odd);
        calibration.apply(&mut raw);
        (calibration, if self.spec.cuts_for_f1 { cut::learn(&raw, &target, &is_odd) } else { EVEN })
    }

    /// What the members say together out of fold, calibrated, and what they lose; `best` is the best candidate alone.
    pub(crate) fn measure(&self, choice: &mut Choice, best: usize) {
        let task = self.spec.task;
        let folds: Vec<u8> = (0..self.division.held_out).collect();
        // By the first deal: a row of several deals would count as if it were several.
        let of_deal = &folds[..folds.len().min(usize::from(self.division.folds))];
        (choice.calibration, choice.cut) = self.calibrate(&choice.members, of_deal);
        let mut raw = self.mean(&choice.members, &folds);
        choice.calibration.apply(&mut raw);
        let alone = self.raw(best, &folds).map_or(f64::NAN, |raw| smooth_loss(task, &raw, &choice.target));
        choice.losses = Some((smooth_loss(task, &raw, &choice.target), alone));
        choice.raw = Some(raw);
    }

    /// Leaves candidates out, those first that are dearest for their weight, and chooses among the others, until the final
    /// fits, as far as one can tell, are done by a deadline. If what is cheap enough is too bad, the cheapest of the good
    /// ones learns less than it should.
    #[expect(clippy::disallowed_methods, reason = "the final fits have to be done before MAX_RUNTIME is over")]
    pub(crate) fn fit_into(&self, choice: &mut Choice, deadline: Instant, raw_rows: usize) -> Result<()> {
        let left = || deadline.saturating_duration_since(Instant::now()).as_secs_f64() / CAUTION;
        if self.fits_seconds(choice, raw_rows) <= left() {
            return Ok(());
        }
        let chosen = choice.members.clone();
        let folds: Vec<u8> = (0..self.division.held_out).collect();
        let (ranking, target) = (self.ranking()?, self.target(&folds));
        let loss = |members: &[(usize, f64)]| smooth_loss(self.spec.task, &self.mean(members, &folds), &target);
        let tolerable = ranking.first().map_or(f64::INFINITY, |(best, _)| TOLERABLE * loss(&[(*best, 1.0)]));
        while self.fits_seconds(choice, raw_rows) > left() {
            if choice.copies > 1 {
                choice.copies -= 1;
                continue;
            }
            let price = |(number, weight): &(usize, f64)| self.final_seconds(*number, raw_rows) / weight;
            let dearest = choice.members.iter().max_by(|a, b| price(a).total_cmp(&price(b))).map(|(number, _)| *number);
            choice.left_out.extend(dearest);
            match self.members_by(&folds, &choice.left_out)? {
                Some((_, members)) if loss(&members) <= tolerable => choice.members = members,
                _ => {
                    let good = ranking.iter().map(|(number, _)| *number);
                    let good = good.filter(|number| loss(&[(*number, 1.0)]) <= tolerable);
                    let seconds = |number: &usize| self.final_seconds(*number, raw_rows);
                    let cheapest = good.min_by(|a, b| seconds(a).total_cmp(&seconds(b))).unwrap_or(choice.members[0].0);
                    choice.members = vec![(cheapest, 1.0)];
                    choice.left_out.retain(|number| *number != cheapest);
                    choice.share = (left() / self.fits_seconds(choice, raw_rows)).min(1.0);
                    break;
                }
            }
        }
        if let (true, Some((best, _))) = (choice.members != chosen, ranking.first()) {
            self.measure(choice, *best);
        }
        Ok(())
    }

    /// How many seconds the final fits of a choice can be expected to take.
    fn fits_seconds(&self, choice: &Choice, raw_rows: usize) -> f64 {
        let of_member = |(number, _): &(usize, f64)| {
            let copies = if self.entries[*number].candidate.is_random() { choice.copies } else { 1 };
            self.final_seconds(*number, raw_rows) * copies as f64 / self.copies() as f64
        };
        choice.members.iter().map(of_member).sum()
    }

    /// How many seconds a candidate's final fits can be expected to take, with all their seeds and threads; for ever, if
    /// there was no time to try it.
    pub(crate) fn final_seconds(&self, number: usize, raw_rows: usize) -> f64 {
        let entry = &self.entries[number];
        if entry.fits == 0.0 {
            return f64::INFINITY;
        }
        let folds = f64::from(self.division.folds);
        let more_rows = folds / (folds - 1.0) * raw_rows as f64 / self.rows.num_rows().max(1) as f64;
        let copies = self.copies();
        let side_by_side = if copies > 1 { self.context.threads() as f64 } else { 1.0 };
        entry.seconds / entry.fits * more_rows * copies as f64 / side_by_side
    }

    /// The fits of each random member.
    fn copies(&self) -> u64 {
        let cells = self.rows.num_rows() * self.num_columns() * self.spec.num_outputs();
        if cells <= CELLS_OF_COPIES { COPIES } else { 1 }
    }
}
