//! Splits lines of values into records, as their bytes come in.

use crate::sql::Quotes;

/// Where in a value the reader is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// Before its first byte.
    Start,
    /// In it, outside of quotes.
    Plain,
    /// Inside quotes.
    Quoted,
    /// After a quote inside quotes: the end of them, or the first of two.
    QuoteInQuotes,
    /// After the character that takes away the meaning of the next.
    Escaped,
    /// The same inside quotes.
    EscapedInQuotes,
}

/// What separates values and records.
#[derive(Debug, Clone, Copy)]
pub(super) struct Separators {
    /// Between two values; without one a line is a value.
    pub(super) delimiter: Option<u8>,
    /// What may be around a value.
    pub(super) quotes: Quotes,
    /// Takes away the meaning of the next character.
    pub(super) escape: Option<u8>,
    /// Whether an empty line is a record of one empty value, and not nothing.
    pub(super) empty_lines_count: bool,
}

/// One record: its values as bytes, and the line that it begins at.
pub(super) struct Record<'a> {
    pub(super) line: u64,
    bytes: &'a [u8],
    ends: &'a [usize],
}

impl<'a> Record<'a> {
    /// Its values.
    pub(super) fn values(&self) -> impl Iterator<Item = &'a [u8]> {
        let (bytes, ends) = (self.bytes, self.ends);
        let starts = std::iter::once(0).chain(ends.iter().copied());
        starts.zip(ends).map(|(start, end)| &bytes[start..*end])
    }
}

