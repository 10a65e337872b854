//! The syntax tree of the statements that make, fill and unload tables, and how they print.

use std::fmt::{self, Display, Formatter};

use datafusion::sql::sqlparser::ast::{CreateTable as SqlCreateTable, Ident, ObjectName, Query};

use super::ast::IamRole;
use super::display::{Literal, list};

/// `CREATE TABLE`, in Redshift's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateTable {
    /// The statement without what has no effect here.
    pub table: Box<SqlCreateTable>,
    /// The attributes that have no effect here, each once, in order.
    pub ignored: Vec<&'static str>,
}

/// `COPY table FROM 'files'`: loads files into a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copy {
    /// The table.
    pub table: ObjectName,
    /// The columns that are in the files, in their order; empty means all but those that are numbered.
    pub columns: Vec<Ident>,
    /// A file, a folder, a pattern or, in a store, what the names of files begin with.
    pub location: String,
    /// How to read the files.
    pub options: CopyOptions,
    /// The options that have no effect here, each once, in order.
    pub ignored: Vec<&'static str>,
}

/// The options of COPY.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyOptions {
    /// The role; accepted for compatibility.
    pub iam_role: Option<IamRole>,
    /// The region of the bucket.
    pub region: Option<String>,
    /// What the files are.
    pub format: CopyFormat,
    /// How they are compressed; `None` means as the ends of their names say.
    pub compression: Option<Compression>,
    /// How many lines at the start of every file are skipped.
    pub ignore_header: u64,
    /// How many rows may be wrong and are left out.
    pub max_error: u64,
    /// The text that means NULL.
    pub null_as: String,
    /// The format of dates; `None` means any usual one.
    pub date_format: Option<String>,
    /// The format of timestamps; `None` means any usual one.
    pub time_format: Option<String>,
    /// Whether empty texts are NULL. Empty values of other types always are.
    pub empty_as_null: bool,
    /// Whether texts of blanks only are NULL.
    pub blanks_as_null: bool,
    /// Whether blanks at the end of texts are cut off.
    pub trim_blanks: bool,
    /// Whether texts that are too long are cut.
    pub truncate_columns: bool,
    /// Whether columns that are missing at the end of a row are NULL.
    pub fill_record: bool,
    /// What stands for bytes that are not UTF-8; `None` means that they are an error.
    pub invalid_chars: Option<char>,
}

/// What the files of COPY are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CopyFormat {
    /// Lines of values, with what separates them.
    Text {
        /// Between two values.
        delimiter: u8,
        /// Around values in which the delimiter or an end of line may stand; doubled, it stands for itself.
        quote: Option<u8>,
        /// Before a character that has no special meaning.
        escape: Option<u8>,
    },
    /// JSON objects, one after the other, matched to columns by name.
    Json,
    /// Parquet, matched to columns by position.
    Parquet,
}

/// How a file is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// gzip
    Gzip,
    /// bzip2
    Bzip2,
    /// Zstandard
    Zstd,
}

impl Compression {
    /// Every compression.
    pub const ALL: [Self; 3] = [Self::Gzip, Self::Bzip2, Self::Zstd];

    /// The word for it in a statement.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gzip => "GZIP",
            Self::Bzip2 => "BZIP2",
            Self::Zstd => "ZSTD",
        }
    }

    /// The end of names of files that are so compressed.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::Gzip => ".gz",
            Self::Bzip2 => ".bz2",
            Self::Zstd => ".zst",
        }
    }
}

/// `UNLOAD ('query') TO 'prefix'`: writes what a query returns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unload {
    /// The query.
    pub query: Box<Query>,
    /// What the name of the file begins with.
    pub location: String,
    /// The role; accepted for compatibility.
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
    /// Whether a file that is there is replaced.
    pub allow_overwrite: bool,
    /// The options that have no effect here, each once, in order.
    pub ignored: Vec<&'static str>,
}

/// What the file of UNLOAD is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnloadFormat {
    /// Lines of values.
    Text {
        /// What is between two values.
        delimiter: u8,
        /// Whether the first line names the columns.
        header: bool,
    },
    /// A JSON object a line.
    Json,
    /// Parquet.
    Parquet,
}

impl Display for CreateTable {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.table.fmt(f)
    }
}

impl Display for Copy {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "COPY {}", self.table)?;
        if !self.columns.is_empty() {
            write!(f, " ({})", list(&self.columns))?;
        }
        write!(f, " FROM {}{}", Literal(&self.location), self.options)
    }
}

impl Display for CopyOptions {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        source(f, self.iam_role.as_ref(), self.region.as_deref())?;
        match self.format {
            CopyFormat::Text { delimiter, quote: Some(quote), .. } => {
                write!(f, " CSV DELIMITER {}", Literal(&byte(delimiter)))?;
                write!(f, " QUOTE {}", Literal(&byte(quote)))?;
            }
            CopyFormat::Text { delimiter, quote: None, escape } => {
                write!(f, " DELIMITER {}", Literal(&byte(delimiter)))?;
                f.write_str(if escape.is_some() { " ESCAPE" } else { "" })?;
            }
            CopyFormat::Json => f.write_str(" JSON 'auto'")?,
            CopyFormat::Parquet => f.write_str(" PARQUET")?,
        }
        if let Some(compression) = self.compression {
            write!(f, " {}", compression.name())?;
        }
        for (name, number) in [("IGNOREHEADER", self.ignore_header), ("MAXERROR", self.max_error)] {
            if number > 0 {
                write!(f, " {name} {number}")?;
            }
        }
        write!(f, " NULL {}", Literal(&self.null_as))?;
        for (name, format) in [("DATEFORMAT", &self.date_format), ("TIMEFORMAT", &self.time_format)] {
            if let Some(format) = format {
                write!(f, " {name} {}", Literal(format))?;
            }
        }
        let flags = [
            ("EMPTYASNULL", self.empty_as_null),
            ("BLANKSASNULL", self.blanks_as_null),
            ("TRIMBLANKS", self.trim_blanks),
            ("TRUNCATECOLUMNS", self.truncate_columns),
            ("FILLRECORD", self.fill_record),
        ];
        for (name, _) in flags.into_iter().filter(|(_, given)| *given) {
            write!(f, " {name}")?;
        }
        match self.invalid_chars {
            Some(char) => write!(f, " ACCEPTINVCHARS {}", Literal(&char.to_string())),
            None => Ok(()),
        }
    }
}

impl Display for Unload {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "UNLOAD ({}) TO {}", Literal(&self.query.to_string()), Literal(&self.location))?;
        source(f, self.iam_role.as_ref(), self.region.as_deref())?;
        match self.format {
            UnloadFormat::Text { delimiter, header } => {
                write!(f, " CSV DELIMITER {}", Literal(&byte(delimiter)))?;
                f.write_str(if header { " HEADER" } else { "" })?;
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
        }
        f.write_str(if self.allow_overwrite { " ALLOWOVERWRITE" } else { "" })
    }
}

fn source(f: &mut Formatter<'_>, iam_role: Option<&IamRole>, region: Option<&str>) -> fmt::Result {
    if let Some(role) = iam_role {
        write!(f, " IAM_ROLE {role}")?;
    }
    match region {
        Some(region) => write!(f, " REGION {}", Literal(region)),
        None => Ok(()),
    }
}

/// A byte as the parser reads it.
fn byte(byte: u8) -> String {
    match byte {
        b'\t' => "\\t".to_owned(),
        byte => char::from(byte).to_string(),
    }
}
