//! Files of the store are read and written by no statement of a user.

use std::fs;
use std::process::Command;

use super::{CALL, HIDDEN, Vault, files_below, refusal, run, store, tricks};

/// `$store` is the store, `$folder` the one that it is in.
fn placed(vault: &Vault, sql: &str) -> String {
    let store = store(vault.folder.path());
    sql.replace("$store", &store).replace("$folder", &vault.folder.path().to_string_lossy())
}

async fn is_the_stores_own(sql: &str) {
    let vault = Vault::new().await;
    fs::create_dir(vault.folder.path().join("other")).unwrap();
    fs::write(vault.folder.path().join("other/a.json"), "{\"variance\": 1}\n").unwrap();
    std::os::unix::fs::symlink(vault.folder.path().join("store/catalog"), vault.folder.path().join("link")).unwrap();
    let before = files_below(vault.folder.path());
    // Not even their schema: columns have names.
    let refused = refusal(&vault.eve().await, &placed(&vault, sql)).await;
    assert!(refused.contains("this place is the store's own"), "{refused}");
    assert_eq!(files_below(vault.folder.path()), before);
}

tricks! { is_the_stores_own;
    a_commit_written_by_copy => "COPY (SELECT 1 AS a) TO '$store/catalog/00000000000000000099.json' STORED AS JSON";
    a_commit_written_by_unload => "UNLOAD ('SELECT 1 AS a') TO '$store/catalog/0000' ALLOWOVERWRITE";
    a_folder_by_a_way_round => "COPY (SELECT 1 AS a) TO '$folder/other/../store/catalog/x.csv'";
    a_folder_by_a_link => "COPY (SELECT 1 AS a) TO '$folder/link/x.csv'";
    a_folder_in_escapes => "COPY (SELECT 1 AS a) TO 'file://$folder/other/%2e%2e/store/catalog/x.csv'";
    a_manifest_written_by_unload => "UNLOAD ('SELECT 1 AS a') TO '$store/catalog/' MANIFEST";
    temporary_files_in_the_catalog => "SET datafusion.runtime.temp_directory = '$store/catalog'";
    the_catalog_as_an_external_table => "CREATE EXTERNAL TABLE t STORED AS JSON LOCATION '$store/catalog/'";
    the_rows_as_an_external_table => "CREATE EXTERNAL TABLE t STORED AS PARQUET LOCATION '$store/tables/'";
    the_rows_by_a_link => "CREATE EXTERNAL TABLE t STORED AS JSON LOCATION '$folder/link/'";
    a_commit_loaded => "COPY mine FROM '$store/catalog/00000000000000000001.json' JSON 'auto'";
    the_rows_loaded => "COPY mine FROM '$store/tables/' PARQUET";
    json_paths_of_the_store => "COPY mine FROM '$folder/other/a.json' JSON '$store/catalog/00000000000000000001.json'";
    by_the_beginning_of_its_name => "COPY mine FROM '$folder/sto' JSON 'auto'";
    by_a_pattern => "COPY mine FROM '$folder/sto*/catalog/*.json' JSON 'auto'";
    by_the_folder_that_it_is_in => "CREATE EXTERNAL TABLE t STORED AS JSON LOCATION '$folder/'";
    described => "DESCRIBE \"$store/tables/\"";
    its_columns_shown => "SHOW COLUMNS FROM \"$store/tables/\"";
}

#[tokio::test(flavor = "multi_thread")]
async fn by_a_manifest() {
    let vault = Vault::new().await;
    let entries = placed(&vault, r#"{"entries": [{"url": "$store/catalog/00000000000000000001.json"}]}"#);
    fs::write(vault.folder.path().join("manifest"), entries).unwrap();
    let refused = refusal(&vault.eve().await, &placed(&vault, "COPY mine FROM '$folder/manifest' CSV MANIFEST")).await;
    assert!(refused.contains("this place is the store's own"), "{refused}");
}

/// An external table over a folder that has become the store's by a link.
#[tokio::test(flavor = "multi_thread")]
async fn by_a_link_that_is_made_later() {
    let vault = Vault::new().await;
    let eve = vault.eve().await;
    let (folder, link) = (vault.folder.path().join("other"), vault.folder.path().join("link"));
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("a.json"), "{\"a\": 1}\n").unwrap();
    std::os::unix::fs::symlink(&folder, &link).unwrap();
    run(&eve, &placed(&vault, "CREATE EXTERNAL TABLE t STORED AS JSON LOCATION '$folder/link/'")).await;
    run(&eve, "SELECT * FROM t").await;
    fs::remove_file(&link).unwrap();
    std::os::unix::fs::symlink(vault.folder.path().join("store/catalog"), &link).unwrap();
    refusal(&eve, "SELECT * FROM t").await;
}

