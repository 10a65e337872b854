//! Dates and times: their parts as features.

use std::f64::consts::TAU;

use arrow::array::{Array, ArrayRef, AsArray, PrimitiveArray, StringArray};
use arrow::compute::kernels::zip::zip;
use arrow::compute::{cast, is_not_null};
use arrow::datatypes::{DataType, TimeUnit, TimestampSecondType};
use serde::{Deserialize, Serialize};

use super::column::{Scaling, is_text};
use super::moments::Moments;
use crate::{Error, FeatureColumn, Result};

/// A part of a date and time, in UTC where there is a time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Part {
    /// Days since 1970-01-01, with fractions. A time of day is a fraction of a day.
    Days,
    Year,
    /// 1 to 12.
    Month,
    /// Day of month, 1 to 31.
    Day,
    /// Day of week, Monday 0 to Sunday 6.
    Weekday,
    /// Day of year, 1 to 366.
    Yearday,
    /// 0 to 23.
    Hour,
    /// 0 to 59.
    Minute,
}

/// What a part becomes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Form {
    /// The number as it is; missing stays missing.
    Plain,
    /// The number scaled; missing becomes 0.
    Scaled(Scaling),
    /// The sine of its angle on the circle of the part; missing becomes 0.
    Sine,
    /// The cosine of its angle; missing becomes 0.
    Cosine,
    /// 1 where the part is this, else 0.
    Is(u8),
}

/// The features of a column of dates, times, or texts that are dates. Texts that are no date are missing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Dates {
    features: Vec<(Part, Form)>,
}

/// Learns which parts vary.
#[derive(Debug, Clone, Default)]
pub(crate) struct DatesLearner {
    moments: [Moments; Part::ALL.len()],
}

impl Part {
    const ALL: [Self; 8] =
        [Self::Days, Self::Year, Self::Month, Self::Day, Self::Weekday, Self::Yearday, Self::Hour, Self::Minute];

    fn name(self) -> &'static str {
        match self {
            Self::Days => "days",
            Self::Year => "year",
            Self::Month => "month",
            Self::Day => "day",
            Self::Weekday => "weekday",
            Self::Yearday => "yearday",
            Self::Hour => "hour",
            Self::Minute => "minute",
        }
    }

    /// The first value and the length of the circle on which the part runs.
    fn circle(self) -> Option<(f64, f64)> {
        match self {
            Self::Days | Self::Year => None,
            Self::Month => Some((1.0, 12.0)),
            Self::Day => Some((1.0, 31.0)),
            Self::Weekday => Some((0.0, 7.0)),
            Self::Yearday => Some((1.0, 366.0)),
            Self::Hour => Some((0.0, 24.0)),
            Self::Minute => Some((0.0, 60.0)),
        }
    }

    /// The part of every row, NaN for NULL.
    fn of(self, seconds: &PrimitiveArray<TimestampSecondType>) -> Vec<f64> {
        match self {
            Self::Days => each(seconds, |seconds| seconds as f64 / 86_400.0),
            Self::Year => each(seconds, |seconds| civil(seconds).0 as f64),
            Self::Month => each(seconds, |seconds| civil(seconds).1 as f64),
            Self::Day => each(seconds, |seconds| civil(seconds).2 as f64),
            Self::Weekday => each(seconds, |seconds| (days(seconds) + 3).rem_euclid(7) as f64),
            Self::Yearday => each(seconds, |seconds| {
                let (year, month, day) = civil(seconds);
                let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
                let before = (month * 367 - 362) / 12;
                let shortened = if month <= 2 { 0 } else { 2 - i64::from(is_leap) };
                (before - shortened + day) as f64
            }),
            Self::Hour => each(seconds, |seconds| (seconds.rem_euclid(86_400) / 3600) as f64),
            Self::Minute => each(seconds, |seconds| (seconds.rem_euclid(3600) / 60) as f64),
        }
    }
}

fn each(seconds: &PrimitiveArray<TimestampSecondType>, part: impl Fn(i64) -> f64) -> Vec<f64> {
    if seconds.null_count() == 0 {
        return seconds.values().iter().map(|seconds| part(*seconds)).collect();
    }
    seconds.iter().map(|seconds| seconds.map_or(f64::NAN, &part)).collect()
}

