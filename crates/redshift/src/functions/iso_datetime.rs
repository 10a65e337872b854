//! What a cast to DATE or TIMESTAMP reads that is not written as ISO 8601 has it.

use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{Array, ArrayRef, AsArray, StringBuilder};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{exec_err, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ExprSchemable, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};

use super::arguments::{answer, is_text};
use super::pattern::Pattern;
use super::to_timestamp;
use crate::literals::type_name;

/// The name under which casts call it.
pub(crate) const ISO_DATETIME: &str = "redshift_iso_datetime";

/// The date formats of Redshift's `auto`, month before day.
static PATTERNS: LazyLock<Vec<Pattern>> = LazyLock::new(|| {
    let dates = [
        "MM/DD/YYYY",
        "MM-DD-YYYY",
        "YYYY-MM-DD",
        "YYYY/MM/DD",
        "YYYYMMDD",
        "DD Mon YYYY",
        "DD-Mon-YYYY",
        "Mon DD YYYY",
        "MM/DD/YY",
    ];
    let times = ["", " HH24:MI:SS.US", " HH24:MI:SS", " HH24:MI", " HH12:MI:SS AM", " HH12:MI AM"];
    dates.iter().flat_map(|date| times.iter().map(move |time| Pattern::read(&format!("{date}{time}")))).collect()
});

/// A text with a date and perhaps a time, such as `12/1/2010 8:26`, as `2010-12-01 08:26:00`. Text that is so already, or
/// is nothing of the kind, stays as it is for the cast to read or refuse; other values stay, too.
///
/// Source: [DATEFORMAT and TIMEFORMAT strings](https://docs.aws.amazon.com/redshift/latest/dg/automatic-recognition.html).
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct IsoDatetime {
    signature: Signature,
}

impl Default for IsoDatetime {
    fn default() -> Self {
        Self { signature: Signature::any(1, Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for IsoDatetime {
    fn name(&self) -> &str {
        ISO_DATETIME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        match arguments {
            [text] if is_text(text) => Ok(DataType::Utf8),
            [other] => Ok(other.clone()),
            _ => plan_err!("{ISO_DATETIME} has one argument"),
        }
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        let [argument] = args.arg_fields else { return plan_err!("{ISO_DATETIME} has one argument") };
        let data_type = self.return_type(&[argument.data_type().clone()])?;
        // Not more nullable than the argument, which may take its place.
        Ok(Field::new(ISO_DATETIME, data_type, argument.is_nullable()).into())
    }

    fn simplify(&self, mut args: Vec<Expr>, info: &SimplifyContext) -> Result<ExprSimplifyResult> {
        match args.as_slice() {
            [value] if !is_text(&value.get_type(info.schema())?) => Ok(ExprSimplifyResult::Simplified(args.remove(0))),
            _ => Ok(ExprSimplifyResult::Original(args)),
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let [values] = arrays.as_slice() else { return plan_err!("{ISO_DATETIME} has one argument") };
        let values = if is_text(values.data_type()) { iso(values)? } else { Arc::clone(values) };
        answer(&args.args, values)
    }
}

fn iso(values: &ArrayRef) -> Result<ArrayRef> {
    let values = cast(values, &DataType::Utf8)?;
    let Some(texts) = values.as_string_opt::<i32>() else {
        return exec_err!("expected text, and not {}", type_name(values.data_type()));
    };
    if texts.iter().flatten().all(is_iso) {
        return Ok(values);
    }
    let mut results = StringBuilder::with_capacity(texts.len(), texts.len() * 19);
    // The texts of a column are mostly written alike.
    let mut last = 0;
    for text in texts {
        let Some(text) = text.filter(|text| !is_iso(text)) else {
            results.append_option(text);
            continue;
        };
        match read(text, last) {
            Some((index, iso)) => {
                last = index;
                results.append_value(iso);
            }
            None => results.append_value(text),
        }
    }
    Ok(Arc::new(results.finish()))
}

/// What a text says by one of the patterns as ISO 8601 has it, and which of them it is; the likeliest is tried first.
fn read(text: &str, likely: usize) -> Option<(usize, String)> {
    let (moment, zone) = split_zone(text);
    let moment = match moment.as_bytes().get(10) {
        Some(b'T') => Cow::Owned(moment.replacen('T', " ", 1)),
        _ => Cow::Borrowed(moment),
    };
    let mut indexes = std::iter::once(likely).chain(0..PATTERNS.len());
    let (index, moment) =
        indexes.find_map(|index| Some((index, to_timestamp::read(&moment, PATTERNS.get(index)?)?)))?;
    Some((index, format!("{moment}{zone}")))
}

/// The text before and from the time zone that stands behind a time, such as `+02:00`.
fn split_zone(text: &str) -> (&str, &str) {
    let zone = text.find(':').and_then(|colon| Some(colon + text[colon..].find(['+', '-', 'Z'])?));
    text.split_at(zone.unwrap_or(text.len()))
}

/// What the function makes of one text.
pub(crate) fn iso_text(text: &str) -> String {
    let iso = if is_iso(text) { None } else { read(text, 0) };
    iso.map_or_else(|| text.to_owned(), |(_, iso)| iso)
}

/// Whether the cast reads it: a date first, and then no time or one with seconds.
pub(crate) fn is_iso(text: &str) -> bool {
    let (moment, _) = split_zone(text);
    moment.as_bytes().get(4) == Some(&b'-') && moment.bytes().filter(|byte| *byte == b':').count() != 1
}
