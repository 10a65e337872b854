//! The end of a search: the model, and what there is to say of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion_ml_core::encoder::ColumnProfile;
use datafusion_ml_core::{Model, Options, Result, Task, Trial, TrialStatus};

use crate::calibration::Calibration;
use crate::choice::Choice;
use crate::ensemble::{ENSEMBLE, EnsembleModel, Member};
use crate::report::{Decision, notes};
use crate::rows::RawRows;
use crate::search::{DONE, Found, Search};

impl Search<'_> {
    /// Chooses, fits and puts the model together.
    pub(crate) fn finish(self, raw: &dyn RawRows, folds: &[u8], profiles: &[ColumnProfile]) -> Result<Found> {
        let ran_out = self.is_over();
        let mut choice = self.choose()?;
        if let Some(runtime) = self.spec.max_runtime {
            self.fit_into(&mut choice, self.started + runtime.mul_f64(DONE), folds.len())?;
        }
        let (members, encoder) = self.fit_chosen(&mut choice, raw, folds)?;
        let is_cut = members.iter().any(|(_, member)| member.model.stopped_early());
        let stopped_early = ran_out || is_cut;
        let objective = self.spec.objective;
        let validation_metric = match (&choice.raw, self.metric_of_choosing(&choice.left_out)?) {
            // What was validated is not what was fitted, if time was up before that was done.
            _ if is_cut => None,
            (None, _) => None,
            (_, Some(metric)) => Some(metric),
            (Some(raw), None) => Some(objective.value_at(choice.cut, self.spec.task, raw, &choice.target)?),
        };
        let rows_validated = choice.target.len().min(self.rows.num_rows());
        let fits = members.len();
        let notes = notes(&self, &Decision { choice: &choice, profiles, ran_out, is_cut, fits });
        let first = choice.members[0].0;
        let (algorithm, options, model): (String, BTreeMap<String, String>, Arc<dyn Model>) = match members.as_slice() {
            [(number, member)] if choice.is_plain() && self.centre == 0.0 => {
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
                let ensemble = EnsembleModel::try_new(self.spec.task, members, calibration, choice.cut, stopped_early)?;
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
            validation_metric: validation_metric.filter(|value| value.is_finite()),
            rows_validated,
            stopped_early,
            trials,
            rounds,
            notes,
        })
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
