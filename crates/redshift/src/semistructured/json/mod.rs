//! JSON text, read where it stands: a path costs one scan of the text, builds no tree, and keeps numbers to the last digit.
//!
//! The text of a SUPER value has been checked when it was made; of text that is not JSON every answer is `None`. Nothing
//! here recurses along the text, so that no depth of nesting is too much.

mod key;
mod order;
mod write;

use std::borrow::Cow;

pub use key::compact;
pub(crate) use key::push_key;
pub(crate) use order::{compare, push_order_key};
pub(crate) use write::{push_string, texts};

/// A value, with the text of what is inside it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Json<'a> {
    Null,
    Bool(bool),
    Number(&'a str),
    String(Cow<'a, str>),
    Array(&'a str),
    Object(&'a str),
}

impl<'a> Json<'a> {
    /// The value of the text; `None` if it cannot be one.
    pub(crate) fn read(text: &'a str) -> Option<Self> {
        let text = text.trim_matches(is_blank);
        match *text.as_bytes().first()? {
            b'n' if text == "null" => Some(Self::Null),
            b't' if text == "true" => Some(Self::Bool(true)),
            b'f' if text == "false" => Some(Self::Bool(false)),
            b'"' => unquoted(text).map(Self::String),
            b'[' => Some(Self::Array(text)),
            b'{' => Some(Self::Object(text)),
            b'-' | b'0'..=b'9' => Some(Self::Number(text)),
            _ => None,
        }
    }

    /// The kind of value, in JSON_TYPEOF's words.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "boolean",
            Self::Number(_) => "number",
            Self::String(_) => "string",
            Self::Array(_) => "array",
            Self::Object(_) => "object",
        }
    }
}

/// What a value says: a string without its quotes, anything else as it is written, without blanks; `None` for null and of text
/// that is not JSON.
pub fn text_of_json(text: &str) -> Option<String> {
    match Json::read(text)? {
        Json::Null => None,
        Json::String(text) => Some(text.into_owned()),
        Json::Bool(_) | Json::Number(_) => Some(text.trim_matches(is_blank).to_owned()),
        Json::Array(text) | Json::Object(text) => Some(compact(text)),
    }
}

/// The attribute's text, of several of that name the first. `None` if this is no object, or has no such attribute.
pub fn attribute<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    entries(text).find(|(key, _)| key == name).map(|(_, value)| value)
}

/// The text at a position that counts from 0. `None` if this is no array, or has no such position.
pub fn element(text: &str, index: i64) -> Option<&str> {
    elements(text).nth(usize::try_from(index).ok()?)
}

/// The texts in an array; none of anything else.
pub(crate) fn elements(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Cursor::inside(text, b'[', b']');
    std::iter::from_fn(move || rest.as_mut()?.item())
}

/// The names and texts in an object; none of anything else.
pub fn entries(text: &str) -> impl Iterator<Item = (Cow<'_, str>, &str)> {
    let mut rest = Cursor::inside(text, b'{', b'}');
    std::iter::from_fn(move || {
        let rest = rest.as_mut()?;
        let name = unquoted(rest.value()?)?;
        rest.take(b':')?;
        Some((name, rest.item()?))
    })
}

/// The text with other names of attributes, at every depth.
pub(crate) fn map_names(text: &str, map: fn(&str) -> String) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('"') {
        let end = end_of_string(rest.as_bytes(), start).unwrap_or(rest.len()).min(rest.len());
        let (before, quoted, after) = (&rest[..start], &rest[start..end], &rest[end..]);
        out.push_str(before);
        match unquoted(quoted).filter(|_| after.trim_start_matches(is_blank).starts_with(':')) {
            Some(name) => push_string(&map(&name), &mut out),
            None => out.push_str(quoted),
        }
        rest = after;
    }
    out + rest
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

/// What a quoted text says.
fn unquoted(text: &str) -> Option<Cow<'_, str>> {
    let inner = text.strip_prefix('"')?.strip_suffix('"')?;
    match inner.contains('\\') {
        false => Some(Cow::Borrowed(inner)),
        true => serde_json::from_str(text).ok().map(Cow::Owned),
    }
}

/// A place in the text of an array or an object.
struct Cursor<'a> {
    text: &'a str,
    at: usize,
    close: u8,
}

