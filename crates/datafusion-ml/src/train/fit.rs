//! Fitting: from buffered rows to a fitted model with its metrics.

use std::sync::Arc;
use std::time::{Duration, Instant};

use datafusion_ml_core::algorithm::FitRequest;
use datafusion_ml_core::encoder::ColumnProfile;
use datafusion_ml_core::target::TaskRule;
use datafusion_ml_core::{
    Algorithm, Encoder, Error, ErrorKind, FitContext, FittedModel, Importance, Manifest, Metric, Model, Options,
    Preprocessors, Result, Target, Task, TrainingData, TrainingLog, artifact,
};

use super::buffer::TrainingBuffer;
use super::context::SessionFitContext;
use super::rows::{Part, RowFilter, TrainingRows, unseen_classes};
use super::search::search;

/// The training metric is taken over at most this many rows, a seeded sample.
const METRIC_ROWS: usize = 100_000;

/// And, where there are many classes, at most over so many probabilities, but of so many rows at least.
const METRIC_OUTPUTS: usize = 20_000_000;
const LEAST_METRIC_ROWS: usize = 2_000;

/// With fewer rows than this none is held out.
const MIN_ROWS_TO_VALIDATE: usize = 25;

/// What CREATE MODEL asks for, parsed and checked.
#[derive(Debug, Clone)]
pub(crate) struct TrainingSpec {
    /// The model's name, for messages.
    pub(crate) model: String,
    pub(crate) learner: Learner,
    /// The target column, unless the task has none.
    pub(crate) target: Option<String>,
    /// The task as far as the statement says.
    pub(crate) task: Option<Task>,
    pub(crate) preprocessors: Preprocessors,
    pub(crate) seed: u64,
    pub(crate) threads: usize,
    /// MAX_CELLS.
    pub(crate) max_cells: Option<u64>,
    /// MAX_RUNTIME.
    pub(crate) max_runtime: Option<Duration>,
    pub(crate) validation_fraction: f64,
    pub(crate) refit_max_rows: usize,
    pub(crate) training_buffer_bytes: usize,
}

/// Who learns.
#[derive(Debug, Clone)]
pub(crate) enum Learner {
    /// AUTO OFF: the algorithm that the statement names.
    One(OneAlgorithm),
    /// AUTO ON: the best of what these algorithms learn.
    Search(AutoSearch),
}

/// One algorithm with its hyperparameters.
#[derive(Debug, Clone)]
pub(crate) struct OneAlgorithm {
    pub(crate) algorithm: Arc<dyn Algorithm>,
    pub(crate) objective: Option<String>,
    pub(crate) options: Options,
    /// The most classes there may be, if the statement says.
    pub(crate) max_classes: Option<usize>,
}

/// What the statement says of a search.
#[derive(Debug, Clone)]
pub(crate) struct AutoSearch {
    pub(crate) algorithms: Vec<Arc<dyn Algorithm>>,
    /// OBJECTIVE as written.
    pub(crate) objective: Option<String>,
    /// How many candidates are tried at most.
    pub(crate) max_candidates: usize,
}

impl TrainingSpec {
    /// How the task is found. A search looks at the values, too.
    pub(super) fn task_rule(&self) -> TaskRule {
        match (self.task, &self.learner) {
            (None, Learner::Search(_)) => TaskRule::ByValues,
            (task, _) => TaskRule::from(task),
        }
    }

    /// How many rows MAX_CELLS allows, if it is set.
    pub(super) fn row_limit(&self, num_columns: usize) -> Option<usize> {
        self.max_cells.map(|cells| (cells as usize / num_columns.max(1)).max(1))
    }
}

impl Learner {
    /// The algorithm's name, or `auto`.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::One(one) => one.algorithm.name(),
            Self::Search(_) => "auto",
        }
    }
}

