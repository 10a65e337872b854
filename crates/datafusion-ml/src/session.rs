//! The session: a DataFusion context with a model store, a catalog and algorithms.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Weak};

use datafusion::common::{DFSchema, plan_datafusion_err};
use datafusion::config::Dialect;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::SessionState;
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::prelude::{DataFrame, SessionContext};
use datafusion::sql::parser::Statement as DFStatement;
use datafusion::sql::sqlparser::dialect::{Dialect as SqlDialect, dialect_from_str};
use datafusion::sql::sqlparser::tokenizer::Location;
use datafusion_ml_core::Algorithm;
use datafusion_ml_redshift::{RedshiftDialect, copy_nested_as_json, planning_state};
use parking_lot::Mutex;
use url::Url;

use crate::audit::Recorder;
use crate::authorize::{Guard, Logins, log_in};
use crate::background::Trainings;
use crate::catalog::{Action, Catalog, CatalogState, ModelName};
use crate::copy::{LoadLog, register_last_copy};
use crate::error::invalid;
use crate::explain::register_explain_model;
use crate::hints::{Places, found_late, with_hint};
use crate::notices::Notices;
use crate::options::MlOptions;
use crate::predict_once;
use crate::relations::{StoredCatalog, StoredRelations};
use crate::sql::{MlParser, Statement, with_place};
use crate::store::{ObjectStores, RegisteredStores, SealingKeys, StoreOptions, StoreRoot, parse_store_url};
use crate::tables::register_table_functions;
use crate::train::TrainingProgress;

/// As in Redshift.
const MAX_STATEMENT_BYTES: usize = 16 << 20;

/// A DataFusion session in which models can be created and called.
///
/// Cheap to clone; clones share everything. A session refers to the caller's own [`SessionContext`]: tables, options and
/// functions are the caller's, and once a statement has called a model its functions are known to plain `ctx.sql`, too.
#[derive(Debug, Clone)]
pub struct MlSession {
    pub(crate) shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) context: SessionContext,
    pub(crate) root: StoreRoot,
    pub(crate) catalog: Arc<Catalog>,
    /// With stored tables only.
    pub(crate) relations: Option<Arc<StoredRelations>>,
    /// The names that SET search_path gave, first the one whose schema is the default if it is there.
    pub(crate) search_path: Mutex<Vec<String>>,
    pub(crate) notices: Option<Arc<dyn Notices>>,
    pub(crate) stores: Arc<dyn ObjectStores>,
    pub(crate) keys: Option<SealingKeys>,
    /// Where predictions are recorded, if they are.
    pub(crate) recorder: Option<Arc<Recorder>>,
    pub(crate) algorithms: BTreeMap<String, Arc<dyn Algorithm>>,
    pub(crate) progress: Option<Arc<dyn TrainingProgress>>,
    /// For whom the session acts, and what that principal may do.
    pub(crate) guard: Arc<Guard>,
    pub(crate) trainings: Trainings,
    pub(crate) loads: Arc<Mutex<LoadLog>>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MlSession")
            .field("root", &self.root.url())
            .field("user", &self.guard.user())
            .finish_non_exhaustive()
    }
}

impl Shared {
    /// The folder at `url`, sealed as the store is.
    pub(crate) async fn open_root(&self, url: &Url, options: &StoreOptions) -> Result<StoreRoot> {
        open_root(url, self.stores.as_ref(), options, self.keys.as_ref()).await
    }
}

async fn open_root(
    url: &Url,
    stores: &dyn ObjectStores,
    options: &StoreOptions,
    keys: Option<&SealingKeys>,
) -> Result<StoreRoot> {
    let root = StoreRoot::open(url, stores, options).await?;
    match keys {
        Some(keys) => root.sealed(keys),
        None => Ok(root),
    }
}

