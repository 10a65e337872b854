//! What is granted, to whom, and for how long.

use tokio::task::LocalSet;

use super::{CALL, HIDDEN, Vault, plain, refusal, run};
use crate::support::value;

#[tokio::test(flavor = "multi_thread")]
async fn a_revoke_bites_on_what_was_made_before_it() {
    let vault = Vault::new().await;
    let caller = vault.user("caller").await;
    run(&caller, "CREATE VIEW calls AS SELECT hidden_call(1, 2, 3, 4) AS p").await;
    run(&caller, "PREPARE p AS SELECT hidden_call(variance, skewness, curtosis, entropy) FROM banknote").await;
    // Of a call of constants DataFusion keeps the value.
    run(&caller, "PREPARE constant AS SELECT hidden_call(1, 2, 3, 4)").await;
    run(&caller, "PREPARE given(double) AS SELECT hidden_call($1, 2, 3, 4), (SELECT * FROM calls)").await;
    let rows = "SELECT hidden_call(variance, skewness, curtosis, entropy) FROM banknote";
    let later = caller.sql(rows).await.unwrap();
    refusal(&vault.eve().await, "CREATE TABLE t (a int, b int DEFAULT hidden_call(1, 2, 3, 4))").await;
    let tree = caller.sql("SELECT * FROM ml_trees('hidden_model')").await.unwrap();
    let table = caller.context().table("calls").await.unwrap();
    let everyone = [
        CALL,
        rows,
        "SELECT * FROM calls",
        "EXECUTE p",
        "EXECUTE constant",
        "EXECUTE given(1.5)",
        "SELECT explain_model('hidden_model')",
        "SELECT * FROM ml_trees('hidden_model')",
        "SELECT * FROM ml_evaluate('hidden_model', (SELECT * FROM banknote))",
        "SHOW MODEL hidden_model",
    ];
    for sql in everyone {
        run(&caller, sql).await;
    }
    run(&vault.owner, "REVOKE EXECUTE ON MODEL hidden_model FROM caller").await;
    for sql in &everyone[..8] {
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
async fn who_has_given_a_table_away_has_it_no_more() {
    let vault = Vault::new().await;
    let eve = vault.eve().await;
    for sql in ["PREPARE put AS INSERT INTO mine SELECT * FROM banknote", "PREPARE took AS SELECT * FROM mine"] {
        run(&eve, sql).await;
    }
    run(&eve, "EXECUTE put").await;
    let later = eve.sql("SELECT * FROM mine").await.unwrap();
    run(&vault.owner, "ALTER TABLE mine OWNER TO maker").await;
    for sql in ["EXECUTE put", "EXECUTE took", "SELECT * FROM mine"] {
        refusal(&eve, sql).await;
        assert!(plain(&eve, sql).await.is_err(), "{sql}");
    }
    assert!(later.collect().await.is_err());
    assert_eq!(value(&vault.owner, "SELECT count(*) FROM mine").await, "2744");
    // By another name, too, it is what it was.
    run(&vault.owner, "GRANT SELECT ON mine TO eve").await;
    run(&eve, "PREPARE read AS SELECT count(*) FROM mine").await;
    run(&vault.owner, "ALTER TABLE mine RENAME TO theirs").await;
    run(&eve, "EXECUTE read").await;
    run(&vault.owner, "REVOKE SELECT ON theirs FROM eve").await;
    refusal(&eve, "EXECUTE read").await;
}

/// A plan of a view is that of no other which has got its name.
#[tokio::test(flavor = "multi_thread")]
async fn a_view_of_the_same_name_is_another() {
    let vault = Vault::new().await;
    let (maker, eve) = (vault.user("maker").await, vault.eve().await);
    run(&vault.owner, "GRANT SELECT ON hidden_rows TO eve").await;
    run(&eve, "CREATE VIEW v AS SELECT * FROM hidden_rows").await;
    let later = eve.sql("SELECT * FROM v").await.unwrap();
    run(&eve, "PREPARE p AS SELECT * FROM v").await;
    run(&eve, "DROP VIEW v").await;
    run(&vault.owner, "REVOKE SELECT ON hidden_rows FROM eve").await;
    run(&maker, "CREATE VIEW v AS SELECT 1 AS a FROM hidden_rows").await;
    run(&maker, "GRANT SELECT ON v TO eve").await;
    assert!(later.collect().await.is_err());
    refusal(&eve, "EXECUTE p").await;
    run(&eve, "SELECT * FROM v").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_insert_may_not_take_away() {
    let vault = Vault::new().await;
    run(&vault.owner, "CREATE TABLE letters AS SELECT 1 AS a").await;
    run(&vault.owner, "GRANT INSERT ON letters TO eve").await;
    let eve = vault.eve().await;
    run(&eve, "INSERT INTO letters VALUES (2)").await;
    for sql in [
        "INSERT OVERWRITE letters SELECT 3 AS a",
        "INSERT OVERWRITE TABLE letters SELECT 3 AS a",
        "REPLACE INTO letters VALUES (3)",
        "MERGE INTO letters USING letters AS l ON letters.a = l.a WHEN MATCHED THEN DELETE",
        "MERGE INTO letters USING (SELECT 1 AS a) AS l ON letters.a = l.a REMOVE DUPLICATES",
        "TRUNCATE letters",
        "DELETE FROM letters",
        "UPDATE letters SET a = 3",
        "INSERT INTO letters SELECT a FROM letters",
        "INSERT INTO letters VALUES (4) RETURNING a",
        "CREATE OR REPLACE TABLE letters AS SELECT 3 AS a",
        "ALTER TABLE letters ADD COLUMN b int",
        "ALTER TABLE letters RENAME TO mail",
    ] {
        refusal(&eve, sql).await;
        assert!(plain(&eve, sql).await.is_err(), "{sql}");
    }
    assert_eq!(value(&vault.owner, "SELECT string_agg(a::varchar, ' ' ORDER BY a) FROM letters").await, "1 2");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoke_bites_in_a_local_set() {
    let vault = Vault::new().await;
    let caller = vault.user("caller").await;
    run(&caller, CALL).await;
    LocalSet::new()
        .run_until(async {
            plain(&caller, CALL).await.unwrap();
            run(&vault.owner, "REVOKE EXECUTE ON MODEL hidden_model FROM caller").await;
            assert!(plain(&caller, CALL).await.is_err());
            refusal(&caller, CALL).await;
        })
        .await;
}

/// There an analyzer cannot wait for the store: plain `ctx.sql` knows what the session's last statement has read.
#[tokio::test(flavor = "current_thread")]
async fn a_revoke_bites_on_a_runtime_of_one_thread() {
    let vault = Vault::new().await;
    let caller = vault.user("caller").await;
    run(&caller, CALL).await;
    plain(&caller, CALL).await.unwrap();
    run(&vault.owner, "REVOKE EXECUTE ON MODEL hidden_model FROM caller").await;
    refusal(&caller, CALL).await;
    assert!(plain(&caller, CALL).await.is_err());
}
