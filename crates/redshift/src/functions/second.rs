//! The second of a timestamp with its fraction, and the fraction alone, for `DATE_PART` and `EXTRACT`.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, Float64Array, Int64Array};
use datafusion::arrow::datatypes::TimestampMicrosecondType;
use datafusion::error::Result;

use super::simple::{Call, Kind, Simple};

/// The names under which they are called.
pub(crate) const SECOND: &str = "redshift_second";
pub(crate) const MICROSECOND: &str = "redshift_microsecond";

/// The second and its fraction, as `DATE_PART(second, x)` returns it.
///
/// Source: [date parts](https://docs.aws.amazon.com/redshift/latest/dg/r_Dateparts_for_datetime_functions.html).
pub(super) fn second() -> Simple {
    let compute = |args: &[ArrayRef]| -> Result<ArrayRef> {
        let moments = args[0].as_primitive::<TimestampMicrosecondType>();
        Ok(Arc::new(moments.unary(|moment| moment.rem_euclid(60_000_000) as f64 / 1e6) as Float64Array))
    };
    let (name, usage) = (SECOND, "DATE_PART(second, timestamp)");
    Simple::new(Call { name, usage, arguments: &[Kind::Timestamp], required: 1, returns: Kind::Number, compute })
}

/// The microseconds since the last full second.
pub(super) fn microsecond() -> Simple {
    let compute = |args: &[ArrayRef]| -> Result<ArrayRef> {
        let moments = args[0].as_primitive::<TimestampMicrosecondType>();
        Ok(Arc::new(moments.unary(|moment| moment.rem_euclid(1_000_000)) as Int64Array))
    };
    let (name, usage) = (MICROSECOND, "DATE_PART(microsecond, timestamp)");
    Simple::new(Call { name, usage, arguments: &[Kind::Timestamp], required: 1, returns: Kind::Integer, compute })
}
