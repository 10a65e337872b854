//! SHOW MODEL: Redshift ML's report, key by key.

use std::sync::Arc;

use chrono::DateTime;
use datafusion::arrow::array::{ArrayRef, RecordBatch, StringArray};
use datafusion::arrow::datatypes::DataType;
use datafusion::error::Result;

use crate::catalog::{CatalogState, IndexedEntry, ModelEntry, SourceText};

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

    fn into_batch(self) -> Result<RecordBatch> {
        two_columns(["Key", "Value"], self.keys, self.values)
    }
}

/// `SHOW MODEL ALL`: columns `Schema Name` and `Model Name`.
pub(crate) fn show_all(state: &CatalogState) -> Result<RecordBatch> {
    let names = state.models().map(IndexedEntry::name);
    let (schemas, models) = names.map(|name| (name.schema.clone(), name.name.clone())).unzip();
    two_columns(["Schema Name", "Model Name"], schemas, models)
}

/// `SHOW MODEL name`: columns `Key` and `Value`, in Redshift's order, with what we know beyond it at the end of its group.
pub(crate) fn show(entry: &ModelEntry) -> Result<RecordBatch> {
    let facts = &entry.report;
    let mut report = Report::default();
    report.row("Model Name", &entry.name.name);
    report.row("Schema Name", &entry.name.schema);
    report.row("Owner", &entry.owner);
    let created = DateTime::from_timestamp(entry.created_at, 0).unwrap_or_default();
    report.row("Creation Time", created.format("%a, %d.%m.%Y %H:%M:%S").to_string());
    report.row("Model State", "READY");
    if facts.stopped_early {
        let status = if facts.auto { "MaxAutoMLJobRuntimeReached" } else { "MaxRuntimeReached" };
        report.row("Training Job Status", status);
    }
    for (name, value) in &facts.metrics {
        report.row(name, format!("{value:.6}"));
    }
    report.row("Model Version", entry.version.to_string());
    report.row("Training Seconds", format!("{:.3}", facts.seconds));
    report.heading("TRAINING DATA:");
    match &facts.source {
        SourceText::Table(name) => report.row("Table", name),
        SourceText::Query(text) => report.rows("Query", text.lines().map(upper_case)),
    }
    report.optional("Target Column", facts.target.as_ref().map(|target| target.to_uppercase()));
    report.row("Rows Read", facts.rows_read.to_string());
    report.row("Rows Used", facts.rows_used.to_string());
    report.heading("PARAMETERS:");
    report.row("Model Type", &facts.model_type);
    report.row("Problem Type", &facts.problem_type);
    report.optional("Objective", facts.objective.as_ref());
    report.row(
        if facts.auto { "AutoML Job Name" } else { "Training Job Name" },
        format!("datafusion-ml-{}", &entry.artifact.digest[..entry.artifact.digest.len().min(16)]),
    );
    report.rows("Function Name", entry.functions().into_iter().map(|function| function.name));
    let (names, types): (Vec<&str>, Vec<&str>) = facts.parameters.iter().map(|(n, t)| (n.as_str(), t.as_str())).unzip();
    report.row("Function Parameters", names.join(" "));
    report.row("Function Parameter Types", types.join(" "));
    report.row("Function Return Type", &facts.returns);
    report.optional("IAM Role", facts.iam_role.as_ref());
    report.optional("S3 Bucket", facts.s3_bucket.as_ref());
    report.optional("KMS Key", facts.kms_key_id.as_ref());
    report.optional("Tags", facts.tags.as_ref());
    report.optional("Max Cells", facts.max_cells);
    report.optional("Max Runtime", facts.max_runtime);
    if !facts.hyperparameters.is_empty() {
        report.heading("HYPERPARAMETERS:");
        for (name, value) in &facts.hyperparameters {
            report.row(name, value);
        }
    }
    if !facts.notes.is_empty() {
        report.heading("SEARCH:");
        for (key, value) in &facts.notes {
            report.row(key, value);
        }
    }
    report.into_batch()
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
    fn quoted_text_keeps_its_case() {
        assert_eq!(upper_case("where a = 'True.' and \"b\" > c"), "WHERE A = 'True.' AND \"b\" > C");
    }
}
