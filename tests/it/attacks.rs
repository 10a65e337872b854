//! Tricks to use, change or learn of what one may not: each must end as if it did not exist.
//!
//! The owner of the store has a model `hidden_model` with the functions `hidden_call`, and a table `hidden_rows`. Users:
//! `maker` may create models and see all of the owner's things, `caller` may use the model, `eve` may create models and tables
//! and nothing else.

use std::path::Path;

use datafusion_ml::MlSession;
use datafusion_ml::core::ErrorKind;
use datafusion_ml::find_error;
use tempfile::TempDir;

use crate::support::{answer, builder, session, session_of, try_answer, value};

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

#[tokio::test(flavor = "multi_thread")]
async fn a_function_is_not_found_by_any_name() {
    let vault = Vault::new().await;
    let names = [
        "SELECT hidden_call(1, 2, 3, 4)",
        "SELECT HIDDEN_CALL(1, 2, 3, 4)",
        "SELECT \"hidden_call\"(1, 2, 3, 4)",
        "SELECT public.hidden_call(1, 2, 3, 4)",
        "SELECT \"public\".\"hidden_call\"(1, 2, 3, 4)",
        "SELECT \"public.hidden_call\"(1, 2, 3, 4)",
        "SELECT hidden_call_probabilities(1, 2, 3, 4)",
        "SELECT hidden_call_prob(1, 2, 3, 4)",
        "SELECT hidden_call_explain(1, 2, 3, 4)",
        "SELECT hidden_call_score(1, 2, 3, 4)",
        "SELECT hidden_cal(1, 2, 3, 4)",
        "SELECT hidden_call()",
        "SELECT ｈidden_call(1, 2, 3, 4)",
    ];
    all_as_if_absent(&vault.eve().await, &names).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_is_not_found_in_any_place_of_a_query() {
    let vault = Vault::new().await;
    let f = "hidden_call(variance, skewness, curtosis, entropy)";
    let places = [
        format!("SELECT {f} FROM mine"),
        format!("SELECT * FROM mine WHERE {f} = 1"),
        format!("SELECT (SELECT max({f}) FROM mine)"),
        format!("SELECT 1 WHERE EXISTS (SELECT 1 FROM mine WHERE {f} = 1)"),
        format!("SELECT 1 WHERE 1 IN (SELECT {f} FROM mine)"),
        format!("SELECT * FROM (SELECT {f} FROM mine) AS t"),
        format!("WITH t AS (SELECT {f} AS p FROM mine) SELECT * FROM t"),
        format!(
            "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t, mine WHERE {f} = n AND n < 3) SELECT * FROM t"
        ),
        format!("SELECT 1 UNION ALL SELECT {f} FROM mine"),
        format!("SELECT count(*) FROM mine GROUP BY {f}"),
        format!("SELECT count(*) FROM mine HAVING max({f}) = 1"),
        format!("SELECT 1 FROM mine ORDER BY {f}"),
        "SELECT 1 FROM mine AS a JOIN mine AS b ON hidden_call(a.variance, b.skewness, 1, 2) = 1".to_owned(),
        format!("SELECT CASE WHEN {f} = 1 THEN 1 END FROM mine"),
        format!("SELECT count(*) FILTER (WHERE {f} = 1) FROM mine"),
        format!("SELECT row_number() OVER (PARTITION BY {f}) FROM mine"),
        "SELECT * FROM (VALUES (hidden_call(1, 2, 3, 4))) AS t".to_owned(),
        format!("EXPLAIN SELECT {f} FROM mine"),
        format!("EXPLAIN ANALYZE SELECT {f} FROM mine"),
        format!("EXPLAIN VERBOSE SELECT {f} FROM mine"),
        format!("PREPARE p AS SELECT {f} FROM mine"),
        format!("CREATE TABLE t AS SELECT {f} AS p FROM mine"),
        format!("CREATE TEMP TABLE t AS SELECT {f} AS p FROM mine"),
        format!("CREATE VIEW v AS SELECT {f} AS p FROM mine"),
        format!("INSERT INTO mine (variance) SELECT {f} FROM mine"),
        format!("DELETE FROM mine WHERE {f} = 1"),
        format!("UPDATE mine SET variance = {f}"),
        format!("COPY (SELECT {f} FROM mine) TO 'stolen.csv'"),
        format!(
            "CREATE MODEL m FROM (SELECT *, {f} AS p FROM mine) TARGET p FUNCTION g AUTO OFF MODEL_TYPE XGBOOST HYPERPARAMETERS DEFAULT"
        ),
        format!(
            "EXPLAIN CREATE MODEL m FROM (SELECT *, {f} AS p FROM mine) TARGET p FUNCTION g AUTO OFF MODEL_TYPE XGBOOST HYPERPARAMETERS DEFAULT"
        ),
    ];
    all_as_if_absent(&vault.eve().await, &places.each_ref().map(String::as_str)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_tells_nothing() {
    let vault = Vault::new().await;
    let asked = [
        "SHOW MODEL hidden_model",
        "SHOW MODEL public.hidden_model",
        "SHOW MODEL \"hidden_model\"",
        "SHOW MODEL HIDDEN_MODEL",
        "SHOW MODEL hidden_mode",
        "SELECT explain_model('hidden_model')",
        "SELECT explain_model('public.hidden_model')",
        "SELECT explain_model('HIDDEN_MODEL')",
        "SELECT * FROM ml_trees('hidden_model')",
        "SELECT * FROM ml_training_info('hidden_model')",
        "SELECT * FROM ml_trials('hidden_model')",
        "SELECT * FROM ml_weights('hidden_model')",
        "SELECT * FROM ml_centroids('hidden_model')",
        "SELECT * FROM ml_evaluate('hidden_model', (SELECT * FROM mine))",
        "SELECT * FROM ml_confusion_matrix('hidden_model', (SELECT * FROM mine))",
        "SELECT * FROM ml_roc_curve('hidden_model', (SELECT * FROM mine))",
        "DROP MODEL hidden_model",
        "GRANT EXECUTE ON MODEL hidden_model TO eve",
        "GRANT ALL ON MODEL hidden_model TO PUBLIC",
        "REVOKE EXECUTE ON MODEL hidden_model FROM caller",
        "GRANT EXECUTE ON FUNCTION hidden_call(int) TO eve",
    ];
    all_as_if_absent(&vault.eve().await, &asked).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_is_not_found() {
    let vault = Vault::new().await;
    let asked = [
        "SELECT * FROM hidden_rows",
        "SELECT * FROM HIDDEN_ROWS",
        "SELECT * FROM \"hidden_rows\"",
        "SELECT * FROM public.hidden_rows",
        "SELECT * FROM datafusion.public.hidden_rows",
        "SELECT * FROM hidden_row",
        "SELECT * FROM mine WHERE variance IN (SELECT variance FROM hidden_rows)",
        "EXPLAIN SELECT * FROM hidden_rows",
        "DESCRIBE hidden_rows",
        "SHOW COLUMNS FROM hidden_rows",
        "CREATE TABLE t (LIKE hidden_rows)",
        "CREATE TABLE t AS SELECT * FROM hidden_rows",
        "CREATE VIEW v AS SELECT * FROM hidden_rows",
        "INSERT INTO hidden_rows SELECT * FROM mine",
        "UPDATE hidden_rows SET variance = 0",
        "DELETE FROM hidden_rows",
        "DELETE FROM hidden_rows WHERE variance > 0",
        "TRUNCATE TABLE hidden_rows",
        "DROP TABLE hidden_rows",
        "COPY hidden_rows FROM 'nothing.csv' CSV",
        "COPY hidden_rows TO 'stolen.csv'",
        "GRANT SELECT ON hidden_rows TO eve",
        "CREATE MODEL m FROM hidden_rows TARGET class FUNCTION g AUTO OFF MODEL_TYPE XGBOOST HYPERPARAMETERS DEFAULT",
    ];
    all_as_if_absent(&vault.eve().await, &asked).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_lists_what_is_hidden() {
    let vault = Vault::new().await;
    let eve = vault.eve().await;
    for sql in [
        "SHOW MODEL ALL",
        "SHOW TABLES",
        "SHOW FUNCTIONS",
        "SELECT * FROM svv_ml_model_info",
        "SELECT * FROM stv_ml_model_info",
        "SELECT * FROM svv_ml_model_privileges",
        "SELECT * FROM pg_catalog.pg_proc",
        "SELECT * FROM information_schema.tables",
        "SELECT * FROM information_schema.columns",
        "SELECT * FROM information_schema.views",
        "SELECT * FROM information_schema.routines",
        "SELECT * FROM information_schema.parameters",
    ] {
        assert!(answer(&vault.owner, sql).await.len() > 10);
        let listed = try_answer(&eve, sql).await.unwrap();
        assert!(!listed.contains("hidden"), "{sql}:\n{listed}");
    }
    assert_eq!(eve.model_names(), Vec::<String>::new());
    assert_eq!(vault.owner.model_names(), ["hidden_model"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoke_bites_on_what_was_made_before_it() {
    let vault = Vault::new().await;
    let caller = vault.user("caller").await;
    run(&caller, "CREATE VIEW calls AS SELECT hidden_call(1, 2, 3, 4) AS p").await;
    // With a call of constants alone, its value at the time of PREPARE would be what is prepared.
    run(&caller, "PREPARE p AS SELECT hidden_call(variance, skewness, curtosis, entropy) FROM banknote").await;
    let rows = "SELECT hidden_call(variance, skewness, curtosis, entropy) FROM banknote";
    let later = caller.sql(rows).await.unwrap();
    let tree = caller.sql("SELECT * FROM ml_trees('hidden_model')").await.unwrap();
    let table = caller.context().table("calls").await.unwrap();
    let everyone = [
        CALL,
        rows,
        "SELECT * FROM calls",
        "EXECUTE p",
        "SELECT explain_model('hidden_model')",
        "SELECT * FROM ml_trees('hidden_model')",
        "SELECT * FROM ml_evaluate('hidden_model', (SELECT * FROM banknote))",
        "SHOW MODEL hidden_model",
    ];
    for sql in everyone {
        run(&caller, sql).await;
    }
    run(&vault.owner, "REVOKE EXECUTE ON MODEL hidden_model FROM caller").await;
    for sql in &everyone[..6] {
        assert!(plain(&caller, sql).await.is_err(), "ctx.sql: {sql}");
    }
    assert!(later.collect().await.is_err());
    assert!(tree.collect().await.is_err());
    assert!(table.collect().await.is_err());
    for sql in everyone {
        refusal(&caller, sql).await;
    }
    run(&vault.owner, "GRANT EXECUTE ON MODEL hidden_model TO PUBLIC").await;
    run(&caller, CALL).await;
    run(&vault.owner, "REVOKE ALL ON MODEL hidden_model FROM PUBLIC").await;
    refusal(&caller, CALL).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_runs_with_its_owners_rights_and_lends_them_to_nothing_else() {
    let vault = Vault::new().await;
    let (maker, eve) = (vault.user("maker").await, vault.eve().await);
    let f = "hidden_call(variance, skewness, curtosis, entropy)";
    run(&maker, &format!("CREATE VIEW inner_view AS SELECT variance, {f} AS p FROM hidden_rows")).await;
    run(&maker, "CREATE VIEW outer_view AS SELECT p, explain_model('hidden_model') AS e FROM inner_view").await;
    refusal(&eve, "SELECT count(*) FROM outer_view").await;
    run(&maker, "GRANT SELECT ON outer_view TO eve").await;
    let count = "SELECT count(*) FROM outer_view WHERE p = 1 AND e IS NOT NULL";
    assert_ne!(value(&eve, count).await, "0");
    all_as_if_absent(&eve, &[CALL, "SELECT * FROM hidden_rows", "SELECT explain_model('hidden_model')"]).await;
    refusal(&eve, "SELECT * FROM inner_view").await;
    refusal(&eve, "SELECT * FROM outer_view, inner_view").await;
    refusal(&eve, &format!("SELECT p FROM outer_view UNION ALL {CALL}")).await;
    assert_ne!(value(&eve, count).await, "0");
    assert!(plain(&eve, "SELECT explain_model('hidden_model')").await.is_err());
    assert!(plain(&eve, CALL).await.is_err());
    // Who owns the view may use the model no more.
    run(&vault.owner, "REVOKE EXECUTE ON MODEL hidden_model FROM maker").await;
    assert_eq!(refusal(&eve, count).await, "view public.outer_view cannot be read; ask its owner maker");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_of_the_same_name_is_another() {
    let vault = Vault::new().await;
    let caller = vault.user("caller").await;
    run(&caller, CALL).await;
    run(&vault.owner, "DROP MODEL hidden_model").await;
    assert!(plain(&caller, CALL).await.is_err());
    let maker = vault.user("maker").await;
    run(&maker, HIDDEN).await;
    refusal(&caller, CALL).await;
    assert!(plain(&caller, CALL).await.is_err());
    run(&vault.owner, CALL).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_are_taken_without_telling_by_what() {
    let vault = Vault::new().await;
    let eve = vault.eve().await;
    let mine = HIDDEN.replace("hidden_rows", "mine");
    for create in [mine.clone(), mine.replace("CREATE", "CREATE OR REPLACE")] {
        assert_eq!(refusal(&eve, &create).await, "model name public.hidden_model is taken; choose another");
    }
    for (taken, name) in [("hidden_call", "hidden_call"), ("hidden_call_prob", "hidden_call_prob")] {
        let create = mine.replace("hidden_model", "m").replace("hidden_call", taken);
        let refused = refusal(&eve, &create).await;
        assert!(refused.starts_with(&format!("function name public.{name}")), "{refused}");
        assert!(!refused.contains("hidden_model"), "{refused}");
    }
    let maker = vault.user("maker").await;
    let refused = refusal(&maker, &HIDDEN.replace("CREATE", "CREATE OR REPLACE")).await;
    assert!(refused.starts_with("permission denied for model public.hidden_model"), "{refused}");
    refusal(&eve, "CREATE OR REPLACE TABLE hidden_rows AS SELECT 1 AS a").await;
    refusal(&eve, "CREATE OR REPLACE VIEW hidden_rows AS SELECT 1 AS a").await;
    assert_eq!(value(&vault.owner, "SELECT count(*) FROM hidden_rows").await, "1372");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_becomes_another() {
    let vault = Vault::new().await;
    let eve = vault.eve().await;
    for sql in [
        "SET SESSION AUTHORIZATION maker",
        "SET SESSION AUTHORIZATION 'maker'",
        "SET SESSION AUTHORIZATION nobody",
        "ALTER USER eve CREATEUSER",
        "ALTER USER maker PASSWORD 'mine'",
        "CREATE USER eve2 CREATEUSER",
        "CREATE GROUP g WITH USER eve",
        "CREATE ROLE r",
        "DROP USER maker",
        "GRANT CREATE MODEL TO PUBLIC",
        "GRANT ASSUMEROLE ON ALL TO eve FOR CREATE MODEL",
        "GRANT USAGE ON SCHEMA public TO eve",
        "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
        "CREATE SCHEMA s",
        "DROP SCHEMA demo",
        "VACUUM",
        "SET ml.user = 'maker'",
        "SET ml.owner = 'maker'",
        "SET datafusion.user = 'maker'",
    ] {
        refusal(&eve, sql).await;
    }
    for sql in [
        "SET ml.seed = 1",
        "SET ml.threads = 1",
        "SET ml.validation_fraction = 0.1",
        "SET ml.refit_max_rows = 10",
        "SET ml.auto_max_candidates = 3",
        "SET ml.training_buffer_bytes = 1000",
        "SET ml.background_training = true",
        "SET ml.vacuum_keep_seconds = 0",
        "SET ml.bucket_root = ''",
        "SET search_path = public",
        "RESET SESSION AUTHORIZATION",
        "SET SESSION AUTHORIZATION DEFAULT",
        "SET SESSION AUTHORIZATION eve",
    ] {
        run(&eve, sql).await;
        refusal(&eve, CALL).await;
        assert_eq!(value(&eve, "SELECT current_user").await, "eve");
    }
    run(&vault.owner, "CREATE USER boss CREATEUSER").await;
    let boss = vault.user("boss").await;
    run(&boss, "SET SESSION AUTHORIZATION caller").await;
    run(&boss, CALL).await;
    run(&vault.owner, "ALTER USER boss NOCREATEUSER").await;
    refusal(&boss, CALL).await;
    assert_eq!(value(&boss, "SELECT current_user").await, "boss");
    run(&vault.owner, "SET SESSION AUTHORIZATION eve").await;
    refusal(&vault.owner, CALL).await;
    assert!(plain(&vault.owner, CALL).await.is_err());
    run(&vault.owner, "RESET SESSION AUTHORIZATION").await;
    run(&vault.owner, CALL).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn four_kinds_of_holders_drop_a_model() {
    let vault = Vault::new().await;
    for sql in ["CREATE ROLE cleaner", "GRANT DROP MODEL TO ROLE cleaner", "CREATE SCHEMA shop"] {
        run(&vault.owner, sql).await;
    }
    refusal(&vault.owner, "GRANT DROP MODEL TO eve").await;
    let (caller, eve) = (vault.user("caller").await, vault.eve().await);
    let refused = refusal(&caller, "DROP MODEL hidden_model").await;
    assert!(refused.starts_with("permission denied for model public.hidden_model"), "{refused}");
    refusal(&eve, "DROP MODEL hidden_model").await;
    run(&eve, "DROP MODEL IF EXISTS hidden_model").await;
    run(&vault.owner, CALL).await;
    // A role.
    run(&vault.owner, "GRANT ROLE cleaner TO eve").await;
    run(&eve, "DROP MODEL hidden_model").await;
    // The owner, and a superuser.
    let maker = vault.user("maker").await;
    for session in [&maker, &vault.owner] {
        run(&maker, HIDDEN).await;
        run(session, "DROP MODEL hidden_model").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rights_end_with_the_group_the_role_and_the_user() {
    let vault = Vault::new().await;
    let eve = vault.eve().await;
    for sql in [
        "CREATE GROUP g WITH USER eve",
        "CREATE ROLE high",
        "CREATE ROLE low",
        "GRANT EXECUTE ON MODEL hidden_model TO GROUP g",
    ] {
        run(&vault.owner, sql).await;
    }
    run(&eve, CALL).await;
    run(&vault.owner, "ALTER GROUP g DROP USER eve").await;
    refusal(&eve, CALL).await;
    run(&vault.owner, "GRANT EXECUTE ON MODEL hidden_model TO ROLE low").await;
    run(&vault.owner, "GRANT ROLE low TO ROLE high").await;
    run(&vault.owner, "GRANT ROLE high TO eve").await;
    refusal(&vault.owner, "GRANT ROLE high TO ROLE low").await;
    run(&eve, CALL).await;
    run(&vault.owner, "REVOKE ROLE low FROM ROLE high").await;
    refusal(&eve, CALL).await;
    let caller = vault.user("caller").await;
    run(&caller, CALL).await;
    run(&vault.owner, "REVOKE EXECUTE ON MODEL hidden_model FROM caller").await;
    run(&vault.owner, "DROP USER caller").await;
    run(&vault.owner, "GRANT EXECUTE ON MODEL hidden_model TO PUBLIC").await;
    refusal(&caller, CALL).await;
    // Another user of the same name has what PUBLIC has.
    run(&vault.owner, "CREATE USER caller").await;
    run(&vault.user("caller").await, CALL).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_grant_may_not_more_than_was_granted() {
    let vault = Vault::new().await;
    let caller = vault.user("caller").await;
    refusal(&caller, "GRANT EXECUTE ON MODEL hidden_model TO eve").await;
    run(&vault.owner, "GRANT EXECUTE ON MODEL hidden_model TO caller WITH GRANT OPTION").await;
    run(&caller, "GRANT EXECUTE ON MODEL hidden_model TO eve").await;
    run(&vault.eve().await, CALL).await;
    let refused = refusal(&vault.owner, "REVOKE EXECUTE ON MODEL hidden_model FROM caller RESTRICT").await;
    assert!(refused.contains("has granted EXECUTE on model public.hidden_model to others"), "{refused}");
    run(&caller, "REVOKE EXECUTE ON MODEL hidden_model FROM eve").await;
    run(&vault.owner, "REVOKE GRANT OPTION FOR EXECUTE ON MODEL hidden_model FROM caller").await;
    run(&caller, CALL).await;
    refusal(&caller, "GRANT EXECUTE ON MODEL hidden_model TO eve").await;
    refusal(&vault.owner, "GRANT EXECUTE ON MODEL hidden_model TO PUBLIC WITH GRANT OPTION").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_files_of_the_store_are_out_of_reach() {
    let vault = Vault::new().await;
    let eve = vault.eve().await;
    let store = store(vault.folder.path());
    let around = vault.folder.path().join("other/../store/catalog/x.csv");
    std::fs::create_dir(vault.folder.path().join("other")).unwrap();
    for sql in [
        format!("COPY (SELECT 1 AS a) TO '{store}/catalog/00000000000000000099.json' STORED AS JSON"),
        format!("COPY (SELECT 1 AS a) TO '{}'", around.display()),
        format!("CREATE EXTERNAL TABLE t STORED AS JSON LOCATION '{store}/catalog/'"),
        format!("CREATE EXTERNAL TABLE t STORED AS PARQUET LOCATION '{store}/tables/'"),
    ] {
        if try_answer(&eve, &sql).await.is_ok() {
            refusal(&eve, "SELECT * FROM t").await;
            run(&eve, "DROP TABLE t").await;
        }
    }
    assert!(!vault.folder.path().join("store/catalog/00000000000000000099.json").exists());
    for sql in [
        format!("COPY mine FROM '{store}/catalog/00000000000000000001.json' JSON 'auto'"),
        format!("COPY mine FROM '{store}/tables/' PARQUET"),
        format!("UNLOAD ('SELECT 1 AS a') TO '{store}/catalog/0000' ALLOWOVERWRITE"),
    ] {
        let refused = refusal(&eve, &sql).await;
        assert!(refused.contains("this place is the store's own"), "{sql}: {refused}");
    }
    run(&vault.owner, CALL).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_opens_a_session_and_is_nowhere_to_be_read() {
    let vault = Vault::new().await;
    let location = store(vault.folder.path());
    let open = async |user: &str, password: &str| {
        builder(&location, 2).await.with_logins().with_user(user).with_password(password).build().await
    };
    assert!(open("eve", "geheim-1").await.is_ok());
    for (user, password) in [("eve", "geheim-2"), ("maker", ""), ("nobody", "geheim-1"), ("EVE", "geheim-1")] {
        let error = open(user, password).await.unwrap_err();
        let error = find_error(&error).unwrap();
        assert_eq!(error.kind(), ErrorKind::Denied);
        assert_eq!(error.message(), format!("password authentication failed for user {user}"));
    }
    assert!(builder(&location, 2).await.with_logins().build().await.is_err());
    assert!(builder(&location, 2).await.with_user("nobody").build().await.is_err());
    for sql in [
        "ALTER USER eve PASSWORD geheim",
        "ALTER USER eve PASSWORD 'geheim-3' geheim",
        "CREATE USER eve PASSWORD 'geheim-3'",
        "ALTER USER nobody PASSWORD 'geheim-3'",
    ] {
        let refused = refusal(&vault.owner, sql).await;
        assert!(!refused.contains("geheim"), "{refused}");
    }
    for file in std::fs::read_dir(vault.folder.path().join("store/catalog")).unwrap() {
        assert!(!std::fs::read_to_string(file.unwrap().path()).unwrap().contains("geheim"));
    }
    run(&vault.user("eve").await, "ALTER USER eve PASSWORD DISABLE").await;
    assert!(open("eve", "geheim-1").await.is_err());
}
