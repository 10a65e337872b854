//! `TO_CHAR(timestamp, pattern)` and `TO_CHAR(number, pattern)`.

use std::fmt::Write;
use std::sync::Arc;

use chrono::{DateTime, Datelike, Offset, TimeZone, Timelike};
use datafusion::arrow::array::timezone::Tz;
use datafusion::arrow::array::{Array, AsArray, StringBuilder};
use datafusion::arrow::datatypes::{DataType, Float64Type};
use datafusion::common::{exec_datafusion_err, exec_err, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility};

use super::arguments::{Texts, answer, as_timestamp, moment, rows, timestamps};
use super::number_pattern::NumberPattern;
use super::pattern::{Field, Pattern, Token};
use crate::literals::type_name;

/// A date, a timestamp or a number as text, by a pattern.
///
/// Numbers are computed with as float8.
///
/// Source: [TO_CHAR](https://docs.aws.amazon.com/redshift/latest/dg/r_TO_CHAR.html), and for what it leaves open PostgreSQL.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct ToChar {
    signature: Signature,
}

impl Default for ToChar {
    fn default() -> Self {
        Self { signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for ToChar {
    fn name(&self) -> &str {
        "to_char"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        match arguments {
            [number, _] if number.is_numeric() => Ok(vec![DataType::Float64, DataType::Utf8]),
            [value, _] => Ok(vec![as_timestamp("TO_CHAR", value)?, DataType::Utf8]),
            _ => plan_err!("TO_CHAR needs a timestamp or a number, and a pattern: TO_CHAR(x, 'YYYY-MM-DD')"),
        }
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [value, pattern] = args.args.as_slice() else { return exec_err!("TO_CHAR has two arguments") };
        let rows = rows(&args.args, args.number_rows);
        let patterns = Texts::of(pattern)?;
        let mut texts = StringBuilder::new();
        if let DataType::Timestamp(_, zone) = value.data_type() {
            let zone: Option<Tz> = zone.map(|zone| zone.parse()).transpose()?;
            let moments = timestamps(value, rows)?;
            let mut cache = None;
            for row in 0..rows {
                match patterns.read(row, &mut cache, |pattern| Ok(Pattern::read(pattern)))? {
                    Some(pattern) if moments.is_valid(row) => {
                        let moment = moment(moments.value(row))?;
                        match zone {
                            Some(zone) => write(&mut texts, pattern, &moment.with_timezone(&zone), &zone.to_string()),
                            None => write(&mut texts, pattern, &moment, ""),
                        }
                        .map_err(|_| exec_datafusion_err!("TO_CHAR cannot write {moment}"))?;
                        texts.append_value("");
                    }
                    _ => texts.append_null(),
                }
            }
        } else {
            let numbers = value.to_array(rows)?;
            let Some(numbers) = numbers.as_primitive_opt::<Float64Type>() else {
                return exec_err!("expected numbers, and not {}", type_name(numbers.data_type()));
            };
            let mut cache = None;
            for row in 0..rows {
                match patterns.read(row, &mut cache, NumberPattern::read)? {
                    Some(pattern) if numbers.is_valid(row) => texts.append_value(pattern.write(numbers.value(row))),
                    _ => texts.append_null(),
                }
            }
        }
        answer(&args.args, Arc::new(texts.finish()))
    }
}

fn write<Z: TimeZone>(out: &mut impl Write, pattern: &Pattern, moment: &DateTime<Z>, zone: &str) -> std::fmt::Result {
    for token in &pattern.0 {
        match token {
            Token::Literal(text) => out.write_str(text)?,
            Token::Field { field, case, fill_mode, ordinal } => match value(*field, moment, zone) {
                Value::Number { number, width } => {
                    let width = if *fill_mode { 0 } else { width };
                    write!(out, "{number:0width$}")?;
                    if let Some(case) = ordinal {
                        out.write_str(&case.apply(ordinal_suffix(number)))?;
                    }
                }
                Value::Text { text, width } => {
                    let width = if *fill_mode { 0 } else { width };
                    write!(out, "{:width$}", case.apply(&text))?;
                }
            },
        }
    }
    Ok(())
}

enum Value {
    Number {
        number: i64,
        width: usize,
    },
    /// As it is capitalised.
    Text {
        text: String,
        width: usize,
    },
}

fn value<Z: TimeZone>(field: Field, moment: &DateTime<Z>, zone: &str) -> Value {
    const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
    const ROMAN: [&str; 12] = ["I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII"];
    let number = |number: i64, width| Value::Number { number, width };
    let text = |text: &str, width| Value::Text { text: text.to_owned(), width };
    let pointed = |letters: [&str; 2], points| {
        let [first, second] = letters;
        text(&if points { format!("{first}.{second}.") } else { format!("{first}{second}") }, 0)
    };
    let day = DAYS[moment.weekday().num_days_from_sunday() as usize % 7];
    let month = MONTHS[moment.month0() as usize % 12];
    let year = i64::from(moment.year());
    // The last digits of a year.
    let digits = |year: i64, digits: u8| match digits {
        4 => number(year, 4),
        digits => number(year.rem_euclid(10_i64.pow(digits.into())), digits.into()),
    };
    match field {
        // Upper case is the form that `Case::Capital` leaves.
        Field::Meridiem { points } => pointed([if moment.hour() < 12 { "A" } else { "P" }, "M"], points),
        Field::Era { points } => pointed(if year > 0 { ["A", "D"] } else { ["B", "C"] }, points),
        Field::Century => number((year - 1).div_euclid(100) + 1, 2),
        Field::DayName => text(day, 9),
        Field::DayAbbreviation => text(&day[..3], 3),
        Field::DayOfYear => number(moment.ordinal().into(), 3),
        Field::DayOfMonth => number(moment.day().into(), 2),
        Field::DayOfWeek => number(moment.weekday().number_from_sunday().into(), 1),
        Field::IsoDayOfWeek => number(moment.weekday().number_from_monday().into(), 1),
        Field::Hour24 => number(moment.hour().into(), 2),
        Field::Hour12 => number(moment.hour12().1.into(), 2),
        Field::Minute => number(moment.minute().into(), 2),
        Field::Second => number(moment.second().into(), 2),
        Field::SecondOfDay => number(moment.num_seconds_from_midnight().into(), 1),
        Field::Millisecond => number(i64::from(moment.nanosecond() / 1_000_000 % 1000), 3),
        Field::Microsecond => number(i64::from(moment.nanosecond() / 1000 % 1_000_000), 6),
        Field::Year(count) => digits(year, count),
        Field::YearWithComma => text(&format!("{},{:03}", year / 1000, year.rem_euclid(1000)), 0),
        Field::IsoYear(count) => digits(moment.iso_week().year().into(), count),
        Field::IsoWeek => number(moment.iso_week().week().into(), 2),
        // 1970-01-01 is day 2440588.
        Field::JulianDay => number(i64::from(moment.num_days_from_ce()) + 1_721_425, 1),
        Field::Month => number(moment.month().into(), 2),
        Field::MonthName => text(month, 9),
        Field::MonthAbbreviation => text(&month[..3], 3),
        Field::MonthRoman => text(ROMAN[moment.month0() as usize % 12], 4),
        Field::Quarter => number(i64::from(moment.month0() / 3 + 1), 1),
        Field::WeekOfMonth => number(i64::from(moment.day0() / 7 + 1), 1),
        Field::WeekOfYear => number(i64::from(moment.ordinal0() / 7 + 1), 2),
        Field::TimeZone if zone.is_empty() => text("", 0),
        Field::TimeZone => text(&format!("{}", moment.offset().fix()), 0),
    }
}

pub(super) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

fn ordinal_suffix(number: i64) -> &'static str {
    match (number.unsigned_abs() % 10, number.unsigned_abs() % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    }
}

#[cfg(test)]
mod tests {
    use chrono::Utc;

    use super::*;

    fn check(moment: &str, pattern: &str, expect: &str) {
        let moment: DateTime<Utc> = moment.parse().unwrap();
        let mut text = String::new();
        write(&mut text, &Pattern::read(pattern), &moment, "").unwrap();
        assert_eq!(text, expect, "{pattern}");
    }

    /// The sample row of the bike sharing tutorial.
    #[test]
    fn a_timestamp_of_the_tutorial() {
        let moment = "2017-03-21T22:00:00Z";
        check(moment, "hh24", "22");
        check(moment, "dd", "21");
        check(moment, "mm", "03");
        check(moment, "yy", "17");
        check(moment, "q", "1");
        check(moment, "w", "3");
        check(moment, "d", "3");
        check(moment, "D", "3");
    }

    #[test]
    fn names_take_the_case_of_the_field_and_are_filled_with_blanks() {
        let moment = "2024-05-05T00:30:07.123456Z";
        check(moment, "Month|MONTH|month|FMMonth", "May      |MAY      |may      |May");
        check(moment, "Day, DY dy FMDay", "Sunday   , SUN sun Sunday");
        check(moment, "FMDDth of FMMonth", "5th of May");
        check(moment, "HH12:MI:SS AM a.m.", "12:30:07 AM a.m.");
        check(moment, "SSSS MS US", "1807 123 123456");
        check(moment, "D ID DDD WW IW IYYY J CC", "1 7 126 18 18 2024 2460436 21");
        check(moment, "YYYY-MM-DD\"T\"HH24", "2024-05-05T00");
        check(moment, "Y,YYY RM", "2,024 V   ");
    }
}
