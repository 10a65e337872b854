//! Successive halving: candidates prove themselves on little, the better half of them on more.

use datafusion_ml_core::{Result, TrainingData, TrialStatus};

use super::Search;
use crate::candidates::Candidate;
use crate::folds::{Division, TELLING_ROWS};
use crate::trial::{Fit, FitScope, Fitted, raw_of, run_all};

/// A fold of fewer rows than this is not asked both when to stop and how good the result is.
const FLATTERED_ROWS: usize = 500;

/// A fold of fewer rows than this is not learned from alone: that takes nearly as long as from all, and tells less.
const QUICK_ROWS: usize = 10_000;

/// How much a candidate is given to prove itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rung {
    /// The first fold, having learned from a single other one.
    Quick,
    /// The folds before this one.
    Folds(u8),
}

/// What candidates go through: the first rung is of as many folds as it takes to tell them apart.
fn rungs(Division { folds, held_out }: Division, num_rows: usize) -> Vec<Rung> {
    if held_out == 1 {
        let quick = (num_rows / usize::from(folds) >= QUICK_ROWS).then_some(Rung::Quick);
        return quick.into_iter().chain([Rung::Folds(1)]).collect();
    }
    let first = (TELLING_ROWS * usize::from(folds)).div_ceil(num_rows.max(1)).clamp(1, usize::from(held_out)) as u8;
    let mut rungs = vec![first, if held_out > 5 { first.max(3) } else { first }, held_out];
    rungs.dedup();
    rungs.into_iter().map(Rung::Folds).collect()
}

