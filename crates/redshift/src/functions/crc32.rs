//! `CRC32(text)`.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, StringBuilder};
use datafusion::error::Result;

use super::simple::{Call, Kind, Simple};

/// The cyclic redundancy check of a text, as 8 hexadecimal digits.
///
/// Source: [CRC32](https://docs.aws.amazon.com/redshift/latest/dg/crc32-function.html).
pub(super) fn crc32() -> Simple {
    let (name, usage) = ("crc32", "CRC32(text)");
    Simple::new(Call { name, usage, arguments: &[Kind::Text], required: 1, returns: Kind::Text, compute })
}

fn compute(args: &[ArrayRef]) -> Result<ArrayRef> {
    let texts = args[0].as_string::<i32>();
    let mut results = StringBuilder::with_capacity(texts.len(), texts.len() * 8);
    for text in texts {
        results.append_option(text.map(|text| format!("{:08x}", check(text.as_bytes()))));
    }
    Ok(Arc::new(results.finish()))
}

/// By the polynomial of Ethernet and gzip, bit by bit.
fn check(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 };
    !bytes.iter().fold(u32::MAX, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), step))
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_check_value_of_the_standard() {
        assert_eq!(super::check(b"123456789"), 0xCBF4_3926);
    }
}
