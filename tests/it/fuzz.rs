//! Texts that are nearly statements: whatever comes, the parser and the rewriting from Redshift's SQL end, and do not panic.
//!
//! The statements of `slt/` and `tutorials/` are mutated, token by token and character by character. `cargo test` tries some
//! thousand; `DFML_FUZZ_INPUTS=1000000 cargo test --package datafusion-ml-tests fuzz` as many as it says, for a nightly run,
//! and `DFML_FUZZ_SEED` chooses others.

use std::path::Path;
use std::time::{Duration, Instant};

use datafusion::execution::SessionState;
use datafusion::sql::sqlparser::dialect::{Dialect, GenericDialect, PostgreSqlDialect};
use datafusion_ml::sql::{MlParser, Statement};
use datafusion_ml_redshift::{RedshiftDialect, planning_state};

use crate::support::{project_root, session};

/// Long for a statement of some hundred tokens, on any machine.
const HANG: Duration = Duration::from_secs(20);

/// That of the shell's threads: in a debug build sqlparser needs up to 100 kB for each table in brackets.
const STACK: usize = 64 << 20;

#[test]
fn no_text_makes_the_language_panic_or_hang() {
    let run = || tokio::runtime::Runtime::new().unwrap().block_on(mutate_and_check());
    std::thread::Builder::new().stack_size(STACK).spawn(run).unwrap().join().unwrap();
}

async fn mutate_and_check() {
    let setting = |name: &str, otherwise: u64| std::env::var(name).map_or(otherwise, |text| text.parse().unwrap());
    let (inputs, seed) = (setting("DFML_FUZZ_INPUTS", 5_000), setting("DFML_FUZZ_SEED", 1));
    let statements: Vec<Vec<String>> =
        statements().iter().map(|sql| tokens(sql)).filter(|sql| !sql.is_empty()).collect();
    assert!(statements.len() > 500, "{}", statements.len());
    let session = session("memory:").await;
    session.sql("SET datafusion.sql_parser.dialect = 'redshift'").await.unwrap();
    let state = planning_state(session.context().state()).unwrap();
    let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    for number in 0..inputs {
        let sql = mutated(&statements, &mut random);
        let shown = Shown(&sql);
        let dialect: &dyn Dialect = match random.below(4) {
            0 => &GenericDialect {},
            1 => &PostgreSqlDialect {},
            _ => &RedshiftDialect,
        };
        // Every tenth is planned, too, which takes ten times as long.
        check(&sql, dialect, number.is_multiple_of(10).then_some(&state)).await;
        drop(shown);
    }
}

/// Shows the text that has made the thread panic.
struct Shown<'a>(&'a str);

impl Drop for Shown<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the text was:\n{}", self.0);
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a hang is told from work by the clock")]
async fn check(sql: &str, dialect: &dyn Dialect, state: Option<&SessionState>) {
    let started = Instant::now();
    for statement in parsed(sql, dialect) {
        match statement {
            Statement::DataFusion(mut statement) => {
                if let Some(state) = state {
                    let _ = datafusion_ml_redshift::rewrite(state, &mut statement).await;
                    let _ = datafusion_ml_redshift::plan(state, *statement).await;
                }
            }
            // sqlparser does not print every query so that it can be read again.
            Statement::Access(_) | Statement::DropModel(_) | Statement::ShowModel(_) => {
                let printed = statement.to_string();
                let again: Vec<String> = parsed(&printed, dialect).iter().map(ToString::to_string).collect();
                assert_eq!(again, [printed]);
            }
            statement => drop(statement.to_string()),
        }
    }
    assert!(started.elapsed() < HANG, "after {:?}", started.elapsed());
}

/// The statements up to the first that is none.
fn parsed(sql: &str, dialect: &dyn Dialect) -> Vec<Statement> {
    let Ok(mut parser) = MlParser::new(sql, dialect) else { return Vec::new() };
    std::iter::from_fn(|| parser.next_statement().unwrap_or_default()).collect()
}

