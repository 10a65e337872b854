//! Files of the store are no files of users: the catalog and all rows lie in them.

use std::path::{Path, PathBuf};

use datafusion::error::Result;
use url::Url;

use super::{Guard, denied};

impl Guard {
    /// The same as [`Self::check_place`], for the principal of now.
    pub(crate) fn check_files(&self, place: &Url) -> Result<()> {
        if self.is_idle() || self.rights(&self.catalog.cached()).is_superuser() {
            Ok(())
        } else {
            self.check_place(place)
        }
    }

    /// Fails if a statement of a principal who may not do everything names a place in the store, or one that the store is in.
    pub(crate) fn check_place(&self, place: &Url) -> Result<()> {
        let is_inside = |store: &Url| match (real_path(place), real_path(store)) {
            (Some(place), Some(store)) => place.starts_with(&store) || store.starts_with(&place),
            _ => {
                let folder = |url: &Url| format!("{}/", url.as_str().trim_end_matches('/'));
                let (place, store) = (folder(place), folder(store));
                place.starts_with(&store) || store.starts_with(&place)
            }
        };
        match self.root.places().into_iter().any(is_inside) {
            true => Err(denied("permission denied: this place is the store's own; read and write elsewhere")),
            false => Ok(()),
        }
    }
}

/// The path of a local file without `..` and links, as far as it is there; `None` for other places.
fn real_path(url: &Url) -> Option<PathBuf> {
    let path = (url.scheme() == "file").then(|| url.to_file_path().ok()).flatten()?;
    let there = path.ancestors().find_map(|ancestor| Some((ancestor, ancestor.canonicalize().ok()?)));
    let (ancestor, real) = there?;
    Some(real.join(path.strip_prefix(ancestor).unwrap_or(Path::new(""))))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::execution::runtime_env::RuntimeEnv;

    use super::*;
    use crate::catalog::Catalog;
    use crate::store::{RegisteredStores, SealingKeys, StoreOptions, StoreRoot, parse_store_url};

    #[tokio::test]
    async fn the_plain_files_of_a_sealed_store_are_its_own() {
        let stores = RegisteredStores::new(Arc::new(RuntimeEnv::default()));
        let root =
            StoreRoot::open(&parse_store_url("memory:").unwrap(), &stores, &StoreOptions::default()).await.unwrap();
        let root = root.sealed(&SealingKeys::parse("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=").unwrap()).unwrap();
        let guard = Guard::new(Arc::new(Catalog::new(root.clone())), root.clone(), None, "admin".into(), None);
        for place in root.places() {
            assert!(guard.check_place(&place.join("tables/t.parquet").unwrap()).is_err(), "{place}");
        }
        assert!(guard.check_place(&Url::parse("sealed://other/tables/t.parquet").unwrap()).is_ok());
    }
}
