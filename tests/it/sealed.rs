//! Encryption at rest: a store as its owner sees it, and as somebody sees it who can only read and write its files.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion_ml::MlSession;
use datafusion_ml::find_error;
use datafusion_ml::store::{RegisteredStores, SealingKeys, Unsealed, reseal};
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

/// Seals the store anew, and says of how many objects that was, or why it was not.
async fn reseal_all(folder: &TempDir, keys: &str, unsealed: Unsealed) -> Result<u64, String> {
    let stores = RegisteredStores::new(Arc::new(RuntimeEnv::default()));
    let keys = SealingKeys::parse(keys).unwrap();
    let count = reseal(&folder.path().to_string_lossy(), &stores, &keys, unsealed).await;
    count.map_err(|e| find_error(&e).unwrap().message().to_owned())
}

/// Puts something of each kind into the store, of which some lies elsewhere, and gives all files.
async fn furnish(session: &MlSession, folder: &TempDir, elsewhere: &TempDir) -> Vec<PathBuf> {
    run(session, TABLE).await;
    run(session, CREATE_BANKNOTE).await;
    let buckets = ["spare".to_owned(), format!("file://{}/there", elsewhere.path().display())];
    for (number, bucket) in buckets.iter().enumerate() {
        let create = CREATE_BANKNOTE.replace("'10'", "'3'").replace("banknote_model", &format!("m_{number}"));
        let create = create.replace("predict_class", &format!("f_{number}"));
        run(session, &format!("{create} SETTINGS (S3_BUCKET '{bucket}')")).await;
    }
    run(session, "CREATE TABLE wide AS SELECT value AS id, md5(value::varchar) AS text FROM generate_series(1, 30000)")
        .await;
    [files(folder.path()), files(elsewhere.path())].concat()
}

/// What can be read of it.
async fn furnished(session: &MlSession) -> Vec<String> {
    let mut found = Vec::new();
    for sql in [
        "SELECT jam FROM pantry",
        BANKNOTE_HITS,
        "SELECT f_0(1, 2, 3, 4) + f_1(1, 2, 3, 4)",
        "SELECT count(*) FROM wide WHERE text = md5(id::varchar)",
        "SELECT count(*) FROM ml_training_info('m_1')",
    ] {
        found.push(value(session, sql).await);
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_sealed_anew_also_when_that_was_cut_short() {
    let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let both = format!("{NEW},{OLD}");
    let sealed_with = |file: &PathBuf| std::fs::read(file).unwrap()[8..16].to_vec();
    let session = open(&folder, OLD).await.unwrap();
    let all = furnish(&session, &folder, &elsewhere).await;
    let expected = furnished(&session).await;
    let old: Vec<_> = all.iter().map(|file| std::fs::read(file).unwrap()).collect();
    assert_eq!(reseal_all(&folder, &both, Unsealed::Refuse).await, Ok(all.len() as u64));
    assert_eq!(furnished(&open(&folder, NEW).await.unwrap()).await, expected);
    // As whoever is killed leaves it.
    let half = all.iter().zip(&old).step_by(2).map(|(file, old)| std::fs::write(file, old).unwrap()).count();
    assert_eq!(furnished(&open(&folder, &both).await.unwrap()).await, expected);
    assert!(open(&folder, NEW).await.is_err());
    assert_eq!(reseal_all(&folder, &both, Unsealed::Refuse).await, Ok(half as u64));
    assert_eq!(reseal_all(&folder, NEW, Unsealed::Refuse).await, Ok(0));
    assert_eq!(furnished(&open(&folder, NEW).await.unwrap()).await, expected);
    assert_eq!([files(folder.path()), files(elsewhere.path())].concat(), all, "no file has come or gone");
    assert!(all.iter().all(|file| sealed_with(file) == sealed_with(&all[0])));
    let error = reseal_all(&folder, OLD, Unsealed::Refuse).await.unwrap_err();
    assert!(error.contains(&format!("is sealed with key {}", id(NEW))), "{error}");
    // What somebody without the key has put there does not become the owner's.
    std::fs::write(commit(&folder, 99), r#"{"format_version": 1, "actions": []}"#).unwrap();
    let error = reseal_all(&folder, &both, Unsealed::Refuse).await.unwrap_err();
    assert!(error.contains("catalog/00000000000000000099.json is not sealed"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_without_a_key_gets_one() {
    let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let session = session(&folder.path().to_string_lossy()).await;
    let all = furnish(&session, &folder, &elsewhere).await;
    let expected = furnished(&session).await;
    let plain: Vec<_> = all.iter().map(|file| std::fs::read(file).unwrap()).collect();
    assert!(reseal_all(&folder, NEW, Unsealed::Refuse).await.unwrap_err().contains("seal it with --seal"));
    assert_eq!(reseal_all(&folder, NEW, Unsealed::Seal).await, Ok(all.len() as u64));
    let half = all.iter().zip(&plain).step_by(2).map(|(file, plain)| std::fs::write(file, plain).unwrap()).count();
    assert!(open(&folder, NEW).await.unwrap_err().contains("seal all of it with it first"));
    assert_eq!(reseal_all(&folder, NEW, Unsealed::Seal).await, Ok(half as u64));
    assert_eq!(furnished(&open(&folder, NEW).await.unwrap()).await, expected);
    assert!(all.iter().all(|file| std::fs::read(file).unwrap().starts_with(b"\xd3dfml\0s1")));
}

#[test]
fn the_shell_changes_the_key_of_a_store() {
    let folder = tempfile::tempdir().unwrap();
    let dfml = |arguments: &[&str]| {
        let mut shell = Command::new(env!("CARGO_BIN_EXE_dfml-under-test"));
        let output = shell.current_dir(folder.path()).args(arguments).output().unwrap();
        let text = if output.status.success() { output.stdout } else { output.stderr };
        String::from_utf8(text).unwrap()
    };
    for (name, keys) in [("old", OLD.to_owned()), ("new", NEW.to_owned()), ("both", format!("{NEW}\n{OLD}\n"))] {
        std::fs::write(folder.path().join(name), keys).unwrap();
    }
    assert!(dfml(&["--reseal", "--key-file", "old"]).contains("there is no store at"));
    dfml(&["-c", TABLE]);
    assert!(dfml(&["--seal"]).contains("--reseal and --seal need the keys of the store"));
    let done = |count, key| {
        format!("Objects sealed with key {}: {count}. Everything in the store is sealed with it now.\n", id(key))
    };
    assert_eq!(dfml(&["--seal", "--key-file", "old"]), done(2, OLD));
    assert_eq!(dfml(&["--reseal", "--key-file", "both"]), done(2, NEW));
    assert_eq!(dfml(&["--reseal", "--key-file", "new"]), done(0, NEW));
    let jam = dfml(&["--key-file", "new", "-q", "--format", "csv", "-c", "SELECT jam FROM pantry"]);
    assert_eq!(jam, "jam\nmarmalade\n");
    assert!(dfml(&["--key-file", "old", "-c", "SELECT 1"]).contains("give that key, too"));
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
