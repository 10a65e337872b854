//! The parser: tells our statements from DataFusion's, and is the only room that sees tokens.

mod access;
mod alter_table;
mod analyze;
mod bounds;
mod copy;
mod create_external_model;
mod create_model;
mod create_table;
mod keywords;
mod place;
mod refused;
mod settings;
mod unload;

use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::str::FromStr;

use datafusion::common::format::{ExplainFormat, ExplainStatementOptions};
use datafusion::error::{DataFusionError, Result};
use datafusion::sql::parser::{DFParser, DFParserBuilder, Statement as DFStatement};
use datafusion::sql::sqlparser::ast::{DataType, Ident, ObjectName, Query, Statement as SqlStatement};
use datafusion::sql::sqlparser::dialect::{Dialect, RedshiftSqlDialect};
use datafusion::sql::sqlparser::parser::ParserError;
use datafusion::sql::sqlparser::tokenizer::{Location, Span, Token, Tokenizer};
use datafusion_ml_core::options::nearest;
use datafusion_ml_redshift::{drop_approximate, keep_null_markers, parenthesize_unpivot, with_from};

use self::keywords::{near_keyword, with_near_keyword};
use super::ast::{DropModel, ExplainCreateModel, IamRole, ShowModel, Statement};
use super::location::{inner_error, invalid_at};
use bounds::check_bounds;
pub(crate) use create_table::like_name;
pub(crate) use place::with_place;

/// A parser of SQL with Redshift ML's statements. Everything else is left to DataFusion's [`DFParser`].
pub struct MlParser<'a> {
    inner: DFParser<'a>,
    dialect: &'a dyn Dialect,
    failed: bool,
}

impl<'a> MlParser<'a> {
    /// A parser of `sql`. Fails if the text cannot be split into tokens, as where a quote is not closed.
    pub fn new(sql: &str, dialect: &'a dyn Dialect) -> Result<Self> {
        Self::with_recursion_limit(sql, dialect, 50)
    }

    /// As [`Self::new`], with another limit than 50 to how deep expressions and queries may be nested.
    pub fn with_recursion_limit(sql: &str, dialect: &'a dyn Dialect, recursion_limit: usize) -> Result<Self> {
        let mut tokens = Tokenizer::new(dialect, sql).tokenize_with_location().map_err(ParserError::from)?;
        if dialect.is::<RedshiftSqlDialect>() {
            keep_null_markers(&mut tokens, sql);
            tokens = with_from(drop_approximate(parenthesize_unpivot(tokens)));
        }
        check_bounds(&tokens)?;
        let builder = DFParserBuilder::new(tokens).with_dialect(dialect).with_recursion_limit(recursion_limit);
        Ok(Self { inner: builder.build()?, dialect, failed: false })
    }

    /// All statements of `sql`, which semicolons separate.
    pub fn parse_sql(sql: &str, dialect: &dyn Dialect) -> Result<VecDeque<Statement>> {
        let mut parser = MlParser::new(sql, dialect)?;
        let mut statements = VecDeque::new();
        while let Some(statement) = parser.next_statement()? {
            statements.push_back(statement);
        }
        Ok(statements)
    }

    /// The next statement, up to its semicolon; `None` at the end, and after an error.
    ///
    /// A statement that fails to parse does not hinder those before it.
    pub fn next_statement(&mut self) -> Result<Option<Statement>> {
        while !self.failed && self.take_symbol(';') {}
        if self.failed || self.inner.parser.peek_token_ref().token == Token::EOF {
            return Ok(None);
        }
        let statement = self.statement().and_then(|statement| match self.at_end() {
            true => Ok(Some(statement)),
            false => Err(self.trailing(&statement)),
        });
        self.failed = statement.is_err();
        statement
    }

    /// Where the next statement begins, or the text ends.
    pub fn location(&self) -> Location {
        self.span().start
    }

