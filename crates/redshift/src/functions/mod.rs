//! Redshift's functions that DataFusion lacks or defines otherwise, one file each. Functions that are only spelled otherwise
//! are in [`rewrite`](crate::rewrite).
//!
//! All of them return NULL where an argument is NULL.

mod add_months;
mod arguments;
mod cast_name;
mod convert_timezone;
mod crc32;
mod date_part;
mod date_trunc;
mod dateadd;
mod datediff;
mod fnv_hash;
mod iso_datetime;
mod last_day;
mod months_between;
mod next_day;
mod number_pattern;
mod of_integers;
mod pattern;
mod percentile_disc;
mod quoting;
mod regexp_substr;
mod round_to_integer;
mod scale_interval;
mod search_pattern;
mod second;
mod sha1;
mod simple;
mod soundex;
mod strtol;
mod text;
mod to_char;
mod to_number;
mod to_timestamp;
mod trunc;

use std::sync::Arc;

use datafusion::error::Result;
use datafusion::execution::FunctionRegistry;
use datafusion::execution::context::SessionState;
use datafusion::logical_expr::{AggregateUDF, ScalarUDF, ScalarUDFImpl};

pub(crate) use cast_name::CAST_NAME;
pub(crate) use date_part::DatePart;
pub(crate) use fnv_hash::FNV_HASH;
pub(crate) use iso_datetime::{ISO_DATETIME, is_iso, iso_text};
pub(crate) use round_to_integer::ROUND_TO_INTEGER;
pub(crate) use scale_interval::scale_interval;
pub(crate) use search_pattern::{LIKE_PATTERN, SIMILAR_PATTERN};
pub(crate) use second::{MICROSECOND, SECOND};
pub(crate) use text::TEXT;

/// Makes the functions known to the state. Those of DataFusion's of the same name are hidden, so nothing may build a state
/// from the state after this.
pub(crate) fn register(state: &mut SessionState) -> Result<()> {
    fn add(state: &mut SessionState, function: impl ScalarUDFImpl + 'static) -> Result<()> {
        state.register_udf(Arc::new(ScalarUDF::new_from_impl(function))).map(|_| ())
    }

    if let Some(numeric) = state.scalar_functions().get("trunc").cloned() {
        add(state, trunc::Trunc::new(numeric))?;
    }
    if let Some(numeric) = state.aggregate_functions().get("avg").cloned() {
        state.register_udaf(Arc::new(AggregateUDF::new_from_impl(of_integers::OfIntegers::mean(numeric))))?;
    }
    if let Some(inner) = state.aggregate_functions().get("sum").cloned() {
        state.register_udaf(Arc::new(AggregateUDF::new_from_impl(of_integers::OfIntegers::sum(inner))))?;
    }
    if let Some(inner) = state.scalar_functions().get("date_trunc").cloned() {
        add(state, date_trunc::DateTrunc::new(inner))?;
    }
    add(state, cast_name::CastName::default())?;
    add(state, convert_timezone::ConvertTimezone::default())?;
    add(state, dateadd::DateAdd::default())?;
    add(state, datediff::DateDiff::default())?;
    add(state, fnv_hash::FnvHash::default())?;
    add(state, iso_datetime::IsoDatetime::default())?;
    add(state, round_to_integer::RoundToInteger::default())?;
    for function in [
        add_months::add_months(),
        crc32::crc32(),
        last_day::last_day(),
        months_between::months_between(),
        second::microsecond(),
        second::second(),
        next_day::next_day(),
        quoting::quote_ident(),
        quoting::quote_literal(),
        regexp_substr::regexp_substr(),
        sha1::sha1(),
        soundex::difference(),
        soundex::soundex(),
        strtol::strtol(),
    ] {
        add(state, function)?;
    }
    add(state, search_pattern::SearchPattern::like())?;
    add(state, search_pattern::SearchPattern::similar_to())?;
    add(state, to_number::ToNumber::default())?;
    let percentile = AggregateUDF::new_from_impl(percentile_disc::PercentileDisc::default());
    state.register_udaf(Arc::new(percentile))?;
    add(state, text::Text::default())?;
    add(state, to_char::ToChar::default())?;
    add(state, to_timestamp::ToTimestamp::date())?;
    add(state, to_timestamp::ToTimestamp::timestamp())
}
