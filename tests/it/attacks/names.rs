//! Names that lead elsewhere than one may go.

use super::{HIDDEN, Vault, refusal, run, run_all};
use crate::support::{try_answer, value};

#[tokio::test(flavor = "multi_thread")]
async fn a_hidden_table_earlier_in_the_search_path_hides_nothing() {
    let vault = Vault::new().await;
    vault.set_up(&["CREATE SCHEMA shop", "GRANT USAGE ON SCHEMA shop TO eve", "CREATE TABLE shop.mine (a int)"]).await;
    let eve = vault.eve().await;
    run(&eve, "SET search_path = shop, public").await;
    assert_eq!(value(&eve, "SELECT count(*) FROM mine").await, "1372");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_that_one_may_not_use_is_not_used_by_the_search_path() {
    let vault = Vault::new().await;
    vault.set_up(&["CREATE SCHEMA shop", "CREATE TABLE shop.goods (a int)", "GRANT SELECT ON shop.goods TO eve"]).await;
    let eve = vault.eve().await;
    run(&eve, "SET search_path = shop").await;
    for sql in
        ["SELECT * FROM goods", "SELECT * FROM shop.goods", "CREATE TABLE t (a int)", "INSERT INTO goods VALUES (1)"]
    {
        refusal(&eve, sql).await;
    }
    run(&vault.owner, "GRANT USAGE ON SCHEMA shop TO eve").await;
    run(&eve, "SELECT * FROM goods").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_temporary_table_in_a_schema_of_others_is_not_seen_by_them() {
    let vault = Vault::new().await;
    let eve = vault.eve().await;
    run(&eve, "CREATE TEMP TABLE hidden_rows AS SELECT 7 AS variance").await;
    assert_eq!(value(&eve, "SELECT variance FROM hidden_rows").await, "7");
    assert_eq!(value(&vault.owner, "SELECT count(*) FROM hidden_rows").await, "1372");
    run(&eve, "DROP TABLE hidden_rows").await;
    refusal(&eve, "SELECT * FROM hidden_rows").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hidden_view_that_hinders_a_drop_is_not_named() {
    let vault = Vault::new().await;
    let eve = vault.eve().await;
    run(&eve, "GRANT SELECT ON mine TO maker").await;
    run(&vault.user("maker").await, "CREATE VIEW hidden_view AS SELECT * FROM mine").await;
    for sql in ["DROP TABLE mine", "ALTER TABLE mine RENAME TO other"] {
        let refused = refusal(&eve, sql).await;
        assert!(refused.starts_with("a view of another user reads"), "{refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hidden_view_that_a_drop_takes_along_is_not_named() {
    let vault = Vault::new().await;
    let eve = vault.eve().await;
    run(&eve, "GRANT SELECT ON mine TO maker").await;
    run(&vault.user("maker").await, "CREATE VIEW hidden_view AS SELECT * FROM mine").await;
    let answer = try_answer(&eve, "DROP TABLE mine CASCADE").await;
    assert!(!format!("{answer:?}").contains("hidden_view"), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_made_elsewhere_does_not_call_itself_the_hidden_one() {
    let vault = Vault::new().await;
    vault.set_up(&["CREATE SCHEMA shop", "GRANT CREATE, USAGE ON SCHEMA shop TO eve"]).await;
    let eve = vault.eve().await;
    let create = HIDDEN.replace("hidden_model", "shop.hidden_model").replace("hidden_rows", "mine");
    run(&eve, &create.replace("hidden_call", "shop.hidden_call")).await;
    run(&eve, "GRANT EXECUTE ON MODEL shop.hidden_model TO PUBLIC").await;
    // Who may call both means the one that is in the schema that comes first.
    let caller = vault.user("caller").await;
    run(&caller, "SELECT hidden_call(1, 2, 3, 4)").await;
    run(&eve, "DROP MODEL shop.hidden_model").await;
    run(&caller, "SELECT hidden_call(1, 2, 3, 4)").await;
    refusal(&eve, "SELECT hidden_call(1, 2, 3, 4)").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_column_named_as_the_user_is_not_the_user() {
    let vault = Vault::new().await;
    let eve = vault.eve().await;
    let sql = "SELECT current_user FROM (SELECT 'maker' AS \"current_user\")";
    assert_eq!(value(&eve, sql).await, "eve");
    run_all(&eve, &["CREATE TEMP TABLE t AS SELECT 'maker' AS \"current_user\""]).await;
    assert_eq!(value(&eve, "SELECT current_user FROM t").await, "eve");
}
