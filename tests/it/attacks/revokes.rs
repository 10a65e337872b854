//! A REVOKE bites on what was made before it.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::logical_expr::{ColumnarValue, Volatility, create_udf};
use tokio::task::LocalSet;

use super::{CALL, HIDDEN, Vault, plain, refusal, run, run_all, tricks};
use crate::support::{try_answer, value};

const REVOKE: &str = "REVOKE EXECUTE ON MODEL hidden_model FROM caller";

/// The caller, prepared, is answered until the REVOKE; past the session, too.
async fn ends_with_the_revoke(prepared: &[&str], sql: &str) {
    let vault = Vault::new().await;
    let caller = vault.user("caller").await;
    run_all(&caller, prepared).await;
    run(&caller, sql).await;
    run(&vault.owner, REVOKE).await;
    assert!(plain(&caller, sql).await.is_err(), "{sql}");
    refusal(&caller, sql).await;
}

tricks! { ends_with_the_revoke;
    a_call => &[], CALL;
    a_call_over_rows => &[], "SELECT hidden_call(variance, skewness, curtosis, entropy) FROM banknote";
    a_call_that_was_answered => &[CALL], CALL;
    a_view_that_calls => &["CREATE VIEW calls AS SELECT hidden_call(1, 2, 3, 4) AS p"], "SELECT * FROM calls";
    a_prepared_call => &["PREPARE p AS SELECT hidden_call(variance, 1, 2, 3) FROM banknote"], "EXECUTE p";
    /// DataFusion keeps its value.
    a_prepared_call_of_constants => &["PREPARE p AS SELECT hidden_call(1, 2, 3, 4)"], "EXECUTE p";
    a_prepared_call_of_a_parameter => &["PREPARE p(double) AS SELECT hidden_call($1, 2, 3, 4)"], "EXECUTE p(1.5)";
    a_prepared_query_of_a_view =>
        &["CREATE VIEW calls AS SELECT hidden_call(1, 2, 3, 4) AS p", "PREPARE p AS SELECT (SELECT * FROM calls)"],
        "EXECUTE p";
    a_prepared_insert =>
        &["CREATE TABLE got (p int)", "PREPARE p AS INSERT INTO got SELECT hidden_call(1, 2, 3, 4)"], "EXECUTE p";
    an_explanation => &[], "SELECT explain_model('hidden_model')";
    trees => &[], "SELECT * FROM ml_trees('hidden_model')";
    an_evaluation => &[], "SELECT * FROM ml_evaluate('hidden_model', (SELECT * FROM banknote))";
    a_report => &[], "SHOW MODEL hidden_model";
}

/// What was planned before is not run after.
async fn is_planned_in_vain(sql: &str) {
    let vault = Vault::new().await;
    let caller = vault.user("caller").await;
    let (first, later) = (caller.sql(sql).await.unwrap(), caller.sql(sql).await.unwrap());
    first.collect().await.unwrap();
    run(&vault.owner, REVOKE).await;
    assert!(later.collect().await.is_err());
}

