//! Statements that are very long, wide or deep: each is answered or refused, and nothing panics, aborts or hangs.

use std::process::Command;

use super::refusal;
use crate::support::{session, try_answer, value};

fn repeated(text: &str, count: usize, separator: &str) -> String {
    vec![text; count].join(separator)
}

fn nested(open: &str, inner: &str, close: &str, depth: usize) -> String {
    format!("{}{inner}{}", open.repeat(depth), close.repeat(depth))
}

fn numbered(count: usize, text: impl Fn(usize) -> String) -> String {
    (0..count).map(text).collect::<Vec<_>>().join(", ")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_deep_or_too_long_is_refused() {
    let store = tempfile::tempdir().unwrap();
    let session = session(&store.path().to_string_lossy()).await;
    let many = 10_000;
    let statements = [
        format!("SELECT {}", nested("(", "1", ")", many)),
        format!("SELECT {}", nested("abs(", "1", ")", many)),
        format!("SELECT {}", nested("[", "1", "]", many)),
        format!("SELECT {}", nested("ARRAY[", "1", "]", many)),
        format!("SELECT {}", nested("CASE WHEN true THEN ", "1", " END", many)),
        format!("SELECT {}", nested("CAST(", "1", " AS int)", many)),
        format!("SELECT {}", nested("EXISTS (SELECT ", "1", ")", many)),
        format!("SELECT * FROM {}", nested("(", "t", ")", many)),
        format!("SELECT {}true", "NOT ".repeat(many)),
        format!("SELECT {}1", "- ".repeat(many)),
        format!("SELECT a{}", ".a".repeat(many)),
        format!("SELECT a{}", "[0]".repeat(many)),
        format!("SELECT 1{}", "::int".repeat(many)),
        format!("SELECT {}", repeated("1", many, " + ")),
        format!("SELECT {}", repeated("'a'", many, " || ")),
        format!("SELECT {}", repeated("1 IS DISTINCT FROM 2", many, " IS DISTINCT FROM ")),
        format!("SELECT 1 WHERE {}", repeated("1 = 1", many, " AND ")),
        format!("SELECT 1 WHERE {}", repeated("1 = 1", many, " OR ")),
        repeated("SELECT 1, 2", many, " UNION ALL "),
        repeated("SELECT 1", many, " MINUS "),
        format!("SELECT * FROM {}", repeated("t", many, " CROSS JOIN ")),
        format!("SELECT * FROM {}", nested("(SELECT * FROM ", "t", ")", many)),
        nested("WITH a AS (", "SELECT 1", ") SELECT * FROM a", many),
        format!("{}SELECT 1", "EXPLAIN ".repeat(many)),
        format!("CREATE TABLE t (a int{})", "[]".repeat(many)),
        format!("CREATE TABLE t (a {})", nested("ARRAY<", "int", ">", many)),
        format!("UNLOAD ('{}') TO 'x'", nested("(", "SELECT 1", ")", many)),
        format!("COPY {} TO 'x.csv'", nested("(", "SELECT 1", ")", many)),
        format!("CREATE MODEL m FROM (SELECT 1) IAM_ROLE {}", nested("(", "default", ")", many)),
        format!(
            "CREATE MODEL m FROM banknote TARGET class FUNCTION f AUTO OFF MODEL_TYPE XGBOOST PREPROCESSORS '{}' \
             HYPERPARAMETERS DEFAULT",
            nested("[", "", "]", many)
        ),
        format!(
            "CREATE MODEL m FROM banknote TARGET class FUNCTION f AUTO OFF MODEL_TYPE XGBOOST PREPROCESSORS 'none' \
             HYPERPARAMETERS DEFAULT EXCEPT ({})",
            numbered(many, |number| format!("k{number} '1'"))
        ),
        format!("GRANT EXECUTE ON MODEL m TO {}", numbered(many, |number| format!("u{number}"))),
        format!("SELECT f({})", repeated("1", 100_000, ", ")),
        format!("SELECT explain_model({})", repeated("'m'", 100_000, ", ")),
        format!("SELECT * FROM ml_trees({})", repeated("'m'", 100_000, ", ")),
        format!("SELECT 1 /* {} */ AS a", "a".repeat(100_000_000)),
        format!("SELECT length('{}') AS a", "a".repeat(100_000_000)),
        format!("SELECT 1 IN ({}1)", "1,".repeat(50_000_000)),
        format!("SELECT 1 IN ({}1)", "1,".repeat(600_000)),
        format!("INSERT INTO t VALUES {}(1)", "(1),".repeat(300_000)),
        format!("SELECT {}(1)", "f".repeat(1 << 20)),
        format!("SELECT {}", "a".repeat(1 << 20)),
        format!("SELECT * FROM {}", "t".repeat(1 << 20)),
        format!("SHOW MODEL {}", "m".repeat(1 << 20)),
        format!("CREATE TABLE {} (a int)", "t".repeat(1 << 20)),
        format!("CREATE USER {}", "u".repeat(1 << 20)),
    ];
    for sql in statements {
        refusal(&session, &sql).await;
    }
    let refused = refusal(&session, &format!("SELECT * FROM {}", nested("(", "t", ")", 45))).await;
    assert!(refused.starts_with("more than 10 tables in brackets within each other at line 1, column 25"), "{refused}");
    // What is wrong within brackets that the parser reads twice is found as soon as elsewhere.
    for open in ["ARRAY[", "CAST(", "POSITION(", "SUBSTRING(", "TRIM(", "CEIL(", "NOT (", "INTERVAL (", "CURRENT_TIME("]
    {
        let refused = refusal(&session, &format!("SELECT {}1 1 !", open.repeat(30))).await;
        assert!(refused.starts_with("more than 10 of CAST"), "{refused}");
    }
}

/// The stack that tokio gives a thread.
#[test]
fn what_is_as_deep_as_may_be_fits_on_two_megabytes() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().thread_stack_size(2 << 20).build().unwrap();
    let work = runtime.spawn(async {
        let store = tempfile::tempdir().unwrap();
        let session = session(&store.path().to_string_lossy()).await;
        session.sql("SET datafusion.sql_parser.dialect = 'redshift'").await.unwrap();
        for sql in [
            format!("SELECT count(*) AS a FROM {}", nested("(", "banknote", ")", 10)),
            format!("SELECT count(*) AS a FROM {}", nested("(banknote AS b CROSS JOIN ", "abalone LIMIT 1", ")", 10)),
            format!("SELECT count(*) AS a FROM {}", nested("(SELECT * FROM ", "banknote", ") AS t", 35)),
            format!("SELECT {} AS a", nested("(", "1", ")", 39)),
            format!("SELECT {} AS a", nested("abs(", "1", ")", 39)),
            format!("SELECT {} AS a", nested("(SELECT ", "1", ")", 39)),
        ] {
            // Whether it is a statement or none: the thread lives.
            let _ = try_answer(&session, &sql).await;
        }
        value(&session, "SELECT 1 AS a").await
    });
    assert_eq!(runtime.block_on(work).unwrap(), "1");
}

