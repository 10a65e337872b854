//! A model's life: made, called in later sessions, replaced, dropped, and left alone by what fails.

use std::sync::Arc;

use datafusion::arrow::util::pretty::pretty_format_batches;
use datafusion::prelude::SessionContext;
use datafusion_ml::core::ErrorKind;
use datafusion_ml::{MlSession, TrainingProgress, find_error};
use object_store::memory::InMemory;
use url::Url;

use crate::support::{
    BANKNOTE_HITS, CREATE_BANKNOTE, answer, builder, session, session_with_threads, try_answer, value,
};

#[test]
fn the_example_runs() {
    crate::embed_example::main().unwrap();
}

#[tokio::test]
async fn a_model_is_there_in_later_sessions() {
    let store = tempfile::tempdir().unwrap();
    let location = store.path().to_str().unwrap();
    let first = session(location).await;
    try_answer(&first, CREATE_BANKNOTE).await.unwrap();
    let hits = value(&first, BANKNOTE_HITS).await;
    assert!(hits.parse::<u32>().unwrap() > 1350, "{hits}");
    let second = session(location).await;
    assert_eq!(value(&second, BANKNOTE_HITS).await, hits);
    assert_eq!(second.model_names(), ["banknote_model"]);
}

#[tokio::test]
async fn a_resolved_model_is_callable_from_plain_datafusion() {
    let session = session("memory:").await;
    try_answer(&session, CREATE_BANKNOTE).await.unwrap();
    let plain: SessionContext = session.context().clone();
    let rows = plain.sql("SELECT predict_class(1.0, 2.0, 3.0, 4.0)").await.unwrap().collect().await.unwrap();
    assert_eq!(rows[0].num_rows(), 1);
}

#[tokio::test]
async fn replacing_a_model_serves_the_next_statement_and_not_the_running_one() {
    let store = tempfile::tempdir().unwrap();
    let location = store.path().to_str().unwrap();
    let (here, there) = (session(location).await, session(location).await);
    try_answer(&here, CREATE_BANKNOTE).await.unwrap();
    let running = here.sql("SELECT DISTINCT predict_class(0.0, 0.0, 0.0, 0.0) AS p").await.unwrap();
    let replace = CREATE_BANKNOTE.replace("CREATE MODEL", "CREATE OR REPLACE MODEL").replace(
        "FROM banknote",
        "FROM (SELECT variance, skewness, curtosis, entropy, 10 + class AS class FROM banknote)",
    );
    try_answer(&there, &replace).await.unwrap();
    let old: i64 = value(&here, "SELECT predict_class(0.0, 0.0, 0.0, 0.0) - 10").await.parse().unwrap();
    assert!(old >= 0, "the next statement sees the new model");
    let batches = running.collect().await.unwrap();
    let running = pretty_format_batches(&batches).unwrap().to_string();
    assert!(running.contains("| 0 |") || running.contains("| 1 |"), "the running statement keeps its own: {running}");
    assert!(answer(&here, "SHOW MODEL banknote_model").await.contains("Model Version"));
}

#[tokio::test]
async fn a_model_named_in_a_text_is_the_newest_of_that_name_whatever_its_function() {
    let store = tempfile::tempdir().unwrap();
    let location = store.path().to_str().unwrap();
    let (here, there) = (session(location).await, session(location).await);
    let accuracy =
        "SELECT value > 0.9 FROM ml_evaluate('banknote_model', (SELECT * FROM banknote)) WHERE metric = 'accuracy'";
    try_answer(&here, CREATE_BANKNOTE).await.unwrap();
    assert_eq!(value(&here, accuracy).await, "true");
    let replace = CREATE_BANKNOTE
        .replace("CREATE MODEL", "CREATE OR REPLACE MODEL")
        .replace("predict_class", "predict_nothing")
        .replace("FROM banknote", "FROM (SELECT 0 AS nothing, class FROM banknote)");
    try_answer(&there, &replace).await.unwrap();
    let error = answer(&here, accuracy).await;
    assert!(error.contains("the query does not give nothing"), "{error}");
    let with_nothing = accuracy.replace("SELECT * FROM banknote", "SELECT 0 AS nothing, class FROM banknote");
    assert_eq!(value(&here, &with_nothing).await, "false");
    let error = answer(&here, BANKNOTE_HITS).await;
    assert!(error.contains("there is no function predict_class"), "{error}");
}

