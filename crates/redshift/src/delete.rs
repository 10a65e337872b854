//! `DELETE table`, in which the word FROM is left out.

use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

/// Puts FROM behind a DELETE that begins a statement without it.
///
/// Source: [DELETE](https://docs.aws.amazon.com/redshift/latest/dg/r_DELETE.html).
pub fn with_from(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let mut completed = Vec::with_capacity(tokens.len());
    // The last token but blanks, and whether it is a DELETE that begins a statement.
    let (mut begins, mut deletes) = (true, false);
    for token in tokens {
        if matches!(token.token, Token::Whitespace(_)) {
            completed.push(token);
            continue;
        }
        let keyword = match &token.token {
            Token::Word(word) => Some(word.keyword),
            _ => None,
        };
        if deletes && keyword.is_some_and(|keyword| keyword != Keyword::FROM) {
            let at = token.span;
            completed.push(TokenWithSpan { token: Token::make_keyword("FROM"), span: at });
        }
        deletes = begins && keyword == Some(Keyword::DELETE);
        begins = token.token == Token::SemiColon;
        completed.push(token);
    }
    completed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RedshiftDialect;
    use datafusion::sql::sqlparser::parser::Parser;
    use datafusion::sql::sqlparser::tokenizer::Tokenizer;

    #[test]
    fn delete_needs_no_from() {
        for (sql, expected) in [
            ("DELETE t WHERE a = 1", "DELETE FROM t WHERE a = 1"),
            ("DELETE FROM t", "DELETE FROM t"),
            ("SELECT 1; DELETE s.t USING u", "SELECT 1;DELETE FROM s.t USING u"),
        ] {
            let tokens = Tokenizer::new(&RedshiftDialect, sql).tokenize_with_location().unwrap();
            let mut parser = Parser::new(&RedshiftDialect).with_tokens_with_locations(with_from(tokens));
            let parsed: Vec<String> = parser.parse_statements().unwrap().iter().map(ToString::to_string).collect();
            assert_eq!(parsed.join(";"), expected);
        }
    }
}
