//! Files: those of the store are out of reach.

use std::process::Command;

use super::{CALL, HIDDEN, Vault, refusal, run, store};
use crate::support::value;

#[tokio::test(flavor = "multi_thread")]
async fn the_files_of_the_store_are_out_of_reach() {
    let vault = Vault::new().await;
    let eve = vault.eve().await;
    let store = store(vault.folder.path());
    let around = vault.folder.path().join("other/../store/catalog/x.csv");
    std::fs::create_dir(vault.folder.path().join("other")).unwrap();
    for sql in [
        format!("COPY (SELECT 1 AS a) TO '{store}/catalog/00000000000000000099.json' STORED AS JSON"),
        format!("COPY (SELECT 1 AS a) TO '{}'", around.display()),
        format!("CREATE EXTERNAL TABLE t STORED AS JSON LOCATION '{store}/catalog/'"),
        format!("CREATE EXTERNAL TABLE t STORED AS PARQUET LOCATION '{store}/tables/'"),
    ] {
        // Not even their schema: columns have names.
        let refused = refusal(&eve, &sql).await;
        assert!(refused.contains("this place is the store's own"), "{sql}: {refused}");
    }
    assert!(!vault.folder.path().join("store/catalog/00000000000000000099.json").exists());
    let manifest = vault.folder.path().join("manifest");
    let entries = format!("{{\"entries\": [{{\"url\": \"{store}/catalog/00000000000000000001.json\"}}]}}");
    std::fs::write(&manifest, entries).unwrap();
    for sql in [
        format!("COPY mine FROM '{store}/catalog/00000000000000000001.json' JSON 'auto'"),
        format!("COPY mine FROM '{store}/tables/' PARQUET"),
        format!("COPY mine FROM '{}' CSV MANIFEST", manifest.display()),
        format!("COPY mine FROM '{}' JSON 'auto'", store.trim_end_matches("re")),
        format!("COPY mine FROM '{}*/catalog/*.json' JSON 'auto'", store.trim_end_matches("re")),
        format!("DESCRIBE \"{store}/tables/\""),
        format!("SHOW COLUMNS FROM \"{store}/tables/\""),
        format!("UNLOAD ('SELECT 1 AS a') TO '{store}/catalog/0000' ALLOWOVERWRITE"),
    ] {
        let refused = refusal(&eve, &sql).await;
        assert!(refused.contains("this place is the store's own"), "{sql}: {refused}");
    }
    run(&vault.owner, CALL).await;
}

