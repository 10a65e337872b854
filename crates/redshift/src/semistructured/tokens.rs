//! The one part of PartiQL's syntax that sqlparser cannot be told of by a dialect.

use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

/// Puts the path of `FROM t, UNPIVOT t.a AS value AT attribute` into parentheses, so that it reads as a function's argument.
/// The standard's `t UNPIVOT (...)` stands after no comma and stays.
pub fn parenthesize_unpivot(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let mut out: Vec<TokenWithSpan> = Vec::with_capacity(tokens.len());
    let mut rest = tokens.into_iter().peekable();
    while let Some(token) = rest.next() {
        let begins_item =
            matches!(out.iter().rev().find(|token| !is_blank(token)).map(|token| &token.token), Some(Token::Comma))
                || matches!(out.iter().rev().find(|token| !is_blank(token)).map(|token| &token.token),
            Some(Token::Word(word)) if matches!(word.keyword, Keyword::FROM | Keyword::JOIN));
        let is_unpivot = matches!(&token.token, Token::Word(word) if word.keyword == Keyword::UNPIVOT);
        out.push(token);
        if !(is_unpivot && begins_item) {
            continue;
        }
        while let Some(blank) = rest.next_if(is_blank) {
            out.push(blank);
        }
        if !matches!(rest.peek().map(|token| &token.token), Some(Token::Word(_))) {
            continue;
        }
        out.push(TokenWithSpan::wrap(Token::LParen));
        let mut brackets = 0usize;
        let mut wants_name = true;
        while let Some(next) = rest.next_if(|next| match &next.token {
            _ if brackets > 0 => next.token != Token::EOF,
            Token::Word(_) => wants_name,
            Token::Period | Token::LBracket => !wants_name,
            _ => false,
        }) {
            match next.token {
                Token::LBracket => brackets += 1,
                Token::RBracket => brackets = brackets.saturating_sub(1),
                _ => {}
            }
            wants_name = brackets == 0 && next.token == Token::Period;
            out.push(next);
        }
        out.push(TokenWithSpan::wrap(Token::RParen));
    }
    out
}

/// Lets `'\\N'`, which files have for NULL, stay as it is written: for any other letter a backslash escapes nothing.
pub fn keep_null_markers(tokens: &mut [TokenWithSpan], sql: &str) {
    let is_marker = |token: &TokenWithSpan| token.token == Token::SingleQuotedString("N".to_owned());
    for token in tokens.iter_mut().filter(|token| is_marker(token)) {
        let (line, column) = (token.span.start.line as usize, token.span.start.column as usize);
        let text = sql.lines().nth(line.saturating_sub(1)).unwrap_or_default();
        if text.chars().skip(column.saturating_sub(1)).take(4).eq("'\\N'".chars()) {
            token.token = Token::SingleQuotedString("\\N".to_owned());
        }
    }
}

fn is_blank(token: &TokenWithSpan) -> bool {
    matches!(token.token, Token::Whitespace(_))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RedshiftDialect;
    use datafusion::sql::sqlparser::tokenizer::Tokenizer;

    fn check(sql: &str, expected: &str) {
        let tokens = Tokenizer::new(&RedshiftDialect, sql).tokenize_with_location().unwrap();
        let text: String = parenthesize_unpivot(tokens).iter().map(|token| token.token.to_string()).collect();
        assert_eq!(text, expected);
    }

    #[test]
    fn an_object_in_from_is_an_argument() {
        check("FROM t, UNPIVOT t.a.b AS v AT k", "FROM t, UNPIVOT (t.a.b) AS v AT k");
        check("FROM t , unpivot t.a[i + 1].b v", "FROM t , unpivot (t.a[i + 1].b) v");
        check("FROM t, UNPIVOT t.a[", "FROM t, UNPIVOT (t.a[)");
        check("FROM t UNPIVOT (v FOR k IN (a))", "FROM t UNPIVOT (v FOR k IN (a))");
        check("SELECT unpivot FROM t", "SELECT unpivot FROM t");
    }
}
