//! AUTO ON: the buffered rows go through a search.

use std::time::Instant;

use datafusion::arrow::datatypes::Field;
use datafusion_ml_auto::{Objective, RawBlock, RawRows, SearchSpec};
use datafusion_ml_core::encoder::ColumnProfile;
use datafusion_ml_core::{Error, FitContext, FittedModel, Importance, Manifest, Result, Target, TrainingLog, artifact};

use super::buffer::TrainingBuffer;
use super::context::SessionFitContext;
use super::fit::{AutoSearch, Ingested, Trained, TrainingSpec, evaluate, metric_rows, rows_up_to};
use super::rows::{RowFilter, TrainingRows, feature_columns, unseen_classes};

/// Finds a model.
#[expect(clippy::disallowed_methods, reason = "MAX_RUNTIME counts from here")]
pub(super) fn search(
    spec: &TrainingSpec,
    auto: &AutoSearch,
    ingested: &Ingested,
    profiles: &[ColumnProfile],
    mut context: SessionFitContext,
) -> Result<Trained> {
    let started = Instant::now();
    let Ingested { buffer, target, task, .. } = ingested;
    let (column, target) = target.as_ref().ok_or_else(|| Error::internal("AUTO ON without a target"))?;
    let schema = buffer.schema();
    let fields = schema.fields().iter().enumerate().filter(|(index, _)| index != column);
    let fields: Vec<&Field> = fields.map(|(_, field)| field.as_ref()).collect();
    let limit = spec.row_limit(fields.len() + 1);
    let filter = RowFilter::sample(spec.seed, buffer.num_rows(), limit);
    let rows = ChosenRows { buffer, column: *column, target, filter, num_rows: filter.count(buffer.num_rows()) };
    let unseen = unseen_classes(filter, buffer, *column, target)?;
    let objective = Objective::for_task(auto.objective.as_deref(), *task)?;
    let wanted = SearchSpec {
        algorithms: auto.algorithms.clone(),
        task: *task,
        num_classes: target.classes().len(),
        objective,
        // Labels are the more probable class, unless the statement says what they are for.
        cuts_for_f1: auto.objective.is_some() && objective == Objective::F1,
        preprocessors: spec.preprocessors.clone(),
        max_candidates: auto.max_candidates,
        max_runtime: spec.max_runtime,
    };
    let found = datafusion_ml_auto::search(&wanted, &rows, &fields, profiles, &context)?;

    // What is left of the time goes to measuring.
    context.progress(0.97, "measuring the model", None);
    context.set_deadline(spec.max_runtime.map(|runtime| started + runtime.mul_f64(0.97)));
    let metric = objective.metric(*task);
    let some_rows = |most| {
        let filter = rows_up_to(most, spec.seed, buffer.num_rows(), limit);
        TrainingRows::new(buffer, &found.encoder, Some((*column, target)), filter)
    };
    let train_metric = evaluate(found.model.as_ref(), &some_rows(metric_rows(wanted.num_classes)), metric, &context)?;
    let importance = Importance::of(found.model.as_ref(), &found.encoder, some_rows, &context)?;
    let manifest = Manifest {
        format_version: artifact::FORMAT_VERSION,
        algorithm: found.algorithm,
        task: *task,
        objective: Some(objective.name().to_owned()),
        options: found.options,
        seed: spec.seed,
        encoder: found.encoder,
        target: Some(target.clone()),
        rows_read: buffer.num_rows() as u64,
        rows_used: rows.num_rows as u64,
        rows_validated: found.rows_validated as u64,
        metric,
        train_metric,
        validation_metric: found.validation_metric,
        stopped_early: found.stopped_early,
        importance,
        scalars: Default::default(),
    };
    let mut notes = vec![("Problem Type Found".to_owned(), ingested.reason.clone())];
    if unseen > 0 {
        let classes = target.classes().len();
        let text = format!("{unseen} of {classes} have no row among those that MAX_CELLS allows");
        notes.push(("Classes Not Seen".to_owned(), text));
    }
    notes.extend(found.notes);
    let log = TrainingLog { rounds: found.rounds, trials: found.trials };
    Ok(Trained { model: FittedModel::new(manifest, found.model)?, log, notes })
}

/// The rows of a buffer that are used, as they came.
struct ChosenRows<'a> {
    buffer: &'a TrainingBuffer,
    /// The position of the target column.
    column: usize,
    target: &'a Target,
    filter: RowFilter,
    num_rows: usize,
}

impl RawRows for ChosenRows<'_> {
    fn num_rows(&self) -> usize {
        self.num_rows
    }

    fn blocks(&self) -> Box<dyn Iterator<Item = Result<RawBlock>> + Send + '_> {
        Box::new(self.filter.batches(self.buffer).map(|batch| {
            let batch = batch?;
            let target = self.target.encode(batch.column(self.column))?;
            Ok(RawBlock { columns: feature_columns(&batch, Some(self.column)), target })
        }))
    }
}