/// The day since 1970-01-01 in which a second lies.
fn days(seconds: i64) -> i64 {
    seconds.div_euclid(86_400)
}

/// Year, month and day of month in the proleptic Gregorian calendar (Hinnant, "chrono-Compatible Low-Level Date
/// Algorithms", civil_from_days).
fn civil(seconds: i64) -> (i64, i64, i64) {
    let day = days(seconds) + 719_468;
    let (era, day) = (day.div_euclid(146_097), day.rem_euclid(146_097));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let shifted_month = (5 * day + 2) / 153;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day - (153 * shifted_month + 2) / 5 + 1)
}

/// Whether values of this type are dates or times.
pub(crate) fn is_temporal(data_type: &DataType) -> bool {
    is_date(data_type) || is_time(data_type)
}

/// Whether values of this type lie in the calendar.
pub(crate) fn is_date(data_type: &DataType) -> bool {
    match data_type {
        DataType::Dictionary(_, values) => is_date(values),
        other => matches!(other, DataType::Date32 | DataType::Date64 | DataType::Timestamp(_, _)),
    }
}

/// Whether values of this type are times of day.
pub(crate) fn is_time(data_type: &DataType) -> bool {
    match data_type {
        DataType::Dictionary(_, values) => is_time(values),
        other => matches!(other, DataType::Time32(_) | DataType::Time64(_)),
    }
}

/// Any date, time or text as seconds since 1970, UTC; a time of day lies on 1970-01-01.
fn to_seconds(array: &ArrayRef) -> Result<PrimitiveArray<TimestampSecondType>> {
    let seconds = DataType::Timestamp(TimeUnit::Second, None);
    let seconds = match array.data_type() {
        DataType::Dictionary(_, values) => return to_seconds(&cast(array, values)?),
        DataType::Timestamp(unit, Some(_)) => {
            let instants = cast(array, &DataType::Int64)?;
            cast(&cast(&instants, &DataType::Timestamp(*unit, None))?, &seconds)?
        }
        DataType::Time32(_) | DataType::Time64(_) => {
            let time = cast(array, &DataType::Time32(TimeUnit::Second))?;
            cast(&cast(&time, &DataType::Int64)?, &seconds)?
        }
        other if is_text(other) => text_to_seconds(array)?,
        other if is_temporal(other) || *other == DataType::Null => cast(array, &seconds)?,
        other => return Err(Error::invalid(format!("{other} is no date or time"))),
    };
    Ok(seconds.as_primitive().clone())
}

/// Text as seconds since 1970. A time may lack its seconds; of whatever else follows a date, the date alone counts.
fn text_to_seconds(array: &ArrayRef) -> Result<ArrayRef> {
    let seconds = DataType::Timestamp(TimeUnit::Second, None);
    let mut parsed = cast(array, &seconds)?;
    let repairs: [fn(&str) -> String; 2] =
        [|text| format!("{}:00", text.trim()), |text| text.trim().get(..10).unwrap_or_default().to_owned()];
    for repair in repairs {
        if parsed.null_count() == array.logical_null_count() {
            break;
        }
        let texts = cast(array, &DataType::Utf8)?;
        let texts = texts.as_string::<i32>().iter().enumerate();
        let repaired: StringArray = texts.map(|(row, text)| text.filter(|_| parsed.is_null(row)).map(repair)).collect();
        parsed = zip(&is_not_null(&parsed)?, &parsed, &cast(&repaired, &seconds)?)?;
    }
    Ok(parsed)
}

impl DatesLearner {
    pub(crate) fn observe(&mut self, array: &ArrayRef) -> Result<()> {
        let seconds = to_seconds(array)?;
        for (part, moments) in Part::ALL.into_iter().zip(&mut self.moments) {
            part.of(&seconds).into_iter().filter(|part| !part.is_nan()).for_each(|part| moments.add(part));
        }
        Ok(())
    }

