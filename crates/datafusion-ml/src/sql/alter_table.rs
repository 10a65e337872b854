//! The syntax tree of ALTER TABLE, and how it prints.

use std::fmt::{self, Display, Formatter};

use datafusion::sql::sqlparser::ast::{ColumnDef, DataType, Ident, ObjectName};

/// `ALTER TABLE`, in Redshift's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlterTable {
    /// The table, or the view.
    pub name: ObjectName,
    /// What becomes of it.
    pub change: TableChange,
}

/// A change of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TableChange {
    /// `ADD COLUMN`: rows that there are get its default, or NULL.
    AddColumn(Box<ColumnDef>),
    /// `DROP COLUMN`
    DropColumn(Ident),
    /// `RENAME COLUMN`
    RenameColumn {
        /// Its name.
        from: Ident,
        /// Its new name.
        to: Ident,
    },
    /// `ALTER COLUMN ... TYPE`
    ColumnType(Ident, DataType),
    /// `RENAME TO`, within the schema.
    RenameTo(Ident),
    /// `OWNER TO`
    OwnerTo(Ident),
    /// What has no effect here, as it is written.
    Nothing(String),
}

impl Display for AlterTable {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "ALTER TABLE {} ", self.name)?;
        match &self.change {
            TableChange::AddColumn(column) => write!(f, "ADD COLUMN {column}"),
            TableChange::DropColumn(column) => write!(f, "DROP COLUMN {column}"),
            TableChange::RenameColumn { from, to } => write!(f, "RENAME COLUMN {from} TO {to}"),
            TableChange::ColumnType(column, data_type) => write!(f, "ALTER COLUMN {column} TYPE {data_type}"),
            TableChange::RenameTo(name) => write!(f, "RENAME TO {name}"),
            TableChange::OwnerTo(user) => write!(f, "OWNER TO {user}"),
            TableChange::Nothing(text) => f.write_str(text),
        }
    }
}
