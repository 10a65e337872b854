//! `UNLOAD`: DataFusion's COPY TO in Redshift's words.

mod text;

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::Column;
use datafusion::datasource::listing::ListingTableUrl;
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, ScalarUDF, cast};
use datafusion::prelude::DataFrame;
use datafusion::sql::parser::{CopyToSource, CopyToStatement, Statement as DFStatement};
use datafusion::sql::sqlparser::ast::Value;
use serde_json::json;

use self::text::UnloadText;
use super::role::{StatementRole, places, state_with_role, with_iam_role};
use super::{count_answer, notice_ignored, run_count};
use crate::catalog::Purpose;
use crate::error::invalid;
use crate::resolve::resolve;
use crate::session::MlSession;
use crate::sql::{Compression, Unload, UnloadFormat};
use crate::store::{SourceFile, SourceFiles, StoreOptions};

/// Writes the rows of a query into one file, or a folder for each value of the PARTITION BY columns.
pub(super) async fn execute(session: &MlSession, statement: Unload) -> Result<DataFrame> {
    let role = statement.iam_role.clone();
    with_iam_role(session, role.as_ref(), Purpose::Unload, Box::pin(unload(session, statement))).await
}

async fn unload(session: &MlSession, statement: Unload) -> Result<DataFrame> {
    let target = match statement.partition_by.is_empty() {
        true => format!("{}000{}", statement.location, suffix(&statement)),
        false => format!("{}/", statement.location.trim_end_matches('/')),
    };
    let files = open(session, &statement, &target).await?;
    let manifest = match statement.manifest {
        true => Some(open(session, &statement, &format!("{}manifest", statement.location)).await?),
        false => None,
    };
    let options = options(&statement)?;
    let Unload { query, format, null_as, partition_by, ignored, .. } = statement;
    let stored_as = match format {
        UnloadFormat::Csv { .. } | UnloadFormat::Text { .. } => "CSV",
        UnloadFormat::Json => "JSON",
        UnloadFormat::Parquet => "PARQUET",
    };
    let partitioned_by: Vec<String> = partition_by.iter().map(|column| column.value.clone()).collect();
    let mut copy = DFStatement::CopyTo(CopyToStatement {
        source: CopyToSource::Query(query),
        target,
        partitioned_by: partitioned_by.clone(),
        stored_as: Some(stored_as.to_owned()),
        options,
    });
    resolve(session, &mut copy, None).await?;
    let mut plan = session.plan(copy).await?;
    if let (LogicalPlan::Copy(copy), UnloadFormat::Text { delimiter, quotes, escape, .. }) = (&mut plan, format) {
        let null = null_as.unwrap_or_default();
        let kept = partitioned_by.as_slice();
        copy.input = as_texts(&copy.input, kept, &|column, is_alone| {
            UnloadText::new(column, delimiter, quotes, escape, &null, is_alone)
        })?;
    }
    let state = state_with_role(session.context().state(), &places(session, &plan)?).await?;
    let before = files.list().await?;
    let count = match run_count(state, plan).await {
        Ok(count) => count,
        Err(error) => {
            // What has been written is not all; the reason is of more use than that it cannot be deleted.
            let _ = files.delete_written(&before).await;
            return Err(error);
        }
    };
    if let Some(manifest) = manifest {
        let urls = files.list().await?.iter().map(SourceFile::url).collect::<Result<Vec<_>>>()?;
        let entries: Vec<_> = urls.iter().map(|url| json!({"url": url.to_string(), "mandatory": true})).collect();
        manifest.write(json!({ "entries": entries }).to_string().into()).await?;
    }
    notice_ignored(session, &ignored);
    count_answer(session, count)
}

/// What is to be written. Fails if it is there already, and is not to be overwritten.
async fn open(session: &MlSession, statement: &Unload, target: &str) -> Result<SourceFiles> {
    let url = ListingTableUrl::parse(target)?;
    session.shared.guard.check_files(url.get_url(), Purpose::Unload)?;
    let (runtime, stores) = (session.context().runtime_env(), session.shared.stores.as_ref());
    let options = StoreOptions {
        region: statement.region.clone(),
        iam_role: StatementRole::current_arn(),
        ..StoreOptions::default()
    };
    let files = SourceFiles::open(url, &options, &runtime, stores).await?;
    match !statement.allow_overwrite && files.exist().await? {
        true => Err(invalid(format!("{target} exists already; add ALLOWOVERWRITE, or write to another place"))),
        false => Ok(files),
    }
}

/// The options of COPY TO.
fn options(statement: &Unload) -> Result<Vec<(String, Value)>> {
    let mut options: Vec<(String, Value)> = Vec::new();
    let mut option = |key: &str, value: String| options.push((key.to_owned(), Value::SingleQuotedString(value)));
    if let UnloadFormat::Csv { delimiter, header } | UnloadFormat::Text { delimiter, header, .. } = statement.format {
        option("format.delimiter", char::from(delimiter).to_string());
        option("format.has_header", header.to_string());
        if let Some(null) = &statement.null_as {
            option("format.null_value", null.clone());
        }
    }
    if matches!(statement.format, UnloadFormat::Text { .. }) {
        option("format.quote_style", "Never".to_owned());
    }
    match (statement.format, statement.compression) {
        (UnloadFormat::Parquet, Some(Compression::Zstd)) => option("format.compression", "zstd(3)".to_owned()),
        (UnloadFormat::Parquet, Some(other)) => {
            return Err(invalid(format!("{} beside PARQUET; leave it out, or write ZSTD", other.name())));
        }
        (_, Some(compression)) => option("format.compression", compression.name().to_lowercase()),
        (_, None) => {}
    }
    if statement.include_partitions {
        option("execution.keep_partition_by_columns", "true".to_owned());
    }
    Ok(options)
}

/// The rows with every column but `kept` as the text that `function` makes of it.
fn as_texts(
    rows: &Arc<LogicalPlan>,
    kept: &[String],
    function: &dyn Fn(&str, bool) -> UnloadText,
) -> Result<Arc<LogicalPlan>> {
    let columns: Vec<Column> = rows.schema().columns();
    let is_alone = columns.len() - kept.len() == 1;
    let texts = columns.into_iter().map(|column| {
        let name = column.name.clone();
        if kept.contains(&name) {
            return Expr::Column(column);
        }
        let table = column.relation.clone();
        let text = ScalarUDF::from(function(&name, is_alone)).call(vec![cast(Expr::Column(column), DataType::Utf8)]);
        text.alias_qualified(table, name)
    });
    let texts: Vec<Expr> = texts.collect();
    LogicalPlanBuilder::from(rows.as_ref().clone()).project(texts)?.build().map(Arc::new)
}

fn suffix(statement: &Unload) -> String {
    if let Some(extension) = &statement.extension {
        return format!(".{extension}");
    }
    let end = match statement.format {
        UnloadFormat::Csv { .. } => ".csv",
        UnloadFormat::Text { .. } => ".txt",
        UnloadFormat::Json => ".json",
        UnloadFormat::Parquet => return ".parquet".to_owned(),
    };
    format!("{end}{}", statement.compression.map_or("", Compression::suffix))
}
