//! `TRUNC(number [, digits])` and `TRUNC(timestamp)`.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::error::Result;
use datafusion::logical_expr::type_coercion::functions::fields_with_udf;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};

/// Of a date or timestamp the date; of a number what DataFusion's function of this name says.
///
/// Source: [TRUNC](https://docs.aws.amazon.com/redshift/latest/dg/r_TRUNC_date.html).
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Trunc {
    signature: Signature,
    numeric: Arc<ScalarUDF>,
}

impl Trunc {
    /// `numeric` is the function for numbers.
    pub(crate) fn new(numeric: Arc<ScalarUDF>) -> Self {
        Self { signature: Signature::user_defined(Volatility::Immutable), numeric }
    }
}

impl ScalarUDFImpl for Trunc {
    fn name(&self) -> &str {
        "trunc"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        if is_date(arguments) {
            return Ok(arguments.to_vec());
        }
        let field = |data_type: &DataType| -> FieldRef { Field::new("", data_type.clone(), true).into() };
        let fields: Vec<FieldRef> = arguments.iter().map(field).collect();
        let fields = fields_with_udf(&fields, self.numeric.as_ref())?;
        Ok(fields.iter().map(|field| field.data_type().clone()).collect())
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        if is_date(arguments) { Ok(DataType::Date32) } else { self.numeric.return_type(arguments) }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        match args.args.as_slice() {
            [date] if is_date(&[date.data_type()]) => date.cast_to(&DataType::Date32, None),
            _ => self.numeric.invoke_with_args(args),
        }
    }
}

fn is_date(arguments: &[DataType]) -> bool {
    matches!(arguments, [DataType::Timestamp(..) | DataType::Date32 | DataType::Date64])
}
