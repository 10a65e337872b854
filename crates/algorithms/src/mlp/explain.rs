//! Shapley values of a network.
//!
//! The sums of the first layer are sums over features. Of mixtures of a row and the background it is therefore enough to know
//! what each feature adds, as it is in the row and as it is in each row of the background: the widest layer is not evaluated
//! per mixture.

use std::collections::BTreeMap;

use datafusion_ml_core::kernel_shap::{Asked, Mixtures};
use datafusion_ml_core::{Contributions, Features, KernelShap, Model, RawOutputs, Result};

use super::MlpModel;
use super::network::{Matrix, multiply};

/// How a network is asked for its Shapley values; it takes some time to make.
#[derive(Debug, Clone)]
pub(super) struct Explainer {
    /// The group of every feature, as it is given.
    groups: Vec<usize>,
    shap: KernelShap,
    background_rows: usize,
    /// What each player in each row of the background adds to the sums of the first layer:
    /// `parts[(player * rows + row) * units + unit]`.
    parts: Vec<f32>,
    /// The sums of the first layer: `sums[row * units + unit]`.
    sums: Vec<f32>,
}

impl Explainer {
    /// How a model is asked for values of groups, `groups` having the group of every feature.
    pub(super) fn new(model: &MlpModel, groups: &[usize]) -> Result<Self> {
        let mut members: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        groups.iter().enumerate().for_each(|(feature, group)| members.entry(*group).or_default().push(feature));
        let background = Features::from_f64(model.background.clone())?;
        let shap = KernelShap::try_new(&background, members.into_values().collect(), 0)?;
        let parts = model.parts(&background, &shap)?;
        let sums = model.sums(&parts, background.num_rows());
        Ok(Self { groups: groups.to_vec(), shap, background_rows: background.num_rows(), parts, sums })
    }

    /// Whether it is for these groups.
    pub(super) fn is_of(&self, groups: &[usize]) -> bool {
        self.groups == groups
    }

    /// The Shapley values of some rows.
    pub(super) fn contributions(&self, model: &MlpModel, features: &Features) -> Result<Contributions> {
        self.shap.contributions(features, &AskedNetwork { model, explainer: self })
    }
}

impl MlpModel {
    /// What each player adds to the sums of the first layer: `[(player * rows + row) * units + unit]`.
    fn parts(&self, features: &Features, shap: &KernelShap) -> Result<Vec<f32>> {
        let (rows, units) = (features.num_rows(), self.network.layers()[0].outputs);
        let mut scaled = Vec::new();
        self.inputs.scale(features, 0..rows, &mut scaled)?;
        let mut inputs = vec![0.0; self.inputs.len()];
        let mut parts = vec![0.0; shap.num_players() * rows * units];
        let (weights, _) = self.network.layers()[0].split(&self.network.weights);
        for (row, scaled) in scaled.chunks_exact(self.inputs.num_features().max(1)).enumerate() {
            self.inputs.expand(scaled, &mut inputs);
            for ((input, ramp), weights) in inputs.iter().zip(&self.inputs.ramps).zip(weights.chunks_exact(units)) {
                let start = (shap.player_of()[ramp.feature as usize] * rows + row) * units;
                let part = &mut parts[start..start + units];
                part.iter_mut().zip(weights).for_each(|(sum, weight)| *sum += input * weight);
            }
        }
        Ok(parts)
    }

    /// The sums of the first layer, of the parts of all players.
    fn sums(&self, parts: &[f32], rows: usize) -> Vec<f32> {
        let (_, biases) = self.network.layers()[0].split(&self.network.weights);
        let mut sums = biases.repeat(rows);
        for of_player in parts.chunks_exact(sums.len().max(1)) {
            sums.iter_mut().zip(of_player).for_each(|(sum, part)| *sum += part);
        }
        sums
    }
}

/// A network that is being asked.
struct AskedNetwork<'a> {
    model: &'a MlpModel,
    explainer: &'a Explainer,
}