/// In the shell, the name of a table may be that of a file.
#[test]
fn the_shell_tells_users_nothing_of_the_files_of_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let dfml = |arguments: &[&str]| {
        let mut shell = Command::new(env!("CARGO_BIN_EXE_dfml-under-test"));
        let output = shell.current_dir(folder.path()).args(["-q", "--trust-local"]).args(arguments).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(text).unwrap())
    };
    let owner = |sql: &str| dfml(&["-c", sql]).1;
    for sql in [
        "CREATE TABLE hidden_rows AS SELECT 7 AS hidden_column",
        "CREATE VIEW seen AS SELECT 1 AS a FROM hidden_rows",
        "CREATE USER eve",
        "GRANT SELECT ON seen TO eve",
    ] {
        owner(sql);
    }
    let store = folder.path().join(".dfml/tables/public/hidden_rows");
    let file = std::fs::read_dir(&store).unwrap().next().unwrap().unwrap().path();
    let (store, file) = (store.display(), file.display());
    assert!(owner(&format!("DESCRIBE '{file}'")).contains("hidden_column"));
    for sql in [
        format!("DESCRIBE '{file}'"),
        format!("DESCRIBE '{store}/'"),
        "DESCRIBE '.dfml/tables/public/hidden_rows/'".to_owned(),
        format!("SELECT * FROM '{file}'"),
        format!("SELECT count(*) FROM '{store}/'"),
        format!("EXPLAIN SELECT * FROM '{file}'"),
        format!("CREATE VIEW v AS SELECT * FROM '{file}' WITH NO SCHEMA BINDING; DESCRIBE v"),
        "SELECT * FROM v".to_owned(),
        "SELECT * FROM information_schema.columns WHERE table_name = 'v' AND column_name = 'hidden_column'".to_owned(),
        format!("CREATE TABLE t AS SELECT * FROM '{file}'"),
        format!("SELECT * FROM parquet_metadata('{file}')"),
        "SELECT * FROM seen; SELECT * FROM statistics_cache()".to_owned(),
        "SELECT * FROM seen; SELECT * FROM list_files_cache()".to_owned(),
        "SELECT * FROM seen; SELECT * FROM metadata_cache()".to_owned(),
    ] {
        let (succeeded, text) = dfml(&["--user", "eve", "-c", &sql]);
        let is_listed = text.contains("hidden_column") && !text.contains("Error");
        assert!(!succeeded || sql.contains("information_schema"), "{sql}: {text}");
        assert!(!is_listed, "{sql}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn artifacts_go_to_no_folder_of_the_store() {
    let vault = Vault::new().await;
    let eve = vault.eve().await;
    let store = std::path::absolute(store(vault.folder.path())).unwrap();
    let store = format!("file://{}", store.display());
    std::os::unix::fs::symlink(vault.folder.path().join("store/catalog"), vault.folder.path().join("link")).unwrap();
    let folder = format!("file://{}", vault.folder.path().display());
    let create = |bucket: &str| {
        let create = HIDDEN.replace("hidden_rows", "mine").replace("hidden_model", "m").replace("hidden_call", "f");
        format!("{create} SETTINGS (S3_BUCKET '{bucket}')")
    };
    let catalog = vault.folder.path().join("store/catalog");
    let listed = || std::fs::read_dir(&catalog).unwrap().count();
    let before = listed();
    for bucket in [
        format!("{store}/catalog"),
        format!("{store}/catalog/x/y"),
        format!("{store}/tables/"),
        format!("{store}/%63atalog"),
        format!("{store}/buckets/../catalog"),
        format!("{store}/buckets/%2e%2e/catalog"),
        format!("{folder}/other/../store/catalog"),
        format!("{folder}/link"),
    ] {
        let refused = refusal(&eve, &create(&bucket)).await;
        assert!(refused.contains("S3_BUCKET is a place of the store's own"), "{bucket}: {refused}");
    }
    for bucket in ["..", ".", "", "a/b", "../catalog", "..\\catalog", "%2e%2e", "a b", "ü"] {
        let refused = refusal(&eve, &create(bucket)).await;
        assert!(refused.contains("is neither a bucket name nor a URL"), "{bucket}: {refused}");
    }
    run(&eve, &format!("SET ml.bucket_root = '{store}/'")).await;
    refusal(&eve, &create("catalog")).await;
    run(&eve, "RESET ml.bucket_root").await;
    assert_eq!(listed(), before);
    // The bucket of a name, the root of the store, and a place elsewhere are allowed.
    for bucket in ["mine".to_owned(), store.clone(), format!("{folder}/elsewhere")] {
        run(&eve, &create(&bucket)).await;
        run(&eve, "DROP MODEL m").await;
    }
    run(&vault.owner, CALL).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_are_no_paths() {
    let vault = Vault::new().await;
    let eve = vault.eve().await;
    let folder = vault.folder.path();
    let files = || {
        let mut found = Vec::new();
        let mut open = vec![folder.to_owned()];
        while let Some(next) = open.pop() {
            for entry in std::fs::read_dir(next).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() { open.push(path) } else { found.push(path) }
            }
        }
        found
    };
    let create = HIDDEN.replace("hidden_rows", "mine").replace("hidden_call", "f");
    for name in ["../catalog/x", "..", ".", "/etc/passwd", "a/b", "a\\b", "C:\\x", "a.b", ""] {
        let before = files().len();
        for sql in [
            create.replace("hidden_model", &format!("\"{name}\"")),
            create.replace("hidden_model", "m").replace("FUNCTION f", &format!("FUNCTION \"{name}\"")),
            format!("CREATE TABLE \"{name}\" AS SELECT 1 AS a"),
            format!("CREATE VIEW \"{name}\" AS SELECT 1 AS a"),
            format!("SHOW MODEL \"{name}\""),
            format!("DROP MODEL \"{name}\""),
        ] {
            let refused = refusal(&eve, &sql).await;
            assert!(refused.contains("cannot be part of a name") || refused.contains("expected"), "{sql}: {refused}");
        }
        assert_eq!(files().len(), before, "{name}");
    }
    // Such a name says nothing to a file system that it should not.
    for name in ["~", "$HOME", "a:b", "NUL", "a b", "a\tb", "'", "ü", "％2e％2e", "%2e%2e"] {
        run(&eve, &format!("CREATE TABLE \"{name}\" AS SELECT 1 AS a")).await;
        assert_eq!(value(&eve, &format!("SELECT count(*) FROM \"{name}\"")).await, "1");
    }
    let is_where_it_should = |path: &std::path::PathBuf| path.starts_with(folder.join("store"));
    assert!(files().iter().all(is_where_it_should));
}
