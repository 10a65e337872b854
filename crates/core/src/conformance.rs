//! What every [`Algorithm`] promises, as one check that its author can run.
//!
//! [`check`] fits the algorithm to small generated tables for each of its tasks and panics with the rule that it broke.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use crate::algorithm::FitRequest;
use crate::encoder::MissingValues;
use crate::{
    Algorithm, Error, ErrorKind, Features, FitContext, InMemoryData, Model, OptionKind, Options, Prediction, Result,
    Task, TrainingBlock, TrainingData,
};

/// A fit with nothing around it: a seed, a number of threads, and, if wanted, an end.
#[derive(Debug)]
pub struct LocalContext {
    seed: u64,
    threads: usize,
    deadline: Option<Instant>,
    checkpoints_left: AtomicUsize,
}

impl LocalContext {
    /// A context of one seed and some threads.
    pub fn new(seed: u64, threads: usize) -> Self {
        Self { seed, threads, deadline: None, checkpoints_left: AtomicUsize::new(usize::MAX) }
    }

    /// The same, cancelled at the checkpoint after so many.
    pub fn cancelled_after(mut self, checkpoints: usize) -> Self {
        self.checkpoints_left = AtomicUsize::new(checkpoints);
        self
    }

    /// The same with a deadline.
    pub fn with_deadline(mut self, deadline: Instant) -> Self {
        self.deadline = Some(deadline);
        self
    }
}

impl FitContext for LocalContext {
    fn seed(&self) -> u64 {
        self.seed
    }

    fn threads(&self) -> usize {
        self.threads
    }

    fn progress(&self, done: f64, step: &str, _: Option<(&str, f64)>) {
        assert!((0.0..=1.0).contains(&done), "progress is from 0 to 1, not {done} (at {step})");
    }

    fn checkpoint(&self) -> Result<()> {
        let left = self.checkpoints_left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        if left.is_err() { Err(Error::cancelled()) } else { Ok(()) }
    }

    fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    fn reserve(&self, _: usize) -> Result<()> {
        Ok(())
    }
}

/// Checks every promise. `options` are those that have no default, as `k` of k-means.
///
/// # Panics
///
/// If a promise is broken; the message names it.
pub fn check(algorithm: &dyn Algorithm, options: &[(&str, &str)]) {
    option_ranges_are_enforced(algorithm, options);
    for task in algorithm.tasks() {
        let suite = Suite { algorithm, options, task: *task };
        suite.same_model_on_any_number_of_threads();
        suite.loaded_model_predicts_the_same();
        suite.probabilities_sum_to_one();
        suite.contributions_sum_to_the_raw_outputs();
        suite.cancelling_is_heeded();
        suite.a_deadline_in_the_past_is_heeded();
        suite.odd_data_gives_an_answer_or_an_error();
    }
}

/// A name, columns and a target.
type Case = (&'static str, Vec<Vec<f64>>, Vec<f64>);

/// An algorithm on one of its tasks.
struct Suite<'a> {
    algorithm: &'a dyn Algorithm,
    options: &'a [(&'a str, &'a str)],
    task: Task,
}

/// A small deterministic generator (Marsaglia, "Xorshift RNGs", 2003), numbers in [0, 1).
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }
}

