//! `AVG(numbers)`, which of integers is an integer.

use std::collections::HashSet;
use std::mem::size_of_val;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, ListArray};
use datafusion::arrow::datatypes::{DataType, Decimal128Type, Field, FieldRef, Int64Type};
use datafusion::common::internal_err;
use datafusion::error::Result;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::type_coercion::functions::fields_with_udf;
use datafusion::logical_expr::utils::format_state_name;
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, GroupsAccumulator, Signature, Volatility};
use datafusion::scalar::ScalarValue;

/// Of integers their mean as BIGINT, without its decimals; of other numbers what DataFusion's function of this name says. NULLs
/// are left out; NULL without a value.
///
/// Source: [AVG](https://docs.aws.amazon.com/redshift/latest/dg/r_AVG.html).
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Avg {
    signature: Signature,
    numeric: Arc<AggregateUDF>,
}

/// The type of the sum, which no number of integers exceeds.
const SUM: DataType = DataType::Decimal128(38, 0);

impl Avg {
    /// `numeric` is the function for other numbers.
    pub(crate) fn new(numeric: Arc<AggregateUDF>) -> Self {
        Self { signature: Signature::user_defined(Volatility::Immutable), numeric }
    }
}

fn is_of_integers(args: &AccumulatorArgs<'_>) -> bool {
    args.expr_fields.first().is_some_and(|field| field.data_type().is_integer())
}

impl AggregateUDFImpl for Avg {
    fn name(&self) -> &str {
        "avg"
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
        let fields = fields_with_udf(&fields, self.numeric.as_ref())?;
        Ok(fields.iter().map(|field| field.data_type().clone()).collect())
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        match arguments {
            [data_type] if data_type.is_integer() => Ok(DataType::Int64),
            _ => self.numeric.return_type(arguments),
        }
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        match (is_of_integers(&args), args.is_distinct) {
            (false, _) => self.numeric.accumulator(args),
            (true, false) => Ok(Box::new(Mean::default())),
            (true, true) => Ok(Box::new(DistinctMean::default())),
        }
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        if !args.input_fields.first().is_some_and(|field| field.data_type().is_integer()) {
            return self.numeric.state_fields(args);
        }
        let field = |name: &str, data_type| Arc::new(Field::new(format_state_name(args.name, name), data_type, true));
        Ok(match args.is_distinct {
            true => {
                let item = Arc::new(Field::new_list_field(DataType::Int64, true));
                vec![field("values", DataType::List(item))]
            }
            false => vec![field("count", DataType::Int64), field("sum", SUM)],
        })
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs<'_>) -> bool {
        !is_of_integers(&args) && self.numeric.groups_accumulator_supported(args)
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn GroupsAccumulator>> {
        self.numeric.create_groups_accumulator(args)
    }

    fn create_sliding_accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        match is_of_integers(&args) {
            true => self.accumulator(args),
            false => self.numeric.create_sliding_accumulator(args),
        }
    }
}

/// The mean of integers.
#[derive(Debug, Default)]
struct Mean {
    count: i64,
    sum: i128,
}

impl Mean {
    fn add(&mut self, values: &[ArrayRef], sign: i64) -> Result<()> {
        let [integers] = values else { return internal_err!("a mean is of one value") };
        for integer in integers.as_primitive::<Int64Type>().iter().flatten() {
            self.count += sign;
            self.sum += i128::from(integer) * i128::from(sign);
        }
        Ok(())
    }
}

impl Accumulator for Mean {
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
        let mean = self.sum.checked_div(i128::from(self.count));
        Ok(ScalarValue::Int64(mean.and_then(|mean| i64::try_from(mean).ok())))
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![ScalarValue::Int64(Some(self.count)), ScalarValue::Decimal128(Some(self.sum), 38, 0)])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let [counts, sums] = states else { return internal_err!("the state of a mean is a count and a sum") };
        self.count += counts.as_primitive::<Int64Type>().iter().flatten().sum::<i64>();
        self.sum += sums.as_primitive::<Decimal128Type>().iter().flatten().sum::<i128>();
        Ok(())
    }
}

/// The mean of integers, each of which counts once.
#[derive(Debug, Default)]
struct DistinctMean {
    seen: HashSet<i64>,
}

impl Accumulator for DistinctMean {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let [integers] = values else { return internal_err!("a mean is of one value") };
        self.seen.extend(integers.as_primitive::<Int64Type>().iter().flatten());
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let sum = self.seen.iter().copied().map(i128::from).sum();
        Mean { count: self.seen.len() as i64, sum }.evaluate()
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.seen.capacity() * size_of::<i64>()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let seen: Vec<ScalarValue> = self.seen.iter().copied().map(ScalarValue::from).collect();
        Ok(vec![ScalarValue::List(ScalarValue::new_list_nullable(&seen, &DataType::Int64))])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let [lists] = states else { return internal_err!("the state of a mean of distinct values is a list") };
        let lists: &ListArray = lists.as_list();
        lists.iter().flatten().try_for_each(|list| self.update_batch(&[list]))
    }
}
