//! The shell as its users start it: flags, formats, files, errors, exit codes.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::support::{data, project_root};

/// A shell in a working directory of its own.
pub(crate) fn dfml(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dfml-under-test"));
    command.current_dir(folder).env("HOME", folder).stdin(Stdio::null());
    command
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn the_readmes_main_job_runs_on_real_data() {
    let store = tempfile::tempdir().unwrap();
    let mut command = dfml(&project_root());
    command.args(["--quiet", "--store"]).arg(store.path()).args(["-f", "examples/churn.sql"]);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let text = stdout(&output);
    for expected in ["predicted_true", "probability", "validation:error", "customer_churn", "churn_percent", "xgboost"]
    {
        assert!(text.contains(expected), "{expected} is missing in:\n{text}");
    }
    // The label that is shown is the likelier of two, with its probability; the first reason is the largest.
    let table = |last: &str| -> Vec<Vec<String>> {
        let lines = text.lines().skip_while(|line| !line.contains(&format!("| {last} ")));
        let rows = lines.skip(2).take_while(|line| line.starts_with('|'));
        rows.map(|row| row.split('|').map(|cell| cell.trim().to_owned()).collect()).collect()
    };
    let number = |cell: &str| cell.parse::<f64>().unwrap();
    let sure = table("probability");
    assert!(!sure.is_empty() && sure.iter().all(|row| number(&row[6]) >= 0.5), "{sure:?}");
    let why = table("by_3");
    assert!(!why.is_empty() && why.iter().all(|row| number(&row[5]).abs() >= number(&row[7]).abs()), "{why:?}");
}

#[test]
fn a_statement_is_read_in_the_dialect_that_those_before_it_have_left() {
    let folder = tempfile::tempdir().unwrap();
    // Positions count from 0 in Redshift, and from 1 in DataFusion.
    let script = "SELECT make_array(10, 20)[1] AS a; SET datafusion.sql_parser.dialect = 'generic'; SELECT make_array(10, 20)[1] AS b;\n\
        SET datafusion.sql_parser.dialect = 'redshift'; SELECT make_array(10, 20)[1] AS c;\n  SELECT d";
    let output = dfml(folder.path()).args(["-q", "--format", "csv", "-c", script]).output().unwrap();
    assert_eq!(stdout(&output), "a\n20\nb\n10\nc\n20\n");
    assert!(stderr(&output).contains("there is no column d at line 3, column 10"), "{}", stderr(&output));
}

#[test]
fn super_in_parquet_is_text_unless_its_metadata_are_read() {
    let folder = tempfile::tempdir().unwrap();
    // The same in every row, so that statistics tell it.
    let write = "COPY (SELECT json_parse('{\"a\": 1}') AS s FROM range(3)) TO 's.parquet'";
    let answer = |script: &str| {
        let output = dfml(folder.path()).args(["-q", "--format", "csv", "-c", script]).output().unwrap();
        stdout(&output) + &stderr(&output)
    };
    assert_eq!(answer(write), "count\n3\n");
    assert!(answer("SELECT s.a FROM 's.parquet'").contains("JSON_PARSE makes SUPER of text"));
    let keep = "SET datafusion.execution.parquet.skip_metadata = false;";
    assert_eq!(answer(&format!("{keep} SELECT s.a FROM 's.parquet' LIMIT 1")), "a\n1\n");
    assert_eq!(answer(&format!("{keep} SELECT count(*) AS n FROM 's.parquet' WHERE s.a = 1")), "n\n3\n");
}

#[test]
fn a_model_is_there_for_the_next_process() {
    let folder = tempfile::tempdir().unwrap();
    let create = format!(
        "CREATE MODEL m FROM (SELECT * FROM '{}') TARGET class FUNCTION f AUTO OFF MODEL_TYPE XGBOOST \
         HYPERPARAMETERS DEFAULT EXCEPT (NUM_ROUND '3')",
        data("banknote.parquet")
    );
    let output = dfml(folder.path()).args(["-q", "-c", &create]).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(folder.path().join(".dfml/catalog/00000000000000000001.json").exists());
    let output = dfml(folder.path()).args(["-q", "--format", "json", "-c", "SELECT f(-5, -5, 5, 0) AS p"]).output();
    assert_eq!(stdout(&output.unwrap()), "[{\"p\":1}]\n");
}

#[test]
fn every_format_prints_the_same_rows() {
    let folder = tempfile::tempdir().unwrap();
    let print = |format: &str| {
        let query = "SELECT 1 AS a, 'x' AS b";
        stdout(&dfml(folder.path()).args(["-q", "--format", format, "-c", query]).output().unwrap())
    };
    assert_eq!(print("csv"), "a,b\n1,x\n");
    assert_eq!(print("tsv"), "a\tb\n1\tx\n");
    assert_eq!(print("json"), "[{\"a\":1,\"b\":\"x\"}]\n");
    assert_eq!(print("nd-json"), "{\"a\":1,\"b\":\"x\"}\n");
    assert_eq!(print("table"), "+---+---+\n| a | b |\n+---+---+\n| 1 | x |\n+---+---+\n");
}

#[test]
fn formats_of_plain_columns_have_nested_values_as_json() {
    let folder = tempfile::tempdir().unwrap();
    let print = |format: &str| {
        let query = "SELECT x, named_struct('a', make_array(x, NULL), 'b', 'c') AS s \
                     FROM (VALUES (1), (2)) AS t(x) ORDER BY x DESC";
        stdout(&dfml(folder.path()).args(["-q", "--format", format, "-c", query]).output().unwrap())
    };
    let csv = "x,s\n2,\"{\"\"a\"\":[2,null],\"\"b\"\":\"\"c\"\"}\"\n1,\"{\"\"a\"\":[1,null],\"\"b\"\":\"\"c\"\"}\"\n";
    assert_eq!(print("csv"), csv);
    assert_eq!(print("tsv"), csv.replacen("x,", "x\t", 1).replace("\n2,", "\n2\t").replace("\n1,", "\n1\t"));
    assert!(print("json").starts_with("[{\"x\":2,\"s\":{\"a\":[2"));
}

#[test]
fn an_error_goes_to_stderr_once_and_fails_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let output = dfml(folder.path()).args(["-q", "-c", "SHOW MODEL nobody; SELECT 1"]).output().unwrap();
    assert!(!output.status.success());
    assert_eq!(stdout(&output), "", "what follows an error is not run");
    let error = stderr(&output);
    assert_eq!(error.matches("there is no model public.nobody").count(), 1, "{error}");
    assert!(!error.contains("External error"), "{error}");
}