    /// The error of something between a statement and its end, for a statement of DataFusion in DataFusion's words.
    fn trailing(&self, statement: &Statement) -> DataFusionError {
        match statement {
            Statement::DataFusion(_) => {
                let next = self.inner.parser.peek_token_ref();
                // A word before the place may have been taken for an alias.
                let before = self.inner.parser.get_current_token().to_string();
                let near = [next.to_string(), before].iter().find_map(|word| near_keyword(word)).unwrap_or_default();
                let message = format!("Expected: end of statement, found: {next}{}{near}", next.span.start);
                ParserError::ParserError(message).into()
            }
            _ => self.expected("the end of the statement"),
        }
    }

    fn statement(&mut self) -> Result<Statement> {
        if self.at_words(0, &["CREATE"]) {
            let or_replace = self.at_words(1, &["OR", "REPLACE"]);
            let next = if or_replace { 3 } else { 1 };
            if self.at_words(next, &["MODEL"]) {
                self.skip(next + 1);
                return Ok(Statement::CreateModel(Box::new(self.create_model(or_replace)?)));
            }
            if self.at_words(next, &["EXTERNAL", "MODEL"]) {
                self.skip(next + 2);
                return Ok(Statement::CreateExternalModel(Box::new(self.create_external_model(or_replace)?)));
            }
        }
        if self.at_words(0, &["DROP", "MODEL"]) {
            self.skip(2);
            let if_exists = self.at_words(0, &["IF", "EXISTS"]);
            self.skip(if if_exists { 2 } else { 0 });
            return Ok(Statement::DropModel(DropModel { if_exists, name: self.name("a model name")? }));
        }
        if self.at_words(0, &["SHOW", "MODEL"]) && *self.token(2) != Token::Period {
            self.skip(2);
            return Ok(Statement::ShowModel(match self.take_word("ALL") {
                true => ShowModel::All,
                false => ShowModel::Named(self.name("a model name, or ALL")?),
            }));
        }
        self.refuse()?;
        if let Some(statement) = self.access()? {
            return Ok(Statement::Access(Box::new(statement)));
        }
        if let Some(statement) = self.create_table()? {
            return Ok(Statement::CreateTable(Box::new(statement)));
        }
        if let Some(statement) = self.alter_table()? {
            return Ok(Statement::AlterTable(Box::new(statement)));
        }
        if let Some(statement) = self.copy()? {
            return Ok(Statement::Copy(Box::new(statement)));
        }
        if let Some(statement) = self.unload()? {
            return Ok(Statement::Unload(Box::new(statement)));
        }
        if let Some(statement) = self.explain_create_model()? {
            return Ok(Statement::ExplainCreateModel(statement));
        }
        if let Some(statement) = self.analyze_compression()? {
            return Ok(statement);
        }
        let statement = self.inner.parse_statement().map_err(with_near_keyword)?;
        if let DFStatement::Statement(inner) = &statement
            && let SqlStatement::Merge(merge) = inner.as_ref()
            && merge.clauses.is_empty()
            && self.at_words(0, &["REMOVE", "DUPLICATES"])
        {
            self.skip(2);
            return Ok(Statement::RemoveDuplicates(Box::new(merge.clone())));
        }
        Ok(Statement::DataFusion(Box::new(statement)))
    }

    /// EXPLAIN CREATE MODEL; `None`, and nothing consumed, if the next statement is another.
    fn explain_create_model(&mut self) -> Result<Option<ExplainCreateModel>> {
        if !self.at_words(0, &["EXPLAIN"]) {
            return Ok(None);
        }
        let mut next = 1;
        let analyze = self.at_words(next, &["ANALYZE"]);
        next += usize::from(analyze);
        let verbose = self.at_words(next, &["VERBOSE"]);
        next += usize::from(verbose);
        let has_format = self.at_words(next, &["FORMAT"]);
        let create = if has_format { next + 2 } else { next };
        let or_replace = self.at_words(create + 1, &["OR", "REPLACE"]);
        let model = if or_replace { create + 3 } else { create + 1 };
        if !self.at_words(create, &["CREATE"]) || !self.at_words(model, &["MODEL"]) {
            return Ok(None);
        }
        self.skip(next);
        let format = match self.take_word("FORMAT") {
            true => Some(ExplainFormat::from_str(&self.word_or_string("an EXPLAIN format")?)?),
            false => None,
        };
        self.skip(model + 1 - create);
        let options = ExplainStatementOptions { analyze, verbose, format, ..Default::default() };
        Ok(Some(ExplainCreateModel { options, statement: Box::new(self.create_model(or_replace)?) }))
    }

