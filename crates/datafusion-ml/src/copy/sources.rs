//! The files that COPY reads.

use datafusion::datasource::listing::ListingTableUrl;
use datafusion::error::Result;
use futures::TryStreamExt;
use serde::Deserialize;

use super::json_paths::JsonPath;
use crate::catalog::Purpose;
use crate::error::invalid;
use crate::execute::StatementRole;
use crate::session::MlSession;
use crate::sql::{Copy, CopyFormat, JsonColumns};
use crate::store::{SourceFile, SourceFiles, StoreOptions};

/// A list of files, as UNLOAD writes it, too.
#[derive(Deserialize)]
struct Manifest {
    entries: Vec<ManifestEntry>,
}

#[derive(Deserialize)]
struct ManifestEntry {
    url: String,
    /// Whether it is an error if there is no such file.
    #[serde(default)]
    mandatory: bool,
}

/// The files with rows in them. Empty ones are told of. Fails if there are no files.
pub(super) async fn files(session: &MlSession, statement: &Copy) -> Result<Vec<SourceFile>> {
    let location = &statement.location;
    let mut found = list(session, statement, location).await?;
    if statement.options.manifest {
        let text = read_one(&found, location).await?;
        let manifest: Manifest = serde_json::from_slice(&text).map_err(|e| {
            invalid(format!(
                "manifest {location}: {e}; it looks like {{\"entries\": [{{\"url\": \"s3://bucket/file\"}}]}}"
            ))
        })?;
        found.clear();
        for entry in manifest.entries {
            let files = list(session, statement, &entry.url).await?;
            if files.is_empty() && entry.mandatory {
                return Err(invalid(format!("there is no file {}, which manifest {location} wants", entry.url)));
            }
            found.extend(files);
        }
    }
    if found.is_empty() {
        return Err(invalid(format!("there are no files at {location}; check the place")));
    }
    for file in found.iter().filter(|file| file.is_empty()) {
        session.notice(&format!("file {} has 0 bytes, so nothing is loaded from it", file.name()));
    }
    found.retain(|file| !file.is_empty());
    Ok(found)
}

/// Where in a JSON object the values of so many columns are; none if the columns' names say it.
pub(super) async fn json_paths(session: &MlSession, statement: &Copy, columns: usize) -> Result<Vec<JsonPath>> {
    let wrong_number = |paths: usize| {
        invalid(format!(
            "{paths} JSON paths where {columns} columns are loaded; name as many columns: COPY {} (column, ...) FROM ...",
            statement.table
        ))
    };
    let paths = match &statement.options.format {
        CopyFormat::Json(JsonColumns::Whole) => vec![JsonPath::root()],
        CopyFormat::Json(JsonColumns::Paths(file)) => {
            let text = read_one(&list(session, statement, file).await?, file).await?;
            JsonPath::read_file(file, &text)?
        }
        _ => return Ok(Vec::new()),
    };
    if paths.len() == columns { Ok(paths) } else { Err(wrong_number(paths.len())) }
}

async fn list(session: &MlSession, statement: &Copy, location: &str) -> Result<Vec<SourceFile>> {
    let (runtime, stores) = (session.context().runtime_env(), session.shared.stores.as_ref());
    let url = ListingTableUrl::parse(location)?;
    let guard = &session.shared.guard;
    guard.check_files(url.get_url(), Purpose::Copy)?;
    let options = StoreOptions {
        region: statement.options.region.clone(),
        iam_role: StatementRole::current_arn(),
        ..StoreOptions::default()
    };
    let files = SourceFiles::open(url, &options, &runtime, stores).await?.list().await?;
    // What is named is the beginning of names, and may be that of the store's.
    for file in &files {
        guard.check_files(file.url()?.get_url(), Purpose::Copy)?;
    }
    Ok(files)
}

/// The content of what must be one file.
async fn read_one(files: &[SourceFile], location: &str) -> Result<Vec<u8>> {
    let [file] = files else {
        return Err(invalid(format!("{location} is not the name of one file; check the place")));
    };
    let mut content = file.read(None).await?;
    let mut bytes = Vec::new();
    while let Some(piece) = content.try_next().await? {
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}
