//! Scripts: statements one after the other, up to the first error.

use std::borrow::Cow;
use std::path::Path;

use datafusion::config::Dialect;
use datafusion::error::{DataFusionError, Result};
use datafusion::sql::sqlparser::tokenizer::Location;
use datafusion_ml::sql::MlParser;

use crate::caret::with_excerpt;
use crate::commands::{self, Next};
use crate::execute::Shell;
use crate::input::is_complete;

/// Runs every statement and command of a text. Those before one that does not parse are run; `\q` ends the text.
pub(crate) async fn run(shell: &mut Shell, text: &str) -> Result<()> {
    let text = without_shebang(text.strip_prefix('\u{feff}').unwrap_or(text));
    // What has not been run yet, behind as many ends of lines as were before it.
    let mut pending = String::new();
    for line in text.split_inclusive('\n') {
        if !(line.trim_start().starts_with('\\') && is_complete(&pending)) {
            pending.push_str(line);
            continue;
        }
        run_statements(shell, &pending).await.map_err(|error| with_excerpt(&error, text))?;
        pending = "\n".repeat(pending.matches('\n').count() + 1);
        if let Next::Quit = Box::pin(commands::run(shell, line)).await? {
            return Ok(());
        }
    }
    run_statements(shell, &pending).await.map_err(|error| with_excerpt(&error, text))
}

/// Runs the statements of a text, each in the dialect that those before it have left.
async fn run_statements(shell: &Shell, text: &str) -> Result<()> {
    let mut text = Cow::Borrowed(text);
    loop {
        let (dialect, name) = (shell.session.dialect()?, dialect_name(shell));
        let mut parser = MlParser::new(&text, dialect.as_ref())?;
        while dialect_name(shell) == name {
            let from = parser.location();
            let Some(statement) = parser.next_statement()? else { return Ok(()) };
            let executed = shell.execute(statement).await;
            executed.map_err(|error| shell.session.with_place(error, &text, from))?;
        }
        let rest = blank_before(&text, parser.location());
        text = Cow::Owned(rest);
    }
}

fn dialect_name(shell: &Shell) -> Dialect {
    shell.session.context().state_ref().read().config_options().sql_parser.dialect
}

/// The text with blanks in the place of what stands before, so that lines and columns are right.
fn blank_before(text: &str, place: Location) -> String {
    let mut rest = String::with_capacity(text.len());
    let (mut line, mut column) = (1, 1);
    for char in text.chars() {
        let is_before = (line, column) < (place.line, place.column);
        rest.push(if is_before && char != '\n' { ' ' } else { char });
        (line, column) = if char == '\n' { (line + 1, 1) } else { (line, column + 1) };
    }
    rest
}

/// Runs every statement of a file.
pub(crate) async fn run_file(shell: &mut Shell, file: &Path) -> Result<()> {
    let text = std::fs::read_to_string(file)
        .map_err(|e| DataFusionError::Execution(format!("file {} cannot be read: {e}", file.display())))?;
    run(shell, &text).await
}

/// A first line that names an interpreter is not SQL. The line break stays, so that line numbers are right.
fn without_shebang(text: &str) -> &str {
    if text.starts_with("#!") { text.find('\n').map_or("", |end| &text[end..]) } else { text }
}
