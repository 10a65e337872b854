//! The aggregate function behind `ml_evaluate`: all standard metrics of a model over rows, as one list.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, Float64Array, StringArray, StructArray};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Fields, Float64Type};
use datafusion::common::ScalarValue;
use datafusion::common::utils::SingleRowListArrayBuilder;
use datafusion::error::Result;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, Signature, Volatility};
use datafusion_ml_core::{Evaluation, FittedModel};

use crate::audit::Tally;
use crate::catalog::ModelEntry;
use crate::error::external;
use crate::predict::same_version;

/// The metrics of one version of a model: takes the model's columns and, if it has one, the target, and gives a list of
/// `{metric, value}`. As for the model's own functions, equality is that of the version.
pub(super) struct EvaluateFunction {
    entry: Arc<ModelEntry>,
    model: Arc<FittedModel>,
    signature: Signature,
    tally: Option<Arc<Tally>>,
}

impl EvaluateFunction {
    pub(super) fn new(entry: Arc<ModelEntry>, model: Arc<FittedModel>) -> Self {
        Self { entry, model, signature: Signature::variadic_any(Volatility::Immutable), tally: None }
    }
}

/// The same function, of which the rows are counted.
pub(crate) fn evaluate_with_tally(function: &Arc<AggregateUDF>, tally: Arc<Tally>) -> Arc<AggregateUDF> {
    match function.inner().downcast_ref::<EvaluateFunction>() {
        Some(ours) => {
            let counting = EvaluateFunction::new(Arc::clone(&ours.entry), Arc::clone(&ours.model));
            Arc::new(AggregateUDF::from(EvaluateFunction { tally: Some(tally), ..counting }))
        }
        None => Arc::clone(function),
    }
}

/// The model that the function evaluates; `None` for any other function.
pub(crate) fn evaluated_entry(function: &AggregateUDF) -> Option<&Arc<ModelEntry>> {
    function.inner().downcast_ref::<EvaluateFunction>().map(|function| &function.entry)
}

fn item_fields() -> Fields {
    Fields::from(vec![Field::new("metric", DataType::Utf8, false), Field::new("value", DataType::Float64, true)])
}

impl AggregateUDFImpl for EvaluateFunction {
    fn name(&self) -> &str {
        "ml_evaluate"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::new_list(DataType::Struct(item_fields()), true))
    }

    fn accumulator(&self, _: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        let has_target = self.model.manifest().target.is_some();
        let (evaluation, tally) = (Evaluation::new(Arc::clone(&self.model)), self.tally.clone());
        Ok(Box::new(EvaluateAccumulator { evaluation, has_target, tally }))
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let numbers = Field::new_list_field(DataType::Float64, true);
        Ok(vec![Arc::new(Field::new_list(format!("{}[state]", args.name), numbers, true))])
    }
}

#[derive(Debug)]
struct EvaluateAccumulator {
    evaluation: Evaluation,
    has_target: bool,
    tally: Option<Arc<Tally>>,
}

impl Accumulator for EvaluateAccumulator {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let (columns, target) = match values.split_last() {
            Some((target, columns)) if self.has_target => (columns, Some(target)),
            _ => (values, None),
        };
        if let (Some(tally), Some(column)) = (&self.tally, values.first()) {
            tally.add(column.len());
        }
        self.evaluation.add(columns, target).map_err(external)
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        for state in states.iter().flat_map(|states| states.as_list::<i32>().iter()).flatten() {
            self.evaluation.merge(state.as_primitive::<Float64Type>().values()).map_err(external)?;
        }
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let numbers: ArrayRef = Arc::new(Float64Array::from(self.evaluation.state()));
        Ok(vec![SingleRowListArrayBuilder::new(numbers).build_list_scalar()])
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let (names, values): (Vec<&str>, Vec<Option<f64>>) = self.evaluation.finish().into_iter().unzip();
        let columns: Vec<ArrayRef> = vec![Arc::new(StringArray::from(names)), Arc::new(Float64Array::from(values))];
        let items = StructArray::try_new(item_fields(), columns, None)?;
        Ok(SingleRowListArrayBuilder::new(Arc::new(items)).build_list_scalar())
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.evaluation.memory_size()
    }
}

impl fmt::Debug for EvaluateFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EvaluateFunction").field("model", &self.entry.name).finish_non_exhaustive()
    }
}

impl PartialEq for EvaluateFunction {
    fn eq(&self, other: &Self) -> bool {
        same_version(&self.entry, &other.entry)
    }
}

impl Eq for EvaluateFunction {}

impl Hash for EvaluateFunction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.entry.name.hash(state);
        self.entry.version.hash(state);
        self.entry.artifact.digest.hash(state);
    }
}
