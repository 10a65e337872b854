//! A model's functions as vectorised scalar functions: `fn`, `fn_probabilities`, `fn_prob` and `fn_explain`.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, DocSection, Documentation, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature,
    Volatility,
};
use datafusion_ml_core::encoder::accepts;
use datafusion_ml_core::{FittedModel, artifact};

use crate::audit::Tally;
use crate::catalog::{EXPLAIN_SUFFIX, FunctionName, ModelEntry};
use crate::error::{external, invalid};
use crate::show::postgres_type;

/// What a model's function answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Output {
    /// A label in the target's type, a number or a cluster.
    Label,
    /// `Struct<probabilities: List<Float64>, labels: List<Utf8>>`.
    Probabilities,
    /// What each column contributed, [`FittedModel::explanation_type`].
    Explanation,
    /// The probability of the second of two classes; a part of plans, not a function that can be called by its name.
    Score,
}

impl Output {
    /// What the function of a model answers whose name has this after that of the prediction function.
    fn of(suffix: &str) -> Self {
        match suffix {
            "" => Self::Label,
            EXPLAIN_SUFFIX => Self::Explanation,
            _ => Self::Probabilities,
        }
    }
}

/// One function of one version of a model.
///
/// Two are equal if name, model, version, artifact and output are; the fitted model itself takes no part. A plan holds
/// the version it was planned with, so that a model replaced meanwhile serves the query to its end.
#[derive(Clone)]
pub(crate) struct PredictFunction {
    name: String,
    output: Output,
    entry: Arc<ModelEntry>,
    model: Arc<FittedModel>,
    /// Names and training types of the parameters.
    parameters: Vec<(String, DataType)>,
    return_type: DataType,
    signature: Signature,
    documentation: Documentation,
    /// Where predictions are recorded.
    tally: Option<Arc<Tally>>,
}

/// Every function of a model, under every name that it is called by: qualified by its schema, and unqualified if that
/// is the default schema.
pub(crate) fn functions(
    entry: &Arc<ModelEntry>,
    model: &Arc<FittedModel>,
    default_schema: &str,
) -> Result<Vec<Arc<ScalarUDF>>> {
    let mut functions = Vec::new();
    for function in entry.functions() {
        let output = Output::of(function.name.strip_prefix(&entry.function.name).unwrap_or_default());
        for name in call_names(&function, default_schema) {
            let implementation = PredictFunction::try_new(name, output, entry, model)?;
            functions.push(Arc::new(ScalarUDF::from(implementation)));
        }
    }
    Ok(functions)
}

/// The names under which DataFusion looks a function up.
pub(crate) fn call_names(function: &FunctionName, default_schema: &str) -> Vec<String> {
    let mut names = vec![function.to_string()];
    if function.schema == default_schema {
        names.push(function.name.clone());
    }
    names
}

/// The model entry behind a function of ours; `None` for any other function.
pub(crate) fn entry_of(function: &ScalarUDF) -> Option<&Arc<ModelEntry>> {
    function.inner().downcast_ref::<PredictFunction>().map(|function| &function.entry)
}

/// The model behind a function of ours; `None` for any other function.
pub(crate) fn model_of(function: &ScalarUDF) -> Option<&Arc<FittedModel>> {
    function.inner().downcast_ref::<PredictFunction>().map(|function| &function.model)
}

/// How many predictions a call of the function takes for a row; 0 of any function but ours.
pub(crate) fn predictions_per_row(function: &ScalarUDF) -> usize {
    function.inner().downcast_ref::<PredictFunction>().map_or(0, |function| match function.output {
        Output::Explanation => function.model.model().predictions_per_explanation(function.parameters.len()),
        Output::Label | Output::Probabilities | Output::Score => 1,
    })
}

/// The function for the probability of the second of two classes.
pub(crate) fn score_function(entry: &Arc<ModelEntry>, model: &Arc<FittedModel>) -> Result<ScalarUDF> {
    let name = format!("{}_score", entry.function);
    Ok(ScalarUDF::from(PredictFunction::try_new(name, Output::Score, entry, model)?))
}

/// The same function, of which the rows are counted.
pub(crate) fn with_tally(function: &Arc<ScalarUDF>, tally: Arc<Tally>) -> Arc<ScalarUDF> {
    match function.inner().downcast_ref::<PredictFunction>() {
        Some(ours) => {
            let mut ours = PredictFunction { tally: Some(tally), ..ours.clone() };
            ours.signature.volatility = Volatility::Immutable;
            Arc::new(ScalarUDF::from(ours))
        }
        None => Arc::clone(function),
    }
}

/// The same function, which no optimizer computes; [`with_tally`] makes it one that may.
pub(crate) fn left_to_execution(function: &Arc<ScalarUDF>) -> Arc<ScalarUDF> {
    match function.inner().downcast_ref::<PredictFunction>() {
        Some(ours) => {
            let mut ours = ours.clone();
            ours.signature.volatility = Volatility::Volatile;
            Arc::new(ScalarUDF::from(ours))
        }
        None => Arc::clone(function),
    }
}

/// Whether two entries are of the same version of a model. Two users may learn the very same from the same rows.
pub(crate) fn same_version(a: &ModelEntry, b: &ModelEntry) -> bool {
    a.name == b.name && a.version == b.version && a.artifact == b.artifact && a.owner == b.owner
}

