//! Tricks to use, change or learn of what one may not: each must end as if it did not exist. A trick is a test.
//!
//! The owner of the store has a model `hidden_model` with the functions `hidden_call`, and a table `hidden_rows`. Users:
//! `maker` may create models and see all of the owner's things, `caller` may use the model, `eve` may create models and tables,
//! has the table `mine`, and nothing else.

mod another_user;
mod assumed_roles;
mod deep_and_long;
mod deep_views;
mod files_of_the_store;
mod grants;
mod hidden_function;
mod hidden_model;
mod hidden_table;
mod names;
mod paths;
mod revokes;
mod system_views;
mod tampering;
mod view_models;
mod views;
mod writes;

use std::fs;
use std::path::{Path, PathBuf};

use datafusion_ml::{MlSession, find_error};
use tempfile::TempDir;
use tokio::sync::OnceCell;

use crate::support::{session, session_of, try_answer};

/// Tests of these names, each of which does with its trick what `$how` does.
macro_rules! tricks {
    ($how:path; $($(#[$attribute:meta])* $name:ident => $($argument:expr),+;)+) => {$(
        $(#[$attribute])*
        #[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            $how($($argument),+).await
        }
    )+};
}
use tricks;

const HIDDEN: &str = "CREATE MODEL hidden_model FROM hidden_rows TARGET class FUNCTION hidden_call \
    AUTO OFF MODEL_TYPE XGBOOST OBJECTIVE 'binary:logistic' PREPROCESSORS 'none' HYPERPARAMETERS DEFAULT EXCEPT (NUM_ROUND '3')";

const CALL: &str = "SELECT hidden_call(1, 2, 3, 4)";

/// The files of a store in which there is something to steal, by their paths.
static FILES: OnceCell<Vec<(PathBuf, Vec<u8>)>> = OnceCell::const_new();

/// A store in which there is something to steal, of one's own.
struct Vault {
    folder: TempDir,
    owner: MlSession,
}

impl Vault {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (file, bytes) in FILES.get_or_init(files).await {
            let file = folder.path().join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, bytes).unwrap();
        }
        Self { owner: session(&store(folder.path())).await, folder }
    }

    async fn user(&self, name: &str) -> MlSession {
        session_of(&store(self.folder.path()), name).await
    }

    async fn eve(&self) -> MlSession {
        self.user("eve").await
    }

    /// What the owner does to set a trap.
    async fn set_up(&self, statements: &[&str]) {
        run_all(&self.owner, statements).await;
    }
}

async fn files() -> Vec<(PathBuf, Vec<u8>)> {
    let folder = tempfile::tempdir().unwrap();
    let owner = session(&store(folder.path())).await;
    let statements = [
        "CREATE TABLE hidden_rows AS SELECT * FROM banknote",
        HIDDEN,
        "CREATE USER maker",
        "CREATE USER caller",
        "CREATE USER eve PASSWORD 'geheim-1'",
        "GRANT CREATE MODEL TO maker, eve",
        "GRANT SELECT ON hidden_rows TO maker",
        "GRANT EXECUTE ON MODEL hidden_model TO maker, caller",
    ];
    run_all(&owner, &statements).await;
    run(&session_of(&store(folder.path()), "eve").await, "CREATE TABLE mine AS SELECT * FROM banknote").await;
    let read = |file: PathBuf| (file.strip_prefix(&folder).unwrap().to_owned(), fs::read(&file).unwrap());
    files_below(folder.path()).into_iter().map(read).collect()
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let (mut found, mut open) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { open.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    found
}

fn store(folder: &Path) -> String {
    folder.join("store").to_string_lossy().into_owned()
}

async fn run(session: &MlSession, sql: &str) {
    try_answer(session, sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
}

async fn run_all(session: &MlSession, statements: &[&str]) {
    for sql in statements {
        run(session, sql).await;
    }
}

async fn refusal(session: &MlSession, sql: &str) -> String {
    match try_answer(session, sql).await {
        Ok(table) => panic!("{sql} was answered:\n{table}"),
        Err(error) => find_error(&error).map_or_else(|| error.strip_backtrace(), ToString::to_string),
    }
}

/// What an error says, without where in the statement.
fn placeless(error: &str) -> String {
    match error.split_once(" at line ") {
        Some((fact, rest)) => fact.to_owned() + rest.find([';', ':']).map_or("", |end| &rest[end..]),
        None => error.to_owned(),
    }
}

/// Past the session: `ctx.sql` of its context.
async fn plain(session: &MlSession, sql: &str) -> Result<usize, String> {
    let frame = session.context().sql(sql).await.map_err(|e| e.to_string())?;
    frame.collect().await.map(|batches| batches.len()).map_err(|e| e.to_string())
}

/// Fails unless the statement is refused, in the very words for things that are not there.
async fn as_if_absent(session: &MlSession, sql: &str) {
    let absent = |text: &str| text.replace("hidden", "absent").replace("HIDDEN", "ABSENT");
    let refused = refusal(session, sql).await;
    assert_eq!(absent(&refused), refusal(session, &absent(sql)).await, "{sql}");
}

/// Eve is answered as if there were nothing, and past the session, too; the owner is answered.
async fn hides(sql: &str) {
    let vault = Vault::new().await;
    let sql = &sql.replace("$folder", &vault.folder.path().to_string_lossy());
    let eve = vault.eve().await;
    as_if_absent(&eve, sql).await;
    assert!(plain(&eve, sql).await.is_err(), "{sql}");
    run(&vault.owner, sql).await;
}

/// The same in Redshift's dialect.
async fn hides_in_redshift(sql: &str) {
    let vault = Vault::new().await;
    let eve = vault.eve().await;
    for session in [&eve, &vault.owner] {
        run(session, "SET datafusion.sql_parser.dialect = 'redshift'").await;
    }
    as_if_absent(&eve, sql).await;
    run(&vault.owner, sql).await;
}

/// Eve is answered as if there were nothing; the owner is not answered, either.
async fn tells_nothing(sql: &str) {
    let vault = Vault::new().await;
    as_if_absent(&vault.eve().await, sql).await;
    refusal(&vault.owner, sql).await;
}

/// Eve is refused, and past the session, too; the owner is answered.
async fn refuses(set_up: &[&str], sql: &str) {
    let vault = Vault::new().await;
    vault.set_up(set_up).await;
    let eve = vault.eve().await;
    refusal(&eve, sql).await;
    assert!(plain(&eve, sql).await.is_err(), "{sql}");
    run(&vault.owner, sql).await;
}
