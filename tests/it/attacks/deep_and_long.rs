//! Statements that are very long, wide or deep: each is answered or refused, and nothing panics, aborts or hangs.

use std::process::Command;

use super::{refusal, tricks};
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

const MANY: usize = 10_000;

/// So many bytes are a word that is too long.
const LONG: usize = 1 << 20;

async fn is_refused(sql: String) {
    let session = session("memory:").await;
    refusal(&session, &sql).await;
    assert_eq!(value(&session, "SELECT 1 AS a").await, "1");
}

tricks! { is_refused;
    brackets => format!("SELECT {}", nested("(", "1", ")", MANY));
    calls => format!("SELECT {}", nested("abs(", "1", ")", MANY));
    lists => format!("SELECT {}", nested("[", "1", "]", MANY));
    arrays => format!("SELECT {}", nested("ARRAY[", "1", "]", MANY));
    cases => format!("SELECT {}", nested("CASE WHEN true THEN ", "1", " END", MANY));
    casts => format!("SELECT {}", nested("CAST(", "1", " AS int)", MANY));
    subqueries_of_exists => format!("SELECT {}", nested("EXISTS (SELECT ", "1", ")", MANY));
    brackets_in_from => format!("SELECT * FROM {}", nested("(", "t", ")", MANY));
    negations => format!("SELECT {}true", "NOT ".repeat(MANY));
    minuses => format!("SELECT {}1", "- ".repeat(MANY));
    steps_of_a_path => format!("SELECT a{}", ".a".repeat(MANY));
    subscripts => format!("SELECT a{}", "[0]".repeat(MANY));
    casts_behind => format!("SELECT 1{}", "::int".repeat(MANY));
    sums => format!("SELECT {}", repeated("1", MANY, " + "));
    concatenations => format!("SELECT {}", repeated("'a'", MANY, " || "));
    distinctions => format!("SELECT {}", repeated("1 IS DISTINCT FROM 2", MANY, " IS DISTINCT FROM "));
    conjunctions => format!("SELECT 1 WHERE {}", repeated("1 = 1", MANY, " AND "));
    disjunctions => format!("SELECT 1 WHERE {}", repeated("1 = 1", MANY, " OR "));
    unions => repeated("SELECT 1, 2", MANY, " UNION ALL ");
    differences => repeated("SELECT 1", MANY, " MINUS ");
    joins => format!("SELECT * FROM {}", repeated("t", MANY, " CROSS JOIN "));
    subqueries_of_from => format!("SELECT * FROM {}", nested("(SELECT * FROM ", "t", ")", MANY));
    common_tables => nested("WITH a AS (", "SELECT 1", ") SELECT * FROM a", MANY);
    explanations => format!("{}SELECT 1", "EXPLAIN ".repeat(MANY));
    types_of_arrays => format!("CREATE TABLE t (a int{})", "[]".repeat(MANY));
    types_of_arrays_in_words => format!("CREATE TABLE t (a {})", nested("ARRAY<", "int", ">", MANY));
    brackets_in_unload => format!("UNLOAD ('{}') TO 'x'", nested("(", "SELECT 1", ")", MANY));
    brackets_in_copy => format!("COPY {} TO 'x.csv'", nested("(", "SELECT 1", ")", MANY));
    brackets_in_create_model =>
        format!("CREATE MODEL m FROM (SELECT 1) IAM_ROLE {}", nested("(", "default", ")", MANY));
    preprocessors => format!(
        "CREATE MODEL m FROM banknote TARGET class FUNCTION f AUTO OFF MODEL_TYPE XGBOOST PREPROCESSORS '{}' \
         HYPERPARAMETERS DEFAULT",
        nested("[", "", "]", MANY)
    );
    hyperparameters => format!(
        "CREATE MODEL m FROM banknote TARGET class FUNCTION f AUTO OFF MODEL_TYPE XGBOOST PREPROCESSORS 'none' \
         HYPERPARAMETERS DEFAULT EXCEPT ({})",
        numbered(MANY, |number| format!("k{number} '1'"))
    );
    grantees => format!("GRANT EXECUTE ON MODEL m TO {}", numbered(MANY, |number| format!("u{number}")));
    a_hundred_thousand_arguments => format!("SELECT f({})", repeated("1", 100_000, ", "));
    a_hundred_thousand_arguments_of_explain_model => format!("SELECT explain_model({})", repeated("'m'", 100_000, ", "));
    a_hundred_thousand_arguments_of_a_table => format!("SELECT * FROM ml_trees({})", repeated("'m'", 100_000, ", "));
    a_hundred_megabytes_of_comment => format!("SELECT 1 /* {} */ AS a", "a".repeat(100_000_000));
    a_hundred_megabytes_of_text => format!("SELECT length('{}') AS a", "a".repeat(100_000_000));
    a_hundred_megabytes_of_list => format!("SELECT 1 IN ({}1)", "1,".repeat(50_000_000));
    a_long_list => format!("SELECT 1 IN ({}1)", "1,".repeat(600_000));
    many_rows => format!("INSERT INTO t VALUES {}(1)", "(1),".repeat(300_000));
    a_long_name_of_a_function => format!("SELECT {}(1)", "f".repeat(LONG));
    a_long_name_of_a_column => format!("SELECT {}", "a".repeat(LONG));
    a_long_name_of_a_table => format!("SELECT * FROM {}", "t".repeat(LONG));
    a_long_name_of_a_model => format!("SHOW MODEL {}", "m".repeat(LONG));
    a_long_name_of_a_new_table => format!("CREATE TABLE {} (a int)", "t".repeat(LONG));
    a_long_name_of_a_user => format!("CREATE USER {}", "u".repeat(LONG));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_few_brackets_too_many_in_from() {
    let session = session("memory:").await;
    let refused = refusal(&session, &format!("SELECT * FROM {}", nested("(", "t", ")", 45))).await;
    assert!(refused.starts_with("more than 10 tables in brackets within each other at line 1, column 25"), "{refused}");
}

/// What is wrong within brackets that the parser reads twice is found as soon as elsewhere.
async fn is_read_in_time(open: &str) {
    let session = session("memory:").await;
    let refused = refusal(&session, &format!("SELECT {}1 1 !", open.repeat(30))).await;
    assert!(refused.starts_with("more than 10 of CAST"), "{refused}");
}

tricks! { is_read_in_time;
    arrays_that_are_read_twice => "ARRAY[";
    casts_that_are_read_twice => "CAST(";
    positions_that_are_read_twice => "POSITION(";
    substrings_that_are_read_twice => "SUBSTRING(";
    trims_that_are_read_twice => "TRIM(";
    ceilings_that_are_read_twice => "CEIL(";
    negations_that_are_read_twice => "NOT (";
    intervals_that_are_read_twice => "INTERVAL (";
    times_that_are_read_twice => "CURRENT_TIME(";
}

/// Whether it is a statement or none: the thread lives, on the stack that tokio gives it.
fn fits_on_two_megabytes(sql: String) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().thread_stack_size(2 << 20).build().unwrap();
    let work = runtime.spawn(async move {
        let session = session("memory:").await;
        session.sql("SET datafusion.sql_parser.dialect = 'redshift'").await.unwrap();
        let _ = try_answer(&session, &sql).await;
        value(&session, "SELECT 1 AS a").await
    });
    assert_eq!(runtime.block_on(work).unwrap(), "1");
}

