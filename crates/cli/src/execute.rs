//! One statement: run it, print what it answers.

use std::time::Instant;

use datafusion::arrow::array::RecordBatch;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::memory_pool::MemoryConsumer;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::execute_stream;
use datafusion::prelude::DataFrame;
use datafusion::sql::parser::Statement as DFStatement;
use datafusion::sql::sqlparser::ast::Statement as SqlStatement;
use datafusion_cli::print_format::PrintFormat;
use datafusion_cli::print_options::{MaxRows, PrintOptions};
use datafusion_ml::sql::Statement;
use datafusion_ml::{MlSession, find_error};
use futures::StreamExt;

use crate::stores::register_stores;

/// A session and the way in which its answers are printed.
pub(crate) struct Shell {
    pub(crate) session: MlSession,
    pub(crate) print: PrintOptions,
}

impl Shell {
    /// Runs a statement and prints its answer.
    pub(crate) async fn execute(&self, statement: Statement) -> Result<()> {
        let started = Instant::now();
        register_stores(self.session.context(), &statement).await?;
        let shows_all = shows_all_rows(&statement);
        let frame = self.session.execute(statement).await?;
        let print = self.print_options(&frame, shows_all);
        self.print(frame, print, started).await
    }

    /// Prints a result; in table format no more rows than asked for are kept.
    async fn print(&self, frame: DataFrame, print: PrintOptions, started: Instant) -> Result<()> {
        let context = std::sync::Arc::new(frame.task_ctx());
        let format = context.session_config().options().format.clone();
        let plan = frame.create_physical_plan().await?;
        let schema = plan.schema();
        let kept_memory = MemoryConsumer::new("dfml").register(context.memory_pool());
        let limit = match print.maxrows {
            MaxRows::Limited(rows) if print.format == PrintFormat::Table => rows,
            _ => usize::MAX,
        };
        let mut stream = execute_stream(plan, context)?;
        let (mut batches, mut rows): (Vec<RecordBatch>, usize) = (Vec::new(), 0);
        while let Some(batch) = stream.next().await {
            let batch = batch?;
            if rows <= limit {
                kept_memory.try_grow(batch.get_array_memory_size())?;
                batches.push(batch.clone());
            }
            rows += batch.num_rows();
        }
        print.print_batches(schema, &batches, started.into(), rows, &format)
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

/// What a person reads of an error: ours as it is, others without the trace of calls.
pub(crate) fn message(error: &DataFusionError) -> String {
    match find_error(error) {
        Some(error) => error.to_string(),
        None => error.strip_backtrace(),
    }
}