/// `S3_BUCKET` of a model of eve's.
fn create(vault: &Vault, bucket: &str) -> String {
    let create = HIDDEN.replace("hidden_rows", "mine").replace("hidden_model", "m").replace("hidden_call", "f");
    format!("{create} SETTINGS (S3_BUCKET '{}')", placed(vault, bucket))
}

async fn holds_no_artifact(bucket: &str) {
    let vault = Vault::new().await;
    fs::create_dir(vault.folder.path().join("other")).unwrap();
    std::os::unix::fs::symlink(vault.folder.path().join("store/catalog"), vault.folder.path().join("link")).unwrap();
    let before = files_below(vault.folder.path());
    let refused = refusal(&vault.eve().await, &create(&vault, bucket)).await;
    assert!(refused.contains("S3_BUCKET is a place of the store's own"), "{refused}");
    assert_eq!(files_below(vault.folder.path()), before);
}

tricks! { holds_no_artifact;
    bucket_in_the_catalog => "file://$store/catalog";
    bucket_below_the_catalog => "file://$store/catalog/x/y";
    bucket_in_the_tables => "file://$store/tables/";
    bucket_in_escapes => "file://$store/%63atalog";
    bucket_by_a_way_round => "file://$store/buckets/../catalog";
    bucket_by_a_way_round_in_escapes => "file://$store/buckets/%2e%2e/catalog";
    bucket_by_a_way_round_the_store => "file://$folder/other/../store/catalog";
    bucket_by_a_link => "file://$folder/link";
}

async fn is_no_bucket(bucket: &str) {
    let vault = Vault::new().await;
    let before = files_below(vault.folder.path());
    let refused = refusal(&vault.eve().await, &create(&vault, bucket)).await;
    assert!(refused.contains("is neither a bucket name nor a URL"), "{refused}");
    assert_eq!(files_below(vault.folder.path()), before);
}

tricks! { is_no_bucket;
    bucket_named_as_the_folder_above => "..";
    bucket_named_as_the_folder_itself => ".";
    bucket_without_a_name => "";
    bucket_named_as_a_path => "a/b";
    bucket_named_as_a_path_above => "../catalog";
    bucket_named_as_a_path_of_windows => "..\\catalog";
    bucket_named_in_escapes => "%2e%2e";
    bucket_named_in_two_words => "a b";
    bucket_named_in_other_letters => "ü";
}

