//! `ADD_MONTHS(date, n)`.

use std::sync::Arc;

use chrono::{DateTime, Months, NaiveDateTime};
use datafusion::arrow::array::{ArrayRef, AsArray, TimestampMicrosecondBuilder};
use datafusion::arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use datafusion::common::exec_datafusion_err;
use datafusion::error::Result;

use super::last_day::end_of_month;
use super::simple::{Call, Kind, Simple};

/// A date or timestamp n months later, as a timestamp. The last day of a month stays the last day, as does one that a shorter
/// month has not: `ADD_MONTHS('2008-04-30', 1)` is 2008-05-31.
///
/// Source: [ADD_MONTHS](https://docs.aws.amazon.com/redshift/latest/dg/r_ADD_MONTHS.html).
pub(super) fn add_months() -> Simple {
    let (name, usage) = ("add_months", "ADD_MONTHS(date, n)");
    let arguments = &[Kind::Timestamp, Kind::Integer];
    Simple::new(Call { name, usage, arguments, required: 2, returns: Kind::Timestamp, compute })
}

fn compute(args: &[ArrayRef]) -> Result<ArrayRef> {
    let (dates, numbers) = (args[0].as_primitive::<TimestampMicrosecondType>(), args[1].as_primitive::<Int64Type>());
    let mut results = TimestampMicrosecondBuilder::with_capacity(dates.len());
    for (date, months) in dates.iter().zip(numbers) {
        results.append_option(match (date, months) {
            (Some(date), Some(months)) => {
                let date = DateTime::from_timestamp_micros(date).map(|date| date.naive_utc());
                let later = date.and_then(|date| add(date, months)).ok_or_else(|| {
                    exec_datafusion_err!(
                        "ADD_MONTHS: there is no date {months} months after {}",
                        date.unwrap_or_default()
                    )
                })?;
                Some(later.and_utc().timestamp_micros())
            }
            _ => None,
        });
    }
    Ok(Arc::new(results.finish()))
}

fn add(moment: NaiveDateTime, months: i64) -> Option<NaiveDateTime> {
    let by = Months::new(u32::try_from(months.unsigned_abs()).ok()?);
    let date = moment.date();
    let later = if months < 0 { date.checked_sub_months(by) } else { date.checked_add_months(by) }?;
    let is_last = end_of_month(date) == Some(date);
    Some((if is_last { end_of_month(later)? } else { later }).and_time(moment.time()))
}
