//! `IAM_ROLE`: with which credentials a statement reads and writes S3.
//!
//! The role is for what the statement's plan reads and writes, for its model, and for what is looked at for its schema while the
//! statement is planned, but for external tables with a role of their own. The catalog is read with the credentials of the
//! process.

use std::sync::Arc;

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
use crate::store::{ObjectStores, StoreOptions, with_role};

tokio::task_local! {
    static CURRENT: StatementRole;
}

/// With which role the statement that is being planned or run reads and writes S3, and for what.
#[derive(Debug, Clone)]
pub(crate) struct StatementRole {
    /// The role to assume; `None` is the process's own credentials.
    pub(crate) arn: Option<String>,
    /// What the principal has to be allowed the role for.
    pub(crate) purpose: Purpose,
    stores: Arc<dyn ObjectStores>,
}

impl StatementRole {
    /// That of the statement that is being planned or run; `None` if it is one that has no IAM_ROLE.
    pub(crate) fn current() -> Option<Self> {
        CURRENT.try_with(Clone::clone).ok()
    }

    /// The role that the statement that is being planned or run assumes, if it assumes one.
    pub(crate) fn current_arn() -> Option<String> {
        Self::current()?.arn
    }
}

/// Carries out a statement whose IAM_ROLE is that, or which has none and could have one. Fails unless the principal may use the
/// role for that.
pub(crate) async fn with_iam_role<T>(
    session: &MlSession,
    role: Option<&IamRole>,
    purpose: Purpose,
    statement: impl Future<Output = Result<T>>,
) -> Result<T> {
    let shared = &session.shared;
    if let Some(role) = role.filter(|_| !shared.guard.is_idle()) {
        let state = shared.catalog.refresh().await?;
        shared.guard.rights(&state).check_assume(&state, role.name(), purpose)?;
    }
    let arn = role.and_then(IamRole::arn).map(str::to_owned);
    CURRENT.scope(StatementRole { arn, purpose, stores: Arc::clone(&shared.stores) }, statement).await
}

/// The state in which something is run that reads and writes these places: with the IAM role of the statement that is being
/// planned or run, if it names one. A host needs it where it makes tables of names that a statement has, and looks at files for
/// that. Fails if one of the places is in S3 and cannot be opened with the role.
pub async fn state_with_role(state: SessionState, places: &[Url]) -> Result<SessionState> {
    let Some(StatementRole { arn: Some(role), stores, .. }) = StatementRole::current() else { return Ok(state) };
    let options = StoreOptions { iam_role: Some(role), ..StoreOptions::default() };
    let runtime = with_role(state.runtime_env(), stores.as_ref(), &options, places).await?;
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
