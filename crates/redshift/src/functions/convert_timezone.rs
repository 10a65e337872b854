//! `CONVERT_TIMEZONE([from,] to, timestamp)`.

use std::sync::Arc;

use chrono::{NaiveDateTime, Offset, TimeDelta, TimeZone};
use datafusion::arrow::array::timezone::Tz;
use datafusion::arrow::array::{Array, TimestampMicrosecondBuilder};
use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::{exec_err, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility};

use super::arguments::{Texts, answer, moment, rows, timestamps};

/// What clocks of one time zone show when those of another, UTC if it is not given, show a timestamp.
///
/// Time zones are names of the IANA database, abbreviations such as PST, or offsets such as `+02:00`. Where clocks show a time twice it is taken for
/// the first, and where they leave a time out they are taken to be set forward later. A timestamp with a time zone is a
/// moment in UTC.
///
/// Source: [CONVERT_TIMEZONE](https://docs.aws.amazon.com/redshift/latest/dg/CONVERT_TIMEZONE.html).
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct ConvertTimezone {
    signature: Signature,
}

impl Default for ConvertTimezone {
    fn default() -> Self {
        Self { signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for ConvertTimezone {
    fn name(&self) -> &str {
        "convert_timezone"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        let timestamp = DataType::Timestamp(TimeUnit::Microsecond, None);
        match arguments {
            [_, _] => Ok(vec![DataType::Utf8, timestamp]),
            [_, _, _] => Ok(vec![DataType::Utf8, DataType::Utf8, timestamp]),
            _ => plan_err!("CONVERT_TIMEZONE needs time zones and a timestamp: CONVERT_TIMEZONE(['from',] 'to', x)"),
        }
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Timestamp(TimeUnit::Microsecond, None))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = rows(&args.args, args.number_rows);
        let (from, to, moments) = match args.args.as_slice() {
            [to, moment] => (Texts::Constant(Some("UTC".to_owned())), Texts::of(to)?, timestamps(moment, rows)?),
            [from, to, moment] => (Texts::of(from)?, Texts::of(to)?, timestamps(moment, rows)?),
            _ => return exec_err!("CONVERT_TIMEZONE has two or three arguments"),
        };
        let mut results = TimestampMicrosecondBuilder::with_capacity(rows);
        let (mut from_cache, mut to_cache) = (None, None);
        for row in 0..rows {
            let (from, to) = (from.read(row, &mut from_cache, zone)?, to.read(row, &mut to_cache, zone)?);
            let (Some(from), Some(to), true) = (from, to, moments.is_valid(row)) else {
                results.append_null();
                continue;
            };
            let local = moment(moments.value(row))?.naive_utc();
            let there = utc(from, local).map(|utc| to.from_utc_datetime(&utc).naive_local());
            match there {
                Some(there) => results.append_value(there.and_utc().timestamp_micros()),
                None => return exec_err!("CONVERT_TIMEZONE: {local} is too near the end of time"),
            }
        }
        answer(&args.args, Arc::new(results.finish()))
    }
}

/// Abbreviations that the IANA database does not have as names of zones.
///
/// Source: [time zones](https://docs.aws.amazon.com/redshift/latest/dg/time-zone-abbrev-list.html).
const ABBREVIATIONS: [(&str, &str); 12] = [
    ("AST", "-04:00"),
    ("ADT", "-03:00"),
    ("EDT", "-04:00"),
    ("CST", "-06:00"),
    ("CDT", "-05:00"),
    ("MDT", "-06:00"),
    ("PST", "-08:00"),
    ("PDT", "-07:00"),
    ("BST", "+01:00"),
    ("CEST", "+02:00"),
    ("EEST", "+03:00"),
    ("JST", "+09:00"),
];

fn zone(name: &str) -> Result<Tz> {
    let offset = ABBREVIATIONS.iter().find(|(abbreviation, _)| abbreviation.eq_ignore_ascii_case(name));
    match offset.map_or(name, |(_, offset)| *offset).parse() {
        Ok(zone) => Ok(zone),
        Err(_) => exec_err!("there is no time zone {name}; zones are named like 'US/Eastern' or '+02:00'"),
    }
}

fn utc(zone: &Tz, local: NaiveDateTime) -> Option<NaiveDateTime> {
    match zone.offset_from_local_datetime(&local).earliest() {
        Some(offset) => local.checked_sub_offset(offset.fix()),
        // Clocks are set forward over this time: the offset is still that of the time before.
        None => {
            let before = zone.offset_from_local_datetime(&local.checked_sub_signed(TimeDelta::hours(3))?).earliest()?;
            local.checked_sub_offset(before.fix())
        }
    }
}
