//! SUM of SUPER: of whole numbers a whole number. What is no number counts for nothing; without a number the answer is NULL.

use std::mem::size_of_val;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Decimal128Type, Field, FieldRef, Float64Type, Int64Type};
use datafusion::common::{ScalarValue, internal_err};
use datafusion::error::Result;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::format_state_name;
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, Signature, Volatility};

use super::arithmetic::Number;
use super::marker::super_field;

/// The function. Fails where a sum of whole numbers is out of the range of BIGINT.
pub(super) fn sum() -> Arc<AggregateUDF> {
    Arc::new(AggregateUDF::from(Sum { signature: Signature::any(1, Volatility::Immutable) }))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Sum {
    signature: Signature,
}

impl AggregateUDFImpl for Sum {
    fn name(&self) -> &str {
        "super_sum"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn return_field(&self, _: &[FieldRef]) -> Result<FieldRef> {
        Ok(super_field(self.name()))
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        let field = |name: &str, data_type| Arc::new(Field::new(format_state_name(args.name, name), data_type, true));
        Ok(vec![
            field("whole count", DataType::Int64),
            field("whole sum", DataType::Decimal128(38, 0)),
            field("double count", DataType::Int64),
            field("double sum", DataType::Float64),
        ])
    }

    fn accumulator(&self, _: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(Total::default()))
    }
}

/// Whole numbers and others apart, so that those that leave a window take with them what they brought.
#[derive(Debug, Default)]
struct Total {
    wholes: i64,
    whole: i128,
    doubles: i64,
    double: f64,
}

impl Total {
    fn add(&mut self, values: &[ArrayRef], sign: i64) -> Result<()> {
        let [values] = values else { return internal_err!("a sum is of one value") };
        let texts = cast(values, &DataType::Utf8)?;
        for number in texts.as_string::<i32>().iter().flatten().filter_map(Number::read) {
            match number {
                Number::Whole(number) => {
                    self.wholes += sign;
                    self.whole += i128::from(number) * i128::from(sign);
                }
                Number::Double(number) => {
                    self.doubles += sign;
                    self.double += number * sign as f64;
                }
            }
        }
        Ok(())
    }
}

impl Accumulator for Total {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.add(values, 1)
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.add(values, -1)
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(ScalarValue::Utf8(match (self.wholes, self.doubles) {
            (0, 0) => None,
            (_, 0) => Some(Number::text(i64::try_from(self.whole).ok().map(Number::Whole))?),
            _ => Some(Number::text(Some(Number::Double(self.whole as f64 + self.double)))?),
        }))
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![
            ScalarValue::Int64(Some(self.wholes)),
            ScalarValue::Decimal128(Some(self.whole), 38, 0),
            ScalarValue::Int64(Some(self.doubles)),
            ScalarValue::Float64(Some(self.double)),
        ])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let [wholes, whole, doubles, double] = states else { return internal_err!("a sum has four states") };
        self.wholes += wholes.as_primitive::<Int64Type>().iter().flatten().sum::<i64>();
        self.whole += whole.as_primitive::<Decimal128Type>().iter().flatten().sum::<i128>();
        self.doubles += doubles.as_primitive::<Int64Type>().iter().flatten().sum::<i64>();
        self.double += double.as_primitive::<Float64Type>().iter().flatten().sum::<f64>();
        Ok(())
    }
}
