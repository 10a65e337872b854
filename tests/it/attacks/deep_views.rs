//! Views that read themselves, are deep, or multiply: refused, wherever they are met, and lists go on without them.

use std::fs;
use std::process::Command;

use super::{Vault, placeless, plain, refusal, run, run_all, tricks};
use crate::support::{answer, session, try_answer, value};

/// Eve's view reads itself, and everybody who may read it meets it in lists.
async fn is_no_loop(statements: &[&str], last: &str) {
    let vault = Vault::new().await;
    let eve = vault.eve().await;
    run_all(&eve, statements).await;
    let refused = placeless(&answer(&eve, last).await);
    assert!(refused.contains("view public.va would read itself") || refused.starts_with("++"), "{refused}");
    run(&eve, "GRANT SELECT ON va TO PUBLIC").await;
    for session in [&eve, &vault.owner] {
        let read = try_answer(session, "SELECT * FROM va").await;
        let looped = "reads itself, or is more than 64 views deep";
        assert!(read.is_ok() || placeless(&refusal(session, "SELECT * FROM va").await).contains(looped));
        let shown = try_answer(session, "SHOW TABLES").await.unwrap();
        assert!(shown.contains("| va "), "{shown}");
        run(session, "SELECT * FROM information_schema.columns").await;
        run(session, "SELECT * FROM information_schema.views").await;
    }
}

tricks! { is_no_loop;
    behind_a_common_table_elsewhere => &["CREATE VIEW va AS SELECT 1 AS x", "CREATE VIEW vb AS SELECT x FROM va"],
        "CREATE OR REPLACE VIEW va AS SELECT b.x FROM vb b, (WITH vb AS (SELECT 1 AS x) SELECT x FROM vb) z";
    behind_a_common_table_further_on => &["CREATE VIEW va AS SELECT 1 AS x", "CREATE VIEW vb AS SELECT x FROM va"],
        "CREATE OR REPLACE VIEW va AS WITH a AS (SELECT x FROM vb), vb AS (SELECT 1 AS x) SELECT a.x FROM a, vb";
    behind_the_common_table_of_its_own_name => &["CREATE VIEW va AS SELECT 1 AS x", "CREATE VIEW vb AS SELECT x FROM va"],
        "CREATE OR REPLACE VIEW va AS WITH vb AS (SELECT x FROM vb) SELECT x FROM vb";
    by_a_new_name => &[
            "CREATE VIEW va AS SELECT x FROM public.vb WITH NO SCHEMA BINDING",
            "CREATE VIEW vc AS SELECT x FROM public.va WITH NO SCHEMA BINDING",
        ],
        "ALTER TABLE vc RENAME TO vb";
}

#[tokio::test(flavor = "multi_thread")]
async fn a_common_table_named_as_the_view() {
    let vault = Vault::new().await;
    let eve = vault.eve().await;
    run(&eve, "CREATE VIEW va AS WITH va AS (SELECT 1 AS x), b AS (SELECT x FROM va) SELECT x FROM b WHERE x IN (SELECT x FROM va)")
        .await;
    assert_eq!(value(&eve, "SELECT x FROM va").await, "1");
}

/// The stack is that which tokio gives threads.
#[test]
fn as_many_views_as_may_be() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().thread_stack_size(2 << 20).build().unwrap();
    let work = runtime.spawn(async move {
        let session = session("memory:").await;
        // The last one first, so that none is planned before all are there.
        for number in (2..=65).rev() {
            let text = format!("CREATE VIEW v{number} AS SELECT x FROM v{} WITH NO SCHEMA BINDING", number - 1);
            run(&session, &text).await;
        }
        run(&session, "CREATE VIEW v1 AS SELECT 1 AS x").await;
        assert_eq!(value(&session, "SELECT x FROM v64").await, "1");
        placeless(&refusal(&session, "SELECT x FROM v65").await)
    });
    let refused = runtime.block_on(work).unwrap();
    assert!(
        refused.ends_with("view public.v1 reads itself, or is more than 64 views deep; read tables in their place"),
        "{refused}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn views_that_double() {
    let session = session("memory:").await;
    run(&session, "CREATE VIEW v0 AS SELECT 1 AS x").await;
    for number in 1..=20 {
        let before = number - 1;
        let text = format!("CREATE VIEW v{number} AS SELECT a.x FROM v{before} a, v{before} b WITH NO SCHEMA BINDING");
        run(&session, &text).await;
    }
    let refused = placeless(&refusal(&session, "SELECT x FROM v20").await);
    assert!(
        refused.ends_with("and the views in it have more than 10000 steps; read tables in their place"),
        "{refused}"
    );
    run(&session, "SELECT * FROM information_schema.columns").await;
}

