//! A value as COPY reads it from a line of text.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, StringArray};
use datafusion::arrow::datatypes::DataType;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility};
use datafusion_ml_core::Error;

use crate::error::external;

/// The text of a value, with quotes and backslashes as the options of UNLOAD say. NULL stays NULL. Fails where the text could
/// not be told from a delimiter, an end of line or NULL when it is read again.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct UnloadText {
    signature: Signature,
    column: String,
    delimiter: char,
    quotes: bool,
    escape: bool,
    null: String,
    is_alone: bool,
}

impl UnloadText {
    /// The function for a column, which may be the only one.
    pub(super) fn new(column: &str, delimiter: u8, quotes: bool, escape: bool, null: &str, is_alone: bool) -> Self {
        let (column, null, delimiter) = (column.to_owned(), null.to_owned(), char::from(delimiter));
        let signature = Signature::exact(vec![DataType::Utf8], Volatility::Immutable);
        Self { signature, column, delimiter, quotes, escape, null, is_alone }
    }

    /// The value as it is written; NULL is written elsewhere.
    fn written(&self, value: Option<&str>) -> Result<Option<String>> {
        let Some(value) = value else {
            return match self.is_alone && self.null.is_empty() {
                true => Err(self.unwritable("NULL is an empty line", "add NULL AS 'null', or write CSV")),
                false => Ok(None),
            };
        };
        let is_null = !value.is_empty() && value == self.null || self.null.is_empty() && value == "\\N";
        if is_null {
            let fact = format!("'{value}' would be read as NULL");
            return Err(self.unwritable(&fact, "choose another text for NULL AS"));
        }
        let mut text = String::with_capacity(value.len() + 2);
        for char in value.chars() {
            let separates = match char {
                '"' | '\'' => self.quotes,
                '\n' | '\r' => true,
                '\\' => self.escape,
                other => other == self.delimiter,
            };
            let is_safe = self.quotes && !matches!(char, '"');
            match (separates, self.escape) {
                (true, true) => text.extend(['\\', char]),
                (true, false) if !is_safe => {
                    let shown: String = value.chars().take(40).collect();
                    let fact = format!("'{shown}' contains {char:?}, which separates values");
                    let remedy = "add ESCAPE here and to COPY, or write CSV";
                    return Err(self.unwritable(&fact, remedy));
                }
                _ => text.push(char),
            }
        }
        if self.quotes {
            text = format!("\"{text}\"");
        }
        match self.is_alone && text.is_empty() {
            true => Err(self.unwritable("an empty text is an empty line", "add ADDQUOTES, or write CSV")),
            false => Ok(Some(text)),
        }
    }

    fn unwritable(&self, fact: &str, remedy: &str) -> DataFusionError {
        external(Error::data(format!("UNLOAD: column {}: {fact}; {remedy}", self.column)))
    }
}

impl ScalarUDFImpl for UnloadText {
    fn name(&self) -> &str {
        "unload_text"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let texts = arrays.iter().flat_map(|array| array.as_string::<i32>());
        let written = texts.map(|value| self.written(value)).collect::<Result<StringArray>>()?;
        Ok(ColumnarValue::Array(Arc::new(written) as ArrayRef))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_written_as_they_can_be_read() {
        let text = |quotes, escape, value: &str| {
            let function = UnloadText::new("a", b'|', quotes, escape, "", false);
            function.written(Some(value)).map(|text| text.unwrap_or_default()).map_err(|e| e.to_string())
        };
        assert_eq!(text(false, false, "it's \"so\" \\").unwrap(), "it's \"so\" \\");
        assert_eq!(text(false, true, "a|b\\c\nd\"").unwrap(), "a\\|b\\\\c\\\nd\"");
        assert_eq!(text(true, false, "a|b\nit's").unwrap(), "\"a|b\nit's\"");
        assert_eq!(text(true, true, "it's \"so\"").unwrap(), "\"it\\'s \\\"so\\\"\"");
        assert!(text(false, false, "a|b").unwrap_err().contains("'a|b' contains '|'"));
        assert!(text(true, false, "\"").is_err() && text(false, false, "\\N").is_err());
    }
}
