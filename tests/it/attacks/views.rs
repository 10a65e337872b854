//! A view runs with its owner's rights, lends them to nothing else, and does not show what it reads.

use datafusion_ml::MlSession;

use super::{CALL, HIDDEN, Vault, as_if_absent, placeless, plain, refusal, run, run_all, tricks};
use crate::support::{data, try_answer, value};

/// Maker's `seen` over hidden_rows, `seen_again` over that, and `scored` over both the rows and the model; eve may read them.
async fn vault_with_views() -> (Vault, MlSession, MlSession) {
    let vault = Vault::new().await;
    let (maker, eve) = (vault.user("maker").await, vault.eve().await);
    run_all(
        &maker,
        &[
            "CREATE VIEW seen AS SELECT variance FROM hidden_rows WHERE skewness > 3.25",
            "CREATE VIEW seen_again AS SELECT variance FROM seen",
            "CREATE VIEW unseen AS SELECT variance, hidden_call(variance, skewness, curtosis, entropy) AS p FROM hidden_rows",
            "CREATE VIEW scored AS SELECT p, explain_model('hidden_model') AS e FROM unseen",
            "CREATE VIEW seen_wide AS SELECT variance, class FROM hidden_rows WHERE skewness > 3.25",
            "GRANT SELECT ON seen, seen_again, seen_wide, scored TO eve",
        ],
    )
    .await;
    run_all(&eve, &["SELECT count(*) FROM seen_again", "SELECT count(*) FROM scored WHERE p = 1"]).await;
    (vault, maker, eve)
}

async fn lends_nothing(sql: &str) {
    let (_vault, maker, eve) = vault_with_views().await;
    refusal(&eve, sql).await;
    assert!(plain(&eve, sql).await.is_err(), "{sql}");
    run(&maker, sql).await;
}

