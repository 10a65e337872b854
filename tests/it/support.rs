//! Sessions over throw-away stores, and their answers as text.

use std::path::PathBuf;

use datafusion::arrow::util::pretty::pretty_format_batches;
use datafusion::error::Result;
use datafusion::prelude::{SessionConfig, SessionContext};
use datafusion_ml::{MlSession, MlSessionBuilder, find_error};

/// The project's root folder.
pub(crate) fn project_root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// A table of the project's data folder.
pub(crate) fn data(name: &str) -> String {
    project_root().join("data").join(name).to_string_lossy().into_owned()
}

/// A session over the store at `location`, with the project's tables.
pub(crate) async fn session(location: &str) -> MlSession {
    session_with_threads(location, 2).await
}

/// The same with a number of threads.
pub(crate) async fn session_with_threads(location: &str, threads: usize) -> MlSession {
    builder(location, threads).await.build().await.unwrap()
}

/// The session of a user of the catalog.
pub(crate) async fn session_of(location: &str, user: &str) -> MlSession {
    builder(location, 2).await.with_user(user).build().await.unwrap()
}

/// A session to be built over the store at `location`, with the project's tables.
pub(crate) async fn builder(location: &str, threads: usize) -> MlSessionBuilder {
    let config = SessionConfig::new().with_information_schema(true).with_target_partitions(threads);
    let context = SessionContext::new_with_config(config);
    for table in ["banknote", "abalone", "customer_activity"] {
        context.register_parquet(table, data(&format!("{table}.parquet")), Default::default()).await.unwrap();
    }
    MlSession::builder(context)
        .with_algorithms(datafusion_ml_algorithms::all())
        .with_store(location)
        .with_stored_tables()
}

/// The answer as a table; errors as their message.
pub(crate) async fn answer(session: &MlSession, sql: &str) -> String {
    match try_answer(session, sql).await {
        Ok(table) => table,
        Err(error) => match find_error(&error) {
            Some(error) => error.to_string(),
            None => error.strip_backtrace(),
        },
    }
}

/// The answer as a table.
pub(crate) async fn try_answer(session: &MlSession, sql: &str) -> Result<String> {
    let batches = session.sql(sql).await?.collect().await?;
    Ok(pretty_format_batches(&batches)?.to_string())
}

/// The only value of the answer.
pub(crate) async fn value(session: &MlSession, sql: &str) -> String {
    let table = try_answer(session, sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    let cell = table.lines().nth(3).unwrap_or_default();
    cell.trim_matches(['|', ' ']).to_owned()
}

/// A small model over banknote.
pub(crate) const CREATE_BANKNOTE: &str = "CREATE MODEL banknote_model FROM banknote TARGET class FUNCTION predict_class \
    AUTO OFF MODEL_TYPE XGBOOST OBJECTIVE 'binary:logistic' PREPROCESSORS 'none' \
    HYPERPARAMETERS DEFAULT EXCEPT (NUM_ROUND '10')";

/// How many of banknote's rows the model classifies rightly.
pub(crate) const BANKNOTE_HITS: &str =
    "SELECT count(*) FROM banknote WHERE predict_class(variance, skewness, curtosis, entropy) = class";
