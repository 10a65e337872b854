//! How the text of a statement is read.

use std::any::TypeId;
use std::iter::Peekable;
use std::str::Chars;

use datafusion::sql::sqlparser::dialect::{Dialect, RedshiftSqlDialect};

/// Redshift's dialect of SQL, in which `[...]` is always a subscript.
///
/// sqlparser's own reads `p.probabilities[index]` as a column with the bracketed alias `index`.
#[derive(Debug, Default, Clone, Copy)]
pub struct RedshiftDialect;

impl Dialect for RedshiftDialect {
    /// The parser asks for types of dialects in many places; it shall find Redshift's.
    fn dialect(&self) -> TypeId {
        TypeId::of::<RedshiftSqlDialect>()
    }

    fn is_nested_delimited_identifier_start(&self, _: char) -> bool {
        false
    }

    fn peek_nested_delimited_identifier_quotes(&self, _: Peekable<Chars<'_>>) -> Option<(char, Option<char>)> {
        None
    }

    fn is_identifier_start(&self, c: char) -> bool {
        RedshiftSqlDialect {}.is_identifier_start(c)
    }

    fn is_identifier_part(&self, c: char) -> bool {
        RedshiftSqlDialect {}.is_identifier_part(c)
    }
}
