//! The model store: immutable artifacts, named by the digest of their bytes, under the root of any object store.

mod assumed;
mod files;
mod places;
mod records;
mod reseal;
mod sealed;

use std::fmt::Debug;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion_ml_core::{Error, TrainingLog};
use futures::TryStreamExt;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions};
use sha2::{Digest, Sha256};
use url::Url;

pub(crate) use self::assumed::with_role;
pub(crate) use self::files::{SourceFile, SourceFiles};
pub(crate) use self::places::{ROLE_SCHEME, is_of_role, is_within};
pub use self::reseal::reseal;
use self::sealed::SealedStore;
pub use self::sealed::{SealingKeys, Unsealed};
pub(crate) use self::sealed::{key_id_of, reason};
use crate::background::Lease;
use crate::catalog::RelationName;
use crate::error::{external, invalid, storage};

/// How a store is to be opened.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct StoreOptions {
    /// Every object written must be encrypted by the server under that key (SSE-KMS).
    pub kms_key_id: Option<String>,
    /// In that region, for an implementation that knows regions.
    pub region: Option<String>,
    /// With the credentials of that IAM role: an ARN, or several after commas, each of which is assumed with the one before.
    pub iam_role: Option<String>,
}

/// Opens object stores by URL. The session's default is [`RegisteredStores`]; a host that can build stores itself
/// (credentials, server-side encryption) gives its own.
#[async_trait]
pub trait ObjectStores: Debug + Send + Sync {
    /// The store that holds `url`. An implementation that cannot encrypt under the key of the options, or cannot assume their
    /// role, fails; [`RegisteredStores::open`] does.
    async fn open(&self, url: &Url, options: &StoreOptions) -> Result<Arc<dyn ObjectStore>>;
}

/// The stores registered with DataFusion's runtime. For `memory:` URLs one in memory is registered when it is first asked for,
/// unless the program has registered its own.
#[derive(Debug)]
pub struct RegisteredStores {
    runtime: Arc<RuntimeEnv>,
}

impl RegisteredStores {
    /// The stores of `runtime`.
    pub fn new(runtime: Arc<RuntimeEnv>) -> Self {
        Self { runtime }
    }
}

#[async_trait]
impl ObjectStores for RegisteredStores {
    async fn open(&self, url: &Url, options: &StoreOptions) -> Result<Arc<dyn ObjectStore>> {
        if options.kms_key_id.is_some() {
            return Err(kms_refused(url));
        }
        if let Some(role) = &options.iam_role {
            return Err(role_refused(role, url));
        }
        if url.scheme() == "memory" && self.runtime.object_store_registry.get_store(url).is_err() {
            self.runtime.register_object_store(url, Arc::new(InMemory::new()));
        }
        self.runtime.object_store_registry.get_store(url).map_err(|e| {
            storage(format!("there is no object store for {url}: {e}; register one with the session's runtime"))
        })
    }
}

/// The error for KMS_KEY_ID on a store that cannot honour it.
pub fn kms_refused(url: &Url) -> DataFusionError {
    invalid(format!(
        "KMS_KEY_ID needs an S3 store, which encrypts with that key on its side; this model's artifact would lie at \
         {url}; leave KMS_KEY_ID out, or name an S3 bucket (S3_BUCKET 's3://...')"
    ))
}

/// The error for IAM_ROLE with the ARN of a role where a store cannot be opened with its credentials.
pub fn role_refused(role: &str, url: &Url) -> DataFusionError {
    invalid(format!(
        "IAM_ROLE '{role}' can be assumed for S3 only, and this statement is about {url}; write IAM_ROLE default, or leave it \
         out"
    ))
}

/// Whether the URL is one of S3 or of a compatible store.
pub(crate) fn is_s3(url: &Url) -> bool {
    matches!(url.scheme(), "s3" | "s3a")
}

/// A folder of an object store.
#[derive(Debug, Clone)]
pub struct StoreRoot {
    url: Url,
    prefix: Path,
    store: Arc<dyn ObjectStore>,
    /// Where the runtime finds the folder: a sealed one has a URL of its own, below which its files are plain.
    registered: Url,
}

impl StoreRoot {
    /// The folder at `url`.
    pub async fn open(url: &Url, stores: &dyn ObjectStores, options: &StoreOptions) -> Result<Self> {
        let store = stores.open(url, options).await?;
        let prefix = Path::from_url_path(url.path())
            .map_err(|e| invalid(format!("{url} is not a place in an object store: {e}")))?;
        Ok(Self { url: url.clone(), prefix, store, registered: url.clone() })
    }

