//! `SUM(numbers)` and `AVG(numbers)`, which of integers are integers.

mod accumulators;

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::error::Result;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::type_coercion::functions::fields_with_udf;
use datafusion::logical_expr::utils::{AggregateOrderSensitivity, format_state_name};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, GroupsAccumulator, ReversedUDAF, Signature, Volatility,
};

use accumulators::{DISTINCT_STATE, Distinct, Of, SUM, Total, Totals};

/// DataFusion's function of this name, but for integers. Their sum is BIGINT, exact or the statement fails, where DataFusion's wraps
/// around; it is not NUMERIC(38, 0) as in Redshift, since the whole numbers of a statement are BIGINT here and INTEGER there, and
/// what is computed of their sums is to stay whole. Their mean is BIGINT, without its decimals. NULLs are left out; NULL without
/// a value.
///
/// Source: [SUM](https://docs.aws.amazon.com/redshift/latest/dg/r_SUM.html),
/// [AVG](https://docs.aws.amazon.com/redshift/latest/dg/r_AVG.html).
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct OfIntegers {
    of: Of,
    inner: Arc<AggregateUDF>,
    signature: Signature,
}

impl OfIntegers {
    /// SUM; `inner` is DataFusion's.
    pub(crate) fn sum(inner: Arc<AggregateUDF>) -> Self {
        Self::new(Of::Sum, inner)
    }

    /// AVG; `inner` is DataFusion's.
    pub(crate) fn mean(inner: Arc<AggregateUDF>) -> Self {
        Self::new(Of::Mean, inner)
    }

    fn new(of: Of, inner: Arc<AggregateUDF>) -> Self {
        Self { of, inner, signature: Signature::user_defined(Volatility::Immutable) }
    }
}

fn is_of_integers(fields: &[FieldRef]) -> bool {
    fields.first().is_some_and(|field| *field.data_type() == DataType::Int64)
}

impl AggregateUDFImpl for OfIntegers {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        if let [data_type] = arguments
            && data_type.is_integer()
        {
            return Ok(vec![DataType::Int64]);
        }
        let field = |data_type: &DataType| -> FieldRef { Field::new("", data_type.clone(), true).into() };
        let fields: Vec<FieldRef> = arguments.iter().map(field).collect();
        let fields = fields_with_udf(&fields, self.inner.as_ref())?;
        Ok(fields.iter().map(|field| field.data_type().clone()).collect())
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        match arguments {
            [data_type] if data_type.is_integer() => Ok(DataType::Int64),
            _ => self.inner.return_type(arguments),
        }
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        match (is_of_integers(args.expr_fields), args.is_distinct) {
            (false, _) => self.inner.accumulator(args),
            (true, false) => Ok(Box::new(Total::new(self.of))),
            (true, true) => Ok(Box::new(Distinct::new(self.of))),
        }
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        if !is_of_integers(args.input_fields) {
            return self.inner.state_fields(args);
        }
        let field = |name: &str, data_type| Arc::new(Field::new(format_state_name(args.name, name), data_type, true));
        Ok(match args.is_distinct {
            true => vec![field("values", DISTINCT_STATE.clone())],
            false => vec![field("count", DataType::Int64), field("sum", SUM)],
        })
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs<'_>) -> bool {
        match is_of_integers(args.expr_fields) {
            true => !args.is_distinct,
            false => self.inner.groups_accumulator_supported(args),
        }
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn GroupsAccumulator>> {
        match is_of_integers(args.expr_fields) {
            true => Ok(Box::new(Totals::new(self.of))),
            false => self.inner.create_groups_accumulator(args),
        }
    }

    fn create_sliding_accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        match is_of_integers(args.expr_fields) {
            true => self.accumulator(args),
            false => self.inner.create_sliding_accumulator(args),
        }
    }

    fn reverse_expr(&self) -> ReversedUDAF {
        ReversedUDAF::Identical
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }
}