#[test]
fn piped_input_is_a_script_and_shows_no_progress() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = dfml(folder.path());
    command.args(["-q", "--format", "csv"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let script = format!(
        "-- a comment; with a semicolon\nCREATE EXTERNAL TABLE t STORED AS PARQUET LOCATION '{}';\n\
         CREATE MODEL m FROM t TARGET class FUNCTION f AUTO OFF\n  MODEL_TYPE XGBOOST HYPERPARAMETERS DEFAULT;\n\
         SELECT count(*) AS n FROM t WHERE f(variance, skewness, curtosis, entropy) = class;\n",
        data("banknote.parquet")
    );
    child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(stderr(&output), "");
    assert!(stdout(&output).ends_with("n\n1372\n"), "{}", stdout(&output));
}

#[test]
fn a_script_has_commands_and_may_begin_with_a_byte_order_mark() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("script.sql");
    let script =
        "\u{feff}CREATE TABLE t (a INT);\n\\dt\n\\pset format json\nSELECT 'x\n\\q' AS b;\n\\q\nSELECT nothing;\n";
    std::fs::write(&file, script).unwrap();
    let output = dfml(folder.path()).args(["-q", "--format", "csv", "-f"]).arg(&file).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let text = stdout(&output);
    assert!(text.contains("datafusion,public,t,BASE TABLE\n"), "{text}");
    // In a string, a line that begins with a backslash is no command.
    assert!(text.ends_with("[{\"b\":\"x\\nq\"}]\n"), "{text}");
    std::fs::write(&file, "SELECT 1;\n\\dt\n\nSELECT nothing;\n").unwrap();
    let output = dfml(folder.path()).args(["-q", "-f"]).arg(&file).output().unwrap();
    assert!(stderr(&output).contains("there is no column nothing at line 4, column 8"), "{}", stderr(&output));
}

