//! Editing a statement: when it is complete, what a word could become, and colours.

use std::borrow::Cow;

use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};
use datafusion_cli::highlighter::{NoSyntaxHighlighter, SyntaxHighlighter};
use datafusion_ml::MlSession;
use rustyline::completion::{Completer, FilenameCompleter, Pair};
use rustyline::error::ReadlineError;
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::Hinter;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{Context, Helper};

/// Words that are completed besides the names of tables, models and functions.
const KEYWORDS: &[&str] = &[
    "ALL",
    "AND",
    "AS",
    "AUTO",
    "BETWEEN",
    "BY",
    "CASE",
    "CAST",
    "COPY",
    "CREATE",
    "CROSS",
    "DEFAULT",
    "DESC",
    "DESCRIBE",
    "DISTINCT",
    "DROP",
    "ELSE",
    "END",
    "EXCEPT",
    "EXISTS",
    "EXPLAIN",
    "EXTERNAL",
    "FROM",
    "FULL",
    "FUNCTION",
    "FUNCTIONS",
    "GROUP",
    "HAVING",
    "HYPERPARAMETERS",
    "IAM_ROLE",
    "IN",
    "INNER",
    "INSERT",
    "INTERSECT",
    "INTO",
    "IS",
    "JOIN",
    "KMEANS",
    "LEFT",
    "LIKE",
    "LIMIT",
    "LINEAR_LEARNER",
    "LOCATION",
    "MAX_CELLS",
    "MAX_RUNTIME",
    "MODEL",
    "MODEL_TYPE",
    "NOT",
    "NULL",
    "NUM_ROUND",
    "OBJECTIVE",
    "OFF",
    "OFFSET",
    "ON",
    "OR",
    "ORDER",
    "OVER",
    "PARQUET",
    "PARTITION",
    "PREPROCESSORS",
    "PROBLEM_TYPE",
    "REPLACE",
    "RIGHT",
    "S3_BUCKET",
    "SELECT",
    "SET",
    "SETTINGS",
    "SHOW",
    "STORED",
    "TABLE",
    "TABLES",
    "TARGET",
    "THEN",
    "UNION",
    "VALUES",
    "VIEW",
    "WHEN",
    "WHERE",
    "WITH",
    "XGBOOST",
];

/// What rustyline asks while a statement is edited.
pub(crate) struct InputHelper {
    session: MlSession,
    files: FilenameCompleter,
    highlighter: Box<dyn Highlighter>,
}

impl InputHelper {
    pub(crate) fn new(session: MlSession, color: bool) -> Self {
        let dialect = session.context().state().config_options().sql_parser.dialect;
        let highlighter: Box<dyn Highlighter> =
            if color { Box::new(SyntaxHighlighter::new(&dialect)) } else { Box::new(NoSyntaxHighlighter {}) };
        Self { session, files: FilenameCompleter::new(), highlighter }
    }

    /// Names of tables, models and functions.
    fn names(&self) -> Vec<String> {
        let context = self.session.context();
        let mut names = self.session.model_names();
        let state = context.state();
        names.extend(state.scalar_functions().keys().cloned());
        names.extend(state.aggregate_functions().keys().cloned());
        names.extend(state.window_functions().keys().cloned());
        for catalog in context.catalog_names() {
            let Some(catalog) = context.catalog(&catalog) else { continue };
            let schemas = catalog.schema_names().into_iter().filter_map(|schema| catalog.schema(&schema));
            names.extend(schemas.flat_map(|schema| schema.table_names()));
        }
        names
    }
}

/// Whether a text is ready to be run: a command, or statements up to a last semicolon.
fn is_complete(text: &str) -> bool {
    let text = text.trim();
    if text.is_empty() || text.starts_with('\\') {
        return true;
    }
    // A text that ends inside a quote or comment has no tokens.
    let Ok(tokens) = Tokenizer::new(&GenericDialect {}, text).tokenize() else { return false };
    let last = tokens.iter().rev().find(|token| !matches!(token, Token::Whitespace(_) | Token::EOF));
    last.is_none_or(|token| *token == Token::SemiColon)
}

/// Where the word before the cursor begins.
fn word_start(line: &str, cursor: usize) -> usize {
    let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
    line[..cursor].char_indices().rev().find(|(_, c)| !is_part(*c)).map_or(0, |(at, c)| at + c.len_utf8())
}

/// The words that begin as `word` does, in any case; keywords in the case in which the word is typed.
fn candidates(word: &str, names: Vec<String>) -> Vec<String> {
    let is_lower = word.chars().all(|c| !c.is_uppercase());
    let keywords = KEYWORDS.iter().map(|word| if is_lower { word.to_lowercase() } else { (*word).to_owned() });
    let begins = |name: &String| name.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
    let mut found: Vec<String> = keywords.chain(names).filter(begins).collect();
    found.sort();
    found.dedup();
    found
}

impl Completer for InputHelper {
    type Candidate = Pair;

    fn complete(&self, line: &str, cursor: usize, context: &Context<'_>) -> Result<(usize, Vec<Pair>), ReadlineError> {
        let in_quotes = line[..cursor].matches('\'').count() % 2 == 1;
        if in_quotes || line.starts_with("\\i ") {
            return self.files.complete(line, cursor, context);
        }
        let start = word_start(line, cursor);
        let word = &line[start..cursor];
        if word.is_empty() {
            return Ok((start, Vec::new()));
        }
        let pair = |word: String| Pair { display: word.clone(), replacement: word };
        Ok((start, candidates(word, self.names()).into_iter().map(pair).collect()))
    }
}

impl Validator for InputHelper {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        Ok(if is_complete(context.input()) { ValidationResult::Valid(None) } else { ValidationResult::Incomplete })
    }
}

impl Highlighter for InputHelper {
    fn highlight<'l>(&self, line: &'l str, position: usize) -> Cow<'l, str> {
        self.highlighter.highlight(line, position)
    }

    fn highlight_char(&self, line: &str, position: usize, kind: CmdKind) -> bool {
        self.highlighter.highlight_char(line, position, kind)
    }
}

impl Hinter for InputHelper {
    type Hint = String;
}

impl Helper for InputHelper {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_is_complete_at_its_semicolon() {
        assert!(is_complete("SELECT 1;"));
        assert!(is_complete("SELECT 1; -- done\n"));
        assert!(is_complete("\\d"));
        assert!(!is_complete("CREATE MODEL m\nFROM t"));
        assert!(!is_complete("SELECT ';"));
        assert!(!is_complete("SELECT 1 -- ;"));
        assert!(!is_complete("SELECT 1 /* ;"));
    }

    #[test]
    fn words_are_completed_in_the_case_in_which_they_are_typed() {
        assert_eq!(candidates("HYPER", Vec::new()), ["HYPERPARAMETERS"]);
        assert_eq!(candidates("hyper", Vec::new()), ["hyperparameters"]);
        let names = vec!["predict_churn".to_owned(), "predict_churn_prob".to_owned()];
        assert_eq!(candidates("predict_churn_", names), ["predict_churn_prob"]);
        assert_eq!(word_start("SELECT pre", 10), 7);
    }
}
