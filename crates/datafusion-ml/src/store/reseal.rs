//! Changing the key of a store, or giving it one: everything in it is sealed anew, object by object.

use std::sync::Arc;

use datafusion::error::{DataFusionError, Result};
use object_store::ObjectStore;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use url::Url;

use super::sealed::{Sealing, Unsealed, reason};
use super::{ObjectStores, SealingKeys, StoreOptions, StoreRoot, parse_store_url};
use crate::catalog::Catalog;
use crate::error::storage;

/// The folders of a store beside its catalog.
const FOLDERS: [&str; 5] = ["artifacts", "logs", "tables", "training", "predictions"];

/// Those of a folder that S3_BUCKET names.
const BUCKET_FOLDERS: [&str; 2] = ["artifacts", "logs"];

/// Seals with the first of the keys whatever in the store is not sealed with it, and gives how many objects that were. What
/// models have in buckets of their own is sealed, too. Everything can be read with these keys while it runs, and when it has
/// been killed: it goes on where it is run again. A store that was not sealed can be read when it has ended.
///
/// Fails if there is no store, if something is sealed with none of the keys, or, unless it is to be sealed, not at all.
pub async fn reseal(location: &str, stores: &dyn ObjectStores, keys: &SealingKeys, unsealed: Unsealed) -> Result<u64> {
    let root = StoreRoot::open(&parse_store_url(location)?, stores, &StoreOptions::default()).await?;
    let all = All { root, stores, keys, unsealed };
    let mut count = 0;
    // Until nothing is found any more: others may have written meanwhile, with the key that they know.
    loop {
        match all.seal().await? {
            0 => return Ok(count),
            more => count += more,
        }
    }
}

struct All<'a> {
    root: StoreRoot,
    stores: &'a dyn ObjectStores,
    keys: &'a SealingKeys,
    unsealed: Unsealed,
}

impl All<'_> {
    /// Seals what is there now. The catalog comes first: it says where models have their files, and what encrypts them there.
    async fn seal(&self) -> Result<u64> {
        let store = self.sealing(&self.root, "");
        let catalog = Path::from("catalog");
        if store.list(&catalog).await.map_err(|e| failed(self.root.url(), &e))?.is_empty() {
            return Err(storage(format!("there is no store at {}; check the place", self.root.url())));
        }
        let mut count = self.seal_folder(&self.root, &store, catalog.as_ref()).await?;
        count += self.seal_files_of_models().await?;
        for folder in FOLDERS {
            count += self.seal_folder(&self.root, &store, folder).await?;
        }
        for bucket in store.folders(&Path::from("buckets")).await.map_err(|e| failed(self.root.url(), &e))? {
            let in_bucket = self.sealing(&self.root, bucket.as_ref());
            for folder in BUCKET_FOLDERS {
                count += self.seal_folder(&self.root, &in_bucket, folder).await?;
            }
        }
        Ok(count)
    }

    async fn seal_files_of_models(&self) -> Result<u64> {
        let mut count = 0;
        for model in Catalog::new(self.root.clone().sealed(self.keys)?).refresh().await?.models() {
            let entry = model.entry()?;
            let url = entry.artifact.root.as_deref().map_or_else(|| Ok(self.root.url().clone()), parse_store_url)?;
            let options = entry.store_options(&url);
            if entry.artifact.root.is_none() && options == StoreOptions::default() {
                continue;
            }
            let folder = StoreRoot::open(&url, self.stores, &options).await?;
            let sealing = self.sealing(&folder, "");
            let log = entry.training_log.iter().map(|digest| format!("logs/{digest}.json"));
            for file in std::iter::once(format!("artifacts/{}.arrow", entry.artifact.digest)).chain(log) {
                let sealed = sealing.seal(&Path::from(file)).await;
                count += u64::from(sealed.map_err(|e| failed(&url, &e))?);
            }
        }
        Ok(count)
    }

    async fn seal_folder(&self, root: &StoreRoot, store: &Sealing<impl ObjectStore>, folder: &str) -> Result<u64> {
        let mut count = 0;
        for object in store.list(&Path::from(folder)).await.map_err(|e| failed(root.url(), &e))? {
            count += u64::from(store.seal(&object.location).await.map_err(|e| failed(root.url(), &e))?);
        }
        Ok(count)
    }

    /// A folder below a root, whose objects are bound to their names in it.
    fn sealing(&self, root: &StoreRoot, folder: &str) -> Sealing<impl ObjectStore + use<>> {
        let prefix = Path::from_iter(root.prefix.parts().chain(Path::from(folder).parts()));
        Sealing::new(PrefixStore::new(Arc::clone(&root.store), prefix), self.keys.clone(), self.unsealed)
    }
}

fn failed(url: &Url, error: &object_store::Error) -> DataFusionError {
    storage(format!("{url} cannot be sealed anew: {}", reason(error)))
}
