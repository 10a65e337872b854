//! Trainings in the background: what is seen of them, how they end, and what they leave alone.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use datafusion::prelude::{SessionConfig, SessionContext};
use datafusion_ml::core::Algorithm;
use datafusion_ml::{MlSession, find_error};
use tempfile::TempDir;

use crate::gate::{Gate, Gated};
use crate::support::{answer, try_answer, value};

/// A session that trains in the background, behind a gate. The table `t` has y = 2x + 1.
async fn session(store: &str, gate: &Arc<Gate>) -> MlSession {
    let context = SessionContext::new_with_config(SessionConfig::new().with_target_partitions(1));
    let algorithm: Arc<dyn Algorithm> = Arc::new(Gated(Arc::clone(gate)));
    let session = MlSession::builder(context).with_algorithms([algorithm]).with_store(store).build().await.unwrap();
    try_answer(&session, "CREATE TABLE t AS SELECT value AS x, 2 * value + 1 AS y FROM range(100)").await.unwrap();
    try_answer(&session, "SET ml.background_training = true").await.unwrap();
    session
}

/// A closed gate, and sessions behind it that share a store.
async fn sessions<const N: usize>(store: &TempDir) -> (Arc<Gate>, [MlSession; N]) {
    let gate = Gate::closed();
    let mut sessions = Vec::new();
    for _ in 0..N {
        sessions.push(session(store.path().to_str().unwrap(), &gate).await);
    }
    (gate, sessions.try_into().unwrap())
}

const CREATE: &str =
    "CREATE MODEL m FROM t TARGET y FUNCTION f AUTO OFF MODEL_TYPE LINEAR_LEARNER HYPERPARAMETERS DEFAULT";

/// A model that answers 20x + 10 instead of 2x + 1.
const REPLACE: &str = "CREATE OR REPLACE MODEL m FROM (SELECT x, y * 10 AS y FROM t) TARGET y FUNCTION f AUTO OFF \
    MODEL_TYPE LINEAR_LEARNER HYPERPARAMETERS DEFAULT";

/// The value of a key of SHOW MODEL; empty if there is no such row.
async fn shown(session: &MlSession, key: &str) -> String {
    let table = try_answer(session, "SHOW MODEL m").await.unwrap();
    let mut rows = table.lines().map(|line| line.split('|').map(str::trim).collect::<Vec<_>>());
    rows.find(|cells| cells.get(1) == Some(&key)).map_or(String::new(), |cells| cells[2].to_owned())
}

/// Waits until something is so.
async fn eventually(what: &str, holds: impl AsyncFn() -> bool) {
    for _ in 0..3000 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it is not so after 30 seconds: {what}");
}

fn files(folder: &Path) -> usize {
    std::fs::read_dir(folder).map_or(0, Iterator::count)
}

#[tokio::test]
async fn the_statement_returns_when_its_rows_are_read_and_the_model_is_ready_later() {
    let gate = Gate::closed();
    let session = session("memory:", &gate).await;
    let begun = try_answer(&session, CREATE).await.unwrap();
    assert!(
        begun.contains("| public.m | TRAINING | linear_learner | Regression   |        |       | 100  |"),
        "{begun}"
    );
    assert_eq!(session.training_names(), ["m"]);
    eventually("21 %", async || shown(&session, "Training Progress").await == "21 %").await;
    assert_eq!(shown(&session, "Model State").await, "TRAINING");
    assert_eq!(shown(&session, "Training Step").await, "without the rows held out: round 42 of 100");
    assert_eq!(shown(&session, "train:mse").await, "1.500000");
    assert_eq!(shown(&session, "Model Type").await, "linear_learner");
    assert_eq!(shown(&session, "Function Parameters").await, "x");
    assert!(answer(&session, "SHOW MODEL ALL").await.contains("| public      | m          |"));
    let error = answer(&session, "SELECT f(3)").await;
    assert!(
        error.starts_with("model public.m is still being trained (21 %, without the rows held out: round 42 of 100)"),
        "{error}"
    );
    let explained = value(&session, "SELECT explain_model('m')").await;
    assert_eq!(explained, "{explanations: waiting for training job to complete}");
    let error = answer(&session, "SELECT * FROM ml_evaluate('m', (SELECT * FROM t))").await;
    assert!(error.contains("call ml_evaluate when SHOW MODEL says READY"), "{error}");
    let error = answer(&session, CREATE).await;
    assert!(error.contains("model public.m is being trained, or its training was interrupted"), "{error}");
    let error = answer(&session, &CREATE.replace("MODEL m", "MODEL other")).await;
    assert!(error.contains("function public.f will belong to model public.m"), "{error}");

    gate.open();
    session.finish_training().await.unwrap();
    assert!(session.training_names().is_empty());
    assert_eq!(shown(&session, "Model State").await, "READY");
    assert_eq!(shown(&session, "Training Progress").await, "");
    assert_eq!(value(&session, "SELECT f(7)").await, "15");
    assert_eq!(session.model_names(), ["m"]);
}

