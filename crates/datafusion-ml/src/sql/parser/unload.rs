//! `UNLOAD ('query') TO 'prefix'` and its options.

use datafusion::error::Result;
use datafusion::sql::sqlparser::parser::Parser;
use datafusion::sql::sqlparser::tokenizer::{Location, Token};

use super::MlParser;
use super::copy::{no_secrets, refused};
use crate::sql::copy::Compression;
use crate::sql::location::{inner_error, invalid_at};
use crate::sql::unload::{Unload, UnloadFormat};

/// The words that open an option.
const OPTIONS: [&str; 28] = [
    "IAM_ROLE",
    "REGION",
    "FORMAT",
    "CSV",
    "JSON",
    "PARQUET",
    "DELIMITER",
    "HEADER",
    "NULL",
    "GZIP",
    "BZIP2",
    "ZSTD",
    "PARTITION",
    "ALLOWOVERWRITE",
    "CLEANPATH",
    "PARALLEL",
    "MAXFILESIZE",
    "ROWGROUPSIZE",
    "ADDQUOTES",
    "ESCAPE",
    "ENCRYPTED",
    "MANIFEST",
    "EXTENSION",
    "CREDENTIALS",
    "ACCESS_KEY_ID",
    "SECRET_ACCESS_KEY",
    "SESSION_TOKEN",
    "FIXEDWIDTH",
];

impl MlParser<'_> {
    /// UNLOAD; `None`, and nothing consumed, if the next statement is another.
    pub(super) fn unload(&mut self) -> Result<Option<Unload>> {
        if !(self.at_words(0, &["UNLOAD"]) && *self.token(1) == Token::LParen) {
            return Ok(None);
        }
        self.skip(2);
        let query = match self.peek_string(0) {
            Some(text) => {
                // Behind as many lines and columns as the query is in the statement, so that errors name places there.
                let Location { line, column } = self.span().start;
                let (lines, columns) = ("\n".repeat(line as usize - 1), " ".repeat(column as usize));
                let text = format!("{lines}{columns}{text}");
                let mut parser = Parser::new(self.dialect).try_with_sql(&text).map_err(inner_error)?;
                let query = parser.parse_query().map_err(inner_error)?;
                if parser.peek_token().token != Token::EOF {
                    let fact = format!("{} after the query of UNLOAD", parser.peek_token());
                    return Err(invalid_at(self.span(), fact, "double the quotes that are inside the quoted query"));
                }
                self.skip(1);
                query
            }
            None => self.query()?,
        };
        self.expect_symbol(')')?;
        if !self.take_word("TO") {
            return Err(self.expected("TO"));
        }
        let location = self.string("a quoted folder, or beginning of a file's name")?;
        let mut unload = Unload {
            query,
            location,
            iam_role: None,
            region: None,
            format: UnloadFormat::Parquet,
            compression: None,
            null_as: None,
            partition_by: Vec::new(),
            include_partitions: false,
            extension: None,
            manifest: false,
            allow_overwrite: false,
            ignored: Vec::new(),
        };
        self.unload_options(&mut unload)?;
        Ok(Some(unload))
    }

    fn unload_options(&mut self, unload: &mut Unload) -> Result<()> {
        let (mut kind, mut delimiter, mut seen) = (None, None, Vec::new());
        let (mut header, mut quotes, mut escape) = (false, false, false);
        let start = self.span();
        while !self.at_end() {
            let (word, span) = self.option("UNLOAD", &OPTIONS, &mut seen)?;
            match word {
                "IAM_ROLE" => unload.iam_role = Some(self.iam_role()?),
                "REGION" => unload.region = Some(self.string_as("a quoted region such as 'us-east-1'")?),
                "CSV" | "JSON" | "PARQUET" => kind = Some(word),
                "FORMAT" => {
                    self.take_word("AS");
                    let words = [("CSV", "CSV"), ("JSON", "JSON"), ("PARQUET", "PARQUET")];
                    kind = Some(self.choice("format", &words)?);
                }
                "DELIMITER" => delimiter = Some(self.byte("a quoted character for DELIMITER")?),
                "HEADER" => header = true,
                "NULL" => unload.null_as = Some(self.string_as("a quoted text for NULL")?),
                "GZIP" => unload.compression = Some(Compression::Gzip),
                "BZIP2" => unload.compression = Some(Compression::Bzip2),
                "ZSTD" => unload.compression = Some(Compression::Zstd),
                "PARTITION" => {
                    if !self.take_word("BY") {
                        return Err(self.expected("BY"));
                    }
                    self.expect_symbol('(')?;
                    unload.partition_by = self.idents("a column name")?;
                    unload.include_partitions = self.take_word("INCLUDE");
                }
                "ALLOWOVERWRITE" => unload.allow_overwrite = true,
                "CLEANPATH" => {
                    return Err(refused(word, span, "delete the files that are there, or write ALLOWOVERWRITE"));
                }
                "PARALLEL" => {
                    // There is one file anyhow.
                    let values = [("ON", true), ("OFF", false), ("TRUE", true), ("FALSE", false)];
                    if self.choice("value of PARALLEL", &values)? {
                        unload.ignored.push(word);
                    }
                }
                "MAXFILESIZE" | "ROWGROUPSIZE" => {
                    unload.ignored.push(word);
                    self.take_word("AS");
                    self.skip(1);
                    let _ = self.take_word("MB") || self.take_word("GB");
                }
                "ADDQUOTES" => quotes = true,
                "ESCAPE" => escape = true,
                "EXTENSION" => {
                    unload.extension = Some(self.string("a quoted extension such as 'txt'")?);
                }
                "MANIFEST" => {
                    self.take_word("VERBOSE");
                    unload.manifest = true;
                }
                "ENCRYPTED" => return Err(refused(word, span, "let the bucket encrypt what is written to it")),
                "FIXEDWIDTH" => return Err(refused(word, span, "write DELIMITER, CSV, JSON or PARQUET")),
                _ => return Err(no_secrets(word, span)),
            }
        }
        if !unload.partition_by.is_empty() && unload.manifest {
            return Err(invalid_at(start, "MANIFEST beside PARTITION BY", "leave it out: COPY takes the folder"));
        }
        unload.format = match kind {
            Some(kind @ ("JSON" | "PARQUET")) if delimiter.is_some() || header => {
                return Err(invalid_at(start, format!("DELIMITER or HEADER beside {kind}"), "leave it out"));
            }
            Some(kind) if quotes || escape => {
                return Err(invalid_at(start, format!("ADDQUOTES or ESCAPE beside {kind}"), "leave it out"));
            }
            Some("JSON") => UnloadFormat::Json,
            Some("PARQUET") => UnloadFormat::Parquet,
            Some(_) => UnloadFormat::Csv { delimiter: delimiter.unwrap_or(b','), header },
            None => UnloadFormat::Text { delimiter: delimiter.unwrap_or(b'|'), header, quotes, escape },
        };
        Ok(())
    }
}