/// Lists go on where something cannot be read.
#[tokio::test(flavor = "multi_thread")]
async fn a_list_with_what_cannot_be_read() {
    let vault = Vault::new().await;
    let file = vault.folder.path().join("rows.csv");
    fs::write(&file, "a,b\n1,2\n").unwrap();
    let maker = vault.user("maker").await;
    run_all(
        &maker,
        &[
            &format!(
                "CREATE EXTERNAL TABLE lost STORED AS CSV LOCATION '{}' OPTIONS ('format.has_header' 'true')",
                file.display()
            ),
            "CREATE VIEW revoked AS SELECT variance FROM hidden_rows",
            "CREATE VIEW over_lost AS SELECT a FROM lost",
            "GRANT SELECT ON lost TO PUBLIC",
            "GRANT SELECT ON revoked, over_lost TO PUBLIC",
        ],
    )
    .await;
    fs::remove_file(file).unwrap();
    run(&vault.owner, "REVOKE SELECT ON hidden_rows FROM maker").await;
    for session in [&maker, &vault.eve().await, &vault.owner] {
        refusal(session, "SELECT * FROM revoked").await;
        for list in ["SHOW TABLES", "SELECT * FROM information_schema.views", "SELECT * FROM information_schema.tables"]
        {
            let shown = try_answer(session, list).await.unwrap();
            assert!(shown.contains("| revoked "), "{shown}");
            assert!(plain(session, list).await.is_ok(), "{list}");
        }
        run(session, "SELECT * FROM information_schema.columns").await;
    }
    run(&vault.eve().await, "SHOW COLUMNS FROM mine").await;
}

/// The shell's catalogs ask twice for what they do not get.
#[test]
fn a_loop_in_the_shell() {
    let folder = tempfile::tempdir().unwrap();
    let sql = "CREATE VIEW va AS SELECT x FROM public.vb WITH NO SCHEMA BINDING; \
        CREATE VIEW vc AS SELECT x FROM public.va WITH NO SCHEMA BINDING; ALTER TABLE vc RENAME TO vb; SHOW TABLES; \
        SELECT * FROM va";
    let mut shell = Command::new(env!("CARGO_BIN_EXE_dfml-under-test"));
    let output = shell.current_dir(folder.path()).args(["-q", "-c", sql]).output().unwrap();
    let shown = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(
        shown.contains("| va ") && placeless(&shown).contains("reads itself, or is more than 64 views deep"),
        "{shown}"
    );
}

/// In the shell names of files are names of tables, too.
#[test]
fn a_view_over_a_file_in_the_shell() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rows.csv");
    fs::write(&file, "a,b\n1,2\n").unwrap();
    let dfml = |user: &str, sql: &str| {
        let mut shell = Command::new(env!("CARGO_BIN_EXE_dfml-under-test"));
        let user = if user.is_empty() { vec![] } else { vec!["--user", user] };
        let shell = shell.current_dir(folder.path()).args(["-q", "--trust-local"]).args(user).args(["-c", sql]);
        let output = shell.output().unwrap();
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
    };
    let create = format!("CREATE VIEW of_file AS SELECT a FROM '{}' WHERE b < 31.25", file.display());
    for sql in ["CREATE USER eve", &create, "GRANT SELECT ON of_file TO eve"] {
        assert!(!dfml("", sql).contains("Error"), "{sql}");
    }
    assert!(dfml("eve", "SELECT a FROM of_file").contains("| 1 "));
    for explain in ["EXPLAIN", "EXPLAIN VERBOSE", "EXPLAIN ANALYZE"] {
        let shown = dfml("eve", &format!("{explain} SELECT a FROM of_file"));
        assert!(shown.contains("permission denied to EXPLAIN view public.of_file"), "{shown}");
        assert!(!shown.contains("31.25"), "{shown}");
        let shown = dfml("", &format!("{explain} SELECT a FROM of_file"));
        assert!(shown.contains("31.25") && !shown.contains("permission denied"), "{shown}");
    }
    fs::remove_file(&file).unwrap();
    let shown = dfml("eve", "SHOW TABLES");
    assert!(shown.contains("of_file") && !shown.contains("Error"), "{shown}");
    let shown = dfml("eve", "SELECT count(*) AS n FROM information_schema.columns");
    assert!(!shown.contains("Error"), "{shown}");
}