impl Suite<'_> {
    /// Two blocks of rows whose target follows from the features.
    fn data(&self) -> InMemoryData {
        self.blocks(&[300, 211])
    }

    /// Blocks of so many rows each.
    fn blocks(&self, rows: &[usize]) -> InMemoryData {
        let mut noise = Noise(0x9E37_79B9_7F4A_7C15);
        let blocks = rows.iter().map(|rows| {
            let rows = *rows;
            let columns: Vec<Vec<f64>> =
                (0..4).map(|_| (0..rows).map(|_| noise.next() * 4.0 - 2.0).collect()).collect();
            let target = (0..rows).map(|row| self.target(columns[0][row] + 0.5 * columns[1][row])).collect();
            self.block(columns, target)
        });
        self.in_memory(blocks.collect(), 4)
    }

    fn target(&self, score: f64) -> f64 {
        match self.task {
            Task::Regression => 3.0 + score,
            Task::BinaryClassification => f64::from(u8::from(score > 0.3)),
            _ => f64::from(u8::from(score > -0.7)) + f64::from(u8::from(score > 0.7)),
        }
    }

    fn block(&self, columns: Vec<Vec<f64>>, target: Vec<f64>) -> TrainingBlock {
        let features = Features::from_f64(columns).expect("columns of one length");
        let target = if self.task.has_target() { target } else { Vec::new() };
        TrainingBlock::try_new(features, target).expect("a target per row")
    }

    fn in_memory(&self, blocks: Vec<TrainingBlock>, features: usize) -> InMemoryData {
        InMemoryData::new((0..features).map(|feature| format!("x{feature}")).collect(), blocks)
    }

    fn fit(&self, data: &dyn TrainingData, context: &dyn FitContext) -> Result<Arc<dyn Model>> {
        let objectives = self.algorithm.objectives();
        let request = FitRequest {
            task: self.task,
            num_classes: match self.task {
                Task::BinaryClassification => 2,
                Task::MulticlassClassification => 3,
                _ => 0,
            },
            objective: objectives.iter().find(|(_, task)| *task == self.task).map(|(name, _)| (*name).to_owned()),
            options: Options::parse(self.algorithm.options(), self.options.iter().copied())?,
        };
        self.algorithm.fit(data, &request, context)
    }

    fn fitted(&self) -> (InMemoryData, Arc<dyn Model>) {
        let data = self.data();
        let model = self.fit(&data, &LocalContext::new(7, 2)).unwrap_or_else(|e| self.broken("fits ordinary data", &e));
        (data, model)
    }

    fn predict(&self, model: &dyn Model, data: &InMemoryData) -> Vec<Prediction> {
        let blocks = data.blocks().map(|block| block.and_then(|block| model.predict(&block.features)));
        blocks.collect::<Result<_>>().unwrap_or_else(|e| self.broken("predicts ordinary data", &e))
    }

    fn broken(&self, rule: &str, found: &dyn std::fmt::Display) -> ! {
        panic!("{} ({}): {rule}: {found}", self.algorithm.name(), self.task)
    }

    /// On enough rows that it is worth an algorithm's while to share them out.
    fn same_model_on_any_number_of_threads(&self) {
        let data = self.blocks(&[8_192, 8_192, 8_192, 8_192, 3_000]);
        let mut models = [1, 2, 3].into_iter().map(|threads| {
            let model = self.fit(&data, &LocalContext::new(7, threads)).and_then(|model| model.parameters());
            model.unwrap_or_else(|e| self.broken("fits ordinary data", &e))
        });
        let first = models.next().expect("three numbers of threads");
        if let Some(other) = models.find(|other| *other != first) {
            self.broken("the same model, to the bit, on any number of threads", &format!("{:?}", other.scalars));
        }
    }

    fn loaded_model_predicts_the_same(&self) {
        let (data, model) = self.fitted();
        let parameters = model.parameters().unwrap_or_else(|e| self.broken("has parameters", &e));
        let loaded = self.algorithm.load(parameters).unwrap_or_else(|e| self.broken("loads what it gave", &e));
        if self.predict(loaded.as_ref(), &data) != self.predict(model.as_ref(), &data) {
            self.broken("load(parameters()) predicts the same, to the bit", &"it does not");
        }
    }

    fn probabilities_sum_to_one(&self) {
        let (data, model) = self.fitted();
        for prediction in self.predict(model.as_ref(), &data) {
            if let Prediction::Probabilities { num_classes, values, .. } = &prediction {
                let sums = values.chunks_exact(*num_classes).map(|row| row.iter().sum::<f64>());
                if let Some(sum) = sums.into_iter().find(|sum| (sum - 1.0).abs() > 1e-6) {
                    self.broken("probabilities sum to 1", &sum);
                }
            } else if self.task.is_classification() && prediction.classes().is_none() {
                self.broken("a classification predicts classes", &format!("{prediction:?}"));
            }
        }
    }

    /// They sum to the raw outputs, those of several classes up to a number that is the same for all classes of a row.
    fn contributions_sum_to_the_raw_outputs(&self) {
        let (data, model) = self.fitted();
        for block in data.blocks().flatten() {
            let (Ok(contributions), Ok(raw)) = (model.contributions(&block.features), model.raw(&block.features))
            else {
                return;
            };
            let outputs = contributions.num_outputs;
            let values = contributions.values.chunks_exact(contributions.num_features.max(1)).enumerate();
            let sums: Vec<f64> = values
                .map(|(index, values)| {
                    contributions.base_of(index / outputs, index % outputs) + values.iter().sum::<f64>()
                })
                .collect();
            if sums.len() != raw.values.len() || outputs != raw.num_outputs {
                self.broken("contributions have the outputs of the prediction", &outputs);
            }
            for (sums, raw) in sums.chunks_exact(outputs).zip(raw.values.chunks_exact(outputs)) {
                let common = if outputs == 1 { 0.0 } else { raw[0] - sums[0] };
                for (sum, raw) in sums.iter().zip(raw) {
                    let sum = sum + common;
                    // Beyond this, probabilities are rounded to 0 and 1.
                    if raw.abs() < 20.0 && (sum - raw).abs() > 1e-6 * (1.0 + raw.abs()) {
                        let found = format!("{sum} instead of {raw}");
                        self.broken("base and contributions sum to the raw prediction", &found);
                    }
                }
            }
        }
    }

    fn cancelling_is_heeded(&self) {
        for checkpoints in [0, 1] {
            let context = LocalContext::new(7, 2).cancelled_after(checkpoints);
            match self.fit(&self.data(), &context) {
                Err(e) if e.kind() == ErrorKind::Cancelled => {}
                Err(e) => self.broken("a cancelled fit says that it was cancelled", &e),
                Ok(_) => self.broken("a cancelled fit ends", &format!("it passed {checkpoints} checkpoints at most")),
            }
        }
    }

    #[expect(clippy::disallowed_methods, reason = "the promise is about the clock")]
    fn a_deadline_in_the_past_is_heeded(&self) {
        let context = LocalContext::new(7, 2).with_deadline(Instant::now());
        match self.fit(&self.data(), &context) {
            Ok(model) => drop(self.predict(model.as_ref(), &self.data())),
            Err(e) => self.broken("a deadline keeps the best so far", &e),
        }
    }

    fn odd_data_gives_an_answer_or_an_error(&self) {
        let keeps_missing = self.algorithm.encoding().missing == MissingValues::Keep;
        let rows = 40;
        let ramp = |factor: f64| -> Vec<f64> { (0..rows).map(|row| f64::from(row) * factor).collect() };
        let target: Vec<f64> = (0..rows).map(|row| self.target(f64::from(row % 5) - 2.0)).collect();
        let one = vec![target[0]];
        let missing = if keeps_missing { f64::NAN } else { 0.0 };
        let cases: [Case; 7] = [
            ("no row", vec![vec![], vec![]], vec![]),
            ("one row", vec![vec![1.0], vec![2.0]], one),
            ("constant columns", vec![vec![3.0; rows as usize], vec![0.0; rows as usize]], target.clone()),
            ("a column with nothing in it", vec![vec![missing; rows as usize], ramp(1.0)], target.clone()),
            ("one column", vec![ramp(0.5)], target.clone()),
            ("one class", vec![ramp(1.0), ramp(-2.0)], vec![0.0; rows as usize]),
            ("huge values", vec![ramp(1e300), ramp(1e-300)], target),
        ];
        for (name, columns, target) in cases {
            let (features, rows) = (columns.len(), columns[0].len());
            let data = self.in_memory(vec![self.block(columns, target)], features);
            let outcome = catch_unwind(AssertUnwindSafe(|| {
                let model = self.fit(&data, &LocalContext::new(7, 2))?;
                let block = data.blocks().next().transpose()?.ok_or_else(|| Error::internal("no block"))?;
                model.predict(&block.features)
            }));
            match outcome {
                Err(_) => self.broken("odd data gives no panic", &name),
                Ok(Err(e)) if matches!(e.kind(), ErrorKind::Data | ErrorKind::Invalid) => {}
                Ok(Err(e)) => self.broken("odd data gives an error of kind Data", &format!("{name}: {e}")),
                Ok(Ok(_)) if rows == 0 => self.broken("no rows are an error", &name),
                Ok(Ok(Prediction::Values(values) | Prediction::Probabilities { values, .. }))
                    if values.iter().any(|value| !value.is_finite()) =>
                {
                    self.broken("predictions are finite", &name);
                }
                Ok(Ok(_)) => {}
            }
        }
    }
}

