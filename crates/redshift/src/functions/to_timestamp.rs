//! `TO_DATE(text, pattern [, is_strict])` and `TO_TIMESTAMP(text, pattern [, is_strict])`.

use std::sync::Arc;

use chrono::{NaiveDate, NaiveDateTime, NaiveTime};
use datafusion::arrow::array::{Array, ArrayRef, AsArray, TimestampMicrosecondBuilder};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::{exec_datafusion_err, exec_err, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility};

use super::arguments::{Texts, answer, rows};
use super::pattern::{Field, Pattern, Token};
use super::to_char::MONTHS;

/// A text read as a date or a timestamp by a pattern.
///
/// What the pattern leaves out is that of 0001-01-01 00:00:00. A number has at most the digits of its field, and YYYY has
/// all four; years of two digits are those from 1970 to 2069. A character of the pattern that is no field, and blanks before a field, are skipped
/// in the text. A timestamp has no time zone here, where in Redshift it is one in UTC.
///
/// Days beyond the end of a month are those of the next one, unless `is_strict`. Fails where the text does not follow the pattern,
/// or there is no such date.
///
/// Source: [TO_DATE](https://docs.aws.amazon.com/redshift/latest/dg/r_TO_DATE_function.html),
/// [TO_TIMESTAMP](https://docs.aws.amazon.com/redshift/latest/dg/r_TO_TIMESTAMP.html).
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct ToTimestamp {
    signature: Signature,
    name: &'static str,
    result: DataType,
}

impl ToTimestamp {
    /// `TO_DATE`.
    pub(crate) fn date() -> Self {
        Self::returning("to_date", DataType::Date32)
    }

    /// `TO_TIMESTAMP`.
    pub(crate) fn timestamp() -> Self {
        Self::returning("to_timestamp", DataType::Timestamp(TimeUnit::Microsecond, None))
    }

    fn returning(name: &'static str, result: DataType) -> Self {
        Self { signature: Signature::user_defined(Volatility::Immutable), name, result }
    }
}

impl ScalarUDFImpl for ToTimestamp {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        match arguments {
            [_, _] => Ok(vec![DataType::Utf8, DataType::Utf8]),
            [_, _, DataType::Boolean] => Ok(vec![DataType::Utf8, DataType::Utf8, DataType::Boolean]),
            _ => plan_err!("{0} needs a text and a pattern: {0}(x, 'YYYY-MM-DD')", self.name.to_uppercase()),
        }
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(self.result.clone())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = rows(&args.args, args.number_rows);
        let (text, pattern, strict) = match args.args.as_slice() {
            [text, pattern] => (text, pattern, None),
            [text, pattern, strict] => (text, pattern, Some(strict.to_array(rows)?)),
            _ => return exec_err!("{} has two or three arguments", self.name),
        };
        let days_of = |row: usize| match strict.as_deref().map(AsArray::as_boolean) {
            Some(strict) if strict.is_valid(row) && strict.value(row) => Days::OfMonth,
            _ => Days::Beyond,
        };
        let (texts, patterns) = (Texts::of(text)?, Texts::of(pattern)?);
        let mut results = TimestampMicrosecondBuilder::with_capacity(rows);
        let mut cache = None;
        for row in 0..rows {
            let pattern = patterns.read(row, &mut cache, |pattern| Ok((pattern.to_owned(), Pattern::read(pattern))))?;
            results.append_option(match (pattern, texts.at(row)) {
                (Some((source, pattern)), Some(text)) => {
                    let moment = read_by(text, pattern, days_of(row));
                    let moment = moment.map(|moment| moment.and_utc().timestamp_micros());
                    Some(moment.ok_or_else(|| {
                        exec_datafusion_err!("{}: there is no time '{text}' by the pattern '{source}'", self.name)
                    })?)
                }
                _ => None,
            });
        }
        let results: ArrayRef = Arc::new(results.finish());
        answer(&args.args, cast(&results, &self.result)?)
    }
}

/// What has been read so far.
#[derive(Default)]
struct Parts {
    year: Option<i64>,
    month: Option<i64>,
    day: Option<i64>,
    day_of_year: Option<i64>,
    julian_day: Option<i64>,
    hour: i64,
    is_afternoon: Option<bool>,
    minute: i64,
    second: i64,
    nanosecond: i64,
}

/// Which days of a month there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Days {
    /// Its own.
    OfMonth,
    /// Up to 31: those that it has not are of the next one.
    Beyond,
}

/// The time that a text says by a pattern, if it follows it.
pub(super) fn read(text: &str, pattern: &Pattern) -> Option<NaiveDateTime> {
    read_by(text, pattern, Days::OfMonth)
}

fn read_by(text: &str, pattern: &Pattern, days: Days) -> Option<NaiveDateTime> {
    let mut parts = Parts::default();
    let mut rest = text;
    for token in &pattern.0 {
        match token {
            Token::Literal(literal) => {
                for _ in literal.chars() {
                    // A pattern may say more than a text has at its end.
                    let mut chars = rest.chars();
                    if chars.next().is_some_and(|c| !c.is_alphanumeric()) || literal.chars().all(char::is_alphanumeric)
                    {
                        rest = chars.as_str();
                    }
                }
            }
            Token::Field { field, .. } => rest = parts.read_field(*field, rest.trim_start())?,
        }
    }
    if rest.trim().is_empty() { parts.moment(days) } else { None }
}

