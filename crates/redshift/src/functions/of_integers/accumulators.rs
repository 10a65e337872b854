//! How integers are counted and summed: in 128 bits, which no number of them exceeds.

use std::collections::HashMap;
use std::mem::{size_of, size_of_val};
use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Decimal128Array, Int64Array, ListArray, PrimitiveArray,
};
use datafusion::arrow::datatypes::{DataType, Decimal128Type, Field, Int64Type};
use datafusion::common::{exec_datafusion_err, internal_err};
use datafusion::error::Result;
use datafusion::logical_expr::{Accumulator, EmitTo, GroupsAccumulator};
use datafusion::scalar::ScalarValue;

/// The type of a sum in a state.
pub(super) const SUM: DataType = DataType::Decimal128(38, 0);

/// The type of the state of distinct values.
pub(super) static DISTINCT_STATE: LazyLock<DataType> =
    LazyLock::new(|| DataType::List(Arc::new(Field::new_list_field(DataType::Int64, true))));

/// What is answered of a sum and the number of what was summed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Of {
    Sum,
    /// Without its decimals.
    Mean,
}

impl Of {
    /// The answer; `None` without a value. Fails if a sum is out of range.
    fn answer(self, count: i64, sum: i128) -> Result<Option<i64>> {
        let answer = match self {
            _ if count == 0 => return Ok(None),
            Self::Sum => sum,
            Self::Mean => sum / i128::from(count),
        };
        let answer = i64::try_from(answer).map_err(|_| {
            exec_datafusion_err!("the sum {sum} of integers is out of range; cast what is summed to DECIMAL(38, 0)")
        });
        answer.map(Some)
    }
}

/// Integers that come, and leave a window.
#[derive(Debug)]
pub(super) struct Total {
    of: Of,
    count: i64,
    sum: i128,
}

impl Total {
    pub(super) fn new(of: Of) -> Self {
        Self { of, count: 0, sum: 0 }
    }

    fn add(&mut self, values: &[ArrayRef], sign: i64) -> Result<()> {
        for integer in integers(values)?.iter().flatten() {
            self.count += sign;
            self.sum += i128::from(integer) * i128::from(sign);
        }
        Ok(())
    }
}

fn integers(values: &[ArrayRef]) -> Result<&Int64Array> {
    match values {
        [values] => Ok(values.as_primitive::<Int64Type>()),
        _ => internal_err!("an aggregate of integers is of one value"),
    }
}

fn states(states: &[ArrayRef]) -> Result<(&Int64Array, &Decimal128Array)> {
    match states {
        [counts, sums] => Ok((counts.as_primitive::<Int64Type>(), sums.as_primitive::<Decimal128Type>())),
        _ => internal_err!("the state of an aggregate of integers is a count and a sum"),
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
        self.of.answer(self.count, self.sum).map(ScalarValue::Int64)
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![ScalarValue::Int64(Some(self.count)), ScalarValue::Decimal128(Some(self.sum), 38, 0)])
    }

    fn merge_batch(&mut self, given: &[ArrayRef]) -> Result<()> {
        let (counts, sums) = states(given)?;
        self.count += counts.iter().flatten().sum::<i64>();
        self.sum += sums.iter().flatten().sum::<i128>();
        Ok(())
    }
}

/// The same of many groups.
#[derive(Debug)]
pub(super) struct Totals {
    of: Of,
    counts: Vec<i64>,
    sums: Vec<i128>,
}

impl Totals {
    pub(super) fn new(of: Of) -> Self {
        Self { of, counts: Vec::new(), sums: Vec::new() }
    }

    fn grow(&mut self, groups: usize) {
        self.counts.resize(groups, 0);
        self.sums.resize(groups, 0);
    }
}

/// Whether the row counts.
fn passes(filter: Option<&BooleanArray>, row: usize) -> bool {
    filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row))
}

impl GroupsAccumulator for Totals {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        filter: Option<&BooleanArray>,
        groups: usize,
    ) -> Result<()> {
        self.grow(groups);
        let values = integers(values)?;
        let has_all = values.null_count() == 0 && filter.is_none();
        for (row, (group, value)) in group_indices.iter().zip(values.values()).enumerate() {
            if has_all || values.is_valid(row) && passes(filter, row) {
                self.counts[*group] += 1;
                self.sums[*group] += i128::from(*value);
            }
        }
        Ok(())
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let (counts, sums) = (emit_to.take_needed(&mut self.counts), emit_to.take_needed(&mut self.sums));
        let answers = counts.into_iter().zip(sums).map(|(count, sum)| self.of.answer(count, sum));
        Ok(Arc::new(answers.collect::<Result<Int64Array>>()?))
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        let (counts, sums) = (emit_to.take_needed(&mut self.counts), emit_to.take_needed(&mut self.sums));
        let sums = Decimal128Array::from(sums).with_data_type(SUM);
        Ok(vec![Arc::new(Int64Array::from(counts)), Arc::new(sums)])
    }

    fn merge_batch(&mut self, given: &[ArrayRef], group_indices: &[usize], groups: usize) -> Result<()> {
        self.grow(groups);
        let (counts, sums) = states(given)?;
        for (row, group) in group_indices.iter().enumerate() {
            self.counts[*group] += counts.value(row);
            self.sums[*group] += sums.value(row);
        }
        Ok(())
    }

    fn convert_to_state(&self, values: &[ArrayRef], filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let values = integers(values)?;
        let counts = |row| values.is_valid(row) && passes(filter, row);
        let each = (0..values.len()).map(|row| if counts(row) { (1, i128::from(values.value(row))) } else { (0, 0) });
        let (counts, sums): (Vec<i64>, Vec<i128>) = each.unzip();
        let sums = PrimitiveArray::<Decimal128Type>::from(sums).with_data_type(SUM);
        Ok(vec![Arc::new(Int64Array::from(counts)), Arc::new(sums)])
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.counts.capacity() * size_of::<i64>() + self.sums.capacity() * size_of::<i128>()
    }
}

/// Integers of which each counts once, with how often it is there.
#[derive(Debug)]
pub(super) struct Distinct {
    of: Of,
    seen: HashMap<i64, u64>,
}

impl Distinct {
    pub(super) fn new(of: Of) -> Self {
        Self { of, seen: HashMap::new() }
    }
}

impl Accumulator for Distinct {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        integers(values)?.iter().flatten().for_each(|integer| *self.seen.entry(integer).or_default() += 1);
        Ok(())
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        for integer in integers(values)?.iter().flatten() {
            match self.seen.get_mut(&integer) {
                Some(times) if *times > 1 => *times -= 1,
                _ => drop(self.seen.remove(&integer)),
            }
        }
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let sum = self.seen.keys().copied().map(i128::from).sum();
        self.of.answer(self.seen.len() as i64, sum).map(ScalarValue::Int64)
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.seen.capacity() * size_of::<(i64, u64)>()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let seen: Vec<ScalarValue> = self.seen.keys().copied().map(ScalarValue::from).collect();
        Ok(vec![ScalarValue::List(ScalarValue::new_list_nullable(&seen, &DataType::Int64))])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let [lists] = states else { return internal_err!("the state of distinct integers is a list") };
        let lists: &ListArray = lists.as_list();
        lists.iter().flatten().try_for_each(|list| self.update_batch(&[list]))
    }
}