fn option_ranges_are_enforced(algorithm: &dyn Algorithm, given: &[(&str, &str)]) {
    for spec in algorithm.options() {
        let outside = match spec.kind {
            OptionKind::Integer(low, high) => {
                [low.checked_sub(1), high.checked_add(1)].map(|v| v.map(|v| v.to_string()))
            }
            OptionKind::Float(low, high) => [low - 1.0, high + 1.0].map(|v| v.is_finite().then(|| v.to_string())),
            OptionKind::Choice(_) => [Some("none of these".to_owned()), None],
            OptionKind::Text => [None, None],
        };
        for text in outside.into_iter().flatten() {
            let others = given.iter().copied().filter(|(name, _)| *name != spec.name);
            let parsed = Options::parse(algorithm.options(), others.chain([(spec.name, text.as_str())]));
            let refused = parsed.is_err_and(|error| error.message().contains(spec.name));
            assert!(refused, "{}: option {} takes {text}, which is out of its range", algorithm.name(), spec.name);
        }
        assert!(!spec.doc.is_empty(), "{}: option {} has no doc", algorithm.name(), spec.name);
    }
    let parsed = Options::parse(algorithm.options(), given.iter().copied());
    assert!(parsed.is_ok(), "{}: its defaults are in range: {parsed:?}", algorithm.name());
}
