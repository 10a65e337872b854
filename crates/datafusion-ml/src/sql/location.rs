//! Errors in the text of a statement: the fact, where it stands, and the next step.

use std::fmt::Display;

use datafusion::error::DataFusionError;
use datafusion::sql::sqlparser::parser::ParserError;
use datafusion::sql::sqlparser::tokenizer::Span;

use crate::error::invalid;

/// An error of kind [`Invalid`](datafusion_ml_core::ErrorKind::Invalid) that reads
/// `<fact> at line <line>, column <column>; <remedy>`. Lines and columns count from 1.
///
/// An empty span gives no location, an empty remedy no remedy.
pub fn invalid_at(span: Span, fact: impl Display, remedy: impl Display) -> DataFusionError {
    let mut message = fact.to_string();
    if span.start.line > 0 {
        message += &format!(" at line {}, column {}", span.start.line, span.start.column);
    }
    let remedy = remedy.to_string();
    if !remedy.is_empty() {
        message = format!("{message}; {remedy}");
    }
    invalid(message)
}

/// An error of sqlparser inside one of our statements, its location written as ours.
pub(super) fn inner_error(error: ParserError) -> DataFusionError {
    match error {
        ParserError::ParserError(message) => {
            let message = message.replace("Expected: ", "expected ").replace(", found: ", ", found ");
            match message.rsplit_once(" at Line: ") {
                Some((fact, place)) => invalid(format!("{fact} at line {}", place.replace(", Column: ", ", column "))),
                None => invalid(message),
            }
        }
        other => DataFusionError::SQL(Box::new(other), None),
    }
}
