//! The README and the pages in `docs`: what they print runs, and what is generated is current.

use std::fmt::Write;
use std::path::PathBuf;

use datafusion::config::ExtensionOptions;
use datafusion_ml::MlOptions;

use crate::shell::{dfml, stderr};
use crate::support::project_root;

/// The beginning of the page of options.
const INTRODUCTION: &str = "# Options

Hyperparameters go into `HYPERPARAMETERS DEFAULT EXCEPT (NAME 'value', ...)` of a `CREATE MODEL ... AUTO OFF`; names are read
without regard to case. Those that others know by another name are found under it too. A value out of range, and a name that
does not exist, fail before anything is trained.
";

fn pages() -> Vec<PathBuf> {
    let docs = std::fs::read_dir(project_root().join("docs")).unwrap();
    let mut pages: Vec<PathBuf> = docs.map(|entry| entry.unwrap().path()).collect();
    pages.push(project_root().join("README.md"));
    pages.sort();
    pages
}

#[test]
fn every_statement_that_a_page_prints_runs() {
    let mut with_statements = 0;
    for page in pages() {
        let text = std::fs::read_to_string(&page).unwrap();
        let statements: Vec<&str> =
            text.split("```sql\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
        if statements.is_empty() {
            continue;
        }
        with_statements += 1;
        let store = tempfile::tempdir().unwrap();
        let mut command = dfml(&project_root());
        let output = command.args(["-q", "--store"]).arg(store.path()).args(["-c", &statements.concat()]).output();
        let output = output.unwrap();
        assert!(output.status.success(), "{}: {}", page.display(), stderr(&output));
    }
    assert!(with_statements > 1, "the README has a tour, and so have other pages");
}

/// Tables of every algorithm's hyperparameters and of the settings.
fn page_of_options() -> String {
    let mut page = INTRODUCTION.to_owned();
    for algorithm in datafusion_ml_algorithms::all() {
        writeln!(page, "\n## {}\n", algorithm.name().to_uppercase()).unwrap();
        page += "| name | also | takes | default | |\n|---|---|---|---|---|\n";
        for option in algorithm.options() {
            let default = option.default.map_or(String::new(), |default| format!("`{default}`"));
            let aliases: Vec<String> = option.aliases.iter().map(|alias| format!("`{alias}`")).collect();
            let (name, aliases, takes, doc) = (option.name, aliases.join(", "), option.kind, option.doc);
            writeln!(page, "| `{name}` | {aliases} | {takes} | {default} | {doc} |").unwrap();
        }
    }
    page += "\n## Settings\n\n`SET name = value`, `RESET name`, `SHOW ALL`; they hold for the session.\n\n";
    page += "| name | default | |\n|---|---|---|\n";
    for entry in MlOptions::default().entries() {
        let (value, what) = (entry.value.unwrap_or_default(), entry.description);
        writeln!(page, "| `{}` | `{value}` | {what} |", entry.key).unwrap();
    }
    page
}

#[test]
fn the_page_of_options_is_current() {
    let (file, page) = (project_root().join("docs/options.md"), page_of_options());
    if std::env::var_os("UPDATE_SLT").is_some() {
        std::fs::write(&file, &page).unwrap();
    }
    let found = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(found == page, "docs/options.md is not current; run the tests with UPDATE_SLT=1");
}
