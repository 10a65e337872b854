//! S3 and S3-compatible stores, from the usual AWS_* environment variables (feature `aws`).

mod sts;

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::error::Result;
use datafusion::execution::runtime_env::RuntimeEnv;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey, AwsCredentialProvider};
use object_store::client::{HttpConnector, ReqwestConnector};
use object_store::{ClientConfigKey, ClientOptions, ObjectStore};
use parking_lot::Mutex;
use url::Url;

use self::sts::{AssumedRole, Sts};
use crate::error::storage;
use crate::store::{ObjectStores, RegisteredStores, StoreOptions, is_s3};

/// Opens `s3://` and `s3a://` URLs with endpoint, region and credentials from `AWS_ENDPOINT_URL`, `AWS_REGION`,
/// `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`, `AWS_ALLOW_HTTP`; any other URL from the stores
/// that are registered with the runtime. IAM roles are assumed at `AWS_ENDPOINT_URL_STS`, or else at AWS's STS of the region.
#[derive(Debug)]
pub struct AwsStores {
    registered: RegisteredStores,
    runtime: Arc<RuntimeEnv>,
    /// One client is kept for each bucket and way to open it.
    opened: Mutex<HashMap<(String, StoreOptions), Arc<dyn ObjectStore>>>,
    /// By what IAM_ROLE says.
    roles: Mutex<HashMap<String, AwsCredentialProvider>>,
}

impl AwsStores {
    /// Stores beside those of `runtime`. A bucket that is opened with neither key nor role is registered with the runtime, so
    /// that tables can lie in it, too.
    pub fn new(runtime: Arc<RuntimeEnv>) -> Self {
        let registered = RegisteredStores::new(Arc::clone(&runtime));
        Self { registered, runtime, opened: Mutex::default(), roles: Mutex::default() }
    }
}

#[async_trait]
impl ObjectStores for AwsStores {
    async fn open(&self, url: &Url, options: &StoreOptions) -> Result<Arc<dyn ObjectStore>> {
        match is_s3(url) {
            true => self.open_bucket(url, options),
            false => self.registered.open(url, options).await,
        }
    }
}

impl AwsStores {
    fn open_bucket(&self, url: &Url, options: &StoreOptions) -> Result<Arc<dyn ObjectStore>> {
        let bucket = url.host_str().unwrap_or_default();
        let key = (bucket.to_owned(), options.clone());
        if let Some(store) = self.opened.lock().get(&key) {
            return Ok(Arc::clone(store));
        }
        let failed = |e: object_store::Error| {
            storage(format!("{url} cannot be opened: {e}; set AWS_REGION, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"))
        };
        let mut builder = AmazonS3Builder::from_env().with_bucket_name(bucket);
        if let Some(region) = &options.region {
            builder = builder.with_region(region);
        }
        if let Some(kms_key_id) = &options.kms_key_id {
            builder = builder.with_sse_kms_encryption(kms_key_id);
        }
        if let Some(role) = &options.iam_role {
            builder = builder.with_credentials(self.role(role, bucket).map_err(failed)?);
        }
        let store: Arc<dyn ObjectStore> = Arc::new(builder.build().map_err(failed)?);
        if options.kms_key_id.is_none() && options.iam_role.is_none() {
            self.runtime.register_object_store(url, Arc::clone(&store));
        }
        self.opened.lock().insert(key, Arc::clone(&store));
        Ok(store)
    }

    /// The credentials of a role, or of the last of several, each of which is assumed with those of the one before.
    fn role(&self, role: &str, bucket: &str) -> object_store::Result<AwsCredentialProvider> {
        if let Some(credentials) = self.roles.lock().get(role) {
            return Ok(Arc::clone(credentials));
        }
        let environment = AmazonS3Builder::from_env().with_bucket_name(bucket);
        let value = |key: AmazonS3ConfigKey| environment.get_config_value(&key);
        let region = value(AmazonS3ConfigKey::Region).unwrap_or_else(|| "us-east-1".to_owned());
        let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        let endpoint =
            value(AmazonS3ConfigKey::StsEndpoint).unwrap_or_else(|| format!("https://sts.{region}.{domain}"));
        let endpoint = Url::parse(&endpoint)
            .map_err(|e| object_store::Error::Generic { store: "STS", source: format!("{endpoint}: {e}").into() })?;
        let allow_http =
            value(AmazonS3ConfigKey::Client(ClientConfigKey::AllowHttp)).is_some_and(|value| value == "true");
        let client = ReqwestConnector::default().connect(&ClientOptions::new().with_allow_http(allow_http))?;
        let sts = Sts { client, endpoint, region };
        let ambient = Arc::clone(environment.build()?.credentials());
        let credentials = role.split(',').fold(ambient, |with, arn| {
            Arc::new(AssumedRole::new(sts.clone(), arn.trim(), with)) as AwsCredentialProvider
        });
        self.roles.lock().insert(role.to_owned(), Arc::clone(&credentials));
        Ok(credentials)
    }
}