impl Parts {
    /// Reads a field, and returns what follows it.
    fn read_field<'a>(&mut self, field: Field, text: &'a str) -> Option<&'a str> {
        match field {
            Field::MonthName | Field::MonthAbbreviation => {
                let (month, rest) = month(text)?;
                self.month = Some(month);
                Some(rest)
            }
            Field::Meridiem { points } => {
                let (word, rest) = text.split_at_checked(if points { 4 } else { 2 })?;
                self.is_afternoon = Some(match word.replace('.', "").to_ascii_uppercase().as_str() {
                    "AM" => false,
                    "PM" => true,
                    _ => return None,
                });
                Some(rest)
            }
            // The name of a day says nothing that the date does not.
            Field::DayName | Field::DayAbbreviation => Some(text.trim_start_matches(char::is_alphabetic)),
            _ => self.read_number(field, text),
        }
    }

    fn read_number<'a>(&mut self, field: Field, text: &'a str) -> Option<&'a str> {
        let width = match field {
            Field::Year(digits) => digits.into(),
            Field::JulianDay => 7,
            Field::Microsecond => 6,
            Field::DayOfYear | Field::Millisecond => 3,
            Field::Month | Field::DayOfMonth | Field::Hour24 | Field::Hour12 | Field::Minute | Field::Second => 2,
            _ => return None,
        };
        let end = text.bytes().take(width).take_while(u8::is_ascii_digit).count();
        let (digits, rest) = text.split_at(end);
        let number: i64 = digits.parse().ok()?;
        match field {
            Field::Year(4) if digits.len() < 4 => return None,
            Field::Year(4) => self.year = Some(number),
            Field::Year(..=2) if number >= 70 => self.year = Some(1900 + number),
            Field::Year(_) => self.year = Some(2000 + number),
            Field::JulianDay => self.julian_day = Some(number),
            // Digits of a fraction: '5' is 500 milliseconds.
            Field::Microsecond | Field::Millisecond => self.nanosecond = fraction(number, digits),
            Field::DayOfYear => self.day_of_year = Some(number),
            Field::Month => self.month = Some(number),
            Field::DayOfMonth => self.day = Some(number),
            Field::Hour24 | Field::Hour12 => self.hour = number,
            Field::Minute => self.minute = number,
            Field::Second => self.second = number,
            _ => return None,
        }
        Some(rest)
    }

    fn moment(&self, days: Days) -> Option<NaiveDateTime> {
        let year = i32::try_from(self.year.unwrap_or(1)).ok()?;
        let unsigned = |number: i64| u32::try_from(number).ok();
        let date = match (self.julian_day, self.day_of_year) {
            (Some(day), _) => NaiveDate::from_num_days_from_ce_opt(i32::try_from(day - 1_721_425).ok()?)?,
            (_, Some(day)) => NaiveDate::from_yo_opt(year, unsigned(day)?)?,
            _ => {
                let (month, day) = (unsigned(self.month.unwrap_or(1))?, unsigned(self.day.unwrap_or(1))?);
                match NaiveDate::from_ymd_opt(year, month, day) {
                    None if days == Days::Beyond && (29..=31).contains(&day) => {
                        NaiveDate::from_ymd_opt(year, month, 1)?
                            .checked_add_days(chrono::Days::new(u64::from(day - 1)))?
                    }
                    date => date?,
                }
            }
        };
        let hour = match (self.is_afternoon, self.hour) {
            (Some(true), 1..12) => self.hour + 12,
            (Some(false), 12) => 0,
            (_, hour) => hour,
        };
        // 24:00:00 is the beginning of the next day.
        let (date, hour) = match (hour, self.minute, self.second) {
            (24, 0, 0) => (date.checked_add_days(chrono::Days::new(1))?, 0),
            _ => (date, hour),
        };
        let time = NaiveTime::from_hms_nano_opt(
            unsigned(hour)?,
            unsigned(self.minute)?,
            unsigned(self.second)?,
            unsigned(self.nanosecond)?,
        )?;
        Some(date.and_time(time))
    }
}

fn fraction(number: i64, digits: &str) -> i64 {
    number * 10_i64.pow(9_u32.saturating_sub(u32::try_from(digits.len()).unwrap_or(9)))
}

/// The month whose name, or its first three letters, a text begins with.
fn month(text: &str) -> Option<(i64, &str)> {
    for (month, name) in (1..).zip(MONTHS) {
        for word in [name, &name[..3]] {
            if let Some((start, rest)) = text.split_at_checked(word.len())
                && start.eq_ignore_ascii_case(word)
            {
                return Some((month, rest));
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, pattern: &str, expect: Option<&str>) {
        let moment = read(text, &Pattern::read(pattern)).map(|moment| moment.to_string());
        assert_eq!(moment.as_deref(), expect, "{text} by {pattern}");
    }

    #[test]
    fn texts_are_read_by_their_pattern() {
        check("2017-03-21", "YYYY-MM-DD", Some("2017-03-21 00:00:00"));
        check("20170321", "YYYYMMDD", Some("2017-03-21 00:00:00"));
        check("02 Oct 2001", "DD Mon YYYY", Some("2001-10-02 00:00:00"));
        check("October 2, 01", "Month DD, YY", Some("2001-10-02 00:00:00"));
        check("12/1/2010 8:26", "MM/DD/YYYY HH24:MI", Some("2010-12-01 08:26:00"));
        check("2017-03-21 12:05:06.5 AM", "YYYY-MM-DD HH:MI:SS.MS AM", Some("2017-03-21 00:05:06.500"));
        check("2017 080", "YYYY DDD", Some("2017-03-21 00:00:00"));
    }

    #[test]
    fn what_is_no_date_is_none() {
        check("2017-02-30", "YYYY-MM-DD", None);
        check("yesterday", "YYYY-MM-DD", None);
        check("2017-02-03 and more", "YYYY-MM-DD", None);
        check("02/03/17", "MM/DD/YYYY", None);
    }
}
