//! `COPY table FROM 'files'` and its options.

use datafusion::error::Result;
use datafusion::sql::sqlparser::tokenizer::{Span, Token};

use super::{MlParser, unknown};
use crate::sql::copy::{Compression, Copy, CopyFormat, CopyOptions, JsonColumns, Quotes};
use crate::sql::location::invalid_at;

/// The words that open an option.
const OPTIONS: [&str; 49] = [
    "IAM_ROLE",
    "REGION",
    "FORMAT",
    "CSV",
    "JSON",
    "PARQUET",
    "FIXEDWIDTH",
    "QUOTE",
    "DELIMITER",
    "ESCAPE",
    "REMOVEQUOTES",
    "GZIP",
    "BZIP2",
    "ZSTD",
    "IGNOREHEADER",
    "NULL",
    "DATEFORMAT",
    "TIMEFORMAT",
    "MAXERROR",
    "EMPTYASNULL",
    "BLANKSASNULL",
    "TRIMBLANKS",
    "ACCEPTINVCHARS",
    "TRUNCATECOLUMNS",
    "FILLRECORD",
    "IGNOREBLANKLINES",
    "ACCEPTANYDATE",
    "ROUNDEC",
    "COMPUPDATE",
    "COMPROWS",
    "STATUPDATE",
    "ENCODING",
    "EXPLICIT_IDS",
    "MANIFEST",
    "NOLOAD",
    "AVRO",
    "ORC",
    "RCFILE",
    "SEQUENCEFILE",
    "SHAPEFILE",
    "LZOP",
    "READRATIO",
    "SSH",
    "ENCRYPTED",
    "MASTER_SYMMETRIC_KEY",
    "CREDENTIALS",
    "ACCESS_KEY_ID",
    "SECRET_ACCESS_KEY",
    "SESSION_TOKEN",
];

/// What the options say of the format, until all are read.
#[derive(Default)]
struct Format {
    kind: Option<&'static str>,
    delimiter: Option<u8>,
    quote: Option<u8>,
    removes_quotes: bool,
    escape: Option<u8>,
    json: Option<JsonColumns>,
    widths: Vec<(String, usize)>,
}

