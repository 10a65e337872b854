//! How the text of a statement is read.

use std::any::TypeId;
use std::iter::Peekable;
use std::str::Chars;

use datafusion::sql::sqlparser::ast::{Expr, Value};
use datafusion::sql::sqlparser::dialect::{Dialect, Precedence, RedshiftSqlDialect};
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::Token;

use crate::rewrite::call;

/// Redshift's dialect of SQL, in which `[...]` is always a subscript.
///
/// sqlparser's own reads `p.probabilities[index]` as a column with the bracketed alias `index`; it also knows less of
/// GROUP BY and EXTRACT than Redshift does.
#[derive(Debug, Default, Clone, Copy)]
pub struct RedshiftDialect;

const SQLPARSER: RedshiftSqlDialect = RedshiftSqlDialect {};

/// Answers questions as sqlparser's dialect does.
macro_rules! as_sqlparser_does {
    ($($question:ident),* $(,)?) => {
        $(fn $question(&self) -> bool {
            SQLPARSER.$question()
        })*
    };
}

/// Answers questions that sqlparser's dialect denies with yes.
macro_rules! yes {
    ($($question:ident),* $(,)?) => {
        $(fn $question(&self) -> bool {
            true
        })*
    };
}

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

    /// `||` binds looser than arithmetic: `'a' || 1 + 2` is `a3`.
    fn get_next_precedence(&self, parser: &Parser) -> Option<Result<u8, ParserError>> {
        match parser.peek_token_ref().token {
            Token::StringConcat => Some(Ok(self.prec_value(Precedence::Pipe))),
            _ => None,
        }
    }

    /// `E'a\nb'`, `|/ 16`, `||/ 27` and `@ -5`, which the parser knows in PostgreSQL's dialect only.
    fn parse_prefix(&self, parser: &mut Parser) -> Option<Result<Expr, ParserError>> {
        let next = parser.peek_token_ref();
        let function = match &next.token {
            Token::EscapedStringLiteral(text) => {
                let text = Value::SingleQuotedString(text.clone()).with_span(next.span);
                parser.advance_token();
                return Some(Ok(Expr::Value(text)));
            }
            Token::PGSquareRoot => "sqrt",
            Token::PGCubeRoot => "cbrt",
            Token::AtSign => "abs",
            _ => return None,
        };
        parser.advance_token();
        let operand = parser.parse_subexpr(self.prec_value(Precedence::PgOther));
        Some(operand.map(|operand| call(function, [operand])))
    }

    /// Paths with brackets, and `AT` in FROM.
    fn supports_partiql(&self) -> bool {
        true
    }

    fn is_identifier_start(&self, c: char) -> bool {
        SQLPARSER.is_identifier_start(c)
    }

    fn is_identifier_part(&self, c: char) -> bool {
        SQLPARSER.is_identifier_part(c)
    }

    as_sqlparser_does! {
        allow_extract_single_quotes,
        convert_type_before_value,
        supports_array_typedef_with_brackets,
        supports_bitwise_shift_operators,
        supports_connect_by,
        supports_create_table_like_parenthesized,
        supports_geometric_types,
        supports_select_exclude,
        supports_select_wildcard_exclude,
        supports_select_wildcard_with_alias,
        supports_string_escape_constant,
        supports_string_literal_backslash_escape,
        supports_string_literal_concatenation_with_newline,
        supports_top_before_distinct,
        supports_window_function_null_treatment_arg,
    }

    // COMMENT ON, EXTRACT(mon FROM x), GROUP BY ROLLUP (..), `(+)`, which is refused in words of ours; and DataFusion's
    // aggregate(..) FILTER (WHERE ..), at no cost.
    yes! {
        allow_extract_custom,
        supports_comment_on,
        supports_filter_during_aggregation,
        supports_group_by_expr,
        supports_outer_join_operator,
    }
}
