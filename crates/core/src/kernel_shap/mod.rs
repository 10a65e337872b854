//! Shapley values of any model, by asking it.
//!
//! Features are grouped into *players*. The worth of a coalition of players, to a row, is the mean of the model's raw
//! outputs where the coalition's features are those of the row and the others those of each row of a *background*. The
//! Shapley value of a player is the mean of what it adds to the coalitions it joins. Up to [`EXACT_PLAYERS`] players all
//! coalitions are asked; of more, `2 players + 512`, in pairs of a coalition and its complement, and the values are those
//! of the weighted regression that gives the Shapley values if it is given all (Lundberg and Lee, A Unified Approach to
//! Interpreting Model Predictions, 2017; Covert and Lee, Improving KernelSHAP, 2021). Either way they sum to the raw
//! output less its mean over the background.
//!
//! **Cost.** Per row, one raw output per coalition and row of the background: 20 to 50 of the latter will do.
//!
//! ```
//! use datafusion_ml_core::{Features, KernelShap, RawOutputs, Result};
//!
//! // A model: the product of its two features.
//! let raw = |features: &Features| -> Result<RawOutputs> {
//!     let rows = 0..features.num_rows();
//!     let (mut a, mut b) = (Vec::new(), Vec::new());
//!     let (a, b) = (features.column(0).f64s(rows.clone(), &mut a), features.column(1).f64s(rows, &mut b));
//!     Ok(RawOutputs { num_outputs: 1, values: a.iter().zip(b).map(|(a, b)| a * b).collect() })
//! };
//! let background = Features::from_f64(vec![vec![0.0], vec![1.0]])?;
//! let explained = KernelShap::try_new(&background, KernelShap::one_each(2), 0)?;
//! let contributions = explained.contributions(&Features::from_f64(vec![vec![3.0], vec![5.0]])?, &raw)?;
//! // Alone they are worth 3 and 0, together 15: half of the other 12 each.
//! assert_eq!((contributions.base, contributions.values), (vec![0.0], vec![9.0, 6.0]));
//! # Ok::<(), datafusion_ml_core::Error>(())
//! ```

mod plan;

use std::ops::Range;

use crate::{Contributions, Error, FeatureColumn, Features, RawOutputs, Result};
use plan::Plan;

/// The most players of whom all coalitions are asked.
pub const EXACT_PLAYERS: usize = 11;

/// The most players there may be.
pub const MAX_PLAYERS: usize = 1_000;

/// Rows that the model is asked for at a time.
const BLOCK_ROWS: usize = 8_192;

/// A way to ask a model for Shapley values. Making one takes up to seconds with a thousand players; keep it.
#[derive(Debug, Clone, PartialEq)]
pub struct KernelShap {
    /// `background[feature][row]`.
    background: Vec<Vec<f64>>,
    background_rows: usize,
    /// The player of each feature.
    player_of: Vec<usize>,
    /// The first feature of each player.
    first_of: Vec<usize>,
    plan: Plan,
}

impl KernelShap {
    /// Values against the rows of a background, encoded as the model takes them. Each of `players` is the features that
    /// are given or withheld together, as the one-hot features of one column; every feature belongs to one. The seed
    /// draws the coalitions, the same for all rows. Fails if the background has no row, with features that no player
    /// or more than one has, or more than [`MAX_PLAYERS`] players.
    pub fn try_new(background: &Features, players: Vec<Vec<usize>>, seed: u64) -> Result<Self> {
        let (rows, num_features) = (background.num_rows(), background.num_features());
        if rows == 0 {
            return Err(Error::internal("Shapley values are asked against a background without rows"));
        }
        if players.len() > MAX_PLAYERS {
            return Err(Error::invalid(format!(
                "the model has {} features; Shapley values of its kind are given for {MAX_PLAYERS} at most",
                players.len()
            )));
        }
        let mut player_of = vec![usize::MAX; num_features];
        for (player, features) in players.iter().enumerate() {
            for feature in features {
                match player_of.get_mut(*feature) {
                    Some(of) if *of == usize::MAX => *of = player,
                    _ => return Err(Error::internal(format!("feature {feature} cannot be one of player {player}"))),
                }
            }
        }
        if player_of.contains(&usize::MAX) || players.iter().any(Vec::is_empty) {
            return Err(Error::internal("every feature is to have a player, and every player a feature"));
        }
        let mut buffer = Vec::new();
        let background = background.columns().iter().map(|column| column.f64s(0..rows, &mut buffer).to_vec()).collect();
        Ok(Self {
            background,
            background_rows: rows,
            player_of,
            first_of: players.iter().map(|features| features[0]).collect(),
            plan: Plan::new(players.len(), seed),
        })
    }

    /// One player for each of so many features.
    pub fn one_each(num_features: usize) -> Vec<Vec<usize>> {
        (0..num_features).map(|feature| vec![feature]).collect()
    }

    /// Whether all coalitions are asked.
    pub fn is_exact(&self) -> bool {
        self.plan.is_exact()
    }

    /// How many raw outputs are asked for a row.
    pub fn predictions_per_row(&self) -> usize {
        2 * self.plan.num_pairs() * self.background_rows
    }