#[tokio::test(flavor = "multi_thread")]
async fn bucket_in_a_root_that_was_set_to_the_store() {
    let vault = Vault::new().await;
    let eve = vault.eve().await;
    run(&eve, &placed(&vault, "SET ml.bucket_root = 'file://$store/'")).await;
    refusal(&eve, &create(&vault, "catalog")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn buckets_that_are_allowed() {
    let vault = Vault::new().await;
    let eve = vault.eve().await;
    for bucket in ["mine", "file://$store", "file://$folder/elsewhere"] {
        run(&eve, &create(&vault, bucket)).await;
        run(&eve, "DROP MODEL m").await;
    }
    run(&vault.owner, CALL).await;
}

/// In the shell, the name of a table may be that of a file. `$file` is one of the table `hidden_rows`, `$store` its folder.
fn shell_tells_nothing(sql: &str) {
    let folder = tempfile::tempdir().unwrap();
    let dfml = |arguments: &[&str]| {
        let mut shell = Command::new(env!("CARGO_BIN_EXE_dfml-under-test"));
        let output = shell.current_dir(folder.path()).args(["-q", "--trust-local"]).args(arguments).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(text).unwrap())
    };
    dfml(&[
        "-c",
        "CREATE TABLE hidden_rows AS SELECT 7 AS hidden_column; CREATE VIEW seen AS SELECT 1 AS a FROM hidden_rows; \
         CREATE USER eve; GRANT SELECT ON seen TO eve; GRANT CREATE MODEL TO eve",
    ]);
    let store = folder.path().join(".dfml/tables/public/hidden_rows");
    let file = files_below(&store).remove(0);
    let sql = sql.replace("$store", &store.to_string_lossy()).replace("$file", &file.to_string_lossy());
    assert!(dfml(&["-c", &format!("DESCRIBE '{}'", file.display())]).1.contains("hidden_column"));
    let (succeeded, text) = dfml(&["--user", "eve", "-c", &sql]);
    assert!(!succeeded, "{sql}: {text}");
    assert!(!text.contains("hidden_column"), "{sql}: {text}");
}

macro_rules! shell_tricks {
    ($($name:ident => $sql:expr;)+) => {$(
        #[test]
        fn $name() {
            shell_tells_nothing($sql);
        }
    )+};
}

shell_tricks! {
    shell_describes_a_file => "DESCRIBE '$file'";
    shell_describes_a_folder => "DESCRIBE '$store/'";
    shell_describes_a_folder_by_its_relative_name => "DESCRIBE '.dfml/tables/public/hidden_rows/'";
    shell_reads_a_file => "SELECT * FROM '$file'";
    shell_reads_a_file_in_quotes => "SELECT * FROM \"$file\"";
    shell_reads_a_file_in_a_schema => "SELECT * FROM public.\"$file\"";
    shell_describes_a_file_in_a_schema => "DESCRIBE public.\"$file\"";
    shell_describes_a_file_in_a_catalog => "DESCRIBE datafusion.public.\"$file\"";
    shell_selects_a_column_that_a_file_has_not => "SELECT nothing FROM '$file'";
    shell_explains_a_column_that_a_file_has_not => "EXPLAIN SELECT nothing FROM '$file'";
    shell_unloads_a_column_that_a_file_has_not => "UNLOAD ('SELECT nothing FROM \"$file\"') TO 'stolen'";
    shell_copies_a_column_that_a_file_has_not => "COPY (SELECT nothing FROM '$file') TO 'stolen.csv'";
    shell_copies_a_file => "COPY \"$file\" TO 'stolen.csv'";
    shell_inserts_a_column_that_a_file_has_not =>
        "CREATE TABLE t (a int); INSERT INTO t SELECT nothing FROM '$file'";
    shell_deletes_by_a_column_that_a_file_has_not =>
        "CREATE TABLE t (a int); DELETE FROM t WHERE a IN (SELECT nothing FROM '$file')";
    shell_updates_from_a_column_that_a_file_has_not =>
        "CREATE TABLE t (a int); UPDATE t SET a = f.nothing FROM '$file' AS f";
    shell_merges_a_column_that_a_file_has_not =>
        "CREATE TABLE t (a int); MERGE INTO t USING '$file' AS f ON f.nothing = t.a WHEN MATCHED THEN DELETE";
    shell_trains_on_a_column_that_a_file_has_not =>
        "CREATE MODEL m FROM (SELECT nothing FROM '$file') TARGET nothing FUNCTION f AUTO OFF MODEL_TYPE XGBOOST HYPERPARAMETERS DEFAULT";
    shell_makes_a_table_of_a_column_that_a_file_has_not => "CREATE TABLE t AS SELECT nothing FROM '$file'";
    shell_makes_a_view_of_a_column_that_a_file_has_not => "CREATE VIEW v AS SELECT nothing FROM '$file'";
    shell_makes_a_temporary_view_of_a_file => "CREATE TEMP VIEW v AS SELECT nothing FROM '$file'";
    shell_reads_a_file_in_a_subquery => "SELECT (SELECT count(*) FROM '$file')";
    shell_counts_a_folder => "SELECT count(*) FROM '$store/'";
    shell_explains_a_file => "EXPLAIN SELECT * FROM '$file'";
    shell_describes_a_query_of_a_file => "DESCRIBE SELECT * FROM '$file'";
    shell_makes_a_table_like_a_file => "CREATE TABLE t (LIKE '$file')";
    shell_makes_a_table_of_a_file => "CREATE TABLE t AS SELECT * FROM '$file'";
    shell_makes_a_view_of_a_file => "CREATE VIEW v AS SELECT * FROM '$file'";
    shell_reads_a_view_without_binding_of_a_file =>
        "CREATE VIEW v AS SELECT * FROM '$file' WITH NO SCHEMA BINDING; SELECT * FROM v";
    shell_describes_a_view_without_binding_of_a_file =>
        "CREATE VIEW v AS SELECT * FROM '$file' WITH NO SCHEMA BINDING; DESCRIBE v";
    shell_prepares_a_file => "PREPARE p AS SELECT * FROM '$file'";
    shell_reads_the_metadata_of_a_file => "SELECT * FROM parquet_metadata('$file')";
    shell_shows_the_cache_of_statistics => "SELECT * FROM seen; SELECT * FROM statistics_cache()";
    shell_shows_the_cache_of_lists => "SELECT * FROM seen; SELECT * FROM list_files_cache()";
    shell_shows_the_cache_of_metadata => "SELECT * FROM seen; SELECT * FROM metadata_cache()";
}
