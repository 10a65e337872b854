//! Dates and times: their parts as features.

use std::f64::consts::TAU;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::{DatePart, cast, date_part};
use arrow::datatypes::{DataType, Int32Type, TimeUnit, TimestampSecondType};
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

    /// The part of every row, NaN for NULL. `seconds` are timestamps without a time zone.
    fn of(self, seconds: &ArrayRef) -> Result<Vec<f64>> {
        let part = match self {
            Self::Days => {
                let seconds = seconds.as_primitive::<TimestampSecondType>().iter();
                return Ok(seconds.map(|seconds| seconds.map_or(f64::NAN, |s| s as f64 / 86_400.0)).collect());
            }
            Self::Year => DatePart::Year,
            Self::Month => DatePart::Month,
            Self::Day => DatePart::Day,
            Self::Weekday => DatePart::DayOfWeekMonday0,
            Self::Yearday => DatePart::DayOfYear,
            Self::Hour => DatePart::Hour,
            Self::Minute => DatePart::Minute,
        };
        let part = date_part(seconds, part)?;
        Ok(part.as_primitive::<Int32Type>().iter().map(|part| part.map_or(f64::NAN, f64::from)).collect())
    }
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
fn to_seconds(array: &ArrayRef) -> Result<ArrayRef> {
    let seconds = DataType::Timestamp(TimeUnit::Second, None);
    Ok(match array.data_type() {
        DataType::Dictionary(_, values) => to_seconds(&cast(array, values)?)?,
        DataType::Timestamp(unit, Some(_)) => {
            let instants = cast(array, &DataType::Int64)?;
            cast(&cast(&instants, &DataType::Timestamp(*unit, None))?, &seconds)?
        }
        DataType::Time32(_) | DataType::Time64(_) => {
            let time = cast(array, &DataType::Time32(TimeUnit::Second))?;
            cast(&cast(&time, &DataType::Int64)?, &seconds)?
        }
        other if is_temporal(other) || is_text(other) || *other == DataType::Null => cast(array, &seconds)?,
        other => return Err(Error::invalid(format!("{other} is no date or time"))),
    })
}

impl DatesLearner {
    pub(crate) fn observe(&mut self, array: &ArrayRef) -> Result<()> {
        let seconds = to_seconds(array)?;
        for (part, moments) in Part::ALL.into_iter().zip(&mut self.moments) {
            part.of(&seconds)?.into_iter().filter(|part| !part.is_nan()).for_each(|part| moments.add(part));
        }
        Ok(())
    }

    /// The parts that vary, as numbers or, `dense`, as angles.
    pub(crate) fn finish(&self, dense: bool) -> Dates {
        let varying = Part::ALL.into_iter().zip(&self.moments).filter(|(_, moments)| moments.varies());
        let features = varying.flat_map(|(part, moments)| match part.circle() {
            _ if !dense => vec![(part, Form::Plain)],
            None => vec![(part, Form::Scaled(moments.standard()))],
            Some(_) => vec![(part, Form::Sine), (part, Form::Cosine)],
        });
        Dates { features: features.collect() }
    }
}

impl Dates {
    pub(crate) fn feature_names(&self, column: &str) -> Vec<String> {
        let name = |(part, form): &(Part, Form)| {
            let circle = match form {
                Form::Plain | Form::Scaled(_) => "",
                Form::Sine => ".sin",
                Form::Cosine => ".cos",
            };
            format!("{column}.{}{circle}", part.name())
        };
        self.features.iter().map(name).collect()
    }

    pub(crate) fn encode(&self, array: &ArrayRef, out: &mut Vec<FeatureColumn>) -> Result<()> {
        let seconds = to_seconds(array)?;
        let mut last: Option<(Part, Vec<f64>)> = None;
        for (part, form) in &self.features {
            let values = match last {
                Some((taken, values)) if taken == *part => values,
                _ => part.of(&seconds)?,
            };
            let (first, length) = part.circle().unwrap_or((0.0, 1.0));
            let angle = |value: f64| (value - first) * (TAU / length);
            let encode = |value: &f64| -> f32 {
                let feature = match form {
                    Form::Plain => return *value as f32,
                    Form::Scaled(scaling) => (value - scaling.offset) * scaling.factor,
                    Form::Sine => angle(*value).sin(),
                    Form::Cosine => angle(*value).cos(),
                };
                if feature.is_nan() { 0.0 } else { feature as f32 }
            };
            out.push(FeatureColumn::F32(values.iter().map(encode).collect::<Vec<_>>().into()));
            last = Some((*part, values));
        }
        Ok(())
    }
}
