//! What the names of Redshift's types mean.

use datafusion::arrow::datatypes::{DECIMAL128_MAX_PRECISION, DataType, Field, FieldRef, TimeUnit};
use datafusion::common::plan_err;
use datafusion::error::Result;
use datafusion::logical_expr::planner::TypePlanner;
use datafusion::sql::sqlparser::ast::{DataType as SqlType, ExactNumberInfo, TimezoneInfo};

/// The types whose names DataFusion does not know, or knows otherwise:
///
/// - `FLOAT` is float8; `FLOAT(p)` is float4 for p ≤ 24.
/// - `DECIMAL` and `NUMERIC` are `DECIMAL(18, 0)`.
/// - `CHAR(n)`, `CHARACTER`, `BPCHAR`, `NCHAR`, `NVARCHAR`, `CHARACTER VARYING` are text of any length. Nothing is padded
///   with blanks; casts cut (see `casts.rs`).
/// - `TIMESTAMP` counts microseconds: nanoseconds, as in DataFusion, end in 2262, and far dates are used for "never".
/// - `TIMESTAMPTZ` is one in UTC.
/// - `DATETIME` is a timestamp without time zone.
#[derive(Debug)]
pub(crate) struct TypeNames {
    pub(crate) text: DataType,
}

impl TypePlanner for TypeNames {
    fn plan_type_field(&self, sql_type: &SqlType) -> Result<Option<FieldRef>> {
        let data_type = match sql_type {
            SqlType::Float(ExactNumberInfo::Precision(1..=24)) => DataType::Float32,
            SqlType::Float(_) => DataType::Float64,
            SqlType::Numeric(info) | SqlType::Decimal(info) | SqlType::Dec(info) => decimal(info)?,
            SqlType::Char(_)
            | SqlType::Character(_)
            | SqlType::CharVarying(_)
            | SqlType::CharacterVarying(_)
            | SqlType::Nvarchar(_) => self.text.clone(),
            SqlType::Custom(name, _) => match name.to_string().to_ascii_lowercase().as_str() {
                "bpchar" | "nchar" => self.text.clone(),
                _ => return Ok(None),
            },
            SqlType::Timestamp(_, TimezoneInfo::Tz | TimezoneInfo::WithTimeZone) => {
                DataType::Timestamp(TimeUnit::Microsecond, Some("+00:00".into()))
            }
            SqlType::Timestamp(..) | SqlType::Datetime(None) => DataType::Timestamp(TimeUnit::Microsecond, None),
            _ => return Ok(None),
        };
        Ok(Some(Field::new("", data_type, true).into()))
    }
}

fn decimal(info: &ExactNumberInfo) -> Result<DataType> {
    let (precision, scale) = match *info {
        ExactNumberInfo::None => (18, 0),
        ExactNumberInfo::Precision(precision) => (precision, 0),
        ExactNumberInfo::PrecisionAndScale(precision, scale) => (precision, scale),
    };
    match (u8::try_from(precision), i8::try_from(scale)) {
        (Ok(precision @ 1..=DECIMAL128_MAX_PRECISION), Ok(scale @ 0..)) if scale.unsigned_abs() <= precision => {
            Ok(DataType::Decimal128(precision, scale))
        }
        _ => plan_err!(
            "DECIMAL({precision}, {scale}): the precision must be from 1 to {DECIMAL128_MAX_PRECISION}, and the scale from 0 to the precision"
        ),
    }
}
