//! `DATE_TRUNC(part, date)`.

use std::sync::Arc;

use chrono::{Datelike, NaiveDate, NaiveTime};
use datafusion::arrow::array::TimestampMicrosecondArray;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, TimeUnit};
use datafusion::common::exec_err;
use datafusion::error::Result;
use datafusion::logical_expr::sort_properties::{ExprProperties, SortProperties};
use datafusion::logical_expr::type_coercion::functions::fields_with_udf;
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use super::DatePart;
use super::arguments::{answer, is_text, moment, rows, timestamps};
use super::dateadd::read_part;

/// The beginning of the period in which a date or timestamp lies, as a timestamp. DataFusion's function counts in nanoseconds,
/// which end in 2262, so it computes only what is given in nanoseconds or has a time zone.
///
/// Source: [DATE_TRUNC](https://docs.aws.amazon.com/redshift/latest/dg/r_DATE_TRUNC.html).
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct DateTrunc {
    signature: Signature,
    inner: Arc<ScalarUDF>,
}

impl DateTrunc {
    pub(crate) fn new(inner: Arc<ScalarUDF>) -> Self {
        Self { signature: Signature::user_defined(Volatility::Immutable), inner }
    }
}

impl ScalarUDFImpl for DateTrunc {
    fn name(&self) -> &str {
        "date_trunc"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        if let [part, date] = arguments
            && is_text(part)
            && (is_text(date) || matches!(date, DataType::Date32 | DataType::Date64))
        {
            return Ok(vec![part.clone(), DataType::Timestamp(TimeUnit::Microsecond, None)]);
        }
        let field = |data_type: &DataType| -> FieldRef { Field::new("", data_type.clone(), true).into() };
        let fields: Vec<FieldRef> = arguments.iter().map(field).collect();
        let fields = fields_with_udf(&fields, self.inner.as_ref())?;
        Ok(fields.iter().map(|field| field.data_type().clone()).collect())
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        self.inner.return_type(arguments)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        self.inner.return_field_from_args(args)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [part, date] = args.args.as_slice() else { return exec_err!("DATE_TRUNC has two arguments") };
        let microseconds = DataType::Timestamp(TimeUnit::Microsecond, None);
        let part = match part {
            ColumnarValue::Scalar(part) if date.data_type() == microseconds => part.try_as_str().flatten(),
            _ => None,
        };
        let Some(part) = part.map(read_part).transpose()? else { return self.inner.invoke_with_args(args) };
        let rows = rows(&args.args, args.number_rows);
        let truncated: TimestampMicrosecondArray = timestamps(date, rows)?.try_unary(|date| truncate(part, date))?;
        answer(&args.args, Arc::new(truncated))
    }

    fn output_ordering(&self, input: &[ExprProperties]) -> Result<SortProperties> {
        self.inner.output_ordering(input)
    }
}

/// The beginning of the period in which a timestamp lies, both in microseconds since 1970. Weeks begin on Monday.
fn truncate(part: DatePart, date: i64) -> Result<i64> {
    const DAY: i64 = 86_400_000_000;
    let Some(months) = part.months() else {
        return Ok(match part {
            // 1970-01-01 was a Thursday.
            DatePart::Week => date - (date + 3 * DAY).rem_euclid(7 * DAY),
            part => date - date.rem_euclid(part.microseconds().unwrap_or(DAY)),
        });
    };
    let given = moment(date)?;
    let years = given.year();
    let first = match part {
        // The third millennium began with the year 2001.
        DatePart::Millennium | DatePart::Century => {
            let length = i32::try_from(months / 12).unwrap_or(100);
            NaiveDate::from_ymd_opt((years - 1).div_euclid(length) * length + 1, 1, 1)
        }
        DatePart::Decade => NaiveDate::from_ymd_opt(years.div_euclid(10) * 10, 1, 1),
        DatePart::Year => NaiveDate::from_ymd_opt(years, 1, 1),
        DatePart::Quarter => NaiveDate::from_ymd_opt(years, given.month0() / 3 * 3 + 1, 1),
        _ => NaiveDate::from_ymd_opt(years, given.month(), 1),
    };
    match first {
        Some(first) => Ok(first.and_time(NaiveTime::MIN).and_utc().timestamp_micros()),
        None => exec_err!("DATE_TRUNC: there is no {} before {given}", part.name()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_is_cut_to_the_beginning_of_its_period() {
        let check = |part, date: &str, expect: &str| {
            let micros = |text: &str| text.parse::<chrono::NaiveDateTime>().unwrap().and_utc().timestamp_micros();
            assert_eq!(truncate(part, micros(date)).unwrap(), micros(expect), "{part:?} of {date}");
        };
        check(DatePart::Millennium, "2024-05-06T07:08:09.123456", "2001-01-01T00:00:00");
        check(DatePart::Century, "2000-05-06T07:08:09", "1901-01-01T00:00:00");
        check(DatePart::Decade, "9999-12-31T23:59:59", "9990-01-01T00:00:00");
        check(DatePart::Quarter, "9999-12-31T23:59:59", "9999-10-01T00:00:00");
        check(DatePart::Month, "1969-12-31T23:59:59", "1969-12-01T00:00:00");
        check(DatePart::Week, "2024-05-05T12:00:00", "2024-04-29T00:00:00");
        check(DatePart::Week, "1960-01-01T12:00:00", "1959-12-28T00:00:00");
        check(DatePart::Hour, "1960-01-01T12:34:56", "1960-01-01T12:00:00");
        check(DatePart::Millisecond, "2024-05-06T07:08:09.123456", "2024-05-06T07:08:09.123");
    }
}
