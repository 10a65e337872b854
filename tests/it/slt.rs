//! Runs `slt/*.slt`: what a user can type, and what is answered. Every file has a store of its own.
//!
//! Errors are compared by a regular expression. `UPDATE_SLT=1` writes the answers into the files.

use std::path::Path;

use async_trait::async_trait;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::error::DataFusionError;
use datafusion::sql::sqlparser::tokenizer::Location;
use datafusion_ml::{MlSession, find_error};
use sqllogictest::{
    AsyncDB, DBOutput, DefaultColumnType, Runner, default_column_validator, default_normalizer, default_validator,
};

use crate::support::{project_root, session};

/// A session as sqllogictest sees it.
struct Database(MlSession);

/// An error as the shell prints it.
#[derive(Debug)]
struct Shown(String);

impl std::fmt::Display for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Shown {}

impl From<DataFusionError> for Shown {
    fn from(error: DataFusionError) -> Self {
        Self(find_error(&error).map_or_else(|| error.strip_backtrace(), ToString::to_string))
    }
}

#[async_trait]
impl AsyncDB for Database {
    type Error = Shown;
    type ColumnType = DefaultColumnType;

    async fn run(&mut self, sql: &str) -> Result<DBOutput<DefaultColumnType>, Shown> {
        let frame = self.0.sql(sql).await?;
        let columns = frame.schema().fields().len();
        // What is found out with the rows only has its place, too.
        let start = Location { line: 1, column: 1 };
        let batches = frame.collect().await.map_err(|error| self.0.with_place(error, sql, start))?;
        if columns == 0 {
            return Ok(DBOutput::StatementComplete(0));
        }
        let mut rows = Vec::new();
        for batch in &batches {
            append_rows(batch, &mut rows)?;
        }
        Ok(DBOutput::Rows { types: vec![DefaultColumnType::Text; columns], rows })
    }

    async fn shutdown(&mut self) {}
}

fn append_rows(batch: &RecordBatch, rows: &mut Vec<Vec<String>>) -> Result<(), DataFusionError> {
    let options = FormatOptions::default().with_null("NULL");
    let columns = batch.columns().iter();
    let columns: Vec<_> =
        columns.map(|column| ArrayFormatter::try_new(column.as_ref(), &options)).collect::<Result<_, _>>()?;
    for row in 0..batch.num_rows() {
        let mut cells: Vec<String> = columns.iter().map(|column| cell(&column.value(row).to_string())).collect();
        if let [key, value] = cells.as_mut_slice()
            && ["Creation Time", "Training Seconds"].contains(&key.as_str())
        {
            "(varies)".clone_into(value);
        }
        rows.push(cells);
    }
    Ok(())
}

/// A cell on one line that is the same on every machine.
fn cell(text: &str) -> String {
    let root = project_root().canonicalize().unwrap();
    let root = root.to_string_lossy();
    match text {
        "" => "(empty)".to_owned(),
        text => {
            let lines: Vec<&str> = text.lines().map(str::trim).collect();
            lines.join(" / ").replace(root.trim_start_matches('/'), "project")
        }
    }
}

/// Runs a file over a store of its own, or writes the answers into it.
pub(crate) async fn run_file<F: Future<Output = MlSession>>(file: &Path, session: impl Fn(String) -> F) {
    let store = tempfile::tempdir().unwrap();
    let location = store.path().to_string_lossy().into_owned();
    let mut runner = Runner::new(|| async { Ok(Database(session(location.clone()).await)) });
    if std::env::var_os("UPDATE_SLT").is_some() {
        let updated =
            runner.update_test_file(file, "\t", default_validator, default_normalizer, default_column_validator);
        updated.await.unwrap();
    } else if let Err(error) = runner.run_file_async(file).await {
        panic!("{}: {error}", file.display());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_answer_as_the_slt_files_say() {
    let folder = project_root().join("tests/slt");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "slt"));
    files.sort();
    assert!(!files.is_empty());
    for file in files {
        run_file(&file, |location| async move { session(&location).await }).await;
    }
}
