//! `ml_audit` of predictions: who, with which version, how many rows.

use std::process::Command;

use datafusion_ml::MlSession;
use tempfile::TempDir;

use crate::support::{BANKNOTE_HITS, CREATE_BANKNOTE, answer, builder, data, session, try_answer, value};

/// A session that records predictions, of that user.
async fn audited(folder: &TempDir, user: Option<&str>) -> MlSession {
    let builder = builder(&folder.path().to_string_lossy(), 2).await.with_prediction_audit();
    match user {
        Some(user) => builder.with_user(user).build().await.unwrap(),
        None => builder.build().await.unwrap(),
    }
}

async fn run(session: &MlSession, sql: &str) {
    try_answer(session, sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
}

/// The predictions that the session may know of: who, version, function and rows.
async fn predictions(session: &MlSession) -> String {
    let sql = "SELECT string_agg(p, ', ' ORDER BY p) FROM (SELECT user_name || ' ' || model_version || ' ' || detail || ' ' || \
               sum(rows_predicted) AS p FROM ml_audit WHERE action = 'PREDICT' AND object_name = 'public.banknote_model' \
               GROUP BY user_name, model_version, detail)";
    value(session, sql).await
}

#[tokio::test(flavor = "multi_thread")]
async fn predictions_are_recorded_with_user_version_function_and_rows() {
    let folder = tempfile::tempdir().unwrap();
    let owner = audited(&folder, None).await;
    run(&owner, CREATE_BANKNOTE).await;
    run(&owner, "CREATE USER ann").await;
    run(&owner, "CREATE USER bob").await;
    run(&owner, "GRANT EXECUTE ON MODEL banknote_model TO ann").await;
    assert_eq!(predictions(&owner).await, "", "to create and to evaluate a model is no prediction");
    {
        let ann = audited(&folder, Some("ann")).await;
        run(&ann, BANKNOTE_HITS).await;
        // Nothing is computed here.
        run(&ann, &format!("EXPLAIN {BANKNOTE_HITS}")).await;
        assert_eq!(predictions(&ann).await, "", "what others did with it is the owner's to know");
        // A statement need not go through the session.
        let frame =
            ann.context().sql("SELECT predict_class_prob(variance, 1, 1, 1) FROM banknote LIMIT 1").await.unwrap();
        frame.collect().await.unwrap();
        ann.flush_audit().await.unwrap();
    }
    let ann = audited(&folder, Some("ann")).await;
    run(&ann, "SELECT * FROM ml_evaluate('banknote_model', (SELECT * FROM banknote))").await;
    run(&ann, "SELECT * FROM ml_roc_curve('banknote_model', (SELECT * FROM banknote LIMIT 9))").await;
    ann.flush_audit().await.unwrap();
    let bob = audited(&folder, Some("bob")).await;
    assert!(answer(&bob, BANKNOTE_HITS).await.contains("there is no function predict_class"));
    let silent = session(&folder.path().to_string_lossy()).await;
    run(&silent, BANKNOTE_HITS).await;
    let found = predictions(&silent).await;
    assert!(found.contains("ann 1 predict_class 1372") && found.contains("ann 1 predict_class_prob "), "{found}");
    assert!(found.contains("ann 1 ml_evaluate 1372") && found.contains("_score 9"), "{found}");
    assert!(!predictions(&silent).await.contains("bob") && !predictions(&silent).await.contains("admin"));
    run(&owner, &CREATE_BANKNOTE.replace("CREATE", "CREATE OR REPLACE")).await;
    run(&owner, BANKNOTE_HITS).await;
    run(&owner, &format!("CREATE TABLE scored AS {}", BANKNOTE_HITS.replace("count(*)", "count(*) AS hits"))).await;
    assert!(predictions(&owner).await.contains("admin 2 predict_class 2744"), "{}", predictions(&owner).await);
}

/// The optimizer computes calls over constants, of a prepared statement when it is prepared.
#[tokio::test(flavor = "multi_thread")]
async fn predictions_of_constants_are_recorded_when_they_are_given() {
    let folder = tempfile::tempdir().unwrap();
    let owner = audited(&folder, None).await;
    run(&owner, CREATE_BANKNOTE).await;
    for user in [None, Some("ann")] {
        run(&owner, &format!("CREATE USER {}", user.unwrap_or("bob"))).await;
        let session = audited(&folder, user).await;
        if user.is_some() {
            run(&owner, "GRANT EXECUTE ON MODEL banknote_model TO ann").await;
        }
        for explain in ["EXPLAIN", "EXPLAIN VERBOSE"] {
            run(&session, &format!("{explain} SELECT predict_class(1, 2, 3, 4)")).await;
        }
        run(&session, "PREPARE one(DOUBLE) AS SELECT predict_class(1, 2, 3, 4), predict_class($1, 2, 3, 4)").await;
        session.flush_audit().await.unwrap();
        assert!(!predictions(&owner).await.contains(user.unwrap_or("admin")), "{}", predictions(&owner).await);
        run(&session, "EXECUTE one(2)").await;
        run(&session, "EXECUTE one(3)").await;
        session.flush_audit().await.unwrap();
        let recorded = format!("{} 1 predict_class 4", user.unwrap_or("admin"));
        assert!(predictions(&owner).await.contains(&recorded), "{}", predictions(&owner).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn predictions_are_told_to_whom_the_model_was() {
    let folder = tempfile::tempdir().unwrap();
    let owner = audited(&folder, None).await;
    for sql in ["CREATE USER ann", "CREATE USER bob", "GRANT CREATE MODEL TO ann, bob"] {
        run(&owner, sql).await;
    }
    let (ann, bob) = (audited(&folder, Some("ann")).await, audited(&folder, Some("bob")).await);
    run(&ann, CREATE_BANKNOTE).await;
    run(&ann, BANKNOTE_HITS).await;
    ann.flush_audit().await.unwrap();
    run(&ann, "DROP MODEL banknote_model").await;
    run(&bob, CREATE_BANKNOTE).await;
    assert_eq!(predictions(&bob).await, "", "his is another model");
    assert_eq!(predictions(&ann).await, "ann 1 predict_class 1372");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_recorded_unless_the_program_wants_it() {
    let folder = tempfile::tempdir().unwrap();
    let session = session(&folder.path().to_string_lossy()).await;
    run(&session, CREATE_BANKNOTE).await;
    run(&session, BANKNOTE_HITS).await;
    assert_eq!(predictions(&session).await, "");
    assert!(!folder.path().join("predictions").exists());
}

#[test]
fn the_shell_records_before_it_ends() {
    let folder = tempfile::tempdir().unwrap();
    let dfml = |arguments: &[&str]| {
        let mut shell = Command::new(env!("CARGO_BIN_EXE_dfml-under-test"));
        let output = shell
            .current_dir(folder.path())
            .env("USER", "erin")
            .args(["-q", "--format", "csv"])
            .args(arguments)
            .output();
        let output = output.unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let table = format!("CREATE EXTERNAL TABLE banknote STORED AS PARQUET LOCATION '{}'", data("banknote.parquet"));
    dfml(&["-c", &table, CREATE_BANKNOTE]);
    dfml(&["--audit-predictions", "-c", BANKNOTE_HITS]);
    let audit = dfml(&[
        "-c",
        "SELECT user_name, action, rows_predicted FROM ml_audit WHERE action LIKE 'PRE%' OR action LIKE '%MODEL' \
               ORDER BY action DESC",
    ]);
    assert_eq!(audit, "user_name,action,rows_predicted\nerin,PREDICT,1372\nerin,CREATE MODEL,\n");
}