/// The state between two pieces of a file.
pub(super) struct DelimitedReader {
    separators: Separators,
    at: At,
    /// The quote that ends the value in quotes.
    quote: u8,
    /// The last byte was a carriage return that ended a record: a line feed after it is part of that end.
    after_return: bool,
    /// The line that the reader is in, from 1.
    line: u64,
    record_line: u64,
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl DelimitedReader {
    /// A reader at the start of a file.
    pub(super) fn new(separators: Separators) -> Self {
        Self {
            separators,
            at: At::Start,
            quote: 0,
            after_return: false,
            line: 1,
            record_line: 1,
            bytes: Vec::new(),
            ends: Vec::new(),
        }
    }

    /// Takes the next bytes and hands on the records that end in them.
    pub(super) fn push<E>(
        &mut self,
        mut input: &[u8],
        mut record: impl FnMut(Record<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        if self.line == 1 && self.bytes.is_empty() && self.ends.is_empty() && self.at == At::Start {
            input = input.strip_prefix("\u{feff}".as_bytes()).unwrap_or(input);
        }
        for byte in input.iter().copied() {
            if std::mem::take(&mut self.after_return) && byte == b'\n' {
                continue;
            }
            let Separators { delimiter, quotes, escape, empty_lines_count } = self.separators;
            match self.at {
                At::Escaped => {
                    if byte == b'N' && self.bytes.len() == self.ends.last().copied().unwrap_or(0) {
                        self.bytes.push(b'\\');
                    }
                    self.take(byte, At::Plain);
                }
                At::EscapedInQuotes => self.take(byte, At::Quoted),
                At::Quoted if byte == self.quote => self.at = At::QuoteInQuotes,
                At::Quoted if Some(byte) == escape => self.at = At::EscapedInQuotes,
                At::Quoted => self.take(byte, At::Quoted),
                At::QuoteInQuotes if byte == self.quote => self.take(byte, At::Quoted),
                At::Start if quotes.may_be(byte) => {
                    self.quote = byte;
                    self.at = At::Quoted;
                }
                _ if Some(byte) == delimiter => self.end_value(),
                _ if byte == b'\n' || byte == b'\r' => {
                    self.after_return = byte == b'\r';
                    if empty_lines_count || !self.is_empty_line() {
                        self.end_record(&mut record)?;
                    }
                    self.line += 1;
                    self.record_line = self.line;
                }
                _ if Some(byte) == escape => self.at = At::Escaped,
                _ => self.take(byte, At::Plain),
            }
        }
        Ok(())
    }

    /// Hands on the last record, which may have no end of line; false if the file ends inside quotes.
    pub(super) fn finish<E>(&mut self, mut record: impl FnMut(Record<'_>) -> Result<(), E>) -> Result<bool, E> {
        if matches!(self.at, At::Quoted | At::EscapedInQuotes) {
            return Ok(false);
        }
        if !self.is_empty_line() {
            self.end_record(&mut record)?;
        }
        Ok(true)
    }

    /// The line that the record begins at which is being read.
    pub(super) fn record_line(&self) -> u64 {
        self.record_line
    }

    fn take(&mut self, byte: u8, at: At) {
        self.line += u64::from(byte == b'\n');
        self.bytes.push(byte);
        self.at = at;
    }

    fn is_empty_line(&self) -> bool {
        self.ends.is_empty() && self.at == At::Start
    }

    fn end_value(&mut self) {
        self.ends.push(self.bytes.len());
        self.at = At::Start;
    }

    fn end_record<E>(&mut self, record: &mut impl FnMut(Record<'_>) -> Result<(), E>) -> Result<(), E> {
        self.end_value();
        let outcome = record(Record { line: self.record_line, bytes: &self.bytes, ends: &self.ends });
        self.bytes.clear();
        self.ends.clear();
        outcome
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CSV: Separators =
        Separators { delimiter: Some(b','), quotes: Quotes::Csv(b'"'), escape: Some(b'\\'), empty_lines_count: false };

    fn check(csv: &str, expected: &[(u64, &[&str])]) {
        check_with(CSV, csv, expected);
    }

    /// The records with their lines, whole and cut into pieces of every size.
    fn check_with(separators: Separators, csv: &str, expected: &[(u64, &[&str])]) {
        for size in 1..=csv.len() {
            let mut found = Vec::new();
            let mut reader = DelimitedReader::new(separators);
            let mut take = |record: Record<'_>| {
                let values = record.values().map(|value| String::from_utf8(value.to_vec()).unwrap());
                found.push((record.line, values.collect::<Vec<_>>()));
                Ok::<(), ()>(())
            };
            for piece in csv.as_bytes().chunks(size) {
                reader.push(piece, &mut take).unwrap();
            }
            assert!(reader.finish(&mut take).unwrap());
            let owned = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>();
            let expected = expected.iter().map(|(line, values)| (*line, owned(values)));
            assert_eq!(found, expected.collect::<Vec<_>>(), "in pieces of {size}");
        }
    }

    #[test]
    fn values_may_be_quoted_and_hold_quotes_delimiters_and_ends_of_lines() {
        check("a,\"b,\"\"c\"\"\nd\",\nx,,\"\"", &[(1, &["a", "b,\"c\"\nd", ""]), (3, &["x", "", ""])]);
    }

    #[test]
    fn lines_end_in_any_way_and_empty_ones_are_none() {
        check("a\r\nb\n\n\rc", &[(1, &["a"]), (2, &["b"]), (5, &["c"])]);
        let counted = Separators { empty_lines_count: true, ..CSV };
        check_with(counted, "a\n\r\nb\n", &[(1, &["a"]), (2, &[""]), (3, &["b"])]);
    }

    #[test]
    fn an_escaped_character_has_no_meaning_of_its_own() {
        check("a\\,b,\\N,c\\\nd\ne", &[(1, &["a,b", "\\N", "c\nd"]), (3, &["e"])]);
        check("\"a\\\",\",b", &[(1, &["a\",", "b"])]);
    }

    #[test]
    fn quotes_of_either_kind_are_removed() {
        let removed = Separators { quotes: Quotes::Removed, ..CSV };
        check_with(removed, "'a,\"b\"',\"it's\",it's\n", &[(1, &["a,\"b\"", "it's", "it's"])]);
    }

    #[test]
    fn without_a_delimiter_a_line_is_a_value() {
        let lines = Separators { delimiter: None, quotes: Quotes::Kept, escape: None, empty_lines_count: false };
        check_with(lines, "a,\"b\n\\c", &[(1, &["a,\"b"]), (2, &["\\c"])]);
    }

    #[test]
    fn a_quote_that_is_not_closed_is_told() {
        let mut reader = DelimitedReader::new(Separators { escape: None, ..CSV });
        reader.push(b"a\n\"b\nc", |_| Ok::<(), ()>(())).unwrap();
        assert_eq!((reader.finish(|_| Ok::<(), ()>(())), reader.record_line()), (Ok(false), 2));
    }
}
