//! The whole product on a real S3-compatible server: tables, models, and two processes at once.

use std::process::{Command, Output};

use crate::s3_server::{ACCESS_KEY, Asked, BUCKET, ROLE_KEYS, ROLES, S3Server};
use crate::support::data;

/// Runs the shell with its models in the bucket.
pub(crate) fn dfml(server: &S3Server, commands: &[&str]) -> Output {
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

pub(crate) fn text(output: Output) -> String {
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
    let asked = server.take_asked();
    let sealed: Vec<&str> =
        asked.iter().filter(|asked| asked.kms_key.is_some()).map(|asked| asked.path.as_str()).collect();
    assert!(
        matches!(sealed[..], [artifact, log]
        if artifact.starts_with("/lake/sealed/artifacts/") && log.starts_with("/lake/sealed/logs/")),
        "{sealed:?}"
    );
    assert!(asked.iter().filter_map(|asked| asked.kms_key.as_deref()).all(|key| key == "key-7"));
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

/// What was asked below a folder of the bucket, if all of it was asked with that access key; and there was something.
pub(crate) fn asked_with<'a>(asked: &'a [Asked], key: &str, folder: &str) -> Vec<&'a Asked> {
    let folder = format!("/{BUCKET}/{folder}");
    let found: Vec<&Asked> = asked.iter().filter(|asked| asked.path.starts_with(&folder)).collect();
    assert!(
        !found.is_empty() && found.iter().all(|asked| asked.access_key == key),
        "{folder} not with {key}: {asked:?}"
    );
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_is_made_with_the_credentials_of_a_role() {
    let server = S3Server::start().await;
    server.upload("tables/banknote.parquet", &data("banknote.parquet"));
    let settings = "SETTINGS (S3_BUCKET 's3://lake/of_role', KMS_KEY_ID 'key-7')";
    let create = create(1).replace(" AUTO OFF", &format!(" IAM_ROLE '{}' AUTO OFF", ROLES[0]));
    text(dfml(&server, &[TABLE]));
    server.take_asked();
    text(dfml(&server, &[&format!("{create} {settings}")]));
    let asked = server.take_asked();
    // Its schema, too, is looked for with the role.
    let read = asked_with(&asked, ROLE_KEYS[0], "tables/");
    assert!(read.iter().any(|asked| asked.method == "GET"), "{asked:?}");
    let written = asked_with(&asked, ROLE_KEYS[0], "of_role/");
    assert!(
        written.iter().any(|asked| asked.method == "PUT" && asked.kms_key.as_deref() == Some("key-7")),
        "{asked:?}"
    );
    asked_with(&asked, ACCESS_KEY, "models/catalog/");
    // The bucket may be the role's alone.
    text(dfml(&server, &["SELECT f1(0.0, 0.0, 0.0, 0.0) AS p"]));
    asked_with(&server.take_asked(), ROLE_KEYS[0], "of_role/artifacts/");
    // A chain of roles.
    let chain = format!("{}, {}", ROLES[0], ROLES[1]);
    let replaced = create.replace(ROLES[0], &chain).replace("CREATE", "CREATE OR REPLACE");
    text(dfml(&server, &[TABLE, &format!("{replaced} {settings}")]));
    asked_with(&server.take_asked(), ROLE_KEYS[1], "of_role/");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_external_table_is_read_with_the_credentials_of_its_role() {
    let server = S3Server::start().await;
    server.upload("notes/banknote.parquet", &data("banknote.parquet"));
    let of_role = |name: &str, role: &str| {
        format!(
            "CREATE EXTERNAL TABLE {name} STORED AS PARQUET LOCATION 's3://lake/notes/' OPTIONS ('iam_role' '{role}')"
        )
    };
    let as_ann = "SET SESSION AUTHORIZATION ann";
    text(dfml(&server, &["CREATE USER ann", "CREATE USER bob", as_ann, &of_role("notes", ROLES[0])]));
    text(dfml(&server, &[&of_role("others", &format!("{}, {}", ROLES[0], ROLES[1]))]));
    server.take_asked();
    let count = "SELECT count(*) AS n FROM notes";
    assert_eq!(text(dfml(&server, &[count])), "n\n1372\n");
    asked_with(&server.take_asked(), ROLE_KEYS[0], "notes/");
    text(dfml(&server, &["SELECT variance FROM others LIMIT 1"]));
    asked_with(&server.take_asked(), ROLE_KEYS[1], "notes/");
    text(dfml(
        &server,
        &["SELECT count(*) AS n FROM notes, others WHERE notes.variance = others.variance", &create(1)],
    ));
    // Its owner acts with it, and only as long as he may.
    text(dfml(&server, &["GRANT SELECT ON notes TO bob", "REVOKE ASSUMEROLE ON ALL FROM PUBLIC FOR UNLOAD"]));
    let of_bob = |sql: &str| dfml(&server, &["SET SESSION AUTHORIZATION bob", sql]);
    assert_eq!(text(of_bob(count)), "n\n1372\n");
    // Nobody goes by its role to other files.
    let other = "role-090bd5c310034e62://lake/notes/banknote.parquet";
    let stolen = other.replace("banknote", "stolen");
    for sql in [
        format!("SELECT count(*) FROM '{other}'"),
        format!("DESCRIBE '{other}'"),
        format!("COPY (SELECT 1 AS a) TO '{stolen}'"),
        format!("UNLOAD ('SELECT 1 AS a') TO '{stolen}'"),
        format!("CREATE EXTERNAL TABLE mine STORED AS PARQUET LOCATION '{other}'"),
    ] {
        let output = dfml(&server, &["SET SESSION AUTHORIZATION bob", count, &sql]);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(error.contains("this place is that of an external table"), "{sql}: {error}");
    }
    text(dfml(&server, &["REVOKE ASSUMEROLE ON ALL FROM PUBLIC FOR COPY"]));
    assert!(!of_bob(count).status.success());
    let refused = String::from_utf8(of_bob(&of_role("mine", ROLES[0])).stderr).unwrap();
    assert!(refused.contains("User bob does not have ASSUMEROLE permission"), "{refused}");
    let refused = of_role("here", ROLES[0]).replace("s3://lake/notes/", &data("banknote.parquet"));
    let refused = String::from_utf8(dfml(&server, &[&refused]).stderr).unwrap();
    assert!(refused.contains("can be assumed for S3 only"), "{refused}");
}

/// The store's bucket under every name that opens it.
#[tokio::test(flavor = "multi_thread")]
async fn users_read_nothing_of_a_store_on_s3() {
    let server = S3Server::start().await;
    text(dfml(&server, &["CREATE USER eve PASSWORD 'geheim-1'", "CREATE TABLE hidden AS SELECT 1 AS a"]));
    let of_eve = |sql: &str| {
        dfml_with(
            &server,
            &[("DFML_USER", "eve"), ("DFML_PASSWORD", "geheim-1")],
            &["CREATE TABLE IF NOT EXISTS got (t SUPER)", sql],
        )
    };
    for place in ["s3://lake", "s3a://lake", "s3://u:p@lake", "s3://lake:443"] {
        for sql in [
            format!("COPY got FROM '{place}/models/catalog/' JSON 'noshred'"),
            format!("COPY got FROM '{place}/mod' JSON 'noshred'"),
            format!("SELECT * FROM '{place}/models/catalog/00000000000000000001.json'"),
            format!("CREATE EXTERNAL TABLE stolen STORED AS JSON LOCATION '{place}/models/catalog/'"),
            format!("UNLOAD ('SELECT 1 AS a') TO '{place}/models/catalog/9' JSON"),
            format!("COPY (SELECT 1 AS a) TO '{place}/models/catalog/9.json'"),
        ] {
            let output = of_eve(&sql);
            let error = String::from_utf8_lossy(&output.stderr);
            assert!(!output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stdout));
            assert!(
                error.contains("this place is the store's own") || !place.starts_with("s3://lake"),
                "{sql}: {error}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_copied_and_unloaded_with_the_credentials_of_a_role() {
    let server = S3Server::start().await;
    server.upload("in/banknote.parquet", &data("banknote.parquet"));
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "1,tea\n").unwrap();
    server.upload("text/goods.csv", &file.path().to_string_lossy());
    let role = format!("IAM_ROLE '{}'", ROLES[0]);
    let goods = "CREATE TABLE goods (id INT, name VARCHAR(10))";
    let notes = "CREATE TABLE notes (a FLOAT, b FLOAT, c FLOAT, d FLOAT, class INT)";
    text(dfml(&server, &[goods, notes]));
    server.take_asked();
    let copy = [
        format!("COPY goods FROM 's3://lake/text/' {role} CSV"),
        format!("COPY notes FROM 's3://lake/in/' {role} PARQUET"),
    ];
    let unload = format!("UNLOAD ('SELECT * FROM goods') TO 's3://lake/out/' {role}");
    text(dfml(&server, &[&copy[0], &copy[1], &unload]));
    let asked = server.take_asked();
    for folder in ["text/", "in/", "out/"] {
        asked_with(&asked, ROLE_KEYS[0], folder);
    }
    asked_with(&asked, ACCESS_KEY, "models/catalog/");
    assert_eq!(text(dfml(&server, &["SELECT count(*) AS n FROM notes"])), "n\n1372\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_may_not_be_assumed_reads_and_writes_nothing() {
    let server = S3Server::start().await;
    server.upload("tables/banknote.parquet", &data("banknote.parquet"));
    text(dfml(&server, &[TABLE, "CREATE TABLE goods (id INT)"]));
    server.take_asked();
    let role = "IAM_ROLE 'arn:aws:iam::123456789012:role/other'";
    for statement in [
        create(1).replace(" AUTO OFF", &format!(" {role} AUTO OFF")),
        format!("COPY goods FROM 's3://lake/tables/' {role} PARQUET"),
        format!("UNLOAD ('SELECT 1 AS a') TO 's3://lake/out/' {role}"),
    ] {
        let error = String::from_utf8(dfml(&server, &[TABLE, &statement]).stderr).unwrap();
        let expected = "IAM role arn:aws:iam::123456789012:role/other cannot be assumed";
        assert!(error.contains(expected), "{statement}: {error}");
        assert!(error.contains(": AccessDenied: Nobody may assume that role"), "{statement}: {error}");
    }
    let asked = server.take_asked();
    assert!(!asked.iter().any(|asked| asked.method == "PUT"), "{asked:?}");
}
