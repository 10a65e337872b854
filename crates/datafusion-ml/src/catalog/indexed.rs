//! An entry as the state holds it: what it is found by is at hand, the rest is parsed when somebody asks for it.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use datafusion::error::Result;
use datafusion_ml_core::Error;

use super::entry::{ModelEntry, ModelKey, ModelName};
use super::folder::damaged;
use crate::error::external;

/// A model of the catalog: its key, and its entry on demand.
#[derive(Debug)]
pub struct IndexedEntry {
    key: ModelKey,
    body: Body,
}

#[derive(Debug)]
enum Body {
    Parsed(Arc<ModelEntry>),
    Stored {
        json: Bytes,
        /// The file that holds it, for messages.
        file: Arc<str>,
        parsed: OnceLock<Arc<ModelEntry>>,
    },
}

impl IndexedEntry {
    /// An entry of which only the key has been read from `file`.
    pub(super) fn stored(key: ModelKey, json: Bytes, file: Arc<str>) -> Self {
        Self { key, body: Body::Stored { json, file, parsed: OnceLock::new() } }
    }

    /// What the model is found by.
    pub fn key(&self) -> &ModelKey {
        &self.key
    }

    /// Schema and name.
    pub fn name(&self) -> &ModelName {
        &self.key.name
    }

    /// The entry, parsed on the first call. Fails if it is damaged; the error names the file.
    pub fn entry(&self) -> Result<&Arc<ModelEntry>> {
        let (json, file, parsed) = match &self.body {
            Body::Parsed(entry) => return Ok(entry),
            Body::Stored { json, file, parsed } => (json, file, parsed),
        };
        if let Some(entry) = parsed.get() {
            return Ok(entry);
        }
        let entry: ModelEntry = serde_json::from_slice(json).map_err(|e| damaged(file, &e))?;
        if entry.key() != self.key {
            return Err(damaged(file, &format!("the entry of model {} is that of {}", self.key.name, entry.name)));
        }
        Ok(parsed.get_or_init(|| Arc::new(entry)))
    }

    /// The entry as JSON on one line.
    pub(super) fn json(&self) -> Result<Cow<'_, [u8]>> {
        match &self.body {
            Body::Stored { json, .. } => Ok(Cow::Borrowed(json)),
            Body::Parsed(entry) => {
                serde_json::to_vec(entry).map(Cow::Owned).map_err(|e| external(Error::internal(e.to_string())))
            }
        }
    }
}

impl From<ModelEntry> for IndexedEntry {
    fn from(entry: ModelEntry) -> Self {
        Self { key: entry.key(), body: Body::Parsed(Arc::new(entry)) }
    }
}