impl PredictFunction {
    fn try_new(name: String, output: Output, entry: &Arc<ModelEntry>, model: &Arc<FittedModel>) -> Result<Self> {
        let encoder = &model.manifest().encoder;
        let types = encoder.column_types().map_err(external)?;
        let parameters: Vec<(String, DataType)> = encoder.column_names().map(str::to_owned).zip(types).collect();
        let signature = signature(&parameters);
        let return_type = match output {
            Output::Label => model.prediction_type().map_err(external)?,
            Output::Probabilities => artifact::probabilities_type(),
            Output::Explanation => model.explanation_type(),
            Output::Score => DataType::Float64,
        };
        let documentation = document(&name, output, entry);
        Ok(Self {
            name,
            output,
            entry: Arc::clone(entry),
            model: Arc::clone(model),
            parameters,
            return_type,
            signature,
            documentation,
            tally: None,
        })
    }

    fn evaluate(&self, num_rows: usize, columns: &[ArrayRef]) -> Result<ArrayRef> {
        let result = match self.output {
            Output::Label => self.model.predict(num_rows, columns),
            Output::Probabilities => self.model.predict_probabilities(num_rows, columns),
            Output::Explanation => self.model.explain(num_rows, columns),
            Output::Score => self.model.predict_score(num_rows, columns),
        };
        result
            .map_err(|e| external(datafusion_ml_core::Error::new(e.kind(), format!("{}: {}", self.name, e.message()))))
    }
}

/// Takes whatever [`PredictFunction::return_type`] accepts. The exact types are what SHOW FUNCTIONS lists.
fn signature(parameters: &[(String, DataType)]) -> Signature {
    let (names, types) = parameters.iter().cloned().unzip();
    Signature {
        type_signature: TypeSignature::OneOf(vec![TypeSignature::Exact(types), TypeSignature::UserDefined]),
        volatility: Volatility::Immutable,
        parameter_names: Some(names),
    }
}

fn document(name: &str, output: Output, entry: &ModelEntry) -> Documentation {
    let report = &entry.report;
    let description = match (output, &report.target) {
        (Output::Label, Some(target)) => format!("Predicts {target} by model {} ({}).", entry.name, report.model_type),
        (Output::Label, None) => format!("The cluster, from 0, by model {} ({}).", entry.name, report.model_type),
        (Output::Probabilities, _) => format!(
            "The probabilities of the labels by model {} ({}), the most probable first: \
             a struct of two lists, probabilities and labels.",
            entry.name, report.model_type
        ),
        (Output::Score, _) => format!("The probability of the second class by model {}.", entry.name),
        (Output::Explanation, _) => format!(
            "What each column contributed to the prediction by model {} ({}), the largest contribution first: \
             Shapley values, which with base_value add up to prediction, the raw output.",
            entry.name, report.model_type
        ),
    };
    let arguments: Vec<&str> = report.parameters.iter().map(|(name, _)| name.as_str()).collect();
    let syntax = format!("{name}({})", arguments.join(", "));
    let mut builder =
        Documentation::builder(DocSection { include: false, label: "Models", description: None }, description, syntax);
    for (name, data_type) in &report.parameters {
        builder = builder.with_argument(name, data_type);
    }
    builder.build()
}

impl ScalarUDFImpl for PredictFunction {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    /// Every type is taken as it is: the encoder converts, and [`Self::return_type`] refuses.
    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        Ok(given.to_vec())
    }

    /// Refuses a call with arguments that the model cannot take. (An error of `coerce_types` would reach the user in
    /// DataFusion's words, with every candidate.)
    fn return_type(&self, given: &[DataType]) -> Result<DataType> {
        if given.len() != self.parameters.len() {
            let names: Vec<&str> = self.parameters.iter().map(|(name, _)| name.as_str()).collect();
            return Err(invalid(format!(
                "{} takes {} arguments, not {}: {}({})",
                self.name,
                names.len(),
                given.len(),
                self.name,
                names.join(", ")
            )));
        }
        for (position, ((name, trained), given)) in self.parameters.iter().zip(given).enumerate() {
            if !accepts(trained, given) {
                return Err(invalid(format!(
                    "argument {} of {}, {name}, was {} in training and cannot be {}; cast it",
                    position + 1,
                    self.name,
                    postgres_type(trained),
                    postgres_type(given)
                )));
            }
        }
        Ok(self.return_type.clone())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let constant = args.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
        let num_rows = if constant { 1 } else { args.number_rows };
        if let Some(tally) = &self.tally {
            tally.add(num_rows);
        }
        let columns = args.args.iter().map(|arg| arg.to_array(num_rows)).collect::<Result<Vec<_>>>()?;
        let result = self.evaluate(num_rows, &columns)?;
        Ok(if constant {
            ColumnarValue::Scalar(ScalarValue::try_from_array(&result, 0)?)
        } else {
            ColumnarValue::Array(result)
        })
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(&self.documentation)
    }
}

impl fmt::Debug for PredictFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PredictFunction")
            .field("name", &self.name)
            .field("model", &self.entry.name)
            .field("version", &self.entry.version)
            .finish_non_exhaustive()
    }
}

impl PartialEq for PredictFunction {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.output == other.output && same_version(&self.entry, &other.entry)
    }
}

impl Eq for PredictFunction {}

impl Hash for PredictFunction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
        self.output.hash(state);
        self.entry.name.hash(state);
        self.entry.version.hash(state);
        self.entry.artifact.digest.hash(state);
    }
}