#[test]
fn what_is_long_and_wide_is_answered() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().thread_stack_size(64 << 20).build().unwrap();
    let work = runtime.spawn(async {
        let store = tempfile::tempdir().unwrap();
        let session = session(&store.path().to_string_lossy()).await;
        session.sql("SET datafusion.sql_parser.dialect = 'redshift'").await.unwrap();
        let one = async |sql: String| value(&session, &sql).await;
        assert_eq!(one(format!("SELECT coalesce({}) AS a", repeated("1", 100_000, ", "))).await, "1");
        assert_eq!(one(format!("SELECT length(concat({})) AS a", repeated("'a'", 2_000, ", "))).await, "2000");
        assert_eq!(
            one(format!("SELECT count(*) AS a FROM (VALUES {}) AS t", repeated("(1)", 5_000, ", "))).await,
            "5000"
        );
        assert_eq!(one(format!("SELECT 1 AS a WHERE 1 IN ({})", numbered(20_000, |n| n.to_string()))).await, "1");
        assert_eq!(one(format!("SELECT 1 AS a WHERE {}", repeated("1 = 1", 300, " AND "))).await, "1");
        assert_eq!(one(format!("SELECT {} AS a", repeated("1", 50, " + "))).await, "50");
        assert_eq!(one(format!("SELECT length('{}') AS a", "a".repeat(1 << 20))).await, (1 << 20).to_string());
        let long = "a".repeat(15 << 20);
        assert_eq!(one(format!("SELECT 1 /* {long} */ AS a")).await, "1");
        assert_eq!(one(format!("SELECT length('{long}') AS a")).await, (15 << 20).to_string());
        let columns = numbered(10_000, |number| format!("{number} AS c{number}"));
        try_answer(&session, &format!("CREATE TABLE wide AS SELECT {columns}")).await.unwrap();
        assert_eq!(one("SELECT c9999 FROM wide".into()).await, "9999");
    });
    runtime.block_on(work).unwrap();
}

#[test]
fn the_shell_lives_through_a_deep_plan() {
    let folder = tempfile::tempdir().unwrap();
    let sql = folder.path().join("deep.sql");
    std::fs::write(&sql, repeated("SELECT 1", 300, " MINUS ")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_dfml-under-test"));
    let output = command.current_dir(folder.path()).arg("-q").arg("-f").arg(sql).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
}
