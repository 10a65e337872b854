//! SHOW MODEL: Redshift ML's report, key by key.

use std::borrow::Cow;
use std::sync::Arc;

use chrono::DateTime;
use datafusion::arrow::array::{ArrayRef, RecordBatch, StringArray};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::utils::quote_identifier;
use datafusion::error::Result;
use datafusion_ml_core::metric_text;

use crate::background::{Training, TrainingStatus};
use crate::catalog::{ModelEntry, ModelName, SourceText, StatementReport};

/// Lists of names are broken into lines of this many characters.
const LINE_LENGTH: usize = 120;

/// The rows of a report.
#[derive(Default)]
struct Report {
    keys: Vec<String>,
    values: Vec<String>,
}

impl Report {
    fn row(&mut self, key: &str, value: impl Into<String>) {
        self.keys.push(key.to_owned());
        self.values.push(value.into());
    }

    fn optional(&mut self, key: &str, value: Option<impl ToString>) {
        if let Some(value) = value {
            self.row(key, value.to_string());
        }
    }

    /// A value per row, the key on the first only.
    fn rows(&mut self, key: &str, values: impl IntoIterator<Item = String>) {
        for (index, value) in values.into_iter().enumerate() {
            self.row(if index == 0 { key } else { "" }, value);
        }
    }

    fn heading(&mut self, key: &str) {
        self.row("", "");
        self.row(key, "");
    }

    /// Names and values under a heading, if there are any.
    fn group(&mut self, heading: &str, rows: &[(String, String)]) {
        if !rows.is_empty() {
            self.heading(heading);
        }
        for (name, value) in rows {
            self.row(name, value);
        }
    }

    fn into_batch(self) -> Result<RecordBatch> {
        two_columns(["Key", "Value"], self.keys, self.values)
    }
}

/// Who reads a report: only a model's owner is told where it lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reader {
    /// The owner of the model, or a superuser.
    Owner,
    /// Who may use it.
    Other,
}

/// `SHOW MODEL ALL`: columns `Schema Name` and `Model Name`.
pub(crate) fn show_all(names: Vec<&ModelName>) -> Result<RecordBatch> {
    let (schemas, models) = names.into_iter().map(|name| (name.schema.clone(), name.name.clone())).unzip();
    two_columns(["Schema Name", "Model Name"], schemas, models)
}

/// `SHOW MODEL name`: columns `Key` and `Value`, in Redshift's order, with what we know beyond it at the end of its group.
/// `training` is of the model that is to replace this one.
pub(crate) fn show(entry: &ModelEntry, training: Option<&Training>, reader: Reader) -> Result<RecordBatch> {
    let facts = &entry.report;
    let mut report = Report::default();
    report.origin(&entry.name, &entry.owner, entry.created_at);
    report.row("Model State", "READY");
    if facts.stopped_early {
        let status = if facts.auto { "MaxAutoMLJobRuntimeReached" } else { "MaxRuntimeReached" };
        report.row("Training Job Status", status);
    }
    for (name, value) in &facts.metrics {
        report.row(name, metric_text(*value));
    }
    report.row("Model Version", entry.version.to_string());
    report.row("Training Seconds", format!("{:.3}", facts.seconds));
    if let Some(training) = training {
        report.status("Replacement State", &training.status);
    }
    report.training_data(facts);
    report.row("Rows Used", facts.rows_used.to_string());
    report.parameters(facts);
    report.row(
        if facts.auto { "AutoML Job Name" } else { "Training Job Name" },
        format!("datafusion-ml-{}", &entry.artifact.digest[..entry.artifact.digest.len().min(16)]),
    );
    report.rows("Function Name", entry.functions().into_iter().map(|function| function.name));
    report.function(facts, reader);
    report.into_batch()
}

/// `SHOW MODEL name` of a model that is being trained, or could not be.
pub(crate) fn show_training(training: &Training, reader: Reader) -> Result<RecordBatch> {
    let Training { entry, status } = training;
    let mut report = Report::default();
    report.origin(&entry.name, &entry.owner, entry.created_at);
    report.status("Model State", status);
    report.training_data(&entry.report);
    report.parameters(&entry.report);
    report.row("Function Name", &entry.function.name);
    report.function(&entry.report, reader);
    report.into_batch()
}

/// The parts of a report.
impl Report {
    fn origin(&mut self, name: &ModelName, owner: &str, created_at: i64) {
        self.row("Model Name", &name.name);
        self.row("Schema Name", &name.schema);
        self.row("Owner", owner);
        let created = DateTime::from_timestamp(created_at, 0).unwrap_or_default();
        self.row("Creation Time", created.format("%a, %d.%m.%Y %H:%M:%S").to_string());
    }

