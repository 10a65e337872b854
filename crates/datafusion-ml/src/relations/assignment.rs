//! A value that a column gets, inside of an expression.

use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::internal_err;
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::scalar::ScalarValue;

use super::rows::assigned;
use crate::catalog::RelationName;

/// The value as that column of the table has it: in its type, with decimals rounded where it wants none. NULL of NULL; fails
/// of a value that has no place in the column.
pub(crate) fn assign(table: &RelationName, column: &Field, value: Expr) -> Expr {
    let signature = Signature::user_defined(Volatility::Immutable);
    let (column, data_type) = (column.name().clone(), column.data_type().clone());
    ScalarUDF::from(Assign { table: table.clone(), column, data_type, signature }).call(vec![value])
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Assign {
    table: RelationName,
    column: String,
    data_type: DataType,
    signature: Signature,
}

impl ScalarUDFImpl for Assign {
    fn name(&self) -> &str {
        "assign"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        Ok(types.to_vec())
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(self.data_type.clone())
    }

    fn return_field_from_args(&self, _: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        Ok(Field::new(&self.column, self.data_type.clone(), true).into())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let assigned = |values| assigned(&self.table, &self.column, values, &self.data_type);
        match args.args.as_slice() {
            [ColumnarValue::Array(values)] => assigned(values).map(ColumnarValue::Array),
            [ColumnarValue::Scalar(value)] => {
                ScalarValue::try_from_array(&assigned(&value.to_array()?)?, 0).map(ColumnarValue::Scalar)
            }
            _ => internal_err!("a column gets one value"),
        }
    }
}
