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
pub const EXACT_PLAYERS: usize = 9;

/// The most players there may be.
pub const MAX_PLAYERS: usize = 1_000;

/// Rows that the model is asked for at a time.
const BLOCK_ROWS: usize = 8_192;

/// The background is taken in so many groups, whose differences tell how much hangs on the choice of its rows.
const GROUPS: usize = 8;

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

    /// The player of each feature.
    pub fn player_of(&self) -> &[usize] {
        &self.player_of
    }

    /// The number of players.
    pub fn num_players(&self) -> usize {
        self.first_of.len()
    }

    /// How many raw outputs are asked for a row, with so many players and rows of the background.
    pub fn predictions(num_players: usize, background_rows: usize) -> usize {
        2 * Plan::pairs_of(num_players) * background_rows
    }

    /// Whether all coalitions are asked.
    pub fn is_exact(&self) -> bool {
        self.plan.is_exact()
    }

    /// The Shapley values of every row. The first feature of a player bears the player's value, its others 0. `model` is
    /// asked for a few thousand rows at a time, of the same types as `features`. [`Contributions::sampling_error`] says how
    /// far the values would be others with other rows as background and, where coalitions are drawn, other coalitions.
    pub fn contributions(&self, features: &Features, model: &dyn Asked) -> Result<Contributions> {
        let (num_features, num_players) = (self.player_of.len(), self.first_of.len());
        if features.num_features() != num_features {
            return Err(Error::invalid(format!(
                "the model was trained on {num_features} features and is given {}; pass the same columns",
                features.num_features()
            )));
        }
        let whole = model.raw(features)?;
        let outputs = whole.num_outputs;
        let checked = |asked: RawOutputs, rows: usize| match asked.num_outputs == outputs
            && asked.values.len() == rows * outputs
            && outputs > 0
        {
            true => Ok(asked.values),
            false => Err(Error::internal("a model gives another number of raw outputs than it should")),
        };
        let whole = checked(whole, features.num_rows())?;
        let background = checked(model.raw(&self.background_like(features)?)?, self.background_rows)?;
        let mut values = vec![0.0; features.num_rows() * outputs * num_features];
        let (mut of_players, mut of_group, mut squared_error) = (vec![0.0; num_players], vec![0.0; num_players], 0.0);
        let mut answers = Answers::new(self.plan.num_pairs(), outputs, self.background_rows);
        for (row, values) in values.chunks_exact_mut((outputs * num_features).max(1)).enumerate() {
            answers.clear();
            let whole = whole[row * outputs..(row + 1) * outputs].repeat(self.background_rows);
            answers.add(0, &whole, &background);
            let own = features.slice(row..row + 1);
            let step = (BLOCK_ROWS / (2 * self.background_rows)).max(1);
            for first in (1..self.plan.num_pairs()).step_by(step) {
                let pairs = first..self.plan.num_pairs().min(first + step);
                let mixtures = Mixtures { shap: self, own: &own, pairs: pairs.clone() };
                let asked = checked(model.mixed(&mixtures)?, 2 * pairs.len() * self.background_rows)?;
                let (coalitions, complements) = asked.split_at(asked.len() / 2);
                let width = outputs * self.background_rows;
                for ((pair, a), b) in pairs.zip(coalitions.chunks_exact(width)).zip(complements.chunks_exact(width)) {
                    answers.add(pair, a, b);
                }
            }
            answers.finish();
            for (output, values) in values.chunks_exact_mut(num_features).enumerate() {
                self.plan.values(answers.of(answers.groups, output), &mut of_players);
                squared_error += self.plan.squared_error(answers.of(answers.groups, output), &of_players);
                let mut between_groups = 0.0;
                for group in 0..answers.groups {
                    self.plan.values(answers.of(group, output), &mut of_group);
                    let squares = of_group.iter().zip(&of_players).map(|(a, b)| (a - b) * (a - b));
                    between_groups += squares.sum::<f64>() / num_players.max(1) as f64;
                }
                squared_error += between_groups / (answers.groups * (answers.groups - 1).max(1)) as f64;
                self.first_of.iter().zip(&of_players).for_each(|(first, value)| values[*first] = *value);
            }
        }
        let count = (features.num_rows() * outputs).max(1) as f64;
        Ok(Contributions {
            num_outputs: outputs,
            num_features,
            base: mean(&background, outputs),
            values,
            sampling_error: Some((squared_error / count).sqrt()),
        })
    }

    /// The background, in the types of some features.
    fn background_like(&self, like: &Features) -> Result<Features> {
        let columns = self.background.iter().zip(like.columns()).map(|(values, like)| column(values.clone(), like));
        Features::try_new(self.background_rows, columns.collect())
    }
}

