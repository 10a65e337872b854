//! The end of a search: what the model is made of, fitted on all rows.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use datafusion_ml_core::encoder::ColumnProfile;
use datafusion_ml_core::{
    Encoder, Error, ErrorKind, Model, Options, RawOutputs, Result, Task, TrainingData, Trial, TrialStatus,
};

use crate::calibration::Calibration;
use crate::ensemble::{ENSEMBLE, EnsembleModel, Member};
use crate::objective::smooth_loss;
use crate::report::{Decision, notes};
use crate::rows::{RawRows, StreamedRows};
use crate::search::{DONE, Found, Search};
use crate::selection::{normalize, select, weighted};
use crate::trial::{Fit, FitScope, run_all};

/// An ensemble has to lower the loss by this share of the log loss (or squared error) to be worth its time.
const WORTHWHILE: f64 = 0.002;
/// On fewer cells than this, counted once per output, a random member is fitted with several seeds and averaged.
const CELLS_OF_COPIES: usize = 500_000;
/// With so many seeds.
const COPIES: u64 = 3;

/// The final fits are given so many times the time that they can be expected to take: one that is cut off is worse than
/// one that was not begun.
const CAUTION: f64 = 1.2;
/// Where there is time for less than this share of what learning in rounds takes on all rows, a sample of them learned in
/// full is better.
const LEAST_SHARE: f64 = 0.15;

/// What the model is made of.
pub(crate) struct Choice {
    /// Candidate numbers and weights, largest first.
    pub(crate) members: Vec<(usize, f64)>,
    /// Fits of each random member.
    pub(crate) copies: u64,
    pub(crate) calibration: Calibration,
    /// The raw outputs out of fold, calibrated.
    raw: Option<RawOutputs>,
    target: Vec<f64>,
    /// The log loss or squared error of the model and of the best single candidate, out of fold.
    pub(crate) losses: Option<(f64, f64)>,
    /// Members that were left out for want of time.
    pub(crate) left_out: usize,
    /// Members that could not be fitted on all rows, and why the last of them could not.
    pub(crate) refused: Vec<usize>,
    pub(crate) refusal: Option<Error>,
    /// The share of the time that the final fits would take which there is.
    pub(crate) share: f64,
}

impl Choice {
    /// Members that nothing is known of yet.
    fn of(members: Vec<(usize, f64)>) -> Self {
        Self {
            members,
            copies: 1,
            calibration: Calibration::NONE,
            raw: None,
            target: Vec::new(),
            losses: None,
            left_out: 0,
            refused: Vec::new(),
            refusal: None,
            share: 1.0,
        }
    }
}