/// Puts an [`MlSession`] together.
pub struct MlSessionBuilder {
    context: SessionContext,
    algorithms: BTreeMap<String, Arc<dyn Algorithm>>,
    store: String,
    stores: Option<Arc<dyn ObjectStores>>,
    keys: Option<SealingKeys>,
    private: Vec<Url>,
    predictions: Predictions,
    progress: Option<Arc<dyn TrainingProgress>>,
    notices: Option<Arc<dyn Notices>>,
    owner: String,
    tables: TablesOf,
    user: Option<String>,
    password: Option<String>,
    logins: Logins,
}

/// Whose the tables are that CREATE TABLE makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TablesOf {
    /// They are in memory and end with the context.
    Context,
    /// They lie in the store.
    Store,
}

/// Whether predictions are recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Predictions {
    Unrecorded,
    Recorded,
}

impl MlSessionBuilder {
    /// Adds algorithms, each under its name; a later one of the same name takes the place of an earlier one.
    pub fn with_algorithms(mut self, algorithms: impl IntoIterator<Item = Arc<dyn Algorithm>>) -> Self {
        self.algorithms.extend(algorithms.into_iter().map(|algorithm| (algorithm.name().to_owned(), algorithm)));
        self
    }

    /// Where models are kept: a local folder, or the URL of a folder in any object store (`s3://bucket/prefix`,
    /// `memory:`). The default is the folder `ml` of the working directory. It is created on first use.
    pub fn with_store(mut self, location: impl Into<String>) -> Self {
        self.store = location.into();
        self
    }

    /// How object stores are opened. The default knows those that are registered with the context's runtime.
    pub fn with_object_stores(mut self, stores: Arc<dyn ObjectStores>) -> Self {
        self.stores = Some(stores);
        self
    }

    /// Seals all that is written into the store with the first of these keys, and opens with any of them what is read:
    /// models, logs, the catalog, the rows of stored tables. A store is sealed wholly or not at all, from the beginning
    /// or by [`reseal`](crate::store::reseal).
    /// Building fails if the store is not sealed, or with another key.
    pub fn with_sealing_keys(mut self, keys: SealingKeys) -> Self {
        self.keys = Some(keys);
        self
    }

    /// Names files of the program that statements of users who are no superusers must neither read nor write: keys, what runs at
    /// the start. Paths that are not absolute are below the working directory.
    pub fn with_private_files(mut self, files: impl IntoIterator<Item = PathBuf>) -> Self {
        let absolute = files.into_iter().filter_map(|file| std::path::absolute(file).ok());
        self.private.extend(absolute.filter_map(|file| Url::from_file_path(file).ok()));
        self
    }

    /// Records in the store who predicts with which version of which model and how many rows, for `SELECT * FROM ml_audit`. A
    /// record is written when a statement has ended; [`MlSession::flush_audit`] waits for that. No statement turns this off.
    pub fn with_prediction_audit(mut self) -> Self {
        self.predictions = Predictions::Recorded;
        self
    }

    /// Who is told how training gets on, while a statement waits for it.
    pub fn with_progress(mut self, progress: Arc<dyn TrainingProgress>) -> Self {
        self.progress = Some(progress);
        self
    }

    /// Who is told what is worth knowing of a statement that has succeeded, such as clauses that have no effect here.
    pub fn with_notices(mut self, notices: Arc<dyn Notices>) -> Self {
        self.notices = Some(notices);
        self
    }

    /// Lets tables, views, external tables and schemas that statements create outlive the session: they are kept in the
    /// model store, rows as Parquet, and every session over the store sees them. Tables that the program registers with the
    /// context stay its own and come first. Without this, `CREATE TABLE` makes DataFusion's tables in memory.
    pub fn with_stored_tables(mut self) -> Self {
        self.tables = TablesOf::Store;
        self
    }

    /// The name that SHOW MODEL gives as the owner of models made in this session.
    pub fn with_owner(mut self, owner: impl Into<String>) -> Self {
        self.owner = owner.into();
        self
    }

