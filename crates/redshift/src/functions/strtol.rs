//! `STRTOL(text, base)`.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Int64Builder};
use datafusion::arrow::datatypes::Int64Type;
use datafusion::common::{exec_datafusion_err, exec_err};
use datafusion::error::Result;

use super::simple::{Call, Kind, Simple};

/// A number written in a base from 2 to 36: `STRTOL('abcd', 16)`. Base 16 may have `0x` in front. Fails where a text is no
/// such number, or one of more than eight bytes.
///
/// Source: [STRTOL](https://docs.aws.amazon.com/redshift/latest/dg/r_STRTOL.html).
pub(super) fn strtol() -> Simple {
    let (name, usage) = ("strtol", "STRTOL(text, base)");
    let arguments = &[Kind::Text, Kind::Integer];
    Simple::new(Call { name, usage, arguments, required: 2, returns: Kind::Integer, compute })
}

fn compute(args: &[ArrayRef]) -> Result<ArrayRef> {
    let (texts, bases) = (args[0].as_string::<i32>(), args[1].as_primitive::<Int64Type>());
    let mut results = Int64Builder::with_capacity(texts.len());
    for (text, base) in texts.iter().zip(bases) {
        let (Some(text), Some(base)) = (text, base) else {
            results.append_null();
            continue;
        };
        let Some(radix) = u32::try_from(base).ok().filter(|base| (2..=36).contains(base)) else {
            return exec_err!("STRTOL: the base must be from 2 to 36, and not {base}");
        };
        let digits = text.trim().to_ascii_lowercase();
        let digits = if base == 16 { digits.replacen("0x", "", 1) } else { digits };
        let number = i64::from_str_radix(&digits, radix);
        results.append_value(number.map_err(|error| {
            exec_datafusion_err!("STRTOL: '{text}' is no number of eight bytes in base {base}: {error}")
        })?);
    }
    Ok(Arc::new(results.finish()))
}
