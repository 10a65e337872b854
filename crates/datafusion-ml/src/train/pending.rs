//! A fit that has its rows and has not begun.

use std::sync::Arc;

use datafusion::arrow::datatypes::Field;
use datafusion::common::exec_datafusion_err;
use datafusion::error::Result;
use datafusion::execution::TaskContext;
use datafusion_ml_core::Task;

use super::context::{CancelOnDrop, SessionFitContext, TrainingProgress};
use super::fit::{Ingested, Trained, TrainingSpec, fit};
use crate::error::external;

/// Rows that were inserted into a [`TrainingTable`](super::TrainingTable), with what is to be learned from them. They stay
/// reserved in the query's memory pool until this, or the fit, is done.
pub(crate) struct PendingFit {
    pub(super) spec: TrainingSpec,
    pub(super) ingested: Ingested,
    pub(super) context: Arc<TaskContext>,
}

impl PendingFit {
    /// What CREATE MODEL asks for.
    pub(crate) fn spec(&self) -> &TrainingSpec {
        &self.spec
    }

    /// What the model will answer, as the rows show.
    pub(crate) fn task(&self) -> Task {
        self.ingested.task
    }

    /// The number of rows that have a target.
    pub(crate) fn rows_with_target(&self) -> usize {
        self.ingested.buffer.num_rows()
    }

    /// The number of rows that have none and are left out.
    pub(crate) fn rows_without_target(&self) -> usize {
        self.ingested.rows_without_target
    }

    /// The columns that are learned from, in their order.
    pub(crate) fn features(&self) -> impl Iterator<Item = &Field> {
        let target = self.ingested.target.as_ref().map(|(column, _)| *column);
        let fields = self.ingested.buffer.schema().fields().iter().enumerate();
        fields.filter(move |(column, _)| Some(*column) != target).map(|(_, field)| field.as_ref())
    }

    /// Fits on a blocking thread. Dropping the future tells the thread to stop.
    pub(crate) async fn run(self, progress: Option<Arc<dyn TrainingProgress>>) -> Result<Trained> {
        let Self { spec, ingested, context } = self;
        let cancel = CancelOnDrop::default();
        let model = spec.model.clone();
        let fit_context =
            SessionFitContext::new(model.clone(), spec.seed, spec.threads, progress, &cancel, context.as_ref());
        tokio::task::spawn_blocking(move || fit(&spec, &ingested, fit_context))
            .await
            .map_err(|e| exec_datafusion_err!("training of model {model} ended abnormally: {e}"))?
            .map_err(external)
    }
}