    /// Opens the session as a user of the catalog, who may do what that user has been granted. Building fails if there is no
    /// such user. Without this the session is that of the owner of the process, who may do everything. No statement
    /// changes for whom a session acts but `SET SESSION AUTHORIZATION`, which is for superusers.
    pub fn with_user(mut self, name: impl Into<String>) -> Self {
        self.user = Some(name.into());
        self
    }

    /// Has the user's password checked, where the program has not made sure who it is. Building fails if it is wrong.
    pub fn with_password(mut self, password: impl Into<String>) -> Self {
        self.password = Some(password.into());
        self
    }

    /// Wants a user with a password as soon as a user of the catalog has one. Until then a session without a user is that
    /// of the owner of the store, who has to create the first superuser.
    pub fn with_logins(mut self) -> Self {
        self.logins = Logins::Required;
        self
    }

    /// The session. Registers the `ml` options with the context. Fails if the store cannot be opened or its catalog
    /// cannot be read.
    pub async fn build(self) -> Result<MlSession> {
        let Self {
            context,
            algorithms,
            store,
            stores,
            keys,
            private,
            predictions,
            progress,
            notices,
            owner,
            tables,
            user,
            password,
            logins,
        } = self;
        {
            let state = context.state_ref();
            let mut state = state.write();
            let extensions = &mut state.config_mut().options_mut().extensions;
            if extensions.get::<MlOptions>().is_none() {
                extensions.insert(MlOptions::default());
            }
            register_explain_model(&mut state, None)?;
            register_table_functions(&mut state)?;
        }
        predict_once::install(&context);
        let stores = stores.unwrap_or_else(|| Arc::new(RegisteredStores::new(context.runtime_env())));
        let root =
            open_root(&parse_store_url(&store)?, stores.as_ref(), &StoreOptions::default(), keys.as_ref()).await?;
        let catalog = Arc::new(Catalog::new(root.clone()));
        let state = catalog.refresh().await?;
        let login = log_in(&state, user.as_deref(), password.as_deref(), logins)?;
        let recorder = (predictions == Predictions::Recorded).then(|| Arc::new(Recorder::new(root.clone())));
        let guard = Guard::new(Arc::clone(&catalog), root.clone(), private, recorder.clone(), owner, login);
        let guard = Arc::new(guard);
        guard.install(&context)?;
        let trainings = Trainings::default();
        let loads = Arc::default();
        register_last_copy(&mut context.state_ref().write(), &loads)?;
        let catalog_name = context.copied_config().options().catalog.default_catalog.clone();
        let inner = match tables {
            TablesOf::Context => None,
            TablesOf::Store => Some(context.catalog(&catalog_name).ok_or_else(|| {
                plan_datafusion_err!("stored tables need the context's default catalog, and there is no {catalog_name}")
            })?),
        };
        let shared = Arc::new_cyclic(|session| {
            let relations = inner.map(|inner| {
                root.register(&context.runtime_env());
                Arc::new(StoredRelations::new(Arc::clone(&catalog), root.clone(), inner, Weak::clone(session)))
            });
            let search_path = Mutex::default();
            Shared {
                context,
                root,
                catalog,
                relations,
                search_path,
                notices,
                stores,
                keys,
                recorder,
                algorithms,
                progress,
                guard,
                trainings,
                loads,
            }
        });
        if let Some(relations) = &shared.relations {
            shared.context.register_catalog(catalog_name, Arc::new(StoredCatalog::new(Arc::clone(relations))));
        }
        Ok(MlSession { shared })
    }
}

impl MlSession {
    /// Starts to put a session together over the caller's context.
    pub fn builder(context: SessionContext) -> MlSessionBuilder {
        MlSessionBuilder {
            context,
            algorithms: BTreeMap::new(),
            store: "ml".to_owned(),
            stores: None,
            keys: None,
            private: Vec::new(),
            predictions: Predictions::Unrecorded,
            progress: None,
            notices: None,
            tables: TablesOf::Context,
            owner: "admin".to_owned(),
            user: None,
            password: None,
            logins: Logins::Optional,
        }
    }

