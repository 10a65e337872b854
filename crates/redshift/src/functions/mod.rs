//! Redshift's functions that DataFusion lacks or defines otherwise, one file each. Functions that are only spelled otherwise
//! are in [`rewrite`](crate::rewrite).
//!
//! All of them return NULL where an argument is NULL.

mod arguments;
mod avg;
mod convert_timezone;
mod date_part;
mod dateadd;
mod datediff;
mod iso_datetime;
mod number_pattern;
mod pattern;
mod round_to_integer;
mod text;
mod to_char;
mod to_timestamp;
mod trunc;

use std::sync::Arc;

use datafusion::error::Result;
use datafusion::execution::FunctionRegistry;
use datafusion::execution::context::SessionState;
use datafusion::logical_expr::{AggregateUDF, ScalarUDF, ScalarUDFImpl};

pub(crate) use date_part::DatePart;
pub(crate) use iso_datetime::ISO_DATETIME;
pub(crate) use round_to_integer::ROUND_TO_INTEGER;
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
        state.register_udaf(Arc::new(AggregateUDF::new_from_impl(avg::Avg::new(numeric))))?;
    }
    add(state, convert_timezone::ConvertTimezone::default())?;
    add(state, dateadd::DateAdd::default())?;
    add(state, datediff::DateDiff::default())?;
    add(state, iso_datetime::IsoDatetime::default())?;
    add(state, round_to_integer::RoundToInteger::default())?;
    add(state, text::Text::default())?;
    add(state, to_char::ToChar::default())?;
    add(state, to_timestamp::ToTimestamp::date())?;
    add(state, to_timestamp::ToTimestamp::timestamp())
}
