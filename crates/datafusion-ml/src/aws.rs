//! S3 and S3-compatible stores, from the usual AWS_* environment variables (feature `aws`).

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::error::Result;
use datafusion::execution::runtime_env::RuntimeEnv;
use object_store::ObjectStore;
use object_store::aws::AmazonS3Builder;
use parking_lot::Mutex;
use url::Url;

use crate::error::storage;
use crate::store::{ObjectStores, RegisteredStores};

/// One client is kept for each bucket, KMS key and region.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Opened {
    bucket: String,
    kms_key_id: Option<String>,
    region: Option<String>,
}

/// Opens `s3://` and `s3a://` URLs with endpoint, region and credentials from `AWS_ENDPOINT_URL`, `AWS_REGION`,
/// `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`, `AWS_ALLOW_HTTP`; any other URL from the stores
/// that are registered with the runtime.
#[derive(Debug)]
pub struct AwsStores {
    registered: RegisteredStores,
    runtime: Arc<RuntimeEnv>,
    opened: Mutex<HashMap<Opened, Arc<dyn ObjectStore>>>,
}

impl AwsStores {
    /// Stores beside those of `runtime`. A bucket that is opened without a key is registered with the runtime, so that
    /// tables can lie in it, too.
    pub fn new(runtime: Arc<RuntimeEnv>) -> Self {
        Self { registered: RegisteredStores::new(Arc::clone(&runtime)), runtime, opened: Mutex::default() }
    }
}

#[async_trait]
impl ObjectStores for AwsStores {
    async fn open(&self, url: &Url, kms_key_id: Option<&str>) -> Result<Arc<dyn ObjectStore>> {
        match url.scheme() {
            "s3" | "s3a" => self.open_bucket(url, kms_key_id, None),
            _ => self.registered.open(url, kms_key_id).await,
        }
    }

    async fn open_in(&self, url: &Url, region: Option<&str>) -> Result<Arc<dyn ObjectStore>> {
        match url.scheme() {
            "s3" | "s3a" => self.open_bucket(url, None, region),
            _ => self.registered.open(url, None).await,
        }
    }
}

impl AwsStores {
    fn open_bucket(&self, url: &Url, kms_key_id: Option<&str>, region: Option<&str>) -> Result<Arc<dyn ObjectStore>> {
        let key = Opened {
            bucket: url.host_str().unwrap_or_default().to_owned(),
            kms_key_id: kms_key_id.map(str::to_owned),
            region: region.map(str::to_owned),
        };
        if let Some(store) = self.opened.lock().get(&key) {
            return Ok(Arc::clone(store));
        }
        let mut builder = AmazonS3Builder::from_env().with_bucket_name(&key.bucket);
        if let Some(region) = region {
            builder = builder.with_region(region);
        }
        if let Some(kms_key_id) = kms_key_id {
            builder = builder.with_sse_kms_encryption(kms_key_id);
        }
        let store = builder.build().map_err(|e| {
            storage(format!("{url} cannot be opened: {e}; set AWS_REGION, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"))
        })?;
        let store: Arc<dyn ObjectStore> = Arc::new(store);
        if kms_key_id.is_none() {
            self.runtime.register_object_store(url, Arc::clone(&store));
        }
        self.opened.lock().insert(key, Arc::clone(&store));
        Ok(store)
    }
}