/// A model as it is asked for its Shapley values.
pub trait Asked {
    /// The raw outputs of rows.
    fn raw(&self, features: &Features) -> Result<RawOutputs>;

    /// The raw outputs of mixtures: as if their rows were given to [`Self::raw`], unless the model has a faster way.
    fn mixed(&self, mixtures: &Mixtures<'_>) -> Result<RawOutputs> {
        self.raw(&mixtures.rows()?)
    }
}

impl<F: Fn(&Features) -> Result<RawOutputs>> Asked for F {
    fn raw(&self, features: &Features) -> Result<RawOutputs> {
        self(features)
    }
}

/// What is asked of one row: for some pairs of a coalition and its complement, every row of the background with the features
/// of the coalition in the place of its own. First the rows of all coalitions, pair by pair, then those of the complements.
#[derive(Debug)]
pub struct Mixtures<'a> {
    shap: &'a KernelShap,
    own: &'a Features,
    pairs: Range<usize>,
}

impl Mixtures<'_> {
    /// The row that is explained.
    pub fn own(&self) -> &Features {
        self.own
    }

    /// How many pairs there are.
    pub fn num_pairs(&self) -> usize {
        self.pairs.len()
    }

    /// Whether the coalition of a pair has a player; if not, its complement has it.
    pub fn has(&self, pair: usize, player: usize) -> bool {
        self.shap.plan.has(self.pairs.start + pair, player)
    }

    /// The rows.
    fn rows(&self) -> Result<Features> {
        let (mut buffer, rows) = (Vec::new(), self.shap.background_rows);
        let columns = self.own.columns().iter().enumerate().map(|(feature, like)| {
            let own = like.f64s(0..1, &mut buffer)[0];
            let mut values = Vec::with_capacity(2 * self.num_pairs() * rows);
            for is_coalition in [true, false] {
                for pair in 0..self.num_pairs() {
                    match self.has(pair, self.shap.player_of[feature]) == is_coalition {
                        true => values.extend(std::iter::repeat_n(own, rows)),
                        false => values.extend_from_slice(&self.shap.background[feature]),
                    }
                }
            }
            column(values, like)
        });
        Features::try_new(2 * self.num_pairs() * rows, columns.collect())
    }
}

/// What coalitions are worth to a row more than their complements: against each group of rows of the background, and, as
/// the last group, against all.
struct Answers {
    groups: usize,
    outputs: usize,
    background_rows: usize,
    /// `differences[(group * pairs + pair) * outputs + output]`.
    differences: Vec<f64>,
}

impl Answers {
    fn new(pairs: usize, outputs: usize, background_rows: usize) -> Self {
        let groups = GROUPS.min(background_rows);
        Self { groups, outputs, background_rows, differences: vec![0.0; (groups + 1) * pairs * outputs] }
    }

    fn clear(&mut self) {
        self.differences.fill(0.0);
    }

    /// How many differences there are against a group.
    fn width(&self) -> usize {
        self.differences.len() / (self.groups + 1)
    }

    /// Adds what the coalition and the complement of a pair are worth against each row of the background.
    fn add(&mut self, pair: usize, coalition: &[f64], complement: &[f64]) {
        let (width, first) = (self.width(), pair * self.outputs);
        let of_rows = coalition.chunks_exact(self.outputs).zip(complement.chunks_exact(self.outputs));
        for (row, (a, b)) in of_rows.enumerate() {
            let start = row % self.groups * width + first;
            let differences = &mut self.differences[start..start + self.outputs];
            differences.iter_mut().zip(a.iter().zip(b)).for_each(|(sum, (a, b))| *sum += a - b);
        }
    }

    /// Turns sums into means.
    fn finish(&mut self) {
        let width = self.width();
        let (of_groups, of_all) = self.differences.split_at_mut(self.groups * width);
        for (group, differences) in of_groups.chunks_exact_mut(width.max(1)).enumerate() {
            let rows = (group..self.background_rows).step_by(self.groups).len() as f64;
            for (difference, of_all) in differences.iter_mut().zip(of_all.iter_mut()) {
                *of_all += *difference / self.background_rows as f64;
                *difference /= rows;
            }
        }
    }

    /// The differences of an output against a group, pair by pair.
    fn of(&self, group: usize, output: usize) -> impl Iterator<Item = f64> + '_ {
        let width = self.width();
        self.differences[group * width..(group + 1) * width].iter().skip(output).step_by(self.outputs).copied()
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