impl MlParser<'_> {
    /// COPY FROM; `None`, and nothing consumed, if the next statement is another, such as DataFusion's COPY TO.
    pub(super) fn copy(&mut self) -> Result<Option<Copy>> {
        if !self.at_words(0, &["COPY"]) || !matches!(self.token(1), Token::Word(_)) {
            return Ok(None);
        }
        let mut next = 2;
        while *self.token(next) == Token::Period {
            next += 2;
        }
        if !self.at_words(next, &["FROM"]) && *self.token(next) != Token::LParen {
            return Ok(None);
        }
        self.skip(1);
        let table = self.name("a table name")?;
        let columns = match self.take_symbol('(') {
            true => self.idents("a column name")?,
            false => Vec::new(),
        };
        if !self.take_word("FROM") {
            return Err(self.expected("FROM"));
        }
        let location = self.string("a quoted file, folder or s3:// URL")?;
        let (options, ignored) = self.copy_options()?;
        Ok(Some(Copy { table, columns, location, options, ignored }))
    }

    fn copy_options(&mut self) -> Result<(CopyOptions, Vec<&'static str>)> {
        let mut options = CopyOptions {
            iam_role: None,
            region: None,
            format: CopyFormat::Parquet,
            compression: None,
            ignore_header: 0,
            max_error: 0,
            null_as: "\\N".to_owned(),
            date_format: None,
            time_format: None,
            empty_as_null: false,
            blanks_as_null: false,
            trim_blanks: false,
            truncate_columns: false,
            fill_record: false,
            invalid_chars: None,
            accept_any_date: false,
            ignore_blank_lines: false,
            manifest: false,
            no_load: false,
        };
        let (mut format, mut seen, mut ignored) = (Format::default(), Vec::new(), Vec::new());
        let start = self.span();
        while !self.at_end() {
            let (word, span) = self.option("COPY", &OPTIONS, &mut seen)?;
            match word {
                "IAM_ROLE" => options.iam_role = Some(self.iam_role()?),
                "REGION" => options.region = Some(self.string_as("a quoted region such as 'us-east-1'")?),
                "CSV" | "JSON" | "PARQUET" | "FIXEDWIDTH" => self.copy_format(word, span, &mut format)?,
                "FORMAT" => {
                    self.take_word("AS");
                    let words = [("CSV", "CSV"), ("JSON", "JSON"), ("PARQUET", "PARQUET")];
                    let word = self.choice("format", &words)?;
                    self.copy_format(word, span, &mut format)?;
                }
                "QUOTE" => format.quote = Some(self.byte("a quoted character for QUOTE")?),
                "DELIMITER" => format.delimiter = Some(self.byte("a quoted character for DELIMITER")?),
                "ESCAPE" => format.escape = Some(b'\\'),
                "REMOVEQUOTES" => format.removes_quotes = true,
                "GZIP" => options.compression = Some(Compression::Gzip),
                "BZIP2" => options.compression = Some(Compression::Bzip2),
                "ZSTD" => options.compression = Some(Compression::Zstd),
                "IGNOREHEADER" => options.ignore_header = self.number_as(word, u64::from(u32::MAX))?,
                "MAXERROR" => options.max_error = self.number_as(word, 100_000)?,
                "NULL" => options.null_as = self.string_as("a quoted text for NULL")?,
                "DATEFORMAT" => options.date_format = self.time_format("DATEFORMAT")?,
                "TIMEFORMAT" => options.time_format = self.time_format("TIMEFORMAT")?,
                "EMPTYASNULL" => options.empty_as_null = true,
                "BLANKSASNULL" => options.blanks_as_null = true,
                "TRIMBLANKS" => options.trim_blanks = true,
                "TRUNCATECOLUMNS" => options.truncate_columns = true,
                "FILLRECORD" => options.fill_record = true,
                "ACCEPTINVCHARS" => {
                    self.take_word("AS");
                    let text = self.peek_string(0);
                    self.skip(usize::from(text.is_some()));
                    options.invalid_chars = Some(text.and_then(|text| text.chars().next()).unwrap_or('?'));
                }
                "IGNOREBLANKLINES" => options.ignore_blank_lines = true,
                "ACCEPTANYDATE" => options.accept_any_date = true,
                "MANIFEST" => options.manifest = true,
                "NOLOAD" => options.no_load = true,
                "COMPUPDATE" | "STATUPDATE" => {
                    ignored.push(word);
                    for value in ["ON", "OFF", "TRUE", "FALSE", "PRESET"] {
                        self.take_word(value);
                    }
                }
                "COMPROWS" => {
                    ignored.push(word);
                    self.integer(word, 0..=u64::MAX)?;
                }
                "ROUNDEC" => ignored.push(word),
                "ENCODING" => {
                    self.take_word("AS");
                    self.choice("encoding", &[("UTF8", ())])?;
                }
                "AVRO" | "ORC" | "RCFILE" | "SEQUENCEFILE" | "SHAPEFILE" => {
                    return Err(refused(word, span, "write the data as PARQUET, CSV or JSON"));
                }
                "LZOP" => return Err(refused(word, span, "compress with GZIP, BZIP2 or ZSTD")),
                "EXPLICIT_IDS" => {
                    return Err(refused(
                        word,
                        span,
                        "declare the column GENERATED BY DEFAULT AS IDENTITY, and name it",
                    ));
                }
                "READRATIO" | "SSH" | "ENCRYPTED" => {
                    return Err(refused(word, span, "name files in a folder or on s3://"));
                }
                _ => return Err(no_secrets(word, span)),
            }
        }
        options.format = format.build(start)?;
        Ok((options, ignored))
    }

    /// What follows CSV, JSON or PARQUET.
    fn copy_format(&mut self, word: &'static str, span: Span, format: &mut Format) -> Result<()> {
        if let Some(other) = format.kind.replace(word).filter(|other| *other != word) {
            return Err(invalid_at(span, format!("{word} beside {other}"), "give one format"));
        }
        match word {
            "JSON" => {
                self.take_word("AS");
                let text = self.peek_string(0);
                self.skip(usize::from(text.is_some()));
                format.json = Some(match text.as_deref().map(str::to_ascii_lowercase).as_deref() {
                    None | Some("auto" | "auto ignorecase") => JsonColumns::ByName,
                    Some("noshred") => JsonColumns::Whole,
                    _ => JsonColumns::Paths(text.unwrap_or_default()),
                });
            }
            "FIXEDWIDTH" => format.widths = self.widths()?,
            _ => {}
        }
        Ok(())
    }

    /// `'label:characters, ...'`
    fn widths(&mut self) -> Result<Vec<(String, usize)>> {
        let span = self.span();
        let text = self.string_as("the quoted widths of FIXEDWIDTH")?;
        let width = |part: &str| {
            let (label, width) = part.split_once(':')?;
            let width = width.trim().parse::<usize>().ok().filter(|width| *width > 0)?;
            Some((label.trim().to_owned(), width))
        };
        text.split(',')
            .map(width)
            .collect::<Option<_>>()
            .ok_or_else(|| invalid_at(span, format!("'{text}' names no widths"), "write FIXEDWIDTH 'id:3, name:25'"))
    }

    /// The next option, which must be one of `words` and none that was `seen`, and where it stands. It is consumed.
    pub(super) fn option(
        &mut self,
        statement: &str,
        words: &'static [&'static str],
        seen: &mut Vec<&'static str>,
    ) -> Result<(&'static str, Span)> {
        let span = self.span();
        let Some(word) = self.word() else {
            return Err(self.expected(&format!("an option of {statement}")));
        };
        let Some(option) = words.iter().copied().find(|option| option.eq_ignore_ascii_case(&word)) else {
            return Err(unknown(&format!("option of {statement}:"), &word, span, words.iter().copied()));
        };
        if seen.contains(&option) {
            return Err(invalid_at(span, format!("second {option}"), "give it once"));
        }
        seen.push(option);
        self.skip(1);
        Ok((option, span))
    }

    /// A string literal, which AS may come before.
    pub(super) fn string_as(&mut self, what: &str) -> Result<String> {
        self.take_word("AS");
        self.string(what)
    }

    fn number_as(&mut self, what: &str, most: u64) -> Result<u64> {
        self.take_word("AS");
        self.integer(what, 0..=most)
    }

    /// A format of dates or timestamps; `None` for `'auto'`.
    fn time_format(&mut self, what: &str) -> Result<Option<String>> {
        let format = self.string_as(&format!("'auto' or a quoted format for {what}"))?;
        Ok((!format.eq_ignore_ascii_case("auto")).then_some(format))
    }

    /// One character of ASCII, which may be written `'\t'`, `'\011'` or `'\x09'`, and AS may come before.
    pub(super) fn byte(&mut self, what: &str) -> Result<u8> {
        self.take_word("AS");
        let span = self.span();
        let text = self.string(what)?;
        let code = |digits: &str, radix| u8::from_str_radix(digits, radix).ok();
        let byte = match (text.as_bytes(), text.strip_prefix('\\')) {
            ([byte], _) => Some(*byte),
            (_, Some("t")) => Some(b'\t'),
            (_, Some("\\")) => Some(b'\\'),
            (_, Some(rest)) => rest.strip_prefix('x').map_or_else(|| code(rest, 8), |digits| code(digits, 16)),
            _ => None,
        };
        byte.filter(|byte| byte.is_ascii() && !matches!(byte, b'\n' | b'\r')).ok_or_else(|| {
            invalid_at(span, format!("'{text}' is not one character of ASCII"), "write one such as ',' or '\\t'")
        })
    }

    /// Names with commas between them, up to the closing bracket, which is consumed.
    pub(super) fn idents(&mut self, what: &str) -> Result<Vec<datafusion::sql::sqlparser::ast::Ident>> {
        let mut names = vec![self.ident(what)?];
        while self.take_symbol(',') {
            names.push(self.ident(what)?);
        }
        self.expect_symbol(')').map(|()| names)
    }
}