impl Asked for AskedNetwork<'_> {
    fn raw(&self, features: &Features) -> Result<RawOutputs> {
        self.model.raw(features)
    }

    /// With `s` the sums of the background and `d` what the row's players add more than the background's, the sums of the
    /// coalitions are `s + members d`, those of the complements the row's own and `s` less those of the coalitions.
    fn mixed(&self, mixtures: &Mixtures<'_>) -> Result<RawOutputs> {
        let Explainer { shap, background_rows: rows, parts, sums, .. } = self.explainer;
        let (pairs, players, width) = (mixtures.num_pairs(), shap.num_players(), sums.len());
        let units = width / rows;
        let own = self.model.parts(mixtures.own(), shap)?;
        let own_sums = self.model.sums(&own, 1);
        let mut more = parts.clone();
        for (of_player, own) in more.chunks_exact_mut(width).zip(own.chunks_exact(units)) {
            let own = own.iter().cycle();
            of_player.iter_mut().zip(own).for_each(|(part, own)| *part = own - *part);
        }
        let mut members = Vec::with_capacity(pairs * players);
        for pair in 0..pairs {
            members.extend((0..players).map(|player| f32::from(u8::from(mixtures.has(pair, player)))));
        }
        let mut mixed = sums.repeat(2 * pairs);
        let (coalitions, complements) = mixed.split_at_mut(pairs * width);
        multiply([pairs, players, width], Matrix::new(&members, players), Matrix::new(&more, width), 1.0, coalitions);
        for ((complement, coalition), own) in complements.iter_mut().zip(coalitions).zip(own_sums.iter().cycle()) {
            *complement += own - *coalition;
        }
        let outputs = self.model.network.outputs_of_sums(mixed, 2 * pairs * rows);
        Ok(RawOutputs { num_outputs: self.model.network.outputs(), values: self.model.in_units(outputs) })
    }
}

#[cfg(test)]
mod tests {
    use super::super::train::Trained;
    use super::super::{inputs::Inputs, kernels::Activation, network};
    use super::*;
    use datafusion_ml_core::Task;

    /// A network of random weights over some features, one of which is constant, and some rows.
    fn network(num_features: usize, hidden: &[usize], outputs: usize) -> (MlpModel, Features) {
        let number = |row: usize, feature: usize| ((row * 37 + feature * 11 + row * feature) as f64 * 0.618).fract();
        let column = |rows: usize, from: usize, feature: usize| -> Vec<f64> {
            (from..from + rows).map(|row| if feature == 1 { 5.0 } else { number(row, feature) }).collect()
        };
        let columns = |rows, from| (0..num_features).map(|feature| column(rows, from, feature)).collect::<Vec<_>>();
        let inputs = Inputs::learn(&mut columns(200, 0), 8);
        let widths = [&[inputs.len()][..], hidden, &[outputs]].concat();
        let mut network = network::Network::new(widths, &vec![0.5; outputs], Activation::Silu, 3);
        network.weights.iter_mut().enumerate().for_each(|(index, w)| *w += ((index as f32 * 0.37).fract() - 0.5) / 4.0);
        let trained = Trained { network, epochs: 1, stopped_early: false };
        let task = if outputs > 1 { Task::MulticlassClassification } else { Task::Regression };
        let names = (0..num_features).map(|feature| feature.to_string()).collect();
        let model = MlpModel::new(task, names, (inputs, columns(7, 500)), (2.0, 3.0), trained);
        (model, Features::from_f64(columns(3, 900)).unwrap())
    }

    #[test]
    fn mixtures_are_valued_as_the_rows_that_they_are() {
        for (groups, hidden, outputs) in [
            (vec![0, 1, 2, 3], vec![16, 8], 1),
            ((0..12).collect(), vec![16], 3),
            (vec![0, 1, 2], vec![], 1),
            (vec![4, 1, 4, 4, 1], vec![4], 1),
        ] {
            let (model, features) = network(groups.len(), &hidden, outputs);
            let explainer = Explainer::new(&model, &groups).unwrap();
            let fast = model.grouped_contributions(&features, &groups).unwrap();
            let slow = explainer.shap.contributions(&features, &|rows: &Features| model.raw(rows)).unwrap();
            let largest = slow.values.iter().fold(0.0f64, |largest, value| largest.max(value.abs()));
            assert!(largest > 0.01, "{largest}");
            for (a, b) in fast.values.iter().zip(&slow.values) {
                assert!((a - b).abs() < 1e-4, "{groups:?}: {a}, not {b}");
            }
            assert!((fast.sampling_error.unwrap() - slow.sampling_error.unwrap()).abs() < 1e-4);
        }
    }

    #[test]
    fn one_feature_of_a_group_bears_its_value() {
        let (model, features) = network(4, &[8], 1);
        let values = model.grouped_contributions(&features, &[7, 2, 7, 2]).unwrap().values;
        assert!(values.chunks_exact(4).all(|row| row[0] != 0.0 && row[1] != 0.0 && row[2..] == [0.0; 2]), "{values:?}");
        // By itself a constant feature has no value.
        let values = model.contributions(&features).unwrap().values;
        assert!(
            values.chunks_exact(4).all(|row| row[1].abs() < 1e-6 && row.iter().any(|value| value.abs() > 1e-3)),
            "{values:?}"
        );
    }
}
