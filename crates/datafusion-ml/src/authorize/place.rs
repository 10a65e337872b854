//! Files that users may not reach: those of the store, for the catalog and all rows lie in them, and those that are not local
//! without the IAM role with which they are read and written.

use datafusion::datasource::listing::ListingTableUrl;
use datafusion::error::Result;
use url::Url;

use super::{Guard, Rights, denied};
use crate::catalog::{CatalogState, Purpose, RelationName};
use crate::execute::StatementRole;
use crate::relations::{parsed_external, role_of};
use crate::store::{is_of_role, is_s3, is_within};

/// As which role to name none is.
const DEFAULT_ROLE: &str = "default";

impl Guard {
    /// The same as [`Self::check_place`], for the principal of now.
    pub(crate) fn check_files(&self, place: &Url, purpose: Purpose) -> Result<()> {
        let state = self.catalog.cached();
        self.check_place(&state, &self.rights(&state), place, purpose)
    }

    /// Fails if the principal wants artifacts in a folder of the store, or elsewhere without the right to. The root of the store is
    /// no such folder: artifacts lie there anyway, each under the digest of its bytes. Nor is a folder around it.
    pub(crate) fn check_bucket(&self, place: &Url) -> Result<()> {
        let state = self.catalog.cached();
        let rights = self.rights(&state);
        let is_inside = |store: &Url| is_within(place, store) && !is_within(store, place);
        match !rights.is_superuser() && self.root.places().into_iter().any(is_inside) {
            true => Err(denied("permission denied: S3_BUCKET is a place of the store's own; name another")),
            false => check_role(&state, &rights, place, Purpose::CreateModel),
        }
    }

    /// Fails if these rights do not reach to the place. Those of a superuser reach everywhere; of others to no place in the store,
    /// nor to one that the store is in, nor to what an external table is read by with the credentials of its role. What is no local
    /// file wants the right to assume the role of the statement that is planned or run, for what that says, or else the default
    /// for the purpose: it is the process that reaches it.
    pub(crate) fn check_place(
        &self,
        state: &CatalogState,
        rights: &Rights,
        place: &Url,
        purpose: Purpose,
    ) -> Result<()> {
        self.check_apart(rights, place)?;
        check_role(state, rights, place, purpose)
    }

    /// Fails if the owner of an external table may not read its files: with the table's own role, else with that of the statement
    /// that reads it, else with the default.
    pub(crate) fn check_external(
        &self,
        state: &CatalogState,
        owner: &Rights,
        name: &RelationName,
        statement: &str,
    ) -> Result<()> {
        if owner.is_superuser() {
            return Ok(());
        }
        let table = parsed_external(name, statement)?;
        if let Some(role) = role_of(&table) {
            owner.check_assume(state, role, Purpose::Copy)?;
        }
        for location in &table.locations {
            let place = ListingTableUrl::parse(location)?;
            self.check_apart(owner, place.get_url())?;
            if role_of(&table).is_none() {
                check_role(state, owner, place.get_url(), Purpose::Copy)?;
            }
        }
        Ok(())
    }

    fn check_apart(&self, rights: &Rights, place: &Url) -> Result<()> {
        if rights.is_superuser() {
            return Ok(());
        }
        if is_of_role(place) {
            return Err(denied("permission denied: this place is that of an external table; name the table"));
        }
        let is_near = |store: &Url| is_within(place, store) || is_within(store, place);
        if self.root.places().into_iter().any(is_near) {
            return Err(denied("permission denied: this place is the store's own; read and write elsewhere"));
        }
        match self.private.iter().any(is_near) {
            true => Err(denied("permission denied: a file of the program's own lies there; read and write elsewhere")),
            false => Ok(()),
        }
    }

    pub(super) fn asks_nothing(&self) -> bool {
        self.is_idle() || self.rights(&self.catalog.cached()).is_superuser()
    }
}

/// A role that the statement assumes was checked when the statement began, for the principal, whose rights these need not be.
fn check_role(state: &CatalogState, rights: &Rights, place: &Url, purpose: Purpose) -> Result<()> {
    match StatementRole::current() {
        _ if place.scheme() == "file" => Ok(()),
        Some(StatementRole { arn: Some(_), .. }) if is_s3(place) => Ok(()),
        Some(statement) => rights.check_assume(state, DEFAULT_ROLE, statement.purpose),
        None => rights.check_assume(state, DEFAULT_ROLE, purpose),
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
        let private = vec![Url::parse("file:///home/ann/.dfmlrc").unwrap()];
        let catalog = Arc::new(Catalog::new(root.clone()));
        let guard = Guard::new(catalog, root.clone(), private, None, "admin".into(), None);
        let eve = Rights::none("eve");
        for place in root.places() {
            assert!(guard.check_apart(&eve, &place.join("tables/t.parquet").unwrap()).is_err(), "{place}");
        }
        assert!(guard.check_apart(&eve, &Url::parse("sealed://other/tables/t.parquet").unwrap()).is_ok());
        for (place, is_free) in [("/home/ann/.dfmlrc", false), ("/home/ann/", false), ("/home/ann/data.csv", true)] {
            let place = Url::from_file_path(place).unwrap();
            assert_eq!(guard.check_apart(&eve, &place).is_ok(), is_free, "{place}");
            assert!(guard.check_apart(&Rights::all("admin"), &place).is_ok());
        }
    }
}