#[tokio::test]
async fn a_failed_training_says_why_until_it_is_dropped_or_replaced() {
    for again in ["DROP MODEL m", REPLACE] {
        let gate = Gate::closed();
        let session = session("memory:", &gate).await;
        gate.fail("the moon is full");
        try_answer(&session, CREATE).await.unwrap();
        let error = session.finish_training().await.unwrap_err();
        assert!(error.to_string().contains("model public.m was not trained: the moon is full"), "{error}");
        session.finish_training().await.unwrap();
        assert_eq!(shown(&session, "Model State").await, "FAILED");
        assert_eq!(shown(&session, "Failure Reason").await, "the moon is full");
        assert_eq!(value(&session, "SELECT explain_model('m')").await, "{explanations: processing job failed}");
        let error = answer(&session, "SELECT f(3)").await;
        assert!(
            error.contains("was not trained at line 1, column 8: the moon is full; DROP MODEL public.m"),
            "{error}"
        );
        let error = answer(&session, CREATE).await;
        assert!(error.contains("model public.m has failed to train"), "{error}");
        gate.open();
        try_answer(&session, again).await.unwrap();
        let created = try_answer(&session, CREATE).await;
        assert_eq!(created.is_ok(), again != REPLACE);
        session.finish_training().await.unwrap();
        assert_eq!(shown(&session, "Model State").await, "READY");
    }
}

#[tokio::test]
async fn rows_that_cannot_be_read_fail_the_statement_and_change_nothing() {
    let session = session("memory:", &Gate::closed()).await;
    for broken in ["(SELECT x, y / (x - x) AS y FROM t)", "(SELECT x, y FROM t WHERE false)"] {
        assert!(try_answer(&session, &CREATE.replace("FROM t", &format!("FROM {broken}"))).await.is_err());
        assert!(answer(&session, "SHOW MODEL m").await.contains("there is no model public.m"));
    }
}

#[tokio::test]
async fn the_old_model_serves_until_its_replacement_is_ready() {
    let gate = Gate::closed();
    let session = session("memory:", &gate).await;
    gate.open();
    try_answer(&session, CREATE).await.unwrap();
    session.finish_training().await.unwrap();
    gate.close();
    try_answer(&session, REPLACE).await.unwrap();
    assert_eq!(value(&session, "SELECT f(7)").await, "15");
    eventually("21 %", async || shown(&session, "Training Progress").await == "21 %").await;
    assert_eq!(shown(&session, "Model State").await, "READY");
    assert_eq!(shown(&session, "Replacement State").await, "TRAINING");
    gate.fail("no luck");
    session.finish_training().await.unwrap_err();
    assert_eq!(value(&session, "SELECT f(7)").await, "15");
    assert_eq!(shown(&session, "Model State").await, "READY");
    assert_eq!(shown(&session, "Replacement State").await, "FAILED");
    assert_eq!(shown(&session, "Failure Reason").await, "no luck");
    gate.open();
    try_answer(&session, REPLACE).await.unwrap();
    session.finish_training().await.unwrap();
    assert_eq!(value(&session, "SELECT f(7)").await, "150");
    assert_eq!(shown(&session, "Replacement State").await, "");
    assert_eq!(shown(&session, "Model Version").await, "2");
}

#[tokio::test]
async fn dropping_a_model_cancels_its_training() {
    let store = tempfile::tempdir().unwrap();
    let (gate, [session]) = sessions(&store).await;
    try_answer(&session, CREATE).await.unwrap();
    eventually("21 %", async || shown(&session, "Training Progress").await == "21 %").await;
    try_answer(&session, "DROP MODEL m").await.unwrap();
    assert!(answer(&session, "SHOW MODEL m").await.contains("there is no model public.m"));
    assert!(answer(&session, "SELECT f(3)").await.contains("there is no function f"));
    session.finish_training().await.unwrap();
    eventually("the fit has stopped", async || gate.cancelled() == 1).await;
    assert_eq!(files(&store.path().join("training")), 0);
    gate.open();
    try_answer(&session, CREATE).await.unwrap();
    session.finish_training().await.unwrap();
    assert_eq!(value(&session, "SELECT f(7)").await, "15");
}

