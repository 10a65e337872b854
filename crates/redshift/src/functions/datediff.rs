//! `DATEDIFF(part, a, b)`.

use std::sync::Arc;

use chrono::Datelike;
use datafusion::arrow::array::{Array, Int64Builder};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{exec_err, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility};

use super::DatePart;
use super::arguments::{Texts, answer, as_timestamp, moment, rows, timestamps};
use super::dateadd::read_part;

/// How many boundaries of a part lie between two dates or timestamps; negative if the second is the earlier one.
///
/// `DATEDIFF(year, '2008-12-31', '2009-01-01')` is 1. Weeks begin on Sunday, as for `DATE_PART(dow, ..)`; the documentation
/// leaves that open.
///
/// Source: [DATEDIFF](https://docs.aws.amazon.com/redshift/latest/dg/r_DATEDIFF_function.html).
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct DateDiff {
    signature: Signature,
}

impl Default for DateDiff {
    fn default() -> Self {
        Self { signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for DateDiff {
    fn name(&self) -> &str {
        "datediff"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        match arguments {
            [_, from, to] => Ok(vec![DataType::Utf8, as_timestamp("DATEDIFF", from)?, as_timestamp("DATEDIFF", to)?]),
            _ => plan_err!("DATEDIFF needs a part and two dates: DATEDIFF(day, a, b)"),
        }
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Int64)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [part, from, to] = args.args.as_slice() else { return exec_err!("DATEDIFF has three arguments") };
        let rows = rows(&args.args, args.number_rows);
        let part = Texts::of(part)?;
        let (from, to) = (timestamps(from, rows)?, timestamps(to, rows)?);
        let mut results = Int64Builder::with_capacity(rows);
        let mut cache = None;
        for row in 0..rows {
            match part.read(row, &mut cache, read_part)? {
                Some(part) if from.is_valid(row) && to.is_valid(row) => {
                    results.append_value(ordinal(*part, to.value(row))? - ordinal(*part, from.value(row))?);
                }
                _ => results.append_null(),
            }
        }
        answer(&args.args, Arc::new(results.finish()))
    }
}

/// The number of the part's period in which a timestamp, in microseconds since 1970, lies.
fn ordinal(part: DatePart, timestamp: i64) -> Result<i64> {
    const DAY: i64 = 86_400_000_000;
    Ok(match (part, part.months()) {
        (_, Some(months)) => {
            let date = moment(timestamp)?;
            let years = i64::from(date.year());
            match part {
                // The third millennium began with the year 2001.
                DatePart::Millennium | DatePart::Century => (years - 1).div_euclid(months / 12),
                _ => (12 * years + i64::from(date.month0())).div_euclid(months),
            }
        }
        // 1970-01-01 was a Thursday, the fifth day from Sunday.
        (DatePart::Week, None) => (timestamp.div_euclid(DAY) + 4).div_euclid(7),
        (_, None) => timestamp.div_euclid(part.microseconds().unwrap_or(DAY)),
    })
}
