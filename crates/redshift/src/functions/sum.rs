//! `SUM(numbers)`, which of integers fails where BIGINT ends.

use std::mem::size_of;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, BooleanArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Decimal128Type, Field, FieldRef, Int64Type};
use datafusion::common::exec_datafusion_err;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, GroupsAccumulator, ReversedUDAF, Signature,
};
use datafusion::scalar::ScalarValue;

/// DataFusion's function of this name, but for integers: their sum is exact or the statement fails, where DataFusion's wraps
/// around. The sum of BIGINT is BIGINT, and not NUMERIC(38, 0) as in Redshift: the whole numbers of a statement are BIGINT here
/// and INTEGER there, and what is computed of their sums is to stay whole. NULLs are left out; NULL without a value.
///
/// Source: [SUM](https://docs.aws.amazon.com/redshift/latest/dg/r_SUM.html).
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Sum {
    inner: Arc<AggregateUDF>,
}

impl Sum {
    /// `inner` is DataFusion's function.
    pub(crate) fn new(inner: Arc<AggregateUDF>) -> Self {
        Self { inner }
    }
}

/// The type in which integers are summed, which no number of them exceeds.
const EXACT: DataType = DataType::Decimal128(38, 0);

fn is_of_integers(fields: &[FieldRef]) -> bool {
    fields.first().is_some_and(|field| *field.data_type() == DataType::Int64)
}

fn exact_field(name: &str) -> FieldRef {
    Field::new(name, EXACT, true).into()
}

impl AggregateUDFImpl for Sum {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        self.inner.return_type(arguments)
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        if !is_of_integers(args.expr_fields) {
            return self.inner.accumulator(args);
        }
        let field = exact_field(args.name);
        let args = AccumulatorArgs { return_field: Arc::clone(&field), expr_fields: &[field], ..args };
        Ok(Box::new(OfIntegers(self.inner.accumulator(args)?)))
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        if !is_of_integers(args.input_fields) {
            return self.inner.state_fields(args);
        }
        let field = exact_field(args.name);
        self.inner.state_fields(StateFieldsArgs { return_field: Arc::clone(&field), input_fields: &[field], ..args })
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs<'_>) -> bool {
        self.inner.groups_accumulator_supported(args)
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn GroupsAccumulator>> {
        if !is_of_integers(args.expr_fields) {
            return self.inner.create_groups_accumulator(args);
        }
        let field = exact_field(args.name);
        let args = AccumulatorArgs { return_field: Arc::clone(&field), expr_fields: &[field], ..args };
        Ok(Box::new(OfIntegers(self.inner.create_groups_accumulator(args)?)))
    }

    /// DataFusion has none of distinct decimals, and distinct integers it sums as they are.
    fn create_sliding_accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        if !is_of_integers(args.expr_fields) || args.is_distinct {
            return self.inner.create_sliding_accumulator(args);
        }
        let field = exact_field(args.name);
        let args = AccumulatorArgs { return_field: Arc::clone(&field), expr_fields: &[field], ..args };
        Ok(Box::new(OfIntegers(self.inner.create_sliding_accumulator(args)?)))
    }

    fn reverse_expr(&self) -> ReversedUDAF {
        ReversedUDAF::Identical
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }
}

/// Sums integers by an accumulator of decimals.
#[derive(Debug)]
struct OfIntegers<A>(A);

fn decimals(values: &[ArrayRef]) -> Result<Vec<ArrayRef>> {
    values.iter().map(|values| Ok(cast(values, &EXACT)?)).collect()
}

fn integer(sum: i128) -> Result<i64> {
    let integer = i64::try_from(sum).ok();
    integer.ok_or_else(|| {
        exec_datafusion_err!("the sum {sum} of integers is out of range; cast what is summed to DECIMAL(38, 0)")
    })
}

impl Accumulator for OfIntegers<Box<dyn Accumulator>> {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.0.update_batch(&decimals(values)?)
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.0.retract_batch(&decimals(values)?)
    }

    fn supports_retract_batch(&self) -> bool {
        self.0.supports_retract_batch()
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(match self.0.evaluate()? {
            ScalarValue::Decimal128(sum, ..) => ScalarValue::Int64(sum.map(integer).transpose()?),
            other => other,
        })
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.0.size()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.0.state()
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.0.merge_batch(states)
    }
}

impl GroupsAccumulator for OfIntegers<Box<dyn GroupsAccumulator>> {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        filter: Option<&BooleanArray>,
        groups: usize,
    ) -> Result<()> {
        self.0.update_batch(&decimals(values)?, group_indices, filter, groups)
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let sums = self.0.evaluate(emit_to)?;
        let integers = sums.as_primitive::<Decimal128Type>().try_unary::<_, Int64Type, DataFusionError>(integer)?;
        Ok(Arc::new(integers))
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        self.0.state(emit_to)
    }

    fn merge_batch(&mut self, states: &[ArrayRef], group_indices: &[usize], groups: usize) -> Result<()> {
        self.0.merge_batch(states, group_indices, groups)
    }

    fn convert_to_state(&self, values: &[ArrayRef], filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        self.0.convert_to_state(&decimals(values)?, filter)
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.0.size()
    }
}
