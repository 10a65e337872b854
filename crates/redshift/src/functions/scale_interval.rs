//! `3 * INTERVAL '1 day'` and `INTERVAL '1 day' / 2`.

use std::sync::Arc;

use datafusion::arrow::array::{Array, AsArray, IntervalMonthDayNanoBuilder};
use datafusion::arrow::datatypes::{
    DataType, Float64Type, IntervalMonthDayNano, IntervalMonthDayNanoType, IntervalUnit,
};
use datafusion::common::{exec_err, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility};

use super::arguments::{answer, rows};

/// An interval multiplied by a number. What is left of a month is counted as days, of which it has 30, and what is left of a day
/// as time. NULL where an argument is. Fails where the interval would be too long.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct ScaleInterval {
    signature: Signature,
}

impl Default for ScaleInterval {
    fn default() -> Self {
        Self { signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for ScaleInterval {
    fn name(&self) -> &str {
        "redshift_scale_interval"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        match arguments {
            [_, _] => Ok(vec![DataType::Interval(IntervalUnit::MonthDayNano), DataType::Float64]),
            _ => plan_err!("{} has two arguments", self.name()),
        }
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Interval(IntervalUnit::MonthDayNano))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = rows(&args.args, args.number_rows);
        let arrays = args.args.iter().map(|argument| argument.to_array(rows)).collect::<Result<Vec<_>>>()?;
        let [intervals, numbers] = arrays.as_slice() else { return exec_err!("{} has two arguments", self.name()) };
        let (intervals, numbers) =
            (intervals.as_primitive::<IntervalMonthDayNanoType>(), numbers.as_primitive::<Float64Type>());
        let mut results = IntervalMonthDayNanoBuilder::with_capacity(rows);
        for row in 0..rows {
            if intervals.is_null(row) || numbers.is_null(row) {
                results.append_null();
                continue;
            }
            let number = numbers.value(row);
            match scale(intervals.value(row), number) {
                Some(scaled) => results.append_value(scaled),
                None => return exec_err!("an interval times {number} is too long"),
            }
        }
        answer(&args.args, Arc::new(results.finish()))
    }
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
