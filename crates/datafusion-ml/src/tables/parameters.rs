//! `ml_trees('name')`, `ml_weights('name')` and `ml_centroids('name')`: what a model learned, as a table.
//!
//! Nothing here knows an algorithm: a model's own table has trees if it has a column `tree`, and so on. Of an ensemble
//! the tables of all members that have such a column follow each other; `member` counts all members from 1, and is 1 of a model by itself.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, Float64Array, Float64Builder, Int64Array, Int64Builder, RecordBatch, StringArray,
    StringBuilder, UInt32Array,
};
use datafusion::arrow::compute::{cast, concat_batches};
use datafusion::arrow::datatypes::{DataType, Float64Type, UInt32Type};
use datafusion::error::Result;
use datafusion_ml_core::{FittedModel, Model, Parameters};

use super::TableFunction;
use crate::catalog::ModelEntry;
use crate::error::{external, invalid};

/// The function's table of a model; an error if the model has none.
pub(crate) fn parameters_of(function: TableFunction, entry: &ModelEntry, model: &FittedModel) -> Result<RecordBatch> {
    let model = model.model();
    let members = match model.members() {
        members if members.is_empty() => vec![model],
        members => members,
    };
    let mut tables = Vec::new();
    for (position, member) in members.into_iter().enumerate() {
        tables.extend(table(function, member.as_ref(), position as i64 + 1)?);
    }
    match tables.first() {
        Some(first) => Ok(concat_batches(&first.schema(), &tables)?),
        None => Err(invalid(format!(
            "model {} has no {}; its MODEL_TYPE is {}",
            entry.name,
            function.name().trim_start_matches("ml_"),
            entry.report.model_type
        ))),
    }
}

fn table(function: TableFunction, model: &dyn Model, member: i64) -> Result<Option<RecordBatch>> {
    let parameters = model.parameters().map_err(external)?;
    let has = |name: &str| parameters.table.column_by_name(name).is_some();
    match function {
        TableFunction::Trees if has("tree") => trees(&parameters, member).map(Some),
        TableFunction::Weights if has("weight") => linear_weights(&parameters, member).map(Some),
        TableFunction::Weights if has("matrix") => layer_weights(&parameters, member).map(Some),
        TableFunction::Centroids if has("centroid") => Ok(Some(parameters.table)),
        _ => Ok(None),
    }
}

/// A row per node; `base_score` is where the sum of leaves begins, in the unit of predictions (with a logistic objective its
/// logit is what leaves are added to), NULL if the model has none; `feature`, `threshold` (values below it go left), `default_left` (where NULL goes), `left_child`, `right_child`
/// and `gain` are NULL of leaves, `value` is what a leaf adds.
fn trees(parameters: &Parameters, member: i64) -> Result<RecordBatch> {
    let column = |name: &str, data_type: &DataType| -> Result<ArrayRef> {
        let column = parameters.table.column_by_name(name);
        Ok(cast(column.ok_or_else(|| invalid(format!("the model's table has no {name}; it is damaged")))?, data_type)?)
    };
    let names: Vec<String> = parameters.scalar("feature_names").map_err(external)?;
    let indices = column("feature", &DataType::UInt32)?;
    let features: StringArray = indices
        .as_primitive::<UInt32Type>()
        .iter()
        .map(|index| index.map(|index| names.get(index as usize).cloned().unwrap_or_else(|| format!("f{index}"))))
        .collect();
    let (integer, double) = (DataType::Int64, DataType::Float64);
    let scores: Vec<f64> = parameters.scalar("base_score").unwrap_or_default();
    let classes = column("class", &DataType::UInt32)?;
    let classes = classes.as_primitive::<UInt32Type>().iter();
    let base_scores: Float64Array = classes.map(|class| scores.get(class? as usize).copied()).collect();
    let columns: [(&str, ArrayRef); 13] = [
        ("member", Arc::new(Int64Array::from(vec![member; features.len()]))),
        ("tree", column("tree", &integer)?),
        ("class", column("class", &integer)?),
        ("node", column("node", &integer)?),
        ("feature", Arc::new(features)),
        ("threshold", column("threshold", &double)?),
        ("default_left", column("default_left", &DataType::Boolean)?),
        ("left_child", column("left", &integer)?),
        ("right_child", column("right", &integer)?),
        ("gain", column("gain", &double)?),
        ("value", column("value", &double)?),
        ("cover", column("cover", &double)?),
        ("base_score", Arc::new(base_scores)),
    ];
    Ok(RecordBatch::try_from_iter_with_nullable(columns.map(|(name, column)| (name, column, true)))?)
}

