//! MIN, MAX, GREATEST and LEAST of SUPER, in the order of ORDER BY. NULL, and the null of JSON, count for nothing; where there
//! is nothing else the answer is NULL.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::mem::size_of_val;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, StringArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::common::{ScalarValue, internal_err};
use datafusion::error::Result;
use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, Expr, Signature, Volatility};

use super::function::{Arguments, Function, Returns, call};
use super::json::push_order_key;
use super::marker::super_field;

/// The aggregate function that answers the first of the values, or the last.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Extreme {
    name: &'static str,
    /// How the answer compares with the other values.
    wanted: Ordering,
    signature: Signature,
}

/// MIN of SUPER.
pub(super) fn min() -> Arc<AggregateUDF> {
    aggregate("super_min", Ordering::Less)
}

/// MAX of SUPER.
pub(super) fn max() -> Arc<AggregateUDF> {
    aggregate("super_max", Ordering::Greater)
}

fn aggregate(name: &'static str, wanted: Ordering) -> Arc<AggregateUDF> {
    let signature = Signature::any(1, Volatility::Immutable);
    Arc::new(AggregateUDF::from(Extreme { name, wanted, signature }))
}

/// GREATEST of values of which one is SUPER.
pub(super) fn greatest(values: Vec<Expr>) -> Expr {
    of_row("super_greatest", |args| extremes(args, Ordering::Greater), values)
}

/// LEAST of values of which one is SUPER.
pub(super) fn least(values: Vec<Expr>) -> Expr {
    of_row("super_least", |args| extremes(args, Ordering::Less), values)
}

fn of_row(name: &'static str, invoke: fn(&Arguments) -> Result<ArrayRef>, values: Vec<Expr>) -> Expr {
    call(Function { name, arguments: 1..=usize::MAX, returns: Returns::Super, invoke }, values)
}

fn extremes(args: &Arguments, wanted: Ordering) -> Result<ArrayRef> {
    let values = (0..args.values.len()).map(|index| args.texts(index)).collect::<Result<Vec<_>>>()?;
    let answers = (0..args.rows).map(|row| {
        let mut best = Best { wanted, found: None };
        values.iter().filter_map(|texts| texts.get(row)).for_each(|text| best.see(text));
        best.found.map(|(_, text)| text)
    });
    Ok(Arc::new(answers.collect::<StringArray>()))
}

/// The value that is wanted of those that have been seen. Of equal values the text decides, so that their order does not.
#[derive(Debug)]
struct Best {
    wanted: Ordering,
    /// By its place in the order.
    found: Option<(String, String)>,
}

impl Best {
    fn see(&mut self, text: &str) {
        let mut place = String::new();
        if !push_order_key(text, &mut place) {
            return;
        }
        let is_better =
            |(best, best_text): &(String, String)| place.cmp(best).then_with(|| text.cmp(best_text)) == self.wanted;
        if self.found.as_ref().is_none_or(is_better) {
            self.found = Some((place, text.to_owned()));
        }
    }
}

impl Accumulator for Best {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let [values] = values else { return internal_err!("an extreme is of one value") };
        let texts = cast(values, &DataType::Utf8)?;
        texts.as_string::<i32>().iter().flatten().for_each(|text| self.see(text));
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(ScalarValue::Utf8(self.found.as_ref().map(|(_, text)| text.clone())))
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.found.as_ref().map_or(0, |(place, text)| place.capacity() + text.capacity())
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![self.evaluate()?])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.update_batch(states)
    }
}

impl AggregateUDFImpl for Extreme {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn return_field(&self, _: &[FieldRef]) -> Result<FieldRef> {
        Ok(super_field(self.name))
    }

    fn accumulator(&self, _: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(Best { wanted: self.wanted, found: None }))
    }

    fn create_sliding_accumulator(&self, _: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(Sliding { wanted: self.wanted, seen: BTreeMap::new() }))
    }
}

/// The values in a window that moves: by their places in the order, with how often they are there.
#[derive(Debug)]
struct Sliding {
    wanted: Ordering,
    seen: BTreeMap<(String, String), usize>,
}

impl Sliding {
    fn each(values: &[ArrayRef], mut see: impl FnMut((String, String))) -> Result<()> {
        let [values] = values else { return internal_err!("an extreme is of one value") };
        for text in cast(values, &DataType::Utf8)?.as_string::<i32>().iter().flatten() {
            let mut place = String::new();
            if push_order_key(text, &mut place) {
                see((place, text.to_owned()));
            }
        }
        Ok(())
    }
}

impl Accumulator for Sliding {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        Self::each(values, |value| *self.seen.entry(value).or_default() += 1)
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        Self::each(values, |value| {
            if let Some(count) = self.seen.get_mut(&value) {
                *count -= 1;
                if *count == 0 {
                    self.seen.remove(&value);
                }
            }
        })
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let found = match self.wanted {
            Ordering::Less => self.seen.first_key_value(),
            _ => self.seen.last_key_value(),
        };
        Ok(ScalarValue::Utf8(found.map(|((_, text), _)| text.clone())))
    }

    fn size(&self) -> usize {
        let texts = self.seen.keys().map(|(place, text)| place.capacity() + text.capacity());
        size_of_val(self) + texts.sum::<usize>()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![self.evaluate()?])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.update_batch(states)
    }
}
