//! `QUOTE_IDENT(text)` and `QUOTE_LITERAL(text)`: a text as a name, or a string, of a statement.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, StringArray};
use datafusion::error::Result;

use super::simple::{Call, Kind, Simple};

/// The text as a name, in double quotes where it needs them.
///
/// Source: [QUOTE_IDENT](https://docs.aws.amazon.com/redshift/latest/dg/r_QUOTE_IDENT.html).
pub(super) fn quote_ident() -> Simple {
    function("quote_ident", "QUOTE_IDENT(text)", |texts| quoted(&texts[0], ident))
}

/// The text as a string, in single quotes.
///
/// Source: [QUOTE_LITERAL](https://docs.aws.amazon.com/redshift/latest/dg/r_QUOTE_LITERAL.html).
pub(super) fn quote_literal() -> Simple {
    function("quote_literal", "QUOTE_LITERAL(text)", |texts| quoted(&texts[0], literal))
}

fn function(name: &'static str, usage: &'static str, compute: fn(&[ArrayRef]) -> Result<ArrayRef>) -> Simple {
    Simple::new(Call { name, usage, arguments: &[Kind::Text], required: 1, returns: Kind::Text, compute })
}

fn quoted(texts: &ArrayRef, quote: fn(&str) -> String) -> Result<ArrayRef> {
    Ok(Arc::new(texts.as_string::<i32>().iter().map(|text| text.map(quote)).collect::<StringArray>()))
}

fn ident(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte == b'_' || byte.is_ascii_digit();
    match text.bytes().all(is_plain) && text.bytes().next().is_some_and(|first| !first.is_ascii_digit()) {
        true => text.to_owned(),
        false => format!("\"{}\"", text.replace('"', "\"\"")),
    }
}

/// A backslash is doubled, too, since it escapes in strings.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}
