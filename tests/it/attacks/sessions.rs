//! Who a session is of.

use datafusion_ml::core::ErrorKind;
use datafusion_ml::find_error;

use super::{CALL, Vault, plain, refusal, run, store};
use crate::support::{builder, value};

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
        "SET LOCAL SESSION AUTHORIZATION maker",
        "SET SESSION SESSION AUTHORIZATION maker",
        "SET SESSION AUTHORIZATION = maker",
        "SET SESSION AUTHORIZATION \"maker\"",
        "set session authorization MAKER",
        "SET SESSION_AUTHORIZATION = 'maker'",
        "SET session_authorization TO maker",
        "SET ROLE maker",
        "SET SESSION ROLE maker",
        "SET USER = 'maker'",
        "SET current_user = 'maker'",
        "RESET ALL",
        "RESET ROLE",
        "ALTER USER eve SET search_path = shop",
        "ALTER USER eve CONNECTION LIMIT 1 CREATEUSER",
        "ALTER USER maker RENAME TO eve",
        "CREATE USER eve3 IN GROUP g",
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
        "SET search_path = '$user', pg_catalog, public",
        "SET datafusion.catalog.default_schema = 'public'",
        "SET datafusion.sql_parser.dialect = 'generic'",
        "SET datafusion.sql_parser.dialect = 'redshift'",
        "SET datafusion.optimizer.skip_failed_rules = true",
        "SET datafusion.optimizer.max_passes = 0",
        "SET datafusion.explain.logical_plan_only = true",
        "RESET ml.bucket_root",
        "ALTER USER eve CONNECTION LIMIT 1",
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
async fn an_open_session_does_not_become_that_of_the_next_of_its_name() {
    let vault = Vault::new().await;
    let old = vault.user("caller").await;
    run(&old, CALL).await;
    for sql in [
        "REVOKE EXECUTE ON MODEL hidden_model FROM caller",
        "DROP USER caller",
        "CREATE USER caller CREATEUSER",
        "GRANT EXECUTE ON MODEL hidden_model TO caller",
    ] {
        run(&vault.owner, sql).await;
    }
    refusal(&old, CALL).await;
    refusal(&old, "SET SESSION AUTHORIZATION maker").await;
    refusal(&old, "SET SESSION AUTHORIZATION caller").await;
    refusal(&old, "ALTER USER caller PASSWORD 'mine'").await;
    refusal(&old, "GRANT EXECUTE ON MODEL hidden_model TO PUBLIC").await;
    assert!(plain(&old, CALL).await.is_err());
    run(&vault.user("caller").await, CALL).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_forges_what_a_superuser_reads_of_the_system() {
    let vault = Vault::new().await;
    let eve = vault.eve().await;
    for view in ["ml_audit", "pg_user", "svv_ml_model_info", "pg_proc"] {
        let expected = value(&vault.owner, &format!("SELECT count(*) FROM {view}")).await;
        run(&eve, &format!("CREATE TABLE {view} AS SELECT 'nothing happened' AS forged")).await;
        run(&eve, &format!("GRANT SELECT ON {view} TO PUBLIC")).await;
        let seen = value(&vault.owner, &format!("SELECT count(*) FROM {view}")).await;
        assert!(seen.parse::<u32>().unwrap() >= expected.parse().unwrap(), "{view}: {seen}, not {expected}");
        assert_eq!(value(&vault.owner, &format!("SELECT forged FROM public.{view}")).await, "nothing happened");
    }
    // A view of the system's, read by who has a temporary table of that name.
    run(&vault.owner, "CREATE VIEW log AS SELECT user_name FROM ml_audit").await;
    run(&vault.owner, "GRANT SELECT ON log TO eve").await;
    run(&eve, "CREATE TEMP TABLE ml_audit AS SELECT 'forged' AS user_name").await;
    assert_eq!(value(&eve, "SELECT count(*) FROM ml_audit").await, "1");
    assert_ne!(value(&eve, "SELECT count(*) FROM log").await, "1");
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
    // A password that has ended opens nothing, and who does not know it learns nothing.
    for end in ["2000-01-01", "2000-01-01 00:00:01 +01"] {
        run(&vault.owner, &format!("ALTER USER eve VALID UNTIL '{end}'")).await;
        let refused = |error| find_error(&error).unwrap().message().to_owned();
        let refused =
            [refused(open("eve", "geheim-1").await.unwrap_err()), refused(open("eve", "x").await.unwrap_err())];
        assert!(refused[0].starts_with("the password of user eve was valid until "), "{refused:?}");
        assert_eq!(refused[1], "password authentication failed for user eve");
    }
    let eve = vault.user("eve").await;
    refusal(&eve, "ALTER USER eve VALID UNTIL 'infinity'").await;
    run(&eve, "ALTER USER eve PASSWORD 'geheim-1'").await;
    assert!(open("eve", "geheim-1").await.is_err(), "a new password ends when the old one did");
    run(&vault.owner, "ALTER USER eve VALID UNTIL '2999-12-31'").await;
    assert!(open("eve", "geheim-1").await.is_ok());
    for file in std::fs::read_dir(vault.folder.path().join("store/catalog")).unwrap() {
        assert!(!std::fs::read_to_string(file.unwrap().path()).unwrap().contains("geheim"));
    }
    run(&vault.user("eve").await, "ALTER USER eve PASSWORD DISABLE").await;
    assert!(open("eve", "geheim-1").await.is_err());
}
