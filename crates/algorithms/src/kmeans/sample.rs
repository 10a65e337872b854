//! A uniform sample of rows, and first centroids chosen from it.

use datafusion_ml_core::{FitContext, Result, TrainingData};
use rand::Rng;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// The most rows of a sample.
pub(super) const SAMPLE_ROWS: usize = 20_000;

/// Some rows, row by row.
#[derive(Debug)]
pub(super) struct Sample {
    pub(super) rows: Vec<f64>,
    pub(super) width: usize,
}

impl Sample {
    /// Up to [`SAMPLE_ROWS`] rows, each equally likely (Vitter, "Random sampling with a reservoir", 1985, algorithm R).
    pub(super) fn of(data: &dyn TrainingData, seed: u64, context: &dyn FitContext) -> Result<Self> {
        let width = data.feature_names().len();
        context.reserve(8 * width * data.num_rows().min(SAMPLE_ROWS))?;
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut sample = Self { rows: Vec::new(), width };
        let mut seen = 0;
        let mut buffer = Vec::new();
        for block in data.blocks() {
            context.checkpoint()?;
            let block = block?;
            let rows = block.features.num_rows();
            let slots: Vec<Option<usize>> = (seen..seen + rows)
                .map(|row| if row < SAMPLE_ROWS { Some(row) } else { Some(random.random_range(0..=row)) })
                .map(|slot| slot.filter(|slot| *slot < SAMPLE_ROWS))
                .collect();
            seen += rows;
            sample.rows.resize(seen.min(SAMPLE_ROWS) * width, 0.0);
            for (feature, column) in block.features.columns().iter().enumerate() {
                for (value, slot) in column.f64s(0..rows, &mut buffer).iter().zip(&slots) {
                    if let Some(slot) = slot {
                        sample.rows[slot * width + feature] = *value;
                    }
                }
            }
        }
        Ok(sample)
    }

    /// The number of rows.
    pub(super) fn len(&self) -> usize {
        self.rows.len() / self.width.max(1)
    }

    /// One row.
    pub(super) fn row(&self, index: usize) -> &[f64] {
        &self.rows[index * self.width..(index + 1) * self.width]
    }

    /// How many different rows there are.
    pub(super) fn num_distinct(&self) -> usize {
        let mut order: Vec<&[f64]> = (0..self.len()).map(|row| self.row(row)).collect();
        order.sort_unstable_by(|a, b| compare(a, b));
        order.dedup();
        order.len()
    }

    /// `k` different rows at random.
    pub(super) fn random_rows(&self, k: usize, random: &mut ChaCha8Rng) -> Vec<f64> {
        let mut order: Vec<usize> = (0..self.len()).collect();
        let mut chosen: Vec<f64> = Vec::with_capacity(k * self.width);
        for position in 0..order.len() {
            let other = random.random_range(position..order.len());
            order.swap(position, other);
            let row = self.row(order[position]);
            if !chosen.chunks_exact(self.width).any(|earlier| earlier == row) {
                chosen.extend_from_slice(row);
                if chosen.len() == k * self.width {
                    break;
                }
            }
        }
        chosen
    }

    /// `k` rows, each chosen with probability proportional to its squared distance to those before.
    pub(super) fn spread_rows(&self, k: usize, random: &mut ChaCha8Rng) -> Vec<f64> {
        let first = random.random_range(0..self.len());
        let mut chosen = self.row(first).to_vec();
        let mut nearest: Vec<f64> =
            (0..self.len()).map(|row| squared_distance(self.row(row), self.row(first))).collect();
        while chosen.len() < k * self.width {
            let total: f64 = nearest.iter().sum();
            let mut left = random.random::<f64>() * total;
            let drawn = nearest.iter().position(|distance| {
                left -= distance;
                left < 0.0 && *distance > 0.0
            });
            let row = drawn.unwrap_or_else(|| farthest(&nearest));
            chosen.extend_from_slice(self.row(row));
            for (other, distance) in nearest.iter_mut().enumerate() {
                *distance = distance.min(squared_distance(self.row(other), self.row(row)));
            }
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
pub(super) fn compare(a: &[f64], b: &[f64]) -> std::cmp::Ordering {
    let by_coordinate = a.iter().zip(b).map(|(x, y)| x.total_cmp(y));
    by_coordinate.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then)
}

/// Squared Euclidean distance.
pub(super) fn squared_distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| (x - y) * (x - y)).sum()
}
