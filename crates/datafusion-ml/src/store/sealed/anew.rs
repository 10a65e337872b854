//! Sealing objects anew with another key, each in its place.

use std::sync::Arc;

use bytes::Bytes;
use futures::TryStreamExt;
use object_store::buffered::BufWriter;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt, Result};
use tokio::io::AsyncWriteExt;

use super::segments::key_id_of;
use super::{SealedStore, SealingKeys, failed};
use crate::store::hex;

/// So many bytes tell whether an object is sealed, and with which key.
const HEAD: u64 = 32;

/// What becomes of objects that are not sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unsealed {
    /// They are an error: who can write the files of a sealed store but has no key may have put them there.
    Refuse,
    /// They are sealed.
    Seal,
}

/// A folder in which objects are sealed anew.
pub(in crate::store) struct Sealing<T> {
    sealed: Arc<SealedStore<T>>,
    first: String,
    unsealed: Unsealed,
}

impl<T: ObjectStore> Sealing<T> {
    /// Seals with the first of the keys what is in the folder `inner`.
    pub(in crate::store) fn new(inner: T, keys: SealingKeys, unsealed: Unsealed) -> Self {
        let first = hex(&keys.first());
        Self { sealed: Arc::new(SealedStore::new(inner, keys)), first, unsealed }
    }

    /// The objects whose names begin so, with their sizes as they are in the store.
    pub(in crate::store) async fn list(&self, prefix: &Path) -> Result<Vec<ObjectMeta>> {
        match self.sealed.inner.list(Some(prefix)).try_collect().await {
            Err(object_store::Error::NotFound { .. }) => Ok(Vec::new()),
            listed => listed,
        }
    }

    /// The folders in a folder.
    pub(in crate::store) async fn folders(&self, prefix: &Path) -> Result<Vec<Path>> {
        match self.sealed.inner.list_with_delimiter(Some(prefix)).await {
            Ok(listed) => Ok(listed.common_prefixes),
            Err(object_store::Error::NotFound { .. }) => Ok(Vec::new()),
            Err(e) => Err(e),
        }
    }

    /// Seals one object, unless the first key did; false if that is so, or if the object is gone. What is there is taken the
    /// place of as a whole, so a reader, and whoever comes after one that was killed, finds the one or the other.
    pub(in crate::store) async fn seal(&self, location: &Path) -> Result<bool> {
        match self.try_seal(location).await {
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            sealed => sealed,
        }
    }

    async fn try_seal(&self, location: &Path) -> Result<bool> {
        let size = self.sealed.inner.head(location).await?.size;
        let head = match size {
            0 => Bytes::new(),
            _ => self.sealed.inner.get_range(location, 0..size.min(HEAD)).await?,
        };
        let object = match (key_id_of(&head), self.unsealed) {
            (Some(key), _) if key == self.first => return Ok(false),
            (Some(_), _) => self.sealed.get(location).await?,
            (None, Unsealed::Seal) => self.sealed.inner.get(location).await?,
            (None, Unsealed::Refuse) => {
                return Err(failed(format!(
                    "{location} is not sealed, and in a sealed store everything is; if the store was begun without a key, \
                     seal it with --seal, else whoever can write its files may have put this one there: delete it"
                )));
            }
        };
        let mut plain = object.into_stream();
        let mut writer = BufWriter::new(Arc::clone(&self.sealed) as Arc<dyn ObjectStore>, location.clone());
        let written = async {
            while let Some(bytes) = plain.try_next().await? {
                writer.put(bytes).await?;
            }
            writer.shutdown().await.map_err(|e| e.downcast().unwrap_or_else(|e| failed(e.to_string())))
        };
        let written = written.await;
        if written.is_err() {
            let _ = writer.abort().await;
        }
        written.map(|()| true)
    }
}
