//! `IAM_ROLE 'arn'`: a statement reads and writes S3 with the credentials of a role.
//!
//! The role is for what the statement's plan reads and writes, for its model, and for what is looked at for its schema while the
//! statement is planned, but for external tables with a role of their own. The catalog is read with the credentials of the
//! process.

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::listing::{ListingTable, ListingTableUrl};
use datafusion::datasource::source_as_provider;
use datafusion::error::Result;
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::context::SessionState;
use datafusion::logical_expr::LogicalPlan;
use url::Url;

use crate::catalog::Purpose;
use crate::relations::StoredTable;
use crate::session::MlSession;
use crate::sql::IamRole;
use crate::store::{StoreOptions, is_s3, with_role};

/// Fails unless the principal may use the role for that. In S3 to name none is to name the default.
pub(crate) async fn check_role(
    session: &MlSession,
    role: Option<&IamRole>,
    place: &Url,
    purpose: Purpose,
) -> Result<()> {
    let role = role.map(IamRole::name).or_else(|| is_s3(place).then_some("default"));
    if role.is_none() || session.shared.guard.is_idle() {
        return Ok(());
    }
    let state = session.shared.catalog.refresh().await?;
    session.shared.guard.rights(&state).check_assume(&state, role, purpose)
}

/// The state in which something is run that reads and writes these places with that role.
pub(crate) async fn state_with_role(
    session: &MlSession,
    state: SessionState,
    role: Option<&str>,
    places: &[Url],
) -> Result<SessionState> {
    let Some(role) = role else { return Ok(state) };
    let options = StoreOptions { iam_role: Some(role.to_owned()), ..StoreOptions::default() };
    let runtime = with_role(state.runtime_env(), session.shared.stores.as_ref(), &options, places).await?;
    Ok(SessionStateBuilder::new_from_existing(state).with_runtime_env(runtime).build())
}

/// Where the files lie that a plan reads and writes.
pub(super) fn places(session: &MlSession, plan: &LogicalPlan) -> Result<Vec<Url>> {
    let mut places = Vec::new();
    plan.apply_with_subqueries(|node| {
        match node {
            LogicalPlan::TableScan(scan) => {
                if let Ok(table) = source_as_provider(&scan.source) {
                    if let Some(files) = table.downcast_ref::<ListingTable>() {
                        places.extend(files.table_paths().iter().map(|path| path.get_url().clone()));
                    } else if table.downcast_ref::<StoredTable>().is_some() {
                        places.push(session.shared.root.url().clone());
                    }
                }
            }
            LogicalPlan::Copy(copy) => places.push(ListingTableUrl::parse(&copy.output_url)?.get_url().clone()),
            _ => {}
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(places)
}
