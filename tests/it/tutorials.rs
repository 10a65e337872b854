//! Runs `tutorials/*.slt`: the published tutorials of Redshift ML, as they are printed, and checks the page that lists them.
//!
//! Every file has a session and a store of its own. The buckets that the tutorials load from are in memory, and are filled
//! by the file's setup statements, so COPY runs as it is printed. `UPDATE_SLT=1` writes the answers and the page.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;

use datafusion::prelude::{SessionConfig, SessionContext};
use datafusion_ml::MlSession;
use object_store::memory::InMemory;
use url::Url;

use crate::slt::run_file;
use crate::support::project_root;

/// The buckets that the tutorials load from.
const BUCKETS: [&str; 6] = [
    "redshift-downloads",
    "sagemaker-sample-files",
    "gdelt-open-data",
    "redshift-ml-multiclass",
    "redshiftbucket-ml-sagemaker",
    "redshift-ml-bikesharing-data",
];

/// The beginning of the page.
const INTRODUCTION: &str = "# The published tutorials

The tutorials of Amazon Redshift ML and its getting-started page run here statement by statement, in Redshift's SQL and in
their own order: [`tests/tutorials`](../tests/tutorials) has one file per tutorial, and `cargo test` runs them all. A
statement counts as printed if nothing in it but white space was changed: the buckets that COPY loads from are in memory.
What was changed and what does not run is listed below with the reason. Data that cannot lie beside the tests was replaced
by a small generated table of the same schema, so its figures are not the published ones.
";

/// What the comment before a statement says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Mark {
    /// As it was printed.
    Printed,
    Changed,
    NotRun,
    /// Not in the print: makes data, or asks what a printed statement came to.
    Own,
}

impl Mark {
    /// The mark of a comment line and its reason.
    fn of(line: &str) -> Option<(Self, &str)> {
        if line == "# printed" {
            return Some((Self::Printed, ""));
        }
        let marks = [
            ("# changed: ", Self::Changed),
            ("# not run: ", Self::NotRun),
            ("# setup: ", Self::Own),
            ("# check: ", Self::Own),
        ];
        marks.iter().find_map(|(start, mark)| Some((*mark, line.strip_prefix(start)?)))
    }
}

/// A tutorial, as far as the page tells of it.
struct Tutorial {
    file: String,
    /// By name: title, published, data.
    head: BTreeMap<String, String>,
    statements: Vec<(Mark, String, String)>,
}

impl Tutorial {
    fn read(path: &Path) -> Self {
        let file = path.file_name().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(path).unwrap();
        let mut tutorial = Self { file: file.clone(), head: BTreeMap::new(), statements: Vec::new() };
        let mut lines = text.lines().peekable();
        while let Some(line) = lines.next_if(|line| !line.is_empty()) {
            let (name, value) = line.trim_start_matches("# ").split_once(": ").expect("name: value");
            tutorial.head.insert(name.to_owned(), value.to_owned());
        }
        let mut marked = None;
        while let Some(line) = lines.next() {
            if let Some((mark, reason)) = Mark::of(line) {
                assert_eq!(marked, None, "{file}: {line}: the comment before it belongs to no statement");
                match mark {
                    Mark::NotRun => {
                        let statement = std::iter::from_fn(|| lines.next_if(|line| line.starts_with("# ")));
                        let statement = on_one_line(statement.map(|line| &line[2..]));
                        tutorial.statements.push((mark, reason.to_owned(), statement));
                    }
                    mark => marked = Some((mark, reason.to_owned())),
                }
            } else if line.starts_with("statement ") || line.starts_with("query ") {
                let (mark, reason) = marked.take().unwrap_or_else(|| panic!("{file}: no comment before: {line}"));
                let statement = std::iter::from_fn(|| lines.next_if(|line| !line.is_empty() && *line != "----"));
                tutorial.statements.push((mark, reason, on_one_line(statement)));
            }
        }
        assert_eq!(marked, None, "{file}: the last comment belongs to no statement");
        tutorial
    }

    fn count(&self, wanted: Mark) -> usize {
        self.statements.iter().filter(|(mark, ..)| *mark == wanted).count()
    }
}

fn tutorials() -> Vec<Tutorial> {
    let entries = std::fs::read_dir(project_root().join("tests/tutorials")).unwrap();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "slt"));
    files.sort();
    files.iter().map(|file| Tutorial::read(file)).collect()
}

