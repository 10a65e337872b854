//! The syntax tree of the statements that make tables, and how they print.

use std::fmt::{self, Display, Formatter};

use datafusion::sql::sqlparser::ast::CreateTable as SqlCreateTable;

/// `CREATE TABLE`, in Redshift's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateTable {
    /// The statement without what has no effect here.
    pub table: Box<SqlCreateTable>,
    /// The attributes that have no effect here, each once, in order.
    pub ignored: Vec<&'static str>,
}

impl Display for CreateTable {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.table.fmt(f)
    }
}
