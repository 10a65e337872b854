//! One statement: run it, print what it answers.

use std::sync::Arc;
use std::time::Instant;

use datafusion::arrow::array::RecordBatch;
use datafusion::common::runtime::SpawnedTask;
use datafusion::config::Dialect;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::memory_pool::MemoryConsumer;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::common::spawn_buffered;
use datafusion::physical_plan::execute_stream;
use datafusion::physical_plan::spill::get_record_batch_memory_size;
use datafusion::prelude::DataFrame;
use datafusion::sql::parser::Statement as DFStatement;
use datafusion::sql::sqlparser::ast::Statement as SqlStatement;
use datafusion::sql::sqlparser::parser::ParserError;
use datafusion_cli::print_format::PrintFormat;
use datafusion_cli::print_options::{MaxRows, PrintOptions};
use datafusion_ml::sql::Statement;
use datafusion_ml::{MlSession, find_error, nested_as_json};
use futures::StreamExt;

use crate::notices::CollectedNotices;
use crate::progress::ProgressLine;
use crate::stores::register_stores;

/// A session and the way in which its answers are printed.
pub(crate) struct Shell {
    pub(crate) session: MlSession,
    pub(crate) print: PrintOptions,
    pub(crate) progress: Arc<ProgressLine>,
    pub(crate) notices: Arc<CollectedNotices>,
}

impl Shell {
    /// Runs a statement and prints its answer.
    #[expect(clippy::disallowed_methods, reason = "people are told how long it took")]
    pub(crate) async fn execute(&self, statement: Statement) -> Result<()> {
        let started = Instant::now();
        register_stores(self.session.context(), &statement).await?;
        let shows_all = shows_all_rows(&statement);
        let outcome = {
            let _shown = (!self.print.quiet).then(|| self.progress.show());
            let session = self.session.clone();
            // A task of its own: a computation that seldom yields must not keep Ctrl-C from being heard.
            let task = SpawnedTask::spawn(async move { session.execute(statement).await });
            task.join().await.map_err(|e| DataFusionError::ExecutionJoin(Box::new(e)))?
        };
        for notice in self.notices.take().iter().filter(|_| !self.print.quiet) {
            eprintln!("NOTICE: {notice}");
        }
        let frame = outcome?;
        let print = self.print_options(&frame, shows_all);
        let printed = self.print(frame, print, started).await;
        printed.and(self.session.flush_audit().await)
    }

    /// Waits for the models that are being trained in the background, and says so. Fails if one has failed.
    pub(crate) async fn finish_training(&self) -> Result<()> {
        let names = self.session.training_names();
        if !(names.is_empty() || self.print.quiet) {
            eprintln!("Waiting for models that are still being trained: {}; Ctrl-C cancels that.", names.join(", "));
        }
        self.session.finish_training().await
    }

    /// The same shell, printing however many rows there are.
    pub(crate) fn with_all_rows(&self) -> Self {
        Self {
            session: self.session.clone(),
            print: PrintOptions { maxrows: MaxRows::Unlimited, ..self.print.clone() },
            progress: Arc::clone(&self.progress),
            notices: Arc::clone(&self.notices),
        }
    }

    /// Prints a result: a table with no more rows than asked for, JSON as one array, other formats as rows arrive.
    async fn print(&self, frame: DataFrame, print: PrintOptions, started: Instant) -> Result<()> {
        let context = Arc::new(frame.task_ctx());
        let is_json = match print.format {
            PrintFormat::Csv | PrintFormat::Tsv => true,
            // As Redshift prints them.
            PrintFormat::Table => context.session_config().options().sql_parser.dialect == Dialect::Redshift,
            _ => false,
        };
        let (state, plan) = frame.into_parts();
        let frame = DataFrame::new(state, if is_json { nested_as_json(plan)? } else { plan });
        let format = context.session_config().options().format.clone();
        let plan = frame.create_physical_plan().await?;
        let schema = plan.schema();
        let kept_memory = MemoryConsumer::new("dfml").register(context.memory_pool());
        let mut stream = spawn_buffered(execute_stream(plan, context)?, 1);
        let limit = match (print.format, print.maxrows) {
            (PrintFormat::Csv | PrintFormat::Tsv | PrintFormat::NdJson, _) => {
                return print.print_stream(stream, started, &format).await;
            }
            (PrintFormat::Table, MaxRows::Limited(rows)) => rows,
            _ => usize::MAX,
        };
        let (mut batches, mut rows): (Vec<RecordBatch>, usize) = (Vec::new(), 0);
        while let Some(batch) = stream.next().await {
            let batch = batch?;
            let rows_before = rows;
            rows += batch.num_rows();
            if rows_before <= limit {
                kept_memory.try_grow(get_record_batch_memory_size(&batch))?;
                batches.push(batch);
            }
        }
        print.print_batches(schema, &batches, started, rows, &format)
    }

    fn print_options(&self, frame: &DataFrame, shows_all: bool) -> PrintOptions {
        let mut print = self.print.clone();
        if print.format == PrintFormat::Automatic {
            print.format = PrintFormat::Table;
        }
        let explains = matches!(
            frame.logical_plan(),
            LogicalPlan::Explain(_) | LogicalPlan::DescribeTable(_) | LogicalPlan::Analyze(_)
        );
        if shows_all || explains {
            print.maxrows = MaxRows::Unlimited;
        }
        print
    }
}

/// Whether the statement lists things, of which every one is wanted.
fn shows_all_rows(statement: &Statement) -> bool {
    match statement {
        Statement::ShowModel(_) => true,
        Statement::DataFusion(statement) => match statement.as_ref() {
            DFStatement::Statement(statement) => matches!(statement.as_ref(), SqlStatement::ShowVariable { .. }),
            _ => false,
        },
        _ => false,
    }
}

/// What a person reads of an error: ours as it is, others with the chain of their causes on one line, without names of
/// types and the trace of calls.
pub(crate) fn message(error: &DataFusionError) -> String {
    if let Some(error) = find_error(error) {
        return error.to_string();
    }
    match error {
        DataFusionError::SQL(error, _) => match error.as_ref() {
            ParserError::ParserError(text) | ParserError::TokenizerError(text) => without_trace(text),
            ParserError::RecursionLimitExceeded => "the statement is nested too deeply".to_owned(),
        },
        DataFusionError::Context(context, cause) => format!("{}: {}", without_trace(context), message(cause)),
        DataFusionError::Diagnostic(_, cause) => message(cause),
        DataFusionError::Shared(cause) => message(cause),
        DataFusionError::Collection(errors) => errors.iter().map(message).collect::<Vec<_>>().join("\n"),
        DataFusionError::Plan(text) | DataFusionError::Execution(text) | DataFusionError::Configuration(text) => {
            without_trace(text)
        }
        DataFusionError::ArrowError(error, _) => error.to_string(),
        DataFusionError::External(error) => error.to_string(),
        other => other.strip_backtrace(),
    }
}

fn without_trace(text: &str) -> String {
    text.split(DataFusionError::BACK_TRACE_SEP).next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_read_by_people() {
        let parse = DataFusionError::SQL(Box::new(ParserError::ParserError("Expected: an expression".into())), None);
        assert_eq!(message(&parse), "Expected: an expression");
        let plan = DataFusionError::Plan(format!("no table t{}0: main", DataFusionError::BACK_TRACE_SEP));
        assert_eq!(message(&plan.context("while planning")), "while planning: no table t");
    }
}
