//! `CREATE TABLE`: the attributes by which Redshift lays a table out are read and left out.

use datafusion::error::Result;
use datafusion::sql::sqlparser::ast::helpers::stmt_create_table::CreateTableBuilder;
use datafusion::sql::sqlparser::ast::{
    ColumnDef, ColumnOption, ColumnOptionDef, CreateTableLike, CreateTableLikeKind, Expr, IdentityParameters,
    IdentityProperty, IdentityPropertyFormatKind, IdentityPropertyKind, ObjectName, TableConstraint, UnaryOperator,
    Value,
};
use datafusion::sql::sqlparser::tokenizer::Token;

use super::MlParser;
use crate::sql::location::{inner_error, invalid_at};
use crate::sql::tables::CreateTable;

/// The attributes of a column that have no effect here.
const OF_COLUMNS: [&str; 4] = ["ENCODE", "DISTKEY", "SORTKEY", "COLLATE"];

/// The attributes of a table that have no effect here.
const OF_TABLES: [&str; 7] = ["BACKUP", "DISTSTYLE", "DISTKEY", "COMPOUND", "INTERLEAVED", "SORTKEY", "ENCODE"];

impl MlParser<'_> {
    /// CREATE TABLE; `None`, and nothing consumed, if the next statement is another.
    pub(super) fn create_table(&mut self) -> Result<Option<CreateTable>> {
        if !self.at_words(0, &["CREATE"]) {
            return Ok(None);
        }
        let or_replace = self.at_words(1, &["OR", "REPLACE"]);
        let mut next = if or_replace { 3 } else { 1 };
        next += usize::from(self.at_words(next, &["LOCAL"]));
        let temporary = self.at_words(next, &["TEMP"]) || self.at_words(next, &["TEMPORARY"]);
        next += usize::from(temporary);
        if !self.at_words(next, &["TABLE"]) {
            return Ok(None);
        }
        self.skip(next + 1);
        let if_not_exists = self.at_words(0, &["IF", "NOT", "EXISTS"]);
        self.skip(if if_not_exists { 3 } else { 0 });
        let name = self.name("a table name")?;
        let mut ignored = Vec::new();
        let mut builder = CreateTableBuilder::new(name).or_replace(or_replace).if_not_exists(if_not_exists);
        builder = builder.temporary(temporary);
        if let Some(like) = self.like()? {
            builder = builder.like(Some(like));
        } else if self.take_symbol('(') {
            let (columns, constraints) = self.columns(&mut ignored)?;
            builder = builder.columns(columns).constraints(constraints);
        }
        self.table_attributes(&mut ignored)?;
        if self.take_word("AS") {
            builder = builder.query(Some(self.query()?));
        }
        ignored.dedup();
        Ok(Some(CreateTable { table: Box::new(builder.build()), ignored }))
    }

    /// `(LIKE table [{INCLUDING | EXCLUDING} DEFAULTS])`
    fn like(&mut self) -> Result<Option<CreateTableLikeKind>> {
        if !(self.at_symbol('(') && self.at_words(1, &["LIKE"])) {
            return Ok(None);
        }
        self.skip(2);
        let name = self.name("a table name")?;
        for word in ["INCLUDING", "EXCLUDING"] {
            if self.at_words(0, &[word, "DEFAULTS"]) {
                self.skip(2);
            }
        }
        self.expect_symbol(')')?;
        Ok(Some(CreateTableLikeKind::Parenthesized(CreateTableLike { name, defaults: None })))
    }

    fn columns(&mut self, ignored: &mut Vec<&'static str>) -> Result<(Vec<ColumnDef>, Vec<TableConstraint>)> {
        let (mut columns, mut constraints) = (Vec::new(), Vec::new());
        while !self.take_symbol(')') {
            match self.inner.parser.parse_optional_table_constraint().map_err(inner_error)? {
                Some(constraint) => {
                    push(ignored, "PRIMARY KEY, UNIQUE, REFERENCES");
                    constraints.push(constraint);
                }
                None => columns.push(self.column(ignored)?),
            }
            if !(self.take_symbol(',') || self.at_symbol(')')) {
                return Err(self.expected("',' or ')' after a column"));
            }
        }
        Ok((columns, constraints))
    }

    pub(super) fn column(&mut self, ignored: &mut Vec<&'static str>) -> Result<ColumnDef> {
        let name = self.ident("a column name")?;
        let data_type = self.data_type()?;
        let mut options: Vec<ColumnOptionDef> = Vec::new();
        while !(self.at_symbol(',') || self.at_symbol(')') || self.at_end()) {
            if let Some(word) = self.attribute(&OF_COLUMNS) {
                push(ignored, word);
                self.skip(if matches!(word, "ENCODE" | "COLLATE") { 2 } else { 1 });
                continue;
            }
            let option = match self.identity()? {
                Some(identity) => Some(identity),
                None => self.inner.parser.parse_optional_column_option().map_err(inner_error)?,
            };
            match option {
                Some(ColumnOption::PrimaryKey(_) | ColumnOption::Unique(_) | ColumnOption::ForeignKey(_)) => {
                    push(ignored, "PRIMARY KEY, UNIQUE, REFERENCES");
                }
                Some(option) => options.push(ColumnOptionDef { name: None, option }),
                None => return Err(self.expected("an attribute of a column, ',' or ')'")),
            }
        }
        Ok(ColumnDef { name, data_type, options })
    }

    /// `[GENERATED BY DEFAULT AS] IDENTITY(seed, step)`
    fn identity(&mut self) -> Result<Option<ColumnOption>> {
        let by_default = self.at_words(0, &["GENERATED", "BY", "DEFAULT", "AS", "IDENTITY"]);
        if !(by_default || self.at_words(0, &["IDENTITY"])) {
            return Ok(None);
        }
        self.skip(if by_default { 5 } else { 1 });
        self.expect_symbol('(')?;
        let seed = self.signed("the seed of IDENTITY")?;
        self.expect_symbol(',')?;
        let increment = self.signed("the step of IDENTITY")?;
        self.expect_symbol(')')?;
        let parameters = IdentityParameters { seed, increment };
        let property =
            IdentityProperty { parameters: Some(IdentityPropertyFormatKind::FunctionCall(parameters)), order: None };
        // sqlparser's tree has no GENERATED BY DEFAULT AS IDENTITY with a seed; this is its kind that is not Redshift's.
        Ok(Some(ColumnOption::Identity(match by_default {
            true => IdentityPropertyKind::Autoincrement(property),
            false => IdentityPropertyKind::Identity(property),
        })))
    }

    /// A whole number that may be below 0.
    fn signed(&mut self, what: &str) -> Result<Expr> {
        let is_negative = *self.token(0) == Token::Minus;
        self.skip(usize::from(is_negative));
        let number = self.integer(what, 0..=i64::MAX as u64)?;
        let number = Expr::value(Value::Number(number.to_string(), false));
        Ok(match is_negative {
            true => Expr::UnaryOp { op: UnaryOperator::Minus, expr: Box::new(number) },
            false => number,
        })
    }

    fn table_attributes(&mut self, ignored: &mut Vec<&'static str>) -> Result<()> {
        while let Some(word) = self.attribute(&OF_TABLES) {
            if !matches!(word, "COMPOUND" | "INTERLEAVED") {
                push(ignored, word);
            }
            self.skip(1);
            match word {
                "DISTKEY" | "SORTKEY" => self.names_in_brackets_or_auto()?,
                "COMPOUND" | "INTERLEAVED" => {}
                _ => drop(self.word_or_string(&format!("a value of {word}"))?),
            }
        }
        match self.at_end() || self.at_words(0, &["AS"]) {
            true => Ok(()),
            false => {
                let fact = format!("expected AS, an attribute of a table or the end, found {}", self.token(0));
                let remedy = match self.at_words(0, &["LIKE"]) {
                    true => "write (LIKE table), in brackets".to_owned(),
                    false => format!("attributes are {}", OF_TABLES.join(", ")),
                };
                Err(invalid_at(self.span(), fact, remedy))
            }
        }
    }

    fn names_in_brackets_or_auto(&mut self) -> Result<()> {
        if self.take_word("AUTO") {
            return Ok(());
        }
        self.expect_symbol('(')?;
        self.idents("a column name").map(drop)
    }

    /// The attribute among `words` that comes next; it is not consumed.
    fn attribute(&self, words: &[&'static str]) -> Option<&'static str> {
        words.iter().copied().find(|word| self.at_words(0, &[*word]))
    }
}

/// Adds a word that is not there yet.
fn push(words: &mut Vec<&'static str>, word: &'static str) {
    if !words.contains(&word) {
        words.push(word);
    }
}

/// The name of a table that is made like another; for [`CreateTable`].
pub(crate) fn like_name(like: &CreateTableLikeKind) -> &ObjectName {
    match like {
        CreateTableLikeKind::Parenthesized(like) | CreateTableLikeKind::Plain(like) => &like.name,
    }
}