    fn status(&mut self, key: &str, status: &TrainingStatus) {
        match (status.failure(), status) {
            (Some(reason), _) => {
                self.row(key, "FAILED");
                self.row("Failure Reason", reason);
            }
            (None, TrainingStatus::Running(Some(progress))) => {
                self.row(key, "TRAINING");
                self.row("Training Progress", progress.percent());
                self.row("Training Step", &progress.step);
                if let Some((name, value)) = &progress.metric {
                    self.row(name, metric_text(*value));
                }
            }
            (None, _) => self.row(key, "TRAINING"),
        }
    }

    fn training_data(&mut self, facts: &StatementReport) {
        self.heading("TRAINING DATA:");
        match &facts.source {
            SourceText::Table(name) => self.row("Table", name),
            SourceText::Query(text) => self.rows("Query", text.lines().map(upper_case)),
        }
        self.optional("Target Column", facts.target.as_deref().map(|target| upper_case(&quote_identifier(target))));
        self.row("Rows Read", facts.rows_read.to_string());
        self.optional("Rows Without Target", Some(facts.rows_without_target).filter(|rows| *rows > 0));
    }

    fn parameters(&mut self, facts: &StatementReport) {
        self.heading("PARAMETERS:");
        self.row("Model Type", &facts.model_type);
        self.row("Problem Type", &facts.problem_type);
        self.optional("Objective", facts.objective.as_ref());
    }

    fn function(&mut self, facts: &StatementReport, reader: Reader) {
        self.rows("Function Parameters", lines(facts.parameters.iter().map(|(name, _)| quote_identifier(name))));
        self.rows("Function Parameter Types", lines(facts.parameters.iter().map(|(_, data_type)| data_type.into())));
        self.optional("Function Return Type", Some(&facts.returns).filter(|returns| !returns.is_empty()));
        if reader == Reader::Owner {
            let role = facts.iam_role.as_deref();
            self.optional("IAM Role", role.map(|role| if role == "default" { "default-aws-iam-role" } else { role }));
            self.optional("S3 Bucket", facts.s3_bucket.as_ref());
            self.optional("KMS Key", facts.kms_key_id.as_ref());
        }
        self.optional("Tags", facts.tags.as_ref());
        self.optional("Max Cells", facts.max_cells);
        self.optional("Max Runtime", facts.max_runtime);
        self.group("HYPERPARAMETERS:", &facts.hyperparameters);
        self.group("SEARCH:", &facts.notes);
    }
}

/// Words on lines of about [`LINE_LENGTH`] characters.
fn lines<'a>(words: impl Iterator<Item = Cow<'a, str>>) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in words {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(&word),
            Some(line) if line.chars().count() + word.chars().count() < LINE_LENGTH => {
                line.push(' ');
                line.push_str(&word);
            }
            _ => lines.push(word.into_owned()),
        }
    }
    lines
}

/// Upper case outside of quotes.
fn upper_case(line: &str) -> String {
    let mut quote = None;
    line.chars()
        .map(|c| {
            match quote {
                Some(open) if c == open => quote = None,
                None if c == '\'' || c == '"' => quote = Some(c),
                _ => {}
            }
            if quote.is_some() { c } else { c.to_ascii_uppercase() }
        })
        .collect()
}

/// PostgreSQL's short name of a type.
pub(crate) fn postgres_type(data_type: &DataType) -> String {
    match data_type {
        DataType::Boolean => "bool",
        DataType::Int8 | DataType::Int16 | DataType::UInt8 => "int2",
        DataType::Int32 | DataType::UInt16 => "int4",
        DataType::Int64 | DataType::UInt32 => "int8",
        DataType::Float16 | DataType::Float32 => "float4",
        DataType::Float64 => "float8",
        DataType::UInt64
        | DataType::Decimal32(_, _)
        | DataType::Decimal64(_, _)
        | DataType::Decimal128(_, _)
        | DataType::Decimal256(_, _) => "numeric",
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Null => "varchar",
        DataType::Date32 | DataType::Date64 => "date",
        DataType::Time32(_) | DataType::Time64(_) => "time",
        DataType::Timestamp(_, None) => "timestamp",
        DataType::Timestamp(_, Some(_)) => "timestamptz",
        DataType::Dictionary(_, values) => return postgres_type(values),
        other => return other.to_string(),
    }
    .to_owned()
}

/// A batch of two text columns.
fn two_columns(names: [&str; 2], first: Vec<String>, second: Vec<String>) -> Result<RecordBatch> {
    let columns = [first, second].map(|column| Arc::new(StringArray::from(column)) as ArrayRef);
    Ok(RecordBatch::try_from_iter(names.into_iter().zip(columns))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_words_are_broken_into_lines() {
        let words = ["id", "My Column", &"x".repeat(200), "a", "b"];
        let quoted = lines(words.iter().map(|word| quote_identifier(word)));
        assert_eq!(quoted, ["id \"My Column\"", &"x".repeat(200), "a b"]);
        assert_eq!(lines(std::iter::empty()), [""]);
    }

    #[test]
    fn quoted_text_keeps_its_case() {
        assert_eq!(upper_case("where a = 'True.' and \"b\" > c"), "WHERE A = 'True.' AND \"b\" > C");
    }
}
