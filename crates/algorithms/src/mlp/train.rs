//! The epochs of a fit.

use datafusion_ml_core::{Error, FitContext, FitRequest, Result, TrainingData};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::gradient::{Rows, Shard};
use super::inputs::Inputs;
use super::kernels::AdamW;
use super::loss::Loss;
use super::model::MlpModel;
use super::network::{Network, num_weights};
use super::random::{bits, uniform};
use super::settings::Settings;
use super::table::{Survey, Table};
use crate::parallel;

/// The most shards of a batch: they are worked on side by side, and their gradients added in their order.
const SHARDS: usize = 4;

/// A shard has this many rows or more, or the batch has but one.
const SHARD_ROWS: usize = 64;

/// The loss of rows held out is taken of so many at a time.
const CHUNK_ROWS: usize = 512;

/// With fewer rows than this none is held out.
const MIN_ROWS_TO_VALIDATE: usize = 200;

/// The share of the rows that is held out.
const HELD_OUT: f64 = 0.1;

/// At most about so many rows are held out.
const MAX_HELD_OUT: f64 = 50_000.0;

/// So many training rows are kept as the reference of contributions.
const BACKGROUND_ROWS: usize = 20;

/// A network may have this many weights.
const MAX_WEIGHTS: usize = 50_000_000;

/// Weights are averaged over about the last so many epochs.
const AVERAGED_EPOCHS: f64 = 3.0;

/// Multiplications between questions to the context: a tenth of a second or less.
const STEPS_BETWEEN_CHECKS: usize = 1_000_000_000;

/// Fits a model.
pub(super) fn fit(data: &dyn TrainingData, request: &FitRequest, context: &dyn FitContext) -> Result<MlpModel> {
    let (loss, settings) = (Loss::of(request)?, Settings::try_new(&request.options, context)?);
    if data.num_rows() == 0 {
        return Err(Error::data("there are no rows to learn from; check the query's filters"));
    }
    let Survey { mut sample, target, prior } = Survey::read(data, loss, settings.seed, context)?;
    let background = background(&sample, settings.seed);
    let inputs = Inputs::learn(&mut sample, settings.bins(data.feature_names().len(), data.num_rows()));
    drop(sample);
    context.release(Survey::memory(data));
    let widths = [&[inputs.len()], settings.hidden.as_slice(), &[loss.outputs()]].concat();
    let num_weights = num_weights(&widths);
    if num_weights > MAX_WEIGHTS {
        return Err(Error::data(format!(
            "{} inputs and {} outputs are too much for hidden layers of {:?} units ({num_weights} weights); leave out columns \
             with many categories, or make hidden_layers smaller",
            inputs.len(),
            loss.outputs(),
            settings.hidden,
        )));
    }
    let table = Table::read(data, &inputs, target, context)?;
    let validation = match data.validation().filter(|_| settings.patience.is_some()) {
        Some(validation) if validation.num_rows() > 0 => Some(Table::read(validation, &inputs, target, context)?),
        _ => None,
    };
    let (order, held_out) = split(table.target.len(), validation.as_ref(), &settings);
    let held_out = (validation.as_ref().unwrap_or(&table).rows(&inputs), held_out);
    let batch_rows = settings.batch_rows(order.len());
    let shards = (batch_rows / SHARD_ROWS).clamp(1, SHARDS);
    context.reserve(
        6 * 4 * num_weights
            + shards * Shard::memory(&widths, batch_rows.div_ceil(shards))
            + 4 * (table.target.len() + held_out.0.target.len()),
    )?;
    let network = Network::new(widths, &prior, settings.activation, settings.seed);
    let fit =
        Fit { loss, unit: target.1 * target.1, settings: &settings, context, training: table.rows(&inputs), held_out };
    let steps = 3 * batch_rows.saturating_mul(network.len()) / NANOSECOND;
    let threads = if shards == 1 || steps < 2 * parallel::SERIAL { 1 } else { context.threads() };
    let trained = parallel::on_threads(threads, || fit.run(network, order, (batch_rows, shards)))?;
    Ok(MlpModel::new(request.task, data.feature_names().to_vec(), (inputs, background), target, trained))
}

