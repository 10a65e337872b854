//! `LAST_DAY(date)`.

use std::sync::Arc;

use chrono::{Datelike, NaiveDate};
use datafusion::arrow::array::{ArrayRef, AsArray, Date32Array};
use datafusion::arrow::datatypes::Date32Type;
use datafusion::common::exec_datafusion_err;
use datafusion::error::Result;

use super::simple::{Call, Kind, Simple};

/// The last day of the date's month.
///
/// Source: [LAST_DAY](https://docs.aws.amazon.com/redshift/latest/dg/r_LAST_DAY.html).
pub(super) fn last_day() -> Simple {
    let (name, usage) = ("last_day", "LAST_DAY(date)");
    Simple::new(Call { name, usage, arguments: &[Kind::Date], required: 1, returns: Kind::Date, compute })
}

fn compute(args: &[ArrayRef]) -> Result<ArrayRef> {
    let last = |days: i32| {
        let date = Date32Type::to_naive_date_opt(days).and_then(end_of_month);
        date.map(Date32Type::from_naive_date).ok_or_else(|| exec_datafusion_err!("LAST_DAY: there is no such date"))
    };
    let dates: Date32Array = args[0].as_primitive::<Date32Type>().try_unary(last)?;
    Ok(Arc::new(dates))
}

/// The last day of a date's month.
pub(super) fn end_of_month(date: NaiveDate) -> Option<NaiveDate> {
    date.with_day(u32::from(date.num_days_in_month()))
}