    /// The Shapley values of every row. The first feature of a player bears the player's value, its others 0. `raw` gives
    /// the model's raw outputs of rows of the same types as `features`; it is called with a few thousand at a time.
    /// Against the errors of sampling see [`Contributions::sampling_error`].
    pub fn contributions(
        &self,
        features: &Features,
        raw: &dyn Fn(&Features) -> Result<RawOutputs>,
    ) -> Result<Contributions> {
        let (num_features, num_players) = (self.player_of.len(), self.first_of.len());
        if features.num_features() != num_features {
            return Err(Error::invalid(format!(
                "the model was trained on {num_features} features and is given {}; pass the same columns",
                features.num_features()
            )));
        }
        let ask = |features: &Features| {
            let outputs = raw(features)?;
            let fits = outputs.values.len() == features.num_rows() * outputs.num_outputs;
            match fits && outputs.num_outputs > 0 {
                true => Ok(outputs),
                false => Err(Error::internal("a model gives another number of raw outputs than of rows")),
            }
        };
        let whole = ask(features)?;
        let outputs = whole.num_outputs;
        let ask = |features: &Features| {
            let asked = ask(features)?;
            match asked.num_outputs == outputs {
                true => Ok(asked.values),
                false => Err(Error::internal("a model gives another number of raw outputs from call to call")),
            }
        };
        let base = self.base(features, outputs, &ask)?;
        let mut values = vec![0.0; features.num_rows() * outputs * num_features];
        let (mut of_players, mut squared_error) = (vec![0.0; num_players], 0.0);
        // `differences[pair * outputs + output]`.
        let mut differences = vec![0.0; self.plan.num_pairs() * outputs];
        let rows = values.chunks_exact_mut((outputs * num_features).max(1));
        for (row, values) in rows.enumerate() {
            for (output, (difference, base)) in differences.iter_mut().zip(&base).enumerate() {
                *difference = whole.values[row * outputs + output] - base;
            }
            self.differences(features, row, &ask, &mut differences)?;
            for (output, values) in values.chunks_exact_mut(num_features).enumerate() {
                let of_output = || differences.iter().skip(output).step_by(outputs).copied();
                self.plan.values(of_output(), &mut of_players);
                squared_error += self.plan.squared_error(of_output(), &of_players);
                self.first_of.iter().zip(&of_players).for_each(|(first, value)| values[*first] = *value);
            }
        }
        let count = (features.num_rows() * outputs).max(1) as f64;
        let sampling_error = (!self.is_exact()).then(|| (squared_error / count).sqrt());
        Ok(Contributions { num_outputs: outputs, num_features, base, values, sampling_error })
    }

    /// The mean raw outputs of the background.
    fn base(&self, like: &Features, outputs: usize, ask: &dyn Fn(&Features) -> Result<Vec<f64>>) -> Result<Vec<f64>> {
        let columns = self.background.iter().zip(like.columns()).map(|(values, like)| column(values.clone(), like));
        Ok(mean(&ask(&Features::try_new(self.background_rows, columns.collect())?)?, outputs))
    }

    /// For each pair but the first, the worth to a row of the coalition less that of its complement.
    fn differences(
        &self,
        features: &Features,
        row: usize,
        ask: &dyn Fn(&Features) -> Result<Vec<f64>>,
        differences: &mut [f64],
    ) -> Result<()> {
        let (mut buffer, rows) = (Vec::new(), self.background_rows);
        let own: Vec<f64> = features.columns().iter().map(|c| c.f64s(row..row + 1, &mut buffer)[0]).collect();
        let step = (BLOCK_ROWS / (2 * rows)).max(1);
        for first in (1..self.plan.num_pairs()).step_by(step) {
            let pairs = first..self.plan.num_pairs().min(first + step);
            let columns = (0..features.num_features())
                .map(|feature| column(self.mix(feature, own[feature], pairs.clone()), features.column(feature)));
            let asked = ask(&Features::try_new(pairs.len() * 2 * rows, columns.collect())?)?;
            let width = differences.len() / self.plan.num_pairs();
            let differences = differences[first * width..].chunks_exact_mut(width);
            for (of_pair, differences) in asked.chunks_exact(2 * rows * width).zip(differences) {
                let (coalition, complement) = of_pair.split_at(rows * width);
                let means = mean(coalition, width).into_iter().zip(mean(complement, width));
                means.zip(differences).for_each(|((a, b), difference)| *difference = a - b);
            }
        }
        Ok(())
    }

    /// A feature's values where coalitions have it or not: for each pair the background's rows twice, once with the
    /// coalition, once with its complement.
    fn mix(&self, feature: usize, own: f64, pairs: Range<usize>) -> Vec<f64> {
        let (rows, background) = (self.background_rows, &self.background[feature]);
        let mut values = Vec::with_capacity(pairs.len() * 2 * rows);
        for pair in pairs {
            let is_member = self.plan.has(pair, self.player_of[feature]);
            for is_own in [is_member, !is_member] {
                match is_own {
                    true => values.extend(std::iter::repeat_n(own, rows)),
                    false => values.extend_from_slice(background),
                }
            }
        }
        values
    }
}

/// Values as a column of the type of another.
fn column(values: Vec<f64>, like: &FeatureColumn) -> FeatureColumn {
    match like {
        FeatureColumn::F32(_) => {
            FeatureColumn::F32(values.into_iter().map(|value| value as f32).collect::<Vec<_>>().into())
        }
        FeatureColumn::F64(_) => FeatureColumn::F64(values.into()),
    }
}

/// The mean of each output over rows.
fn mean(values: &[f64], outputs: usize) -> Vec<f64> {
    let mut sums = vec![0.0; outputs];
    for row in values.chunks_exact(outputs.max(1)) {
        sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
    }
    let rows = (values.len() / outputs.max(1)).max(1) as f64;
    sums.iter_mut().for_each(|sum| *sum /= rows);
    sums
}

#[cfg(test)]
mod tests;