impl Search<'_> {
    /// Tries candidates on little, the better half of them on more, and so on.
    pub(super) fn halve(&mut self, candidates: Vec<Candidate>) -> Result<()> {
        let mut alive = self.enter(candidates);
        let rungs = rungs(self.division, self.rows.num_rows());
        for (number, rung) in rungs.iter().enumerate() {
            self.progress.enter(&alive, number, rungs.len());
            self.climb(&alive, *rung)?;
            if number + 1 < rungs.len() {
                alive = self.better_half(&alive, *rung)?;
            }
        }
        Ok(())
    }

    /// The better half of some candidates, and with them the best of each algorithm.
    fn better_half(&self, numbers: &[usize], rung: Rung) -> Result<Vec<usize>> {
        let mut ranked = Vec::new();
        for &number in numbers {
            if let Some(loss) = self.loss(number, rung)? {
                ranked.push((loss, number));
            }
        }
        ranked.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let half = ranked.len().div_ceil(2);
        let mut seen: Vec<&str> = Vec::new();
        let mut alive = Vec::new();
        for (place, (_, number)) in ranked.iter().enumerate() {
            let algorithm = self.entries[*number].candidate.algorithm;
            let is_first = !seen.contains(&algorithm);
            seen.push(algorithm);
            if place < half || is_first {
                alive.push(*number);
            }
        }
        Ok(alive)
    }

    /// Gives candidates all fits that a rung asks for and that they do not have yet.
    pub(super) fn climb(&mut self, numbers: &[usize], rung: Rung) -> Result<()> {
        let mut fits: Vec<(usize, u8, bool)> = Vec::new();
        match rung {
            Rung::Quick => fits.extend(numbers.iter().map(|number| (*number, 0, true))),
            Rung::Folds(before) => {
                for fold in 0..before {
                    fits.extend(numbers.iter().map(|number| (*number, fold, false)));
                }
            }
        }
        fits.retain(|(number, fold, quick)| {
            let entry = &self.entries[*number];
            let failed = matches!(entry.status, TrialStatus::Failed(_));
            !failed && (*quick || entry.raw[usize::from(*fold)].is_none())
        });
        // Cheap ones first: should time run out, it is the dear ones that are cut.
        let seconds = |number: usize| self.entries[number].seconds / self.entries[number].fits.max(1e-9);
        fits.sort_by(|a, b| a.1.cmp(&b.1).then(seconds(a.0).total_cmp(&seconds(b.0))));
        let deadline = self.search_deadline();
        self.progress.expect(fits.len());
        let this = &*self;
        let results = run_all(
            fits.len(),
            self.cells,
            self.context.threads(),
            || this.is_over(),
            |piece, threads| {
                let (number, fold, quick) = fits[piece];
                this.report();
                let report = || this.report();
                let scope = FitScope::new(this.context, this.seed(number, 0), threads, deadline, &report);
                let fitted = this.fit(number, fold, quick, &scope);
                this.progress.step();
                fitted
            },
        )?;
        let last = match rung {
            Rung::Quick => 0,
            Rung::Folds(before) => usize::from(before),
        };
        for ((number, fold, quick), result) in fits.into_iter().zip(results) {
            let loss = match (&result, quick) {
                (Some(Ok(fitted)), true) => Some(self.loss_of(fitted.raw.as_ref(), &[0])?),
                _ => None,
            };
            let entry = &mut self.entries[number];
            match result {
                None if matches!(entry.status, TrialStatus::Failed(_)) => {}
                None => entry.status = TrialStatus::OutOfTime,
                Some(Err(error)) => entry.status = TrialStatus::Failed(error.message().to_owned()),
                Some(Ok(fitted)) => {
                    entry.seconds += fitted.seconds;
                    entry.fits += if quick { 1.0 / f64::from(self.division.folds - 1) } else { 1.0 };
                    if fitted.model.stopped_early() {
                        entry.status = TrialStatus::OutOfTime;
                        // It learned less than on the folds before, which alone say how good it is and for how long to learn.
                        if fold > 0 {
                            continue;
                        }
                    }
                    if quick {
                        entry.quick = loss;
                        continue;
                    }
                    entry.rounds.extend(fitted.num_rounds);
                    if fold == 0 {
                        entry.records = fitted.rounds;
                    }
                    entry.raw[usize::from(fold)] = fitted.raw;
                }
            }
            let is_complete = last == entry.raw.len() && entry.raw.iter().all(Option::is_some);
            if is_complete && entry.status == TrialStatus::Stopped {
                entry.status = TrialStatus::Completed;
            }
        }
        let all = Rung::Folds(self.division.held_out);
        for number in numbers {
            self.entries[*number].loss = self.loss(*number, all)?;
        }
        Ok(())
    }

    /// Fits a candidate to learn what it says of the rows of a fold that it did not see; quickly, having learned from the
    /// fold after alone.
    ///
    /// For how long to learn is found out on rows held out. Many may be the same as those it is judged by; on few, that
    /// would flatter whoever can choose among many rounds. There the fold after tells, and the candidate learns anew, for
    /// as long, from that fold too.
    fn fit(&self, number: usize, fold: u8, quick: bool, scope: &FitScope<'_>) -> Result<Fitted> {
        let (algorithm, candidate) = (self.algorithm(number), &self.entries[number].candidate);
        let encoding = self.rows.encoding(algorithm.encoding())?;
        let shape = (self.spec.task, self.spec.num_classes);
        let next = self.rows.next(fold);
        let held_out = self.rows.of(encoding, fold, |of| of == fold)?;
        let fit = Fit { algorithm, options: candidate.trial_options(self.scale()) };
        if quick {
            return fit.run(shape, &self.rows.of(encoding, fold, |of| of == next)?, Some(&held_out), scope);
        }
        let training = self.rows.of(encoding, fold, |of| of != fold)?;
        if !candidate.learns_in_rounds() || self.division.folds < 3 || held_out.num_rows() >= FLATTERED_ROWS {
            return fit.run(shape, &training, Some(&held_out), scope);
        }
        let fewer = self.rows.of(encoding, fold, |of| of != fold && of != next)?;
        let first = fit.run(shape, &fewer, Some(&self.rows.of(encoding, fold, |of| of == next)?), scope)?;
        if first.model.stopped_early() {
            // Time is up: what there is answers for the fold.
            return Ok(Fitted { raw: Some(raw_of(first.model.as_ref(), &held_out)?), ..first });
        }
        let again = Fit { algorithm, options: candidate.final_options(first.num_rounds, 1.0) };
        let second = again.run(shape, &training, Some(&held_out), scope)?;
        Ok(Fitted { seconds: first.seconds + second.seconds, model: second.model, raw: second.raw, ..first })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candidates_are_told_apart_by_enough_rows() {
        let of = |folds, held_out, rows| -> Vec<u8> {
            let folds_of = |rung| match rung {
                Rung::Quick => 0,
                Rung::Folds(folds) => folds,
            };
            rungs(Division { folds, held_out }, rows).into_iter().map(folds_of).collect()
        };
        assert_eq!(of(10, 10, 40), [10], "there are only 40");
        assert_eq!(of(10, 10, 250), [4, 10]);
        assert_eq!(of(10, 10, 999), [2, 3, 10]);
        assert_eq!(of(5, 5, 1_000), [1, 5]);
        assert_eq!(of(5, 1, 1_000_000), [0, 1]);
        assert_eq!(of(10, 1, 900), [1], "a tenth of them would tell nothing");
    }
}
