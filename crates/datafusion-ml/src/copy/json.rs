//! Splits a stream of JSON objects into objects, and an object into the texts of columns.

use serde_json::{Map, Value};

/// The state between two pieces of a file.
#[derive(Default)]
pub(super) struct JsonReader {
    object: Vec<u8>,
    depth: usize,
    in_string: bool,
    after_backslash: bool,
    line: u64,
    object_line: u64,
}

impl JsonReader {
    /// Takes the next bytes and hands on the text of each object that ends in them, with the line it begins at. What stands
    /// between two objects is passed over.
    pub(super) fn push<E>(
        &mut self,
        input: &[u8],
        mut object: impl FnMut(u64, &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        for byte in input.iter().copied() {
            self.line += u64::from(byte == b'\n');
            if self.depth == 0 && byte != b'{' {
                continue;
            }
            if self.depth == 0 {
                self.object_line = self.line + 1;
            }
            self.object.push(byte);
            match byte {
                _ if std::mem::take(&mut self.after_backslash) => {}
                b'\\' if self.in_string => self.after_backslash = true,
                b'"' => self.in_string = !self.in_string,
                b'{' if !self.in_string => self.depth += 1,
                b'}' if !self.in_string => {
                    self.depth -= 1;
                    if self.depth == 0 {
                        let outcome = object(self.object_line, &self.object);
                        self.object.clear();
                        outcome?;
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The line at which an object begins that does not end.
    pub(super) fn unfinished(&self) -> Option<u64> {
        (self.depth > 0).then_some(self.object_line)
    }
}

/// The text of a column in an object: its attribute of that name, in any case; `None` for null and where there is none.
pub(super) fn text_of(object: &Map<String, Value>, column: &str) -> Option<String> {
    let value = object
        .get(column)
        .or_else(|| object.iter().find(|(name, _)| name.eq_ignore_ascii_case(column)).map(|(_, value)| value));
    match value? {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_told_apart_however_they_are_laid_out() {
        let text = "[{\"a\": \"}\\\"{\"},\n\n{\"b\":\n {\"c\": 1}}] {";
        for size in 1..text.len() {
            let (mut reader, mut found) = (JsonReader::default(), Vec::new());
            for piece in text.as_bytes().chunks(size) {
                let take = |line, object: &[u8]| {
                    found.push((line, String::from_utf8(object.to_vec()).unwrap()));
                    Ok::<(), ()>(())
                };
                reader.push(piece, take).unwrap();
            }
            let expected = [(1, "{\"a\": \"}\\\"{\"}".to_owned()), (3, "{\"b\":\n {\"c\": 1}}".to_owned())];
            assert_eq!(found, expected);
            assert_eq!(reader.unfinished(), Some(4));
        }
    }
}
