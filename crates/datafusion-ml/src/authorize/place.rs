//! Files of the store are no files of users: the catalog and all rows lie in them.

use datafusion::error::Result;
use url::Url;

use super::{Guard, denied};
use crate::store::{is_of_role, is_within};

impl Guard {
    /// The same as [`Self::check_place`], for the principal of now.
    pub(crate) fn check_files(&self, place: &Url) -> Result<()> {
        if self.asks_nothing() { Ok(()) } else { self.check_place(place) }
    }

    /// Fails if a principal who may not do everything wants artifacts in a folder of the store. Its root is none: artifacts
    /// lie there anyway, each under the digest of its bytes. Nor is a folder around it.
    pub(crate) fn check_bucket(&self, place: &Url) -> Result<()> {
        let is_inside = |store: &Url| is_within(place, store) && !is_within(store, place);
        match !self.asks_nothing() && self.root.places().into_iter().any(is_inside) {
            true => Err(denied("permission denied: S3_BUCKET is a place of the store's own; name another")),
            false => Ok(()),
        }
    }

    /// Fails if a statement of a principal who may not do everything names a place in the store, or one that the store is in, or
    /// what an external table is read by with the credentials of its role.
    pub(crate) fn check_place(&self, place: &Url) -> Result<()> {
        if is_of_role(place) {
            return Err(denied("permission denied: this place is that of an external table; name the table"));
        }
        let is_near = |store: &Url| is_within(place, store) || is_within(store, place);
        match self.root.places().into_iter().any(is_near) {
            true => Err(denied("permission denied: this place is the store's own; read and write elsewhere")),
            false => Ok(()),
        }
    }

    pub(super) fn asks_nothing(&self) -> bool {
        self.is_idle() || self.rights(&self.catalog.cached()).is_superuser()
    }
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
