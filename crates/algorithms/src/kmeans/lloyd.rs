//! Lloyd's algorithm on a sample and on all rows.

use datafusion_ml_core::{Error, FitContext, FitRequest, Options, Result, TrainingData};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::model::{KMeansModel, Spread};
use super::sample::{SAMPLE_ROWS, Sample, compare, farthest};
use super::step::Step;
use crate::passes::{Moments, over_blocks};

/// The starts of `local_lloyd_num_trials 'auto'`.
const AUTO_TRIALS: u64 = 5;

/// Fits a model.
pub(super) fn fit(data: &dyn TrainingData, request: &FitRequest, context: &dyn FitContext) -> Result<KMeansModel> {
    let options = &request.options;
    let (k, width) = (options.integer("k")? as usize, data.feature_names().len());
    if data.num_rows() == 0 {
        return Err(Error::data("there are no rows to learn from; check the query's filters"));
    }
    if let Ok(dimension) = options.integer("feature_dim")
        && dimension != width as i64
    {
        return Err(Error::invalid(format!(
            "hyperparameter feature_dim is '{dimension}', but there are {width} encoded features; leave it out"
        )));
    }
    let seed = options.integer("seed").map_or(context.seed(), |seed| seed as u64);
    let sample = Sample::of(data, seed, context)?;
    let distinct = sample.num_distinct();
    if distinct < k {
        return Err(Error::data(format!(
            "the rows have {distinct} distinct values{}, too few for K '{k}'; lower K to '{distinct}' or less",
            if data.num_rows() > SAMPLE_ROWS { " in a sample of 20,000" } else { "" }
        )));
    }
    let tolerance = options.float("local_lloyd_tol")?;
    let (mut centroids, mut stopped_early) = on_sample(&sample, k, seed, options, tolerance, context)?;
    if data.num_rows() > SAMPLE_ROWS {
        let mut last = f64::INFINITY;
        let epochs = options.integer("epochs")?;
        for epoch in 1..=epochs {
            stopped_early = context.is_late();
            if stopped_early {
                break;
            }
            let step = Step::of(data, &centroids, context)?;
            let msd = step.distance / data.num_rows() as f64;
            context.progress(
                epoch as f64 / epochs as f64,
                &format!("epoch {epoch} of {epochs}"),
                Some(("train:msd", msd)),
            );
            step.move_to_means(&mut centroids);
            if last - step.distance <= tolerance * step.distance {
                break;
            }
            last = step.distance;
        }
    }
    if centroids.iter().any(|coordinate| !coordinate.is_finite()) {
        return Err(Error::data("the features are too large for double precision; scale them down in the query"));
    }
    let mut order: Vec<&[f64]> = centroids.chunks_exact(width).collect();
    order.sort_unstable_by(|a, b| compare(a, b));
    let mut moments = Moments::new(width);
    over_blocks(data, context, 1 + width, |_, block| Moments::of_block(block), |block| moments.merge(&block))?;
    let spread = Spread { variances: moments.variance(), means: moments.mean };
    Ok(KMeansModel::new(data.feature_names().to_vec(), order.concat(), spread, stopped_early))
}

/// The best centroids of several starts, and whether the time was up before all were tried.
fn on_sample(
    sample: &Sample,
    k: usize,
    seed: u64,
    options: &Options,
    tolerance: f64,
    context: &dyn FitContext,
) -> Result<(Vec<f64>, bool)> {
    let trials = match options.text("local_lloyd_num_trials")? {
        auto if auto.eq_ignore_ascii_case("auto") => AUTO_TRIALS,
        number => number.parse().ok().filter(|trials| *trials > 0).ok_or_else(|| {
            let fact = format!("hyperparameter local_lloyd_num_trials is '{number}'");
            Error::invalid(format!("{fact}; it takes auto or a whole number from 1"))
        })?,
    };
    let mut best: Option<(f64, Vec<f64>)> = None;
    for trial in 0..trials {
        if best.is_some() && context.is_late() {
            return Ok((best.map(|(_, centroids)| centroids).unwrap_or_default(), true));
        }
        let mut random = ChaCha8Rng::seed_from_u64(seed.wrapping_add(trial + 1));
        let mut centroids = match options.text("local_lloyd_init_method").or_else(|_| options.text("init_method"))? {
            "random" => sample.random_rows(k, &mut random),
            _ => sample.spread_rows(k, &mut random),
        };
        let mut last = f64::INFINITY;
        let limit = options.integer("local_lloyd_max_iter")?;
        for _ in 0..limit {
            let distance = improve(sample, &mut centroids, context)?;
            if last - distance <= tolerance * distance {
                last = last.min(distance);
                break;
            }
            last = distance;
            if context.is_late() {
                break;
            }
        }
        let step = format!("start {} of {trials}", trial + 1);
        let msd = last / sample.len() as f64;
        context.progress((trial + 1) as f64 / trials as f64, &step, Some(("train:msd", msd)));
        if best.as_ref().is_none_or(|(least, _)| last < *least) {
            best = Some((last, centroids));
        }
    }
    Ok((best.map(|(_, centroids)| centroids).unwrap_or_default(), false))
}

/// One iteration on the sample: moves every centroid to the mean of its rows, an empty one to the row that is farthest
/// from its centroid. Gives the squared distances before the move.
fn improve(sample: &Sample, centroids: &mut [f64], context: &dyn FitContext) -> Result<f64> {
    let before = centroids.to_vec();
    let step = Step::of(&sample.data, centroids, context)?;
    let empty = step.move_to_means(centroids);
    if !empty.is_empty() {
        let mut distances = sample.squared_distances(&before);
        for cluster in empty {
            let row = farthest(&distances);
            centroids[cluster * sample.width()..(cluster + 1) * sample.width()].copy_from_slice(&sample.row(row));
            distances[row] = 0.0;
        }
    }
    Ok(step.distance)
}
