//! `3 * INTERVAL '1 day'` and `INTERVAL '1 day' / 2`.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, IntervalMonthDayNanoArray};
use datafusion::arrow::datatypes::{Float64Type, IntervalMonthDayNano, IntervalMonthDayNanoType};
use datafusion::common::exec_datafusion_err;
use datafusion::error::Result;

use super::simple::{Call, Kind, Simple};

/// An interval multiplied by a number. What is left of a month is counted as days, of which it has 30, and what is left of a day
/// as time. NULL where an argument is. Fails where the interval would be too long.
pub(crate) fn scale_interval() -> Simple {
    let (name, usage) = ("redshift_scale_interval", "an interval times a number");
    let arguments = &[Kind::Interval, Kind::Number];
    Simple::new(Call { name, usage, arguments, required: 2, returns: Kind::Interval, compute })
}

fn compute(args: &[ArrayRef]) -> Result<ArrayRef> {
    let (intervals, numbers) =
        (args[0].as_primitive::<IntervalMonthDayNanoType>(), args[1].as_primitive::<Float64Type>());
    let scaled = intervals.iter().zip(numbers).map(|(interval, number)| {
        let (Some(interval), Some(number)) = (interval, number) else { return Ok(None) };
        let scaled = scale(interval, number);
        scaled.map(Some).ok_or_else(|| exec_datafusion_err!("an interval times {number} is too long"))
    });
    Ok(Arc::new(scaled.collect::<Result<IntervalMonthDayNanoArray>>()?))
}

fn scale(interval: IntervalMonthDayNano, number: f64) -> Option<IntervalMonthDayNano> {
    const NANOSECONDS_OF_A_DAY: f64 = 86_400e9;
    let whole = |number: f64, limit: f64| (number.abs() <= limit).then_some(number.trunc());
    let months = f64::from(interval.months) * number;
    // Rounded: a tenth of a month is three days, and not a little less.
    let days = f64::from(interval.days) * number + (months.fract() * 30.0 * 1e6).round() / 1e6;
    let nanoseconds = interval.nanoseconds as f64 * number + (days.fract() * NANOSECONDS_OF_A_DAY).round();
    Some(IntervalMonthDayNano::new(
        whole(months, i32::MAX.into())? as i32,
        whole(days, i32::MAX.into())? as i32,
        whole(nanoseconds, i64::MAX as f64)? as i64,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_of_a_month_or_a_day_is_counted_in_the_next_unit() {
        let check = |(months, days, nanoseconds), number, expect: (i32, i32, i64)| {
            let scaled = scale(IntervalMonthDayNano::new(months, days, nanoseconds), number).unwrap();
            assert_eq!((scaled.months, scaled.days, scaled.nanoseconds), expect);
        };
        check((0, 1, 0), 3.0, (0, 3, 0));
        check((1, 0, 0), 1.5, (1, 15, 0));
        check((0, 1, 0), -0.5, (0, 0, -43_200_000_000_000));
        check((0, 0, 7), 1e3, (0, 0, 7_000));
        assert!(scale(IntervalMonthDayNano::new(1, 0, 0), 1e300).is_none());
    }
}
