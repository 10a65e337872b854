//! S3 without the right to assume a role: a statement without `IAM_ROLE` is one with `IAM_ROLE default`.

use super::tricks;
use crate::s3::{asked_with, dfml, text};
use crate::s3_server::{ROLE_KEYS, ROLES, S3Server};
use crate::support::data;

const AS_EVE: &str = "SET SESSION AUTHORIZATION eve";

/// Nobody may assume a role. Eve may create models, and has a table `goods`; there are files in `notes/`.
async fn server_with_files() -> S3Server {
    let server = S3Server::start().await;
    server.upload("notes/banknote.parquet", &data("banknote.parquet"));
    text(dfml(
        &server,
        &[
            "CREATE USER eve",
            "CREATE USER bob",
            "GRANT CREATE MODEL TO eve",
            "REVOKE ASSUMEROLE ON ALL FROM PUBLIC FOR ALL",
            AS_EVE,
            "CREATE TABLE goods (a FLOAT, b FLOAT, c FLOAT, d FLOAT, class INT)",
        ],
    ));
    server
}

/// Runs a statement of eve's; gives its error.
fn refusal(server: &S3Server, user: &str, sql: &str) -> String {
    let output = dfml(server, &[&format!("SET SESSION AUTHORIZATION {user}"), sql]);
    assert!(!output.status.success(), "{sql} was answered: {}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8(output.stderr).unwrap()
}

/// Refused before the server is asked of a file, and answered with the right.
async fn wants_the_default_role(purpose: &str, sql: &str) {
    let server = server_with_files().await;
    server.take_asked();
    let refused = refusal(&server, "eve", sql);
    let expected = format!("User eve does not have ASSUMEROLE permission on IAM role \"default\" for {purpose}");
    assert!(refused.contains(&expected), "{sql}: {refused}");
    let asked = server.take_asked();
    assert!(asked.iter().all(|asked| !asked.path.contains("notes") && !asked.path.contains("out")), "{asked:?}");
    text(dfml(&server, &[&format!("GRANT ASSUMEROLE ON DEFAULT TO eve FOR {purpose}"), AS_EVE, sql]));
}

tricks! { wants_the_default_role;
    copy => "COPY", "COPY goods FROM 's3://lake/notes/' PARQUET";
    copy_that_names_it => "COPY", "COPY goods FROM 's3://lake/notes/' IAM_ROLE default PARQUET";
    copy_from_another_scheme => "COPY", "COPY goods FROM 's3a://lake/notes/' PARQUET";
    unload => "UNLOAD", "UNLOAD ('SELECT 1 AS a') TO 's3://lake/out/'";
    unload_of_files => "UNLOAD", "UNLOAD ('SELECT class FROM ''s3://lake/notes/banknote.parquet''') TO 's3://lake/out/'";
    copy_to => "UNLOAD", "COPY (SELECT 1 AS a) TO 's3://lake/out/a.csv'";
    external_table => "COPY", "CREATE EXTERNAL TABLE t STORED AS PARQUET LOCATION 's3://lake/notes/'";
    select => "COPY", "SELECT count(*) FROM 's3://lake/notes/banknote.parquet'";
    select_with_a_schema => "COPY", "SELECT count(*) FROM public.\"s3://lake/notes/banknote.parquet\"";
    select_in_a_subquery => "COPY", "SELECT (SELECT max(class) FROM 's3://lake/notes/banknote.parquet')";
    explain => "COPY", "EXPLAIN SELECT * FROM 's3://lake/notes/banknote.parquet'";
    describe => "COPY", "DESCRIBE 's3://lake/notes/banknote.parquet'";
    prepare => "COPY", "PREPARE p AS SELECT * FROM 's3://lake/notes/banknote.parquet'";
    create_table => "COPY", "CREATE TABLE t AS SELECT * FROM 's3://lake/notes/banknote.parquet'";
    create_view => "COPY", "CREATE VIEW v AS SELECT * FROM 's3://lake/notes/banknote.parquet'";
    insert => "COPY", "INSERT INTO goods SELECT * FROM 's3://lake/notes/banknote.parquet'";
    create_model =>
        "CREATE MODEL",
        "CREATE MODEL m FROM (SELECT * FROM 's3://lake/notes/banknote.parquet') TARGET class FUNCTION f AUTO OFF MODEL_TYPE \
         XGBOOST PREPROCESSORS 'none' HYPERPARAMETERS DEFAULT EXCEPT (NUM_ROUND '2')";
    explain_create_model =>
        "CREATE MODEL",
        "EXPLAIN CREATE MODEL m FROM (SELECT * FROM 's3://lake/notes/banknote.parquet') TARGET class FUNCTION f AUTO OFF \
         MODEL_TYPE XGBOOST PREPROCESSORS 'none' HYPERPARAMETERS DEFAULT";
    bucket =>
        "CREATE MODEL",
        "CREATE MODEL m FROM (SELECT value AS a, value % 2 AS b FROM generate_series(1, 100)) TARGET b FUNCTION f AUTO OFF MODEL_TYPE \
         LINEAR_LEARNER HYPERPARAMETERS DEFAULT SETTINGS (S3_BUCKET 's3://lake/out')";
}

/// Errors tell nothing of the files, either.
#[tokio::test(flavor = "multi_thread")]
async fn a_column_that_is_not_there() {
    let server = server_with_files().await;
    for sql in [
        "SELECT nothing FROM 's3://lake/notes/banknote.parquet'",
        "UNLOAD ('SELECT nothing FROM ''s3://lake/notes/banknote.parquet''') TO '/tmp/nothing'",
        "EXPLAIN SELECT nothing FROM 's3://lake/notes/banknote.parquet'",
    ] {
        let refused = refusal(&server, "eve", sql);
        assert!(refused.contains("ASSUMEROLE") && !refused.contains("variance"), "{sql}: {refused}");
    }
}

/// It is read with its owner's rights, whoever reads it.
#[tokio::test(flavor = "multi_thread")]
async fn an_external_table_whose_owner_has_lost_the_right() {
    let server = server_with_files().await;
    let create = "CREATE EXTERNAL TABLE t STORED AS PARQUET LOCATION 's3://lake/notes/'";
    let grant = "GRANT ASSUMEROLE ON DEFAULT TO eve FOR COPY";
    text(dfml(&server, &[grant, AS_EVE, create, "GRANT SELECT ON t TO bob"]));
    let read = "SELECT count(*) AS n FROM t";
    assert_eq!(text(dfml(&server, &["SET SESSION AUTHORIZATION bob", read])), "n\n1372\n");
    text(dfml(&server, &["REVOKE ASSUMEROLE ON DEFAULT FROM eve FOR COPY"]));
    for user in ["eve", "bob", "DEFAULT"] {
        let refused = refusal(&server, user, read);
        assert!(refused.contains("User eve does not have ASSUMEROLE permission"), "{refused}");
    }
}

/// The view runs with its owner's rights.
#[tokio::test(flavor = "multi_thread")]
async fn a_view_of_files_that_a_superuser_reads() {
    let server = server_with_files().await;
    let create = "CREATE VIEW v AS SELECT * FROM 's3://lake/notes/banknote.parquet' WITH NO SCHEMA BINDING";
    text(dfml(&server, &[AS_EVE, create]));
    server.take_asked();
    assert!(!dfml(&server, &["SELECT count(*) FROM v"]).status.success());
    assert!(server.take_asked().iter().all(|asked| !asked.path.contains("notes")));
}

/// It is the process that would reach them.
#[tokio::test(flavor = "multi_thread")]
async fn files_that_are_neither_local_nor_in_s3() {
    let server = server_with_files().await;
    let [(_, endpoint), ..] = server.environment();
    server.take_asked();
    for sql in [
        format!("COPY goods FROM '{endpoint}/lake/notes/banknote.parquet' PARQUET"),
        format!("COPY goods FROM '{endpoint}/lake/notes/banknote.parquet' IAM_ROLE default PARQUET"),
        format!("SELECT * FROM '{endpoint}/lake/notes/banknote.parquet'"),
        format!("CREATE EXTERNAL TABLE t STORED AS PARQUET LOCATION '{endpoint}/lake/notes/banknote.parquet'"),
        format!("COPY (SELECT 1 AS a) TO '{endpoint}/lake/out/a.csv'"),
    ] {
        let refused = refusal(&server, "eve", &sql);
        assert!(refused.contains("ASSUMEROLE permission on IAM role \"default\""), "{sql}: {refused}");
    }
    assert!(server.take_asked().iter().all(|asked| !asked.path.contains("notes") && !asked.path.contains("out")));
}

/// Whoever may assume one role reads nothing, and learns nothing, with another.
#[tokio::test(flavor = "multi_thread")]
async fn another_role_than_the_default() {
    let server = server_with_files().await;
    let grant = format!("GRANT ASSUMEROLE ON '{}' TO eve FOR CREATE MODEL", ROLES[0]);
    let create = format!(
        "CREATE MODEL m FROM (SELECT * FROM 's3://lake/notes/banknote.parquet') TARGET class FUNCTION f IAM_ROLE '{}' AUTO OFF \
         MODEL_TYPE XGBOOST PREPROCESSORS 'none' HYPERPARAMETERS DEFAULT EXCEPT (NUM_ROUND '2')",
        ROLES[0]
    );
    text(dfml(&server, &[&grant]));
    server.take_asked();
    text(dfml(&server, &[AS_EVE, &create]));
    asked_with(&server.take_asked(), ROLE_KEYS[0], "notes/");
    let refused = refusal(&server, "eve", "SELECT count(*) FROM 's3://lake/notes/banknote.parquet'");
    assert!(refused.contains("ASSUMEROLE permission on IAM role \"default\" for COPY"), "{refused}");
}
