//! Functions in FROM whose answer follows from a model alone: it is made when the model is resolved, and kept.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::catalog::{MemTable, TableFunctionArgs, TableFunctionImpl, TableProvider};
use datafusion::error::Result;
use datafusion::execution::context::SessionState;
use datafusion::logical_expr::Expr;

use super::TableFunction;
use crate::authorize::{GuardedTable, Seal};
use crate::catalog::ModelName;
use crate::error::invalid;

/// One of the functions, with the tables of the models that have been asked for in this session, by the text that names
/// the model.
#[derive(Debug, Clone)]
struct Reported {
    function: TableFunction,
    tables: BTreeMap<String, (ModelName, RecordBatch)>,
}

/// Puts the function into the context, with one more table if there is one; `text` is what the statement calls the model.
pub(crate) fn register_reported(
    state: &mut SessionState,
    function: TableFunction,
    table: Option<(&str, &ModelName, RecordBatch)>,
) -> Result<()> {
    let registered = state.table_functions().get(function.name());
    let registered = registered.and_then(|registered| {
        let registered: &dyn Any = registered.function().as_ref();
        registered.downcast_ref::<Reported>().cloned()
    });
    let mut implementation = registered.unwrap_or_else(|| Reported { function, tables: BTreeMap::new() });
    if let Some((text, name, table)) = table {
        implementation.tables.insert(text.to_owned(), (name.clone(), table));
    }
    state.register_udtf(function.name(), Arc::new(implementation));
    Ok(())
}

impl TableFunctionImpl for Reported {
    fn call_with_args(&self, args: TableFunctionArgs) -> Result<Arc<dyn TableProvider>> {
        let text = match args.exprs() {
            [Expr::Literal(text, _)] => text.try_as_str().flatten(),
            _ => None,
        };
        let text = text.ok_or_else(|| self.function.usage())?;
        let Some((name, table)) = self.tables.get(text) else {
            return Err(invalid(format!(
                "model {text} has not been asked for in this session; run the statement through MlSession::sql"
            )));
        };
        let rows = MemTable::try_new(table.schema(), vec![vec![table.clone()]])?;
        Ok(Arc::new(GuardedTable { seal: Seal::Model(name.clone()), rows }))
    }
}
