//! `ALTER TABLE`.

use datafusion::error::Result;

use super::MlParser;
use crate::sql::alter_table::{AlterTable, TableChange};

impl MlParser<'_> {
    /// ALTER TABLE; `None`, and nothing consumed, if the next statement is another.
    pub(super) fn alter_table(&mut self) -> Result<Option<AlterTable>> {
        if !self.at_words(0, &["ALTER", "TABLE"]) {
            return Ok(None);
        }
        self.skip(2);
        let name = self.name("a table name")?;
        let is_constraint =
            ["CONSTRAINT", "PRIMARY", "UNIQUE", "FOREIGN"].iter().any(|word| self.at_words(1, &[*word]));
        let is_type = self.at_words(0, &["ALTER", "COLUMN"]) && self.at_words(3, &["TYPE"]);
        let change = if is_constraint || self.at_words(0, &["ALTER"]) && !is_type {
            self.rest()
        } else if self.take_word("ADD") {
            self.take_word("COLUMN");
            TableChange::AddColumn(Box::new(self.column(&mut Vec::new())?))
        } else if self.take_word("DROP") {
            self.take_word("COLUMN");
            let column = self.ident("a column name")?;
            let _ = self.take_word("CASCADE") || self.take_word("RESTRICT");
            TableChange::DropColumn(column)
        } else if self.at_words(0, &["RENAME", "TO"]) {
            self.skip(2);
            TableChange::RenameTo(self.ident("a new name")?)
        } else if self.take_word("RENAME") {
            self.take_word("COLUMN");
            let from = self.ident("a column name")?;
            if !self.take_word("TO") {
                return Err(self.expected("TO"));
            }
            TableChange::RenameColumn { from, to: self.ident("a new name")? }
        } else if self.at_words(0, &["OWNER", "TO"]) {
            self.skip(2);
            TableChange::OwnerTo(self.ident("a user")?)
        } else if is_type {
            self.skip(2);
            let column = self.ident("a column name")?;
            self.skip(1);
            TableChange::ColumnType(column, self.data_type()?)
        } else {
            return Err(self.expected("ADD, DROP, RENAME, OWNER TO or ALTER"));
        };
        Ok(Some(AlterTable { name, change }))
    }

    /// What is left of the statement: a constraint, or how the table lies on disks.
    fn rest(&mut self) -> TableChange {
        let mut words = Vec::new();
        while !self.at_end() {
            words.push(self.token(0).to_string());
            self.skip(1);
        }
        TableChange::Nothing(words.join(" "))
    }
}
