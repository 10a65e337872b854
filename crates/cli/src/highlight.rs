//! Colours of a statement that is being typed: those of datafusion-cli, for our keywords, too.

use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Location, Token, Tokenizer, Whitespace};

use crate::keywords::is_keyword;

const RED: &str = "\x1b[91m";
const GREEN: &str = "\x1b[92m";
const GRAY: &str = "\x1b[90m";
const PLAIN: &str = "\x1b[0m";

/// The text with keywords in red, strings in green and comments in gray. A quote or comment that is still open ends the
/// colours.
pub(crate) fn highlighted(text: &str) -> String {
    let mut tokens = Vec::new();
    // What was read before an error is there, too.
    let _ = Tokenizer::new(&GenericDialect {}, text).tokenize_with_location_into_buf(&mut tokens);
    let mut colored = String::with_capacity(2 * text.len());
    let mut cursor = Cursor { text, byte: 0, line: 1, column: 1 };
    for token in &tokens {
        colored.push_str(cursor.advance(token.span.start));
        let source = cursor.advance(token.span.end);
        match color(&token.token) {
            Some(color) => colored.extend([color, source, PLAIN]),
            None => colored.push_str(source),
        }
    }
    colored.push_str(&text[cursor.byte..]);
    colored
}

fn color(token: &Token) -> Option<&'static str> {
    match token {
        Token::Word(word) if word.quote_style.is_none() => {
            (word.keyword != Keyword::NoKeyword || is_keyword(&word.value)).then_some(RED)
        }
        Token::SingleQuotedString(_) | Token::DollarQuotedString(_) | Token::EscapedStringLiteral(_) => Some(GREEN),
        Token::Whitespace(Whitespace::SingleLineComment { .. } | Whitespace::MultiLineComment(_)) => Some(GRAY),
        _ => None,
    }
}

/// A place in a text, by byte and by the line and column that the tokenizer counts.
struct Cursor<'a> {
    text: &'a str,
    byte: usize,
    line: u64,
    column: u64,
}

impl<'a> Cursor<'a> {
    /// Goes on to a place and gives the text up to it.
    fn advance(&mut self, to: Location) -> &'a str {
        let start = self.byte;
        for c in self.text[start..].chars() {
            if (self.line, self.column) >= (to.line, to.column) {
                break;
            }
            self.byte += c.len_utf8();
            if c == '\n' {
                (self.line, self.column) = (self.line + 1, 1);
            } else {
                self.column += 1;
            }
        }
        &self.text[start..self.byte]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let marked = highlighted(text).replace(RED, "<r>").replace(GREEN, "<g>").replace(GRAY, "<c>");
        assert_eq!(marked.replace(PLAIN, "</>"), expected);
    }

    #[test]
    fn keywords_strings_and_comments_have_colours() {
        check("create MODEL churn", "<r>create</> <r>MODEL</> churn");
        check("auto off\nmodel_type xgboost", "<r>auto</> <r>off</>\n<r>model_type</> <r>xgboost</>");
        check("x != 'né''e' -- why", "x != <g>'né''e'</> <c>-- why</>");
        check("\"select\" = 1.50e3", "\"select\" = 1.50e3");
    }

    #[test]
    fn an_open_quote_keeps_the_colours_before_it() {
        check("SELECT 'it", "<r>SELECT</> 'it");
        check("SELECT 1 /* so\nfar", "<r>SELECT</> 1 /* so\nfar");
    }
}