    /// The DataFusion context.
    pub fn context(&self) -> &SessionContext {
        &self.shared.context
    }

    /// Runs one statement of SQL, DataFusion's or ours.
    ///
    /// `CREATE MODEL` is eager: when this returns, the model is trained and committed, and the answer is one row about
    /// it. Dropping the future cancels training and leaves everything as it was. With `SET ml.background_training = true`
    /// it returns when the rows have been read, and a task of the runtime trains on, even when the session is dropped;
    /// `SHOW MODEL` tells how far it is, `DROP MODEL` cancels it, [`MlSession::finish_training`] waits for it, and when the
    /// runtime ends so does training. Queries are lazy as in [`SessionContext::sql`].
    ///
    /// Fails for a text of more than 16 MB, as Redshift does.
    pub async fn sql(&self, sql: &str) -> Result<DataFrame> {
        if sql.len() > MAX_STATEMENT_BYTES {
            return Err(invalid(format!(
                "a statement of {} bytes is too long; it may have {MAX_STATEMENT_BYTES}, and COPY loads more rows",
                sql.len()
            )));
        }
        let mut statements = MlParser::parse_sql(sql, self.dialect()?.as_ref())?;
        match (statements.pop_front(), statements.is_empty()) {
            (Some(statement), true) => {
                let executed = self.execute(statement).await;
                executed.map_err(|error| self.with_place(error, sql, Location { line: 1, column: 1 }))
            }
            (None, _) => Err(invalid("there is no statement in this text")),
            (Some(_), false) => Err(invalid("there are several statements in this text; run them one by one")),
        }
    }

    /// The dialect that the context's option `datafusion.sql_parser.dialect` names; for `redshift` ours.
    pub fn dialect(&self) -> Result<Box<dyn SqlDialect>> {
        Self::dialect_of(&self.context().state())
    }

    pub(crate) fn dialect_of(state: &SessionState) -> Result<Box<dyn SqlDialect>> {
        let name = state.config_options().sql_parser.dialect;
        if name == Dialect::Redshift {
            return Ok(Box::new(RedshiftDialect));
        }
        dialect_from_str(name)
            .ok_or_else(|| plan_datafusion_err!("there is no SQL dialect {name}; there are {}", Dialect::available()))
    }

    /// The error of [`Self::execute`] with the line and column of what it names, if it names no place and the statement has it: the
    /// one that begins at `from` in the text. [`Self::sql`] does this by itself.
    pub fn with_place(&self, error: DataFusionError, text: &str, from: Location) -> DataFusionError {
        match self.dialect() {
            Ok(dialect) => with_place(found_late(error), text, from, dialect.as_ref()),
            Err(_) => error,
        }
    }

    /// Runs one parsed statement; see [`MlSession::sql`].
    pub async fn execute(&self, statement: Statement) -> Result<DataFrame> {
        // Boxed: planning a statement is a large future.
        Box::pin(crate::execute::execute(self, statement)).await
    }

    /// Makes the functions of every model in the store known to the context.
    pub async fn resolve_all(&self) -> Result<()> {
        crate::resolve::resolve_all(self).await
    }

    /// The names of the models and of those in training, as of the last statement that read the catalog; `schema.name`
    /// outside the default schema.
    pub fn model_names(&self) -> Vec<String> {
        let default_schema = self.default_schema();
        let state = self.shared.catalog.cached();
        let rights = self.shared.guard.rights(&state);
        let names = state.names().into_iter().filter(|name| rights.may_see_model(&state, name).unwrap_or(false));
        names.map(|name| short_name(name, &default_schema)).collect()
    }

    /// The names of the models that this session is training in the background, in the order in which that began.
    pub fn training_names(&self) -> Vec<String> {
        let default_schema = self.default_schema();
        self.shared.trainings.names().iter().map(|name| short_name(name, &default_schema)).collect()
    }

