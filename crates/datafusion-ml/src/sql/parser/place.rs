//! The place in a statement of what an error names, for errors that do not say it themselves: what has been found out far from
//! the text, as in the catalog or in the rows, is named there as the statement names it.

use datafusion::error::DataFusionError;
use datafusion::sql::sqlparser::dialect::Dialect;
use datafusion::sql::sqlparser::tokenizer::{Location, Span, Token, TokenWithSpan, Tokenizer};
use datafusion_ml_core::{Error, ErrorKind};

use crate::error::{external, find_error};

/// What a name stands behind.
const NOUNS: [&str; 19] = [
    "column",
    "table",
    "view",
    "model",
    "function",
    "schema",
    "user",
    "group",
    "role",
    "hyperparameter",
    "setting",
    "option",
    "parameter",
    "part",
    "file",
    "type",
    "named",
    "called",
    "target",
];

/// Words that stand behind nouns and are no names.
const NO_NAMES: [&str; 18] = [
    "a", "an", "and", "are", "as", "but", "by", "for", "from", "has", "in", "is", "of", "or", "the", "to", "was",
    "with",
];

/// The error with the line and column of what it names, if it names no place and the statement has it. The statement is the one
/// that begins at `from` in the text.
pub(crate) fn with_place(error: DataFusionError, text: &str, from: Location, dialect: &dyn Dialect) -> DataFusionError {
    let Some((kind, message)) = message_of(&error) else { return error };
    if message.to_ascii_lowercase().contains("line ") {
        return error;
    }
    let Ok(tokens) = Tokenizer::new(dialect, text).tokenize_with_location() else { return error };
    let words = tokens.into_iter().filter(|token| !matches!(token.token, Token::Whitespace(_)));
    let words = words.skip_while(|token| token.span.start < from || token.token == Token::SemiColon);
    let words: Vec<TokenWithSpan> = words.take_while(|token| token.token != Token::SemiColon).collect();
    // The place stands behind the fact, before reasons and remedies.
    let fact = before(&message, "; ");
    let head = before(fact, ": ");
    for said in [head, fact] {
        if let Some(place) = place_of(said, &words) {
            let (Location { line, column }, rest) = (place.start, &message[said.len()..]);
            return external(Error::new(kind, format!("{said} at line {line}, column {column}{rest}")));
        }
    }
    error
}

/// The text before the first such separator that is not in brackets; all of it if there is none.
fn before<'a>(text: &'a str, separator: &str) -> &'a str {
    let (mut brackets, mut is_quoted) = (0, false);
    for (at, char) in text.char_indices() {
        match char {
            '\'' => is_quoted = !is_quoted,
            '(' if !is_quoted => brackets += 1,
            ')' if !is_quoted => brackets -= 1,
            _ => {}
        }
        if brackets == 0 && text[at..].starts_with(separator) {
            return &text[..at];
        }
    }
    text
}

/// What is said of a statement that has to change, or of its rows.
fn message_of(error: &DataFusionError) -> Option<(ErrorKind, String)> {
    if let Some(error) = find_error(error) {
        let is_of_statement = matches!(error.kind(), ErrorKind::Invalid | ErrorKind::Data | ErrorKind::Denied);
        return is_of_statement.then(|| (error.kind(), error.message().to_owned()));
    }
    match error.find_root() {
        DataFusionError::Plan(text)
        | DataFusionError::Execution(text)
        | DataFusionError::Configuration(text)
        | DataFusionError::NotImplemented(text) => {
            let text = text.split(DataFusionError::BACK_TRACE_SEP).next().unwrap_or_default();
            Some((ErrorKind::Invalid, text.to_owned()))
        }
        _ => None,
    }
}

/// Something that a sentence mentions, without its quotes.
#[derive(Debug, Clone, Copy)]
struct Mention<'a> {
    text: &'a str,
    is_quoted: bool,
}

impl Mention<'_> {
    fn is(&self, words: &[&str]) -> bool {
        !self.is_quoted && words.iter().any(|word| word.eq_ignore_ascii_case(self.text))
    }
}

/// Of what is said not to be there, or else of the first name, or else of the first clause, the place in the statement, but for the
/// word that it begins with.
fn place_of(fact: &str, words: &[TokenWithSpan]) -> Option<Span> {
    if fact.starts_with("(SELECT") {
        return subquery(words);
    }
    let mentions = mentions(fact);
    let behind_noun = |at: usize| at > 0 && mentions[at - 1].is(&NOUNS) && !mentions[at].is(&NO_NAMES);
    let missing = |at: &usize| *at > 1 && behind_noun(*at) && mentions[*at - 2].is(&["no"]);
    let is_name = |at: &usize| {
        let Mention { text, is_quoted } = mentions[*at];
        is_quoted || text.contains(['_', '.', '/']) || behind_noun(*at) || is_called(text, words)
    };
    let is_clause = |at: &usize| {
        let text = mentions[*at].text;
        text.len() > 1 && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
    };
    let all = 0..mentions.len();
    let missing = all.clone().filter(missing);
    let mut in_order = missing.chain(all.clone().filter(is_name)).chain(all.clone().filter(is_clause));
    in_order.find_map(|at| find(mentions[at].text, words.get(1..)?))
}