tricks! { lends_nothing;
    the_model_that_it_calls => CALL;
    the_model_that_it_explains => "SELECT explain_model('hidden_model')";
    the_table_that_it_reads => "SELECT * FROM hidden_rows";
    the_view_that_it_reads => "SELECT * FROM unseen";
    the_view_that_it_reads_beside_it => "SELECT * FROM scored, unseen LIMIT 1";
    the_model_in_a_union_with_it => "SELECT p FROM scored UNION ALL SELECT hidden_call(1, 2, 3, 4)";
    the_model_over_its_rows => "SELECT hidden_call(variance, 1, 2, 3) FROM seen";
    the_table_in_a_subquery_over_it => "SELECT * FROM seen WHERE variance IN (SELECT variance FROM hidden_rows)";
    the_table_in_a_lateral_subquery_over_it =>
        "SELECT 1 FROM seen, LATERAL (SELECT 1 FROM hidden_rows WHERE hidden_rows.variance = seen.variance) AS t";
    the_table_in_a_common_table_of_its_name =>
        "WITH seen AS (SELECT variance FROM hidden_rows) SELECT * FROM seen";
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_of_it_lends_nothing_to_the_next_statement() {
    let (_vault, _, eve) = vault_with_views().await;
    for sql in [CALL, "SELECT * FROM hidden_rows", "SELECT explain_model('hidden_model')"] {
        run(&eve, "SELECT * FROM scored LIMIT 1").await;
        as_if_absent(&eve, sql).await;
        assert!(plain(&eve, sql).await.is_err(), "{sql}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_before_it_is_granted() {
    let vault = Vault::new().await;
    run(&vault.user("maker").await, "CREATE VIEW hidden_view AS SELECT variance FROM hidden_rows").await;
    as_if_absent(&vault.eve().await, "SELECT * FROM hidden_view").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_whose_owner_may_no_more() {
    let (vault, _, eve) = vault_with_views().await;
    run(&vault.owner, "REVOKE EXECUTE ON MODEL hidden_model FROM maker").await;
    let refused = refusal(&eve, "SELECT count(*) FROM scored WHERE p = 1").await;
    assert_eq!(placeless(&refused), "view public.scored cannot be read; ask its owner maker");
}

/// Eve is not shown the view; a superuser is.
async fn is_not_shown(sql: &str) {
    let (vault, _, eve) = vault_with_views().await;
    let refused = refusal(&eve, sql).await;
    assert!(refused.starts_with("permission denied to EXPLAIN view public.seen"), "{refused}");
    assert!(plain(&eve, sql).await.is_err(), "{sql}");
    run(&vault.owner, sql).await;
}

tricks! { is_not_shown;
    explain => "EXPLAIN SELECT * FROM seen";
    explain_verbose => "EXPLAIN VERBOSE SELECT * FROM seen";
    explain_analyze => "EXPLAIN ANALYZE SELECT * FROM seen";
    explain_as_a_tree => "EXPLAIN FORMAT TREE SELECT * FROM seen";
    explain_as_json => "EXPLAIN FORMAT PGJSON SELECT * FROM seen";
    explain_a_view_over_a_view => "EXPLAIN SELECT * FROM seen_again";
    explain_a_subquery => "EXPLAIN SELECT 1 WHERE 1 IN (SELECT variance FROM seen)";
    explain_analyze_a_subquery_over_a_view => "EXPLAIN ANALYZE SELECT 1 WHERE 1 IN (SELECT variance FROM seen_again)";
    explain_an_insert => "EXPLAIN INSERT INTO mine (variance) SELECT variance FROM seen";
    explain_a_training =>
        "EXPLAIN CREATE MODEL m FROM seen_wide TARGET class FUNCTION g AUTO OFF MODEL_TYPE XGBOOST \
         PREPROCESSORS 'none' HYPERPARAMETERS DEFAULT";
}

#[tokio::test(flavor = "multi_thread")]
async fn explain_a_view_of_ones_own_over_it() {
    let (_vault, _, eve) = vault_with_views().await;
    run(&eve, "CREATE VIEW hers AS SELECT variance FROM seen").await;
    let refused = refusal(&eve, "EXPLAIN SELECT * FROM hers").await;
    assert!(refused.starts_with("permission denied to EXPLAIN view public.seen"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn explain_is_for_who_may_read_what_it_reads() {
    let (vault, _, eve) = vault_with_views().await;
    run(&vault.owner, "GRANT SELECT ON hidden_rows TO eve").await;
    run(&eve, "EXPLAIN ANALYZE SELECT * FROM seen_again").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn explain_a_view_over_an_external_table() {
    let vault = Vault::new().await;
    vault
        .set_up(&[
            &format!("CREATE EXTERNAL TABLE elsewhere STORED AS PARQUET LOCATION '{}'", data("banknote.parquet")),
            "CREATE VIEW seen AS SELECT variance FROM elsewhere WHERE skewness > 3.25",
            "GRANT SELECT ON seen TO eve",
        ])
        .await;
    let eve = vault.eve().await;
    run(&eve, "SELECT * FROM seen").await;
    let explains =
        ["EXPLAIN", "EXPLAIN VERBOSE", "EXPLAIN ANALYZE"].map(|explain| format!("{explain} SELECT * FROM seen"));
    for sql in &explains {
        let refused = refusal(&eve, sql).await;
        assert!(refused.starts_with("permission denied to EXPLAIN view public.seen"), "{refused}");
        run(&vault.owner, sql).await;
    }
    run(&vault.owner, "GRANT SELECT ON elsewhere TO eve").await;
    for sql in &explains {
        run(&eve, sql).await;
    }
}

/// Nor is it a hint for a name.
#[tokio::test(flavor = "multi_thread")]
async fn the_name_of_a_function_beside_a_view_that_calls_it() {
    let (_vault, _, eve) = vault_with_views().await;
    as_if_absent(&eve, "SELECT hidden_call(1, 2, 3, 4) FROM scored").await;
    as_if_absent(&eve, "SELECT hidden_cal(1, 2, 3, 4) FROM scored").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_beside_a_view_of_it() {
    let vault = Vault::new().await;
    vault.set_up(&["CREATE VIEW log AS SELECT action FROM ml_audit", "GRANT SELECT ON log TO eve"]).await;
    let eve = vault.eve().await;
    let (all, hers) = ("SELECT count(*) FROM log", "SELECT count(*) FROM ml_audit");
    assert_ne!(value(&eve, all).await, value(&eve, hers).await);
    let both =
        format!("SELECT ({all}) = {} AND ({hers}) = {} AS same", value(&eve, all).await, value(&eve, hers).await);
    assert_eq!(value(&eve, &both).await, "true");
}

/// The owner is shown the text of the view; eve is not.
async fn its_text_is_not_shown(sql: &str) {
    let (_vault, maker, eve) = vault_with_views().await;
    assert!(try_answer(&maker, sql).await.unwrap().contains("hidden_rows"));
    let shown = try_answer(&eve, sql).await.unwrap_or_default();
    assert!(!shown.contains("hidden") && !shown.contains("3.25"), "{shown}");
}

tricks! { its_text_is_not_shown;
    text_in_the_information_schema => "SELECT * FROM information_schema.views";
    text_by_show_create_table => "SHOW CREATE TABLE seen";
    text_by_show_view => "SHOW VIEW seen";
}

#[tokio::test(flavor = "multi_thread")]
async fn explain_of_a_frame() {
    let (_vault, _, eve) = vault_with_views().await;
    let frame = eve.sql("SELECT * FROM seen").await.unwrap();
    assert!(frame.clone().explain(true, false).unwrap().collect().await.is_err());
    assert!(frame.explain(false, true).unwrap().collect().await.is_err());
}

/// There it may show what DataFusion has put into the plan meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn explain_past_the_session() {
    let (vault, maker, eve) = vault_with_views().await;
    for explain in ["EXPLAIN", "EXPLAIN VERBOSE", "EXPLAIN FORMAT TREE", "EXPLAIN FORMAT PGJSON"] {
        let refused = plain(&eve, &format!("{explain} SELECT * FROM mine")).await.unwrap_err();
        assert!(refused.contains("permission denied to EXPLAIN"), "{refused}");
    }
    run(&eve, "EXPLAIN VERBOSE SELECT * FROM mine").await;
    plain(&maker, "EXPLAIN SELECT 1").await.unwrap_err();
    plain(&vault.owner, "EXPLAIN SELECT * FROM seen").await.unwrap();
}

/// What is prepared there is looked at when it is executed.
#[tokio::test(flavor = "multi_thread")]
async fn prepare_past_the_session() {
    let (vault, maker, eve) = vault_with_views().await;
    plain(&eve, "PREPARE stolen AS SELECT * FROM seen").await.unwrap();
    run(&maker, "REVOKE SELECT ON seen FROM eve").await;
    refusal(&eve, "EXECUTE stolen").await;
    assert!(plain(&eve, "EXECUTE stolen").await.is_err());
    for sql in [CALL, "SELECT * FROM hidden_rows", "SELECT * FROM ml_trees('hidden_model')"] {
        assert!(plain(&eve, &format!("PREPARE p AS {sql}")).await.is_err(), "{sql}");
    }
    run(&vault.owner, "SELECT * FROM seen").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prepared_read_of_what_is_granted_no_more() {
    let (_vault, maker, eve) = vault_with_views().await;
    run_all(&eve, &["PREPARE lent AS SELECT * FROM seen", "EXECUTE lent"]).await;
    run(&maker, "REVOKE SELECT ON seen FROM eve").await;
    refusal(&eve, "EXECUTE lent").await;
    assert!(plain(&eve, "EXECUTE lent").await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_temporary_table_in_the_place_of_what_it_reads() {
    let (_vault, maker, eve) = vault_with_views().await;
    run_all(
        &maker,
        &[
            "CREATE TABLE rates AS SELECT 1.5 AS v",
            "CREATE VIEW rated AS SELECT v, hidden_call(v, 1, 2, 3) AS p FROM rates",
            "GRANT SELECT ON rated TO eve",
        ],
    )
    .await;
    run(&eve, "CREATE TEMP TABLE rates AS SELECT 7.5 AS v").await;
    assert_eq!(value(&eve, "SELECT v FROM rates").await, "7.5");
    assert_eq!(value(&eve, "SELECT v FROM rated").await, "1.5");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_of_ones_own_in_the_place_of_what_it_calls() {
    let (vault, _, eve) = vault_with_views().await;
    vault.set_up(&["CREATE SCHEMA shop", "GRANT CREATE, USAGE ON SCHEMA shop TO maker, eve"]).await;
    run(&eve, "SET search_path = shop").await;
    run(&eve, &HIDDEN.replace("hidden_rows", "public.mine").replace("hidden_model", "hers")).await;
    run(&eve, "GRANT EXECUTE ON MODEL hers TO PUBLIC").await;
    run(&vault.owner, "REVOKE EXECUTE ON MODEL hidden_model FROM maker").await;
    refusal(&eve, "SELECT * FROM public.scored").await;
}

/// Nor does one put anything in the place of what is not there.
async fn is_not_made_up(view: &str) {
    let vault = Vault::new().await;
    let (maker, eve) = (vault.user("maker").await, vault.eve().await);
    run_all(
        &maker,
        &[
            "CREATE VIEW rated AS SELECT hidden_call(v, 1, 2, 3) AS p FROM public.rates WITH NO SCHEMA BINDING",
            "CREATE VIEW over_it AS SELECT p FROM rated WITH NO SCHEMA BINDING",
            "GRANT SELECT ON rated, over_it TO eve",
        ],
    )
    .await;
    run(&eve, "CREATE TEMP TABLE rates AS SELECT 7.5 AS v").await;
    let sql = format!("SELECT * FROM {view}");
    let refused = refusal(&eve, &sql).await;
    assert!(placeless(&refused).contains("cannot be read; ask its owner maker"), "{refused}");
    assert!(plain(&eve, &sql).await.is_err());
    run(&maker, "CREATE TABLE rates AS SELECT 1.5 AS v").await;
    run(&eve, &sql).await;
}

tricks! { is_not_made_up;
    a_temporary_table_where_there_is_none => "rated";
    a_temporary_table_where_there_is_none_under_two_views => "over_it";
}

/// It is one of the session, which its user can drop and make anew.
#[tokio::test(flavor = "multi_thread")]
async fn a_table_of_the_program_in_a_view_of_another() {
    let vault = Vault::new().await;
    let (maker, eve) = (vault.user("maker").await, vault.eve().await);
    run(&maker, "CREATE VIEW program AS SELECT hidden_call(variance, 1, 2, 3) AS p FROM banknote").await;
    run(&maker, "GRANT SELECT ON program TO eve").await;
    refusal(&eve, "SELECT * FROM program").await;
    assert!(plain(&eve, "SELECT * FROM program").await.is_err());
    run_all(&maker, &["SELECT * FROM program"]).await;
    run(&vault.owner, "SELECT * FROM program").await;
}

/// A view of eve's over what she may not use.
async fn is_no_lure(query: &str) {
    let vault = Vault::new().await;
    let eve = vault.eve().await;
    run(&eve, &format!("CREATE VIEW lure AS {query} WITH NO SCHEMA BINDING")).await;
    run(&eve, "GRANT SELECT ON lure TO PUBLIC").await;
    for session in [&eve, &vault.owner, &vault.user("maker").await] {
        refusal(session, "SELECT * FROM lure").await;
        refusal(session, "CREATE TABLE copied AS SELECT * FROM lure").await;
    }
}

tricks! { is_no_lure;
    a_view_without_binding_of_a_hidden_table => "SELECT * FROM public.hidden_rows";
    a_view_without_binding_of_a_hidden_function => "SELECT hidden_call(1, 2, 3, 4) AS p";
    a_view_without_binding_of_a_hidden_report => "SELECT explain_model('hidden_model') AS e";
    a_view_without_binding_of_hidden_trees => "SELECT * FROM ml_trees('hidden_model')";
}

/// Whoever reads it, what it lists is what its owner may know.
#[tokio::test(flavor = "multi_thread")]
async fn a_view_of_a_list_read_by_who_sees_more() {
    let vault = Vault::new().await;
    let eve = vault.eve().await;
    run_all(&eve, &["CREATE VIEW list AS SELECT model_name FROM svv_ml_model_info", "GRANT SELECT ON list TO PUBLIC"])
        .await;
    let shown = try_answer(&vault.owner, "SELECT * FROM list").await.unwrap_or_default();
    assert!(!shown.contains("hidden"), "{shown}");
}
