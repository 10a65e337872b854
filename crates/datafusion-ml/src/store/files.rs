//! Files that COPY reads and UNLOAD writes, wherever they lie.

use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use datafusion::common::parsers::CompressionTypeVariant;
use datafusion::datasource::file_format::file_compression_type::FileCompressionType;
use datafusion::datasource::listing::ListingTableUrl;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::runtime_env::RuntimeEnv;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use url::Url;

use super::{ObjectStores, StoreOptions, reason};
use crate::error::storage;

/// A file, a folder, a pattern or the beginning of names, and the store it is in.
#[derive(Debug, Clone)]
pub(crate) struct SourceFiles {
    url: ListingTableUrl,
    store: Arc<dyn ObjectStore>,
}

impl SourceFiles {
    /// The files at `url`. Its store is opened with the options' role, if there is one; else it is the one that is registered
    /// with the runtime, or is opened and registered.
    pub(crate) async fn open(
        url: ListingTableUrl,
        options: &StoreOptions,
        runtime: &RuntimeEnv,
        stores: &dyn ObjectStores,
    ) -> Result<Self> {
        let registered = runtime.object_store_registry.get_store(url.get_url());
        let store = match registered {
            _ if options.iam_role.is_some() => stores.open(url.get_url(), options).await?,
            Ok(store) => store,
            Err(_) => {
                let store = stores.open(url.get_url(), options).await?;
                runtime.register_object_store(url.get_url(), Arc::clone(&store));
                store
            }
        };
        Ok(Self { url, store })
    }

    /// The files that there are, by name.
    pub(crate) async fn list(&self) -> Result<Vec<SourceFile>> {
        let found = match self.url.is_collection() || self.url.get_glob().is_some() {
            true => self.list_below(self.url.prefix(), |path| self.url.contains(path, false)).await,
            false => match self.store.head(self.url.prefix()).await {
                Ok(file) => Ok(vec![file]),
                Err(object_store::Error::NotFound { .. }) => {
                    let prefix = self.url.prefix();
                    let parts: Vec<_> = prefix.parts().collect();
                    let folder: Path = parts[..parts.len().saturating_sub(1)].iter().cloned().collect();
                    self.list_below(&folder, |path| path.as_ref().starts_with(prefix.as_ref())).await
                }
                Err(e) => Err(e),
            },
        };
        let mut found = found.map_err(|e| self.unreadable(&e))?;
        found.sort_by(|a, b| a.location.cmp(&b.location));
        let file = |file: object_store::ObjectMeta| SourceFile {
            path: file.location,
            size: file.size,
            modified: file.last_modified,
            files: self.clone(),
        };
        Ok(found.into_iter().map(file).collect())
    }

    async fn list_below(
        &self,
        folder: &Path,
        is_wanted: impl Fn(&Path) -> bool,
    ) -> object_store::Result<Vec<object_store::ObjectMeta>> {
        let files: Vec<_> = self.store.list(Some(folder)).try_collect().await?;
        let is_hidden = |path: &Path| path.filename().is_some_and(|name| name.starts_with(['.', '_']));
        Ok(files.into_iter().filter(|file| is_wanted(&file.location) && !is_hidden(&file.location)).collect())
    }

    /// Whether there is any.
    pub(crate) async fn exist(&self) -> Result<bool> {
        if !self.url.is_collection() {
            return match self.store.head(self.url.prefix()).await {
                Ok(_) => Ok(true),
                Err(object_store::Error::NotFound { .. }) => Ok(false),
                Err(e) => Err(self.unreadable(&e)),
            };
        }
        self.list().await.map(|files| !files.is_empty())
    }

    /// Deletes the files that have been written since `before` were listed.
    pub(crate) async fn delete_written(&self, before: &[SourceFile]) -> Result<()> {
        let was_there = |file: &SourceFile| {
            before.iter().any(|old| (&old.path, old.size, old.modified) == (&file.path, file.size, file.modified))
        };
        for file in self.list().await?.iter().filter(|file| !was_there(file)) {
            let deleted = self.store.delete(&file.path).await;
            deleted.map_err(|e| storage(format!("{} cannot be deleted: {}", file.path, reason(&e))))?;
        }
        Ok(())
    }

    /// Writes the only file.
    pub(crate) async fn write(&self, bytes: Bytes) -> Result<()> {
        let written = self.store.put(self.url.prefix(), bytes.into()).await;
        written.map(drop).map_err(|e| storage(format!("{} cannot be written: {}", self.url, reason(&e))))
    }

    fn unreadable(&self, e: &object_store::Error) -> DataFusionError {
        storage(format!("{} cannot be read: {}", self.url, reason(e)))
    }
}

/// One file.
#[derive(Debug, Clone)]
pub(crate) struct SourceFile {
    path: Path,
    size: u64,
    modified: DateTime<Utc>,
    files: SourceFiles,
}

impl SourceFile {
    /// The last part of its name, for messages.
    pub(crate) fn name(&self) -> &str {
        self.path.filename().unwrap_or_default()
    }

    /// Whether it has no bytes.
    pub(crate) fn is_empty(&self) -> bool {
        self.size == 0
    }

    /// Where it is.
    pub(crate) fn url(&self) -> Result<ListingTableUrl> {
        let mut url: Url = self.files.url.get_url().clone();
        url.set_path(self.path.as_ref());
        ListingTableUrl::try_new(url, None)
    }

    /// Its bytes, decompressed. Without `compression` the end of its name says how it is compressed.
    pub(crate) async fn read(
        &self,
        compression: Option<CompressionTypeVariant>,
    ) -> Result<BoxStream<'static, Result<Bytes>>> {
        let compression = compression.unwrap_or_else(|| match self.path.extension() {
            Some("gz") => CompressionTypeVariant::GZIP,
            Some("bz2") => CompressionTypeVariant::BZIP2,
            Some("zst") => CompressionTypeVariant::ZSTD,
            _ => CompressionTypeVariant::UNCOMPRESSED,
        });
        let name = self.path.to_string();
        let failed = move |e: &dyn std::fmt::Display| storage(format!("{name} cannot be read: {e}"));
        let object = self.files.store.get(&self.path).await.map_err(|e| failed(&e))?;
        let bytes = object.into_stream().map_err(DataFusionError::from).boxed();
        let bytes = FileCompressionType::from(compression).convert_stream(bytes)?;
        Ok(bytes.map_err(move |e| failed(&e.strip_backtrace())).boxed())
    }
}
