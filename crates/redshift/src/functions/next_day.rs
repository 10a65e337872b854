//! `NEXT_DAY(date, day)`.

use std::sync::Arc;

use chrono::{Datelike, Days, Weekday};
use datafusion::arrow::array::{ArrayRef, AsArray, Date32Builder};
use datafusion::arrow::datatypes::Date32Type;
use datafusion::common::{exec_datafusion_err, exec_err};
use datafusion::error::Result;

use super::simple::{Call, Kind, Simple};

const DAYS: [(&str, Weekday); 7] = [
    ("sunday", Weekday::Sun),
    ("monday", Weekday::Mon),
    ("tuesday", Weekday::Tue),
    ("wednesday", Weekday::Wed),
    ("thursday", Weekday::Thu),
    ("friday", Weekday::Fri),
    ("saturday", Weekday::Sat),
];

/// The first date after a date that is a given day of the week: `'Tuesday'`, `'Tues'`, `'Tu'`.
///
/// Source: [NEXT_DAY](https://docs.aws.amazon.com/redshift/latest/dg/r_NEXT_DAY.html).
pub(super) fn next_day() -> Simple {
    let (name, usage) = ("next_day", "NEXT_DAY(date, 'day of the week')");
    let arguments = &[Kind::Date, Kind::Text];
    Simple::new(Call { name, usage, arguments, required: 2, returns: Kind::Date, compute })
}

fn compute(args: &[ArrayRef]) -> Result<ArrayRef> {
    let (dates, names) = (args[0].as_primitive::<Date32Type>(), args[1].as_string::<i32>());
    let mut results = Date32Builder::with_capacity(dates.len());
    for (date, name) in dates.iter().zip(names) {
        let (Some(date), Some(name)) = (date, name) else {
            results.append_null();
            continue;
        };
        let wanted = day_of_week(name)?;
        let next = Date32Type::to_naive_date_opt(date).and_then(|date| {
            let days = (7 + wanted.num_days_from_sunday() - date.weekday().num_days_from_sunday()) % 7;
            date.checked_add_days(Days::new(if days == 0 { 7 } else { days.into() }))
        });
        let next = next.ok_or_else(|| exec_datafusion_err!("NEXT_DAY: there is no such date"))?;
        results.append_value(Date32Type::from_naive_date(next));
    }
    Ok(Arc::new(results.finish()))
}

/// The day whose name, and no other's, begins so.
fn day_of_week(name: &str) -> Result<Weekday> {
    let start = name.trim().to_lowercase();
    let mut days = DAYS.iter().filter(|(day, _)| !start.is_empty() && day.starts_with(&start));
    match (days.next(), days.next()) {
        (Some((_, day)), None) => Ok(*day),
        _ => exec_err!("there is no day of the week '{name}'; they are named like 'Sunday', 'Sun' or 'Su'"),
    }
}