    /// The same folder, in which everything is sealed. Files are bound to their places in it, so that it can be moved as a
    /// whole.
    pub fn sealed(self, keys: &SealingKeys) -> Result<Self> {
        let told_apart = format!("{} {}", self.url, keys.ids().join(" "));
        let registered = format!("sealed://{}/", &hex(&Sha256::digest(told_apart))[..16]);
        let registered = Url::parse(&registered).map_err(|e| external(Error::internal(e.to_string())))?;
        let store = SealedStore::new(PrefixStore::new(self.store, self.prefix), keys.clone());
        Ok(Self { url: self.url, prefix: Path::default(), store: Arc::new(store), registered })
    }

    /// Where it is.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The URLs below which statements could name its files.
    pub(crate) fn places(&self) -> [&Url; 2] {
        [&self.url, &self.registered]
    }

    /// The store it is in.
    pub fn store(&self) -> &dyn ObjectStore {
        self.store.as_ref()
    }

    /// The path of a file below it; `parts` are joined by `/`.
    pub fn path(&self, parts: &[&str]) -> Path {
        parts.iter().fold(self.prefix.clone(), |path, part| path.join(*part))
    }

    /// Writes an artifact and gives its digest. Writing the same bytes again is no error and changes nothing.
    pub async fn put_artifact(&self, bytes: Vec<u8>) -> Result<String> {
        self.put_immutable("artifacts", "arrow", bytes).await
    }

    /// Reads an artifact and checks that its bytes have the digest that names it.
    pub async fn get_artifact(&self, digest: &str) -> Result<Bytes> {
        self.get_immutable("artifacts", "arrow", digest).await
    }

    /// Writes how training went, and gives the digest of the file.
    pub(crate) async fn put_training_log(&self, log: &TrainingLog) -> Result<String> {
        let bytes = serde_json::to_vec(log).map_err(|e| storage(format!("the training log cannot be written: {e}")))?;
        self.put_immutable("logs", "json", bytes).await
    }

    /// Reads what [`Self::put_training_log`] wrote.
    pub(crate) async fn get_training_log(&self, digest: &str) -> Result<TrainingLog> {
        let bytes = self.get_immutable("logs", "json", digest).await?;
        serde_json::from_slice(&bytes).map_err(|e| storage(format!("its training log cannot be read: {e}")))
    }

    /// Writes the sign of life of a training, in place of the one before.
    pub(crate) async fn put_lease(&self, training: u64, lease: &Lease) -> Result<()> {
        let bytes = serde_json::to_vec(lease).map_err(|e| external(Error::internal(e.to_string())))?;
        let written = self.store.put(&self.lease_path(training), bytes.into()).await;
        written
            .map(drop)
            .map_err(|e| storage(format!("the lease of a training cannot be written to {}: {e}", self.url)))
    }

    /// Reads what [`Self::put_lease`] wrote last; `None` if there is nothing, or it was being written.
    pub(crate) async fn get_lease(&self, training: u64) -> Result<Option<Lease>> {
        let bytes = match self.store.get(&self.lease_path(training)).await {
            Ok(object) => object.bytes().await,
            Err(e) => Err(e),
        };
        match bytes {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(e) => Err(storage(format!("the lease of a training cannot be read from {}: {}", self.url, reason(&e)))),
        }
    }

    /// Deletes it. If that cannot be done it stays, which is no error.
    pub(crate) async fn delete_lease(&self, training: u64) {
        let _ = self.store.delete(&self.lease_path(training)).await;
    }

    fn lease_path(&self, training: u64) -> Path {
        self.path(&["training", &format!("{training}.json")])
    }

    /// Lets the runtime read and write the tables in this folder, if it does not know the store yet.
    pub(crate) fn register(&self, runtime: &RuntimeEnv) {
        if runtime.object_store_registry.get_store(&self.registered).is_err() {
            runtime.register_object_store(&self.registered, Arc::clone(&self.store));
        }
    }

    /// The folder for the files of a table. Its name is for people: files have names of their own, whatever table they
    /// are of.
    pub(crate) fn table_folder(&self, name: &RelationName) -> Result<Url> {
        let plain = |text: &str| text.replace(|c: char| !c.is_ascii_alphanumeric() && c != '_', "-");
        self.table_file(&format!("{}/{}/", plain(&name.schema), plain(&name.name)))
    }

