//! Checkpoints: the state after a commit, as bytes.
//!
//! A checkpoint is JSON, a value a line. The first line has the format, the trainings, tables, views and schemas, the second the index: for each
//! model its [`ModelKey`] and the number of bytes of its entry. The entries follow, a line each, in the order of the index. To open
//! ten thousand models is to parse two lines; entries are parsed one by one when they are used.
//!
//! Format 1 was one JSON object with all entries. Format 2 is written while there are no trainings, format 3 with them,
//! format 4 when there are tables, views or schemas, format 5 when there are users, groups, roles or grants, and
//! format 6 when a password has an end, or an IAM role is granted for a purpose.

use std::sync::Arc;

use bytes::Bytes;
use datafusion::error::Result;
use datafusion_ml_core::Error;
use serde::{Deserialize, Serialize};
use serde_json::Deserializer;

use super::access::{Access, AccessEntries};
use super::entry::{ModelEntry, ModelKey};
use super::folder::{FileKind, Folder, LogFile};
use super::indexed::IndexedEntry;
use super::relation::{RelationEntry, Relations, SchemaEntry};
use super::state::CatalogState;
use super::training::TrainingEntry;
use crate::error::external;

/// The first line.
#[derive(Serialize, Deserialize)]
struct Header {
    format_version: u64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    trainings: Vec<TrainingEntry>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    relations: Vec<RelationEntry>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    schemas: Vec<SchemaEntry>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    access: Option<AccessEntries>,
    /// The digest of the last commit that is in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_commit: Option<String>,
}

/// The content of a checkpoint of format 1.
#[derive(Deserialize)]
struct CheckpointV1 {
    models: Vec<ModelEntry>,
}

/// The bytes of the state.
pub(super) fn encode(state: &CatalogState) -> Result<Bytes> {
    let entries = state.models().map(|model| model.json()).collect::<Result<Vec<_>>>()?;
    let index: Vec<(&ModelKey, usize)> =
        state.models().map(|model| model.key()).zip(entries.iter().map(|json| json.len())).collect();
    let trainings: Vec<TrainingEntry> = state.trainings().map(|training| training.as_ref().clone()).collect();
    let relations: Vec<RelationEntry> = state.relations().map(|entry| entry.as_ref().clone()).collect();
    let schemas: Vec<SchemaEntry> = state.schemas().map(|entry| entry.as_ref().clone()).collect();
    let access = (!state.access().is_empty()).then(|| state.access().entries());
    let format_version = match (relations.is_empty() && schemas.is_empty(), trainings.is_empty()) {
        _ if state.access().needs_newest_format() => 6,
        _ if access.is_some() => 5,
        (true, true) => 2,
        (true, false) => 3,
        (false, _) => 4,
    };
    let last_commit = state.last_commit().map(str::to_owned);
    let header = Header { format_version, trainings, relations, schemas, access, last_commit };
    let failed = |e: serde_json::Error| external(Error::internal(e.to_string()));
    let mut bytes = serde_json::to_vec(&header).map_err(failed)?;
    bytes.push(b'\n');
    serde_json::to_writer(&mut bytes, &index).map_err(failed)?;
    bytes.push(b'\n');
    bytes.reserve_exact(entries.iter().map(|json| json.len() + 1).sum());
    for json in entries {
        bytes.extend_from_slice(&json);
        bytes.push(b'\n');
    }
    Ok(bytes.into())
}

/// The state in the bytes of a checkpoint. Fails if they are damaged, as far as that can be told from format, index and
/// length: entries are not looked into.
pub(super) fn decode(folder: &Folder, file: LogFile, bytes: &Bytes) -> Result<CatalogState> {
    folder.check_format(file, bytes)?;
    let content = match file.kind {
        FileKind::CheckpointV1 => decode_v1(bytes),
        _ => decode_lines(bytes, &folder.describe(file).into()),
    };
    let Content { last_commit, models, trainings, relations, access } =
        content.map_err(|e| folder.damaged(file, &e))?;
    Ok(CatalogState::new(file.version, last_commit, models, trainings, relations, access))
}

/// What a checkpoint holds, of any format.
struct Content {
    last_commit: Option<String>,
    models: Vec<IndexedEntry>,
    trainings: Vec<TrainingEntry>,
    relations: Relations,
    access: Access,
}

fn decode_v1(bytes: &[u8]) -> serde_json::Result<Content> {
    let checkpoint: CheckpointV1 = serde_json::from_slice(bytes)?;
    let models = checkpoint.models.into_iter().map(IndexedEntry::from).collect();
    let (trainings, relations, access) = Default::default();
    Ok(Content { last_commit: None, models, trainings, relations, access })
}

fn decode_lines(bytes: &Bytes, file: &Arc<str>) -> serde_json::Result<Content> {
    use serde::de::Error as _;
    let mut headers = Deserializer::from_slice(bytes).into_iter::<Header>();
    let header = headers.next().transpose()?.ok_or_else(|| serde_json::Error::custom("it has no format"))?;
    let rest = bytes.slice(headers.byte_offset()..);
    let mut index = Deserializer::from_slice(&rest).into_iter::<Vec<(ModelKey, usize)>>();
    let keys = index.next().transpose()?.ok_or_else(|| serde_json::Error::custom("it has no index"))?;
    let mut rest = rest.slice(index.byte_offset()..);
    let mut line = |len: usize| {
        let line = (rest.first() == Some(&b'\n') && rest.len() > len).then(|| rest.split_to(len + 1).slice(1..));
        line.ok_or_else(|| serde_json::Error::custom("it is shorter or longer than its index says"))
    };
    let models = keys
        .into_iter()
        .map(|(key, len)| Ok(IndexedEntry::stored(key, line(len)?, Arc::clone(file))))
        .collect::<serde_json::Result<_>>()?;
    line(0)?;
    let relations = Relations::new(header.relations, header.schemas);
    let access = header.access.map(Access::from).unwrap_or_default();
    let Header { last_commit, trainings, .. } = header;
    let content = Content { last_commit, models, trainings, relations, access };
    if rest.is_empty() { Ok(content) } else { Err(serde_json::Error::custom("it is longer than its index says")) }
}
