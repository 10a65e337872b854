//! Networks as a table.

use std::sync::{Arc, OnceLock};

use arrow::array::{
    Array, ArrayRef, AsArray, Float64Builder, ListArray, ListBuilder, RecordBatch, StringArray, UInt32Array,
};
use arrow::datatypes::Float64Type;
use datafusion_ml_core::{Error, Parameters, Result, Task};
use serde_json::{Map, json};

use super::inputs::{Inputs, Ramp};
use super::kernels::Activation;
use super::model::MlpModel;
use super::network::Network;

/// Named matrices: `center` and `factor` of the features, the `ramps` that make inputs of them (feature, offset, slope,
/// bound), `weights` (inputs by outputs) and `biases` of every layer, and `background`, some training rows.
pub(super) fn write(model: &MlpModel) -> Result<Parameters> {
    let floats = |values: &[f32]| values.iter().map(|value| f64::from(*value)).collect::<Vec<_>>();
    let ramps = model.inputs.ramps.iter();
    let ramps = ramps.flat_map(|ramp| [ramp.feature as f32, ramp.offset, ramp.slope, ramp.bound].map(f64::from));
    let features = model.inputs.num_features();
    let mut matrices = vec![
        ("center".to_owned(), features, model.inputs.center.clone()),
        ("factor".to_owned(), features, model.inputs.factor.clone()),
        ("ramps".to_owned(), 4, ramps.collect()),
        ("background".to_owned(), features, transposed(&model.background)),
    ];
    for (index, layer) in model.network.layers().into_iter().enumerate() {
        let (weights, biases) = layer.split(&model.network.weights);
        matrices.push((format!("layer {index} weights"), layer.outputs, floats(weights)));
        matrices.push((format!("layer {index} biases"), layer.outputs, floats(biases)));
    }
    let mut values = ListBuilder::new(Float64Builder::new());
    for (_, _, matrix) in &matrices {
        values.values().append_slice(matrix);
        values.append(true);
    }
    let names: Vec<&str> = matrices.iter().map(|(name, ..)| name.as_str()).collect();
    let widths = matrices.iter().map(|(_, width, _)| *width as u32);
    let table = RecordBatch::try_from_iter([
        ("matrix", Arc::new(StringArray::from(names)) as ArrayRef),
        ("columns", Arc::new(UInt32Array::from_iter_values(widths)) as ArrayRef),
        ("values", Arc::new(values.finish()) as ArrayRef),
    ])?;
    let mut scalars = Map::new();
    scalars.insert("task".into(), json!(model.task));
    scalars.insert("feature_names".into(), json!(model.feature_names));
    scalars.insert("widths".into(), json!(model.network.widths));
    scalars.insert("activation".into(), json!(model.network.activation.name()));
    scalars.insert("target_mean".into(), json!(model.target.0));
    scalars.insert("target_deviation".into(), json!(model.target.1));
    scalars.insert("epochs".into(), json!(model.epochs));
    scalars.insert("stopped_early".into(), json!(model.stopped_early));
    Ok(Parameters { table, scalars })
}

/// Restores a model; fails if its parts do not fit together.
pub(super) fn read(parameters: &Parameters) -> Result<MlpModel> {
    let unfit = |what: &str| Error::storage(format!("the network's {what} do not fit together"));
    let names: &StringArray = parameters.column("matrix")?;
    let lists: &ListArray = parameters.column("values")?;
    let matrix = |name: &str| -> Result<Vec<f64>> {
        let row = (0..names.len()).find(|row| names.is_valid(*row) && names.value(*row) == name);
        let values = row.filter(|row| lists.is_valid(*row)).map(|row| lists.value(row));
        let values = values.as_ref().and_then(|values| values.as_primitive_opt::<Float64Type>());
        match values.filter(|values| values.null_count() == 0) {
            Some(values) => Ok(values.values().to_vec()),
            None => Err(Error::storage(format!("the network has no {name}"))),
        }
    };
    let floats = |values: Vec<f64>| values.into_iter().map(|value| value as f32).collect::<Vec<_>>();
    let ramps = floats(matrix("ramps")?);
    let ramps = ramps.chunks_exact(4).map(|ramp| {
        let [feature, offset, slope, bound] = [ramp[0], ramp[1], ramp[2], ramp[3]];
        Ramp { feature: feature as u32, offset, slope, bound }
    });
    let inputs = Inputs { center: matrix("center")?, factor: matrix("factor")?, ramps: ramps.collect() };
    let feature_names: Vec<String> = parameters.scalar("feature_names")?;
    let features = feature_names.len();
    if inputs.center.len() != features
        || inputs.factor.len() != features
        || inputs.ramps.iter().any(|ramp| ramp.feature as usize >= features || ramp.bound.is_nan() || ramp.bound < 0.0)
    {
        return Err(unfit("inputs"));
    }
    let activation: String = parameters.scalar("activation")?;
    let activation = Activation::named(&activation)
        .ok_or_else(|| Error::storage(format!("the network has an unknown activation, {activation}")))?;
    let mut network = Network { widths: parameters.scalar("widths")?, activation, weights: Vec::new() };
    for (index, layer) in network.layers().into_iter().enumerate() {
        let (weights, biases) = (matrix(&format!("layer {index} weights"))?, matrix(&format!("layer {index} biases"))?);
        if weights.len() != layer.inputs.saturating_mul(layer.outputs) || biases.len() != layer.outputs {
            return Err(unfit("layers"));
        }
        network.weights.extend(floats(weights));
        network.weights.extend(floats(biases));
    }
    let task = parameters.scalar("task")?;
    if network.widths.len() < 2
        || network.widths[1..].contains(&0)
        || network.widths[0] != inputs.len()
        || task != Task::MulticlassClassification && network.outputs() != 1
    {
        return Err(unfit("layers"));
    }
    let background = matrix("background")?;
    if features == 0 || background.is_empty() || !background.len().is_multiple_of(features) {
        return Err(unfit("background rows"));
    }
    let column = |feature: usize| background[feature..].iter().step_by(features).copied().collect();
    Ok(MlpModel {
        task,
        feature_names,
        inputs,
        network,
        target: (parameters.scalar("target_mean")?, parameters.scalar("target_deviation")?),
        background: (0..features).map(column).collect(),
        explainer: OnceLock::new(),
        epochs: parameters.scalar("epochs")?,
        stopped_early: parameters.scalar("stopped_early")?,
    })
}

/// Row by row what lies column by column.
fn transposed(columns: &[Vec<f64>]) -> Vec<f64> {
    let rows = columns.first().map_or(0, Vec::len);
    (0..rows).flat_map(|row| columns.iter().map(move |column| column[row])).collect()
}
