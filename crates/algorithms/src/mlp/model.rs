//! A fitted network.

use std::sync::Arc;

use arrow::array::AsArray;
use arrow::array::{Array, ArrayRef, Float64Builder, ListArray, ListBuilder, RecordBatch, StringArray, UInt32Array};
use arrow::datatypes::Float64Type;
use datafusion_ml_core::{Error, Features, Model, Parameters, Prediction, RawOutputs, Result, Task};
use serde_json::{Map, json};

use super::inputs::{Inputs, Ramp};
use super::kernels::Activation;
use super::network::Network;
use super::train::Trained;

/// So many rows are predicted at a time.
const CHUNK_ROWS: usize = 256;

/// A multilayer perceptron and how features become its inputs.
#[derive(Debug, Clone, PartialEq)]
pub struct MlpModel {
    task: Task,
    feature_names: Vec<String>,
    inputs: Inputs,
    network: Network,
    /// The mean and the standard deviation of a regression's target; else 0 and 1.
    target: (f64, f64),
    /// Some scaled training rows, the reference of contributions.
    background: Vec<f32>,
    epochs: usize,
    stopped_early: bool,
}

impl MlpModel {
    pub(super) fn new(
        task: Task,
        feature_names: Vec<String>,
        (inputs, background): (Inputs, Vec<f32>),
        target: (f64, f64),
        Trained { network, epochs, stopped_early }: Trained,
    ) -> Self {
        Self { task, feature_names, inputs, network, target, background, epochs, stopped_early }
    }

    /// The margins of scaled rows, row by row, in the units of the target.
    fn margins(&self, scaled_rows: &[f32]) -> Vec<f64> {
        let (width, size) = (self.inputs.num_features(), self.inputs.len());
        let rows = scaled_rows.len() / width.max(1);
        let mut inputs = vec![0.0; rows * size];
        if size > 0 {
            let scaled_rows = scaled_rows.chunks_exact(width);
            scaled_rows.zip(inputs.chunks_exact_mut(size)).for_each(|(row, inputs)| self.inputs.expand(row, inputs));
        }
        let (mean, deviation) = self.target;
        let outputs = self.network.outputs_of(&inputs, rows);
        outputs.into_iter().map(|output| mean + deviation * f64::from(output)).collect()
    }
}

impl Model for MlpModel {
    fn predict(&self, features: &Features) -> Result<Prediction> {
        let RawOutputs { num_outputs, mut values } = self.raw(features)?;
        Ok(match self.task {
            Task::BinaryClassification => {
                let share = |margin: f64| 1.0 / (1.0 + (-margin).exp());
                let pairs = values.into_iter().flat_map(|margin| [share(-margin), share(margin)]);
                Prediction::Probabilities { num_classes: 2, values: pairs.collect() }
            }
            Task::MulticlassClassification => {
                for margins in values.chunks_exact_mut(num_outputs.max(1)) {
                    let largest = margins.iter().fold(f64::NEG_INFINITY, |a, b| a.max(*b));
                    margins.iter_mut().for_each(|margin| *margin = (*margin - largest).exp());
                    let sum: f64 = margins.iter().sum();
                    margins.iter_mut().for_each(|share| *share /= sum);
                }
                Prediction::Probabilities { num_classes: num_outputs, values }
            }
            _ => Prediction::Values(values),
        })
    }

    fn raw(&self, features: &Features) -> Result<RawOutputs> {
        let rows = features.num_rows();
        let num_outputs = self.network.outputs();
        let mut values = Vec::with_capacity(rows * num_outputs);
        let mut scaled_rows = Vec::new();
        for start in (0..rows).step_by(CHUNK_ROWS) {
            scaled_rows.clear();
            self.inputs.scale(features, start..(start + CHUNK_ROWS).min(rows), &mut scaled_rows)?;
            values.extend(self.margins(&scaled_rows));
        }
        Ok(RawOutputs { num_outputs, values })
    }

    /// Named matrices: `center` and `factor` of the features, the `ramps` that make inputs of them (feature, offset, slope,
    /// bound), `weights` (inputs by outputs) and `biases` of every layer, and `background`, scaled training rows.
    fn parameters(&self) -> Result<Parameters> {
        let floats = |values: &[f32]| values.iter().map(|value| f64::from(*value)).collect::<Vec<_>>();
        let ramps = self.inputs.ramps.iter();
        let ramps = ramps.flat_map(|ramp| [ramp.feature as f32, ramp.offset, ramp.slope, ramp.bound].map(f64::from));
        let features = self.inputs.num_features();
        let mut matrices = vec![
            ("center".to_owned(), features, self.inputs.center.clone()),
            ("factor".to_owned(), features, self.inputs.factor.clone()),
            ("ramps".to_owned(), 4, ramps.collect()),
            ("background".to_owned(), features, floats(&self.background)),
        ];
        for (index, layer) in self.network.layers().into_iter().enumerate() {
            let (weights, biases) = layer.split(&self.network.weights);
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
        scalars.insert("task".into(), json!(self.task));
        scalars.insert("feature_names".into(), json!(self.feature_names));
        scalars.insert("widths".into(), json!(self.network.widths));
        scalars.insert("activation".into(), json!(self.network.activation.name()));
        scalars.insert("target_mean".into(), json!(self.target.0));
        scalars.insert("target_deviation".into(), json!(self.target.1));
        scalars.insert("epochs".into(), json!(self.epochs));
        scalars.insert("stopped_early".into(), json!(self.stopped_early));
        Ok(Parameters { table, scalars })
    }

    fn stopped_early(&self) -> bool {
        self.stopped_early
    }

    fn rounds(&self) -> Option<usize> {
        Some(self.epochs)
    }
}

impl TryFrom<Parameters> for MlpModel {
    type Error = Error;

    fn try_from(parameters: Parameters) -> Result<Self> {
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
            || inputs
                .ramps
                .iter()
                .any(|ramp| ramp.feature as usize >= features || ramp.bound.is_nan() || ramp.bound < 0.0)
        {
            return Err(unfit("inputs"));
        }
        let activation: String = parameters.scalar("activation")?;
        let activation = Activation::named(&activation)
            .ok_or_else(|| Error::storage(format!("the network has an unknown activation, {activation}")))?;
        let mut network = Network { widths: parameters.scalar("widths")?, activation, weights: Vec::new() };
        for (index, layer) in network.layers().into_iter().enumerate() {
            let (weights, biases) =
                (matrix(&format!("layer {index} weights"))?, matrix(&format!("layer {index} biases"))?);
            if weights.len() != layer.inputs.saturating_mul(layer.outputs) || biases.len() != layer.outputs {
                return Err(unfit("layers"));
            }
            network.weights.extend(floats(weights));
            network.weights.extend(floats(biases));
        }
        let task = parameters.scalar("task")?;
        if network.widths.len() < 2
            || network.widths.contains(&0) && network.widths.iter().skip(1).any(|width| *width == 0)
            || network.widths[0] != inputs.len()
            || task != Task::MulticlassClassification && network.outputs() != 1
        {
            return Err(unfit("layers"));
        }
        let background = floats(matrix("background")?);
        if features == 0 || background.is_empty() || !background.len().is_multiple_of(features) {
            return Err(unfit("background rows"));
        }
        Ok(Self {
            task,
            feature_names,
            inputs,
            network,
            target: (parameters.scalar("target_mean")?, parameters.scalar("target_deviation")?),
            background,
            epochs: parameters.scalar("epochs")?,
            stopped_early: parameters.scalar("stopped_early")?,
        })
    }
}
