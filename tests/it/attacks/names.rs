//! Names of functions, models and tables, in every place of a statement.

use super::{HIDDEN, Vault, all_as_if_absent, refusal, run};
use crate::support::{answer, try_answer, value};

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
        format!("SELECT * FROM mine QUALIFY row_number() OVER (ORDER BY {f}) = 1"),
        "SELECT * FROM mine, LATERAL (SELECT hidden_call(mine.variance, 1, 2, 3) AS p) AS t".to_owned(),
        "SELECT * FROM mine LEFT JOIN LATERAL (SELECT hidden_call(mine.variance, 1, 2, 3) AS p) AS t ON true"
            .to_owned(),
        "SELECT hidden_call(variance => 1, skewness => 2, curtosis => 3, entropy => 4)".to_owned(),
        "SELECT hidden_call(*) FROM mine".to_owned(),
        "SELECT hidden_call(1, 2, 3, 4) OVER ()".to_owned(),
        "SELECT 1 LIMIT hidden_call(1, 2, 3, 4)".to_owned(),
        "SELECT 1 IN (1, hidden_call(1, 2, 3, 4))".to_owned(),
        "SELECT abs(hidden_call(1, 2, 3, 4))".to_owned(),
        "SELECT [hidden_call(1, 2, 3, 4)]".to_owned(),
        "SELECT p.labels[0] FROM (SELECT hidden_call_probabilities(1, 2, 3, 4) AS p) AS t".to_owned(),
        "SELECT * FROM generate_series(1, hidden_call(1, 2, 3, 4))".to_owned(),
        "INSERT INTO mine (variance) VALUES (hidden_call(1, 2, 3, 4))".to_owned(),
        format!("CREATE TEMP VIEW v AS SELECT {f} AS p FROM mine"),
        format!("UNLOAD ('SELECT {f} FROM mine') TO 'stolen'"),
        format!("EXPLAIN FORMAT GRAPHVIZ SELECT {f} FROM mine"),
        format!("EXPLAIN EXPLAIN SELECT {f} FROM mine"),
        "PREPARE z(int) AS SELECT $1; EXECUTE z(hidden_call(1, 2, 3, 4))".to_owned(),
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
        "SELECT * FROM mine, LATERAL (SELECT * FROM hidden_rows WHERE hidden_rows.variance = mine.variance) AS t",
        "SELECT variance FROM mine UNION SELECT variance FROM hidden_rows",
        "WITH t AS (SELECT * FROM hidden_rows) SELECT * FROM t",
        "WITH RECURSIVE t(v) AS (SELECT 1.0 UNION ALL SELECT variance FROM hidden_rows) SELECT * FROM t",
        "SELECT * FROM hidden_rows AS t (a, b)",
        "MERGE INTO mine USING hidden_rows ON true WHEN MATCHED THEN DELETE",
        "UPDATE mine SET variance = (SELECT max(variance) FROM hidden_rows)",
        "DELETE FROM mine WHERE variance IN (SELECT variance FROM hidden_rows)",
        "SELECT * INTO t FROM hidden_rows",
        "UNLOAD ('SELECT * FROM hidden_rows') TO 'stolen'",
        "COPY (SELECT * FROM hidden_rows) TO 'stolen.csv'",
        "CREATE INDEX i ON hidden_rows (variance)",
        "ALTER TABLE hidden_rows RENAME TO t",
        "ALTER TABLE hidden_rows OWNER TO eve",
        "ALTER TABLE hidden_rows DROP COLUMN variance",
        "SHOW CREATE TABLE hidden_rows",
        "PREPARE p AS SELECT * FROM hidden_rows",
        "SELECT * FROM ml_evaluate('mine_too', (SELECT * FROM hidden_rows))",
        "DROP VIEW hidden_rows",
        "REVOKE SELECT ON hidden_rows FROM maker",
        "DESCRIBE hidden_rows",
        "SHOW COLUMNS FROM hidden_rows",
        "CREATE TABLE t (LIKE hidden_rows)",
        "CREATE TABLE t AS SELECT * FROM hidden_rows",
        "CREATE VIEW v AS SELECT * FROM hidden_rows",
        "INSERT INTO hidden_rows SELECT * FROM mine",
        "UPDATE mine SET variance = 0 FROM hidden_rows",
        "UPDATE mine SET variance = hidden_rows.variance FROM hidden_rows WHERE hidden_rows.class = mine.class",
        "DELETE FROM mine USING hidden_rows",
        "DELETE FROM mine USING mine AS m, hidden_rows WHERE hidden_rows.class = m.class",
        "MERGE INTO hidden_rows USING mine ON hidden_rows.class = mine.class WHEN MATCHED THEN DELETE",
        "MERGE INTO mine USING hidden_rows ON hidden_rows.class = mine.class REMOVE DUPLICATES",
        "SHOW TABLE hidden_rows",
        "SHOW VIEW hidden_rows",
        "DROP TABLE hidden_rows CASCADE",
        "DROP VIEW hidden_rows",
        "DROP TABLE mine, hidden_rows",
        "VALUES ((SELECT max(variance) FROM hidden_rows))",
        "EXPLAIN ANALYZE VERBOSE SELECT * FROM hidden_rows",
        "EXPLAIN INSERT INTO hidden_rows SELECT * FROM mine",
        "EXPLAIN DELETE FROM hidden_rows",
        "PREPARE q AS DELETE FROM hidden_rows",
        "PREPARE q AS INSERT INTO mine SELECT * FROM hidden_rows",
        "SHOW CREATE TABLE hidden_rows",
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
async fn the_search_path_finds_nothing_hidden() {
    let vault = Vault::new().await;
    for sql in ["CREATE SCHEMA shop", "GRANT USAGE ON SCHEMA shop TO eve", "CREATE TABLE shop.mine (a int)"] {
        run(&vault.owner, sql).await;
    }
    let eve = vault.eve().await;
    run(&eve, "SET search_path = shop, public").await;
    assert_eq!(value(&eve, "SELECT count(*) FROM mine").await, "1372", "what lies before it is not there");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_dropped_with_a_schema_is_not_named_to_who_may_not_see_it() {
    let vault = Vault::new().await;
    let eve = vault.eve().await;
    run(&vault.owner, "CREATE SCHEMA shop").await;
    run(&vault.owner, "GRANT CREATE, USAGE ON SCHEMA shop TO eve").await;
    run(&eve, "GRANT SELECT ON mine TO maker").await;
    run(&vault.user("maker").await, "CREATE VIEW hidden_view AS SELECT * FROM mine").await;
    for sql in ["DROP TABLE mine", "ALTER TABLE mine RENAME TO other"] {
        let refused = refusal(&eve, sql).await;
        assert!(refused.starts_with("a view of another user reads"), "{refused}");
    }
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
    run(&eve, "CREATE TABLE IF NOT EXISTS hidden_rows (a int)").await;
    for sql in [
        "CREATE TABLE hidden_rows (a int)",
        "CREATE TABLE hidden_rows AS SELECT 1 AS a",
        "CREATE OR REPLACE TABLE hidden_rows AS SELECT 1 AS a",
        "CREATE VIEW hidden_rows AS SELECT 1 AS a",
        "CREATE OR REPLACE VIEW hidden_rows AS SELECT 1 AS a",
    ] {
        assert_eq!(refusal(&eve, sql).await, "name public.hidden_rows is taken; choose another", "{sql}");
    }
    assert_eq!(value(&vault.owner, "SELECT count(*) FROM hidden_rows").await, "1372");
}