    /// `default` or a quoted ARN.
    fn iam_role(&mut self) -> Result<IamRole> {
        self.enclosed(|parser| match parser.take_word("DEFAULT") {
            true => Ok(IamRole::Default),
            false => Ok(IamRole::Arn(parser.string("default or a quoted ARN")?)),
        })
    }

    /// The next word, which must be one of `words`, or an error that names the nearest.
    fn choice<T: Copy>(&mut self, what: &str, words: &[(&str, T)]) -> Result<T> {
        let span = self.span();
        let names = || words.iter().map(|(name, _)| *name);
        let Some(word) = self.word() else {
            return Err(self.expected(&format!("{what}, one of {}", names().collect::<Vec<_>>().join(", "))));
        };
        match words.iter().find(|(name, _)| name.eq_ignore_ascii_case(&word)) {
            Some((_, value)) => {
                self.skip(1);
                Ok(*value)
            }
            None => Err(unknown(what, &word, span, names())),
        }
    }

    /// What `parse` parses, which may be in round or curly brackets.
    fn enclosed<T>(&mut self, parse: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        let close = [('(', ')'), ('{', '}')].into_iter().find(|(open, _)| self.take_symbol(*open));
        let value = parse(self)?;
        match close {
            Some((_, close)) => self.expect_symbol(close).map(|()| value),
            None => Ok(value),
        }
    }

    /// A name of one or more parts, separated by dots.
    fn name(&mut self, what: &str) -> Result<ObjectName> {
        let mut parts = vec![self.ident(what)?];
        while self.take_symbol('.') {
            parts.push(self.ident(what)?);
        }
        Ok(ObjectName::from(parts))
    }

    /// One word, quoted or not.
    fn ident(&mut self, what: &str) -> Result<Ident> {
        let span = self.span();
        match self.token(0) {
            Token::Word(word) => {
                let ident = word.clone().into_ident(span);
                self.skip(1);
                Ok(ident)
            }
            _ => Err(self.expected(what)),
        }
    }

    /// A string literal.
    fn string(&mut self, what: &str) -> Result<String> {
        match self.peek_string(0) {
            Some(text) => {
                self.skip(1);
                Ok(text)
            }
            None => Err(self.expected(what)),
        }
    }

    /// An unquoted word or a string literal. A number with a word right after it is one word, as in `30min`.
    fn word_or_string(&mut self, what: &str) -> Result<String> {
        match (self.token(0), self.token(1)) {
            (Token::Number(number, _), Token::Word(word)) if word.quote_style.is_none() => {
                let text = format!("{number}{}", word.value);
                self.skip(2);
                Ok(text)
            }
            (Token::Word(word), _) if word.quote_style.is_none() => {
                let text = word.value.clone();
                self.skip(1);
                Ok(text)
            }
            _ => self.string(what),
        }
    }

    /// A whole number within the range.
    fn integer(&mut self, what: &str, range: RangeInclusive<u64>) -> Result<u64> {
        let number = match self.token(0) {
            Token::Number(text, _) => text.parse().ok(),
            _ => None,
        };
        match number.filter(|number| range.contains(number)) {
            Some(number) => {
                self.skip(1);
                Ok(number)
            }
            None if *range.end() == u64::MAX => {
                Err(self.expected(&format!("a whole number from {} for {what}", range.start())))
            }
            None => Err(self.expected(&format!("a whole number from {} to {} for {what}", range.start(), range.end()))),
        }
    }

