//! The patterns of `LIKE .. ESCAPE` and `SIMILAR TO`, as DataFusion reads patterns.

use std::sync::Arc;

use datafusion::arrow::array::StringBuilder;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{exec_err, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility};

use super::arguments::{Texts, answer, rows};

/// The names under which LIKE and SIMILAR TO call it.
pub(crate) const LIKE_PATTERN: &str = "redshift_like_pattern";
pub(crate) const SIMILAR_PATTERN: &str = "redshift_similar_pattern";

/// From a pattern and its escape character, which may be the empty text for none, to a pattern of DataFusion's: one of LIKE
/// whose escape character is the backslash, or a regular expression. NULL where an argument is. Fails if the pattern ends
/// in its escape character.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct SearchPattern {
    signature: Signature,
    syntax: Syntax,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Syntax {
    Like,
    SimilarTo,
}

impl SearchPattern {
    pub(crate) fn like() -> Self {
        Self::of(Syntax::Like)
    }

    /// Source: [SIMILAR TO](https://docs.aws.amazon.com/redshift/latest/dg/pattern-matching-conditions-similar-to.html).
    pub(crate) fn similar_to() -> Self {
        Self::of(Syntax::SimilarTo)
    }

    fn of(syntax: Syntax) -> Self {
        Self { signature: Signature::user_defined(Volatility::Immutable), syntax }
    }
}

impl ScalarUDFImpl for SearchPattern {
    fn name(&self) -> &str {
        match self.syntax {
            Syntax::Like => LIKE_PATTERN,
            Syntax::SimilarTo => SIMILAR_PATTERN,
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        match arguments {
            [_, _] => Ok(vec![DataType::Utf8, DataType::Utf8]),
            _ => plan_err!("{} has two arguments", self.name()),
        }
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [pattern, escape] = args.args.as_slice() else { return exec_err!("{} has two arguments", self.name()) };
        let (patterns, escapes) = (Texts::of(pattern)?, Texts::of(escape)?);
        let rows = rows(&args.args, args.number_rows);
        let mut results = StringBuilder::new();
        for row in 0..rows {
            let (Some(pattern), Some(escape)) = (patterns.at(row), escapes.at(row)) else {
                results.append_null();
                continue;
            };
            let mut characters = escape.chars();
            let escape = characters.next();
            if characters.next().is_some() {
                return exec_err!("ESCAPE needs one character, or none: ESCAPE '^'");
            }
            results.append_value(match self.syntax {
                Syntax::Like => like(pattern, escape)?,
                Syntax::SimilarTo => regular_expression(pattern, escape)?,
            });
        }
        answer(&args.args, Arc::new(results.finish()))
    }
}

fn like(pattern: &str, escape: Option<char>) -> Result<String> {
    let mut out = String::with_capacity(pattern.len() + 2);
    let mut characters = pattern.chars();
    while let Some(c) = characters.next() {
        let (c, is_escaped) = match Some(c) == escape {
            true => (escaped(pattern, &mut characters)?, true),
            false => (c, false),
        };
        if c == '\\' || is_escaped && matches!(c, '%' | '_') {
            out.push('\\');
        }
        out.push(c);
    }
    Ok(out)
}

/// As PostgreSQL has it: the whole text must match; `%` is `.*` and `_` is `.`; `|`, `*`, `+`, `?`, `{}`, `()` and `[]` are as
/// in regular expressions; everything else stands for itself.
fn regular_expression(pattern: &str, escape: Option<char>) -> Result<String> {
    let mut out = String::with_capacity(pattern.len() + 8);
    out.push_str("(?s)^(?:");
    // How many characters of a bracket expression have been read.
    let mut in_brackets: Option<usize> = None;
    let mut characters = pattern.chars();
    while let Some(c) = characters.next() {
        if Some(c) == escape {
            push_literal(&mut out, escaped(pattern, &mut characters)?);
            in_brackets = in_brackets.map(|read| read + 1);
            continue;
        }
        match (in_brackets, c) {
            (Some(1..), ']') => {
                out.push(']');
                in_brackets = None;
            }
            // A class: [[:alpha:]].
            (Some(read), '[') if characters.as_str().starts_with(':') => {
                out.push('[');
                for c in characters.by_ref() {
                    out.push(c);
                    if c == ']' {
                        break;
                    }
                }
                in_brackets = Some(read + 1);
            }
            (Some(0), '^') => out.push('^'),
            (Some(read), '-') => {
                out.push('-');
                in_brackets = Some(read + 1);
            }
            (Some(read), c) => {
                push_literal(&mut out, c);
                in_brackets = Some(read + 1);
            }
            (None, '[') => {
                out.push('[');
                in_brackets = Some(0);
            }
            (None, '%') => out.push_str(".*"),
            (None, '_') => out.push('.'),
            (None, '(') => out.push_str("(?:"),
            (None, ')' | '|' | '*' | '+' | '?' | '{' | '}') => out.push(c),
            (None, c) => push_literal(&mut out, c),
        }
    }
    out.push_str(")$");
    Ok(out)
}

/// The character after the escape character.
fn escaped(pattern: &str, characters: &mut std::str::Chars<'_>) -> Result<char> {
    match characters.next() {
        Some(c) => Ok(c),
        None => exec_err!("the pattern '{pattern}' ends in its escape character; write it twice to search for it"),
    }
}

fn push_literal(out: &mut String, c: char) {
    if c.is_ascii_punctuation() {
        out.push('\\');
    }
    out.push(c);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_of_like_get_backslashes() {
        let check = |pattern, escape, expect| assert_eq!(like(pattern, escape).unwrap(), expect, "{pattern}");
        check("a^_c%", Some('^'), r"a\_c%");
        check("a^^c^b", Some('^'), "a^cb");
        check(r"a\c", Some('^'), r"a\\c");
        check(r"a\_", None, r"a\\_");
        assert!(like("a^", Some('^')).is_err());
    }

    #[test]
    fn patterns_of_similar_to_become_regular_expressions() {
        let check = |pattern, expect: &str| {
            assert_eq!(regular_expression(pattern, Some('\\')).unwrap(), format!("(?s)^(?:{expect})$"), "{pattern}");
        };
        check("a_c%", "a.c.*");
        check("%(b|d)+", ".*(?:b|d)+");
        check("1.5$", r"1\.5\$");
        check(r"a\%", r"a\%");
        check("[^a-c_%.]{2}", r"[^a-c\_\%\.]{2}");
        check("[[:digit:]]", "[[:digit:]]");
        check("[]a]", r"[\]a]");
    }
}