/// What training gave.
#[derive(Debug)]
pub(crate) struct Trained {
    pub(crate) model: FittedModel,
    pub(crate) log: TrainingLog,
    /// What SHOW MODEL says of decisions that the statement left open.
    pub(crate) notes: Vec<(String, String)>,
}

/// What the stream left behind: the rows and what was learned of their columns.
pub(super) struct Ingested {
    pub(super) buffer: TrainingBuffer,
    pub(super) columns: Columns,
    /// How many rows had no target and are not among them.
    pub(super) rows_without_target: usize,
    /// Position of the target column, the target and the task.
    pub(super) target: Option<(usize, Target)>,
    pub(super) task: Task,
    /// Why it is that task.
    pub(super) reason: String,
}

/// What was learned of the feature columns.
pub(super) enum Columns {
    /// For the algorithm that the statement names.
    Encoded(Encoder),
    /// For a search, which encodes them itself.
    Profiled(Vec<ColumnProfile>),
}

/// Fits the model. Runs on a blocking thread.
pub(super) fn fit(spec: &TrainingSpec, ingested: &Ingested, context: SessionFitContext) -> Result<Trained> {
    match (&spec.learner, &ingested.columns) {
        (Learner::One(one), Columns::Encoded(encoder)) => fit_one(spec, one, ingested, encoder, context),
        (Learner::Search(auto), Columns::Profiled(profiles)) => search(spec, auto, ingested, profiles, context),
        _ => Err(Error::internal("the rows were read for another kind of training")),
    }
}

/// Fits the model: first, if rows are to be held out, one that does not see them and is measured on them; then the one
/// that is kept, on all rows.
#[expect(clippy::disallowed_methods, reason = "MAX_RUNTIME counts from here")]
fn fit_one(
    spec: &TrainingSpec,
    one: &OneAlgorithm,
    ingested: &Ingested,
    encoder: &Encoder,
    mut context: SessionFitContext,
) -> Result<Trained> {
    let Ingested { buffer, target, task, .. } = ingested;
    if encoder.feature_names().is_empty() {
        return Err(Error::data(format!(
            "no column is left to learn from: there is no value in {}; select columns that have values",
            encoder.column_names().collect::<Vec<_>>().join(", ")
        )));
    }
    let objective = objective(one, *task)?;
    let request = FitRequest {
        task: *task,
        num_classes: target.as_ref().map_or(0, |(_, target)| target.classes().len()),
        objective: objective.clone(),
        options: one.options.clone(),
    };
    check_classes(one, &request)?;
    let metric = one.algorithm.metric(&request)?;
    let limit = spec.row_limit(encoder.num_columns() + usize::from(target.is_some()));
    let sample = RowFilter::sample(spec.seed, buffer.num_rows(), limit);
    let rows = |filter| TrainingRows::new(buffer, encoder, target.as_ref().map(|(column, t)| (*column, t)), filter);
    let all = rows(sample);
    if let Some((column, target)) = target {
        unseen_classes(sample, buffer, *column, target)?;
    }
    let started = Instant::now();
    let deadline = |share: f64| spec.max_runtime.map(|runtime| started + runtime.mul_f64(share));

    let mut kept: Option<Arc<dyn Model>> = None;
    let mut rows_used = all.num_rows();
    let (mut rows_validated, mut validation_metric) = (0, None);
    let fraction = spec.validation_fraction;
    if fraction > 0.0 && task.has_target() && all.num_rows() >= MIN_ROWS_TO_VALIDATE {
        let (training, held_out) =
            (rows(sample.part(Part::Kept(fraction))), rows(sample.part(Part::HeldOut(fraction))));
        let refits = all.num_rows() <= spec.refit_max_rows;
        context.set_deadline(deadline(if refits { 0.5 } else { 1.0 }));
        if refits {
            context.set_stage("without the rows held out: ", 0.0..0.5);
        }
        match one.algorithm.fit(&training, &request, &context) {
            Ok(model) => {
                validation_metric =
                    Some(evaluate(model.as_ref(), &held_out, metric, &context)?).filter(|v| v.is_finite());
                rows_validated = held_out.num_rows();
                if !refits {
                    rows_used = training.num_rows();
                    kept = Some(model);
                }
            }
            // Too few rows are left to learn from: the model on all rows decides whether that is an error.
            Err(e) if e.kind() == ErrorKind::Data => {}
            Err(e) => return Err(e),
        }
        context.free();
    }
    let model = match kept {
        Some(model) => model,
        None => {
            context.set_deadline(deadline(1.0));
            context.forget_rounds();
            if rows_validated > 0 {
                context.set_stage("with all rows: ", 0.5..1.0);
            }
            one.algorithm.fit(&all, &request, &context)?
        }
    };
    let some_rows = |most| rows(rows_up_to(most, spec.seed, buffer.num_rows(), limit));
    let measured = some_rows(metric_rows(request.num_classes));
    let train_metric = evaluate(model.as_ref(), &measured, metric, &context)?;
    let importance = Importance::of(model.as_ref(), encoder, some_rows, &context)?;
    let manifest = Manifest {
        format_version: artifact::FORMAT_VERSION,
        algorithm: one.algorithm.name().to_owned(),
        task: *task,
        objective,
        options: one.options.to_text(),
        seed: spec.seed,
        encoder: encoder.clone(),
        target: target.as_ref().map(|(_, target)| target.clone()),
        rows_read: buffer.num_rows() as u64,
        rows_used: rows_used as u64,
        rows_validated: rows_validated as u64,
        metric,
        train_metric,
        validation_metric,
        stopped_early: model.stopped_early(),
        importance,
        scalars: Default::default(),
    };
    let log = TrainingLog { rounds: context.take_rounds(), trials: Vec::new() };
    Ok(Trained { model: FittedModel::new(manifest, model)?, log, notes: Vec::new() })
}