    /// The URL of a file of a table, by its path below the folder `tables`.
    pub(crate) fn table_file(&self, path: &str) -> Result<Url> {
        let url = self.registered.join(&format!("tables/{path}"));
        url.map_err(|e| storage(format!("{path} is not a place in {}: {e}", self.url)))
    }

    /// The files of tables that lie in the store, whether a table has them or not.
    pub(crate) async fn table_files(&self) -> Result<Vec<StoredFile>> {
        let folder = self.path(&["tables"]);
        let found: Vec<_> = match self.store.list(Some(&folder)).try_collect().await {
            Ok(found) => found,
            Err(object_store::Error::NotFound { .. }) => Vec::new(),
            Err(e) => return Err(storage(format!("the tables in {} cannot be listed: {e}", self.url))),
        };
        let now = now();
        let files = found.into_iter().map(|file| {
            let age = (now - file.last_modified).to_std().unwrap_or_default();
            Ok(StoredFile { path: self.below_tables(&file.location)?, bytes: file.size, age })
        });
        files.collect()
    }

    /// Deletes a file of a table.
    pub(crate) async fn delete_table_file(&self, path: &str) -> Result<()> {
        let parts: Vec<&str> = std::iter::once("tables").chain(path.split('/')).collect();
        let deleted = self.store.delete(&self.path(&parts)).await;
        deleted.map_err(|e| storage(format!("{path} cannot be deleted from {}: {e}", self.url)))
    }

    /// The path below the folder `tables` of a file that lies there.
    pub(crate) fn below_tables(&self, path: &Path) -> Result<String> {
        let parts = path.prefix_match(&self.path(&["tables"])).map(|parts| parts.map(|part| part.as_ref().to_owned()));
        let path = parts.map(|parts| parts.collect::<Vec<_>>().join("/"));
        path.ok_or_else(|| external(Error::internal("a file of a table was written beside its folder")))
    }

    /// Writes a file that is named by the digest of its bytes.
    async fn put_immutable(&self, folder: &str, extension: &str, bytes: Vec<u8>) -> Result<String> {
        let digest = hex(&Sha256::digest(&bytes));
        let path = self.path(&[folder, &format!("{digest}.{extension}")]);
        let options = PutOptions { mode: PutMode::Create, ..Default::default() };
        match self.store.put_opts(&path, bytes.into(), options).await {
            Ok(_) | Err(object_store::Error::AlreadyExists { .. }) => Ok(digest),
            Err(e) => Err(storage(format!("the artifact cannot be written to {}: {}", self.url, reason(&e)))),
        }
    }

    async fn get_immutable(&self, folder: &str, extension: &str, digest: &str) -> Result<Bytes> {
        let path = self.path(&[folder, &format!("{digest}.{extension}")]);
        let bytes = match self.store.get(&path).await {
            Ok(object) => object.bytes().await,
            Err(e) => Err(e),
        }
        .map_err(|e| storage(format!("its artifact cannot be read from {}: {}", self.url, reason(&e))))?;
        if hex(&Sha256::digest(&bytes)) != digest {
            return Err(storage(format!(
                "its artifact {path} in {} has been altered or truncated (the bytes do not have the digest in its name); \
                 create the model again",
                self.url
            )));
        }
        Ok(bytes)
    }
}

/// A file of a table, by its path below the folder `tables`.
pub(crate) struct StoredFile {
    pub(crate) path: String,
    pub(crate) bytes: u64,
    pub(crate) age: Duration,
}

/// The time. What is computed must not depend on it.
#[expect(clippy::disallowed_methods, reason = "files of statements that may still be running are known by their age")]
pub(crate) fn now() -> DateTime<Utc> {
    SystemTime::now().into()
}

/// Bytes in hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The URL of a folder, from what a user writes: a URL, or a path of the local file system. It ends in `/`.
pub fn parse_store_url(text: &str) -> Result<Url> {
    let wrong = |e: &dyn std::fmt::Display| invalid(format!("{text} is not a place for a model store: {e}"));
    let mut url = if text.contains("://") || text.starts_with("memory:") {
        Url::parse(text).map_err(|e| wrong(&e))?
    } else {
        let path = std::path::absolute(text).map_err(|e| wrong(&e))?;
        Url::from_directory_path(&path).map_err(|()| wrong(&"the path cannot be written as a URL"))?
    };
    if url.cannot_be_a_base() {
        url = Url::parse("memory:///").map_err(|e| wrong(&e))?;
    }
    if !url.path().ends_with('/') {
        let path = format!("{}/", url.path());
        url.set_path(&path);
    }
    Ok(url)
}