/// Rows of `ml_weights`: of a linear model `layer` is 0, of a network it counts its layers.
#[derive(Default)]
struct Weights {
    layers: Int64Builder,
    outputs: Int64Builder,
    inputs: StringBuilder,
    weights: Float64Builder,
}

impl Weights {
    /// `input` is `None` for what is added whatever the inputs are: the intercept, or a bias.
    fn push(&mut self, layer: i64, output: i64, input: Option<&str>, weight: f64) {
        self.layers.append_value(layer);
        self.outputs.append_value(output);
        self.inputs.append_option(input);
        self.weights.append_value(weight);
    }

    fn finish(mut self, member: i64) -> Result<RecordBatch> {
        let layers = self.layers.finish();
        let columns: [(&str, ArrayRef); 5] = [
            ("member", Arc::new(Int64Array::from(vec![member; layers.len()]))),
            ("layer", Arc::new(layers)),
            ("output", Arc::new(self.outputs.finish())),
            ("input", Arc::new(self.inputs.finish())),
            ("weight", Arc::new(self.weights.finish())),
        ];
        Ok(RecordBatch::try_from_iter_with_nullable(columns.map(|(name, column)| (name, column, true)))?)
    }
}

/// A row per output and feature, in the units of the features, and one for each intercept.
fn linear_weights(parameters: &Parameters, member: i64) -> Result<RecordBatch> {
    let outputs: &UInt32Array = parameters.column("output").map_err(external)?;
    let features: &StringArray = parameters.column("feature").map_err(external)?;
    let values: &Float64Array = parameters.column("weight").map_err(external)?;
    let intercepts: Vec<f64> = parameters.scalar("intercepts").map_err(external)?;
    let mut weights = Weights::default();
    for (output, intercept) in intercepts.into_iter().enumerate() {
        weights.push(0, output as i64, None, intercept);
    }
    for row in 0..values.len() {
        weights.push(0, i64::from(outputs.value(row)), Some(features.value(row)), values.value(row));
    }
    weights.finish(member)
}

/// A row per layer, output and input, and one for each bias. Inputs of layer 0 are numbered in the order in which features
/// are scaled and unfolded; those of a later layer are the outputs of the one before.
fn layer_weights(parameters: &Parameters, member: i64) -> Result<RecordBatch> {
    let names: &StringArray = parameters.column("matrix").map_err(external)?;
    let widths: &UInt32Array = parameters.column("columns").map_err(external)?;
    let matrices = parameters.table.column_by_name("values").and_then(|values| values.as_list_opt::<i32>());
    let matrices = matrices.ok_or_else(|| invalid("the network's weights are not there; it is damaged"))?;
    let mut weights = Weights::default();
    for row in 0..names.len() {
        let layer = names.value(row).strip_prefix("layer ").and_then(|rest| rest.split_once(' '));
        let Some((layer, kind)) = layer.and_then(|(layer, kind)| Some((layer.parse().ok()?, kind))) else { continue };
        let matrix = matrices.value(row);
        let width = widths.value(row).max(1) as usize;
        for (index, weight) in matrix.as_primitive::<Float64Type>().values().iter().enumerate() {
            let input = (kind == "weights").then(|| format!("{}", index / width));
            weights.push(layer, (index % width) as i64, input.as_deref(), *weight);
        }
    }
    weights.finish(member)
}