/// The words and quoted texts of a sentence.
fn mentions(fact: &str) -> Vec<Mention<'_>> {
    let mut mentions = Vec::new();
    let mut rest = fact;
    while let Some(start) = rest.find(|c: char| c.is_alphanumeric() || ['\'', '"', '_', '/'].contains(&c)) {
        rest = &rest[start..];
        let quote = rest.chars().next().filter(|c| ['\'', '"'].contains(c));
        if let Some(quote) = quote {
            let inner = &rest[1..];
            let end = inner.find(quote).unwrap_or(inner.len());
            mentions.push(Mention { text: &inner[..end], is_quoted: true });
            rest = inner.get(end + 1..).unwrap_or_default();
            continue;
        }
        // An apostrophe within a word is no quote.
        let is_of_word = |c: char| !c.is_whitespace() && !['"', ',', ';', '(', ')', '[', ']'].contains(&c);
        let end = rest.find(|c| !is_of_word(c)).unwrap_or(rest.len());
        mentions.push(Mention { text: rest[..end].trim_end_matches(['.', ':', '\'']), is_quoted: false });
        rest = &rest[end..];
    }
    mentions
}

/// The place of the first subquery that stands for a value.
fn subquery(words: &[TokenWithSpan]) -> Option<Span> {
    const BEFORE_TABLES: [&str; 9] = ["FROM", "JOIN", "LATERAL", "IN", "EXISTS", "AS", "UNION", "ANY", "ALL"];
    let of_value = words.windows(3).find(|three| {
        let is_of_table = BEFORE_TABLES.iter().any(|word| is_word(&three[0], word));
        three[1].token == Token::LParen && is_word(&three[2], "SELECT") && !is_of_table
    });
    of_value.map(|three| three[1].span)
}

fn is_called(name: &str, words: &[TokenWithSpan]) -> bool {
    words.windows(2).any(|pair| is_word(&pair[0], name) && pair[1].token == Token::LParen)
}

fn is_word(token: &TokenWithSpan, name: &str) -> bool {
    matches!(&token.token, Token::Word(word) if word.value.eq_ignore_ascii_case(name))
}

/// Where the text stands as a literal, or as a name, of which the last part counts.
fn find(text: &str, words: &[TokenWithSpan]) -> Option<Span> {
    let last = |text: &str| text.rsplit('.').next().unwrap_or_default().to_lowercase();
    let is_literal = |token: &&TokenWithSpan| matches!(&token.token, Token::SingleQuotedString(literal) | Token::Number(literal, _) if literal == text);
    // Functions take names of models as texts.
    let is_name = |token: &&TokenWithSpan| match &token.token {
        Token::SingleQuotedString(literal) => last(literal) == last(text),
        _ => is_word(token, &last(text)),
    };
    words.iter().find(is_literal).or_else(|| words.iter().find(is_name)).map(|token| token.span)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::invalid;
    use datafusion_ml_redshift::RedshiftDialect;

    fn check(statement: &str, message: &str, expected: &str) {
        let error = with_place(invalid(message), statement, Location { line: 1, column: 1 }, &RedshiftDialect);
        assert_eq!(find_error(&error).unwrap().message(), expected, "{statement}");
    }

    #[test]
    fn an_error_says_where_stands_what_it_names() {
        for (statement, message, expected) in [
            (
                "DROP TABLE a, t",
                "there is no table public.t; look",
                "there is no table public.t at line 1, column 15; look",
            ),
            (
                "ALTER TABLE t\nDROP COLUMN x",
                "table s.t has no column x",
                "table s.t has no column x at line 2, column 13",
            ),
            (
                "COPY t FROM '/a/b.csv'",
                "there are no files at /a/b.csv; see",
                "there are no files at /a/b.csv at line 1, column 13; see",
            ),
            (
                "CREATE MODEL m FROM t OBJECTIVE 'MSE'",
                "OBJECTIVE 'MSE' does not fit",
                "OBJECTIVE 'MSE' does not fit at line 1, column 33",
            ),
            (
                "SELECT f(1)",
                "f is trained (1 %: round 2); wait",
                "f is trained (1 %: round 2) at line 1, column 8; wait",
            ),
            ("SELECT v.a FROM v", "view v cannot be read: no x", "view v cannot be read at line 1, column 8: no x"),
            ("SELECT ml_trees('s.m')", "there is no model s.m; did", "there is no model s.m at line 1, column 17; did"),
            ("SELECT f(a) FROM t", "f takes a model's name", "f takes a model's name at line 1, column 8"),
            (
                "SELECT 1 PREPROCESSORS 'x'",
                "PREPROCESSORS names no column b",
                "PREPROCESSORS names no column b at line 1, column 10",
            ),
            (
                "SELECT a FROM (SELECT 1 AS a) t WHERE a > (SELECT b FROM u)",
                "(SELECT ...) looks; join",
                "(SELECT ...) looks at line 1, column 43; join",
            ),
            (
                "SET ml.threads = -1",
                "'-1' is no value for ml.threads",
                "'-1' is no value for ml.threads at line 1, column 8",
            ),
            // The place is that of another text, or nothing is named that the statement has.
            ("COPY t FROM 'a'", "a, line 3: column t: bad", "a, line 3: column t: bad"),
            ("SELECT a FROM t", "a name is too long", "a name is too long"),
            ("SELECT 1; DROP TABLE t", "there is no table t", "there is no table t"),
            ("UNLOAD (SELECT 1) TO 'a'", "UNLOAD: column b is bad", "UNLOAD: column b is bad"),
        ] {
            check(statement, message, expected);
        }
    }
}