/// Some rows of a sample, one of each of as many equal stretches.
fn background(sample: &[Vec<f64>], seed: u64) -> Vec<Vec<f64>> {
    let rows = sample.first().map_or(0, Vec::len);
    let count = rows.min(BACKGROUND_ROWS);
    let places: Vec<usize> = (0..count)
        .map(|index| (index as f64 + uniform(bits(seed, 0), index as u64)) / count as f64 * rows as f64)
        .map(|place| (place as usize).min(rows - 1))
        .collect();
    sample.iter().map(|column| places.iter().map(|place| column[*place]).collect()).collect()
}

/// Multiplications in a nanosecond, about.
const NANOSECOND: usize = 25;

/// The rows to learn from, and those to validate on: of the validation table, or else a share of the others, if rows are to
/// be held out at all.
fn split(rows: usize, validation: Option<&Table>, settings: &Settings) -> (Vec<u32>, Vec<u32>) {
    let all = |rows: usize| (0..rows as u32).collect();
    match validation {
        Some(validation) => (all(rows), all(validation.target.len())),
        None if settings.patience.is_some() && rows >= MIN_ROWS_TO_VALIDATE => {
            let share = HELD_OUT.min(MAX_HELD_OUT / rows as f64);
            let key = bits(settings.seed, 1);
            (0..rows as u32).partition(|row| uniform(key, u64::from(*row)) >= share)
        }
        None => (all(rows), Vec::new()),
    }
}

/// A network and how it came to be.
#[derive(Debug)]
pub(super) struct Trained {
    pub(super) network: Network,
    /// The epochs in it.
    pub(super) epochs: usize,
    /// Whether the time was up.
    pub(super) stopped_early: bool,
}

/// What stays the same over all epochs.
struct Fit<'a> {
    loss: Loss,
    /// What a loss is multiplied by to be one of the target as it came: the square of a regression's deviation.
    unit: f64,
    settings: &'a Settings,
    context: &'a dyn FitContext,
    training: Rows<'a>,
    /// Rows that are validated on, and which of them; none if none are held out.
    held_out: (Rows<'a>, Vec<u32>),
}

/// How an epoch ended.
enum Epoch {
    /// With this mean loss of the rows learned from, each before it was learned from.
    Complete(f64),
    /// The time was up.
    Late,
}

impl Fit<'_> {
    fn run(&self, network: Network, mut order: Vec<u32>, batch: (usize, usize)) -> Result<Trained> {
        let settings = self.settings;
        let validates = !self.held_out.1.is_empty();
        let mut learner = Learner::new(network, batch);
        let (mut best, mut least): (Option<(Network, usize)>, f64) = (None, f64::INFINITY);
        let last = settings.epochs;
        let name = self.loss.metric().name();
        let (of_training, of_validation) = (format!("train:{name}"), format!("validation:{name}"));
        let (mut epochs, mut stopped_early) = (0, false);
        while epochs < last {
            let random = bits(settings.seed, 2 + epochs as u64);
            order.shuffle(&mut ChaCha8Rng::seed_from_u64(random));
            let Epoch::Complete(training) = self.epoch(&mut learner, &order, epochs)? else {
                stopped_early = true;
                break;
            };
            epochs += 1;
            let mut metrics = vec![(of_training.as_str(), training * self.unit)];
            if validates {
                let validation = self.validate(&learner.averaged)?;
                metrics.push((&of_validation, validation * self.unit));
                if validation < least {
                    (best, least) = (Some((learner.averaged.clone(), epochs)), validation);
                }
            }
            self.context.record(epochs, &metrics);
            let metric = metrics.last().copied();
            self.context.progress(epochs as f64 / last as f64, &format!("epoch {epochs} of {last}"), metric);
            let since_best = epochs - best.as_ref().map_or(0, |(_, epoch)| *epoch);
            if !training.is_finite() || validates && settings.patience.is_some_and(|patience| since_best >= patience) {
                break;
            }
        }
        let (network, epochs) = best.unwrap_or((learner.averaged, epochs.max(1)));
        if network.weights.iter().any(|weight| !weight.is_finite()) {
            return Err(Error::invalid(format!(
                "training with LEARNING_RATE '{}' diverged; lower it",
                settings.learning_rate
            )));
        }
        Ok(Trained { network, epochs, stopped_early })
    }

    /// One pass over the rows.
    fn epoch(&self, learner: &mut Learner, order: &[u32], epoch: usize) -> Result<Epoch> {
        let Self { settings, context, .. } = self;
        let steps = order.len().div_ceil(learner.batch_rows);
        let between_checks = (STEPS_BETWEEN_CHECKS / (learner.batch_rows * learner.network.len()).max(1)).max(1);
        let mut sum = 0.0;
        for step in 0..steps {
            if step % between_checks == 0 {
                context.checkpoint()?;
                if context.is_late() {
                    return Ok(Epoch::Late);
                }
            }
            let batch = &order[step * order.len() / steps..(step + 1) * order.len() / steps];
            let warm_up = if epoch == 0 { (step + 1) as f64 / steps as f64 } else { 1.0 };
            sum += learner.step(self, batch, settings.learning_rate * warm_up);
            learner.average(AVERAGED_EPOCHS * steps as f64);
        }
        Ok(Epoch::Complete(sum / order.len() as f64))
    }

    /// The mean loss of the rows held out.
    fn validate(&self, network: &Network) -> Result<f64> {
        let (rows, chosen) = &self.held_out;
        self.context.checkpoint()?;
        let steps = chosen.len().saturating_mul(network.len()) / NANOSECOND;
        let losses = parallel::map(steps, chosen.chunks(CHUNK_ROWS).collect(), |chunk| {
            let (mut inputs, mut target) = (vec![0.0; chunk.len() * rows.inputs.len()], Vec::new());
            rows.gather(chunk, &mut inputs, &mut target);
            self.loss.sum(&network.outputs_of(&inputs, chunk.len()), &target)
        });
        Ok(losses.iter().sum::<f64>() / chosen.len() as f64)
    }
}

