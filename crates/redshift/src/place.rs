//! Where in a statement something stands.

use std::fmt;

use datafusion::sql::sqlparser::tokenizer::Span;

/// ` at line 1, column 8`, for the end of a fact; nothing for a place that is not known.
pub(crate) struct Place(pub(crate) Span);

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.start {
            start if start.line > 0 => write!(f, " at line {}, column {}", start.line, start.column),
            _ => Ok(()),
        }
    }
}
