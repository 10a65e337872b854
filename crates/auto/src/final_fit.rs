//! The fits on all rows.

use std::sync::atomic::{AtomicUsize, Ordering};

use datafusion_ml_core::{Encoder, Error, ErrorKind, Result, TrainingData};

use crate::choice::Choice;
use crate::ensemble::Member;
use crate::rows::{RawRows, StreamedRows};
use crate::search::{DONE, Search};
use crate::selection::normalize;
use crate::trial::{Fit, FitScope, run_all};

/// Where there is time for less than this share of what learning in rounds takes on all rows, a sample of them learned in
/// full is better.
const LEAST_SHARE: f64 = 0.15;

/// What could be fitted on all rows.
struct Fits {
    /// The members, each with the number of its candidate.
    members: Vec<(usize, Member)>,
    /// The encoder that serves them all.
    encoder: Encoder,
    /// Why the last of those that could not be fitted could not.
    refusal: Option<Error>,
}

impl Search<'_> {
    /// Fits what was chosen on all rows. Members that cannot be, as one that needs more memory than the rows of the search
    /// did, leave their share to the others; if there are none, the next best candidate takes their place.
    pub(crate) fn fit_chosen(
        &self,
        choice: &mut Choice,
        raw: &dyn RawRows,
        folds: &[u8],
    ) -> Result<(Vec<(usize, Member)>, Encoder)> {
        loop {
            let Fits { members, encoder, refusal } = self.fit_members(choice, raw, folds)?;
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

    /// Fits the members that can be.
    fn fit_members(&self, choice: &Choice, raw: &dyn RawRows, folds: &[u8]) -> Result<Fits> {
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
        Ok(Fits { members, encoder, refusal })
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
}
