//! Files and folders as tables: `SELECT * FROM 's3://bucket/folder/'`.

use std::sync::{Arc, OnceLock, Weak};

use async_trait::async_trait;
use datafusion::catalog::{DynamicFileCatalog, TableProvider, UrlTableFactory};
use datafusion::common::plan_datafusion_err;
use datafusion::datasource::listing::{ListingTable, ListingTableConfig, ListingTableConfigExt, ListingTableUrl};
use datafusion::error::Result;
use datafusion::execution::SessionState;
use datafusion::prelude::SessionContext;
use datafusion_cli::catalog::DynamicObjectStoreCatalog;
use datafusion_ml::state_with_role;
use parking_lot::RwLock;

/// Lets the name of a table be the path or URL of a file or folder; object stores are opened as they are named.
///
/// Does what [`SessionContext::enable_url_table`] does, but says why a URL cannot be read instead of that there is no
/// such table.
pub(crate) fn enable_url_tables(context: SessionContext) -> SessionContext {
    let tables = Arc::new(UrlTables::default());
    let catalogs = Arc::clone(context.state().catalog_list());
    let catalogs = DynamicFileCatalog::new(catalogs, Arc::clone(&tables) as Arc<dyn UrlTableFactory>);
    let state = context.into_state_builder().with_catalog_list(Arc::new(catalogs)).build();
    let context = SessionContext::from(state);
    // The cell is new, so that it is empty.
    let _ = tables.state.set(context.state_weak_ref());
    let catalogs = Arc::clone(context.state().catalog_list());
    context.register_catalog_list(Arc::new(DynamicObjectStoreCatalog::new(catalogs, context.state_weak_ref())));
    context
}

#[derive(Debug, Default)]
struct UrlTables {
    /// Filled as soon as there is the session that these tables are part of.
    state: OnceLock<Weak<RwLock<SessionState>>>,
}

#[async_trait]
impl UrlTableFactory for UrlTables {
    async fn try_new(&self, url: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        let Ok(location) = ListingTableUrl::parse(url) else { return Ok(None) };
        let state = self.state.get().and_then(Weak::upgrade).map(|state| state.read().clone());
        let state = state.ok_or_else(|| plan_datafusion_err!("the session has ended"))?;
        // Every name that is no table comes here. One that is no URL is read as a local path, and mostly is a typing
        // error.
        let may_be_a_name = location.scheme() == "file";
        let state = state_with_role(state, std::slice::from_ref(location.get_url())).await?;
        match ListingTableConfig::new(location).infer_options(&state).await {
            Ok(config) => {
                let config = config.infer_partitions_from_path(&state).await?.infer_schema(&state).await?;
                Ok(Some(Arc::new(ListingTable::try_new(config)?)))
            }
            Err(_) if may_be_a_name => Ok(None),
            Err(e) => Err(e.context(format!("{url} cannot be read"))),
        }
    }
}
