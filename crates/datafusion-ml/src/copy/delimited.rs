//! Splits lines of values into records, as their bytes come in.

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
}

/// One record: its values as bytes, and the line that it begins at.
pub(super) struct Record<'a> {
    pub(super) line: u64,
    bytes: &'a [u8],
    ends: &'a [usize],
}

impl<'a> Record<'a> {
    /// How many values it has.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Its values.
    pub(super) fn values(&self) -> impl Iterator<Item = &'a [u8]> {
        let (bytes, ends) = (self.bytes, self.ends);
        let starts = std::iter::once(0).chain(ends.iter().copied());
        starts.zip(ends).map(|(start, end)| &bytes[start..*end])
    }
}

/// The state between two pieces of a file.
pub(super) struct DelimitedReader {
    delimiter: u8,
    quote: Option<u8>,
    escape: Option<u8>,
    at: At,
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
    pub(super) fn new(delimiter: u8, quote: Option<u8>, escape: Option<u8>) -> Self {
        Self {
            delimiter,
            quote,
            escape,
            at: At::Start,
            after_return: false,
            line: 1,
            record_line: 1,
            bytes: Vec::new(),
            ends: Vec::new(),
        }
    }

    /// Takes the next bytes and hands on the records that end in them. Empty lines are none.
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
            match self.at {
                At::Escaped => {
                    if byte == b'N' && self.bytes.len() == self.ends.last().copied().unwrap_or(0) {
                        self.bytes.push(b'\\');
                    }
                    self.bytes.push(byte);
                    self.line += u64::from(byte == b'\n');
                    self.at = At::Plain;
                }
                At::Quoted if Some(byte) == self.quote => self.at = At::QuoteInQuotes,
                At::Quoted => {
                    self.line += u64::from(byte == b'\n');
                    self.bytes.push(byte);
                }
                At::QuoteInQuotes if Some(byte) == self.quote => {
                    self.bytes.push(byte);
                    self.at = At::Quoted;
                }
                At::Start if Some(byte) == self.quote => self.at = At::Quoted,
                _ if byte == self.delimiter => self.end_value(),
                _ if byte == b'\n' || byte == b'\r' => {
                    self.after_return = byte == b'\r';
                    self.end_record(&mut record)?;
                    self.line += 1;
                    self.record_line = self.line;
                }
                _ if Some(byte) == self.escape => self.at = At::Escaped,
                _ => {
                    self.bytes.push(byte);
                    self.at = At::Plain;
                }
            }
        }
        Ok(())
    }

    /// Hands on the last record, which may have no end of line; false if the file ends inside quotes.
    pub(super) fn finish<E>(&mut self, mut record: impl FnMut(Record<'_>) -> Result<(), E>) -> Result<bool, E> {
        if self.at == At::Quoted {
            return Ok(false);
        }
        self.end_record(&mut record).map(|()| true)
    }

    /// The line that the record begins at which is being read.
    pub(super) fn record_line(&self) -> u64 {
        self.record_line
    }

    fn end_value(&mut self) {
        self.ends.push(self.bytes.len());
        self.at = At::Start;
    }

    fn end_record<E>(&mut self, record: &mut impl FnMut(Record<'_>) -> Result<(), E>) -> Result<(), E> {
        if self.ends.is_empty() && self.at == At::Start {
            return Ok(());
        }
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

    /// The records with their lines, whole and cut into pieces of every size.
    fn check(csv: &str, expected: &[(u64, &[&str])]) {
        for size in 1..=csv.len() {
            let mut found = Vec::new();
            let mut reader = DelimitedReader::new(b',', Some(b'"'), Some(b'\\'));
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
    }

    #[test]
    fn an_escaped_character_has_no_meaning_of_its_own() {
        check("a\\,b,\\N,c\\\nd\ne", &[(1, &["a,b", "\\N", "c\nd"]), (3, &["e"])]);
    }

    #[test]
    fn a_quote_that_is_not_closed_is_told() {
        let mut reader = DelimitedReader::new(b',', Some(b'"'), None);
        reader.push(b"a\n\"b\nc", |_| Ok::<(), ()>(())).unwrap();
        assert_eq!((reader.finish(|_| Ok::<(), ()>(())), reader.record_line()), (Ok(false), 2));
    }
}