#[test]
fn a_killed_training_leaves_the_old_model_serving() {
    let folder = tempfile::tempdir().unwrap();
    let create = |rounds: &str| {
        format!(
            "CREATE OR REPLACE MODEL m FROM (SELECT * FROM '{}') TARGET class FUNCTION f AUTO OFF MODEL_TYPE XGBOOST \
             HYPERPARAMETERS DEFAULT EXCEPT (NUM_ROUND '{rounds}')",
            data("banknote.parquet")
        )
    };
    assert!(dfml(folder.path()).args(["-q", "-c", &create("3")]).output().unwrap().status.success());
    let mut endless = dfml(folder.path()).args(["-q", "-c", &create("100000")]).spawn().unwrap();
    // The statement has begun or not: either way nothing of it may be seen.
    std::thread::yield_now();
    endless.kill().unwrap();
    endless.wait().unwrap();
    let query = ["-q", "--format", "csv", "-c", "SELECT f(-5, -5, 5, 0) AS p"];
    assert_eq!(stdout(&dfml(folder.path()).args(query).output().unwrap()), "p\n1\n");
}

/// The arguments of a shell that trains a model in the background and prints CSV.
fn in_background(create: &str) -> [&str; 7] {
    ["-q", "--format", "csv", "-c", "SET ml.background_training = true", "-c", create]
}

#[test]
fn a_script_ends_when_its_models_are_trained() {
    let folder = tempfile::tempdir().unwrap();
    let create = format!(
        "CREATE MODEL m FROM (SELECT * FROM '{}') TARGET class FUNCTION f AUTO OFF MODEL_TYPE XGBOOST \
         HYPERPARAMETERS DEFAULT EXCEPT (NUM_ROUND '100')",
        data("banknote.parquet")
    );
    let output = dfml(folder.path()).args(in_background(&create)).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stdout(&output).contains("public.m,TRAINING,xgboost,BinaryClassification,,,1372,"), "{}", stdout(&output));
    let query = ["-q", "--format", "csv", "-c", "SELECT f(-5, -5, 5, 0) AS p"];
    assert_eq!(stdout(&dfml(folder.path()).args(query).output().unwrap()), "p\n1\n");
    assert_eq!(std::fs::read_dir(folder.path().join(".dfml/training")).unwrap().count(), 0);

    let too_few = format!(
        "CREATE MODEL n FROM (SELECT * FROM '{}') TARGET sex FUNCTION g AUTO OFF MODEL_TYPE XGBOOST \
         OBJECTIVE 'multi:softmax' HYPERPARAMETERS DEFAULT EXCEPT (NUM_CLASS '2')",
        data("abalone.parquet")
    );
    let output = dfml(folder.path()).args(in_background(&too_few)).output().unwrap();
    assert!(!output.status.success());
    let error = stderr(&output);
    assert_eq!(error.matches("model public.n was not trained: the target has 3 classes").count(), 1, "{error}");
    let show = dfml(folder.path()).args(["-q", "--format", "csv", "-c", "SHOW MODEL n"]).output().unwrap();
    assert!(stdout(&show).contains("Model State,FAILED\n"), "{}", stdout(&show));
}