/// Answered with that value.
fn is_answered(sql: String, expected: &str) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().thread_stack_size(64 << 20).build().unwrap();
    let work = runtime.spawn(async move {
        let session = session("memory:").await;
        session.sql("SET datafusion.sql_parser.dialect = 'redshift'").await.unwrap();
        value(&session, &sql).await
    });
    assert_eq!(runtime.block_on(work).unwrap(), expected);
}

/// Tests without a runtime of their own.
macro_rules! sizes {
    ($how:path; $($name:ident => $($argument:expr),+;)+) => {$(
        #[test]
        fn $name() {
            $how($($argument),+);
        }
    )+};
}

sizes! { fits_on_two_megabytes;
    as_many_brackets_in_from_as_may_be => format!("SELECT count(*) AS a FROM {}", nested("(", "banknote", ")", 10));
    as_many_joins_in_brackets_as_may_be =>
        format!("SELECT count(*) AS a FROM {}", nested("(banknote AS b CROSS JOIN ", "abalone LIMIT 1", ")", 10));
    as_many_subqueries_of_from_as_may_be =>
        format!("SELECT count(*) AS a FROM {}", nested("(SELECT * FROM ", "banknote", ") AS t", 35));
    as_many_brackets_as_may_be => format!("SELECT {} AS a", nested("(", "1", ")", 39));
    as_many_calls_as_may_be => format!("SELECT {} AS a", nested("abs(", "1", ")", 39));
    as_many_subqueries_as_may_be => format!("SELECT {} AS a", nested("(SELECT ", "1", ")", 39));
}

sizes! { is_answered;
    a_hundred_thousand_arguments_of_coalesce => format!("SELECT coalesce({}) AS a", repeated("1", 100_000, ", ")), "1";
    two_thousand_arguments_of_concat => format!("SELECT length(concat({})) AS a", repeated("'a'", 2_000, ", ")), "2000";
    five_thousand_rows =>
        format!("SELECT count(*) AS a FROM (VALUES {}) AS t", repeated("(1)", 5_000, ", ")), "5000";
    a_list_of_twenty_thousand => format!("SELECT 1 AS a WHERE 1 IN ({})", numbered(20_000, |n| n.to_string())), "1";
    three_hundred_conjunctions => format!("SELECT 1 AS a WHERE {}", repeated("1 = 1", 300, " AND ")), "1";
    fifty_summands => format!("SELECT {} AS a", repeated("1", 50, " + ")), "50";
    a_text_of_a_megabyte => format!("SELECT length('{}') AS a", "a".repeat(1 << 20)), "1048576";
    a_text_of_fifteen_megabytes => format!("SELECT length('{}') AS a", "a".repeat(15 << 20)), "15728640";
    a_comment_of_fifteen_megabytes => format!("SELECT 1 /* {} */ AS a", "a".repeat(15 << 20)), "1";
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_columns() {
    let session = session("memory:").await;
    let columns = numbered(MANY, |number| format!("{number} AS c{number}"));
    try_answer(&session, &format!("CREATE TABLE wide AS SELECT {columns}")).await.unwrap();
    assert_eq!(value(&session, "SELECT c9999 FROM wide").await, "9999");
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
