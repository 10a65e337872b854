//! Splits a file into records of texts.

use std::borrow::Cow;

use datafusion::error::Result;

use super::delimited::{DelimitedReader, Record, Separators};
use super::json::{JsonReader, Piece};
use super::load::Rows;
use crate::sql::{CopyFormat, CopyOptions, Quotes};

/// Splits one file into records.
pub(super) struct Splitter<'a> {
    file: &'a str,
    reader: Reader<'a>,
    /// So many records at the start are headers.
    headers: u64,
}

enum Reader<'a> {
    Lines {
        reader: DelimitedReader,
        /// How many characters each value has, if there are no delimiters.
        widths: &'a [(String, usize)],
    },
    Json(JsonReader),
}

impl<'a> Splitter<'a> {
    /// A splitter of a file from which so many columns are loaded.
    pub(super) fn new(options: &'a CopyOptions, columns: usize, file: &'a str) -> Self {
        let empty_lines_count = columns == 1 && !options.ignore_blank_lines;
        let reader = match &options.format {
            CopyFormat::Text { delimiter, quotes, escape } => {
                let (delimiter, quotes, escape) = (Some(*delimiter), *quotes, *escape);
                let separators = Separators { delimiter, quotes, escape, empty_lines_count };
                Reader::Lines { reader: DelimitedReader::new(separators), widths: &[] }
            }
            CopyFormat::FixedWidth(widths) => {
                let separators = Separators { delimiter: None, quotes: Quotes::Kept, escape: None, empty_lines_count };
                Reader::Lines { reader: DelimitedReader::new(separators), widths }
            }
            CopyFormat::Json(_) | CopyFormat::Parquet => Reader::Json(JsonReader::new()),
        };
        Self { file, reader, headers: options.ignore_header }
    }

    /// Takes the next bytes of the file.
    pub(super) fn push(&mut self, bytes: &[u8], rows: &mut Rows<'_>) -> Result<()> {
        let (file, headers) = (self.file, &mut self.headers);
        match &mut self.reader {
            Reader::Lines { reader, widths } => reader.push(bytes, |record| take(rows, file, &record, widths, headers)),
            Reader::Json(reader) => reader.push(bytes, |line, piece| take_json(rows, file, line, &piece)),
        }
    }

    /// Ends the file.
    pub(super) fn finish(&mut self, rows: &mut Rows<'_>) -> Result<()> {
        let (file, headers) = (self.file, &mut self.headers);
        match &mut self.reader {
            Reader::Lines { reader, widths } => {
                match reader.finish(|record| take(rows, file, &record, widths, headers))? {
                    true => Ok(()),
                    false => rows.reject(file, reader.record_line(), "a quote that is not closed"),
                }
            }
            Reader::Json(reader) => reader.finish(|line, piece| take_json(rows, file, line, &piece)),
        }
    }
}

fn take(
    rows: &mut Rows<'_>,
    file: &str,
    record: &Record<'_>,
    widths: &[(String, usize)],
    headers: &mut u64,
) -> Result<()> {
    if *headers > 0 {
        *headers -= 1;
        return Ok(());
    }
    if widths.is_empty() {
        return rows.take(file, record.line, &record.values().collect::<Vec<_>>());
    }
    let line = record.values().next().unwrap_or_default();
    match at_widths(line, widths) {
        Ok(values) => rows.take(file, record.line, &values),
        Err(characters) => {
            let expected: usize = widths.iter().map(|(_, width)| width).sum();
            rows.reject(file, record.line, &format!("{characters} characters where FIXEDWIDTH has {expected}"))
        }
    }
}

/// The values of a line, of so many characters each; the line may end within them. Fails with the characters of a line that
/// is longer.
fn at_widths<'l>(line: &'l [u8], widths: &[(String, usize)]) -> Result<Vec<&'l [u8]>, usize> {
    // In UTF-8 a byte that begins with the bits 10 continues a character.
    let starts: Vec<usize> = (0..line.len()).filter(|position| line[*position] & 0xC0 != 0x80).collect();
    let (mut values, mut from) = (Vec::with_capacity(widths.len()), 0);
    for (_, width) in widths {
        if from >= starts.len() && !values.is_empty() {
            break;
        }
        let until = from + width;
        let end = starts.get(until).copied().unwrap_or(line.len());
        values.push(&line[starts.get(from).copied().unwrap_or(line.len())..end]);
        from = until;
    }
    if from < starts.len() { Err(starts.len()) } else { Ok(values) }
}

fn take_json(rows: &mut Rows<'_>, file: &str, line: u64, piece: &Piece<'_>) -> Result<()> {
    match piece {
        Piece::Object(object) => rows.take_object(file, line, object),
        Piece::Fault(fact) => rows.reject(file, line, fact),
    }
}

/// The text in bytes, in which `replacement` stands for each byte that is no part of one; `None` if it is none otherwise.
pub(super) fn text_in(bytes: &[u8], replacement: Option<char>) -> Option<Cow<'_, str>> {
    match (std::str::from_utf8(bytes), replacement) {
        (Ok(text), _) => Some(text.into()),
        (Err(_), Some(replacement)) => {
            let mut text = String::with_capacity(bytes.len());
            for chunk in bytes.utf8_chunks() {
                text.push_str(chunk.valid());
                text.extend(std::iter::repeat_n(replacement, chunk.invalid().len()));
            }
            Some(text.into())
        }
        (Err(_), None) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_so_many_characters() {
        let widths = [("a".to_owned(), 2), ("b".to_owned(), 3)];
        let split = |line: &'static str| {
            at_widths(line.as_bytes(), &widths)
                .map(|values| values.into_iter().map(|value| std::str::from_utf8(value).unwrap()).collect::<Vec<_>>())
        };
        assert_eq!(split("12abc"), Ok(vec!["12", "abc"]));
        assert_eq!(split("é2ü"), Ok(vec!["é2", "ü"]));
        assert_eq!(split("12"), Ok(vec!["12"]));
        assert_eq!(split(""), Ok(vec![""]));
        assert_eq!(split("12abcd"), Err(6));
    }

    #[test]
    fn bytes_that_are_no_text_are_replaced_one_by_one() {
        assert_eq!(text_in(b"a\xff\xe2\x82b", Some('?')).as_deref(), Some("a???b"));
        assert_eq!(text_in("a\u{fffd}".as_bytes(), Some('?')).as_deref(), Some("a\u{fffd}"));
        assert_eq!(text_in(b"a\xff", None), None);
    }
}