tricks! { is_planned_in_vain;
    a_frame_that_calls => "SELECT hidden_call(variance, 1, 2, 3) FROM banknote";
    a_frame_of_trees => "SELECT * FROM ml_trees('hidden_model')";
    a_frame_of_an_evaluation => "SELECT * FROM ml_evaluate('hidden_model', (SELECT * FROM banknote))";
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_of_the_context() {
    let vault = Vault::new().await;
    let caller = vault.user("caller").await;
    run(&caller, "CREATE VIEW calls AS SELECT hidden_call(1, 2, 3, 4) AS p").await;
    let table = caller.context().table("calls").await.unwrap();
    run(&vault.owner, REVOKE).await;
    assert!(table.collect().await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_taken_from_the_context() {
    let vault = Vault::new().await;
    let caller = vault.user("caller").await;
    run(&caller, CALL).await;
    let function = Arc::clone(&caller.context().state().scalar_functions()["hidden_call"]);
    let eve = vault.eve().await;
    for sql in [CALL, "SELECT hidden_call(variance, 2, 3, 4) FROM mine"] {
        eve.context().register_udf(function.as_ref().clone());
        assert!(plain(&eve, sql).await.is_err(), "{sql}");
        refusal(&eve, sql).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoke_from_public() {
    let vault = Vault::new().await;
    let eve = vault.eve().await;
    run(&vault.owner, "GRANT EXECUTE ON MODEL hidden_model TO PUBLIC").await;
    run(&eve, CALL).await;
    run(&vault.owner, "REVOKE ALL ON MODEL hidden_model FROM PUBLIC").await;
    refusal(&eve, CALL).await;
}

/// What eve has by `grant` ends with `revoke`.
async fn ends_with(set_up: &[&str], revoke: &str) {
    let vault = Vault::new().await;
    let eve = vault.eve().await;
    refusal(&eve, CALL).await;
    vault.set_up(set_up).await;
    run(&eve, CALL).await;
    run(&vault.owner, revoke).await;
    refusal(&eve, CALL).await;
    assert!(plain(&eve, CALL).await.is_err());
}

tricks! { ends_with;
    a_right_of_a_group_that_one_has_left =>
        &["CREATE GROUP g WITH USER eve", "GRANT EXECUTE ON MODEL hidden_model TO GROUP g"], "ALTER GROUP g DROP USER eve";
    a_right_that_a_group_has_lost =>
        &["CREATE GROUP g WITH USER eve", "GRANT EXECUTE ON MODEL hidden_model TO GROUP g"],
        "REVOKE EXECUTE ON MODEL hidden_model FROM GROUP g";
    a_right_of_a_role_that_one_has_lost =>
        &["CREATE ROLE r", "GRANT EXECUTE ON MODEL hidden_model TO ROLE r", "GRANT ROLE r TO eve"],
        "REVOKE ROLE r FROM eve";
    a_right_of_a_role_that_ones_role_has_lost =>
        &[
            "CREATE ROLE high",
            "CREATE ROLE low",
            "GRANT EXECUTE ON MODEL hidden_model TO ROLE low",
            "GRANT ROLE low TO ROLE high",
            "GRANT ROLE high TO eve",
        ],
        "REVOKE ROLE low FROM ROLE high";
    a_superuser_who_is_none_any_more => &["ALTER USER eve CREATEUSER"], "ALTER USER eve NOCREATEUSER";
    a_schema_that_one_may_use_no_more =>
        &[
            "DROP MODEL hidden_model",
            "CREATE SCHEMA shop",
            "SET search_path = shop, public",
            "CREATE MODEL hidden_model FROM public.hidden_rows TARGET class FUNCTION public.hidden_call AUTO OFF \
             MODEL_TYPE XGBOOST PREPROCESSORS 'none' HYPERPARAMETERS DEFAULT EXCEPT (NUM_ROUND '2')",
            "GRANT USAGE ON SCHEMA shop TO eve",
            "GRANT EXECUTE ON MODEL hidden_model TO eve",
        ],
        "REVOKE USAGE ON SCHEMA shop FROM eve";
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_of_the_same_name_is_another() {
    let vault = Vault::new().await;
    let caller = vault.user("caller").await;
    run_all(&caller, &[CALL, "PREPARE p AS SELECT hidden_call(1, 2, 3, 4)"]).await;
    run(&vault.owner, "DROP MODEL hidden_model").await;
    assert!(plain(&caller, CALL).await.is_err());
    run(&vault.user("maker").await, HIDDEN).await;
    for sql in [CALL, "EXECUTE p"] {
        refusal(&caller, sql).await;
        assert!(plain(&caller, sql).await.is_err(), "{sql}");
    }
    run(&vault.owner, CALL).await;
}

/// A plan of a view is that of no other which has got its name.
#[tokio::test(flavor = "multi_thread")]
async fn a_view_of_the_same_name_is_another() {
    let vault = Vault::new().await;
    let (maker, eve) = (vault.user("maker").await, vault.eve().await);
    run(&vault.owner, "GRANT SELECT ON hidden_rows TO eve").await;
    run(&eve, "CREATE VIEW v AS SELECT * FROM hidden_rows").await;
    let later = eve.sql("SELECT * FROM v").await.unwrap();
    run_all(&eve, &["PREPARE p AS SELECT * FROM v", "DROP VIEW v"]).await;
    run(&vault.owner, "REVOKE SELECT ON hidden_rows FROM eve").await;
    run_all(&maker, &["CREATE VIEW v AS SELECT 1 AS a FROM hidden_rows", "GRANT SELECT ON v TO eve"]).await;
    assert!(later.collect().await.is_err());
    refusal(&eve, "EXECUTE p").await;
    run(&eve, "SELECT * FROM v").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_that_was_replaced_shows_no_more_what_it_showed() {
    let vault = Vault::new().await;
    let (maker, eve) = (vault.user("maker").await, vault.eve().await);
    run_all(&maker, &["CREATE VIEW v AS SELECT variance FROM hidden_rows", "GRANT SELECT ON v TO eve"]).await;
    let later = eve.sql("SELECT * FROM v").await.unwrap();
    run_all(&eve, &["PREPARE p AS SELECT * FROM v", "EXECUTE p"]).await;
    run(&maker, "CREATE OR REPLACE VIEW v AS SELECT variance FROM hidden_rows WHERE skewness > 3.25").await;
    assert!(later.collect().await.is_err());
    let refused = refusal(&eve, "EXECUTE p").await;
    assert!(refused.contains("public.v has changed since this was planned"), "{refused}");
    run_all(&eve, &["DEALLOCATE p", "PREPARE p AS SELECT * FROM v", "EXECUTE p"]).await;
}

/// While the rows are read.
#[tokio::test(flavor = "multi_thread")]
async fn the_right_to_create_a_model_that_is_being_trained() {
    let vault = Vault::new().await;
    let eve = vault.eve().await;
    let create =
        HIDDEN.replace("hidden_rows", "mine").replace("hidden_model", "late").replace("hidden_call", "late_call");
    let (go_on, goes_on) = std::sync::mpsc::channel::<()>();
    let (begun, begins) = std::sync::mpsc::channel();
    let ends = parking_lot::Mutex::new((begun, goes_on));
    let wait = move |arguments: &[ColumnarValue]| {
        let ends = ends.lock();
        let _ = ends.0.send(());
        let _ = ends.1.recv();
        Ok(arguments[0].clone())
    };
    let int = DataType::Int64;
    eve.context().register_udf(create_udf("wait", vec![int.clone()], int, Volatility::Volatile, Arc::new(wait)));
    let create = create.replace("FROM mine", "FROM (SELECT variance, skewness, wait(class) AS class FROM mine)");
    let training = tokio::spawn(async move { try_answer(&eve, &create).await });
    tokio::task::block_in_place(|| begins.recv()).unwrap();
    run(&vault.owner, "REVOKE CREATE MODEL FROM eve").await;
    drop(go_on);
    let refused = training.await.unwrap().unwrap_err().to_string();
    assert!(refused.contains("permission denied to create models"), "{refused}");
    refusal(&vault.owner, "SHOW MODEL late").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_of_the_same_name_is_another() {
    let vault = Vault::new().await;
    let eve = vault.eve().await;
    run(&vault.owner, "GRANT SELECT ON hidden_rows TO eve").await;
    run(&eve, "PREPARE p AS SELECT count(*) FROM hidden_rows").await;
    let later = eve.sql("SELECT * FROM hidden_rows").await.unwrap();
    vault.set_up(&["DROP TABLE hidden_rows", "CREATE TABLE hidden_rows AS SELECT * FROM banknote"]).await;
    for sql in ["EXECUTE p", "SELECT count(*) FROM hidden_rows"] {
        refusal(&eve, sql).await;
    }
    assert!(later.collect().await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_was_given_away() {
    let vault = Vault::new().await;
    let eve = vault.eve().await;
    run_all(
        &eve,
        &[
            "PREPARE put AS INSERT INTO mine SELECT * FROM banknote",
            "PREPARE took AS SELECT * FROM mine",
            "EXECUTE put",
        ],
    )
    .await;
    let later = eve.sql("SELECT * FROM mine").await.unwrap();
    run(&vault.owner, "ALTER TABLE mine OWNER TO maker").await;
    for sql in ["EXECUTE put", "EXECUTE took", "SELECT * FROM mine"] {
        refusal(&eve, sql).await;
        assert!(plain(&eve, sql).await.is_err(), "{sql}");
    }
    assert!(later.collect().await.is_err());
    assert_eq!(value(&vault.owner, "SELECT count(*) FROM mine").await, "2744");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_by_the_name_that_it_had() {
    let vault = Vault::new().await;
    let eve = vault.eve().await;
    run(&vault.owner, "GRANT SELECT ON hidden_rows TO eve").await;
    run(&eve, "PREPARE p AS SELECT count(*) FROM hidden_rows").await;
    run(&vault.owner, "ALTER TABLE hidden_rows RENAME TO theirs").await;
    run(&eve, "EXECUTE p").await;
    run(&vault.owner, "REVOKE SELECT ON theirs FROM eve").await;
    refusal(&eve, "EXECUTE p").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_local_set() {
    let vault = Vault::new().await;
    let caller = vault.user("caller").await;
    run(&caller, CALL).await;
    LocalSet::new()
        .run_until(async {
            plain(&caller, CALL).await.unwrap();
            run(&vault.owner, REVOKE).await;
            assert!(plain(&caller, CALL).await.is_err());
            refusal(&caller, CALL).await;
        })
        .await;
}

/// There an analyzer cannot wait for the store: plain `ctx.sql` knows what the session's last statement has read.
#[tokio::test(flavor = "current_thread")]
async fn on_a_runtime_of_one_thread() {
    let vault = Vault::new().await;
    let caller = vault.user("caller").await;
    run(&caller, CALL).await;
    plain(&caller, CALL).await.unwrap();
    run(&vault.owner, REVOKE).await;
    refusal(&caller, CALL).await;
    assert!(plain(&caller, CALL).await.is_err());
}
