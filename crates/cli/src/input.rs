//! Editing a statement: when it is complete, and what a word could become.

use std::borrow::Cow;

use datafusion::catalog::information_schema::INFORMATION_SCHEMA;
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};
use datafusion_ml::MlSession;
use futures::FutureExt;
use rustyline::completion::{Completer, FilenameCompleter, Pair};
use rustyline::error::ReadlineError;
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::Hinter;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{Context, Helper};

use crate::highlight::highlighted;
use crate::keywords::keywords;

/// What rustyline asks while a statement is edited.
pub(crate) struct InputHelper {
    session: MlSession,
    files: FilenameCompleter,
    color: bool,
}

impl InputHelper {
    pub(crate) fn new(session: MlSession, color: bool) -> Self {
        Self { session, files: FilenameCompleter::new(), color }
    }

    /// Names of models, functions, and tables with their columns.
    fn names(&self) -> Vec<String> {
        let context = self.session.context();
        let mut names = self.session.model_names();
        let state = context.state();
        names.extend(state.scalar_functions().keys().cloned());
        names.extend(state.aggregate_functions().keys().cloned());
        names.extend(state.window_functions().keys().cloned());
        names.extend(state.table_functions().keys().cloned());
        for catalog in context.catalog_names() {
            let Some(catalog) = context.catalog(&catalog) else { continue };
            for schema_name in catalog.schema_names() {
                let Some(schema) = catalog.schema(&schema_name) else { continue };
                for table in schema.table_names() {
                    // Only what is in memory: a completion waits for nothing.
                    if schema_name != INFORMATION_SCHEMA
                        && let Some(Ok(Some(provider))) = schema.table(&table).now_or_never()
                    {
                        names.extend(provider.schema().fields().iter().map(|field| field.name().clone()));
                    }
                    names.push(table);
                }
                names.push(schema_name);
            }
        }
        names
    }
}

/// Whether a text is ready to be run: a command, or statements up to a last semicolon.
pub(crate) fn is_complete(text: &str) -> bool {
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

/// Whether a text ends inside a quote.
fn is_in_quotes(text: &str) -> bool {
    Tokenizer::new(&GenericDialect {}, text).tokenize().is_err_and(|e| e.message.contains("string literal"))
}

/// The keywords and names that begin as `word` does, in any case; keywords in the case in which the word is typed.
fn candidates(word: &str, names: Vec<String>) -> Vec<String> {
    let is_lower = word.chars().all(|c| !c.is_uppercase());
    let keywords = keywords().map(|keyword| if is_lower { keyword.to_lowercase() } else { keyword.to_owned() });
    let begins = |name: &String| name.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
    let mut found: Vec<String> = keywords.chain(names).filter(begins).collect();
    found.sort();
    found.dedup();
    found
}

/// A word as it is written in a statement: names that are not in lower case are quoted.
fn written(word: &str) -> String {
    let is_plain = word.chars().all(|c| c.is_lowercase() || c.is_numeric() || c == '_' || c == '.');
    if is_plain || keywords().any(|keyword| keyword == word) {
        word.to_owned()
    } else {
        format!("\"{}\"", word.replace('"', "\"\""))
    }
}

impl Completer for InputHelper {
    type Candidate = Pair;

    fn complete(&self, line: &str, cursor: usize, context: &Context<'_>) -> Result<(usize, Vec<Pair>), ReadlineError> {
        if is_in_quotes(&line[..cursor]) || line.starts_with("\\i ") {
            return self.files.complete(line, cursor, context);
        }
        let start = word_start(line, cursor);
        let word = &line[start..cursor];
        if word.is_empty() {
            return Ok((start, Vec::new()));
        }
        let pair = |word: String| Pair { replacement: written(&word), display: word };
        Ok((start, candidates(word, self.names()).into_iter().map(pair).collect()))
    }
}

impl Validator for InputHelper {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        Ok(if is_complete(context.input()) { ValidationResult::Valid(None) } else { ValidationResult::Incomplete })
    }
}

impl Highlighter for InputHelper {
    fn highlight<'l>(&self, line: &'l str, _: usize) -> Cow<'l, str> {
        if self.color && !line.starts_with('\\') { highlighted(line).into() } else { line.into() }
    }

    fn highlight_char(&self, line: &str, _: usize, _: CmdKind) -> bool {
        self.color && !line.is_empty()
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
        assert!(!is_complete("SELECT $$ ;"));
        assert!(!is_complete("CREATE MODEL m FROM t TARGET y FUNCTION f\nHYPERPARAMETERS DEFAULT EXCEPT (ETA ';"));
        assert!(is_complete("CREATE MODEL m FROM t TARGET y FUNCTION f\nHYPERPARAMETERS DEFAULT EXCEPT (ETA ';');"));
    }

    #[test]
    fn words_are_completed_in_the_case_in_which_they_are_typed() {
        assert_eq!(candidates("HYPER", Vec::new()), ["HYPERPARAMETERS"]);
        assert_eq!(candidates("hyper", Vec::new()), ["hyperparameters"]);
        let names = vec!["predict_churn".to_owned(), "predict_churn_prob".to_owned()];
        assert_eq!(candidates("predict_churn_", names), ["predict_churn_prob"]);
        assert_eq!(word_start("SELECT pre", 10), 7);
    }

    #[test]
    fn files_are_completed_in_quotes_only() {
        assert!(is_in_quotes("SELECT * FROM 'data/bank"));
        assert!(!is_in_quotes("SELECT * FROM 'a.parquet' WHERE "));
        assert!(!is_in_quotes("-- don't\nSELECT "));
    }

    #[test]
    fn names_that_need_quotes_get_them() {
        assert_eq!(written("day_mins"), "day_mins");
        assert_eq!(written("SELECT"), "SELECT");
        assert_eq!(written("Day"), "\"Day\"");
        assert_eq!(written("day mins"), "\"day mins\"");
    }
}
