//! `current_user`, `session_user` and `user`.

use std::hash::{Hash, Hasher};
use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::error::Result;
use datafusion::execution::context::SessionState;
use datafusion::logical_expr::registry::FunctionRegistry;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{
    Expr, Function, FunctionArgumentList, FunctionArguments, ObjectName, visit_expressions_mut,
};

use super::Guard;
use crate::sql::WalkMut;

const NAMES: [&str; 3] = ["current_user", "session_user", "user"];

/// The name of the principal.
#[derive(Debug)]
struct WhoAmI {
    name: &'static str,
    guard: Arc<Guard>,
    signature: Signature,
}

/// Puts the functions into the context.
pub(crate) fn register_whoami(state: &mut SessionState, guard: &Arc<Guard>) -> Result<()> {
    for name in NAMES {
        let signature = Signature::nullary(Volatility::Stable);
        state.register_udf(Arc::new(ScalarUDF::from(WhoAmI { name, guard: Arc::clone(guard), signature })))?;
    }
    Ok(())
}

/// Writes `current_user` and `session_user`, which need no brackets, as calls.
pub(crate) fn call_whoami(statement: &mut Statement) {
    let _ = visit_expressions_mut(&mut WalkMut(statement), |expr| {
        if let Expr::Identifier(ident) = expr
            && ident.quote_style.is_none()
            && NAMES[..2].iter().any(|name| ident.value.eq_ignore_ascii_case(name))
        {
            ident.value = ident.value.to_lowercase();
            let args = FunctionArgumentList { duplicate_treatment: None, args: Vec::new(), clauses: Vec::new() };
            *expr = Expr::Function(Function {
                name: ObjectName::from(vec![ident.clone()]),
                uses_odbc_syntax: false,
                parameters: FunctionArguments::None,
                args: FunctionArguments::List(args),
                filter: None,
                null_treatment: None,
                over: None,
                within_group: Vec::new(),
            });
        }
        ControlFlow::<()>::Continue(())
    });
}

impl ScalarUDFImpl for WhoAmI {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> Result<ColumnarValue> {
        Ok(ColumnarValue::Scalar(ScalarValue::from(self.guard.user())))
    }
}

impl PartialEq for WhoAmI {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && Arc::ptr_eq(&self.guard, &other.guard)
    }
}

impl Eq for WhoAmI {}

impl Hash for WhoAmI {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}