/// The page: a table of counts, then the differences of every tutorial.
fn page(tutorials: &[Tutorial]) -> String {
    let mut page = INTRODUCTION.to_owned();
    page += "\n| tutorial | printed | changed | not run |\n|---|---:|---:|---:|\n";
    let marks = [Mark::Printed, Mark::Changed, Mark::NotRun];
    let row = |of: &dyn Fn(Mark) -> usize| marks.map(|mark| of(mark).to_string()).join(" | ");
    for tutorial in tutorials {
        let (title, file) = (&tutorial.head["title"], &tutorial.file);
        let counts = row(&|mark| tutorial.count(mark));
        writeln!(page, "| [{title}](../tests/tutorials/{file}) | {counts} |").unwrap();
    }
    let counts = row(&|mark| tutorials.iter().map(|tutorial| tutorial.count(mark)).sum());
    writeln!(page, "| together | {counts} |").unwrap();
    for tutorial in tutorials {
        let head = &tutorial.head;
        write!(page, "\n## {}\n\nPublished in: {}.\nData: {}.\n", head["title"], head["published"], head["data"])
            .unwrap();
        let mut differences: Vec<(Mark, &str, Vec<&str>)> = Vec::new();
        for (mark, reason, statement) in &tutorial.statements {
            if ![Mark::Changed, Mark::NotRun].contains(mark) {
                continue;
            }
            match differences.iter_mut().find(|known| known.0 == *mark && known.1 == reason) {
                Some(known) => known.2.push(statement),
                None => differences.push((*mark, reason, vec![statement])),
            }
        }
        if !differences.is_empty() {
            page.push('\n');
        }
        for (mark, reason, statements) in differences {
            let word = if mark == Mark::Changed { "changed" } else { "not run" };
            let statements: Vec<String> = statements.iter().map(|first| format!("`{}`", shortened(first))).collect();
            writeln!(page, "- {word}: {reason}: {}", statements.join(", ")).unwrap();
        }
    }
    page
}

/// The words of a statement, without the comments before it.
fn on_one_line<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    let words = lines.skip_while(|line| line.starts_with("--")).flat_map(str::split_whitespace);
    words.collect::<Vec<_>>().join(" ")
}

fn shortened(text: &str) -> String {
    match text.chars().count() > 80 {
        true => text.chars().take(77).chain("...".chars()).collect(),
        false => text.to_owned(),
    }
}

#[test]
fn the_page_of_the_tutorials_is_current() {
    let file = project_root().join("docs/tutorials.md");
    let page = page(&tutorials());
    if std::env::var_os("UPDATE_SLT").is_some() {
        std::fs::write(&file, &page).unwrap();
    }
    let found = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(found == page, "docs/tutorials.md is not current; run the tests with UPDATE_SLT=1");
}

/// A session without tables over the store at `location`, with the tutorials' buckets.
async fn session(location: &str) -> MlSession {
    let mut config = SessionConfig::new().with_information_schema(true).with_target_partitions(2);
    config.options_mut().set("datafusion.sql_parser.dialect", "redshift").unwrap();
    let context = SessionContext::new_with_config(config);
    for bucket in BUCKETS {
        let url = Url::parse(&format!("s3://{bucket}")).unwrap();
        context.register_object_store(&url, Arc::new(InMemory::new()));
    }
    MlSession::builder(context)
        .with_algorithms(datafusion_ml_algorithms::all())
        .with_store(location)
        .with_stored_tables()
        .build()
        .await
        .unwrap()
}

/// One test for every file, so that they run beside each other.
macro_rules! tutorials {
    ($($name:ident),* $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                let file = project_root().join("tests/tutorials").join(concat!(stringify!($name), ".slt"));
                run_file(&file, |location| async move { session(&location).await }).await;
            }
        )*

        #[test]
        fn every_tutorial_is_run() {
            let files: Vec<String> = tutorials().into_iter().map(|tutorial| tutorial.file).collect();
            assert_eq!(files, [$(concat!(stringify!($name), ".slt")),*]);
        }
    };
}

tutorials!(
    abalone_linear,
    abalone_xgboost,
    banknote,
    bike_sharing,
    churn,
    cover_type,
    customers_clusters,
    forecast,
    getting_started,
    k_means_news,
    multiclass_ecommerce,
    other_models,
    remote_anomaly,
);