#[tokio::test]
async fn a_search_goes_on_in_the_background_until_it_is_done_or_dropped() {
    const SEARCH: &str = "CREATE MODEL m FROM (SELECT x / 8.0 AS x, y FROM t) TARGET y FUNCTION f \
                          MODEL_TYPE LINEAR_LEARNER PROBLEM_TYPE REGRESSION";
    let gate = Gate::closed();
    let session = session("memory:", &gate).await;
    try_answer(&session, "SET ml.auto_max_candidates = 2").await.unwrap();
    assert!(try_answer(&session, SEARCH).await.unwrap().contains("TRAINING"));
    eventually("a candidate is fitted", async || gate.waiting() > 0).await;
    assert_eq!(shown(&session, "Model State").await, "TRAINING");
    try_answer(&session, "DROP MODEL m").await.unwrap();
    eventually("it is cancelled", async || gate.waiting() == 0 && gate.cancelled() > 0).await;
    session.finish_training().await.unwrap();
    assert!(try_answer(&session, SEARCH).await.unwrap().contains("TRAINING"));
    gate.open();
    session.finish_training().await.unwrap();
    assert_eq!(shown(&session, "Model State").await, "READY");
    assert_eq!(value(&session, "SELECT count(*) FROM ml_trials('m')").await, "2");
    assert_eq!(value(&session, "SELECT round(f(3.0))").await, "49");
}

#[tokio::test]
async fn another_session_sees_training_then_the_model() {
    let store = tempfile::tempdir().unwrap();
    let (gate, [here, there]) = sessions(&store).await;
    try_answer(&here, CREATE).await.unwrap();
    assert_eq!(shown(&there, "Model State").await, "TRAINING");
    eventually("21 %", async || shown(&there, "Training Progress").await == "21 %").await;
    let error = answer(&there, "SELECT f(3)").await;
    assert!(error.contains("still being trained (21 %"), "{error}");
    gate.open();
    here.finish_training().await.unwrap();
    assert_eq!(shown(&there, "Model State").await, "READY");
    assert_eq!(value(&there, "SELECT f(7)").await, "15");
    assert_eq!(files(&store.path().join("training")), 0);
}

#[tokio::test]
async fn a_model_that_is_dropped_elsewhere_is_not_trained_to_the_end() {
    let store = tempfile::tempdir().unwrap();
    let (gate, [here, there]) = sessions(&store).await;
    try_answer(&here, CREATE).await.unwrap();
    eventually("the fit has begun", async || gate.waiting() == 1).await;
    try_answer(&there, "DROP MODEL m").await.unwrap();
    here.finish_training().await.unwrap();
    eventually("the fit has stopped", async || gate.cancelled() == 1).await;
    assert_eq!(files(&store.path().join("training")), 0);
    assert!(answer(&here, "SHOW MODEL m").await.contains("there is no model public.m"));
}

