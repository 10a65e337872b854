//! `TO_NUMBER(text, pattern)`.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Decimal128Builder};
use datafusion::arrow::datatypes::{DECIMAL128_MAX_PRECISION, DataType, Field, FieldRef};
use datafusion::common::{exec_datafusion_err, exec_err, internal_err, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};

use super::arguments::{Texts, answer, rows};
use super::number_pattern::NumberPattern;

/// A text read as a number by a pattern, as a DECIMAL with as many digits as the pattern has; with nine after the point if the
/// pattern is no constant. Digits beyond those are cut off. NULL where an argument is. Fails where the text is no number, or has
/// more digits before the point than the pattern.
///
/// Source: [TO_NUMBER](https://docs.aws.amazon.com/redshift/latest/dg/r_TO_NUMBER.html).
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct ToNumber {
    signature: Signature,
}

impl Default for ToNumber {
    fn default() -> Self {
        Self { signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for ToNumber {
    fn name(&self) -> &str {
        "to_number"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        match arguments {
            [_, _] => Ok(vec![DataType::Utf8, DataType::Utf8]),
            _ => plan_err!("TO_NUMBER needs a text and a pattern: TO_NUMBER(x, '99,999.99')"),
        }
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        internal_err!("the type of TO_NUMBER depends on its pattern")
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        let pattern =
            args.scalar_arguments.get(1).copied().flatten().and_then(|pattern| pattern.try_as_str().flatten());
        let (precision, scale) = match pattern {
            Some(pattern) => digits(&read_pattern(pattern)?),
            None => (DECIMAL128_MAX_PRECISION, 9),
        };
        Ok(Field::new(self.name(), DataType::Decimal128(precision, scale), true).into())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [text, pattern] = args.args.as_slice() else { return exec_err!("TO_NUMBER has two arguments") };
        let DataType::Decimal128(_, scale) = *args.return_type() else { return exec_err!("TO_NUMBER makes decimals") };
        let rows = rows(&args.args, args.number_rows);
        let (texts, patterns) = (Texts::of(text)?, Texts::of(pattern)?);
        let mut results = Decimal128Builder::with_capacity(rows).with_data_type(args.return_type().clone());
        let mut cache = None;
        for row in 0..rows {
            let pattern = patterns.read(row, &mut cache, |pattern| Ok((pattern.to_owned(), read_pattern(pattern)?)))?;
            results.append_option(match (pattern, texts.at(row)) {
                (Some((source, pattern)), Some(text)) => {
                    let number = read(text, digits(pattern), scale);
                    Some(number.ok_or_else(|| {
                        exec_datafusion_err!("TO_NUMBER: there is no number '{text}' by the pattern '{source}'")
                    })?)
                }
                _ => None,
            });
        }
        let results: ArrayRef = Arc::new(results.finish());
        answer(&args.args, results)
    }
}

fn read_pattern(pattern: &str) -> Result<NumberPattern> {
    NumberPattern::read(&pattern.replace(' ', ""))
}

/// The number of digits, and of those after the point.
fn digits(pattern: &NumberPattern) -> (u8, i8) {
    let (whole, fraction) = pattern.places();
    let precision = u8::try_from(whole + fraction).unwrap_or(u8::MAX).clamp(1, DECIMAL128_MAX_PRECISION);
    (precision, i8::try_from(fraction).unwrap_or(i8::MAX).min(precision.cast_signed()))
}

/// The number in units of the last digit after the point.
fn read(text: &str, (precision, fraction): (u8, i8), scale: i8) -> Option<i128> {
    let unsigned = |text: &str| text.trim().trim_matches(['+', '-', '$', ' ']).replace(',', "");
    let is_negative = text.matches('-').count() == 1;
    let digits = unsigned(text);
    let (whole, after) = digits.split_once('.').unwrap_or((&digits, ""));
    let is_number = |digits: &str| digits.bytes().all(|digit| digit.is_ascii_digit());
    let places = usize::from(precision) - usize::from(fraction.unsigned_abs());
    if whole.len() + after.len() == 0 || !is_number(whole) || !is_number(after) {
        return None;
    }
    let whole = whole.trim_start_matches('0');
    if whole.len() > places {
        return None;
    }
    let kept = usize::from(fraction.min(scale).unsigned_abs()).min(after.len());
    let zeros = usize::from(scale.unsigned_abs()) - kept;
    let number: i128 = format!("0{whole}{}{}", &after[..kept], "0".repeat(zeros)).parse().ok()?;
    Some(if is_negative { -number } else { number })
}
