//! Scripts: statements one after the other, up to the first error.

use std::path::Path;

use datafusion::error::{DataFusionError, Result};
use datafusion_ml::sql::MlParser;

use crate::caret::with_excerpt;
use crate::execute::Shell;

/// Runs every statement of a text. Those before one that does not parse are run.
pub(crate) async fn run(shell: &Shell, text: &str) -> Result<()> {
    let text = without_shebang(text);
    run_statements(shell, text).await.map_err(|error| with_excerpt(&error, text))
}

async fn run_statements(shell: &Shell, text: &str) -> Result<()> {
    let dialect = shell.session.dialect()?;
    let mut parser = MlParser::new(text, dialect.as_ref())?;
    while let Some(statement) = parser.next_statement()? {
        shell.execute(statement).await?;
    }
    Ok(())
}

/// Runs every statement of a file.
pub(crate) async fn run_file(shell: &Shell, file: &Path) -> Result<()> {
    let text = std::fs::read_to_string(file)
        .map_err(|e| DataFusionError::Execution(format!("file {} cannot be read: {e}", file.display())))?;
    run(shell, &text).await
}

/// A first line that names an interpreter is not SQL. The line break stays, so that line numbers are right.
fn without_shebang(text: &str) -> &str {
    if text.starts_with("#!") { text.find('\n').map_or("", |end| &text[end..]) } else { text }
}
