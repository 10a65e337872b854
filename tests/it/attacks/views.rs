//! A view runs with its owner's rights, and lends them to nothing else.

use super::{CALL, HIDDEN, Vault, all_as_if_absent, plain, refusal, run};
use crate::support::{try_answer, value};

#[tokio::test(flavor = "multi_thread")]
async fn a_view_runs_with_its_owners_rights_and_lends_them_to_nothing_else() {
    let vault = Vault::new().await;
    let (maker, eve) = (vault.user("maker").await, vault.eve().await);
    let f = "hidden_call(variance, skewness, curtosis, entropy)";
    run(&maker, &format!("CREATE VIEW inner_view AS SELECT variance, {f} AS p FROM hidden_rows")).await;
    run(&maker, "CREATE VIEW outer_view AS SELECT p, explain_model('hidden_model') AS e FROM inner_view").await;
    refusal(&eve, "SELECT count(*) FROM outer_view").await;
    run(&maker, "GRANT SELECT ON outer_view TO eve").await;
    let count = "SELECT count(*) FROM outer_view WHERE p = 1 AND e IS NOT NULL";
    assert_ne!(value(&eve, count).await, "0");
    all_as_if_absent(&eve, &[CALL, "SELECT * FROM hidden_rows", "SELECT explain_model('hidden_model')"]).await;
    refusal(&eve, "SELECT * FROM inner_view").await;
    refusal(&eve, "SELECT * FROM outer_view, inner_view").await;
    refusal(&eve, &format!("SELECT p FROM outer_view UNION ALL {CALL}")).await;
    assert_ne!(value(&eve, count).await, "0");
    assert!(plain(&eve, "SELECT explain_model('hidden_model')").await.is_err());
    assert!(plain(&eve, CALL).await.is_err());
    // Who owns the view may use the model no more.
    run(&vault.owner, "REVOKE EXECUTE ON MODEL hidden_model FROM maker").await;
    assert_eq!(refusal(&eve, count).await, "view public.outer_view cannot be read; ask its owner maker");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_view_reads_is_not_shown() {
    let vault = Vault::new().await;
    let (maker, eve) = (vault.user("maker").await, vault.eve().await);
    run(&maker, "CREATE VIEW seen AS SELECT variance FROM hidden_rows WHERE skewness > 3.25").await;
    run(&maker, "CREATE VIEW seen_again AS SELECT variance FROM seen").await;
    run(&maker, "GRANT SELECT ON seen, seen_again TO eve").await;
    run(&eve, "SELECT * FROM seen_again").await;
    for view in ["seen", "seen_again"] {
        for explain in ["EXPLAIN", "EXPLAIN VERBOSE", "EXPLAIN ANALYZE", "EXPLAIN FORMAT PGJSON", "EXPLAIN FORMAT TREE"]
        {
            for query in [format!("SELECT * FROM {view}"), format!("SELECT 1 WHERE 1 IN (SELECT variance FROM {view})")]
            {
                let refused = refusal(&eve, &format!("{explain} {query}")).await;
                assert!(refused.starts_with("permission denied to EXPLAIN view public.seen"), "{refused}");
            }
        }
        run(&maker, &format!("EXPLAIN SELECT * FROM {view}")).await;
        for sql in ["SELECT * FROM information_schema.views".to_owned(), format!("SHOW CREATE TABLE {view}")] {
            let listed = try_answer(&eve, &sql).await.unwrap_or_default();
            assert!(!listed.contains("hidden") && !listed.contains("SELECT variance"), "{listed}");
            assert!(try_answer(&maker, &sql).await.unwrap().contains("SELECT variance"));
        }
    }
    run(&maker, "CREATE VIEW seen_wide AS SELECT variance, class FROM hidden_rows WHERE skewness > 3.25").await;
    run(&maker, "GRANT SELECT ON seen_wide TO eve").await;
    let explain =
        HIDDEN.replace("CREATE", "EXPLAIN CREATE").replace("hidden_rows", "seen_wide").replace("hidden", "my");
    let refused = refusal(&eve, &explain).await;
    assert!(refused.starts_with("permission denied to EXPLAIN view public.seen_wide"), "{refused}");
    run(&maker, &explain).await;
    run(&eve, "CREATE VIEW hers AS SELECT variance FROM seen").await;
    let refused = refusal(&eve, "EXPLAIN SELECT * FROM hers").await;
    assert!(refused.starts_with("permission denied to EXPLAIN view public.seen"), "{refused}");
    // Who may read what the view reads may see it.
    run(&vault.owner, "GRANT SELECT ON hidden_rows TO eve").await;
    run(&eve, "EXPLAIN ANALYZE SELECT * FROM seen_again").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_puts_nothing_in_the_place_of_what_a_view_reads() {
    let vault = Vault::new().await;
    let (maker, eve) = (vault.user("maker").await, vault.eve().await);
    run(&maker, "CREATE TABLE rates AS SELECT variance AS v FROM hidden_rows LIMIT 1").await;
    run(&maker, "CREATE VIEW scored AS SELECT v, hidden_call(v, 1, 2, 3) AS p FROM rates").await;
    run(&maker, "GRANT SELECT ON scored TO eve").await;
    let scored = try_answer(&eve, "SELECT * FROM scored").await.unwrap();
    run(&eve, "CREATE TEMP TABLE rates AS SELECT 7.5 AS v").await;
    assert_eq!(value(&eve, "SELECT v FROM rates").await, "7.5");
    assert_eq!(try_answer(&eve, "SELECT * FROM scored").await.unwrap(), scored);
    // Nor does a function of hers, in the schema that she looks in first.
    for sql in ["CREATE SCHEMA shop", "GRANT CREATE, USAGE ON SCHEMA shop TO maker, eve"] {
        run(&vault.owner, sql).await;
    }
    run(&eve, "SET search_path = shop").await;
    let create = HIDDEN.replace("hidden_rows", "public.mine").replace("hidden_model", "hers");
    run(&eve, &create).await;
    run(&eve, "GRANT EXECUTE ON MODEL hers TO PUBLIC").await;
    assert_eq!(try_answer(&eve, "SELECT * FROM public.scored").await.unwrap(), scored);
    run(&vault.owner, "REVOKE EXECUTE ON MODEL hidden_model FROM maker").await;
    refusal(&eve, "SELECT * FROM public.scored").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_puts_nothing_in_the_place_of_what_is_not_there() {
    let vault = Vault::new().await;
    let (maker, eve) = (vault.user("maker").await, vault.eve().await);
    for sql in [
        "CREATE VIEW scored AS SELECT hidden_call(v, 1, 2, 3) AS p FROM public.rates WITH NO SCHEMA BINDING",
        "CREATE VIEW over_it AS SELECT p FROM scored WITH NO SCHEMA BINDING",
        "GRANT SELECT ON scored, over_it TO eve",
    ] {
        run(&maker, sql).await;
    }
    run(&eve, "CREATE TEMP TABLE rates AS SELECT 7.5 AS v").await;
    // A table of the program is one of the session, too, which its user can drop and make anew.
    run(&maker, "CREATE VIEW program AS SELECT hidden_call(variance, 1, 2, 3) AS p FROM banknote").await;
    run(&maker, "GRANT SELECT ON program TO eve").await;
    for view in ["scored", "over_it", "program"] {
        let refused = refusal(&eve, &format!("SELECT * FROM {view}")).await;
        assert!(refused.contains("cannot be read; ask its owner maker"), "{refused}");
        assert!(plain(&eve, &format!("SELECT * FROM {view}")).await.is_err());
    }
    run(&maker, "SELECT * FROM program").await;
    run(&vault.owner, "SELECT * FROM program").await;
    run(&maker, "CREATE TABLE rates AS SELECT 1.5 AS v").await;
    run(&eve, "SELECT * FROM over_it").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_view_reads_is_not_shown_past_the_session() {
    let vault = Vault::new().await;
    let (maker, eve) = (vault.user("maker").await, vault.eve().await);
    run(&maker, "CREATE VIEW seen AS SELECT variance FROM hidden_rows WHERE skewness > 3.25").await;
    run(&maker, "GRANT SELECT ON seen TO eve").await;
    assert!(plain(&eve, "SELECT * FROM seen").await.is_ok());
    for explain in ["EXPLAIN", "EXPLAIN VERBOSE", "EXPLAIN ANALYZE", "EXPLAIN FORMAT TREE", "EXPLAIN FORMAT PGJSON"] {
        for query in ["SELECT * FROM seen", "SELECT 1 WHERE 1 IN (SELECT variance FROM seen)", "SELECT * FROM mine"] {
            let shown = plain(&eve, &format!("{explain} {query}")).await;
            let may_be_shown = explain == "EXPLAIN ANALYZE" && query.contains("mine");
            match shown {
                Err(error) => assert!(error.contains("permission denied to EXPLAIN"), "{explain} {query}: {error}"),
                Ok(_) => assert!(may_be_shown, "{explain} {query}"),
            }
        }
    }
    let frame = eve.sql("SELECT * FROM seen").await.unwrap();
    assert!(frame.clone().explain(true, false).unwrap().collect().await.is_err());
    assert!(frame.explain(false, true).unwrap().collect().await.is_err());
    run(&eve, "EXPLAIN VERBOSE SELECT * FROM mine").await;
    plain(&maker, "EXPLAIN SELECT 1").await.unwrap_err();
    plain(&vault.owner, "EXPLAIN SELECT * FROM seen").await.unwrap();
    // What is prepared past the session is looked at when it is executed.
    plain(&eve, "PREPARE stolen AS SELECT * FROM seen").await.unwrap();
    run(&eve, "PREPARE lent AS SELECT * FROM seen").await;
    run(&eve, "EXECUTE lent").await;
    run(&vault.owner, "REVOKE SELECT ON seen FROM eve").await;
    for sql in ["EXECUTE stolen", "EXECUTE lent"] {
        refusal(&eve, sql).await;
        assert!(plain(&eve, sql).await.is_err(), "{sql}");
    }
    for sql in [CALL, "SELECT * FROM hidden_rows", "SELECT * FROM ml_trees('hidden_model')"] {
        assert!(plain(&eve, &format!("PREPARE p AS {sql}")).await.is_err(), "{sql}");
        assert!(plain(&eve, &format!("EXPLAIN ANALYZE {sql}")).await.is_err(), "{sql}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_without_binding_lends_no_rights_to_who_made_it() {
    let vault = Vault::new().await;
    let eve = vault.eve().await;
    run(&eve, "CREATE VIEW lured AS SELECT * FROM public.hidden_rows WITH NO SCHEMA BINDING").await;
    run(&eve, "CREATE VIEW lured_too AS SELECT hidden_call(1, 2, 3, 4) AS p WITH NO SCHEMA BINDING").await;
    run(&eve, "GRANT SELECT ON lured, lured_too TO PUBLIC").await;
    for view in ["lured", "lured_too"] {
        for session in [&eve, &vault.owner, &vault.user("maker").await] {
            refusal(session, &format!("SELECT * FROM {view}")).await;
        }
        refusal(&vault.owner, &format!("CREATE TABLE copied AS SELECT * FROM {view}")).await;
    }
}
