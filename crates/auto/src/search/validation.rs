//! On which folds candidates are judged.

use datafusion_ml_core::encoder::FoldEncoder;
use datafusion_ml_core::{Encoding, Result, TrialStatus};

use super::climb::Rung;
use super::{Entry, Search};
use crate::folds::{FEW_ROWS, deal};
use crate::rows::RawRows;
use crate::trial::workers;

/// Few rows are dealt to folds so many times,
const DEALS: u64 = 2;
/// the first time for all candidates, then for so many of the best.
const DEALT_AGAIN: usize = 8;

/// On how many folds most has been validated, counted in candidates times folds, given how many folds each candidate went
/// through; `None` if none went through any.
fn most_validated(through: &[usize]) -> Option<usize> {
    let most = through.iter().copied().max()?;
    (1..=most).max_by_key(|folds| folds * through.iter().filter(|through| *through >= folds).count())
}

impl Entry {
    /// The folds that it went through, up to the first that it did not.
    fn folds(&self) -> usize {
        self.raw.iter().take_while(|raw| raw.is_some()).count()
    }
}

impl Search<'_> {
    /// Judges by the first folds, so many of them.
    fn hold_out(&mut self, folds: u8) {
        self.division.held_out = folds;
        self.entries.iter_mut().for_each(|entry| {
            entry.raw.resize(usize::from(folds), None);
            entry.loss = None;
        });
    }

    /// Holds out no more folds than there is time for, as the first candidate's fit on the first fold lets expect.
    pub(super) fn afford_folds(&mut self, number: usize) {
        let entry = &self.entries[number];
        let Some(runtime) = self.spec.max_runtime.filter(|_| entry.fits > 0.0) else { return };
        let seconds = entry.seconds / workers(usize::MAX, self.cells, self.context.threads()) as f64;
        self.hold_out(self.division.within(runtime.as_secs_f64(), seconds, self.rows.num_rows()).held_out);
    }

    /// Validates on the folds for which the first candidate had time, if it had time for one.
    pub(super) fn keep_validated_folds(&mut self, number: usize) {
        let folds = self.entries[number].folds();
        if folds > 0 && !matches!(self.entries[number].status, TrialStatus::Failed(_)) {
            self.hold_out(folds as u8);
        }
    }

    /// Judges by those folds alone on which most has been validated: time was up before the others were done.
    pub(super) fn settle(&mut self) {
        if let Some(folds) = most_validated(&self.entries.iter().map(Entry::folds).collect::<Vec<_>>()) {
            self.hold_out(folds as u8);
        }
    }

    /// On few rows chance says who is best. The best are validated on further deals of the rows, `encoders` being learned
    /// for each: who is best, how they are averaged, and for how long they learn, is decided over all deals.
    pub(super) fn deal_again(
        &mut self,
        raw: &dyn RawRows,
        target: &[f64],
        encoders: impl Fn(&[u8]) -> Result<Vec<(Encoding, FoldEncoder)>>,
    ) -> Result<()> {
        let folds = self.division.folds;
        if target.len() >= FEW_ROWS || self.division.held_out < folds {
            return Ok(());
        }
        let best: Vec<usize> = self.ranking()?.into_iter().take(DEALT_AGAIN).map(|(number, _)| number).collect();
        for deal_number in 1..DEALS {
            if self.is_over() || best.is_empty() {
                break;
            }
            let dealt = deal(target, self.spec.task, folds, self.context.seed().wrapping_add(deal_number));
            self.rows.deal(raw, &dealt, encoders(&dealt)?, self.context)?;
            self.hold_out(self.division.held_out + folds);
            self.climb(&best, Rung::Folds(self.division.held_out))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candidates_are_compared_on_the_folds_that_most_of_them_went_through() {
        assert_eq!(most_validated(&[10, 9, 9, 9, 8, 1, 1]), Some(8));
        assert_eq!(most_validated(&[5, 5, 5, 1, 1, 1]), Some(5));
        assert_eq!(most_validated(&[10, 1]), Some(10));
        assert_eq!(most_validated(&[0, 0]), None);
    }
}