    /// A data type.
    fn data_type(&mut self) -> Result<DataType> {
        self.inner.parser.parse_data_type().map_err(inner_error)
    }

    /// A query.
    fn query(&mut self) -> Result<Box<Query>> {
        self.inner.parser.parse_query().map_err(inner_error)
    }

    /// The string literal that comes after `nth` other tokens.
    fn peek_string(&self, nth: usize) -> Option<String> {
        match self.token(nth) {
            Token::SingleQuotedString(text) | Token::EscapedStringLiteral(text) => Some(text.clone()),
            Token::DollarQuotedString(text) => Some(text.value.clone()),
            _ => None,
        }
    }

    /// The next token, if it is a word without quotes.
    fn word(&self) -> Option<String> {
        match self.token(0) {
            Token::Word(word) if word.quote_style.is_none() => Some(word.value.clone()),
            _ => None,
        }
    }

    /// Whether these words, unquoted and in any case, come after `nth` other tokens.
    fn at_words(&self, nth: usize, words: &[&str]) -> bool {
        words.iter().enumerate().all(|(i, expected)| match self.token(nth + i) {
            Token::Word(word) => word.quote_style.is_none() && word.value.eq_ignore_ascii_case(expected),
            _ => false,
        })
    }

    fn take_word(&mut self, word: &str) -> bool {
        let found = self.at_words(0, &[word]);
        self.skip(usize::from(found));
        found
    }

    fn at_symbol(&self, symbol: char) -> bool {
        matches!(
            (symbol, self.token(0)),
            ('(', Token::LParen)
                | (')', Token::RParen)
                | ('{', Token::LBrace)
                | ('}', Token::RBrace)
                | (',', Token::Comma)
                | ('.', Token::Period)
                | (':', Token::Colon)
                | (';', Token::SemiColon)
        )
    }

    fn take_symbol(&mut self, symbol: char) -> bool {
        let found = self.at_symbol(symbol);
        self.skip(usize::from(found));
        found
    }

    fn expect_symbol(&mut self, symbol: char) -> Result<()> {
        match self.take_symbol(symbol) {
            true => Ok(()),
            false => Err(self.expected(&format!("'{symbol}'"))),
        }
    }

    /// Whether the statement ends here.
    fn at_end(&self) -> bool {
        matches!(self.token(0), Token::EOF | Token::SemiColon)
    }

    /// The token after `nth` others, white space not counted.
    fn token(&self, nth: usize) -> &Token {
        &self.inner.parser.peek_nth_token_ref(nth).token
    }

    fn skip(&mut self, tokens: usize) {
        for _ in 0..tokens {
            self.inner.parser.advance_token();
        }
    }

    /// Where the next token stands; at the end of the text, where the last one ends.
    fn span(&self) -> Span {
        match self.inner.parser.peek_token_ref() {
            next if next.token == Token::EOF => {
                let end = self.inner.parser.get_current_token().span.end;
                Span::new(end, end)
            }
            next => next.span,
        }
    }

    /// The error of finding the next token where something else must stand.
    fn expected(&self, what: &str) -> DataFusionError {
        let found = match self.token(0) {
            Token::EOF | Token::SemiColon => "the end of the statement".to_owned(),
            token => token.to_string(),
        };
        invalid_at(self.span(), format!("expected {what}, found {found}"), "")
    }
}

/// The error of a word that is none of `names`: the nearest of them is proposed, or else all.
fn unknown<'n>(what: &str, word: &str, span: Span, names: impl Iterator<Item = &'n str> + Clone) -> DataFusionError {
    let remedy = match nearest(word, names.clone()) {
        Some(near) => format!("did you mean {near}?"),
        None => format!("there are {}", names.collect::<Vec<_>>().join(", ")),
    };
    invalid_at(span, format!("unknown {what} {word}"), remedy)
}