#[tokio::test]
async fn a_dropped_model_is_gone_everywhere() {
    let store = tempfile::tempdir().unwrap();
    let location = store.path().to_str().unwrap();
    let (here, there) = (session(location).await, session(location).await);
    try_answer(&here, CREATE_BANKNOTE).await.unwrap();
    value(&there, BANKNOTE_HITS).await;
    try_answer(&here, "DROP MODEL banknote_model").await.unwrap();
    for session in [&here, &there] {
        let error = answer(session, BANKNOTE_HITS).await;
        assert!(error.contains("there is no function predict_class"), "{error}");
        assert!(answer(session, "SHOW MODEL banknote_model").await.contains("there is no model public.banknote_model"));
    }
    try_answer(&here, "DROP MODEL IF EXISTS banknote_model").await.unwrap();
    assert!(try_answer(&here, "DROP MODEL banknote_model").await.is_err());
}

#[tokio::test]
async fn a_failed_statement_leaves_the_old_model_serving() {
    let session = session("memory:").await;
    try_answer(&session, CREATE_BANKNOTE).await.unwrap();
    let hits = value(&session, BANKNOTE_HITS).await;
    let replace = CREATE_BANKNOTE.replace("CREATE MODEL", "CREATE OR REPLACE MODEL");
    for broken in [
        replace.replace("FROM banknote", "FROM (SELECT * FROM banknote WHERE class = 0)"),
        replace.replace("FROM banknote", "FROM (SELECT * FROM banknote WHERE false)"),
        replace.replace("FROM banknote", "FROM (SELECT *, 1 / (class - class) AS broken FROM banknote)"),
        replace.replace("TARGET class", "TARGET klass"),
    ] {
        assert!(try_answer(&session, &broken).await.is_err(), "{broken}");
        assert_eq!(value(&session, BANKNOTE_HITS).await, hits);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dropping_the_future_cancels_training_and_leaves_nothing() {
    let session = session("memory:").await;
    let endless = CREATE_BANKNOTE.replace("'10'", "'100000'");
    let training = session.sql(&endless);
    let outcome = tokio::time::timeout(std::time::Duration::from_millis(300), training).await;
    assert!(outcome.is_err(), "100,000 rounds take longer than that");
    assert_eq!(value(&session, "SELECT 1").await, "1");
    assert!(answer(&session, "SHOW MODEL banknote_model").await.contains("there is no model"));
}

#[tokio::test]
async fn the_same_statement_gives_the_same_bytes_on_any_number_of_threads() {
    let mut digests = Vec::new();
    for threads in [1, 2, 3] {
        let store = tempfile::tempdir().unwrap();
        let session = session_with_threads(store.path().to_str().unwrap(), threads).await;
        for sql in [
            CREATE_BANKNOTE,
            "CREATE MODEL l FROM abalone TARGET rings FUNCTION pl AUTO OFF MODEL_TYPE LINEAR_LEARNER HYPERPARAMETERS DEFAULT",
            "CREATE MODEL k FROM banknote FUNCTION pk AUTO OFF MODEL_TYPE KMEANS PREPROCESSORS 'none' \
             HYPERPARAMETERS DEFAULT EXCEPT (K '3')",
        ] {
            try_answer(&session, sql).await.unwrap();
        }
        let files = std::fs::read_dir(store.path().join("artifacts")).unwrap();
        let mut names: Vec<_> = files.map(|file| file.unwrap().file_name()).collect();
        names.sort();
        digests.push(names);
    }
    assert_eq!(digests[0].len(), 3);
    assert!(digests.iter().all(|names| *names == digests[0]), "{digests:?}");
}

#[tokio::test]
async fn rows_beyond_the_buffer_are_spilled_and_give_the_same_model() {
    let store = tempfile::tempdir().unwrap();
    let session = session(store.path().to_str().unwrap()).await;
    try_answer(&session, CREATE_BANKNOTE).await.unwrap();
    try_answer(&session, "SET ml.training_buffer_bytes = 1000").await.unwrap();
    let spilled = CREATE_BANKNOTE.replace("banknote_model", "again").replace("predict_class", "predict_again");
    try_answer(&session, &spilled).await.unwrap();
    assert_eq!(std::fs::read_dir(store.path().join("artifacts")).unwrap().count(), 1, "one artifact serves both");
}

#[tokio::test]
async fn an_altered_artifact_is_refused_with_the_name_of_its_model() {
    let store = tempfile::tempdir().unwrap();
    let location = store.path().to_str().unwrap();
    try_answer(&session(location).await, CREATE_BANKNOTE).await.unwrap();
    let artifact = std::fs::read_dir(store.path().join("artifacts")).unwrap().next().unwrap().unwrap().path();
    let mut bytes = std::fs::read(&artifact).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&artifact, bytes).unwrap();
    let fresh = session(location).await;
    let error = fresh.sql(BANKNOTE_HITS).await.unwrap_err();
    let error = find_error(&error).unwrap();
    assert_eq!(error.kind(), ErrorKind::Storage);
    assert!(error.message().starts_with("model public.banknote_model: its artifact"), "{error}");
}

#[tokio::test]
async fn a_model_of_an_unknown_algorithm_says_so() {
    let store = tempfile::tempdir().unwrap();
    let location = store.path().to_str().unwrap();
    try_answer(&session(location).await, CREATE_BANKNOTE).await.unwrap();
    let bare = MlSession::builder(SessionContext::new()).with_store(location).build().await.unwrap();
    let error = answer(&bare, "SELECT predict_class(1, 2, 3, 4)").await;
    assert!(error.contains("algorithm xgboost, which this session does not have"), "{error}");
}

#[tokio::test]
async fn any_registered_object_store_can_hold_the_models() {
    let context = SessionContext::new();
    context.register_object_store(&Url::parse("mem://models").unwrap(), Arc::new(InMemory::new()));
    let builder = MlSession::builder(context).with_algorithms(datafusion_ml_algorithms::all());
    let session = builder.with_store("mem://models/deep/folder").build().await.unwrap();
    try_answer(&session, "CREATE TABLE t AS SELECT value AS x, value * 3 AS y FROM range(50)").await.unwrap();
    let sql = "CREATE MODEL m FROM t TARGET y FUNCTION f AUTO OFF MODEL_TYPE LINEAR_LEARNER HYPERPARAMETERS DEFAULT";
    try_answer(&session, sql).await.unwrap();
    assert_eq!(value(&session, "SELECT f(7)").await, "21");
}

#[tokio::test]
async fn a_model_may_have_more_features_than_a_gram_matrix_holds() {
    let session = session("memory:").await;
    let names: Vec<String> = (0..1200).map(|n| format!("c{n}")).collect();
    let columns: Vec<String> = (0..1200).map(|n| format!("(value * {} % 97) / 97.0 AS c{n}", n + 1)).collect();
    let sql = format!("CREATE TABLE wide AS SELECT {}, value % 2 AS y FROM range(60)", columns.join(", "));
    try_answer(&session, &sql).await.unwrap();
    for (name, model_type) in [("f_trees", "XGBOOST"), ("f_linear", "LINEAR_LEARNER")] {
        let sql = format!(
            "CREATE MODEL m_{name} FROM wide TARGET y FUNCTION {name} AUTO OFF MODEL_TYPE {model_type} HYPERPARAMETERS DEFAULT"
        );
        try_answer(&session, &sql).await.unwrap();
        let sql = format!("SELECT count(*) FROM wide WHERE {name}({}) = y", names.join(", "));
        assert_eq!(value(&session, &sql).await, "60", "{name}");
    }
}

#[tokio::test]
async fn when_the_time_is_up_the_trees_so_far_are_kept() {
    let session = session("memory:").await;
    let endless = CREATE_BANKNOTE.replace("'10'", "'100000'") + " SETTINGS (MAX_RUNTIME 1)";
    try_answer(&session, &endless).await.unwrap();
    let hits = value(&session, BANKNOTE_HITS).await;
    assert_eq!(hits, "1372");
    assert!(answer(&session, "SHOW MODEL banknote_model").await.contains("MaxRuntimeReached"));
}

/// What is said of a training, in the order in which it is said.
#[derive(Debug, Default)]
struct Heard(parking_lot::Mutex<Vec<(f64, String)>>);

impl TrainingProgress for Heard {
    fn update(&self, _: &str, done: f64, step: &str, _: Option<(&str, f64)>) {
        self.0.lock().push((done, step.to_owned()));
    }

    fn finish(&self, _: &str) {}
}

#[tokio::test]
async fn progress_goes_forward_to_the_end() {
    for (how, ending) in [
        ("SETTINGS (MAX_RUNTIME 600)", "measuring the model"),
        (
            "AUTO OFF MODEL_TYPE XGBOOST HYPERPARAMETERS DEFAULT EXCEPT (NUM_ROUND '20')",
            "with all rows: round 20 of 20",
        ),
    ] {
        let heard = Arc::new(Heard::default());
        let session = builder("memory:", 2).await.with_progress(Arc::clone(&heard) as _).build().await.unwrap();
        try_answer(&session, "SET ml.auto_max_candidates = 4").await.unwrap();
        try_answer(&session, &format!("CREATE MODEL m FROM banknote TARGET class FUNCTION f {how}")).await.unwrap();
        let heard = heard.0.lock();
        assert!(heard.windows(2).all(|pair| pair[0].0 <= pair[1].0), "{heard:?}");
        let (done, step) = heard.last().unwrap();
        assert!(*done > 0.95 && step.starts_with(ending), "{done} {step}");
        let early = heard.iter().filter(|(done, _)| *done < 0.5).count();
        assert!(early > 3, "{early} of {}", heard.len());
    }
}
