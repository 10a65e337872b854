//! What one pass finds out before the first step: the scale of the features, how often each class occurs, and a sample.

use datafusion_ml_core::{Features, FitContext, InMemoryData, Result, TrainingBlock, TrainingData};

use super::loss::Loss;
use super::scale::Scale;
use crate::passes::{Moments, axpy, over_blocks};

/// The most rows of a sample. Data of up to twice as many are not sampled.
const SAMPLE_ROWS: usize = 20_000;

/// Whether a survey draws a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Draw {
    /// If there are many rows.
    Sample,
    /// Never.
    Nothing,
}

/// What is known of the rows after one pass.
pub(super) struct Survey {
    pub(super) scale: Scale,
    /// Per output, of the best model without features.
    pub(super) intercepts: Vec<f64>,
    /// Some rows, if there are many: one at random of every so many, so that rows sorted in any way are drawn from evenly.
    pub(super) sample: Option<InMemoryData>,
}

/// Part of a survey.
struct Counts {
    moments: Moments,
    /// Rows per class, or the sum of the target.
    target: Vec<f64>,
    drawn: Option<TrainingBlock>,
}

impl Survey {
    /// One pass over the rows.
    pub(super) fn of(data: &dyn TrainingData, loss: Loss, draws: Draw, context: &dyn FitContext) -> Result<Self> {
        let (rows, features) = (data.num_rows(), data.feature_names().len());
        let stride = Some(rows.div_ceil(SAMPLE_ROWS)).filter(|stride| *stride > 2 && draws == Draw::Sample);
        if stride.is_some() {
            context.reserve(8 * (features + 1) * SAMPLE_ROWS)?;
        }
        let of_block = |first_row, block: &TrainingBlock| -> Result<Counts> {
            let drawn = stride.map(|stride| draw(block, first_row, stride, context.seed())).transpose()?;
            Ok(Counts { moments: Moments::of_block(block), target: count(block, loss), drawn })
        };
        let (mut moments, mut target, mut drawn) = (Moments::new(features), vec![0.0; loss.outputs()], Ok(Vec::new()));
        over_blocks(data, context, 1 + features, of_block, |counts| match (counts, &mut drawn) {
            (Ok(counts), Ok(drawn)) => {
                moments.merge(&counts.moments);
                axpy(1.0, &counts.target, &mut target);
                drawn.extend(counts.drawn);
            }
            (Err(error), _) => drawn = Err(error),
            (_, Err(_)) => {}
        })?;
        let sample = drawn?;
        Ok(Self {
            scale: Scale::new(moments.mean.clone(), moments.variance()),
            intercepts: intercepts(loss, &target, rows as f64),
            sample: stride.map(|_| InMemoryData::new(data.feature_names().to_vec(), sample)),
        })
    }
}

/// Rows per class, or the sum of the target.
fn count(block: &TrainingBlock, loss: Loss) -> Vec<f64> {
    match loss {
        Loss::Squared | Loss::Logistic => vec![block.target.iter().sum()],
        Loss::Softmax(classes) => {
            let mut counts = vec![0.0; classes];
            block.target.iter().for_each(|class| counts[*class as usize] += 1.0);
            counts
        }
    }
}

/// The intercepts of a model without features, as if there were half a row more of each class.
fn intercepts(loss: Loss, target: &[f64], rows: f64) -> Vec<f64> {
    match loss {
        Loss::Squared => vec![target[0] / rows],
        Loss::Logistic => vec![((target[0] + 0.5) / (rows - target[0] + 0.5)).ln()],
        Loss::Softmax(classes) => {
            let logarithms: Vec<f64> = target.iter().map(|count| (count + 0.5).ln()).collect();
            let mean = logarithms.iter().sum::<f64>() / classes as f64;
            logarithms.iter().map(|logarithm| logarithm - mean).collect()
        }
    }
}

/// The drawn rows of a block.
fn draw(block: &TrainingBlock, first_row: usize, stride: usize, seed: u64) -> Result<TrainingBlock> {
    let rows = first_row..first_row + block.features.num_rows();
    let drawn: Vec<usize> = (rows.start / stride..rows.end.div_ceil(stride))
        .map(|group| group * stride + (hash(seed, group as u64) % stride as u64) as usize)
        .filter(|row| rows.contains(row))
        .map(|row| row - first_row)
        .collect();
    let mut buffer = Vec::new();
    let columns = block.features.columns().iter().map(|column| {
        let values = column.f64s(0..rows.len(), &mut buffer);
        drawn.iter().map(|row| values[*row]).collect()
    });
    let features = Features::from_f64(columns.collect())?;
    TrainingBlock::try_new(features, drawn.iter().map(|row| block.target[*row]).collect())
}

/// SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014).
fn hash(seed: u64, index: u64) -> u64 {
    let mut z = seed.wrapping_add(index.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion_ml_core::conformance::LocalContext;

    #[test]
    fn one_row_of_every_so_many_is_drawn() {
        let rows = 90_000;
        let blocks = (0..rows).step_by(1_000).map(|start| {
            let x: Vec<f64> = (start..start + 1_000).map(|row| row as f64).collect();
            TrainingBlock::try_new(Features::from_f64(vec![x.clone()]).unwrap(), x).unwrap()
        });
        let data = InMemoryData::new(vec!["x".into()], blocks.collect());
        let survey = Survey::of(&data, Loss::Logistic, Draw::Sample, &LocalContext::new(3, 2)).unwrap();
        assert!((survey.scale.mean[0] - 44_999.5).abs() < 1e-9);
        let drawn: Vec<f64> = survey.sample.unwrap().blocks().flat_map(|block| block.unwrap().target).collect();
        assert_eq!(drawn.len(), 18_000);
        assert!(drawn.iter().enumerate().all(|(group, row)| (*row as usize) / 5 == group));
        let offsets: Vec<usize> =
            (0..5).map(|offset| drawn.iter().filter(|row| **row as usize % 5 == offset).count()).collect();
        assert!(offsets.iter().all(|count| (3_000..4_200).contains(count)), "{offsets:?}");
    }
}
