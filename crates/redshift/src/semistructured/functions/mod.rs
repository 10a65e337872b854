//! Redshift's functions of SUPER and of JSON text, a file per family.
//!
//! A nested value of Arrow's types is as good an argument as JSON is. What a function does not expect makes it answer
//! NULL, unless its text says otherwise.

mod arrays;
mod construct;
mod inspect;
mod json_text;
mod sets;
mod text_based;

use std::sync::Arc;

use datafusion::error::Result;
use datafusion::execution::context::SessionState;
use datafusion::logical_expr::registry::FunctionRegistry;

pub(super) use inspect::JSON_TYPEOF;

use super::arithmetic::{negative, number};

/// Makes the functions known to the state.
pub(super) fn register(state: &mut SessionState) -> Result<()> {
    let functions = [
        arrays::all(),
        construct::all(),
        inspect::all(),
        json_text::all(),
        sets::all(),
        text_based::all(),
        vec![number(), negative()],
    ];
    for function in functions.into_iter().flatten() {
        state.register_udf(Arc::new(function.udf()))?;
    }
    Ok(())
}
