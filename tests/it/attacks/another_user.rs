//! Nobody becomes another.

use std::sync::Arc;
use std::sync::mpsc::channel;

use datafusion::arrow::array::{AsArray, RecordBatch, StringArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use datafusion::logical_expr::{ColumnarValue, Volatility, create_udf};
use datafusion::scalar::ScalarValue;
use datafusion_ml::core::ErrorKind;
use datafusion_ml::{MlSession, find_error};
use parking_lot::Mutex;

use super::{CALL, Vault, plain, refusal, refuses, run, run_all, store, tricks};
use crate::support::{builder, session, try_answer, value};

tricks! { refuses;
    the_password_of_another_changed => &[], "ALTER USER maker PASSWORD 'mine'";
    oneself_made_superuser => &[], "ALTER USER eve CREATEUSER";
    oneself_made_superuser_beside_what_is_allowed => &[], "ALTER USER eve CONNECTION LIMIT 1 CREATEUSER";
    another_superuser_created => &[], "CREATE USER eve2 CREATEUSER";
    another_user_created_in_a_group => &["CREATE GROUP g"], "CREATE USER eve3 IN GROUP g";
    a_group_created => &[], "CREATE GROUP g WITH USER eve";
    a_group_joined => &["CREATE GROUP g"], "ALTER GROUP g ADD USER eve";
    a_role_created => &[], "CREATE ROLE r";
    a_user_dropped => &["CREATE USER idle"], "DROP USER idle";
    a_schema_created_as_ones_own => &[], "CREATE SCHEMA s AUTHORIZATION eve";
    a_schema_dropped => &["CREATE SCHEMA s"], "DROP SCHEMA s";
    a_password_made_to_last => &[], "ALTER USER eve VALID UNTIL 'infinity'";
    vacuum => &[], "VACUUM";
    session_authorization => &[], "SET SESSION AUTHORIZATION maker";
    session_authorization_as_text => &[], "SET SESSION AUTHORIZATION 'maker'";
    session_authorization_in_quotes => &[], "SET SESSION AUTHORIZATION \"maker\"";
    session_authorization_in_capitals => &[], "set session authorization MAKER";
}

/// Past the session it would be one of the context, in memory.
#[tokio::test(flavor = "multi_thread")]
async fn a_schema_created() {
    let vault = Vault::new().await;
    refusal(&vault.eve().await, "CREATE SCHEMA s").await;
    run(&vault.owner, "CREATE SCHEMA s").await;
}

/// There is no such statement, for nobody.
async fn is_no_statement(sql: &str) {
    let vault = Vault::new().await;
    for session in [&vault.eve().await, &vault.owner] {
        let before = value(session, "SELECT current_user").await;
        refusal(session, sql).await;
        assert_eq!(value(session, "SELECT current_user").await, before);
    }
}

tricks! { is_no_statement;
    authorization_of_somebody_who_is_not_there => "SET SESSION AUTHORIZATION nobody";
    authorization_of_the_owner_of_the_process => "SET SESSION AUTHORIZATION admin";
    authorization_of_the_transaction => "SET LOCAL SESSION AUTHORIZATION maker";
    authorization_of_the_session_of_the_session => "SET SESSION SESSION AUTHORIZATION maker";
    authorization_as_a_setting => "SET SESSION AUTHORIZATION = maker";
    authorization_in_one_word => "SET SESSION_AUTHORIZATION = 'maker'";
    authorization_in_one_word_to => "SET session_authorization TO maker";
    a_role_set => "SET ROLE maker";
    a_role_of_the_session_set => "SET SESSION ROLE maker";
    a_role_reset => "RESET ROLE";
    a_user_set => "SET USER = 'maker'";
    the_current_user_set => "SET current_user = 'maker'";
    the_user_of_ml_set => "SET ml.user = 'maker'";
    the_owner_of_ml_set => "SET ml.owner = 'maker'";
    the_user_of_datafusion_set => "SET datafusion.user = 'maker'";
    all_reset => "RESET ALL";
    a_user_with_settings => "ALTER USER eve SET search_path = shop";
    a_user_renamed_to_another => "ALTER USER maker RENAME TO eve";
    a_user_named_public => "CREATE USER public";
    a_group_named_public => "CREATE GROUP \"public\"";
    a_user_without_a_name => "CREATE USER \"\"";
    a_user_named_with_a_line_end => "CREATE USER \"eve\n\"";
}

async fn stays_eve(eve: &MlSession) {
    refusal(eve, CALL).await;
    assert!(plain(eve, CALL).await.is_err());
    assert_eq!(value(eve, "SELECT current_user").await, "eve");
}

/// It may be said, and eve is who she was.
async fn changes_nobody(sql: &str) {
    let vault = Vault::new().await;
    let eve = vault.eve().await;
    run(&eve, sql).await;
    stays_eve(&eve).await;
}

tricks! { changes_nobody;
    authorization_reset => "RESET SESSION AUTHORIZATION";
    authorization_to_the_default => "SET SESSION AUTHORIZATION DEFAULT";
    authorization_of_oneself => "SET SESSION AUTHORIZATION eve";
    an_option_without_effect => "ALTER USER eve CONNECTION LIMIT 1";
    the_search_path => "SET search_path = public";
    the_search_path_of_the_system => "SET search_path = '$user', pg_catalog, public";
    the_default_schema => "SET datafusion.catalog.default_schema = 'public'";
    the_default_schema_of_the_system => "SET datafusion.catalog.default_schema = 'information_schema'";
    the_generic_dialect => "SET datafusion.sql_parser.dialect = 'generic'";
    the_dialect_of_redshift => "SET datafusion.sql_parser.dialect = 'redshift'";
    the_dialect_of_postgresql => "SET datafusion.sql_parser.dialect = 'postgresql'";
    optimizer_rules_skipped => "SET datafusion.optimizer.skip_failed_rules = true";
    no_passes_of_the_optimizer => "SET datafusion.optimizer.max_passes = 0";
    logical_plans_explained_only => "SET datafusion.explain.logical_plan_only = true";
    identifiers_not_normalized => "SET datafusion.sql_parser.enable_ident_normalization = false";
    no_information_schema => "SET datafusion.catalog.information_schema = false";
}

/// To another value, and back.
#[tokio::test(flavor = "multi_thread")]
async fn every_setting_of_ml() {
    let vault = Vault::new().await;
    let eve = vault.eve().await;
    let all = eve.sql("SHOW ALL").await.unwrap().collect().await.unwrap();
    let column = |batch: &RecordBatch, name: &str| -> StringArray {
        cast(batch.column_by_name(name).unwrap(), &DataType::Utf8).unwrap().as_string().clone()
    };
    let mut settings = 0;
    for batch in &all {
        for (name, value) in column(batch, "name").iter().zip(&column(batch, "value")) {
            let Some(name) = name.filter(|name| name.starts_with("ml.")) else { continue };
            let other = match value.unwrap_or_default() {
                "true" => "false",
                "false" => "true",
                "" => "memory:",
                number if number.contains('.') => "0.1",
                _ => "1",
            };
            run(&eve, &format!("SET {name} = '{other}'")).await;
            stays_eve(&eve).await;
            run(&eve, &format!("RESET {name}")).await;
            stays_eve(&eve).await;
            settings += 1;
        }
    }
    assert!(settings > 5, "{settings}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_superuser_who_is_none_any_more_acts_for_nobody() {
    let vault = Vault::new().await;
    run(&vault.owner, "CREATE USER boss CREATEUSER").await;
    let boss = vault.user("boss").await;
    run_all(&boss, &["SET SESSION AUTHORIZATION caller", CALL]).await;
    run(&vault.owner, "ALTER USER boss NOCREATEUSER").await;
    refusal(&boss, CALL).await;
    assert_eq!(value(&boss, "SELECT current_user").await, "boss");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_acts_for_another_may_what_that_one_may() {
    let vault = Vault::new().await;
    run(&vault.owner, "SET SESSION AUTHORIZATION eve").await;
    refusal(&vault.owner, CALL).await;
    assert!(plain(&vault.owner, CALL).await.is_err());
    run_all(&vault.owner, &["RESET SESSION AUTHORIZATION", CALL]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_prepared_as_superuser_is_none_of_another() {
    let vault = Vault::new().await;
    run_all(
        &vault.owner,
        &["PREPARE p AS SELECT hidden_call(1, 2, 3, 4)", "PREPARE q AS SELECT * FROM hidden_rows", "EXECUTE p"],
    )
    .await;
    run(&vault.owner, "SET SESSION AUTHORIZATION eve").await;
    for sql in ["EXECUTE p", "EXECUTE q"] {
        refusal(&vault.owner, sql).await;
        assert!(plain(&vault.owner, sql).await.is_err(), "{sql}");
    }
}

/// Of `caller`, who has been dropped; another caller, who is a superuser, has been created.
async fn of_one_who_was_dropped(sql: &str) {
    let vault = Vault::new().await;
    let old = vault.user("caller").await;
    run(&old, CALL).await;
    vault
        .set_up(&[
            "REVOKE EXECUTE ON MODEL hidden_model FROM caller",
            "DROP USER caller",
            "CREATE USER caller CREATEUSER",
            "GRANT EXECUTE ON MODEL hidden_model TO caller",
        ])
        .await;
    refusal(&old, sql).await;
    run(&vault.user("caller").await, sql).await;
}

tricks! { of_one_who_was_dropped;
    the_next_of_the_name_calls => CALL;
    the_next_of_the_name_reads => "SELECT * FROM hidden_rows";
    the_next_of_the_name_acts_for_another => "SET SESSION AUTHORIZATION maker";
    the_next_of_the_name_acts_for_itself => "SET SESSION AUTHORIZATION caller";
    the_next_of_the_name_has_a_password => "ALTER USER caller PASSWORD 'mine'";
    the_next_of_the_name_grants => "GRANT EXECUTE ON MODEL hidden_model TO PUBLIC";
    the_next_of_the_name_creates => "CREATE TABLE t (a int)";
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_of_the_name_has_what_public_has() {
    let vault = Vault::new().await;
    let old = vault.user("caller").await;
    vault
        .set_up(&[
            "REVOKE EXECUTE ON MODEL hidden_model FROM caller",
            "DROP USER caller",
            "GRANT EXECUTE ON MODEL hidden_model TO PUBLIC",
        ])
        .await;
    refusal(&old, CALL).await;
    run(&vault.owner, "CREATE USER caller").await;
    run(&vault.user("caller").await, CALL).await;
}

/// What belongs to nobody would be a superuser's.
#[tokio::test(flavor = "multi_thread")]
async fn dropped_while_a_statement_runs() {
    let vault = Vault::new().await;
    run(&vault.owner, "CREATE USER fleeting").await;
    let fleeting = vault.user("fleeting").await;
    let (begun, begins) = channel();
    let (go_on, goes_on) = channel::<()>();
    let ends = Mutex::new((begun, goes_on));
    let wait = move |_: &[ColumnarValue]| {
        let ends = ends.lock();
        let _ = ends.0.send(());
        let _ = ends.1.recv();
        Ok(ColumnarValue::Scalar(ScalarValue::Int64(Some(1))))
    };
    fleeting.context().register_udf(create_udf(
        "wait",
        Vec::new(),
        DataType::Int64,
        Volatility::Volatile,
        Arc::new(wait),
    ));
    let statement =
        tokio::spawn(async move { try_answer(&fleeting, "CREATE TABLE orphan AS SELECT wait() AS a").await });
    tokio::task::block_in_place(|| begins.recv()).unwrap();
    run(&vault.owner, "DROP USER fleeting").await;
    drop(go_on);
    let refused = statement.await.unwrap().unwrap_err().to_string();
    assert!(refused.contains("user fleeting has been dropped; nothing was changed"), "{refused}");
    refusal(&vault.owner, "SELECT * FROM orphan").await;
}

/// What the owner of the process has made belongs to that name.
#[tokio::test(flavor = "multi_thread")]
async fn the_name_of_the_owner_of_the_process() {
    let vault = Vault::new().await;
    let refused = refusal(&vault.owner, "CREATE USER admin").await;
    assert!(refused.contains("would belong to user admin"), "{refused}");
    run(&vault.owner, "CREATE USER admin CREATEUSER").await;
    refusal(&vault.owner, "ALTER USER admin NOCREATEUSER").await;
    run(&vault.user("admin").await, CALL).await;
}

/// What is made later would belong to that user, too.
#[tokio::test(flavor = "multi_thread")]
async fn the_name_of_the_owner_of_an_empty_store() {
    let folder = tempfile::tempdir().unwrap();
    let refused = refusal(&session(&store(folder.path())).await, "CREATE USER admin").await;
    assert!(refused.contains("has to be a superuser"), "{refused}");
}

async fn shows_no_password(sql: &str) {
    let vault = Vault::new().await;
    let refused = refusal(&vault.owner, sql).await;
    assert!(!refused.contains("Secret-9"), "{refused}");
}

tricks! { shows_no_password;
    a_password_that_is_explained => "EXPLAIN CREATE USER q PASSWORD 'Secret-9'";
    a_new_password_that_is_explained => "EXPLAIN VERBOSE ALTER USER eve PASSWORD 'Secret-9'";
    a_password_that_is_prepared => "PREPARE p AS CREATE USER q PASSWORD 'Secret-9'";
    a_password_of_a_user_who_is_replaced => "CREATE OR REPLACE USER q PASSWORD 'Secret-9'";
    a_password_of_a_user_who_may_be_there => "CREATE USER IF NOT EXISTS q PASSWORD 'Secret-9'";
    a_password_behind_a_sign => "CREATE USER q PASSWORD = 'Secret-9'";
    a_password_that_is_said_to_be_encrypted => "CREATE USER q ENCRYPTED PASSWORD 'Secret-9'";
    a_password_in_words_of_others => "CREATE USER q IDENTIFIED BY 'Secret-9'";
}

/// The error of opening a session with a password.
async fn opening(vault: &Vault, user: &str, password: &str) -> Option<String> {
    let builder = builder(&store(vault.folder.path()), 2).await.with_logins().with_user(user).with_password(password);
    let error = builder.build().await.err()?;
    let error = find_error(&error).unwrap();
    assert_eq!(error.kind(), ErrorKind::Denied);
    Some(error.message().to_owned())
}

async fn opens_nothing(user: &str, password: &str) {
    let vault = Vault::new().await;
    assert_eq!(opening(&vault, "eve", "geheim-1").await, None);
    let refused = opening(&vault, user, password).await;
    assert_eq!(refused, Some(format!("password authentication failed for user {user}")));
}

tricks! { opens_nothing;
    a_wrong_password => "eve", "geheim-2";
    an_empty_password => "eve", "";
    no_password_for_one_without => "maker", "";
    a_password_for_one_without => "maker", "geheim-1";
    the_password_of_another => "caller", "geheim-1";
    a_user_who_is_not_there => "nobody", "geheim-1";
    a_user_in_capitals => "EVE", "geheim-1";
    a_user_in_quotes => "\"eve\"", "geheim-1";
    the_owner_of_the_process => "admin", "";
}

#[tokio::test(flavor = "multi_thread")]
async fn the_verifier_as_a_password() {
    let vault = Vault::new().await;
    let commits = super::files_below(&vault.folder.path().join("store/catalog"));
    let text: String = commits.iter().map(|file| std::fs::read_to_string(file).unwrap()).collect();
    let verifier = text.split('"').find(|text| text.starts_with("SCRAM-SHA-256$")).unwrap();
    assert!(opening(&vault, "eve", verifier).await.is_some());
    refusal(&vault.owner, "ALTER USER eve PASSWORD 'md5d41d8cd98f00b204e9800998ecf8427e'").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_user_where_users_have_passwords() {
    let vault = Vault::new().await;
    assert!(builder(&store(vault.folder.path()), 2).await.with_logins().build().await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_is_not_there_without_a_password() {
    let vault = Vault::new().await;
    assert!(builder(&store(vault.folder.path()), 2).await.with_user("nobody").build().await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_that_has_ended() {
    let vault = Vault::new().await;
    for end in ["2000-01-01", "2000-01-01 00:00:01 +01"] {
        run(&vault.owner, &format!("ALTER USER eve VALID UNTIL '{end}'")).await;
        let refused = opening(&vault, "eve", "geheim-1").await.unwrap();
        assert!(refused.starts_with("the password of user eve was valid until "), "{refused}");
        // Who does not know it learns nothing.
        let refused = opening(&vault, "eve", "geheim-2").await.unwrap();
        assert_eq!(refused, "password authentication failed for user eve");
    }
    run(&vault.eve().await, "ALTER USER eve PASSWORD 'geheim-3'").await;
    assert!(opening(&vault, "eve", "geheim-3").await.is_some(), "a new one ends when the old one did");
    run(&vault.owner, "ALTER USER eve VALID UNTIL '2999-12-31'").await;
    assert_eq!(opening(&vault, "eve", "geheim-3").await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_that_was_disabled() {
    let vault = Vault::new().await;
    run(&vault.eve().await, "ALTER USER eve PASSWORD DISABLE").await;
    assert!(opening(&vault, "eve", "geheim-1").await.is_some());
}

/// The password, of which errors say nothing.
async fn is_not_repeated(sql: &str) {
    let vault = Vault::new().await;
    let refused = refusal(&vault.owner, sql).await;
    assert!(!refused.contains("geheim"), "{refused}");
}

tricks! { is_not_repeated;
    a_password_without_quotes => "ALTER USER eve PASSWORD geheim";
    a_password_twice => "ALTER USER eve PASSWORD 'geheim-3' geheim";
    a_password_of_a_name_that_is_taken => "CREATE USER eve PASSWORD 'geheim-3'";
    a_password_of_nobody => "ALTER USER nobody PASSWORD 'geheim-3'";
    a_password_in_a_group => "CREATE USER otto IN GROUP nothing PASSWORD 'geheim-3'";
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_in_the_files_of_the_store() {
    let vault = Vault::new().await;
    run(&vault.owner, "CREATE USER otto PASSWORD 'geheim-3'").await;
    for file in super::files_below(vault.folder.path()) {
        let bytes = std::fs::read(&file).unwrap();
        assert!(!bytes.windows(6).any(|text| text == b"geheim"), "{}", file.display());
    }
}
