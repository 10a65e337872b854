//! Training rows in memory: scaled features row by row, and targets in the form that losses take.

use datafusion_ml_core::{Error, FitContext, Result, TrainingData};

use super::gradient::Rows;
use super::inputs::Inputs;
use super::loss::Loss;
use super::random::uniform;

/// Quantiles are taken of about so many rows.
const SAMPLE_ROWS: usize = 50_000;

/// What is learned of the rows before they are copied.
#[derive(Debug)]
pub(super) struct Survey {
    /// A sample of every feature.
    pub(super) sample: Vec<Vec<f64>>,
    /// The mean and the standard deviation of a regression's target; else 0 and 1.
    pub(super) target: (f64, f64),
    /// The outputs of a network that knows no features.
    pub(super) prior: Vec<f32>,
}

impl Survey {
    /// The bytes that a sample takes, and as many for the growth of its vectors.
    pub(super) fn memory(data: &dyn TrainingData) -> usize {
        2 * 8 * data.feature_names().len().saturating_mul(data.num_rows().min(SAMPLE_ROWS))
    }

    /// One pass.
    pub(super) fn read(data: &dyn TrainingData, loss: Loss, seed: u64, context: &dyn FitContext) -> Result<Self> {
        let features = data.feature_names().len();
        let share = SAMPLE_ROWS as f64 / data.num_rows().max(1) as f64;
        context.reserve(Self::memory(data))?;
        let mut sample = vec![Vec::new(); features];
        let mut counts = vec![0.0; loss.outputs().max(2)];
        let (mut seen, mut mean, mut squares) = (0usize, 0.0, 0.0);
        let mut buffer = Vec::new();
        for block in data.blocks() {
            context.checkpoint()?;
            let block = block?;
            let rows = block.features.num_rows();
            let drawn: Vec<usize> =
                (0..rows).filter(|row| share >= 1.0 || uniform(seed, (seen + row) as u64) < share).collect();
            for (values, column) in sample.iter_mut().zip(block.features.columns()) {
                let column = column.f64s(0..rows, &mut buffer);
                values.extend(drawn.iter().map(|row| column[*row]));
            }
            for y in &block.target {
                seen += 1;
                if loss == Loss::Squared {
                    let delta = y - mean;
                    mean += delta / seen as f64;
                    squares += delta * (y - mean);
                } else {
                    let count = counts.get_mut(*y as usize);
                    *count.ok_or_else(|| Error::internal(format!("class {y} of {}", loss.outputs())))? += 1.0;
                }
            }
        }
        if seen != data.num_rows() {
            return Err(Error::internal("the training data has another number of rows or targets than it says"));
        }
        let mut target = (0.0, 1.0);
        if loss == Loss::Squared {
            let deviation = (squares / seen.max(1) as f64).sqrt();
            if !deviation.is_finite() {
                return Err(Error::data("the target is too large for double precision; scale it down in the query"));
            }
            target = (mean, if deviation > 1e-12 * mean.abs() { deviation } else { 1.0 });
        }
        // One row more of every class, so that none is impossible.
        let logarithm = |count: f64| (count + 1.0).ln();
        let all = logarithm(seen as f64);
        let prior = match loss {
            Loss::Squared => vec![0.0],
            Loss::Logistic => vec![(logarithm(counts[1]) - logarithm(counts[0])) as f32],
            Loss::Softmax(classes) => counts[..classes].iter().map(|n| (logarithm(*n) - all) as f32).collect(),
        };
        Ok(Self { sample, target, prior })
    }
}

/// Rows in memory.
#[derive(Debug)]
pub(super) struct Table {
    /// `features[row * num_features + feature]`, scaled.
    pub(super) features: Vec<f32>,
    /// A regression's target less its mean, in standard deviations; or the class.
    pub(super) target: Vec<f32>,
}

impl Table {
    /// One pass.
    pub(super) fn read(
        data: &dyn TrainingData,
        inputs: &Inputs,
        (mean, deviation): (f64, f64),
        context: &dyn FitContext,
    ) -> Result<Self> {
        let (rows, width) = (data.num_rows(), inputs.num_features());
        if u32::try_from(rows).is_err() {
            return Err(Error::data(format!("{rows} rows are too many; train on a sample of 4 billion")));
        }
        context.reserve((width + 1).saturating_mul(4 * rows))?;
        let mut table = Self { features: Vec::with_capacity(rows * width), target: Vec::with_capacity(rows) };
        for block in data.blocks() {
            context.checkpoint()?;
            let block = block?;
            inputs.scale(&block.features, 0..block.features.num_rows(), &mut table.features)?;
            table.target.extend(block.target.iter().map(|y| ((y - mean) / deviation) as f32));
        }
        if table.target.len() != rows || table.features.len() != rows * width {
            return Err(Error::internal("the training data has another number of rows or targets than it says"));
        }
        Ok(table)
    }

    /// The rows and what becomes of them.
    pub(super) fn rows<'a>(&'a self, inputs: &'a Inputs) -> Rows<'a> {
        Rows { inputs, features: &self.features, target: &self.target }
    }
}