    /// The parts that vary, as numbers or, `dense`, as angles; weekdays as indicators.
    pub(crate) fn finish(&self, dense: bool) -> Dates {
        let varying = Part::ALL.into_iter().zip(&self.moments).filter(|(_, moments)| moments.varies());
        let features = varying.flat_map(|(part, moments)| match part.circle() {
            _ if !dense => vec![(part, Form::Plain)],
            None => vec![(part, Form::Scaled(moments.standard()))],
            // A weekend does not come and go as a wave does.
            Some(_) if part == Part::Weekday => (0..7).map(|day| (part, Form::Is(day))).collect(),
            Some(_) => vec![(part, Form::Sine), (part, Form::Cosine)],
        });
        Dates { features: features.collect() }
    }
}

impl Dates {
    pub(crate) fn feature_names(&self, column: &str) -> Vec<String> {
        let name = |(part, form): &(Part, Form)| {
            let form = match form {
                Form::Plain | Form::Scaled(_) => String::new(),
                Form::Sine => ".sin".to_owned(),
                Form::Cosine => ".cos".to_owned(),
                Form::Is(value) => format!("={value}"),
            };
            format!("{column}.{}{form}", part.name())
        };
        self.features.iter().map(name).collect()
    }

    pub(crate) fn encode(&self, array: &ArrayRef, out: &mut Vec<FeatureColumn>) -> Result<()> {
        let seconds = to_seconds(array)?;
        let mut last: Option<(Part, Vec<f64>)> = None;
        for (part, form) in &self.features {
            let values = match last {
                Some((taken, values)) if taken == *part => values,
                _ => part.of(&seconds),
            };
            let (first, length) = part.circle().unwrap_or((0.0, 1.0));
            let angle = |value: f64| (value - first) * (TAU / length);
            let encode = |value: &f64| -> f32 {
                let feature = match form {
                    Form::Plain => return *value as f32,
                    Form::Scaled(scaling) => scaling.bounded(*value),
                    Form::Sine => angle(*value).sin(),
                    Form::Cosine => angle(*value).cos(),
                    Form::Is(wanted) => f64::from(u8::from(*value == f64::from(*wanted))),
                };
                if feature.is_nan() { 0.0 } else { feature as f32 }
            };
            out.push(FeatureColumn::F32(values.iter().map(encode).collect::<Vec<_>>().into()));
            last = Some((*part, values));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::compute::{DatePart, date_part};
    use arrow::datatypes::Int32Type;

    #[test]
    fn a_text_is_taken_for_as_much_of_a_time_as_it_says() {
        let texts: [Option<&str>; 8] = [
            Some("2016-01-11 17:05:09"),
            Some("2016-01-11 17:05"),
            Some("2016-01-11T17:05"),
            Some("2016-01-11 "),
            Some("2016-01-11 in the evening"),
            Some("é2016-01-11"),
            Some(""),
            None,
        ];
        let array: ArrayRef = std::sync::Arc::new(StringArray::from(texts.to_vec()));
        let day = 1_452_470_400;
        let expected =
            [Some(day + 61_509), Some(day + 61_500), Some(day + 61_500), Some(day), Some(day), None, None, None];
        assert_eq!(to_seconds(&array).unwrap().iter().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn parts_are_those_that_arrow_takes() {
        let mut instants: Vec<i64> = (-40_000..40_000).map(|n| n * 1_234_567).collect();
        instants.extend([i64::MIN, i64::MAX]);
        let seconds = PrimitiveArray::<TimestampSecondType>::from_iter_values(instants);
        for (part, same) in [
            (Part::Year, DatePart::Year),
            (Part::Month, DatePart::Month),
            (Part::Day, DatePart::Day),
            (Part::Weekday, DatePart::DayOfWeekMonday0),
            (Part::Yearday, DatePart::DayOfYear),
            (Part::Hour, DatePart::Hour),
            (Part::Minute, DatePart::Minute),
        ] {
            let expected = date_part(&seconds, same).unwrap();
            let expected = expected.as_primitive::<Int32Type>();
            let wrong = part
                .of(&seconds)
                .into_iter()
                .zip(expected)
                .position(|(ours, arrows)| arrows.is_some_and(|arrows| ours != f64::from(arrows)));
            assert_eq!(wrong, None, "{part:?}");
            assert!(expected.null_count() <= 2);
        }
    }
}