/// A network that is being moved.
struct Learner {
    network: Network,
    /// The running mean of the network's weights, which is what is kept.
    averaged: Network,
    batch_rows: usize,
    shards: Vec<Shard>,
    /// Running means of the gradient and of its square.
    mean: Vec<f32>,
    square: Vec<f32>,
    steps: u64,
}

impl Learner {
    fn new(network: Network, (batch_rows, shards): (usize, usize)) -> Self {
        let shard_rows = batch_rows.div_ceil(shards);
        Self {
            batch_rows,
            shards: (0..shards).map(|_| Shard::new(&network, shard_rows)).collect(),
            mean: vec![0.0; network.len()],
            square: vec![0.0; network.len()],
            steps: 0,
            averaged: network.clone(),
            network,
        }
    }

    /// Takes the weights into their mean over about so many steps; over a tenth of the steps, while they are few.
    fn average(&mut self, steps: f64) {
        let share = (1.0 / steps).max(10.0 / (10.0 + self.steps as f64)) as f32;
        let weights = self.averaged.weights.iter_mut().zip(&self.network.weights);
        weights.for_each(|(mean, weight)| *mean += share * (weight - *mean));
    }

    /// Learns from a batch; gives the sum of its losses before.
    fn step(&mut self, fit: &Fit<'_>, batch: &[u32], learning_rate: f64) -> f64 {
        let Self { network, shards, .. } = self;
        self.steps += 1;
        let (count, parts) = (batch.len(), shards.len());
        let work = 3 * count * network.len() / NANOSECOND;
        let key = bits(fit.settings.seed ^ 0x5DEE_CE66, self.steps);
        parallel::for_each(work, shards.iter_mut().enumerate().collect(), |(part, shard)| {
            let rows = &batch[part * count / parts..(part + 1) * count / parts];
            let dropout = (fit.settings.dropout, key.wrapping_add(part as u64));
            shard.differentiate(network, fit.loss, (fit.training, rows), 1.0 / count as f32, dropout);
        });
        let (first, others) = shards.split_at_mut(1);
        let gradient = &mut first[0].gradient;
        for shard in others.iter() {
            gradient.iter_mut().zip(&shard.gradient).for_each(|(sum, part)| *sum += part);
        }
        let adam = AdamW::new(self.steps, learning_rate, fit.settings.weight_decay);
        for layer in network.layers() {
            let (weights, biases) = layer.split_mut(&mut network.weights);
            let (of_weights, of_biases) = layer.split(gradient);
            let (weights_mean, biases_mean) = layer.split_mut(&mut self.mean);
            let (weights_square, biases_square) = layer.split_mut(&mut self.square);
            adam.step(weights, of_weights, weights_mean, weights_square);
            adam.without_decay().step(biases, of_biases, biases_mean, biases_square);
        }
        shards.iter().map(|shard| shard.loss).sum()
    }
}
