//! `PERCENTILE_DISC(p) WITHIN GROUP (ORDER BY x)`.

use std::mem::{size_of, size_of_val};
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, ListArray};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::compute::{SortOptions, concat, filter, is_not_null, sort_to_indices};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Schema};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::{exec_err, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::format_state_name;
use datafusion::logical_expr::{Accumulator, AggregateUDFImpl, ColumnarValue, Signature, Volatility};
use datafusion::scalar::ScalarValue;

/// The first of the values, in their order, up to which lie at least p of all; NULLs are left out, and without a value it is
/// NULL. Keeps all values of a group in memory.
///
/// Source: [PERCENTILE_DISC](https://docs.aws.amazon.com/redshift/latest/dg/r_WF_PERCENTILE_DISC.html).
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct PercentileDisc {
    signature: Signature,
}

impl Default for PercentileDisc {
    fn default() -> Self {
        Self { signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl AggregateUDFImpl for PercentileDisc {
    fn name(&self) -> &str {
        "percentile_disc"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        match arguments {
            [value, share] if share.is_numeric() => Ok(vec![value.clone(), DataType::Float64]),
            [value, share, DataType::Boolean] if share.is_numeric() => {
                Ok(vec![value.clone(), DataType::Float64, DataType::Boolean])
            }
            _ => plan_err!(
                "PERCENTILE_DISC needs a number from 0 to 1 and an order: PERCENTILE_DISC(0.5) WITHIN GROUP (ORDER BY x)"
            ),
        }
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        match arguments {
            [value, ..] => Ok(value.clone()),
            [] => plan_err!("PERCENTILE_DISC has two arguments"),
        }
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let values = DataType::List(item_of(args.input_fields[0].data_type()));
        Ok(vec![Field::new(format_state_name(args.name, "values"), values, true).into()])
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        let nothing = RecordBatch::new_empty(Schema::empty().into());
        let share = match args.exprs.get(1).and_then(|share| share.evaluate(&nothing).ok()) {
            Some(ColumnarValue::Scalar(ScalarValue::Float64(Some(share)))) if (0.0..=1.0).contains(&share) => share,
            _ => return plan_err!("PERCENTILE_DISC needs a constant number from 0 to 1"),
        };
        // OVER has no order of the values; there a third argument is for DESC.
        let descending = args.exprs.len() > 2 || args.order_bys.first().is_some_and(|order| order.options.descending);
        let data_type = args.expr_fields[0].data_type().clone();
        Ok(Box::new(Values { data_type, share, descending, arrays: vec![] }))
    }

    fn supports_within_group_clause(&self) -> bool {
        true
    }
}

fn item_of(values: &DataType) -> FieldRef {
    Field::new_list_field(values.clone(), true).into()
}

/// The values of a group that are not NULL.
#[derive(Debug)]
struct Values {
    data_type: DataType,
    share: f64,
    descending: bool,
    arrays: Vec<ArrayRef>,
}

impl Values {
    fn all(&self) -> Result<ArrayRef> {
        let arrays: Vec<&dyn Array> = self.arrays.iter().map(AsRef::as_ref).collect();
        match arrays.as_slice() {
            [] => Ok(datafusion::arrow::array::new_empty_array(&self.data_type)),
            arrays => Ok(concat(arrays)?),
        }
    }
}

impl Accumulator for Values {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let values = filter(&values[0], &is_not_null(&values[0])?)?;
        if !values.is_empty() {
            self.arrays.push(values);
        }
        Ok(())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let Some(lists) = states[0].as_list_opt::<i32>() else { return exec_err!("expected lists of values") };
        self.arrays.extend(lists.iter().flatten().filter(|values| !values.is_empty()));
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let values = self.all()?;
        let offsets = OffsetBuffer::from_lengths([values.len()]);
        let list = ListArray::new(item_of(&self.data_type), offsets, values, None);
        Ok(vec![ScalarValue::List(Arc::new(list))])
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let values = self.all()?;
        if values.is_empty() {
            return ScalarValue::try_from(&self.data_type);
        }
        // Of n values the last share * n, rounded up; at least the first.
        let rank = (self.share * values.len() as f64).ceil().max(1.0) as usize;
        let options = SortOptions { descending: self.descending, nulls_first: false };
        let order = sort_to_indices(&values, Some(options), Some(rank))?;
        ScalarValue::try_from_array(&values, order.value(rank - 1) as usize)
    }

    fn size(&self) -> usize {
        size_of_val(self)
            + self.arrays.capacity() * size_of::<ArrayRef>()
            + self.arrays.iter().map(|values| values.get_array_memory_size()).sum::<usize>()
    }
}