#[test]
fn a_model_whose_process_is_killed_while_it_trains_is_told_of_as_interrupted() {
    let folder = tempfile::tempdir().unwrap();
    let create = format!(
        "CREATE MODEL m FROM (SELECT b.* FROM '{}' AS b CROSS JOIN range(100)) TARGET class FUNCTION f AUTO OFF MODEL_TYPE XGBOOST \
         HYPERPARAMETERS DEFAULT EXCEPT (NUM_ROUND '100000')",
        data("banknote.parquet")
    );
    let mut trainer = dfml(folder.path()).args(in_background(&create)).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(trainer.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().starts_with("public.m,TRAINING,")), "it ended before it trained");
    let show = || stdout(&dfml(folder.path()).args(["-q", "--format", "csv", "-c", "SHOW MODEL m"]).output().unwrap());
    let training = show();
    assert!(training.contains("Model State,TRAINING\n"), "{training}");
    trainer.kill().unwrap();
    trainer.wait().unwrap();
    // At once where processes can be told apart, else when no sign of life has come for half a minute.
    let interrupted = (0..1000).map(|_| show()).find(|shown| shown.contains("Model State,FAILED\n")).unwrap();
    assert!(interrupted.contains("Failure Reason,interrupted: "), "{interrupted}");
    let call = dfml(folder.path()).args(["-q", "-c", "SELECT f(-5, -5, 5, 0)"]).output().unwrap();
    assert!(
        stderr(&call).contains("model public.m was not trained at line 1, column 8: interrupted"),
        "{}",
        stderr(&call)
    );
    let replace = create.replace("CREATE MODEL", "CREATE OR REPLACE MODEL").replace("100000", "3");
    assert!(dfml(folder.path()).args(["-q", "-c", &replace]).output().unwrap().status.success());
    assert!(show().contains("Model State,READY\n"));
}

#[test]
fn a_user_says_a_password_once_somebody_has_one() {
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str], password: Option<&str>| {
        let mut command = dfml(folder.path());
        command.args(["-q", "--format", "csv"]).args(arguments).stdin(Stdio::null());
        command.env_remove("DFML_USER").env_remove("DFML_PASSWORD").envs(password.map(|text| ("DFML_PASSWORD", text)));
        command.output().unwrap()
    };
    let whoami = ["-c", "SELECT current_user AS u"];
    let create = "CREATE USER boss CREATEUSER PASSWORD 'geheim'; CREATE USER ann";
    assert!(run(&["-c", create], None).status.success());
    let refused = run(&whoami, None);
    let told = "users of this store have passwords; say who you are: start with --user NAME, or with --trust-local";
    assert!(stderr(&refused).contains(told), "{}", stderr(&refused));
    let boss = ["--user", "boss", "-c", "SELECT current_user AS u"];
    assert_eq!(stdout(&run(&boss, Some("geheim"))), "u\nboss\n");
    let refused = run(&boss, Some("geheim?"));
    assert_eq!(stderr(&refused), "Error: password authentication failed for user boss\n");
    let refused = run(&boss, None);
    assert!(stderr(&refused).contains("set DFML_PASSWORD"), "{}", stderr(&refused));
    let ann = ["--user", "ann", "--trust-local", "-c", "SELECT current_user AS u"];
    assert_eq!(stdout(&run(&ann, None)), "u\nann\n");
    let superuser = run(&["--trust-local", "-c", "ALTER USER boss PASSWORD DISABLE"], None);
    assert!(superuser.status.success(), "{}", stderr(&superuser));
    assert!(run(&whoami, None).status.success());
}

#[test]
fn the_keys_of_a_sealed_store_come_from_a_file_or_the_environment() {
    let folder = tempfile::tempdir().unwrap();
    let key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    std::fs::write(folder.path().join("key"), format!("{key}\n")).unwrap();
    let output =
        dfml(folder.path()).args(["-q", "--key-file", "key", "-c", "CREATE TABLE t AS SELECT 42 AS a"]).output();
    let output = output.unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let read = || {
        let mut command = dfml(folder.path());
        command.args(["-q", "--format", "csv", "-c", "SELECT a FROM t"]);
        command
    };
    assert_eq!(stdout(&read().env("DFML_KEY", key).output().unwrap()), "a\n42\n");
    assert_eq!(stdout(&read().env("DFML_KEY_FILE", "key").output().unwrap()), "a\n42\n");
    for (variable, text, complaint) in [
        ("DFML_KEY", "", "there is no key"),
        ("DFML_KEY", "c2hvcnQ=", "key 1 of the store is not 32 bytes in base64"),
        ("DFML_KEY_FILE", "none", "the keys of the store cannot be read: none"),
        ("DFML_LEFT_OUT", "", "and no key was given; open it with that key (DFML_KEY, --key-file)"),
    ] {
        let output = read().env(variable, text).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(stderr(&output).contains(complaint), "{}", stderr(&output));
    }
}
