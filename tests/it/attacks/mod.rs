//! Tricks to use, change or learn of what one may not: each must end as if it did not exist.
//!
//! The owner of the store has a model `hidden_model` with the functions `hidden_call`, and a table `hidden_rows`. Users:
//! `maker` may create models and see all of the owner's things, `caller` may use the model, `eve` may create models and tables
//! and nothing else.

mod files;
mod grants;
mod names;
mod places;
mod resources;
mod sessions;
mod views;

use std::path::Path;

use datafusion_ml::{MlSession, find_error};
use tempfile::TempDir;

use crate::support::{session, session_of, try_answer};

/// A store in which there is something to steal.
struct Vault {
    folder: TempDir,
    owner: MlSession,
}

const HIDDEN: &str = "CREATE MODEL hidden_model FROM hidden_rows TARGET class FUNCTION hidden_call \
    AUTO OFF MODEL_TYPE XGBOOST OBJECTIVE 'binary:logistic' PREPROCESSORS 'none' HYPERPARAMETERS DEFAULT EXCEPT (NUM_ROUND '3')";

const CALL: &str = "SELECT hidden_call(1, 2, 3, 4)";

impl Vault {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let owner = session(&store(folder.path())).await;
        for sql in [
            "CREATE TABLE hidden_rows AS SELECT * FROM banknote",
            HIDDEN,
            "CREATE USER maker",
            "CREATE USER caller",
            "CREATE USER eve PASSWORD 'geheim-1'",
            "GRANT CREATE MODEL TO maker, eve",
            "GRANT SELECT ON hidden_rows TO maker",
            "GRANT EXECUTE ON MODEL hidden_model TO maker, caller",
        ] {
            run(&owner, sql).await;
        }
        Self { folder, owner }
    }

    async fn user(&self, name: &str) -> MlSession {
        session_of(&store(self.folder.path()), name).await
    }

    async fn eve(&self) -> MlSession {
        let eve = self.user("eve").await;
        run(&eve, "CREATE TABLE mine AS SELECT * FROM banknote").await;
        eve
    }
}

fn store(folder: &Path) -> String {
    folder.join("store").to_string_lossy().into_owned()
}

async fn run(session: &MlSession, sql: &str) {
    try_answer(session, sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
}

async fn refusal(session: &MlSession, sql: &str) -> String {
    match try_answer(session, sql).await {
        Ok(table) => panic!("{sql} was answered:\n{table}"),
        Err(error) => find_error(&error).map_or_else(|| error.strip_backtrace(), ToString::to_string),
    }
}

async fn plain(session: &MlSession, sql: &str) -> Result<usize, String> {
    let frame = session.context().sql(sql).await.map_err(|e| e.to_string())?;
    frame.collect().await.map(|batches| batches.len()).map_err(|e| e.to_string())
}

/// Fails unless every statement is refused, in the very words for things that are not there.
async fn all_as_if_absent(session: &MlSession, statements: &[&str]) {
    for sql in statements {
        let hidden = refusal(session, sql).await;
        let absent = sql.replace("hidden", "absent").replace("HIDDEN", "ABSENT");
        let absent = refusal(session, &absent).await;
        assert_eq!(hidden.replace("hidden", "absent").replace("HIDDEN", "ABSENT"), absent, "{sql}");
    }
}
