//! The syntax tree of UNLOAD, and how it prints.

use std::fmt::{self, Display, Formatter};

use datafusion::sql::sqlparser::ast::{Ident, Query};

use super::ast::IamRole;
use super::copy::{Compression, byte, source};
use super::display::{Literal, list};

/// `UNLOAD ('query') TO 'prefix'`: writes what a query returns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unload {
    /// The query.
    pub query: Box<Query>,
    /// What the name of the file begins with.
    pub location: String,
    /// The role with whose rights the file is written.
    pub iam_role: Option<IamRole>,
    /// The region of the bucket.
    pub region: Option<String>,
    /// What the file is.
    pub format: UnloadFormat,
    /// How it is compressed.
    pub compression: Option<Compression>,
    /// What is written for NULL.
    pub null_as: Option<String>,
    /// The columns whose values name folders.
    pub partition_by: Vec<Ident>,
    /// Whether these columns are in the files, too.
    pub include_partitions: bool,
    /// What the file's name ends with, instead of what its format has.
    pub extension: Option<String>,
    /// Whether a list of the files is written, which COPY reads with MANIFEST.
    pub manifest: bool,
    /// Whether a file that is there is replaced.
    pub allow_overwrite: bool,
    /// The options that have no effect here, each once, in order.
    pub ignored: Vec<&'static str>,
}

/// What the file of UNLOAD is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnloadFormat {
    /// Lines of values, in double quotes where they need them.
    Csv {
        /// What is between two values.
        delimiter: u8,
        /// Whether the first line names the columns.
        header: bool,
    },
    /// Lines of values.
    Text {
        /// What is between two values.
        delimiter: u8,
        /// Whether the first line names the columns.
        header: bool,
        /// Whether every value is in double quotes.
        quotes: bool,
        /// Whether a backslash stands before the delimiter, a quote, an end of line or a backslash in a value.
        escape: bool,
    },
    /// A JSON object a line.
    Json,
    /// Parquet.
    Parquet,
}

impl Display for Unload {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "UNLOAD ({}) TO {}", Literal(&self.query.to_string()), Literal(&self.location))?;
        source(f, self.iam_role.as_ref(), self.region.as_deref())?;
        match self.format {
            UnloadFormat::Csv { delimiter, header } => {
                write!(f, " CSV DELIMITER {}", Literal(&byte(delimiter)))?;
                f.write_str(if header { " HEADER" } else { "" })?;
            }
            UnloadFormat::Text { delimiter, header, quotes, escape } => {
                write!(f, " DELIMITER {}", Literal(&byte(delimiter)))?;
                for (word, given) in [(" HEADER", header), (" ADDQUOTES", quotes), (" ESCAPE", escape)] {
                    f.write_str(if given { word } else { "" })?;
                }
            }
            UnloadFormat::Json => f.write_str(" JSON")?,
            UnloadFormat::Parquet => f.write_str(" PARQUET")?,
        }
        if let Some(compression) = self.compression {
            write!(f, " {}", compression.name())?;
        }
        if let Some(null_as) = &self.null_as {
            write!(f, " NULL {}", Literal(null_as))?;
        }
        if !self.partition_by.is_empty() {
            write!(f, " PARTITION BY ({})", list(&self.partition_by))?;
            f.write_str(if self.include_partitions { " INCLUDE" } else { "" })?;
        }
        if let Some(extension) = &self.extension {
            write!(f, " EXTENSION {}", Literal(extension))?;
        }
        f.write_str(if self.manifest { " MANIFEST" } else { "" })?;
        f.write_str(if self.allow_overwrite { " ALLOWOVERWRITE" } else { "" })
    }
}
