//! `SHA1(text)`, also called `FUNC_SHA1` and `SHA`.

use std::fmt::Write;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, StringBuilder};
use datafusion::error::Result;
use sha1::{Digest, Sha1};

use super::simple::{Call, Kind, Simple};

/// The SHA-1 digest of a text, as 40 hexadecimal digits.
///
/// Source: [SHA1](https://docs.aws.amazon.com/redshift/latest/dg/SHA1.html).
pub(super) fn sha1() -> Simple {
    let (name, usage) = ("sha1", "SHA1(text)");
    Simple::new(Call { name, usage, arguments: &[Kind::Text], required: 1, returns: Kind::Text, compute })
}

fn compute(args: &[ArrayRef]) -> Result<ArrayRef> {
    let texts = args[0].as_string::<i32>();
    let mut results = StringBuilder::with_capacity(texts.len(), texts.len() * 40);
    for text in texts {
        results.append_option(text.map(|text| {
            Sha1::digest(text.as_bytes()).iter().fold(String::with_capacity(40), |mut digits, byte| {
                let _ = write!(digits, "{byte:02x}");
                digits
            })
        }));
    }
    Ok(Arc::new(results.finish()))
}
