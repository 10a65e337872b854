//! The search: candidates are tried on folds, the best are averaged, and what is chosen is fitted again on all rows.
//!
//! The first candidate is validated on every fold before anything else, so that there is a model however short the time.
//! Where it is short, that is a linear one, one of boosting comes right after it, and the others algorithm by algorithm.
//! Then candidates come in batches that go through successive halving (Jamieson and Talwalkar, "Non-stochastic best arm
//! identification", 2016), the resource being folds, or, where one fold is held out, rows: all are tried on little, the
//! better half on more. Which candidates come is decided by the seed and by what the others reached, never by the clock;
//! the clock only ends the search.

mod climb;
mod progress;
mod sample;
mod validation;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::datatypes::Field;
use datafusion_ml_core::encoder::{AutoEncoderBuilder, ColumnProfile, FoldEncoder};
use datafusion_ml_core::{
    Algorithm, Encoder, Encoding, Error, FitContext, Model, Preprocessors, RawOutputs, Result, RoundRecord, Task,
    Trial, TrialStatus,
};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use self::climb::Rung;
use self::progress::Progress;
use self::sample::draw;
use crate::candidates::{Candidate, Scale, curvature, deviation, portfolio, propose};
use crate::centre::{Centred, centre};
use crate::folds::{Division, affordable_folds, deal};
use crate::objective::Objective;
use crate::rows::{RawRows, SearchRows};
use crate::trial::run_all;

/// Seconds that a candidate takes on one thread to learn from a cell for an output, by experience: boosting of some
/// hundred rounds.
const SECONDS_PER_CELL: f64 = 2e-6;
/// What a tree costs beside its rows, in rows: a few take as long as this many.
const ROWS_OF_A_TREE: usize = 1_000;
/// On how many threads, by expectation: what a search does must not depend on how many there are.
const THREADS: f64 = 2.0;
/// Where there is time for fewer folds than this, cheap candidates come before dear ones.
const FOLDS_OF_SHORT_TIME: f64 = 5.0;
/// New candidates come in batches of this many.
const BATCH: usize = 6;
/// The share of MAX_RUNTIME that is kept for the final fits: before anything is known of how long they take, at least,
/// and at most.
const RESERVE: [f64; 3] = [0.4, 0.1, 0.5];
/// The share of MAX_RUNTIME after which the final fits should be done, so that the model can be measured and stored.
pub(crate) const DONE: f64 = 0.9;
/// The number of members that the final fits are expected to have.
const EXPECTED_MEMBERS: f64 = 4.0;

/// What to search.
#[derive(Debug, Clone)]
pub struct SearchSpec {
    /// The algorithms that take part.
    pub algorithms: Vec<Arc<dyn Algorithm>>,
    /// The task.
    pub task: Task,
    /// The number of classes of a classification; 0 otherwise.
    pub num_classes: usize,
    /// What to strive for.
    pub objective: Objective,
    /// Whether two classes are told apart where F1 is highest instead of at one half.
    pub cuts_for_f1: bool,
    /// What the statement says of single columns.
    pub preprocessors: Preprocessors,
    /// How many candidates are tried if time does not end the search.
    pub max_candidates: usize,
    /// How long all of it may take.
    pub max_runtime: Option<Duration>,
}

impl SearchSpec {
    /// What the search makes small, see [`Objective::loss`].
    pub(crate) fn loss(&self, raw: &RawOutputs, target: &[f64]) -> Result<f64> {
        self.objective.loss(self.task, self.cuts_for_f1, raw, target)
    }

    /// The raw outputs of a model: one, or one per class of several.
    pub(crate) fn num_outputs(&self) -> usize {
        if self.task == Task::MulticlassClassification { self.num_classes } else { 1 }
    }
}

