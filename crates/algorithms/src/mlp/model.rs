//! A fitted network.

use std::sync::OnceLock;

use super::format;
use super::inputs::Inputs;
use super::network::Network;
use super::train::Trained;
use datafusion_ml_core::{
    Contributions, Error, Features, KernelShap, Model, Parameters, Prediction, RawOutputs, Result, Task,
};

/// So many rows are predicted at a time.
const CHUNK_ROWS: usize = 256;

/// A multilayer perceptron and how features become its inputs.
#[derive(Debug, Clone)]
pub struct MlpModel {
    pub(super) task: Task,
    pub(super) feature_names: Vec<String>,
    pub(super) inputs: Inputs,
    pub(super) network: Network,
    /// The mean and the standard deviation of a regression's target; else 0 and 1.
    pub(super) target: (f64, f64),
    /// Some training rows, column by column, the reference of contributions.
    pub(super) background: Vec<Vec<f64>>,
    pub(super) shapley: OnceLock<KernelShap>,
    pub(super) epochs: usize,
    pub(super) stopped_early: bool,
}

impl MlpModel {
    pub(super) fn new(
        task: Task,
        feature_names: Vec<String>,
        (inputs, background): (Inputs, Vec<Vec<f64>>),
        target: (f64, f64),
        Trained { network, epochs, stopped_early }: Trained,
    ) -> Self {
        Self {
            task,
            feature_names,
            inputs,
            network,
            target,
            background,
            shapley: OnceLock::new(),
            epochs,
            stopped_early,
        }
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

    /// The way to ask for Shapley values, made on first use.
    fn shapley(&self) -> Result<&KernelShap> {
        if let Some(shapley) = self.shapley.get() {
            return Ok(shapley);
        }
        let background = Features::from_f64(self.background.clone())?;
        let shapley = KernelShap::try_new(&background, KernelShap::one_each(self.background.len()), 0)?;
        Ok(self.shapley.get_or_init(|| shapley))
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

    /// Of every feature, against a sample of training rows: exact of up to 11 features, else from sampled coalitions.
    fn contributions(&self, features: &Features) -> Result<Contributions> {
        self.shapley()?.contributions(features, &|features| self.raw(features))
    }

    fn predictions_per_explanation(&self) -> usize {
        self.shapley().map_or(1, KernelShap::predictions_per_row)
    }

    fn parameters(&self) -> Result<Parameters> {
        format::write(self)
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
        format::read(&parameters)
    }
}
