//! `MONTHS_BETWEEN(a, b)`.

use std::sync::Arc;

use chrono::{DateTime, Datelike, NaiveDateTime};
use datafusion::arrow::array::{ArrayRef, AsArray, Float64Array};
use datafusion::arrow::datatypes::TimestampMicrosecondType;
use datafusion::error::Result;

use super::last_day::end_of_month;
use super::simple::{Call, Kind, Simple};

/// How many months the first date is after the second: a whole number if both are the same day of their months, or both the
/// last; or else a day, with its time, is a 31st of a month.
///
/// Source: [MONTHS_BETWEEN](https://docs.aws.amazon.com/redshift/latest/dg/r_MONTHS_BETWEEN_function.html).
pub(super) fn months_between() -> Simple {
    let (name, usage) = ("months_between", "MONTHS_BETWEEN(date, date)");
    let arguments = &[Kind::Timestamp, Kind::Timestamp];
    Simple::new(Call { name, usage, arguments, required: 2, returns: Kind::Number, compute })
}

fn compute(args: &[ArrayRef]) -> Result<ArrayRef> {
    let [left, right] = [&args[0], &args[1]].map(|dates| dates.as_primitive::<TimestampMicrosecondType>());
    let moment = |micros: i64| DateTime::from_timestamp_micros(micros).map(|moment| moment.naive_utc());
    let months = left.iter().zip(right).map(|(left, right)| Some(between(moment(left?)?, moment(right?)?)));
    Ok(Arc::new(months.collect::<Float64Array>()))
}

fn between(left: NaiveDateTime, right: NaiveDateTime) -> f64 {
    const SECONDS_OF_31_DAYS: f64 = 31.0 * 86_400.0;
    let months = 12 * (left.year() - right.year()) + left.month0() as i32 - right.month0() as i32;
    let is_last = |moment: NaiveDateTime| end_of_month(moment.date()) == Some(moment.date());
    if left.day() == right.day() || is_last(left) && is_last(right) {
        return f64::from(months);
    }
    let into_month = |moment: NaiveDateTime| {
        let midnight = moment.date().with_day(1).unwrap_or_default().and_time(chrono::NaiveTime::MIN);
        (moment - midnight).as_seconds_f64()
    };
    f64::from(months) + (into_month(left) - into_month(right)) / SECONDS_OF_31_DAYS
}