/// What a search found.
#[derive(Debug)]
pub struct Found {
    /// The name of the algorithm, or [`crate::ENSEMBLE`].
    pub algorithm: String,
    /// The hyperparameters of a single algorithm.
    pub options: BTreeMap<String, String>,
    /// From the user's columns to the features of the model.
    pub encoder: Encoder,
    /// The model.
    pub model: Arc<dyn Model>,
    /// The objective's metric, out of fold; none if there were too few rows to validate.
    pub validation_metric: Option<f64>,
    /// The rows that it was computed over.
    pub rows_validated: usize,
    /// Whether MAX_RUNTIME ended the search.
    pub stopped_early: bool,
    /// The candidates.
    pub trials: Vec<Trial>,
    /// The rounds of the most important member, on the first fold.
    pub rounds: Vec<RoundRecord>,
    /// What was decided and why, as keys and values.
    pub notes: Vec<(String, String)>,
}

/// A candidate and what is known of it.
pub(crate) struct Entry {
    pub(crate) candidate: Candidate,
    /// Raw outputs of each held-out fold.
    pub(crate) raw: Vec<Option<RawOutputs>>,
    /// The loss on the first fold after learning from few rows.
    quick: Option<f64>,
    /// Rounds of learning, a value per fold.
    pub(crate) rounds: Vec<usize>,
    /// The metrics of every round on the first fold.
    pub(crate) records: Vec<RoundRecord>,
    /// The loss on all folds that are held out, once it is known.
    loss: Option<f64>,
    pub(crate) seconds: f64,
    /// In that time; one that learned from fewer rows is a part of a fit.
    pub(crate) fits: f64,
    pub(crate) status: TrialStatus,
}

/// A search under way.
pub(crate) struct Search<'a> {
    pub(crate) spec: &'a SearchSpec,
    pub(crate) rows: SearchRows,
    pub(crate) division: Division,
    pub(crate) context: &'a dyn FitContext,
    pub(crate) started: Instant,
    pub(crate) entries: Vec<Entry>,
    cells: usize,
    /// Whether not all rows take part in the search.
    pub(crate) is_sampled: bool,
    /// The folds on which there is time for several candidates, by expectation, see [`affordable_folds`].
    affordable: f64,
    /// The share of MAX_RUNTIME that is kept for the final fits.
    reserve: f64,
    /// What was subtracted from targets, see [`crate::centre`].
    pub(crate) centre: f64,
    /// See [`Scale::curvature`].
    curvature: f64,
    /// See [`Scale::deviation`].
    deviation: f64,
    progress: Progress,
}

/// Searches. `profiles` says what the columns are, in the order of `fields`; `context` bears the seed and cancels.
#[expect(clippy::disallowed_methods, reason = "MAX_RUNTIME counts from here")]
pub fn search(
    spec: &SearchSpec,
    raw: &dyn RawRows,
    fields: &[&Field],
    profiles: &[ColumnProfile],
    context: &dyn FitContext,
) -> Result<Found> {
    let started = Instant::now();
    if spec.algorithms.is_empty() {
        return Err(Error::invalid("this session has no algorithm to search over; register xgboost or linear_learner"));
    }
    context.progress(0.0, "looking at the rows", None);
    let mut target = Vec::with_capacity(raw.num_rows());
    for block in raw.blocks() {
        context.checkpoint()?;
        target.extend(block?.target);
    }
    check_varies(spec.task, &target)?;
    let centre = centre(spec.task, &target);
    target.iter_mut().for_each(|y| *y -= centre);
    let raw: &dyn RawRows = &Centred { rows: raw, centre };
    let outputs = spec.num_outputs();
    let drawn = draw(spec, &target, fields.len(), context.seed());
    let num_rows = drawn.as_ref().map_or(target.len(), |drawn| drawn.count);
    let mut division = Division::of(num_rows);
    let mut affordable = f64::INFINITY;
    if let Some(runtime) = spec.max_runtime {
        let seconds = ((num_rows + ROWS_OF_A_TREE) * fields.len() * outputs) as f64 * SECONDS_PER_CELL / THREADS;
        division = division.within(runtime.as_secs_f64(), seconds, num_rows);
        affordable = affordable_folds(runtime.as_secs_f64(), seconds);
    }
    let folds = deal(&target, spec.task, division.folds, context.seed());
    let encoders = learn_encoders(spec, raw, fields, profiles, &folds, context)?;
    if encoders.iter().all(|(_, encoder)| encoder.encoder().feature_names().is_empty()) {
        return Err(Error::data(format!(
            "no column is left to learn from: {}; select columns that vary, and cast to FLOAT a number that is no identifier",
            profiles
                .iter()
                .map(|profile| format!("{} ({})", profile.name, profile.note))
                .collect::<Vec<_>>()
                .join(", ")
        )));
    }
    let mut rows = SearchRows::new(division.folds);
    match &drawn {
        None => rows.deal(raw, &folds, encoders, context)?,
        Some(drawn) => {
            let left_out = u8::MAX;
            let of_drawn = folds.iter().zip(&drawn.rows).map(|(fold, drawn)| if *drawn { *fold } else { left_out });
            rows.deal(raw, &of_drawn.collect::<Vec<u8>>(), encoders, context)?;
        }
    }
    let cells = rows.num_rows().saturating_mul(fields.len());
    let mut search = Search {
        spec,
        rows,
        division,
        context,
        started,
        entries: Vec::new(),
        cells,
        is_sampled: drawn.is_some(),
        affordable,
        reserve: RESERVE[0],
        centre,
        curvature: curvature(spec.task, &target, spec.num_classes),
        deviation: deviation(spec.task, &target),
        progress: Progress::default(),
    };
    search.run(target.len())?;
    if drawn.is_none() {
        search.deal_again(raw, &target, |folds| learn_encoders(spec, raw, fields, profiles, folds, context))?;
    }
    if search.is_over() {
        search.settle();
    }
    search.finish(raw, &folds, profiles)
}

