//! The syntax tree of COPY, and how it prints.

use std::fmt::{self, Display, Formatter};

use datafusion::sql::sqlparser::ast::{Ident, ObjectName};

use super::ast::IamRole;
use super::display::{Literal, list};

/// `COPY table FROM 'files'`: loads files into a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copy {
    /// The table.
    pub table: ObjectName,
    /// The columns that are in the files, in their order; empty means all but those that are numbered.
    pub columns: Vec<Ident>,
    /// A file, a folder, a pattern or, in a store, what the names of files begin with; with MANIFEST, the list of files.
    pub location: String,
    /// How to read the files.
    pub options: CopyOptions,
    /// The options that have no effect here, each once, in order.
    pub ignored: Vec<&'static str>,
}

/// The options of COPY.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyOptions {
    /// The role with whose rights the files are read.
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
    /// Whether dates and timestamps that are none are NULL.
    pub accept_any_date: bool,
    /// Whether empty lines are nothing where one column is loaded. With more columns they always are.
    pub ignore_blank_lines: bool,
    /// Whether the location is that of a list of files.
    pub manifest: bool,
    /// Whether the files are read, and nothing is loaded.
    pub no_load: bool,
}

/// What the files of COPY are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CopyFormat {
    /// Lines of values, with what separates them.
    Text {
        /// Between two values.
        delimiter: u8,
        /// What may be around values in which the delimiter or an end of line stands.
        quotes: Quotes,
        /// Before a character that has no special meaning.
        escape: Option<u8>,
    },
    /// Lines of values that each have a label and so many characters.
    FixedWidth(Vec<(String, usize)>),
    /// JSON objects, one after the other.
    Json(JsonColumns),
    /// Parquet, matched to columns by position.
    Parquet,
}

/// The quotes around the values of a line of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quotes {
    /// Quotes are part of the values.
    Kept,
    /// This one is removed; doubled, it stands for itself.
    Csv(u8),
    /// Single and double ones are removed; doubled, they stand for themselves.
    Removed,
}

impl Quotes {
    /// Whether a value in quotes may begin with the byte.
    pub fn may_be(self, byte: u8) -> bool {
        match self {
            Self::Kept => false,
            Self::Csv(quote) => byte == quote,
            Self::Removed => matches!(byte, b'"' | b'\''),
        }
    }
}

/// Which part of a JSON object a column takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JsonColumns {
    /// The attribute of its name, in any case.
    ByName,
    /// The only column takes the object.
    Whole,
    /// The value at a path: there is one for each column in this file.
    Paths(String),
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
        match &self.format {
            CopyFormat::Text { delimiter, quotes: Quotes::Csv(quote), .. } => {
                write!(f, " CSV DELIMITER {}", Literal(&byte(*delimiter)))?;
                write!(f, " QUOTE {}", Literal(&byte(*quote)))?;
            }
            CopyFormat::Text { delimiter, quotes, escape } => {
                write!(f, " DELIMITER {}", Literal(&byte(*delimiter)))?;
                f.write_str(if *quotes == Quotes::Removed { " REMOVEQUOTES" } else { "" })?;
                f.write_str(if escape.is_some() { " ESCAPE" } else { "" })?;
            }
            CopyFormat::FixedWidth(widths) => {
                let widths: Vec<_> = widths.iter().map(|(label, width)| format!("{label}:{width}")).collect();
                write!(f, " FIXEDWIDTH {}", Literal(&widths.join(",")))?;
            }
            CopyFormat::Json(JsonColumns::ByName) => f.write_str(" JSON 'auto'")?,
            CopyFormat::Json(JsonColumns::Whole) => f.write_str(" JSON 'noshred'")?,
            CopyFormat::Json(JsonColumns::Paths(file)) => write!(f, " JSON {}", Literal(file))?,
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
            ("ACCEPTANYDATE", self.accept_any_date),
            ("IGNOREBLANKLINES", self.ignore_blank_lines),
            ("MANIFEST", self.manifest),
            ("NOLOAD", self.no_load),
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

pub(super) fn source(f: &mut Formatter<'_>, iam_role: Option<&IamRole>, region: Option<&str>) -> fmt::Result {
    if let Some(role) = iam_role {
        write!(f, " IAM_ROLE {role}")?;
    }
    match region {
        Some(region) => write!(f, " REGION {}", Literal(region)),
        None => Ok(()),
    }
}

/// A byte as the parser reads it.
pub(super) fn byte(byte: u8) -> String {
    match byte {
        b'\t' => "\\t".to_owned(),
        byte => char::from(byte).to_string(),
    }
}
