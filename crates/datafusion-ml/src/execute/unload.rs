//! `UNLOAD`: DataFusion's COPY TO in Redshift's words.

use datafusion::datasource::listing::ListingTableUrl;
use datafusion::error::Result;
use datafusion::prelude::DataFrame;
use datafusion::sql::parser::{CopyToSource, CopyToStatement, Statement as DFStatement};
use datafusion::sql::sqlparser::ast::Value;

use super::{count_answer, notice_ignored, run_count};
use crate::error::invalid;
use crate::resolve::resolve;
use crate::session::MlSession;
use crate::sql::{Compression, Unload, UnloadFormat};
use crate::store::SourceFiles;

/// Writes the rows of a query into one file, or a folder for each value of the PARTITION BY columns.
pub(super) async fn execute(session: &MlSession, statement: Unload) -> Result<DataFrame> {
    let Unload {
        query, location, region, format, compression, null_as, partition_by, allow_overwrite, ignored, ..
    } = statement;
    let target = match partition_by.is_empty() {
        true => format!("{location}000{}", suffix(format, compression)),
        false => format!("{}/", location.trim_end_matches('/')),
    };
    let url = ListingTableUrl::parse(&target)?;
    let (runtime, stores) = (session.context().runtime_env(), session.shared.stores.as_ref());
    let files = SourceFiles::open(url, region.as_deref(), &runtime, stores).await?;
    if !allow_overwrite && files.exist().await? {
        return Err(invalid(format!("{target} exists already; add ALLOWOVERWRITE, or write to another place")));
    }
    let mut options: Vec<(String, Value)> = Vec::new();
    let mut option = |key: &str, value: String| {
        options.push((format!("format.{key}"), Value::SingleQuotedString(value)));
    };
    if let UnloadFormat::Text { delimiter, header } = format {
        option("delimiter", char::from(delimiter).to_string());
        option("has_header", header.to_string());
        if let Some(null) = null_as {
            option("null_value", null);
        }
    }
    match (format, compression) {
        (UnloadFormat::Parquet, Some(Compression::Zstd)) => option("compression", "zstd(3)".to_owned()),
        (UnloadFormat::Parquet, Some(other)) => {
            return Err(invalid(format!("{} beside PARQUET; leave it out, or write ZSTD", other.name())));
        }
        (_, Some(compression)) => option("compression", compression.name().to_lowercase()),
        (_, None) => {}
    }
    let stored_as = match format {
        UnloadFormat::Text { .. } => "CSV",
        UnloadFormat::Json => "JSON",
        UnloadFormat::Parquet => "PARQUET",
    };
    let mut copy = DFStatement::CopyTo(CopyToStatement {
        source: CopyToSource::Query(query),
        target,
        partitioned_by: partition_by.iter().map(|column| column.value.clone()).collect(),
        stored_as: Some(stored_as.to_owned()),
        options,
    });
    resolve(session, &mut copy, None).await?;
    let plan = session.plan(copy).await?;
    let count = run_count(session, plan).await?;
    notice_ignored(session, &ignored);
    count_answer(session, count)
}

fn suffix(format: UnloadFormat, compression: Option<Compression>) -> String {
    let end = match format {
        UnloadFormat::Text { .. } => ".csv",
        UnloadFormat::Json => ".json",
        UnloadFormat::Parquet => return ".parquet".to_owned(),
    };
    format!("{end}{}", compression.map_or("", Compression::suffix))
}
