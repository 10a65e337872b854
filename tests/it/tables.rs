//! Tables that stay: across sessions and restarts, and when something fails midway.

use std::process::{Command, Stdio};
use std::sync::Arc;

use datafusion::datasource::MemTable;
use datafusion::prelude::{SessionConfig, SessionContext};
use datafusion_ml::core::ErrorKind;
use datafusion_ml::{MlSession, Notices, find_error};
use parking_lot::Mutex;
use tempfile::TempDir;

use crate::support::{CREATE_BANKNOTE, answer, builder, data, session, session_of, try_answer, value};

const REDSHIFT: &str = "SET datafusion.sql_parser.dialect = 'redshift'";

/// A session that reads Redshift's SQL, over the store in the folder.
async fn redshift(folder: &TempDir) -> MlSession {
    let session = session(&folder.path().join("store").to_string_lossy()).await;
    run(&session, REDSHIFT).await;
    session
}

async fn run(session: &MlSession, sql: &str) {
    try_answer(session, sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
}

async fn names(session: &MlSession) -> String {
    let sql = "SELECT string_agg(table_name, ' ' ORDER BY table_name) FROM information_schema.tables \
               WHERE table_schema = 'public' AND starts_with(table_name, 't_')";
    value(session, sql).await
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_was_created_is_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    {
        let first = redshift(&folder).await;
        run(&first, "CREATE TABLE t_plain (id INT IDENTITY(1, 1), doc SUPER, note VARCHAR(5) DEFAULT 'none')").await;
        run(&first, "INSERT INTO t_plain (doc) VALUES ('[1]')").await;
        run(&first, "CREATE TABLE t_made AS SELECT doc AS copied, 1.5::FLOAT AS x FROM t_plain").await;
        run(&first, "CREATE VIEW t_view AS SELECT id, note FROM t_plain").await;
        run(&first, "CREATE SCHEMA shop").await;
        run(&first, "CREATE TABLE shop.t AS SELECT 1 AS a").await;
        let file = data("banknote.parquet");
        run(&first, &format!("CREATE EXTERNAL TABLE t_files STORED AS PARQUET LOCATION '{file}'")).await;
    }
    let second = redshift(&folder).await;
    assert_eq!(names(&second).await, "t_files t_made t_plain t_view");
    run(&second, "INSERT INTO t_plain (doc) VALUES (NULL)").await;
    assert_eq!(value(&second, "SELECT string_agg(id || note, ' ' ORDER BY id) FROM t_view").await, "1none 2none");
    assert_eq!(value(&second, "SELECT a FROM shop.t").await, "1");
    assert_eq!(value(&second, "SELECT count(*) FROM t_files").await, "1372");
    let made = second.context().table("t_made").await.unwrap();
    let copied = made.schema().field(0);
    assert_eq!(copied.metadata().get("ARROW:extension:name").map(String::as_str), Some("arrow.json"));
    let batches = made.collect().await.unwrap();
    assert_eq!(batches[0].schema().field(0).metadata().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_catalog_opens_from_a_checkpoint_with_its_tables() {
    let folder = tempfile::tempdir().unwrap();
    let first = redshift(&folder).await;
    run(&first, "CREATE SCHEMA shop").await;
    run(&first, "CREATE TABLE t_a (a INT)").await;
    for number in 0..64 {
        run(&first, &format!("INSERT INTO t_a VALUES ({number})")).await;
    }
    for version in 1..=64 {
        std::fs::remove_file(folder.path().join(format!("store/catalog/{version:020}.json"))).unwrap();
    }
    let second = redshift(&folder).await;
    assert_eq!(value(&second, "SELECT count(*) FROM t_a").await, "64");
    run(&second, "CREATE TABLE shop.t (a INT)").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_see_each_others_tables_at_their_next_statement() {
    let folder = tempfile::tempdir().unwrap();
    let (here, there) = (redshift(&folder).await, redshift(&folder).await);
    run(&here, "CREATE TABLE t_a AS SELECT 1 AS x").await;
    assert_eq!(value(&there, "SELECT x FROM t_a").await, "1");
    assert_eq!(names(&there).await, "t_a");
    run(&there, "INSERT INTO t_a VALUES (2)").await;
    assert_eq!(value(&here, "SELECT sum(x) FROM t_a").await, "3");
    let rows = here.context().sql("SELECT * FROM t_a").await.unwrap();
    assert_eq!(rows.count().await.unwrap(), 2, "plain DataFusion sees it, too");
    run(&here, "CREATE SCHEMA shop").await;
    run(&there, "CREATE TABLE shop.t AS SELECT 1 AS x").await;
    assert_eq!(value(&here, "SELECT x FROM shop.t").await, "1");
    run(&here, "DROP TABLE t_a").await;
    assert!(answer(&there, "SELECT * FROM t_a").await.contains("there is no table public.t_a"));
    run(&there, "CREATE TABLE t_a AS SELECT 'new' AS y").await;
    assert_eq!(value(&here, "SELECT y FROM t_a").await, "new");
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_statements_that_run_at_once_all_stay_and_no_change_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    run(&redshift(&folder).await, "CREATE TABLE t_a (x INT)").await;
    let mut sessions = Vec::new();
    for _ in 0..4 {
        sessions.push(redshift(&folder).await);
    }
    let inserts = sessions.iter().enumerate().map(|(number, session)| {
        let session = session.clone();
        tokio::spawn(async move { run(&session, &format!("INSERT INTO t_a VALUES ({number})")).await })
    });
    for insert in inserts.collect::<Vec<_>>() {
        insert.await.unwrap();
    }
    assert_eq!(value(&sessions[0], "SELECT count(DISTINCT x) FROM t_a").await, "4");
    let updates = sessions.iter().map(|session| {
        let session = session.clone();
        tokio::spawn(async move { try_answer(&session, "UPDATE t_a SET x = x + 10").await })
    });
    for update in updates.collect::<Vec<_>>() {
        update.await.unwrap().unwrap();
    }
    assert_eq!(value(&sessions[0], "SELECT sum(x) FROM t_a").await, "166");
    run(&sessions[0], "CREATE TABLE t_b (id INT IDENTITY(1, 1), x INT)").await;
    let inserts = sessions.iter().enumerate().map(|(number, session)| {
        let session = session.clone();
        tokio::spawn(async move { run(&session, &format!("INSERT INTO t_b (x) VALUES ({number})")).await })
    });
    for insert in inserts.collect::<Vec<_>>() {
        insert.await.unwrap();
    }
    assert_eq!(value(&sessions[0], "SELECT count(DISTINCT x) || ' ' || max(id) FROM t_b").await, "4 4");
    // Without the session nobody runs the statement again.
    let insert = sessions[0].context().sql("INSERT INTO t_b (x) VALUES (1)").await.unwrap();
    run(&sessions[1], "INSERT INTO t_b (x) VALUES (2)").await;
    let error = insert.collect().await.unwrap_err();
    assert_eq!(find_error(&error).map(|e| e.kind()), Some(ErrorKind::Conflict), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_midway_leaves_everything_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let session = redshift(&folder).await;
    let failing = "SELECT 10 / (90000 - value) AS a FROM range(100000)";
    assert!(answer(&session, &format!("CREATE TABLE t_a AS {failing}")).await.contains("divided by zero"));
    assert_eq!(names(&session).await, "");
    run(&session, "CREATE TABLE t_a AS SELECT 1 AS a").await;
    for statement in [
        format!("INSERT INTO t_a {failing}"),
        "UPDATE t_a SET a = a / (a - 1)".to_owned(),
        "DELETE FROM t_a WHERE a / (a - 1) > 1".to_owned(),
    ] {
        assert!(answer(&session, &statement).await.contains("divided by zero"), "{statement}");
        assert_eq!(value(&session, "SELECT string_agg(a::VARCHAR, ',') FROM t_a").await, "1", "{statement}");
    }
    let file = folder.path().join("numbers.csv");
    let lines = (0..50_000).map(|n| if n == 40_000 { "x\n".to_owned() } else { format!("{n}\n") });
    std::fs::write(&file, lines.collect::<String>()).unwrap();
    let error = answer(&session, &format!("COPY t_a FROM '{}' CSV", file.display())).await;
    assert!(error.contains("numbers.csv, line 40001: column a: 'x' is not a whole number"), "{error}");
    assert_eq!(value(&session, "SELECT count(*) FROM t_a").await, "1");
}

#[test]
fn a_shell_that_is_killed_while_it_fills_a_table_leaves_none() {
    let folder = tempfile::tempdir().unwrap();
    let dfml = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dfml-under-test"));
        command.current_dir(folder.path()).args(["--quiet", "--format", "csv", "--store", "store"]);
        command
    };
    let fill =
        "CREATE TABLE t_a AS SELECT a.value, md5((a.value * b.value)::VARCHAR) FROM range(20000) a, range(20000) b";
    let mut filler = dfml().args(["-c", fill]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    // A file that grows shows that it is writing.
    let tables = folder.path().join("store/tables/public/t_a");
    while std::fs::read_dir(&tables).map_or(0, Iterator::count) == 0 {
        assert!(filler.try_wait().unwrap().is_none(), "it ended before it wrote");
        std::thread::yield_now();
    }
    filler.kill().unwrap();
    filler.wait().unwrap();
    let output = dfml().args(["-c", "CREATE TABLE t_a AS SELECT 1 AS a", "-c", "SELECT a FROM t_a"]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "a\n1\n", "{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_of_the_program_are_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let stored = redshift(&folder).await;
    run(&stored, "CREATE TABLE t_a AS SELECT 'stored' AS a").await;
    let error = answer(&stored, "CREATE TABLE banknote AS SELECT 1 AS a").await;
    assert!(error.contains("a table public.banknote of this session exists already"), "{error}");
    let program = redshift(&folder).await;
    let batches = stored.sql("SELECT 'mine' AS a").await.unwrap().collect().await.unwrap();
    let mine = MemTable::try_new(batches[0].schema(), vec![batches]).unwrap();
    program.context().register_table("t_a", Arc::new(mine)).unwrap();
    assert_eq!(value(&program, "SELECT a FROM t_a").await, "mine");
    run(&program, "INSERT INTO t_a VALUES ('more')").await;
    run(&program, "DROP TABLE t_a").await;
    assert_eq!(value(&program, "SELECT a FROM t_a").await, "stored");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_stored_tables_create_table_is_datafusions() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().to_string_lossy().into_owned();
    let context = SessionContext::new_with_config(SessionConfig::new().with_information_schema(true));
    let session = MlSession::builder(context).with_store(store).build().await.unwrap();
    run(&session, "CREATE TABLE t_a (a INT NOT NULL)").await;
    run(&session, "INSERT INTO t_a VALUES (1)").await;
    run(&session, "CREATE TABLE t_b AS SELECT * FROM t_a").await;
    assert_eq!(value(&session, "SELECT a FROM t_b").await, "1");
    let file = folder.path().join("a.csv");
    std::fs::write(&file, "2\n3\n").unwrap();
    run(&session, &format!("COPY t_a FROM '{}' CSV", file.display())).await;
    assert_eq!(value(&session, "SELECT sum(a) FROM t_a").await, "6");
    assert!(!folder.path().join("tables").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_unloaded_can_be_loaded_again() {
    let folder = tempfile::tempdir().unwrap();
    let session = redshift(&folder).await;
    let rows = "SELECT 1 AS id, 'it''s, \"so\"' AS note, DATE '2020-01-31' AS day UNION ALL SELECT 2, NULL, NULL";
    run(&session, &format!("CREATE TABLE t_plain AS {rows} ORDER BY id")).await;
    let more = "SELECT 3, 'a|b,c', NULL UNION ALL SELECT 4, chr(92) || chr(10) || 'x' || chr(92), NULL \
                UNION ALL SELECT 5, '''|', NULL";
    run(&session, &format!("CREATE TABLE t_wild AS {rows} UNION ALL {more} ORDER BY id")).await;
    for (number, (table, unload, copy, file)) in [
        ("t_plain", "NULL AS '@'", "NULL AS '@'", "000.txt"),
        ("t_plain", "GZIP NULL '@' HEADER", "GZIP NULL '@' IGNOREHEADER 1", "000.txt.gz"),
        ("t_plain", "CSV HEADER", "CSV IGNOREHEADER 1 EMPTYASNULL", "000.csv"),
        ("t_wild", "CSV NULL '@'", "CSV NULL '@'", "000.csv"),
        ("t_wild", "ESCAPE NULL '@'", "ESCAPE NULL '@'", "000.txt"),
        ("t_wild", "ADDQUOTES ESCAPE NULL '@'", "REMOVEQUOTES ESCAPE NULL '@'", "000.txt"),
        ("t_wild", "FORMAT AS PARQUET PARALLEL OFF", "FORMAT AS PARQUET", "000.parquet"),
        ("t_wild", "FORMAT JSON ZSTD", "JSON 'auto'", "000.json.zst"),
        ("t_wild", "FORMAT JSON EXTENSION 'lines' MANIFEST", "JSON 'auto' MANIFEST", "manifest"),
    ]
    .into_iter()
    .enumerate()
    {
        let prefix = format!("{}/out{number}_", folder.path().display());
        let statement = format!(
            "UNLOAD ('SELECT * FROM {table} WHERE note <> ''x'' OR id = 2') TO '{prefix}' IAM_ROLE default {unload}"
        );
        run(&session, &statement).await;
        assert!(std::fs::exists(format!("{prefix}{file}")).unwrap(), "{unload}");
        assert!(answer(&session, &statement).await.contains("add ALLOWOVERWRITE"));
        run(&session, &format!("{statement} ALLOWOVERWRITE")).await;
        run(&session, &format!("CREATE TABLE t_b{number} (LIKE {table})")).await;
        run(&session, &format!("COPY t_b{number} FROM '{prefix}{file}' {copy}")).await;
        let same = format!(
            "SELECT count(*) || ' of ' || (SELECT count(*) FROM t_b{number}) FROM {table} a JOIN t_b{number} b \
             ON a.id = b.id AND (a.note IS NOT DISTINCT FROM b.note) AND (a.day IS NOT DISTINCT FROM b.day)"
        );
        let expected = if table == "t_wild" { "5 of 5" } else { "2 of 2" };
        assert_eq!(value(&session, &same).await, expected, "{unload}");
    }
    let to = format!("TO '{}/wild'", folder.path().display());
    let error = answer(&session, &format!("UNLOAD ('SELECT id, note FROM t_wild WHERE id = 3') {to}")).await;
    assert!(error.contains("column note: 'a|b,c' contains '|', which separates values; add ESCAPE"), "{error}");
    let error =
        answer(&session, &format!("UNLOAD ('SELECT note FROM t_plain WHERE id = 2') {to} ALLOWOVERWRITE")).await;
    assert!(error.contains("NULL is an empty line; add NULL AS"), "{error}");
    assert!(
        !std::fs::exists(format!("{}/wild000.txt", folder.path().display())).unwrap(),
        "what failed leaves no file"
    );
    run(&session, &format!("COPY (SELECT 1 AS a) TO '{}/x.csv'", folder.path().display())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nested_values_are_json_in_csv_files() {
    let folder = tempfile::tempdir().unwrap();
    let session = redshift(&folder).await;
    let place = format!("{}/nested", folder.path().display());
    run(&session, &format!("UNLOAD ('SELECT named_struct(''a'', make_array(1, NULL)) AS s') TO '{place}_' CSV")).await;
    assert_eq!(std::fs::read_to_string(format!("{place}_000.csv")).unwrap(), "\"{\"\"a\"\":[1,null]}\"\n");
    run(&session, "CREATE TABLE t_n (s SUPER)").await;
    run(&session, &format!("COPY t_n FROM '{place}_000.csv' CSV")).await;
    assert_eq!(value(&session, "SELECT s.a[0] FROM t_n").await, "1");
    run(&session, &format!("COPY (SELECT make_array(true) AS l, NULL AS n) TO '{place}.csv'")).await;
    assert_eq!(std::fs::read_to_string(format!("{place}.csv")).unwrap(), "l,n\n[true],\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn folders_have_the_values_of_partitions() {
    let folder = tempfile::tempdir().unwrap();
    let session = redshift(&folder).await;
    run(&session, "CREATE TABLE t_a AS SELECT 1 AS a, 'x' AS b UNION ALL SELECT 2, 'y' ORDER BY a").await;
    for (include, copied, expected) in [("", "(a)", "1"), (" INCLUDE", "(a, b)", "1x")] {
        let place = format!("{}/parts{}", folder.path().display(), include.len());
        run(&session, &format!("UNLOAD ('SELECT a, b FROM t_a') TO '{place}' PARTITION BY (b){include}")).await;
        run(&session, "CREATE TEMP TABLE t_b (a INT, b VARCHAR(1))").await;
        run(&session, &format!("COPY t_b {copied} FROM '{place}/b=x/'")).await;
        assert_eq!(value(&session, "SELECT a || nvl(b, '') FROM t_b").await, expected);
        run(&session, "DROP TABLE t_b").await;
    }
}

/// Keeps what it is told.
#[derive(Debug, Default)]
struct Kept(Mutex<Vec<String>>);

impl Notices for Kept {
    fn notice(&self, text: &str) {
        self.0.lock().push(text.to_owned());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_no_effect_and_what_was_left_out_is_told() {
    let notices = Arc::new(Kept::default());
    let session = MlSession::builder(SessionContext::new())
        .with_store("memory:")
        .with_stored_tables()
        .with_notices(Arc::clone(&notices) as Arc<dyn Notices>)
        .build()
        .await
        .unwrap();
    run(&session, "CREATE TABLE t_a (a INT ENCODE az64) DISTSTYLE ALL").await;
    run(&session, "CREATE TABLE IF NOT EXISTS t_a (a INT)").await;
    run(&session, "COPY t_a FROM 'slt/copy/plain.txt' DELIMITER ';' MAXERROR 9 STATUPDATE OFF").await;
    let expected = [
        "ENCODE, DISTSTYLE have no effect here",
        "public.t_a exists already, nothing was done",
        "STATUPDATE has no effect here",
        "left out: COPY public.t_a: plain.txt, line 1: column a: 'a|1' is not a whole number (INTEGER)",
    ];
    assert_eq!(notices.0.lock()[..4], expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_drops_a_model_hears_of_the_views_that_call_it() {
    let notices = Arc::new(Kept::default());
    let session = builder("memory:", 2).await.with_notices(Arc::clone(&notices) as Arc<dyn Notices>).build().await;
    let session = session.unwrap();
    run(&session, CREATE_BANKNOTE).await;
    run(&session, "CREATE VIEW t_v AS SELECT predict_class(1.0, 1.0, 1.0, 1.0) AS p").await;
    run(&session, "DROP MODEL banknote_model").await;
    let told = "view public.t_v calls public.predict_class, which is gone; drop the view, or create a model with that function";
    assert_eq!(notices.0.lock().last().map(String::as_str), Some(told));
    let error = answer(&session, "SELECT * FROM t_v").await;
    assert!(error.starts_with("view public.t_v cannot be read at line 1, column 15: "), "{error}");
    assert!(error.contains("predict_class"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_drops_a_table_hears_no_names_of_others_views() {
    let folder = tempfile::tempdir().unwrap();
    let owner = redshift(&folder).await;
    run(&owner, "CREATE USER ann").await;
    run(&owner, "GRANT CREATE, USAGE ON SCHEMA public TO ann").await;
    let ann = session_of(&folder.path().join("store").to_string_lossy(), "ann").await;
    run(&ann, "CREATE TABLE t_a AS SELECT 1 AS a").await;
    run(&owner, "CREATE VIEW t_secret AS SELECT * FROM t_a").await;
    let error = answer(&ann, "DROP TABLE t_a").await;
    assert_eq!(error, "a view of another user reads what would be dropped; add CASCADE to drop the view, too");
    assert!(answer(&owner, "DROP TABLE t_a").await.starts_with("view public.t_secret reads"));
}

#[tokio::test(flavor = "multi_thread")]
async fn vacuum_deletes_what_no_table_has_any_more() {
    let folder = tempfile::tempdir().unwrap();
    let session = redshift(&folder).await;
    run(&session, "CREATE TABLE t_a AS SELECT 1 AS a").await;
    run(&session, "UPDATE t_a SET a = 2").await;
    run(&session, "CREATE TABLE t_b AS SELECT 1 AS b").await;
    run(&session, "DROP TABLE t_b").await;
    assert!(value(&session, "VACUUM").await.starts_with("0 "), "what is young may be in use");
    run(&session, "SET ml.vacuum_keep_seconds = 0").await;
    assert!(value(&session, "VACUUM").await.starts_with("2 "));
    assert!(value(&session, "VACUUM").await.starts_with("0 "));
    assert_eq!(value(&session, "SELECT a FROM t_a").await, "2");
}

/// Where statistics tell that a column has one value in a file, DataFusion puts that value in the column's place.
#[tokio::test(flavor = "multi_thread")]
async fn super_made_of_a_column_with_one_value_in_its_file_is_super() {
    let folder = tempfile::tempdir().unwrap();
    let session = redshift(&folder).await;
    let file = folder.path().join("one.parquet").to_string_lossy().into_owned();
    let row = "'{\"a\": {\"b\": [10, 20]}, \"n\": 7, \"t\": \"x\"}' AS s, 1 AS k";
    run(&session, &format!("COPY (SELECT {row} UNION ALL SELECT {row}) TO '{file}' STORED AS PARQUET")).await;
    run(&session, "SET datafusion.execution.parquet.skip_metadata = false").await;
    run(&session, &format!("CREATE EXTERNAL TABLE one STORED AS PARQUET LOCATION '{file}'")).await;
    let marked = folder.path().join("marked.parquet").to_string_lossy().into_owned();
    run(&session, &format!("COPY (SELECT JSON_PARSE(s) AS j, k FROM one) TO '{marked}' STORED AS PARQUET")).await;
    run(&session, &format!("CREATE EXTERNAL TABLE marked STORED AS PARQUET LOCATION '{marked}'")).await;
    for (item, expected) in [
        ("$.a.b[1]", "20"),
        ("$.a.b[k]", "20"),
        ("$.n + 1", "8"),
        ("-$.n", "-7"),
        ("$.n = 7", "true"),
        ("$.n::INT", "7"),
        ("$.t::VARCHAR", "x"),
        ("$.t LIKE 'x%'", "true"),
        ("JSON_TYPEOF($.a)", "object"),
        ("IS_ARRAY($.a.b)", "true"),
        ("GET_ARRAY_LENGTH($.a.b)", "2"),
        ("ARRAY_CONCAT($.a.b, ARRAY(1))", "[10,20,1]"),
        ("COALESCE($.n, 1)", "7"),
        ("NVL($.none, $.n)", "7"),
        ("CASE WHEN k = 1 THEN $.n END", "7"),
        ("GREATEST($.n, 1)", "7"),
        ("JSON_SERIALIZE($.a)", r#"{"b":[10,20]}"#),
        ("OBJECT('x', $.t)", r#"{"x":"x"}"#),
        ("SUM($.n)", "14"),
        ("MAX($.n)", "7"),
        ("COUNT(DISTINCT $.n)", "1"),
    ] {
        for (table, value) in [("one", "JSON_PARSE(s)"), ("marked", "j")] {
            let sql = format!("SELECT {} AS x FROM {table} LIMIT 1", item.replace('$', value));
            assert_eq!(self::value(&session, &sql).await, expected, "{sql}");
        }
    }
    for sql in [
        "SELECT SUM(e) FROM (SELECT JSON_PARSE(s) AS j FROM one) t, t.j.a.b AS e",
        "SELECT SUM(e) FROM marked t, t.j.a.b AS e",
    ] {
        assert_eq!(value(&session, sql).await, "60", "{sql}");
    }
}
