//! Encryption at rest: a store as its owner sees it, and as somebody sees it who can only read and write its files.

use std::path::{Path, PathBuf};

use datafusion_ml::MlSession;
use datafusion_ml::find_error;
use datafusion_ml::store::SealingKeys;
use tempfile::TempDir;

use crate::support::{BANKNOTE_HITS, CREATE_BANKNOTE, answer, builder, session, try_answer, value};

const OLD: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const NEW: &str = "/wECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

const TABLE: &str = "CREATE TABLE pantry AS SELECT 1 AS id, 'marmalade' AS jam";

/// The session over the store in the folder, or why there is none.
async fn open(folder: &TempDir, keys: &str) -> Result<MlSession, String> {
    let builder = builder(&folder.path().to_string_lossy(), 2).await;
    let session = builder.with_sealing_keys(SealingKeys::parse(keys).unwrap()).build().await;
    session.map_err(|e| find_error(&e).unwrap().message().to_owned())
}

async fn run(session: &MlSession, sql: &str) {
    try_answer(session, sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
}

/// The name of a key.
fn id(key: &str) -> String {
    SealingKeys::parse(key).unwrap().ids().remove(0)
}

/// The files below a folder, in the order of their names.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

fn commit(folder: &TempDir, number: u64) -> PathBuf {
    folder.path().join(format!("catalog/{number:020}.json"))
}

/// Changes the last byte.
fn flip(file: &Path) {
    let mut bytes = std::fs::read(file).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(file, bytes).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sealed_store_does_what_another_does_and_shows_nothing() {
    let (folder, open_folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let plain = session(&open_folder.path().to_string_lossy()).await;
    run(&plain, CREATE_BANKNOTE).await;
    let expected = value(&plain, BANKNOTE_HITS).await;
    {
        let first = open(&folder, OLD).await.unwrap();
        run(&first, TABLE).await;
        run(&first, CREATE_BANKNOTE).await;
        run(
            &first,
            "CREATE MODEL elsewhere FROM banknote FUNCTION kind AUTO OFF MODEL_TYPE KMEANS PREPROCESSORS 'none' \
                     HYPERPARAMETERS DEFAULT EXCEPT (K '2') SETTINGS (S3_BUCKET 'spare')",
        )
        .await;
        run(
            &first,
            "CREATE TABLE wide AS SELECT value AS id, md5(value::varchar) AS text FROM generate_series(1, 30000)",
        )
        .await;
    }
    let second = open(&folder, OLD).await.unwrap();
    assert_eq!(value(&second, BANKNOTE_HITS).await, expected);
    assert_eq!(
        value(&second, "SELECT count(DISTINCT kind(variance, skewness, curtosis, entropy, class)) FROM banknote").await,
        "2"
    );
    run(&second, "INSERT INTO pantry VALUES (2, 'honey')").await;
    assert_eq!(value(&second, "SELECT string_agg(jam, ' ' ORDER BY id) FROM pantry").await, "marmalade honey");
    // Read by ranges, of which some begin and end within a segment.
    assert_eq!(value(&second, "SELECT count(*) FROM wide WHERE text = md5(id::varchar)").await, "30000");
    assert_ne!(value(&second, "SELECT count(*) FROM ml_training_info('banknote_model')").await, "0");
    run(&second, "SET ml.vacuum_keep_seconds = 0").await;
    run(&second, "DELETE FROM pantry WHERE id = 1").await;
    assert!(answer(&second, "VACUUM").await.contains("| 2             |"), "the files of both versions before");
    assert_eq!(value(&second, "SELECT jam FROM pantry").await, "honey");

    let digest = |folder: &TempDir| files(&folder.path().join("artifacts"))[0].file_name().unwrap().to_owned();
    assert_eq!(digest(&folder), digest(&open_folder), "artifacts are named by their plain bytes");
    let sealed = files(folder.path());
    assert!(sealed.len() > 8, "{sealed:?}");
    for file in sealed {
        let bytes = std::fs::read(&file).unwrap();
        assert!(bytes.starts_with(b"\xd3dfml\0s1"), "{}", file.display());
        for word in ["marmalade", "banknote", "PAR1", "ARROW1", "format_version"] {
            assert!(!bytes.windows(word.len()).any(|part| part == word.as_bytes()), "{word} in {}", file.display());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_rotated_and_a_missing_one_is_named() {
    let folder = tempfile::tempdir().unwrap();
    run(&open(&folder, OLD).await.unwrap(), TABLE).await;
    {
        let both = open(&folder, &format!("{NEW},{OLD}")).await.unwrap();
        run(&both, "INSERT INTO pantry VALUES (2, 'honey')").await;
        assert_eq!(value(&both, "SELECT count(*) FROM pantry").await, "2");
    }
    let seals = |number| std::fs::read(commit(&folder, number)).unwrap()[8..16].to_vec();
    assert_ne!(seals(1), seals(2), "what is new is sealed with the first key");
    assert!(open(&folder, &format!("{OLD} {NEW}")).await.is_ok());
    let error = open(&folder, NEW).await.unwrap_err();
    assert!(
        error.contains(&format!("sealed with key {}, but the store was opened with key {}", id(OLD), id(NEW))),
        "{error}"
    );
    let error = builder(&folder.path().to_string_lossy(), 2).await.build().await.unwrap_err();
    let error = find_error(&error).unwrap().message();
    assert!(error.contains(&format!("is sealed with key {}, and no key was given", id(OLD))), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_not_sealed_is_not_opened_with_a_key() {
    let folder = tempfile::tempdir().unwrap();
    run(&session(&folder.path().to_string_lossy()).await, TABLE).await;
    let error = open(&folder, OLD).await.unwrap_err();
    assert!(error.contains("00000000000000000001.json is not sealed, but the store was opened with a key"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn altered_and_exchanged_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    {
        let session = open(&folder, OLD).await.unwrap();
        run(&session, CREATE_BANKNOTE).await;
        run(
            &session,
            &CREATE_BANKNOTE.replace("'10'", "'3'").replace("banknote_model", "small").replace("predict_class", "p"),
        )
        .await;
        run(&session, TABLE).await;
        run(&session, "CREATE TABLE larder AS SELECT 7 AS id, 'vinegar' AS jam").await;
    }
    let error = async |sql: &str| answer(&open(&folder, OLD).await.unwrap(), sql).await;
    let calls = ["SELECT predict_class(1, 1, 1, 1)", "SELECT p(1, 1, 1, 1)"];
    // One artifact in the place of the other, and back.
    let artifacts = files(&folder.path().join("artifacts"));
    let kept = std::fs::read(&artifacts[0]).unwrap();
    std::fs::copy(&artifacts[1], &artifacts[0]).unwrap();
    let answers = [error(calls[0]).await, error(calls[1]).await];
    assert_eq!(
        answers.iter().filter(|answer| answer.contains("put in the place of another object")).count(),
        1,
        "{answers:?}"
    );
    std::fs::write(&artifacts[0], &kept).unwrap();
    assert!(error(calls[0]).await.contains("predict_class"));
    flip(&artifacts[0]);
    flip(&artifacts[1]);
    for call in calls {
        assert!(error(call).await.contains("has been altered"));
    }
    // The rows of another table.
    let tables = files(&folder.path().join("tables"));
    std::fs::copy(&tables[0], &tables[1]).unwrap();
    let answers = [error("SELECT jam FROM pantry").await, error("SELECT jam FROM larder").await];
    assert_eq!(
        answers.iter().filter(|answer| answer.contains("put in the place of another object")).count(),
        1,
        "{answers:?}"
    );
    // A commit.
    let kept = std::fs::read(commit(&folder, 2)).unwrap();
    flip(&commit(&folder, 2));
    assert!(
        open(&folder, OLD)
            .await
            .unwrap_err()
            .contains("catalog/00000000000000000002.json was sealed and has been altered")
    );
    // An earlier one once more.
    std::fs::copy(commit(&folder, 1), commit(&folder, 2)).unwrap();
    assert!(open(&folder, OLD).await.unwrap_err().contains("put in the place of another object"));
    std::fs::write(commit(&folder, 2), kept).unwrap();
    assert!(open(&folder, OLD).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_was_taken_back_leaves_a_gap_when_one_who_saw_it_commits() {
    let folder = tempfile::tempdir().unwrap();
    let session = open(&folder, OLD).await.unwrap();
    run(&session, TABLE).await;
    run(&session, "DROP TABLE pantry").await;
    std::fs::remove_file(commit(&folder, 2)).unwrap();
    run(&session, "CREATE SCHEMA other").await;
    let error = open(&folder, OLD).await.unwrap_err();
    assert!(error.contains("commit 2 is missing"), "{error}");
}