    /// Waits until this session trains nothing in the background. Fails if a training has failed since this was last
    /// called, unless its model has been dropped or replaced.
    pub async fn finish_training(&self) -> Result<()> {
        self.shared.trainings.finish().await
    }

    /// Waits until the predictions of all statements that have ended are recorded, where they are. Fails if one could not be
    /// recorded since this was last called.
    pub async fn flush_audit(&self) -> Result<()> {
        match &self.shared.recorder {
            Some(recorder) => recorder.flush().await,
            None => Ok(()),
        }
    }

    /// Plans a statement whose models have been resolved, in the session's dialect.
    pub(crate) async fn plan(&self, statement: DFStatement) -> Result<LogicalPlan> {
        let places = Places::of(&statement);
        let planned = Self::plan_in(self.context().state(), statement).await;
        let planned = planned.and_then(copy_nested_as_json).and_then(|plan| match self.shared.guard.is_idle() {
            true => Ok(plan),
            // EXPLAIN would show the analyzer's error with the plan.
            false => self.shared.guard.authorize(plan.clone()).map(|_| plan),
        });
        planned.map_err(|error| with_hint(self, error, &places))
    }

    /// Plans a statement whose models have been resolved, in the dialect of `state`.
    pub(crate) async fn plan_in(state: SessionState, statement: DFStatement) -> Result<LogicalPlan> {
        if state.config_options().sql_parser.dialect == Dialect::Redshift {
            return datafusion_ml_redshift::plan(&planning_state(state)?, statement).await;
        }
        state.statement_to_plan(statement).await
    }

    /// The context's state, but in this dialect and with that default schema.
    pub(crate) fn state_of(&self, dialect: &str, default_schema: &str) -> Result<SessionState> {
        let mut state = self.context().state();
        let options = state.config_mut().options_mut();
        options.sql_parser.dialect = dialect.parse()?;
        default_schema.clone_into(&mut options.catalog.default_schema);
        Ok(state)
    }

    /// An expression that refers to no columns, in the session's dialect.
    pub(crate) fn expression(&self, text: &str) -> Result<Expr> {
        let state = self.context().state();
        let planned = match state.config_options().sql_parser.dialect {
            Dialect::Redshift => datafusion_ml_redshift::expression(&planning_state(state)?, text),
            _ => state.create_logical_expr(text, &DFSchema::empty()),
        };
        planned.map_err(|error| with_hint(self, error, &Places::default()))
    }

    /// The name of whom the session acts for: whose things are that it makes.
    pub(crate) fn user(&self) -> String {
        self.shared.guard.user()
    }

    /// Commits to the catalog in the name of whom the session acts for, and of that statement if one changed rows; see
    /// [`Catalog::commit_by`]. Fails if the user has been dropped meanwhile: what belongs to nobody would be a superuser's.
    pub(crate) async fn commit(
        &self,
        statement: Option<&str>,
        mut decide: impl FnMut(&CatalogState) -> Result<Vec<Action>>,
    ) -> Result<Arc<CatalogState>> {
        let decide = |state: &CatalogState| {
            self.shared.guard.check_there(state)?;
            decide(state)
        };
        self.shared.catalog.commit_by(Some(&self.user()), statement, decide).await
    }

    /// Says what is worth knowing of a statement that succeeds.
    pub(crate) fn notice(&self, text: &str) {
        if let Some(notices) = &self.shared.notices {
            notices.notice(text);
        }
    }

    /// The schema of names that do not say theirs.
    pub(crate) fn default_schema(&self) -> String {
        self.context().state_ref().read().config_options().catalog.default_schema.clone()
    }

    pub(crate) fn options(&self) -> MlOptions {
        MlOptions::from_config(self.context().state_ref().read().config_options())
    }
}

/// The name as a statement would say it.
fn short_name(name: &ModelName, default_schema: &str) -> String {
    if name.schema == default_schema { name.name.clone() } else { name.to_string() }
}
