//! A uniform sample of rows, and first centroids chosen from it.

use std::cmp::Ordering;

use datafusion_ml_core::{Features, FitContext, InMemoryData, Result, TrainingBlock, TrainingData};
use rand::Rng;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::step::nearest;

/// The most rows of a sample.
pub(super) const SAMPLE_ROWS: usize = 20_000;

/// How many rows of a sample are worked on at a time.
const BLOCK_ROWS: usize = 2_048;

/// Some rows.
#[derive(Debug)]
pub(super) struct Sample {
    columns: Vec<Vec<f64>>,
    /// The same in blocks.
    pub(super) data: InMemoryData,
}

impl Sample {
    /// Up to [`SAMPLE_ROWS`] rows, each equally likely (Vitter, "Random sampling with a reservoir", 1985, algorithm R).
    pub(super) fn of(data: &dyn TrainingData, seed: u64, context: &dyn FitContext) -> Result<Self> {
        let width = data.feature_names().len();
        context.reserve(2 * 8 * width * data.num_rows().min(SAMPLE_ROWS))?;
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut columns = vec![Vec::new(); width];
        let mut seen = 0;
        let mut buffer = Vec::new();
        for block in data.blocks() {
            context.checkpoint()?;
            let block = block?;
            let rows = block.features.num_rows();
            let drawn: Vec<(usize, usize)> = (seen..seen + rows)
                .map(|row| if row < SAMPLE_ROWS { row } else { random.random_range(0..=row) })
                .enumerate()
                .filter(|(_, slot)| *slot < SAMPLE_ROWS)
                .collect();
            seen += rows;
            for (column, slots) in block.features.columns().iter().zip(&mut columns) {
                let values = column.f64s(0..rows, &mut buffer);
                slots.resize(seen.min(SAMPLE_ROWS), 0.0);
                drawn.iter().for_each(|(row, slot)| slots[*slot] = values[*row]);
            }
        }
        Self::try_new(data.feature_names().to_vec(), columns)
    }

    fn try_new(names: Vec<String>, columns: Vec<Vec<f64>>) -> Result<Self> {
        let rows = columns.first().map_or(0, Vec::len);
        let blocks = (0..rows).step_by(BLOCK_ROWS).map(|start| {
            let block = start..(start + BLOCK_ROWS).min(rows);
            let columns = columns.iter().map(|column| column[block.clone()].to_vec());
            TrainingBlock::try_new(Features::from_f64(columns.collect())?, Vec::new())
        });
        let data = InMemoryData::new(names, blocks.collect::<Result<_>>()?);
        Ok(Self { columns, data })
    }

    /// The number of rows.
    pub(super) fn len(&self) -> usize {
        self.columns.first().map_or(0, Vec::len)
    }

    /// The number of features.
    pub(super) fn width(&self) -> usize {
        self.columns.len()
    }

    /// One row.
    pub(super) fn row(&self, index: usize) -> Vec<f64> {
        self.columns.iter().map(|column| column[index]).collect()
    }

    /// From every row to the nearest of some centroids.
    pub(super) fn squared_distances(&self, centroids: &[f64]) -> Vec<f64> {
        let blocks = self.data.blocks().flatten();
        blocks.flat_map(|block| nearest(&block.features, centroids).1).collect()
    }

    /// How many different rows there are.
    pub(super) fn num_distinct(&self) -> usize {
        let compare = |a: &usize, b: &usize| {
            let mut by_column = self.columns.iter().map(|column| column[*a].total_cmp(&column[*b]));
            by_column.find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
        };
        let mut order: Vec<usize> = (0..self.len()).collect();
        order.sort_unstable_by(compare);
        order.dedup_by(|a, b| compare(a, b).is_eq());
        order.len()
    }

    /// `k` different rows at random.
    pub(super) fn random_rows(&self, k: usize, random: &mut ChaCha8Rng) -> Vec<f64> {
        let mut order: Vec<usize> = (0..self.len()).collect();
        let mut chosen: Vec<f64> = Vec::with_capacity(k * self.width());
        for position in 0..order.len() {
            let other = random.random_range(position..order.len());
            order.swap(position, other);
            let row = self.row(order[position]);
            if !chosen.chunks_exact(self.width()).any(|earlier| earlier == row) {
                chosen.extend(row);
                if chosen.len() == k * self.width() {
                    break;
                }
            }
        }
        chosen
    }

    /// `k` rows, each chosen with probability proportional to its squared distance to those before.
    pub(super) fn spread_rows(&self, k: usize, random: &mut ChaCha8Rng) -> Vec<f64> {
        let first = random.random_range(0..self.len());
        let mut chosen = self.row(first);
        let mut nearest = self.squared_distances(&chosen);
        while chosen.len() < k * self.width() {
            let total: f64 = nearest.iter().sum();
            let mut left = random.random::<f64>() * total;
            let drawn = nearest.iter().position(|distance| {
                left -= distance;
                left < 0.0 && *distance > 0.0
            });
            let row = self.row(drawn.unwrap_or_else(|| farthest(&nearest)));
            for (distance, other) in nearest.iter_mut().zip(self.squared_distances(&row)) {
                *distance = distance.min(other);
            }
            chosen.extend(row);
        }
        chosen
    }
}

/// The index of the first of the largest distances.
pub(super) fn farthest(distances: &[f64]) -> usize {
    let mut best = 0;
    for (index, distance) in distances.iter().enumerate() {
        if *distance > distances[best] {
            best = index;
        }
    }
    best
}

/// Rows in the order of their coordinates.
pub(super) fn compare(a: &[f64], b: &[f64]) -> Ordering {
    let mut by_coordinate = a.iter().zip(b).map(|(x, y)| x.total_cmp(y));
    by_coordinate.find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}
