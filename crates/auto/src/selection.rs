//! Which candidates the ensemble is made of: greedy selection with replacement from their predictions out of fold
//! (Caruana, Niculescu-Mizil, Crew, Ksikes, "Ensemble selection from libraries of models", 2004).

use datafusion_ml_core::{RawOutputs, Task};

use crate::objective::smooth_loss;

/// Candidate numbers and weights.
pub(crate) type Weights = Vec<(usize, f64)>;

/// Only so many of the best candidates are considered.
pub(crate) const POOL: usize = 16;
/// A member is chosen so many times at most, all together.
const PICKS: usize = 25;
/// A member with a smaller share is not worth its time at every prediction.
const MIN_WEIGHT: f64 = 0.06;
/// Elementary steps for each pick; beyond it the selection looks at every second, third ... row.
const STEPS: usize = 2_000_000;
/// But at so many rows at least: fewer do not tell members apart.
const LEAST_ROWS: usize = 5_000;

/// Candidate numbers and weights that sum to 1, largest weight first, of the lowest mean loss; at least one.
///
/// `candidates` are numbers with raw outputs out of fold of the same rows, best first.
pub(crate) fn select(task: Task, candidates: &[(usize, &RawOutputs)], target: &[f64]) -> Vec<(usize, f64)> {
    let pool = &candidates[..candidates.len().min(POOL)];
    let Some(first) = pool.first() else { return Vec::new() };
    let stride = (pool.len() * first.1.values.len()).div_ceil(STEPS).min(target.len() / LEAST_ROWS).max(1);
    let target: Vec<f64> = target.iter().step_by(stride).copied().collect();
    let pool: Vec<(usize, RawOutputs)> = pool.iter().map(|(number, raw)| (*number, every(raw, stride))).collect();

    let mut counts = vec![0usize; pool.len()];
    let mut sum = RawOutputs { num_outputs: first.1.num_outputs, values: vec![0.0; pool[0].1.values.len()] };
    let mut best: Option<(f64, Vec<usize>)> = None;
    for picks in 1..=PICKS {
        let mean_with = |raw: &RawOutputs| RawOutputs {
            num_outputs: sum.num_outputs,
            values: sum.values.iter().zip(&raw.values).map(|(sum, value)| (sum + value) / picks as f64).collect(),
        };
        let losses = pool.iter().map(|(_, raw)| smooth_loss(task, &mean_with(raw), &target));
        let (chosen, loss) = losses
            .enumerate()
            .fold((0, f64::INFINITY), |best, (member, loss)| if loss < best.1 { (member, loss) } else { best });
        counts[chosen] += 1;
        sum.values.iter_mut().zip(&pool[chosen].1.values).for_each(|(sum, value)| *sum += value);
        if best.as_ref().is_none_or(|(least, _)| loss < *least) {
            best = Some((loss, counts.clone()));
        }
    }
    let counts = best.map_or(counts, |(_, counts)| counts);
    let total: usize = counts.iter().sum();
    let mut weights: Vec<(usize, f64)> = pool
        .iter()
        .zip(&counts)
        .map(|((number, _), count)| (*number, *count as f64 / total.max(1) as f64))
        .filter(|(_, weight)| *weight >= MIN_WEIGHT)
        .collect();
    if weights.is_empty() {
        weights.push((pool[0].0, 1.0));
    }
    weights.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    normalize(&mut weights);
    weights
}

/// Makes weights sum to 1.
pub(crate) fn normalize(weights: &mut [(usize, f64)]) {
    let total: f64 = weights.iter().map(|(_, weight)| weight).sum();
    weights.iter_mut().for_each(|(_, weight)| *weight /= total);
}

/// The weighted mean of candidates' raw outputs.
pub(crate) fn weighted<'a>(parts: impl IntoIterator<Item = (&'a RawOutputs, f64)>) -> RawOutputs {
    let mut mean = RawOutputs { num_outputs: 1, values: Vec::new() };
    for (raw, weight) in parts {
        mean.num_outputs = raw.num_outputs;
        mean.values.resize(raw.values.len(), 0.0);
        mean.values.iter_mut().zip(&raw.values).for_each(|(mean, value)| *mean += weight * value);
    }
    mean
}

/// Every `stride`-th row.
fn every(raw: &RawOutputs, stride: usize) -> RawOutputs {
    let rows = raw.values.chunks_exact(raw.num_outputs).step_by(stride);
    RawOutputs { num_outputs: raw.num_outputs, values: rows.flatten().copied().collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(values: impl IntoIterator<Item = f64>) -> RawOutputs {
        RawOutputs { num_outputs: 1, values: values.into_iter().collect() }
    }

    #[test]
    fn opposite_errors_are_averaged_and_useless_candidates_left_out() {
        let target: Vec<f64> = (0..100).map(f64::from).collect();
        let (low, high) = (raw(target.iter().map(|y| y - 1.0)), raw(target.iter().map(|y| y + 1.0)));
        let useless = raw(vec![50.0; 100]);
        let weights = select(Task::Regression, &[(7, &low), (3, &high), (5, &useless)], &target);
        assert_eq!(weights, [(3, 0.5), (7, 0.5)]);
    }

    #[test]
    fn one_candidate_that_is_better_than_every_mean_stays_alone() {
        let target: Vec<f64> = (0..100).map(f64::from).collect();
        let (right, wrong) = (raw(target.clone()), raw(vec![0.0; 100]));
        assert_eq!(select(Task::Regression, &[(1, &right), (2, &wrong)], &target), [(1, 1.0)]);
    }
}
