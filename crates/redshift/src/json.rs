//! JSON text, read where it stands, with numbers to the last digit. The text must have been checked to be JSON.

pub use crate::semistructured::{attribute, compact, element, entries, text_of_json};