/// The statements of the files of tests.
fn statements() -> Vec<String> {
    let mut found = Vec::new();
    for folder in ["tests/slt", "tests/tutorials"] {
        read(&project_root().join(folder), &mut found);
    }
    found.sort();
    found
}

fn read(folder: &Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "slt") {
            continue;
        }
        let text = std::fs::read_to_string(path).unwrap();
        for record in text.split("\n\n") {
            let mut lines = record.lines().skip_while(|line| line.starts_with('#'));
            let kind = lines.next().unwrap_or_default();
            if kind.starts_with("statement") || kind.starts_with("query") {
                found.push(lines.take_while(|line| *line != "----").collect::<Vec<_>>().join("\n"));
            }
        }
    }
}

/// Words, texts in quotes, blanks, and single other characters.
fn tokens(sql: &str) -> Vec<String> {
    let mut tokens: Vec<String> = Vec::new();
    let mut chars = sql.chars().peekable();
    while let Some(first) = chars.next() {
        let mut token = first.to_string();
        let mut take_while = |goes_on: &dyn Fn(char) -> bool| {
            while let Some(next) = chars.next_if(|next| goes_on(*next)) {
                token.push(next);
            }
        };
        match first {
            '\'' | '"' => {
                take_while(&|next| next != first);
                token.extend(chars.next());
            }
            _ if first.is_alphanumeric() || first == '_' => take_while(&|next| next.is_alphanumeric() || next == '_'),
            _ if first.is_whitespace() => take_while(&|next| next.is_whitespace()),
            _ => {}
        }
        tokens.push(token);
    }
    tokens
}

/// What is put between others.
#[rustfmt::skip]
const ODDITIES: [&str; 40] = [
    "'", "\"", "$$", "--", "/*", "*/", ";", "(", ")", "((((((((", "[", "]", "{", "}", ",", ".", "..", "::", ":", "=>", "->",
    "@", "#", "^", "\\", "\0", "\u{202e}", "é", "ｆ", "🦀", "0", "-1", "18446744073709551616", "1e999", "NULL", "DEFAULT",
    "FROM", "SELECT", "MODEL", "AS",
];

/// A statement with some mistakes.
fn mutated(statements: &[Vec<String>], random: &mut Random) -> String {
    let mut tokens = random.one_of(statements).clone();
    for _ in 0..=random.below(4) {
        let at = random.below(tokens.len().max(1)).min(tokens.len());
        let len = random.below(8).min(tokens.len() - at);
        match random.below(9) {
            0 => drop(tokens.drain(at..at + len)),
            1 => {
                let copy = tokens[at..at + len].to_vec();
                tokens.splice(at..at, copy);
            }
            2 if !tokens.is_empty() => {
                let other = random.below(tokens.len());
                tokens.swap(at, other);
            }
            3 => tokens.truncate(at),
            4 => tokens.insert(at, (*random.one_of(&ODDITIES)).to_owned()),
            5 => {
                let other = random.one_of(statements);
                let from = random.below(other.len());
                let to = (from + random.below(30)).min(other.len());
                tokens.splice(at..at + len, other[from..to].iter().cloned());
            }
            6 if tokens.get(at).is_some_and(|token| !token.is_empty()) => {
                let mut chars: Vec<char> = tokens[at].chars().collect();
                let position = random.below(chars.len());
                chars[position] = char::from_u32(random.below(0x11_0000) as u32).unwrap_or('\u{fffd}');
                tokens[at] = chars.into_iter().collect();
            }
            7 => {
                let depth = random.below(60);
                tokens.insert(at, "(".repeat(depth));
                tokens.insert((at + 1 + len).min(tokens.len()), ")".repeat(depth));
            }
            _ => tokens.iter_mut().skip(at).take(len).for_each(|token| *token = token.to_uppercase()),
        }
    }
    tokens.concat()
}

/// A small generator of the kind xorshift (Marsaglia, Xorshift RNGs, 2003).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// A number below the bound.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }

    fn one_of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }
}
