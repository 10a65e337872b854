//! A runtime in which some stores are opened with the credentials of an IAM role.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::error::Result;
use datafusion::execution::cache::cache_manager::{CacheManager, CacheManagerConfig};
use datafusion::execution::object_store::ObjectStoreRegistry;
use datafusion::execution::runtime_env::RuntimeEnv;
use object_store::ObjectStore;
use url::{Position, Url};

use super::{ObjectStores, StoreOptions, is_s3};

/// The runtime of a statement with that role: what lies in S3 of `places` is read and written with the role's credentials. Nothing
/// is remembered of what was read without them.
pub(crate) async fn with_role(
    runtime: &RuntimeEnv,
    stores: &dyn ObjectStores,
    options: &StoreOptions,
    places: &[Url],
) -> Result<Arc<RuntimeEnv>> {
    let mut opened = HashMap::new();
    for place in places.iter().filter(|place| is_s3(place)) {
        opened.insert(bucket(place), stores.open(place, options).await?);
    }
    let registry = Assumed { opened, others: Arc::clone(&runtime.object_store_registry) };
    Ok(Arc::new(RuntimeEnv {
        object_store_registry: Arc::new(registry),
        cache_manager: CacheManager::try_new(&CacheManagerConfig::default())?,
        ..runtime.clone()
    }))
}

/// The stores of a runtime, but for some others.
#[derive(Debug)]
struct Assumed {
    opened: HashMap<String, Arc<dyn ObjectStore>>,
    others: Arc<dyn ObjectStoreRegistry>,
}

impl ObjectStoreRegistry for Assumed {
    fn register_store(&self, url: &Url, store: Arc<dyn ObjectStore>) -> Option<Arc<dyn ObjectStore>> {
        self.others.register_store(url, store)
    }

    fn get_store(&self, url: &Url) -> Result<Arc<dyn ObjectStore>> {
        match self.opened.get(&bucket(url)) {
            Some(store) => Ok(Arc::clone(store)),
            None => self.others.get_store(url),
        }
    }
}

fn bucket(url: &Url) -> String {
    url[..Position::BeforePath].to_owned()
}
