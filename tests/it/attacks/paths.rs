//! Names that are paths, or look like some.

use super::{HIDDEN, Vault, files_below, refusal, run, store, tricks};
use crate::support::{builder, value};

async fn is_no_name(name: &str) {
    let vault = Vault::new().await;
    let eve = vault.eve().await;
    let create = HIDDEN.replace("hidden_rows", "mine").replace("hidden_call", "f");
    let before = files_below(vault.folder.path());
    for sql in [
        create.replace("hidden_model", &format!("\"{name}\"")),
        create.replace("hidden_model", "m").replace("FUNCTION f", &format!("FUNCTION \"{name}\"")),
        format!("CREATE TABLE \"{name}\" AS SELECT 1 AS a"),
        format!("CREATE TEMP TABLE \"{name}\" AS SELECT 1 AS a"),
        format!("CREATE VIEW \"{name}\" AS SELECT 1 AS a"),
        format!("ALTER TABLE mine RENAME TO \"{name}\""),
        format!("SHOW MODEL \"{name}\""),
        format!("DROP MODEL \"{name}\""),
    ] {
        let refused = refusal(&eve, &sql).await;
        assert!(refused.contains("cannot be part of a name") || refused.contains("expected"), "{sql}: {refused}");
    }
    refusal(&vault.owner, &format!("CREATE SCHEMA \"{name}\"")).await;
    assert_eq!(files_below(vault.folder.path()), before);
}

tricks! { is_no_name;
    a_path_above => "../catalog/x";
    the_folder_above => "..";
    the_folder_itself => ".";
    a_path_from_the_root => "/etc/passwd";
    a_path_below => "a/b";
    a_path_of_windows => "a\\b";
    a_drive_of_windows => "C:\\x";
    a_name_with_a_dot => "a.b";
    a_url => "file:///etc/passwd";
    an_object_of_s3 => "s3://bucket/key";
    nothing => "";
}

/// Such a name says nothing to a file system that it should not.
async fn is_a_name(name: &str) {
    let vault = Vault::new().await;
    let eve = vault.eve().await;
    let before = files_below(vault.folder.path()).len();
    run(&eve, &format!("CREATE TABLE \"{name}\" AS SELECT 1 AS a")).await;
    assert_eq!(value(&eve, &format!("SELECT count(*) FROM \"{name}\"")).await, "1");
    let create = HIDDEN.replace("hidden_rows", "mine").replace("FUNCTION hidden_call", &format!("FUNCTION \"{name}\""));
    run(&eve, &create.replace("hidden_model", &format!("\"{name}\""))).await;
    let files = files_below(vault.folder.path());
    assert!(files.len() > before && files.iter().all(|path| path.starts_with(vault.folder.path().join("store"))));
}

tricks! { is_a_name;
    a_home => "~";
    a_variable => "$HOME";
    a_stream => "a:b";
    a_device => "NUL";
    two_words => "a b";
    a_tab => "a\tb";
    a_quote => "'";
    another_letter => "ü";
    wide_escapes => "％2e％2e";
    escapes => "%2e%2e";
    a_pattern => "*";
    a_flag => "-rf";
}

/// Keys, or what another session runs when it begins.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_the_program() {
    let vault = Vault::new().await;
    let file = vault.folder.path().join("startup.sql");
    std::fs::write(&file, "SELECT 'a key'").unwrap();
    let opened = builder(&store(vault.folder.path()), 2).await.with_private_files([file.clone()]);
    let eve = opened.with_user("eve").build().await.unwrap();
    run(&eve, "CREATE TABLE k (l varchar)").await;
    let (path, folder) = (file.display(), vault.folder.path().display());
    for sql in [
        format!("COPY (SELECT 'ALTER USER eve CREATEUSER') TO '{path}' STORED AS CSV"),
        format!("COPY k FROM '{path}'"),
        format!("COPY k FROM '{folder}/start'"),
        format!("CREATE EXTERNAL TABLE stolen (l varchar) STORED AS CSV LOCATION '{path}'"),
    ] {
        let refused = refusal(&eve, &sql).await;
        assert!(refused.contains("a file of the program's own lies there"), "{sql}: {refused}");
    }
    run(&eve, &format!("COPY (SELECT 1 AS a) TO '{folder}/of_eve.csv' STORED AS CSV")).await;
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "SELECT 'a key'");
}
