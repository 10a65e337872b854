//! Bounds on what a statement may be, looked at before it is parsed.
//!
//! A chain (`1 + 1 + 1 ...`, `a JOIN b JOIN c ...`, `SELECT 1 UNION SELECT 2 UNION ...`) is parsed without recursion, into a
//! tree that is as deep as the chain is long, and everything that walks the tree later needs stack for each link.
//!
//! Brackets are parsed with recursion. sqlparser bounds it, but for tables in brackets not by what a stack of 2 MB holds. And
//! where something is wrong behind `CAST (` and its kin, it reads what is in the brackets once more, for `cast` may be a
//! function of that name: twice the time for each that is around it.

use datafusion::error::Result;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use crate::sql::location::invalid_at;

/// More links than people write, and what a stack of some megabytes holds.
const MAX_LINKS: usize = 1000;

/// More brackets within each other than people write.
const MAX_DEPTH: usize = 40;

/// More tables in brackets within each other than people write, and half of what a stack of 2 MB holds: in a debug build, each takes up
/// to 100 kB of it.
const MAX_TABLES: usize = 10;

/// More than people write of [`READ_TWICE`] within each other.
const MAX_READ_TWICE: usize = 10;

/// More than people write. Of each, memory holds hundreds of bytes before a row is read.
const MAX_TOKENS: usize = 1_000_000;

/// Longer than any name. For a name that is not known DataFusion looks for one like it, in time in proportion to its length.
const MAX_WORD_BYTES: usize = 1000;

/// The words behind which sqlparser reads brackets twice.
#[rustfmt::skip]
const READ_TWICE: [&str; 22] = [
    "ARRAY", "CAST", "CEIL", "CONVERT", "CURRENT_DATE", "CURRENT_TIME", "CURRENT_TIMESTAMP", "EXISTS", "EXTRACT", "FLOOR",
    "INTERVAL", "LOCALTIME", "LOCALTIMESTAMP", "MAP", "NOT", "OVERLAY", "POSITION", "STRUCT", "SUBSTR", "SUBSTRING", "TRIM",
    "TRY_CAST",
];

/// The links of the chains that are open within one pair of brackets.
#[derive(Default)]
struct Links {
    /// How many of these brackets, and of those around them, are read twice.
    read_twice: usize,
    /// How many of these brackets, and of those around them, stand where a table may.
    tables: usize,
    /// Whether a table, and no query or expression, is in these brackets, as far as has been seen.
    is_table: bool,
    /// Arithmetic and comparisons.
    operators: usize,
    /// AND, OR and their like.
    conditions: usize,
    joins: usize,
    /// UNION and its like.
    sets: usize,
}

/// Fails at the first chain that is too long, and where brackets are too deep.
pub(super) fn check_bounds(tokens: &[TokenWithSpan]) -> Result<()> {
    let mut open = vec![Links::default()];
    let (mut is_read_twice, mut is_table, mut count) = (false, false, 0);
    for TokenWithSpan { token, span } in tokens {
        if let Token::Word(word) = token
            && word.value.len() > MAX_WORD_BYTES
        {
            let fact = format!("a word of {} bytes", word.value.len());
            return Err(invalid_at(*span, fact, "a name has at most 127 bytes, and a text stands in single quotes"));
        }
        count = if *token == Token::SemiColon { 0 } else { count + 1 };
        if count > MAX_TOKENS {
            let fact = format!("a statement of more than {MAX_TOKENS} words, numbers and signs");
            return Err(invalid_at(*span, fact, "load rows with COPY, and look values up in a table"));
        }
        let word = match token {
            Token::Word(word) if word.quote_style.is_none() => word.value.to_ascii_uppercase(),
            _ => String::new(),
        };
        let depth = open.len();
        let Some(links) = open.last_mut() else { break };
        let (around, tables) = (links.read_twice, links.tables);
        let read_twice = around + usize::from(is_read_twice);
        if !matches!(token, Token::Whitespace(_)) {
            is_read_twice = READ_TWICE.contains(&word.as_str());
        }
        match (token, word.as_str()) {
            (Token::RParen | Token::RBracket | Token::RBrace, _) | (_, "END") => open.truncate((depth - 1).max(1)),
            (Token::SemiColon, _) => open = vec![Links::default()],
            (_, "CASE") => open.push(Links { read_twice: around, tables, ..Links::default() }),
            (Token::LParen | Token::LBrace, _) => {
                let tables = tables + usize::from(is_table);
                open.push(Links { read_twice, tables, is_table, ..Links::default() });
            }
            (Token::LBracket, _) => {
                links.operators += 1;
                open.push(Links { read_twice, tables, ..Links::default() });
            }
            (_, "UNION" | "EXCEPT" | "INTERSECT" | "MINUS") => {
                *links = Links { sets: links.sets + 1, read_twice: around, tables, ..Links::default() };
            }
            (_, "JOIN") => {
                links.joins += 1;
                (links.operators, links.conditions) = (0, 0);
            }
            (_, "AND" | "OR" | "IS" | "IN" | "LIKE" | "ILIKE" | "BETWEEN" | "SIMILAR" | "COLLATE" | "AT") => {
                links.conditions += 1;
                links.operators = 0;
            }
            // A statement within a statement, each a bracket's worth.
            (_, "EXPLAIN") => links.operators += MAX_LINKS / MAX_DEPTH,
            (Token::Comma, _) | (_, "SELECT" | "WHERE" | "HAVING" | "ON" | "WHEN" | "THEN" | "ELSE") => {
                (links.operators, links.conditions) = (0, 0);
            }
            (
                Token::Word(_)
                | Token::Number(..)
                | Token::SingleQuotedString(_)
                | Token::Placeholder(_)
                | Token::Whitespace(_)
                | Token::EOF,
                _,
            ) => {}
            _ => links.operators += 1,
        }
        let Some(last) = open.last_mut() else { break };
        last.is_table &= !matches!(word.as_str(), "SELECT" | "WITH" | "VALUES");
        if !matches!(token, Token::Whitespace(_)) {
            let may_follow = matches!(token, Token::LParen | Token::Comma) && last.is_table;
            is_table = may_follow || matches!(word.as_str(), "FROM" | "JOIN");
        }
        let Links { read_twice, tables, operators, conditions, joins, sets, .. } = *last;
        if tables > MAX_TABLES {
            let fact = format!("more than {MAX_TABLES} tables in brackets within each other");
            return Err(invalid_at(*span, fact, "name the inner ones in a common table expression (WITH)"));
        }
        if open.len() > MAX_DEPTH {
            let fact = format!("more than {MAX_DEPTH} brackets within each other");
            return Err(invalid_at(*span, fact, "compute the inner ones in a common table expression (WITH)"));
        }
        if read_twice > MAX_READ_TWICE {
            let fact =
                format!("more than {MAX_READ_TWICE} of CAST, ARRAY, NOT, SUBSTRING and their kin within each other");
            return Err(invalid_at(*span, fact, "compute the inner ones in a subquery"));
        }
        if [operators, conditions, joins, sets].into_iter().any(|count| count > MAX_LINKS) {
            let fact = format!("a chain of more than {MAX_LINKS} operators, conditions or joins");
            return Err(invalid_at(*span, fact, "write it with IN (...), or put values into a table"));
        }
    }
    Ok(())
}
