//! Changes of a table by who may only do something else with it.

use super::{Vault, plain, refusal, run, tricks};
use crate::support::value;

/// Eve may do only that with `letters`, in which there is a 1.
async fn may_only(privilege: &str, sql: &str) {
    let vault = Vault::new().await;
    vault.set_up(&["CREATE TABLE letters AS SELECT 1 AS a", &format!("GRANT {privilege} ON letters TO eve")]).await;
    let eve = vault.eve().await;
    refusal(&eve, sql).await;
    assert!(plain(&eve, sql).await.is_err(), "{sql}");
    assert_eq!(value(&vault.owner, "SELECT string_agg(a::varchar, ' ') FROM letters").await, "1");
}

tricks! { may_only;
    insert_overwrite => "INSERT", "INSERT OVERWRITE letters SELECT 3 AS a";
    insert_overwrite_table => "INSERT", "INSERT OVERWRITE TABLE letters SELECT 3 AS a";
    replace_into => "INSERT", "REPLACE INTO letters VALUES (3)";
    merge_that_deletes =>
        "INSERT", "MERGE INTO letters USING (SELECT 1 AS a) AS l ON letters.a = l.a WHEN MATCHED THEN DELETE";
    merge_that_updates =>
        "INSERT", "MERGE INTO letters USING (SELECT 1 AS a) AS l ON letters.a = l.a WHEN MATCHED THEN UPDATE SET a = 2 \
                   WHEN NOT MATCHED THEN INSERT VALUES (l.a)";
    merge_that_removes_duplicates =>
        "INSERT", "MERGE INTO letters USING (SELECT 1 AS a) AS l ON letters.a = l.a REMOVE DUPLICATES";
    truncate => "INSERT", "TRUNCATE letters";
    delete => "INSERT", "DELETE FROM letters";
    update => "INSERT", "UPDATE letters SET a = 3";
    insert_of_its_own_rows => "INSERT", "INSERT INTO letters SELECT a FROM letters";
    insert_returning => "INSERT", "INSERT INTO letters VALUES (4) RETURNING a";
    replace_table => "INSERT", "CREATE OR REPLACE TABLE letters AS SELECT 3 AS a";
    add_column => "INSERT", "ALTER TABLE letters ADD COLUMN b int";
    rename_table => "INSERT", "ALTER TABLE letters RENAME TO mail";
    select_after_insert => "INSERT", "SELECT a FROM letters";
    unload_after_insert => "INSERT", "UNLOAD ('SELECT a FROM letters') TO 'stolen'";
    delete_where_without_select => "DELETE", "DELETE FROM letters WHERE a > 0";
    update_where_without_select => "UPDATE", "UPDATE letters SET a = 2 WHERE a > 0";
    update_to_its_own_values_without_select => "UPDATE", "UPDATE letters SET a = a + 1";
    insert_with_select => "SELECT", "INSERT INTO letters VALUES (2)";
    delete_with_select => "SELECT", "DELETE FROM letters";
    update_with_select => "SELECT", "UPDATE letters SET a = 2";
    truncate_with_select => "SELECT", "TRUNCATE letters";
    truncate_with_update => "UPDATE", "TRUNCATE letters";
    drop_with_all => "ALL", "DROP TABLE letters";
    vacuum_with_all => "ALL", "VACUUM letters";
    own_with_all => "ALL", "ALTER TABLE letters OWNER TO eve";
}

/// Past the session it is looked at when it is executed.
#[tokio::test(flavor = "multi_thread")]
async fn prepared_delete() {
    let vault = Vault::new().await;
    vault.set_up(&["CREATE TABLE letters AS SELECT 1 AS a", "GRANT SELECT, INSERT ON letters TO eve"]).await;
    let eve = vault.eve().await;
    refusal(&eve, "PREPARE p AS DELETE FROM letters").await;
    let _ = plain(&eve, "PREPARE q AS DELETE FROM letters").await;
    refusal(&eve, "EXECUTE q").await;
    assert!(plain(&eve, "EXECUTE q").await.is_err());
    assert_eq!(value(&vault.owner, "SELECT a FROM letters").await, "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_granted_is_enough() {
    let vault = Vault::new().await;
    vault.set_up(&["CREATE TABLE letters AS SELECT 1 AS a", "GRANT INSERT, DELETE ON letters TO eve"]).await;
    let eve = vault.eve().await;
    run(&eve, "INSERT INTO letters VALUES (2)").await;
    run(&eve, "INSERT OVERWRITE letters SELECT 3 AS a").await;
    assert_eq!(value(&vault.owner, "SELECT a FROM letters").await, "3");
    run(&eve, "TRUNCATE letters").await;
}