/// The error of an option that carries a secret.
pub(super) fn no_secrets(word: &str, span: Span) -> datafusion::error::DataFusionError {
    invalid_at(
        span,
        format!("{word} is not supported, so that no secret stands in a statement"),
        "write IAM_ROLE default and set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment",
    )
}

/// The error of an option of Redshift's that there is not here.
pub(super) fn refused(word: &str, span: Span, remedy: &str) -> datafusion::error::DataFusionError {
    invalid_at(span, format!("{word} is not supported"), remedy)
}

impl Format {
    fn build(self, span: Span) -> Result<CopyFormat> {
        let quotes = self.quote.is_some() || self.removes_quotes;
        let separates = self.delimiter.is_some() || quotes || self.escape.is_some();
        Ok(match self.kind {
            Some(kind @ ("JSON" | "PARQUET" | "FIXEDWIDTH")) if separates => {
                let fact = format!("DELIMITER, QUOTE, REMOVEQUOTES or ESCAPE beside {kind}");
                return Err(invalid_at(span, fact, "leave it out"));
            }
            Some("CSV") => {
                let quotes = Quotes::Csv(self.quote.unwrap_or(b'"'));
                CopyFormat::Text { delimiter: self.delimiter.unwrap_or(b','), quotes, escape: None }
            }
            Some("PARQUET") => CopyFormat::Parquet,
            Some("FIXEDWIDTH") => CopyFormat::FixedWidth(self.widths),
            Some(_) => CopyFormat::Json(self.json.unwrap_or(JsonColumns::ByName)),
            None => {
                let quotes = match (self.quote, self.removes_quotes) {
                    (Some(quote), _) => Quotes::Csv(quote),
                    (None, true) => Quotes::Removed,
                    (None, false) => Quotes::Kept,
                };
                CopyFormat::Text { delimiter: self.delimiter.unwrap_or(b'|'), quotes, escape: self.escape }
            }
        })
    }
}
