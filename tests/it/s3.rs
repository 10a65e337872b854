//! The whole product on a real S3-compatible server: tables, models, and two processes at once.

use std::process::{Command, Output};

use crate::s3_server::{BUCKET, S3Server};
use crate::support::data;

/// Runs the shell with its models in the bucket.
fn dfml(server: &S3Server, commands: &[&str]) -> Output {
    dfml_with(server, &[], commands)
}

/// The same with more variables in its environment.
fn dfml_with(server: &S3Server, variables: &[(&str, &str)], commands: &[&str]) -> Output {
    let mut shell = Command::new(env!("CARGO_BIN_EXE_dfml-under-test"));
    shell.envs(server.environment()).envs(variables.iter().copied()).args([
        "--quiet",
        "--format",
        "csv",
        "--store",
        &format!("s3://{BUCKET}/models"),
    ]);
    for command in commands {
        shell.args(["--command", command]);
    }
    shell.output().unwrap()
}

fn text(output: Output) -> String {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    String::from_utf8(output.stdout).unwrap()
}

const TABLE: &str =
    "CREATE EXTERNAL TABLE IF NOT EXISTS notes STORED AS PARQUET LOCATION 's3://lake/tables/banknote.parquet'";

fn create(number: usize) -> String {
    format!(
        "CREATE MODEL m{number} FROM notes TARGET class FUNCTION f{number} AUTO OFF MODEL_TYPE XGBOOST \
         OBJECTIVE 'binary:logistic' PREPROCESSORS 'none' HYPERPARAMETERS DEFAULT EXCEPT (NUM_ROUND '3')"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_and_models_on_s3_serve_the_next_process() {
    let server = S3Server::start().await;
    server.upload("tables/banknote.parquet", &data("banknote.parquet"));
    text(dfml(&server, &[TABLE, &create(1)]));
    let hits = "SELECT count(*) AS hits FROM notes WHERE f1(variance, skewness, curtosis, entropy) = class";
    let answer = text(dfml(&server, &[TABLE, hits]));
    let hits: u32 = answer.lines().last().unwrap().parse().unwrap();
    assert!(hits > 1300, "{answer}");
    let direct = text(dfml(&server, &["SELECT count(*) AS n FROM 's3://lake/tables/banknote.parquet'"]));
    assert_eq!(direct, "n\n1372\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_commit_at_once_all_succeed() {
    let server = S3Server::start().await;
    server.upload("tables/banknote.parquet", &data("banknote.parquet"));
    std::thread::scope(|scope| {
        let server = &server;
        let processes: Vec<_> = (0..3).map(|n| scope.spawn(move || dfml(server, &[TABLE, &create(n)]))).collect();
        processes.into_iter().for_each(|process| drop(text(process.join().unwrap())));
    });
    let models = text(dfml(&server, &["SHOW MODEL ALL"]));
    assert_eq!(models, "Schema Name,Model Name\npublic,m0\npublic,m1\npublic,m2\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_that_create_the_same_model_make_one_winner() {
    let server = S3Server::start().await;
    server.upload("tables/banknote.parquet", &data("banknote.parquet"));
    let outputs: Vec<Output> = std::thread::scope(|scope| {
        let server = &server;
        let processes: Vec<_> = (0..2).map(|_| scope.spawn(move || dfml(server, &[TABLE, &create(0)]))).collect();
        processes.into_iter().map(|process| process.join().unwrap()).collect()
    });
    let winners = outputs.iter().filter(|output| output.status.success()).count();
    let errors: String = outputs.iter().map(|output| String::from_utf8_lossy(&output.stderr).into_owned()).collect();
    assert_eq!(winners, 1, "{errors}");
    assert!(errors.contains("model public.m0 exists already"), "{errors}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_is_told_the_kms_key() {
    let server = S3Server::start().await;
    server.upload("tables/banknote.parquet", &data("banknote.parquet"));
    let with_key = format!("{} SETTINGS (S3_BUCKET 's3://lake/sealed', KMS_KEY_ID 'key-7')", create(1));
    text(dfml(&server, &[TABLE, &with_key]));
    assert_eq!(server.kms_keys_seen(), ["key-7", "key-7"], "of the artifact and of the training log");
    let answer = text(dfml(&server, &["SELECT f1(0.0, 0.0, 0.0, 0.0) AS p"]));
    assert!(answer == "p\n0\n" || answer == "p\n1\n", "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_is_trained_in_the_background_on_s3() {
    let server = S3Server::start().await;
    server.upload("tables/banknote.parquet", &data("banknote.parquet"));
    let begun = text(dfml(&server, &[TABLE, "SET ml.background_training = true", &create(1)]));
    assert!(begun.contains("public.m1,TRAINING,"), "{begun}");
    let shown = text(dfml(&server, &["SHOW MODEL m1"]));
    assert!(shown.contains("Model State,READY\n"), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_are_kept_filled_and_unloaded_on_s3() {
    let server = S3Server::start().await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "id,name\n1,tea\n2,milk\n").unwrap();
    for part in ["a", "b"] {
        server.upload(&format!("in/part_{part}.csv"), &file.path().to_string_lossy());
    }
    let create = "CREATE TABLE goods (id INT, name VARCHAR(10))";
    let copy = "COPY goods FROM 's3://lake/in/part_' REGION 'us-east-1' IAM_ROLE default FORMAT CSV IGNOREHEADER 1";
    let loaded = text(dfml(&server, &[create, copy]));
    assert_eq!(loaded.lines().last(), Some("4,0"), "{loaded}");
    let unload = "UNLOAD ('SELECT name, sum(id) AS n FROM goods GROUP BY name') TO 's3://lake/out/' PARQUET";
    text(dfml(&server, &[unload]));
    let read = text(dfml(&server, &["SELECT n FROM 's3://lake/out/000.parquet' ORDER BY n"]));
    assert_eq!(read, "n\n2\n4\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sealed_store_on_s3_serves_the_next_process() {
    let server = S3Server::start().await;
    server.upload("tables/banknote.parquet", &data("banknote.parquet"));
    let key = [("DFML_KEY", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")];
    // Large enough to be uploaded in parts.
    let rows =
        "CREATE TABLE rows AS SELECT value AS id, sha256(value::varchar) AS text FROM generate_series(1, 500000)";
    text(dfml_with(&server, &key, &[TABLE, &create(1), rows]));
    let read = "SELECT count(*) AS n, count(f1(1, 1, 1, 1)) AS p FROM rows WHERE text = sha256(id::varchar)";
    assert_eq!(text(dfml_with(&server, &key, &[read])), "n,p\n500000,500000\n");
    let error = String::from_utf8(dfml(&server, &[read]).stderr).unwrap();
    assert!(error.contains("is sealed with key"), "{error}");
}
