//! `DATEADD(part, n, x)`.

use std::sync::Arc;

use chrono::Months;
use datafusion::arrow::array::{Array, TimestampMicrosecondBuilder};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{exec_err, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility};

use super::DatePart;
use super::arguments::{Texts, answer, as_timestamp, integers, moment, rows, timestamps};

/// A date or timestamp n parts later, as a timestamp; earlier for n < 0.
///
/// Months and what is made of them keep the day of the month, or take the last day of a shorter month:
/// `DATEADD(month, 1, '2016-01-31')` is 2016-02-29, `DATEADD(month, 1, '2016-02-29')` is 2016-03-29. A timestamp with a time
/// zone is counted in UTC. Fails outside the years that there are.
///
/// Source: [DATEADD](https://docs.aws.amazon.com/redshift/latest/dg/r_DATEADD_function.html).
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct DateAdd {
    signature: Signature,
}

impl Default for DateAdd {
    fn default() -> Self {
        Self { signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for DateAdd {
    fn name(&self) -> &str {
        "dateadd"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        match arguments {
            [_, number, date] if number.is_integer() || number.is_null() => {
                Ok(vec![DataType::Utf8, DataType::Int64, as_timestamp("DATEADD", date)?])
            }
            _ => plan_err!("DATEADD needs a part, a whole number and a date: DATEADD(day, 1, x)"),
        }
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        match arguments {
            [_, _, date] => as_timestamp("DATEADD", date),
            _ => plan_err!("DATEADD has three arguments"),
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [part, number, date] = args.args.as_slice() else { return exec_err!("DATEADD has three arguments") };
        let rows = rows(&args.args, args.number_rows);
        let part = Texts::of(part)?;
        let (numbers, dates) = (integers(number, rows)?, timestamps(date, rows)?);
        let mut results = TimestampMicrosecondBuilder::with_capacity(rows).with_data_type(args.return_type().clone());
        let mut cache = None;
        for row in 0..rows {
            let part = part.read(row, &mut cache, read_part)?;
            let (Some(part), true) = (part, numbers.is_valid(row) && dates.is_valid(row)) else {
                results.append_null();
                continue;
            };
            let (number, date) = (numbers.value(row), dates.value(row));
            match later(*part, number, date) {
                Some(result) => results.append_value(result),
                None => {
                    let (name, from) = (part.name(), moment(date)?.naive_utc());
                    return exec_err!("DATEADD: {from} and {number} {name}s is outside the years that there are");
                }
            }
        }
        answer(&args.args, Arc::new(results.finish()))
    }
}

pub(super) fn read_part(word: &str) -> Result<DatePart> {
    match DatePart::parse(word) {
        Some(part) => Ok(part),
        None => exec_err!("there is no part {word} of a date; there are {}", DatePart::names()),
    }
}

/// In microseconds since 1970; `None` outside the range.
fn later(part: DatePart, number: i64, date: i64) -> Option<i64> {
    if let Some(microseconds) = part.microseconds() {
        let later = date.checked_add(number.checked_mul(microseconds)?)?;
        return moment(later).ok().map(|_| later);
    }
    let months = number.checked_mul(part.months()?)?;
    let date = moment(date).ok()?;
    let months_by = Months::new(u32::try_from(months.unsigned_abs()).ok()?);
    let later = if months < 0 { date.checked_sub_months(months_by) } else { date.checked_add_months(months_by) };
    later.map(|later| later.timestamp_micros())
}