/// Beyond this, doubles do not tell all integers apart.
const EXACT: f64 = (1u64 << 53) as f64;

/// The squares of greater numbers, summed, may be infinite.
const LARGEST: f64 = 1e145;

/// Fails if there is nothing to tell apart, or it is too large.
fn check_varies(task: Task, target: &[f64]) -> Result<()> {
    match target {
        [first, rest @ ..] if task == Task::Regression && rest.iter().all(|y| y == first) => Err(Error::data(format!(
            "the target is {first} in all of the {} rows to learn from{}, so that there is nothing to predict; \
             give rows in which it differs",
            target.len(),
            if first.abs() > EXACT { ", in double precision" } else { "" }
        ))),
        _ if task == Task::Regression && target.iter().any(|y| y.abs() > LARGEST) => Err(Error::data(
            "the target is too large for squared errors in double precision; scale it down in the query",
        )),
        _ => Ok(()),
    }
}

/// An encoder for every encoding that an algorithm asks for, learned from all rows.
fn learn_encoders(
    spec: &SearchSpec,
    raw: &dyn RawRows,
    fields: &[&Field],
    profiles: &[ColumnProfile],
    folds: &[u8],
    context: &dyn FitContext,
) -> Result<Vec<(Encoding, FoldEncoder)>> {
    let mut encodings: Vec<Encoding> = Vec::new();
    for algorithm in &spec.algorithms {
        if !encodings.contains(&algorithm.encoding()) {
            encodings.push(algorithm.encoding());
        }
    }
    let learned = run_all(
        encodings.len(),
        0,
        context.threads(),
        || false,
        |number, _| {
            let encoding = encodings[number];
            let (task, classes) = (spec.task, spec.num_classes);
            let mut builder = AutoEncoderBuilder::new(fields, encoding, &spec.preprocessors, profiles, task, classes)?;
            let mut first = 0;
            for block in raw.blocks() {
                context.checkpoint()?;
                let block = block?;
                builder.observe(&block.columns, &block.target, &folds[first..first + block.target.len()])?;
                first += block.target.len();
            }
            Ok((encoding, builder.finish()))
        },
    )?;
    learned.into_iter().flatten().collect()
}