impl<'a> Cursor<'a> {
    fn inside(text: &'a str, open: u8, close: u8) -> Option<Self> {
        let mut cursor = Self { text, at: 0, close };
        cursor.take(open)?;
        Some(cursor)
    }

    /// The byte here, past blanks.
    fn peek(&mut self) -> Option<u8> {
        let rest = self.text.as_bytes().get(self.at..)?;
        let blanks = rest.iter().take_while(|byte| is_blank(**byte as char)).count();
        self.at += blanks;
        rest.get(blanks).copied()
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    /// The value here and the comma after it; `None` at the end, and from then on.
    fn item(&mut self) -> Option<&'a str> {
        if self.peek()? == self.close {
            return None;
        }
        let value = self.value()?;
        if self.peek() == Some(b',') {
            self.at += 1;
        }
        Some(value)
    }

    /// The value here.
    fn value(&mut self) -> Option<&'a str> {
        let first = self.peek()?;
        let start = self.at;
        let bytes = self.text.as_bytes();
        match first {
            b'"' => self.at = end_of_string(bytes, start)?,
            b'[' | b'{' => {
                let mut depth = 0usize;
                loop {
                    match *bytes.get(self.at)? {
                        b'"' => self.at = end_of_string(bytes, self.at)? - 1,
                        b'[' | b'{' => depth += 1,
                        b']' | b'}' => depth = depth.checked_sub(1)?,
                        _ => {}
                    }
                    self.at += 1;
                    if depth == 0 {
                        break;
                    }
                }
            }
            _ => {
                let ends = |byte: &u8| matches!(*byte, b',' | b']' | b'}' | b':') || is_blank(*byte as char);
                self.at += bytes[start..].iter().position(ends).unwrap_or(bytes.len() - start);
            }
        }
        (self.at > start).then(|| self.text.get(start..self.at)).flatten()
    }
}

/// The place after the string that starts here.
fn end_of_string(bytes: &[u8], start: usize) -> Option<usize> {
    let mut at = start + 1;
    loop {
        match *bytes.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#" {"a" : [1, {"b]": "x\"}"}, 2.50 ], "é\n": null, "c":{}} "#;

    #[test]
    fn a_path_finds_the_text_as_it_stands() {
        let a = attribute(TEXT, "a").unwrap();
        assert_eq!(a, r#"[1, {"b]": "x\"}"}, 2.50 ]"#);
        assert_eq!(element(a, 2), Some("2.50"));
        assert_eq!(attribute(element(a, 1).unwrap(), "b]"), Some(r#""x\"}""#));
        assert_eq!(attribute(TEXT, "é\n"), Some("null"));
        assert_eq!(attribute(TEXT, "c"), Some("{}"));
    }

    #[test]
    fn what_is_not_there_is_none() {
        assert_eq!(attribute(TEXT, "b"), None);
        assert_eq!(attribute("[1]", "a"), None);
        assert_eq!(element(TEXT, 0), None);
        assert_eq!(element("[1,2]", 2), None);
        assert_eq!(element("[1,2]", -1), None);
        assert_eq!(element("[]", 0), None);
        assert_eq!(entries("{}").count(), 0);
    }

    #[test]
    fn text_that_is_no_json_ends_without_an_answer() {
        for text in ["", " ", "[", "{", "[1", "{\"a", "{\"a\":", "{\"a\\", "]", "[,", "[[[", "{1:2}", "nul", "\"", "é"]
        {
            assert!(attribute(text, "a").is_none(), "{text}");
            let _ = (elements(text).count(), entries(text).count(), Json::read(text));
        }
    }

    #[test]
    fn names_are_mapped_at_every_depth() {
        let mapped = map_names(r#"{"Aé": [{"B\"": "C"}, "D:"] , "e" :1}"#, |name| name.to_uppercase());
        assert_eq!(mapped, r#"{"AÉ": [{"B\"": "C"}, "D:"] , "E" :1}"#);
        assert_eq!(map_names("\"a", |name| name.to_uppercase()), "\"a");
    }

    #[test]
    fn depth_is_no_matter() {
        let deep = format!("{}1{}", "[".repeat(200_000), "]".repeat(200_000));
        assert_eq!(elements(&deep).count(), 1);
    }
}
