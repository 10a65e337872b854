//! The session's schema, database and user, where a statement asks for them.

use datafusion::execution::context::SessionState;
use datafusion::sql::sqlparser::ast::{Expr, Value};

use super::calls::{call, is_call_of};

/// What `CURRENT_SCHEMA()` and `CURRENT_DATABASE()` answer.
#[derive(Debug, Default)]
pub(super) struct SessionNames {
    schema: String,
    database: String,
}

impl SessionNames {
    pub(super) fn of(state: &SessionState) -> Self {
        let catalog = &state.config_options().catalog;
        Self { schema: catalog.default_schema.clone(), database: catalog.default_catalog.clone() }
    }

    /// Respells those functions, which may be words without parentheses, and `USER`, which is reserved.
    pub(super) fn respell(&self, expr: &mut Expr) {
        let is = |name: &str| match &*expr {
            Expr::Identifier(ident) => ident.quote_style.is_none() && ident.value.eq_ignore_ascii_case(name),
            other => is_call_of(other, name),
        };
        let string = |text: &str| Expr::value(Value::SingleQuotedString(text.to_owned()));
        if is("current_schema") {
            *expr = string(&self.schema);
        } else if is("current_database") {
            *expr = string(&self.database);
        } else if matches!(expr, Expr::Identifier(_)) && (is("user") || is("session_user") || is("current_user")) {
            *expr = call("current_user", []);
        }
    }
}