#[tokio::test]
async fn a_model_that_is_dropped_elsewhere_is_not_committed() {
    let store = tempfile::tempdir().unwrap();
    let (gate, [here, there]) = sessions(&store).await;
    try_answer(&here, CREATE).await.unwrap();
    try_answer(&there, "DROP MODEL m").await.unwrap();
    // Before the next heartbeat, mostly.
    gate.open();
    here.finish_training().await.unwrap();
    assert!(answer(&there, "SHOW MODEL m").await.contains("there is no model public.m"));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_that_create_the_same_model_at_once_one_wins() {
    for _ in 0..10 {
        let store = tempfile::tempdir().unwrap();
        let (gate, [here, there]) = sessions(&store).await;
        let (first, second) = tokio::join!(here.sql(CREATE), there.sql(CREATE));
        let error = match (first, second) {
            (Ok(_), Err(error)) | (Err(error), Ok(_)) => error,
            other => panic!("one wins, not {other:?}"),
        };
        let error = find_error(&error).unwrap();
        assert!(
            error.message().contains("model public.m is being trained, or its training was interrupted"),
            "{error}"
        );
        gate.open();
        here.finish_training().await.unwrap();
        there.finish_training().await.unwrap();
        assert_eq!(value(&there, "SELECT f(7)").await, "15");
    }
}

#[tokio::test]
async fn a_replacement_takes_the_place_of_the_training_before_it() {
    let store = tempfile::tempdir().unwrap();
    let (gate, [here, there]) = sessions(&store).await;
    try_answer(&here, CREATE).await.unwrap();
    eventually("the fit has begun", async || gate.waiting() == 1).await;
    try_answer(&there, REPLACE).await.unwrap();
    here.finish_training().await.unwrap();
    eventually("the first fit has stopped", async || gate.cancelled() == 1).await;
    assert_eq!(shown(&here, "Model State").await, "TRAINING");
    gate.open();
    there.finish_training().await.unwrap();
    assert_eq!(value(&here, "SELECT f(7)").await, "150");
    assert_eq!(shown(&here, "Model Version").await, "1");
}

#[tokio::test]
async fn a_replacement_in_the_foreground_ends_a_training_too() {
    let store = tempfile::tempdir().unwrap();
    let (gate, [session]) = sessions(&store).await;
    try_answer(&session, CREATE).await.unwrap();
    eventually("21 %", async || shown(&session, "Training Progress").await == "21 %").await;
    try_answer(&session, "SET ml.background_training = false").await.unwrap();
    let replacement = try_answer(&session, REPLACE);
    let opening = async {
        eventually("both wait", async || gate.waiting() == 2).await;
        gate.open();
    };
    let (answered, ()) = tokio::join!(replacement, opening);
    assert!(answered.unwrap().contains("READY"));
    session.finish_training().await.unwrap();
    assert_eq!(value(&session, "SELECT f(7)").await, "150");
}

#[tokio::test]
async fn training_goes_on_when_its_session_is_dropped() {
    let store = tempfile::tempdir().unwrap();
    let (gate, [here, there]) = sessions(&store).await;
    try_answer(&here, CREATE).await.unwrap();
    drop(here);
    gate.open();
    eventually("READY", async || shown(&there, "Model State").await == "READY").await;
    assert_eq!(value(&there, "SELECT f(7)").await, "15");
}

#[test]
fn training_ends_with_its_runtime() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let store = tempfile::tempdir().unwrap();
    let (first, second) = (runtime(), runtime());
    let (gate, [session]) = first.block_on(sessions(&store));
    first.block_on(try_answer(&session, CREATE)).unwrap();
    first.block_on(eventually("the fit has begun", async || gate.waiting() == 1));
    assert_eq!(session.training_names(), ["m"]);
    first.shutdown_background();
    assert!(session.training_names().is_empty());
    second.block_on(eventually("the fit has stopped", async || gate.cancelled() == 1));
}

/// A commit as the first version that trains in the background writes it: later ones must read it.
pub(crate) const COMMIT_OF_FORMAT_2: &str = r#"{"format_version": 2, "actions": [{"put_training": {
    "name": {"schema": "public", "name": "m"}, "id": 1, "owner": "admin", "created_at": 1795400781,
    "function": {"schema": "public", "name": "f"},
    "report": {"model_type": "linear_learner", "problem_type": "Regression", "objective": null, "metrics": [],
        "source": {"table": "t"}, "target": "y", "parameters": [["x", "int8"]], "returns": "",
        "hyperparameters": [["epochs", "200"]], "rows_read": 100, "rows_used": 0, "seconds": 0.01,
        "stopped_early": false, "iam_role": null, "s3_bucket": null, "kms_key_id": null, "tags": null,
        "max_cells": null, "max_runtime": null},
    "process": {"machine": "of another start", "id": 1, "started": 7}}}]}"#;

#[tokio::test]
async fn a_training_without_a_sign_of_life_is_told_of_as_failed() {
    let store = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(store.path().join("catalog")).unwrap();
    std::fs::write(store.path().join("catalog/00000000000000000001.json"), COMMIT_OF_FORMAT_2).unwrap();
    let gate = Gate::closed();
    let session = session(store.path().to_str().unwrap(), &gate).await;
    assert_eq!(shown(&session, "Model State").await, "FAILED");
    let reason = shown(&session, "Failure Reason").await;
    assert!(reason.starts_with("interrupted: what trained it has given no sign of life for "), "{reason}");
    let error = answer(&session, "SELECT f(1)").await;
    assert!(error.contains("public.m was not trained at line 1, column 8: interrupted"), "{error}");
    assert!(try_answer(&session, CREATE).await.is_err());
    gate.open();
    try_answer(&session, REPLACE).await.unwrap();
    session.finish_training().await.unwrap();
    assert_eq!(shown(&session, "Model State").await, "READY");
}
