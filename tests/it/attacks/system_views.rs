//! Lists and system views tell nobody of what is hidden, and nobody forges what they tell.

use super::{Vault, run, run_all, tricks};
use crate::support::{answer, try_answer, value};

/// The owner reads of what is hidden from eve.
async fn lists_nothing_hidden(sql: &str) {
    let vault = Vault::new().await;
    let eve = vault.eve().await;
    // This puts all functions that one may use into the context.
    run(&vault.owner, "SHOW FUNCTIONS").await;
    run(&eve, "SHOW FUNCTIONS").await;
    let shown = answer(&vault.owner, sql).await;
    assert!(shown.contains("hidden"), "{sql}:\n{shown}");
    let shown = try_answer(&eve, sql).await.unwrap();
    assert!(!shown.contains("hidden"), "{sql}:\n{shown}");
}

tricks! { lists_nothing_hidden;
    show_models => "SHOW MODEL ALL";
    show_tables => "SHOW TABLES";
    show_functions => "SHOW FUNCTIONS";
    show_functions_like => "SHOW FUNCTIONS LIKE 'hidden%'";
    models => "SELECT * FROM svv_ml_model_info";
    models_of_the_engine => "SELECT * FROM stv_ml_model_info";
    privileges => "SELECT * FROM svv_ml_model_privileges";
    functions => "SELECT * FROM pg_catalog.pg_proc";
    tables => "SELECT * FROM information_schema.tables";
    columns => "SELECT * FROM information_schema.columns";
    routines => "SELECT * FROM information_schema.routines";
    parameters => "SELECT * FROM information_schema.parameters";
    audit => "SELECT * FROM ml_audit";
    a_copy_of_a_list => "SELECT t.* FROM (SELECT * FROM information_schema.tables) AS t";
    a_list_by_union => "SELECT model_name FROM svv_ml_model_info UNION SELECT table_name FROM information_schema.tables";
}

#[tokio::test(flavor = "multi_thread")]
async fn the_text_of_a_view() {
    let vault = Vault::new().await;
    vault.set_up(&["CREATE VIEW seen AS SELECT variance FROM hidden_rows", "GRANT SELECT ON seen TO eve"]).await;
    let sql = "SELECT * FROM information_schema.views";
    assert!(answer(&vault.owner, sql).await.contains("hidden_rows"));
    assert!(!try_answer(&vault.eve().await, sql).await.unwrap().contains("hidden"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_functions_that_another_has_put_into_the_context() {
    let vault = Vault::new().await;
    run_all(&vault.owner, &["SHOW FUNCTIONS", "SET SESSION AUTHORIZATION eve"]).await;
    for sql in ["SHOW FUNCTIONS", "SELECT * FROM information_schema.routines"] {
        assert!(!answer(&vault.owner, sql).await.contains("hidden"), "{sql}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_names_that_a_program_asks_for() {
    let vault = Vault::new().await;
    assert_eq!(vault.eve().await.model_names(), Vec::<String>::new());
    assert_eq!(vault.owner.model_names(), ["hidden_model"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_was_made_for_another() {
    let vault = Vault::new().await;
    let list = vault.owner.sql("SELECT * FROM svv_ml_model_info").await.unwrap();
    run(&vault.owner, "SET SESSION AUTHORIZATION eve").await;
    assert!(list.collect().await.is_err());
}

/// A table of the name of a system view is read by nobody who means that.
async fn is_not_forged(view: &str) {
    let vault = Vault::new().await;
    let eve = vault.eve().await;
    let count = format!("SELECT count(*) FROM {view}");
    let before: u32 = value(&vault.owner, &count).await.parse().unwrap();
    run(&eve, &format!("CREATE TABLE {view} AS SELECT 'nothing happened' AS forged")).await;
    run(&eve, &format!("GRANT SELECT ON {view} TO PUBLIC")).await;
    let after: u32 = value(&vault.owner, &count).await.parse().unwrap();
    assert!(after >= before, "{view}: {after}, not {before}");
    assert_eq!(value(&vault.owner, &format!("SELECT forged FROM public.{view}")).await, "nothing happened");
}

tricks! { is_not_forged;
    forged_audit => "ml_audit";
    forged_users => "pg_user";
    forged_models => "svv_ml_model_info";
    forged_functions => "pg_proc";
}

#[tokio::test(flavor = "multi_thread")]
async fn forged_audit_under_the_view_of_another() {
    let vault = Vault::new().await;
    vault.set_up(&["CREATE VIEW log AS SELECT user_name FROM ml_audit", "GRANT SELECT ON log TO eve"]).await;
    let eve = vault.eve().await;
    run(&eve, "CREATE TEMP TABLE ml_audit AS SELECT 'forged' AS user_name").await;
    assert_eq!(value(&eve, "SELECT count(*) FROM ml_audit").await, "1");
    assert_ne!(value(&eve, "SELECT count(*) FROM log").await, "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn audit_is_not_written_by_statements() {
    let vault = Vault::new().await;
    for session in [&vault.eve().await, &vault.owner] {
        for sql in [
            "DELETE FROM ml_audit",
            "UPDATE ml_audit SET user_name = 'eve'",
            "TRUNCATE ml_audit",
            "DROP TABLE ml_audit",
        ] {
            super::refusal(session, sql).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn passwords_of_users() {
    let vault = Vault::new().await;
    for session in [&vault.eve().await, &vault.owner] {
        let users = answer(session, "SELECT * FROM pg_user").await;
        assert!(users.contains("eve") && !users.contains("geheim") && !users.contains("SCRAM"), "{users}");
    }
}
