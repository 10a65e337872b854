//! Who may do what. This is the one place that decides it; others ask.
//!
//! A session acts for a principal: the owner of the process, who may do everything, or a user of the catalog
//! ([`MlSessionBuilder::with_user`](crate::MlSessionBuilder::with_user)). As long as the catalog names nobody, nothing is
//! asked and nothing costs anything.
//!
//! **What one may not use does not exist.** The same words answer for a model or table that is not there and for one that
//! one may not use. A statement is looked at twice. When its names are resolved, models that the principal may not use are
//! passed over; and whatever the way by which a plan came about (plain `ctx.sql`, a DataFrame of an hour ago, a prepared
//! statement), [`Guard`] is a rule of DataFusion's analyzer that finds our functions and tables anywhere in it before it is
//! run, and asks the newest state of the catalog.
//!
//! **A view runs with its owner's rights**, as in Redshift: who may SELECT from it need not be able to use what it reads,
//! nor see it: EXPLAIN and the information schema do not tell. [`Marked`] stands in a plan where a view was put into it, until
//! the analyzer has seen it. Tables of the session, temporary ones and those of the program, are in a view for its owner only:
//! another reader might have put what they like there.
//!
//! **Names are shared**, as in Redshift: CREATE says that a name is taken, also by what one may not use, but not by what.

mod explain;
mod login;
mod nodes;
mod password;
mod place;
mod plan;
mod rights;
mod view_models;
mod whoami;

use std::sync::Arc;

use datafusion::error::{DataFusionError, Result};
use datafusion::execution::SessionStateBuilder;
use datafusion::prelude::SessionContext;
use datafusion_ml_core::{Error, ErrorKind};
use parking_lot::Mutex;
use url::Url;

use self::explain::GuardedPlanner;
pub(crate) use self::login::{Login, Logins, log_in};
pub(crate) use self::nodes::Marked;
use self::password::is_password;
pub(crate) use self::password::verifier;
pub(crate) use self::plan::{GuardedTable, Seal, check_relation};
pub(crate) use self::rights::Rights;
pub(crate) use self::view_models::called_models;
pub(crate) use self::whoami::call_whoami;
use self::whoami::register_whoami;
use crate::audit::{CountPredictions, Recorder};
use crate::catalog::{Catalog, CatalogState};
use crate::error::external;
use crate::store::StoreRoot;

/// For whom a session acts, and the rule of the analyzer that keeps plans within what that principal may do.
#[derive(Debug)]
pub(crate) struct Guard {
    catalog: Arc<Catalog>,
    /// Where the store lies.
    root: StoreRoot,
    /// Whom things belong to that the owner of the process makes.
    owner: String,
    /// Files of the program that are for superusers only.
    private: Vec<Url>,
    /// Where predictions are recorded, if they are.
    recorder: Option<Arc<Recorder>>,
    /// Who opened the session; `None` is the owner of the process.
    login: Option<Login>,
    /// Whom SET SESSION AUTHORIZATION named.
    assumed: Mutex<Option<String>>,
}

impl Guard {
    /// A guard for who opened the session.
    pub(crate) fn new(
        catalog: Arc<Catalog>,
        root: StoreRoot,
        private: Vec<Url>,
        recorder: Option<Arc<Recorder>>,
        owner: String,
        login: Option<Login>,
    ) -> Self {
        Self { catalog, root, private, recorder, owner, login, assumed: Mutex::default() }
    }

    /// Puts itself between the context and whatever is run in it.
    pub(crate) fn install(self: &Arc<Self>, context: &SessionContext) -> Result<()> {
        context.add_analyzer_rule(Arc::clone(self) as _);
        if let Some(recorder) = &self.recorder {
            context.add_analyzer_rule(Arc::new(CountPredictions::new(recorder, self)));
        }
        let state = context.state_ref();
        let mut state = state.write();
        let planner = GuardedPlanner { inner: Arc::clone(state.query_planner()), guard: Arc::clone(self) };
        let id = state.session_id().to_owned();
        let guarded = SessionStateBuilder::new_from_existing(state.clone()).with_query_planner(Arc::new(planner));
        *state = guarded.with_session_id(id).build();
        register_whoami(&mut state, self)
    }

    /// The name of the principal.
    pub(crate) fn user(&self) -> String {
        self.principal().unwrap_or_else(|| self.owner.clone())
    }

    /// The user for whom the session acts; `None` is the owner of the process.
    fn principal(&self) -> Option<String> {
        self.assumed.lock().clone().or_else(|| self.login.as_ref().map(|login| login.name.clone()))
    }

    /// Whether there is anything to ask at all.
    pub(crate) fn is_idle(&self) -> bool {
        self.login.is_none() && self.catalog.cached().access().is_empty()
    }

    /// What the principal may do.
    pub(crate) fn rights(&self, state: &CatalogState) -> Rights {
        match (&*self.assumed.lock(), &self.login) {
            (Some(name), _) => Rights::of_user(state, name),
            (None, Some(login)) => login.rights(state),
            (None, None) => Rights::all(&self.owner),
        }
    }

    /// Fails if the user for whom the session acts is there no more.
    pub(crate) fn check_there(&self, state: &CatalogState) -> Result<()> {
        let is_there = match (&*self.assumed.lock(), &self.login) {
            (Some(name), _) => state.access().users.contains_key(name),
            (None, Some(login)) => login.is_there(state),
            (None, None) => true,
        };
        match is_there {
            true => Ok(()),
            false => Err(denied(format!("user {} has been dropped; nothing was changed", self.user()))),
        }
    }

    /// Whether it is the name of the owner of this process.
    pub(crate) fn is_owner(&self, name: &str) -> bool {
        self.owner == name
    }

    /// What the owner of a view may do.
    pub(crate) fn rights_of_owner(&self, state: &CatalogState, owner: &str) -> Rights {
        match state.access().users.contains_key(owner) {
            true => Rights::of_user(state, owner),
            // No user who owns something can be dropped, so this is an owner of the process.
            false => Rights::all(owner),
        }
    }

    /// Acts for another user, or again for who opened the session. That must be a superuser, whoever it acts for now.
    pub(crate) fn assume(&self, state: &CatalogState, name: Option<String>) -> Result<()> {
        if let Some(name) = &name {
            let is_own = self.login.as_ref().is_some_and(|login| login.name == *name && login.is_there(state));
            if !is_own && !self.may_assume(state) {
                return Err(denied("SET SESSION AUTHORIZATION is for superusers; open a session as that user"));
            }
            if !state.access().users.contains_key(name) {
                return Err(denied(format!("there is no user {name}; CREATE USER {name} first")));
            }
        }
        *self.assumed.lock() = name;
        Ok(())
    }

    /// Ends SET SESSION AUTHORIZATION where who opened the session is no superuser any more.
    pub(crate) fn assume_no_longer(&self, state: &CatalogState) {
        let mut assumed = self.assumed.lock();
        if assumed.is_some() && !self.may_assume(state) {
            *assumed = None;
        }
    }

    fn may_assume(&self, state: &CatalogState) -> bool {
        self.login.as_ref().is_none_or(|login| login.rights(state).is_superuser())
    }
}

/// The error for what the principal may not do, where that it is there is no secret.
pub(crate) fn denied(message: impl Into<String>) -> DataFusionError {
    external(Error::new(ErrorKind::Denied, message))
}
