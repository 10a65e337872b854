//! A fitted network.

use std::sync::OnceLock;

use super::explain::Explainer;
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
    /// How it is asked for its Shapley values, made for the groups of features that are asked for first.
    pub(super) explainer: OnceLock<Explainer>,
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
            explainer: OnceLock::new(),
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
        self.in_units(self.network.outputs_of(&inputs, rows))
    }

    /// Outputs of the network in the units of the target.
    pub(super) fn in_units(&self, outputs: Vec<f32>) -> Vec<f64> {
        let (mean, deviation) = self.target;
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
                Prediction::probabilities(2, pairs.collect())
            }
            Task::MulticlassClassification => {
                for margins in values.chunks_exact_mut(num_outputs.max(1)) {
                    let largest = margins.iter().fold(f64::NEG_INFINITY, |a, b| a.max(*b));
                    margins.iter_mut().for_each(|margin| *margin = (*margin - largest).exp());
                    let sum: f64 = margins.iter().sum();
                    margins.iter_mut().for_each(|share| *share /= sum);
                }
                Prediction::probabilities(num_outputs, values)
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

    /// Of every feature, against a sample of training rows: of all coalitions of up to 9 features, else of some.
    fn contributions(&self, features: &Features) -> Result<Contributions> {
        self.grouped_contributions(features, &(0..features.num_features()).collect::<Vec<_>>())
    }

    /// The same with groups in the place of features.
    fn grouped_contributions(&self, features: &Features, groups: &[usize]) -> Result<Contributions> {
        if let Some(explainer) = self.explainer.get().filter(|explainer| explainer.is_of(groups)) {
            return explainer.contributions(self, features);
        }
        let explainer = Explainer::new(self, groups)?;
        self.explainer.get_or_init(|| explainer.clone());
        explainer.contributions(self, features)
    }

    fn predictions_per_explanation(&self, num_groups: usize) -> usize {
        KernelShap::predictions(num_groups, self.background.first().map_or(1, Vec::len))
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