/// The objective that the statement names, or the algorithm's default for the task.
fn objective(one: &OneAlgorithm, task: Task) -> Result<Option<String>> {
    let objectives = one.algorithm.objectives();
    match &one.objective {
        Some(objective) => Ok(Some(objective.clone())),
        None if objectives.is_empty() => Ok(None),
        None => match objectives.iter().find(|(_, of)| *of == task) {
            Some((name, _)) => Ok(Some((*name).to_owned())),
            None => Err(Error::invalid(format!("{} has no objective for a {task}", one.algorithm.name()))),
        },
    }
}

fn check_classes(one: &OneAlgorithm, request: &FitRequest) -> Result<()> {
    match one.max_classes {
        Some(most) if request.num_classes > most => Err(Error::data(format!(
            "the target has {} classes, but NUM_CLASS is '{most}'; raise it to '{}'",
            request.num_classes, request.num_classes
        ))),
        _ => Ok(()),
    }
}

/// How many rows the training metric is taken over at most.
pub(super) fn metric_rows(num_classes: usize) -> usize {
    METRIC_ROWS.min((METRIC_OUTPUTS / num_classes.max(1)).max(LEAST_METRIC_ROWS))
}

/// So many random rows of those that MAX_CELLS allows, or all of these.
pub(super) fn rows_up_to(most: usize, seed: u64, num_rows: usize, limit: Option<usize>) -> RowFilter {
    RowFilter::sample(seed, num_rows, Some(limit.unwrap_or(most).min(most)))
}

/// The metric of a model on some rows.
pub(super) fn evaluate(
    model: &dyn Model,
    data: &dyn TrainingData,
    metric: Metric,
    context: &dyn FitContext,
) -> Result<f64> {
    let mut accumulator = metric.accumulator();
    for block in data.blocks() {
        context.checkpoint()?;
        let block = block?;
        accumulator.add(&model.predict(&block.features)?, &block.target)?;
    }
    Ok(accumulator.finish())
}