impl Search<'_> {
    /// Chooses, fits and puts the model together.
    #[expect(clippy::disallowed_methods, reason = "the final fits have to be done before MAX_RUNTIME is over")]
    pub(crate) fn finish(self, raw: &dyn RawRows, folds: &[u8], profiles: &[ColumnProfile]) -> Result<Found> {
        let ran_out = self.is_over();
        let mut choice = self.choose()?;
        if let Some(runtime) = self.spec.max_runtime {
            let left = (self.started + runtime.mul_f64(DONE)).saturating_duration_since(Instant::now());
            self.fit_into(&mut choice, left, folds.len())?;
        }
        let (members, encoder) = self.fit_chosen(&mut choice, raw, folds)?;
        let is_cut = members.iter().any(|(_, member)| member.model.stopped_early());
        let stopped_early = ran_out || is_cut;
        let objective = self.spec.objective;
        let validation_metric = match &choice.raw {
            // What was validated is not what was fitted, if time was up before that was done.
            Some(raw) if !is_cut => {
                Some(objective.value(self.spec.task, raw, &choice.target)?).filter(|value| value.is_finite())
            }
            _ => None,
        };
        let rows_validated = choice.target.len().min(self.rows.num_rows());
        let fits = members.len();
        let notes = notes(&self, &Decision { choice: &choice, profiles, ran_out, is_cut, fits });
        let first = choice.members[0].0;
        let (algorithm, options, model): (String, BTreeMap<String, String>, Arc<dyn Model>) = match members.as_slice() {
            [(number, member)] if choice.calibration == Calibration::NONE && self.centre == 0.0 => {
                let options = self.final_options(*number, choice.share);
                let given = options.iter().map(|(name, value)| (*name, value.as_str()));
                let options = Options::parse(self.algorithm(*number).options(), given)?;
                (member.algorithm.clone(), options.to_text(), Arc::clone(&member.model))
            }
            _ => {
                // A member that could not be fitted on all rows leaves its share to the others.
                let total: f64 = members.iter().map(|(_, member)| member.weight).sum();
                let share = |(_, member): (usize, Member)| Member { weight: member.weight / total, ..member };
                let members = members.into_iter().map(share).collect();
                let Calibration { scale, offset } = choice.calibration;
                let calibration = Calibration { scale, offset: offset + self.centre };
                let ensemble = EnsembleModel::try_new(self.spec.task, members, calibration, stopped_early)?;
                (ENSEMBLE.to_owned(), BTreeMap::new(), Arc::new(ensemble))
            }
        };
        let trials = self.trials(&choice)?;
        let rounds = self.entries.into_iter().nth(first).map(|entry| entry.records).unwrap_or_default();
        Ok(Found {
            algorithm,
            options,
            encoder,
            model,
            validation_metric,
            rows_validated,
            stopped_early,
            trials,
            rounds,
            notes,
        })
    }

    /// The best candidate or, if it is worthwhile, the best mean of several.
    fn choose(&self) -> Result<Choice> {
        let task = self.spec.task;
        let folds: Vec<u8> = (0..self.division.held_out).collect();
        let ranking = self.ranking()?;
        let Some(&(best, _)) = ranking.first() else {
            // Too few rows to validate on, or too little time.
            return Ok(Choice::of(vec![(0, 1.0)]));
        };
        let target = self.target(&folds);
        let raws: Vec<(usize, RawOutputs)> =
            ranking.iter().take(16).filter_map(|(number, _)| Some((*number, self.raw(*number, &folds)?))).collect();
        let pool: Vec<(usize, &RawOutputs)> = raws.iter().map(|(number, raw)| (*number, raw)).collect();
        let raw_of = |number: usize| pool.iter().find(|(other, _)| *other == number).map(|(_, raw)| *raw);
        let mean = |weights: &[(usize, f64)]| {
            weighted(weights.iter().filter_map(|(number, weight)| Some((raw_of(*number)?, *weight))))
        };
        let single = mean(&[(best, 1.0)]);
        let mut members = select(task, &pool, &target);
        let objective = self.spec.objective;
        let gain = objective.loss(task, &single, &target)? - objective.loss(task, &mean(&members), &target)?;
        if gain.is_nan() || gain <= WORTHWHILE * smooth_loss(task, &single, &target) {
            members = vec![(best, 1.0)];
        }
        let mut choice = Choice { copies: self.copies(), target, ..Choice::of(members) };
        self.measure(&mut choice, best);
        Ok(choice)
    }

    /// What the members say together out of fold, calibrated, and what they lose; `best` is the best candidate alone.
    fn measure(&self, choice: &mut Choice, best: usize) {
        let task = self.spec.task;
        let folds: Vec<u8> = (0..self.division.held_out).collect();
        let raw_of = |(number, weight): &(usize, f64)| Some((self.raw(*number, &folds)?, *weight));
        let parts: Vec<(RawOutputs, f64)> = choice.members.iter().filter_map(raw_of).collect();
        let mut raw = weighted(parts.iter().map(|(raw, weight)| (raw, *weight)));
        // Of the first deal: a row of several deals would count as if it were several.
        let of_rows: Vec<u8> = folds
            .iter()
            .take(usize::from(self.division.folds))
            .flat_map(|fold| std::iter::repeat_n(*fold, self.rows.target(*fold).len()))
            .collect();
        let of_deal = RawOutputs { values: raw.values[..of_rows.len() * raw.num_outputs].to_vec(), ..raw };
        choice.calibration = Calibration::learn(task, &of_deal, &choice.target[..of_rows.len()], &of_rows);
        choice.calibration.apply(&mut raw);
        let alone = self.raw(best, &folds).map_or(f64::NAN, |raw| smooth_loss(task, &raw, &choice.target));
        choice.losses = Some((smooth_loss(task, &raw, &choice.target), alone));
        choice.raw = Some(raw);
    }

    /// Leaves members out, those first that are dearest for their weight, until the final fits, as far as one can tell,
    /// take no longer than `left`.
    fn fit_into(&self, choice: &mut Choice, left: Duration, raw_rows: usize) -> Result<()> {
        let seconds = |choice: &Choice| -> f64 {
            let of_member = |(number, _): &(usize, f64)| {
                let copies = if self.entries[*number].candidate.is_random() { choice.copies } else { 1 };
                self.final_seconds(*number, raw_rows) * copies as f64 / self.copies() as f64
            };
            choice.members.iter().map(of_member).sum()
        };
        let left = left.as_secs_f64() / CAUTION;
        while seconds(choice) > left {
            if choice.copies > 1 {
                choice.copies -= 1;
            } else if choice.members.len() > 1 {
                let price = |(number, weight): &(usize, f64)| self.final_seconds(*number, raw_rows) / weight;
                let prices = choice.members.iter().map(price).enumerate();
                let dearest = prices.max_by(|a, b| a.1.total_cmp(&b.1)).map_or(0, |(place, _)| place);
                choice.members.remove(dearest);
                choice.left_out += 1;
                normalize(&mut choice.members);
            } else {
                choice.share = left / seconds(choice);
                break;
            }
        }
        if let (1.., Some((best, _))) = (choice.left_out, self.ranking()?.first()) {
            self.measure(choice, *best);
            let alone = Choice { members: vec![(*best, 1.0)], ..Choice::of(Vec::new()) };
            // What is left of the members may be worse than one that was left out.
            if choice.losses.is_some_and(|(together, alone)| together > alone) && seconds(&alone) <= left {
                choice.members = alone.members;
                self.measure(choice, *best);
            }
        }
        Ok(())
    }

    /// How many seconds a candidate's final fits can be expected to take, with all their seeds and threads; for ever, if
    /// there was no time to try it.
    pub(crate) fn final_seconds(&self, number: usize, raw_rows: usize) -> f64 {
        let entry = &self.entries[number];
        if entry.fits == 0 {
            return f64::INFINITY;
        }
        let folds = f64::from(self.division.folds);
        let more_rows = folds / (folds - 1.0) * raw_rows as f64 / self.rows.num_rows().max(1) as f64;
        let copies = self.copies();
        let side_by_side = if copies > 1 { self.context.threads() as f64 } else { 1.0 };
        entry.seconds / entry.fits as f64 * more_rows * copies as f64 / side_by_side
    }

    /// The fits of each random member.
    fn copies(&self) -> u64 {
        let cells = self.rows.num_rows() * self.num_columns() * self.spec.num_outputs();
        if cells <= CELLS_OF_COPIES { COPIES } else { 1 }
    }

    /// Fits what was chosen on all rows. Members that cannot be, as one that needs more memory than the rows of the search
    /// did, leave their share to the others; if there are none, the next best candidate takes their place.
    fn fit_chosen(
        &self,
        choice: &mut Choice,
        raw: &dyn RawRows,
        folds: &[u8],
    ) -> Result<(Vec<(usize, Member)>, Encoder)> {
        loop {
            let (members, encoder, refusal) = self.fit_members(choice, raw, folds)?;
            let is_fitted = |number: usize| members.iter().any(|(fitted, _)| *fitted == number);
            let Some(refusal) = refusal.filter(|_| choice.members.iter().any(|(number, _)| !is_fitted(*number))) else {
                return Ok((members, encoder));
            };
            choice
                .refused
                .extend(choice.members.iter().map(|(number, _)| *number).filter(|number| !is_fitted(*number)));
            choice.members.retain(|(number, _)| is_fitted(*number));
            let ranking = self.ranking()?;
            if choice.members.is_empty() {
                let next = ranking.iter().find(|(number, _)| !choice.refused.contains(number));
                choice.members.push((next.ok_or_else(|| refusal.clone())?.0, 1.0));
            }
            choice.refusal = Some(refusal);
            normalize(&mut choice.members);
            if let Some((best, _)) = ranking.first() {
                self.measure(choice, *best);
            }
            if !members.is_empty() {
                return Ok((members, encoder));
            }
        }
    }

    /// The members that can be fitted, each with the number of its candidate, the encoder that serves them all, and why one
    /// could not be.
    fn fit_members(
        &self,
        choice: &Choice,
        raw: &dyn RawRows,
        folds: &[u8],
    ) -> Result<(Vec<(usize, Member)>, Encoder, Option<Error>)> {
        let mut encodings: Vec<usize> = Vec::new();
        let mut fits: Vec<(usize, u64, f64)> = Vec::new();
        for (number, weight) in &choice.members {
            let encoding = self.rows.encoding(self.algorithm(*number).encoding())?;
            if !encodings.contains(&encoding) {
                encodings.push(encoding);
            }
            let copies = if self.entries[*number].candidate.is_random() { choice.copies } else { 1 };
            fits.extend((0..copies).map(|copy| (*number, copy, weight / copies as f64)));
        }
        let encoder = match encodings.as_slice() {
            [only] => self.rows.encoder(*only).encoder().clone(),
            several => Encoder::concat(
                several.iter().map(|encoding| self.rows.encoder(*encoding).encoder().clone()).collect(),
            )?,
        };
        let widths: Vec<usize> =
            encodings.iter().map(|encoding| self.rows.encoder(*encoding).encoder().feature_names().len()).collect();
        let deadline = self.spec.max_runtime.map(|runtime| self.started + runtime.mul_f64(DONE));
        let cells = folds.len().saturating_mul(self.num_columns());
        let done = AtomicUsize::new(0);
        let report = || self.report_final(done.load(Ordering::Relaxed), fits.len());
        let results = run_all(
            fits.len(),
            cells,
            self.context.threads(),
            || false,
            |piece, threads| {
                let (number, copy, _) = fits[piece];
                let encoding = self.rows.encoding(self.algorithm(number).encoding())?;
                report();
                let scope = FitScope::new(self.context, self.seed(number, copy), threads, deadline, &report);
                let fit = Fit { algorithm: self.algorithm(number), options: self.final_options(number, choice.share) };
                let of_all = |data: &dyn TrainingData| {
                    fit.run((self.spec.task, self.spec.num_classes), data, None, &scope).map(|fitted| fitted.model)
                };
                let fitted = if self.is_sampled && !self.fits_on_sample(number, choice.share) {
                    let encoder = self.rows.encoder(encoding);
                    of_all(&StreamedRows {
                        rows: raw,
                        folds,
                        encoder,
                        feature_names: encoder.encoder().feature_names(),
                    })
                } else {
                    of_all(&self.rows.all(encoding)?)
                };
                done.fetch_add(1, Ordering::Relaxed);
                report();
                fitted
            },
        )?;
        let mut members = Vec::new();
        let mut refusal = None;
        for ((number, _, weight), result) in fits.into_iter().zip(results) {
            match result.unwrap_or_else(|| Err(Error::internal("a final fit was left out"))) {
                Ok(model) => {
                    let algorithm = self.algorithm(number);
                    let encoding = self.rows.encoding(algorithm.encoding())?;
                    let place = encodings.iter().position(|other| *other == encoding).unwrap_or(0);
                    let first: usize = widths[..place].iter().sum();
                    let features = first..first + widths[place];
                    members.push((number, Member { algorithm: algorithm.name().to_owned(), weight, features, model }));
                }
                Err(error) if error.kind() == ErrorKind::Internal => return Err(error),
                Err(error) => refusal = Some(error),
            }
        }
        Ok((members, encoder, refusal))
    }

    /// Whether a candidate has so little time that it learns from the rows of the search alone: much too little for rounds,
    /// which could be fewer, or too little at all.
    pub(crate) fn fits_on_sample(&self, number: usize, share: f64) -> bool {
        let least = if self.entries[number].candidate.learns_in_rounds() { LEAST_SHARE } else { 1.0 };
        self.is_sampled && share < least
    }

    /// The options of a candidate's final fit.
    pub(crate) fn final_options(&self, number: usize, share: f64) -> Vec<(&'static str, String)> {
        let entry = &self.entries[number];
        let rounds = (!entry.rounds.is_empty()).then(|| {
            let mean = entry.rounds.iter().sum::<usize>() as f64 / entry.rounds.len() as f64;
            let folds = f64::from(self.division.folds);
            // More rows take a few more rounds before they are learned by heart.
            (mean * (folds / (folds - 1.0)).powf(0.25)).round() as usize
        });
        entry.candidate.final_options(rounds, if self.fits_on_sample(number, share) { 1.0 } else { share })
    }

    pub(crate) fn num_columns(&self) -> usize {
        self.rows.num_columns()
    }

    /// The log of all candidates.
    fn trials(&self, choice: &Choice) -> Result<Vec<Trial>> {
        let task = self.spec.task;
        let metric = self.spec.objective.metric(task).name();
        let entries = self.entries.iter().enumerate();
        let trial = |(number, entry): (usize, &crate::search::Entry)| -> Result<Trial> {
            let folds: Vec<u8> =
                (0..self.division.held_out).filter(|fold| entry.raw[usize::from(*fold)].is_some()).collect();
            let value = match self.raw(number, &folds) {
                Some(raw) => Some(self.spec.objective.value(task, &raw, &self.target(&folds))?),
                None => None,
            };
            let weight = choice.members.iter().find(|(member, _)| *member == number).map_or(0.0, |(_, weight)| *weight);
            Ok(Trial {
                candidate: number as u64 + 1,
                model_type: entry.candidate.algorithm.to_owned(),
                hyperparameters: entry.candidate.options.iter().map(|(k, v)| ((*k).to_owned(), v.clone())).collect(),
                folds: folds.len() as u64,
                metric: metric.to_owned(),
                value: value.filter(|value| value.is_finite()),
                seconds: (entry.seconds * 1e6).round() / 1e6,
                status: match &entry.status {
                    TrialStatus::Stopped if weight > 0.0 => TrialStatus::Completed,
                    status => status.clone(),
                },
                weight,
            })
        };
        entries.map(trial).collect()
    }

    /// The task.
    pub(crate) fn task(&self) -> Task {
        self.spec.task
    }
}
