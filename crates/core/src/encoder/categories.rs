//! The categories of a column: distinct texts and the way from a text to its code.

use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use arrow::array::{AnyDictionaryArray, Array, AsArray};
use arrow::datatypes::DataType;
use serde::{Deserialize, Serialize};

use super::distinct::hash_bytes;
use crate::{Error, Result};

/// Longer texts are known by their beginning and a hash.
const MAX_TEXT_BYTES: usize = 128;

/// Distinct texts in the order that gives them their codes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<String>", into = "Vec<String>")]
pub struct Categories {
    names: Vec<String>,
    codes: TextMap<u32>,
}

/// Something for each of several texts.
pub(crate) type TextMap<T> = HashMap<String, T, BuildHasherDefault<TextHasher>>;

/// The hash of a text that is the same in every process.
#[derive(Debug, Default)]
pub(crate) struct TextHasher(u64);

impl Hasher for TextHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 ^= hash_bytes(bytes);
    }

    fn write_u8(&mut self, _: u8) {}
}

/// The code of one value of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// A known category.
    Known(u32),
    /// A text that training never saw.
    Unseen,
    /// NULL.
    Missing,
}

impl From<Vec<String>> for Categories {
    fn from(names: Vec<String>) -> Self {
        let codes = names.iter().enumerate().map(|(code, name)| (name.clone(), code as u32)).collect();
        Self { names, codes }
    }
}

impl From<Categories> for Vec<String> {
    fn from(categories: Categories) -> Self {
        categories.names
    }
}

impl Categories {
    /// The texts, each at its code.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The code of one text.
    pub fn code(&self, name: &str) -> Option<u32> {
        match self.codes.get(name) {
            Some(code) => Some(*code),
            None if name.len() > MAX_TEXT_BYTES => self.codes.get(shortened(name).as_ref()).copied(),
            None => None,
        }
    }

    /// The code of every row of a column of text; a dictionary is looked up once per distinct value.
    pub fn codes(&self, array: &dyn Array) -> Result<Vec<Code>> {
        let code = |text: Option<&str>| match text {
            None => Code::Missing,
            Some(text) => self.code(text).map_or(Code::Unseen, Code::Known),
        };
        if let Some(dictionary) = array.as_any_dictionary_opt() {
            let values = self.codes(dictionary.values().as_ref())?;
            return Ok(keys(dictionary)
                .into_iter()
                .enumerate()
                .map(|(row, key)| if array.is_null(row) { Code::Missing } else { values[key] })
                .collect());
        }
        let mut codes = Vec::with_capacity(array.len());
        for_each_text(array, &mut |text| codes.push(code(text)))?;
        Ok(codes)
    }
}

/// The key of every row; any number where it is NULL.
pub(crate) fn keys(dictionary: &dyn AnyDictionaryArray) -> Vec<usize> {
    if dictionary.values().is_empty() { vec![0; dictionary.len()] } else { dictionary.normalized_keys() }
}

/// The text, or its beginning and a hash of the whole if it is long.
pub(crate) fn shortened(text: &str) -> Cow<'_, str> {
    if text.len() <= MAX_TEXT_BYTES {
        return Cow::Borrowed(text);
    }
    let beginning = &text[..text.floor_char_boundary(MAX_TEXT_BYTES / 2)];
    Cow::Owned(format!("{beginning}…{:016x}", hash_bytes(text.as_bytes())))
}

/// Calls `f` with the text of every row, `None` for NULL. Takes every string type, and NULLs without a type.
pub(crate) fn for_each_text(array: &dyn Array, f: &mut dyn FnMut(Option<&str>)) -> Result<()> {
    match array.data_type() {
        DataType::Utf8 => array.as_string::<i32>().iter().for_each(f),
        DataType::LargeUtf8 => array.as_string::<i64>().iter().for_each(f),
        DataType::Utf8View => array.as_string_view().iter().for_each(f),
        DataType::Null => (0..array.len()).for_each(|_| f(None)),
        DataType::Dictionary(_, _) => {
            let dictionary = array.as_any_dictionary();
            let mut values = Vec::with_capacity(dictionary.values().len());
            for_each_text(dictionary.values().as_ref(), &mut |text| values.push(text.map(str::to_owned)))?;
            for (row, key) in keys(dictionary).into_iter().enumerate() {
                f(if array.is_null(row) { None } else { values[key].as_deref() });
            }
        }
        other => return Err(Error::internal(format!("a column of {other} is not text"))),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{DictionaryArray, StringArray, StringViewArray};
    use arrow::datatypes::Int32Type;

    #[test]
    fn every_string_type_has_the_same_codes() {
        let categories = Categories::from(vec!["a".to_owned(), "b".to_owned()]);
        let rows = vec![Some("b"), None, Some("z"), Some("a")];
        let expected = [Code::Known(1), Code::Missing, Code::Unseen, Code::Known(0)];
        assert_eq!(categories.codes(&StringArray::from(rows.clone())).unwrap(), expected);
        assert_eq!(categories.codes(&StringViewArray::from(rows.clone())).unwrap(), expected);
        let dictionary: DictionaryArray<Int32Type> = rows.into_iter().collect();
        assert_eq!(categories.codes(&dictionary).unwrap(), expected);
    }
}
