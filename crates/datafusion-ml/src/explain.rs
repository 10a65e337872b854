//! `explain_model('[schema.]name')`: which columns a model looks at, as Redshift reports it.
//!
//! The answer is a struct whose fields are labels and columns, so its type is the model's: it is known when the call is
//! planned, since the name is a literal and the statement's models have been resolved by then.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Fields};
use datafusion::common::scalar::ScalarStructBuilder;
use datafusion::common::{ScalarValue, internal_err};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::context::SessionState;
use datafusion::logical_expr::registry::FunctionRegistry;
use datafusion::logical_expr::{
    ColumnarValue, DocSection, Documentation, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};
use datafusion_ml_core::FittedModel;

use crate::background::TrainingStatus;
use crate::catalog::{ModelEntry, ModelName};
use crate::error::invalid;

/// The function's name.
pub(crate) const EXPLAIN_MODEL: &str = "explain_model";

/// The function, with the reports of the models that have been asked for in this session. Immutable as every function is:
/// a further model is a further function in its place, and a plan keeps the one it was planned with.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct ExplainModel {
    /// By the text that names the model.
    reports: BTreeMap<String, (ModelName, ScalarValue)>,
    signature: Signature,
}

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    let description = "How much each column matters to a model: the mean absolute Shapley value over a sample of the \
                       training rows, per label, and the expected raw output. A struct as Redshift's report: \
                       {version, explanations: {kernel_shap: {label0: {global_shap_values: {column: value, ...}, \
                       expected_value}}}}; with explanations.sampling_error where values depend on a sample.";
    let section = DocSection { include: false, label: "Models", description: None };
    Documentation::builder(section, description, "explain_model('[schema.]name')")
        .with_argument("name", "The model's name, a text literal.")
        .build()
});

/// Puts the function into the context, with one more report if there is one; `text` is what the statement calls the model.
pub(crate) fn register_explain_model(
    state: &mut SessionState,
    report: Option<(&str, &ModelName, ScalarValue)>,
) -> Result<()> {
    let registered = state.scalar_functions().get(EXPLAIN_MODEL);
    let registered = registered.and_then(|function| function.inner().downcast_ref::<ExplainModel>().cloned());
    let mut function = registered.unwrap_or_else(|| ExplainModel {
        reports: BTreeMap::new(),
        signature: Signature::string(1, Volatility::Immutable),
    });
    if let Some((text, name, report)) = report {
        function.reports.insert(text.to_owned(), (name.clone(), report));
    }
    state.register_udf(Arc::new(ScalarUDF::from(function)))?;
    Ok(())
}

/// The model that a call of the function names, if this is the function; every one that it knows, if that cannot be told.
pub(crate) fn explained_models<'a>(function: &'a ScalarUDF, text: Option<&str>) -> Vec<&'a ModelName> {
    let Some(function) = function.inner().downcast_ref::<ExplainModel>() else { return Vec::new() };
    match text {
        Some(text) => function.reports.get(text).map(|(name, _)| name).into_iter().collect(),
        None => function.reports.values().map(|(name, _)| name).collect(),
    }
}

/// What is known of the model: `{version, explanations: {kernel_shap: {label0: {global_shap_values: {column: value, ...},
/// expected_value}, ...}}}`, a label per class of several, in their order, and one otherwise; of models whose values depend
/// on a sample, beside `kernel_shap` the `sampling_error` of one row's values. Fails if nothing is known.
pub(crate) fn report(entry: &ModelEntry, model: &FittedModel) -> Result<ScalarValue> {
    let manifest = model.manifest();
    let Some(importance) = &manifest.importance else {
        return Err(invalid(match entry.training_log {
            None => format!(
                "model {} was created by an earlier version, which kept no explanation; create it again",
                entry.name
            ),
            Some(_) => format!(
                "model {} has no explanation: there are no Shapley values for this kind of {} model; \
                 SHOW MODEL {} says what is known of it",
                entry.name, entry.report.model_type, entry.name
            ),
        }));
    };
    let number = |value: f64| ScalarValue::Float64(Some(value));
    let mut labels = ScalarStructBuilder::new();
    for (index, (values, expected)) in importance.values.iter().zip(&importance.expected).enumerate() {
        let columns = manifest.encoder.column_names().zip(values);
        let columns = columns.fold(ScalarStructBuilder::new(), |columns, (name, value)| {
            columns.with_name_and_scalar(name, number(*value))
        });
        let label = ScalarStructBuilder::new()
            .with_name_and_scalar("global_shap_values", columns.build()?)
            .with_name_and_scalar("expected_value", number(*expected));
        labels = labels.with_name_and_scalar(&format!("label{index}"), label.build()?);
    }
    let mut explanations = ScalarStructBuilder::new().with_name_and_scalar("kernel_shap", labels.build()?);
    if let Some(error) = importance.sampling_error {
        explanations = explanations.with_name_and_scalar("sampling_error", number(error));
    }
    ScalarStructBuilder::new()
        .with_name_and_scalar("version", ScalarValue::from("1.0"))
        .with_name_and_scalar("explanations", explanations.build()?)
        .build()
}

/// What is said of a model that is being trained, or could not be, in Redshift's words.
pub(crate) fn no_report(status: &TrainingStatus) -> Result<ScalarValue> {
    let text = match status {
        TrainingStatus::Running(_) => "waiting for training job to complete",
        TrainingStatus::Failed(_) | TrainingStatus::Interrupted(_) => "processing job failed",
    };
    ScalarStructBuilder::new().with_name_and_scalar("explanations", ScalarValue::from(text)).build()
}

/// The error for an argument that is no text. One that becomes a text when it is computed is none: models are loaded before.
pub(crate) fn usage() -> DataFusionError {
    invalid(format!("{EXPLAIN_MODEL} takes a model's name as text: {EXPLAIN_MODEL}('my_model')"))
}

impl ExplainModel {
    fn report(&self, argument: Option<&ScalarValue>) -> Result<&ScalarValue> {
        let Some(text) = argument.and_then(|argument| argument.try_as_str().flatten()) else {
            return Err(usage());
        };
        self.reports.get(text).map(|(_, report)| report).ok_or_else(|| {
            invalid(format!(
                "model {text} has not been asked for in this session; run the statement through MlSession::sql"
            ))
        })
    }
}

impl ScalarUDFImpl for ExplainModel {
    fn name(&self) -> &str {
        EXPLAIN_MODEL
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        internal_err!("the type of {EXPLAIN_MODEL} depends on its argument's value")
    }

    /// The type of the report; of a call without a literal, which fails when it is run, some struct: SHOW FUNCTIONS
    /// lists no function whose type it cannot ask for.
    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        let data_type = match args.scalar_arguments {
            [None] => DataType::Struct(Fields::empty()),
            arguments => self.report(arguments.first().copied().flatten())?.data_type(),
        };
        Ok(Arc::new(Field::new(EXPLAIN_MODEL, data_type, true)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let argument = match args.args.first() {
            Some(ColumnarValue::Scalar(argument)) => Some(argument),
            _ => None,
        };
        self.report(argument).cloned().map(ColumnarValue::Scalar)
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(&DOCUMENTATION)
    }
}