impl Search<'_> {
    /// Tries candidates until there have been enough, or time is up.
    fn run(&mut self, raw_rows: usize) -> Result<()> {
        let names: Vec<&str> = self.spec.algorithms.iter().map(|algorithm| algorithm.name()).collect();
        let mut waiting = portfolio(&names, self.scale());
        let is_short = self.affordable < FOLDS_OF_SHORT_TIME;
        if is_short {
            // A linear model is there before boosting has learned anything, and that long before a network has.
            let dear = ["linear_learner", "xgboost", "mlp"];
            waiting.sort_by_key(|candidate| dear.iter().position(|algorithm| *algorithm == candidate.algorithm));
        }
        waiting.truncate(self.spec.max_candidates.max(1));
        if waiting.is_empty() {
            return Err(Error::invalid(format!("AUTO ON knows no candidates of {}", names.join(", "))));
        }
        let mut first = vec![waiting.remove(0)];
        if is_short && first[0].algorithm == "linear_learner" {
            let boosting = waiting.iter().position(|candidate| candidate.algorithm == "xgboost");
            first.extend(boosting.map(|place| waiting.remove(place)));
        }
        for candidate in first {
            self.validate_alone(candidate, raw_rows)?;
        }
        // The dear wait until the cheap are done, where they could take all of the time.
        for batch in waiting.chunk_by(|a, b| !is_short || a.algorithm == b.algorithm) {
            self.halve(batch.to_vec())?;
            self.expect(raw_rows)?;
        }
        let mut rng = ChaCha8Rng::seed_from_u64(self.context.seed().wrapping_add(1));
        while self.entries.len() < self.spec.max_candidates && !self.is_over() {
            let batch = self.proposals(&mut rng)?;
            if batch.is_empty() {
                break;
            }
            self.halve(batch)?;
            self.expect(raw_rows)?;
        }
        Ok(())
    }

    /// Validates a candidate on every fold, by itself, so that there is a model whatever comes of the others.
    fn validate_alone(&mut self, candidate: Candidate, raw_rows: usize) -> Result<()> {
        let alone = self.enter(vec![candidate]);
        self.progress.enter(&alone, 0, 1);
        self.climb(&alone, Rung::Folds(1))?;
        self.afford_folds(alone[0]);
        self.climb(&alone, Rung::Folds(self.division.held_out))?;
        self.keep_validated_folds(alone[0]);
        self.expect(raw_rows)
    }

    /// Keeps as much time for the final fits as those of the best candidates let expect.
    fn expect(&mut self, raw_rows: usize) -> Result<()> {
        let Some(runtime) = self.spec.max_runtime else { return Ok(()) };
        let best = self.ranking()?;
        let best = &best[..best.len().min(6)];
        let seconds: f64 = best.iter().map(|(number, _)| self.final_seconds(*number, raw_rows)).sum();
        if !best.is_empty() {
            let expected = seconds / best.len() as f64 * EXPECTED_MEMBERS * 1.3;
            self.reserve = (expected / runtime.as_secs_f64()).clamp(RESERVE[1], RESERVE[2]);
        }
        Ok(())
    }

    fn scale(&self) -> Scale {
        let dense = self.spec.algorithms.iter().find(|algorithm| algorithm.name() == "linear_learner");
        let encoding = dense.and_then(|algorithm| self.rows.encoding(algorithm.encoding()).ok());
        Scale {
            rows: self.rows.num_rows(),
            features: encoding.map_or(0, |encoding| self.rows.encoder(encoding).encoder().feature_names().len()),
            outputs: self.spec.num_outputs(),
            is_hasty: self.affordable < 1.0,
            curvature: self.curvature,
            deviation: self.deviation,
        }
    }

    /// When no new fit begins.
    fn search_deadline(&self) -> Option<Instant> {
        self.spec.max_runtime.map(|runtime| self.started + runtime.mul_f64(DONE - self.reserve))
    }

    /// Whether the time to search is up.
    #[expect(clippy::disallowed_methods, reason = "MAX_RUNTIME is compared with the clock")]
    pub(crate) fn is_over(&self) -> bool {
        self.search_deadline().is_some_and(|deadline| Instant::now() >= deadline)
    }

    fn enter(&mut self, candidates: Vec<Candidate>) -> Vec<usize> {
        let first = self.entries.len();
        self.entries.extend(candidates.into_iter().map(|candidate| Entry {
            candidate,
            raw: vec![None; usize::from(self.division.held_out)],
            quick: None,
            rounds: Vec::new(),
            records: Vec::new(),
            loss: None,
            seconds: 0.0,
            fits: 0.0,
            status: TrialStatus::Stopped,
        }));
        (first..self.entries.len()).collect()
    }

    /// The algorithm of a candidate.
    pub(crate) fn algorithm(&self, number: usize) -> &dyn Algorithm {
        let name = self.entries[number].candidate.algorithm;
        let found = self.spec.algorithms.iter().find(|algorithm| algorithm.name() == name);
        found.expect("candidates are of the algorithms that take part").as_ref()
    }

    /// The seed of a candidate's fit.
    pub(crate) fn seed(&self, number: usize, copy: u64) -> u64 {
        // Golden ratio steps keep seeds apart.
        self.context.seed().wrapping_add((number as u64 + 1 + (copy << 32)).wrapping_mul(0x9E37_79B9_7F4A_7C15)) >> 1
    }

    /// What a candidate lost on a rung, if it went through it.
    fn loss(&self, number: usize, rung: Rung) -> Result<Option<f64>> {
        let entry = &self.entries[number];
        match rung {
            Rung::Quick => Ok(entry.quick.filter(|loss| loss.is_finite())),
            Rung::Folds(before) => {
                let folds: Vec<u8> = (0..before).collect();
                self.raw(number, &folds).map(|raw| self.loss_of(Some(&raw), &folds)).transpose()
            }
        }
    }

    /// The raw outputs of a candidate on some folds, one after the other.
    pub(crate) fn raw(&self, number: usize, folds: &[u8]) -> Option<RawOutputs> {
        let mut all: Option<RawOutputs> = None;
        for fold in folds {
            let raw = self.entries[number].raw[usize::from(*fold)].as_ref()?;
            match &mut all {
                Some(all) => all.values.extend_from_slice(&raw.values),
                None => all = Some(raw.clone()),
            }
        }
        all
    }

    /// The targets of some folds, one after the other.
    pub(crate) fn target(&self, folds: &[u8]) -> Vec<f64> {
        folds.iter().flat_map(|fold| self.rows.target(*fold)).copied().collect()
    }

    fn loss_of(&self, raw: Option<&RawOutputs>, folds: &[u8]) -> Result<f64> {
        raw.map_or(Ok(f64::INFINITY), |raw| self.spec.loss(raw, &self.target(folds)))
    }

    /// The candidates that were validated on every fold, best first, each with its loss.
    pub(crate) fn ranking(&self) -> Result<Vec<(usize, f64)>> {
        self.ranking_by(&(0..self.division.held_out).collect::<Vec<_>>())
    }

    /// The candidates that were validated on all of some folds, by them, best first.
    pub(crate) fn ranking_by(&self, folds: &[u8]) -> Result<Vec<(usize, f64)>> {
        let is_all = folds.len() == usize::from(self.division.held_out);
        let mut ranking = Vec::new();
        for (number, entry) in self.entries.iter().enumerate() {
            if let Some(loss) = entry.loss.filter(|_| is_all) {
                ranking.push((number, loss));
            } else if let Some(raw) = self.raw(number, folds) {
                ranking.push((number, self.loss_of(Some(&raw), folds)?));
            }
        }
        ranking.sort_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)));
        Ok(ranking)
    }

    /// New candidates: of algorithms in the order of their best ones, more of the better.
    fn proposals(&self, rng: &mut ChaCha8Rng) -> Result<Vec<Candidate>> {
        let mut best: Vec<&Candidate> = Vec::new();
        for (number, _) in self.ranking()? {
            let candidate = &self.entries[number].candidate;
            if best.iter().all(|other| other.algorithm != candidate.algorithm) {
                best.push(candidate);
            }
        }
        let mut batch = Vec::new();
        let scale = self.scale();
        for (place, near) in best.iter().enumerate() {
            // Of six: three or more of the best algorithm, two of the second, one of the third.
            let wanted = [3, 2, 1].get(place).copied().unwrap_or(0);
            batch.extend((0..wanted).map(|_| propose(near.algorithm, Some(near), scale, rng)));
        }
        if let Some(near) = best.first() {
            while batch.len() < BATCH {
                batch.push(propose(near.algorithm, Some(near), scale, rng));
            }
        }
        batch.truncate(self.spec.max_candidates - self.entries.len());
        batch.shuffle(rng);
        Ok(batch)
    }
}
