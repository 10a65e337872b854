//! Splits a stream of JSON objects into objects, and an object into the texts of columns.

use std::borrow::Cow;

use datafusion_ml_redshift::json::entries;

/// So deep may objects and arrays lie in each other, as for the parser that reads them later.
const MAX_DEPTH: usize = 128;

/// What a stream of JSON consists of.
pub(super) enum Piece<'a> {
    /// The text of an object.
    Object(&'a [u8]),
    /// What is wrong with something that is none.
    Fault(&'static str),
}

/// The state between two pieces of a file.
///
/// An object whose brackets do not match may take no other with it: after one, the reader goes on behind the first end of
/// line in it, where a brace is the first in a line and stands no further in than that of the broken object.
#[derive(Default)]
pub(super) struct JsonReader {
    object: Vec<u8>,
    /// The brackets that are open, in order.
    open: Vec<u8>,
    in_string: bool,
    after_backslash: bool,
    /// The last byte that is neither white space nor in a string.
    last: u8,
    /// How many ends of lines have been read.
    line: u64,
    /// How many bytes of the line have been read, and whether they are blanks.
    column: usize,
    is_indent: bool,
    object_line: u64,
    object_column: usize,
    /// An object begins at most so far in.
    resumes_before: Option<usize>,
}

impl JsonReader {
    /// A reader at the start of a file.
    pub(super) fn new() -> Self {
        Self { is_indent: true, ..Self::default() }
    }

    /// Takes the next bytes and hands on what ends in them, with the line it begins at. Between objects there may be white
    /// space, commas and the brackets of an array.
    pub(super) fn push<E>(
        &mut self,
        input: &[u8],
        mut take: impl FnMut(u64, Piece<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let is_start = self.line == 0 && self.column == 0 && self.open.is_empty();
        let input = input.strip_prefix("\u{feff}".as_bytes()).filter(|_| is_start).unwrap_or(input);
        // The input, and on top of it what is read once more.
        let mut pieces: Vec<(Cow<'_, [u8]>, usize)> = vec![(Cow::Borrowed(input), 0)];
        while let Some((bytes, start)) = pieces.pop() {
            let mut broken_at = None;
            for (position, byte) in bytes.iter().copied().enumerate().skip(start) {
                if !self.fits(byte) {
                    broken_at = Some(position);
                    break;
                }
                self.read(byte, &mut take)?;
            }
            if let Some(position) = broken_at {
                pieces.push((bytes, position));
                pieces.push((Cow::Owned(self.give_up(&mut take)?), 0));
            }
        }
        Ok(())
    }

    /// Ends the file, also inside an object.
    pub(super) fn finish<E>(&mut self, mut take: impl FnMut(u64, Piece<'_>) -> Result<(), E>) -> Result<(), E> {
        while !self.open.is_empty() {
            let rest = self.give_up(&mut take)?;
            self.push(&rest, &mut take)?;
        }
        Ok(())
    }

    /// Whether the byte may come next in the object that is being read.
    fn fits(&self, byte: u8) -> bool {
        let Some(open) = self.open.last() else { return true };
        match byte {
            b'\n' => !self.in_string,
            _ if self.in_string => true,
            b'{' | b'[' => {
                let is_value = self.last == b':' || *open == b'[' && matches!(self.last, b'[' | b',');
                is_value && self.open.len() < MAX_DEPTH
            }
            b'}' => *open == b'{',
            b']' => *open == b'[',
            _ => true,
        }
    }

    fn read<E>(&mut self, byte: u8, take: &mut impl FnMut(u64, Piece<'_>) -> Result<(), E>) -> Result<(), E> {
        let (column, is_indent) = (self.column, self.is_indent);
        self.column += 1;
        self.is_indent &= matches!(byte, b' ' | b'\t');
        if byte == b'\n' {
            (self.line, self.column, self.is_indent) = (self.line + 1, 0, true);
        }
        if self.open.is_empty() {
            let may_begin = self.resumes_before.is_none_or(|limit| is_indent && column <= limit);
            match byte {
                b'{' if may_begin => {
                    (self.object_line, self.object_column) = (self.line + 1, column);
                    (self.resumes_before, self.last) = (None, byte);
                    self.object.push(byte);
                    self.open.push(byte);
                }
                b' ' | b'\t' | b'\r' | b'\n' | b',' | b'[' | b']' => {}
                _ if self.resumes_before.is_none() => {
                    self.resumes_before = Some(usize::MAX);
                    return take(self.line + 1, Piece::Fault("what is no JSON object"));
                }
                _ => {}
            }
            return Ok(());
        }
        self.object.push(byte);
        if self.in_string {
            match byte {
                _ if std::mem::take(&mut self.after_backslash) => {}
                b'\\' => self.after_backslash = true,
                b'"' => self.in_string = false,
                _ => {}
            }
            return Ok(());
        }
        match byte {
            b'"' => self.in_string = true,
            b'{' | b'[' => self.open.push(byte),
            b'}' | b']' => drop(self.open.pop()),
            _ => {}
        }
        if !byte.is_ascii_whitespace() {
            self.last = byte;
        }
        if self.open.is_empty() {
            let outcome = take(self.object_line, Piece::Object(&self.object));
            self.object.clear();
            outcome?;
        }
        Ok(())
    }

    /// Tells of the object that is being read, and gives what of it is to be read once more.
    fn give_up<E>(&mut self, take: &mut impl FnMut(u64, Piece<'_>) -> Result<(), E>) -> Result<Vec<u8>, E> {
        let object = std::mem::take(&mut self.object);
        self.open.clear();
        (self.in_string, self.after_backslash) = (false, false);
        self.resumes_before = Some(self.object_column);
        take(self.object_line, Piece::Fault("an object whose brackets or quotes do not match"))?;
        Ok(match object.iter().position(|byte| *byte == b'\n') {
            Some(end) => {
                (self.line, self.column, self.is_indent) = (self.object_line, 0, true);
                object[end + 1..].to_vec()
            }
            None => Vec::new(),
        })
    }
}

/// The attributes of an object, each with its JSON text.
pub(super) struct Attributes<'a>(Vec<(Cow<'a, str>, &'a str)>);

impl<'a> Attributes<'a> {
    /// Those of the object in the text; none if it is no object.
    pub(super) fn of(object: &'a str) -> Self {
        Self(entries(object).collect())
    }

    /// The attribute of that name, of several the last; if there is none, the first whose name differs in case only.
    pub(super) fn get(&self, name: &str) -> Option<&'a str> {
        let exact = self.0.iter().rev().find(|(attribute, _)| attribute == name);
        let found = exact.or_else(|| self.0.iter().find(|(attribute, _)| attribute.eq_ignore_ascii_case(name)));
        found.map(|(_, value)| *value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is found in the text, whole and cut into pieces of every size; `None` stands for a fault.
    fn check(text: &str, expected: &[(u64, Option<&str>)]) {
        for size in 1..=text.len() {
            let (mut reader, mut found) = (JsonReader::new(), Vec::new());
            let mut take = |line, piece: Piece<'_>| {
                found.push((
                    line,
                    match piece {
                        Piece::Object(object) => Some(String::from_utf8(object.to_vec()).unwrap()),
                        Piece::Fault(_) => None,
                    },
                ));
                Ok::<(), ()>(())
            };
            for piece in text.as_bytes().chunks(size) {
                reader.push(piece, &mut take).unwrap();
            }
            reader.finish(&mut take).unwrap();
            let expected = expected.iter().map(|(line, object)| (*line, object.map(str::to_owned)));
            assert_eq!(found, expected.collect::<Vec<_>>(), "{text} in pieces of {size}");
        }
    }

    #[test]
    fn objects_are_told_apart_however_they_are_laid_out() {
        check(
            "[{\"a\": \"}\\\"{\"},\n\n{\"b\":\n {\"c\": [{}, {}]}}] {",
            &[(1, Some("{\"a\": \"}\\\"{\"}")), (3, Some("{\"b\":\n {\"c\": [{}, {}]}}")), (4, None)],
        );
    }

    #[test]
    fn a_broken_object_takes_no_other_with_it() {
        let (two, three) = ((2, Some("{\"id\":2}")), (3, Some("{\"id\":3}")));
        for first in [
            "{\"id\":1",
            "{\"id\":1,",
            "{\"id\":",
            "{\"id\":{\"a\":1}",
            "{\"id\":[1}",
            "{\"id\":\"x}",
            "{\"id\":[[[",
            "{\"id\":1, \"a\" {\"b\": 2}}",
        ] {
            check(&format!("{first}\n{{\"id\":2}}\n{{\"id\":3}}\n"), &[(1, None), two, three]);
        }
        check("{\"id\":2}}\n{\"id\":2}", &[(1, Some("{\"id\":2}")), (1, None), two]);
        check("id: {\"id\":1}\n{\"id\":2}", &[(1, None), two]);
    }

    #[test]
    fn what_lies_in_a_broken_object_is_no_object() {
        check("{\n \"a\": [\n  {\"b\": 1},\n}\n{\"id\":3}\n", &[(1, None), (5, Some("{\"id\":3}"))]);
        check("[\n {\"a\": 1,\n {\"b\": 2}\n]", &[(2, None), (3, Some("{\"b\": 2}"))]);
    }
}
