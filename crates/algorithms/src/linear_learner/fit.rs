//! Choosing the solver, and running it.

use std::cell::Cell;

use datafusion_ml_core::{Error, FitContext, FitRequest, Result, Task, TrainingData};

use super::gram::Gram;
use super::loss::Loss;
use super::model::LinearModel;
use super::objective::Objective;
use super::precondition::Preconditioner;
use super::scale::Scale;
use super::solve::{Cholesky, End, Limits, coordinate_descent, lbfgs, proximal_gradients};
use super::survey::{Draw, Survey};
use crate::passes::dot;

/// With more features than this the Gram matrix is not built.
const MAX_GRAM: usize = 1024;

/// With more weights than this the Hessian is not built.
const MAX_HESSIAN: usize = 256;

/// The tolerance on a sample, whose optimum is about this far from that of all rows.
const ROUGHLY: f64 = 0.01;

/// A step is to be this much shorter than the one before, or the Hessian is built anew.
const PACE: f64 = 0.25;

/// A model may have this many weights.
const MAX_WEIGHTS: usize = 20_000_000;

/// The penalties and limits of a fit.
struct Settings {
    l1: f64,
    l2: f64,
    epochs: usize,
    tolerance: f64,
}

/// Fits a model.
pub(super) fn fit(data: &dyn TrainingData, request: &FitRequest, context: &dyn FitContext) -> Result<LinearModel> {
    let features = data.feature_names().len();
    let loss = match request.task {
        Task::Regression => Loss::Squared,
        Task::BinaryClassification => Loss::Logistic,
        Task::MulticlassClassification => Loss::Softmax(request.num_classes),
        other => return Err(Error::invalid(format!("linear_learner cannot learn a {other}"))),
    };
    if data.num_rows() == 0 {
        return Err(Error::data("there are no rows to learn from; check the query's filters"));
    }
    let num_weights = loss.outputs() * (features + 1);
    if num_weights > MAX_WEIGHTS {
        return Err(Error::data(format!(
            "{features} encoded features and {} classes are too much for a linear model ({num_weights} weights); \
             leave out columns with many categories",
            loss.outputs()
        )));
    }
    let options = &request.options;
    let settings = Settings {
        l1: options.float("l1")?,
        l2: options.float("l2")?,
        epochs: options.integer("epochs")? as usize,
        tolerance: options.float("tolerance")?,
    };
    let fitted = match loss {
        Loss::Squared if features <= MAX_GRAM => least_squares(data, &settings, context)?,
        _ if settings.l1 > 0.0 => sparse(data, loss, &settings, context)?,
        _ if features <= MAX_GRAM => smooth(data, loss, &settings, context)?,
        _ => wide(data, loss, &settings, context)?,
    };
    if fitted.weights.iter().any(|weight| !weight.is_finite()) {
        return Err(Error::data(
            "the features or the target are too large for double precision; scale them down in the query",
        ));
    }
    let Fitted { scale, weights, stopped_early } = fitted;
    Ok(LinearModel::from_standardised(data.feature_names(), request.task, &weights, &scale, stopped_early))
}

/// Weights of standardised features, per output with the intercept last.
struct Fitted {
    scale: Scale,
    weights: Vec<f64>,
    /// Whether the time was up before the best were found.
    stopped_early: bool,
}

/// A regression, from the Gram matrix.
fn least_squares(data: &dyn TrainingData, settings: &Settings, context: &dyn FitContext) -> Result<Fitted> {
    let gram = Gram::of(data, context)?;
    context.checkpoint()?;
    let mut weights = gram.with_target.clone();
    if settings.l1 > 0.0 {
        let Settings { l1, l2, epochs, tolerance } = *settings;
        weights = coordinate_descent(&gram.matrix, &gram.with_target, l1, l2, epochs, tolerance);
    } else {
        Cholesky::new(&gram.matrix, weights.len(), 1.0, settings.l2).solve(&mut weights);
    }
    weights.push(gram.target_mean);
    Ok(Fitted { scale: gram.scale, weights, stopped_early: false })
}

/// With a lasso penalty, by proximal gradients from a model without features.
fn sparse(data: &dyn TrainingData, loss: Loss, settings: &Settings, context: &dyn FitContext) -> Result<Fitted> {
    let features = data.feature_names().len();
    let Survey { scale, intercepts, .. } = Survey::of(data, loss, Draw::Nothing, context)?;
    let largest = match features <= MAX_GRAM {
        true => largest_eigenvalue(&Gram::of(data, context)?.matrix, features),
        false => features as f64,
    };
    let mut weights = without_features(&intercepts, features);
    let objective = Objective { data, context, loss, scale: &scale, l2: settings.l2 };
    let watch = Watch { settings, context, is_late: Cell::new(false) };
    proximal_gradients(
        &mut |weights: &[f64]| objective.evaluate(weights),
        &mut weights,
        (settings.l1, features + 1),
        1.05 * loss.curvature() * largest.max(1.0) + settings.l2,
        &watch.limits(settings.tolerance, &|epoch, value| watch.go_on(epoch, value)),
    )?;
    Ok(Fitted { scale, weights, stopped_early: watch.is_late.get() })
}

/// Without a lasso penalty, by L-BFGS: near to the optimum on a sample, which costs little, and from there on all rows,
/// where the Hessian of that point leads to the optimum in a few passes.
fn smooth(data: &dyn TrainingData, loss: Loss, settings: &Settings, context: &dyn FitContext) -> Result<Fitted> {
    let features = data.feature_names().len();
    let num_weights = loss.outputs() * (features + 1);
    context.reserve(8 * num_weights * (24 + num_weights.min(MAX_HESSIAN) * (2 + context.threads())))?;
    let Survey { scale, intercepts, sample } = Survey::of(data, loss, Draw::Sample, context)?;
    let watch = Watch { settings, context, is_late: Cell::new(false) };
    let mut weights = without_features(&intercepts, features);

    let some: &dyn TrainingData = match &sample {
        Some(sample) => sample,
        None => data,
    };
    let gram = Gram::of(some, context)?;
    let objective = Objective { data: some, context, loss, scale: &gram.scale, l2: settings.l2 };
    let preconditioner = Preconditioner::of_gram(&gram.matrix, features, loss, settings.l2);
    let start = objective.evaluate(&weights)?;
    let go_on = |_, _| watch.is_in_time();
    let limits = watch.limits(settings.tolerance.max(ROUGHLY), &go_on);
    lbfgs(&mut |weights| objective.evaluate(weights), &preconditioner, &mut weights, start, &limits)?;
    gram.scale.convert(&mut weights, &scale);

    let objective = Objective { data, context, loss, scale: &scale, l2: settings.l2 };
    let mut epochs = 0;
    loop {
        let (start, preconditioner, pace) = if num_weights <= MAX_HESSIAN {
            let (start, hessian) = objective.evaluate_with_hessian(&weights)?;
            (start, Preconditioner::of_hessian(&hessian, num_weights), PACE)
        } else {
            let gram = if sample.is_some() { &Gram::of(data, context)? } else { &gram };
            let preconditioner = Preconditioner::of_gram(&gram.matrix, features, loss, settings.l2);
            (objective.evaluate(&weights)?, preconditioner, f64::INFINITY)
        };
        let go_on = |epoch, value| watch.go_on(epochs + epoch, value);
        let limits = Limits { epochs: settings.epochs - epochs, pace, ..watch.limits(settings.tolerance, &go_on) };
        match lbfgs(&mut |weights| objective.evaluate(weights), &preconditioner, &mut weights, start, &limits)? {
            End::Slow(evaluations) => epochs += evaluations,
            End::Done => break,
        }
    }
    Ok(Fitted { scale, weights, stopped_early: watch.is_late.get() })
}

/// Of more features than a Gram matrix is built for, by L-BFGS from a model without features.
fn wide(data: &dyn TrainingData, loss: Loss, settings: &Settings, context: &dyn FitContext) -> Result<Fitted> {
    let features = data.feature_names().len();
    context.reserve(8 * loss.outputs() * (features + 1) * 24)?;
    let Survey { scale, intercepts, .. } = Survey::of(data, loss, Draw::Nothing, context)?;
    let mut weights = without_features(&intercepts, features);
    let objective = Objective { data, context, loss, scale: &scale, l2: settings.l2 };
    let start = objective.evaluate(&weights)?;
    // Half the variance of the target is what a model without features loses.
    let unit = if loss == Loss::Squared { (2.0 * start.value).sqrt() } else { 1.0 };
    let preconditioner = Preconditioner::diagonal(features, loss, settings.l2);
    let watch = Watch { settings, context, is_late: Cell::new(false) };
    let go_on = |epoch, value| watch.go_on(epoch, value);
    let limits = watch.limits(settings.tolerance * unit, &go_on);
    lbfgs(&mut |weights| objective.evaluate(weights), &preconditioner, &mut weights, start, &limits)?;
    Ok(Fitted { scale, weights, stopped_early: watch.is_late.get() })
}

/// Weights of 0, with intercepts.
fn without_features(intercepts: &[f64], features: usize) -> Vec<f64> {
    let mut weights = vec![0.0; intercepts.len() * (features + 1)];
    weights.iter_mut().skip(features).step_by(features + 1).zip(intercepts).for_each(|(slot, value)| *slot = *value);
    weights
}

/// Reports the progress of a fit, and sees when its time is up.
struct Watch<'a> {
    settings: &'a Settings,
    context: &'a dyn FitContext,
    is_late: Cell<bool>,
}

impl Watch<'_> {
    /// The limits of the settings.
    fn limits<'b>(&self, tolerance: f64, go_on: &'b dyn Fn(usize, f64) -> bool) -> Limits<'b> {
        Limits { epochs: self.settings.epochs, tolerance, pace: f64::INFINITY, go_on }
    }

    fn is_in_time(&self) -> bool {
        self.is_late.set(self.context.is_late());
        !self.is_late.get()
    }

    fn go_on(&self, epoch: usize, value: f64) -> bool {
        let step = format!("epoch {epoch} of at most {}", self.settings.epochs);
        self.context.progress(epoch as f64 / self.settings.epochs as f64, &step, Some(("train:loss", value)));
        self.is_in_time()
    }
}

/// By power iteration, from a start that is orthogonal to no simple pattern of columns.
fn largest_eigenvalue(matrix: &[f64], size: usize) -> f64 {
    let mut vector: Vec<f64> = (0..size).map(|index| 1.0 + (index as f64 * 0.618).fract()).collect();
    let mut value = 0.0;
    for _ in 0..50 {
        let product: Vec<f64> = matrix.chunks_exact(size).map(|row| dot(row, &vector)).collect();
        value = dot(&product, &product).sqrt();
        if value == 0.0 {
            break;
        }
        vector = product.iter().map(|entry| entry / value).collect();
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion_ml_core::conformance::LocalContext;
    use datafusion_ml_core::{Features, InMemoryData, TrainingBlock};

    const ROWS: usize = 60_000;

    /// Numbers in [0, 1), by a generator without state.
    fn number(row: usize, salt: u64) -> f64 {
        let mut z = (row as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(salt << 32);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Enough rows for a sample, sorted by class: four numbers, and twenty categories so rare that a sample misses most.
    fn data(class: impl Fn(&[f64], f64) -> f64) -> InMemoryData {
        let features = |row: usize| -> Vec<f64> {
            let common = (0..4).map(|feature| number(row, feature) * 2.0 - 1.0);
            let rare = (0..20).map(|category| {
                f64::from(
                    number(row, 50) * 6_000.0 / (category + 1) as f64 % 20.0 < 0.001 * (category + 1) as f64
                        && row % 20 == category,
                )
            });
            common.chain(rare).collect()
        };
        let mut rows: Vec<(Vec<f64>, f64)> = (0..ROWS)
            .map(|row| {
                let x = features(row);
                let y = class(&x, number(row, 99));
                (x, y)
            })
            .collect();
        rows.sort_by(|a, b| a.1.total_cmp(&b.1));
        let blocks = rows.chunks(8_192).map(|rows| {
            let columns = (0..24).map(|feature| rows.iter().map(|(x, _)| x[feature]).collect()).collect();
            TrainingBlock::try_new(Features::from_f64(columns).unwrap(), rows.iter().map(|(_, y)| *y).collect())
                .unwrap()
        });
        InMemoryData::new((0..24).map(|feature| format!("x{feature}")).collect(), blocks.collect())
    }

    /// Fits within few passes, and checks that the gradient at the end is 0.
    fn check(data: &InMemoryData, loss: Loss) {
        let context = LocalContext::new(1, 2);
        let settings = Settings { l1: 0.0, l2: 1e-4, epochs: 40, tolerance: 1e-9 };
        let Fitted { scale, weights, .. } = smooth(data, loss, &settings, &context).unwrap();
        let objective = Objective { data, context: &context, loss, scale: &scale, l2: settings.l2 };
        let gradient = objective.evaluate(&weights).unwrap().gradient;
        let largest = gradient.iter().fold(0.0f64, |largest, slope| largest.max(slope.abs()));
        assert!(largest < 1e-9, "{loss:?}: {largest}");
    }

    #[test]
    fn a_sample_without_the_rare_categories_leads_to_the_optimum_of_all_rows() {
        check(&data(|x, noise| f64::from(noise < 1.0 / (1.0 + (-2.0 * x[0] + x[1] - x[9]).exp()))), Loss::Logistic);
    }

    #[test]
    fn a_sample_without_a_rare_class_leads_to_the_optimum_of_all_rows() {
        let class = |x: &[f64], noise: f64| if noise < 0.000_2 { 2.0 } else { f64::from(noise > 0.5 + 0.4 * x[0]) };
        check(&data(class), Loss::Softmax(3));
    }

    #[test]
    fn the_hessian_is_the_derivative_of_the_gradient() {
        let data = data(|x, noise| (noise * 2.9 + 0.05 * x[0]).floor().clamp(0.0, 2.0));
        let context = LocalContext::new(1, 2);
        let Survey { scale, .. } = Survey::of(&data, Loss::Softmax(3), Draw::Nothing, &context).unwrap();
        let objective = Objective { data: &data, context: &context, loss: Loss::Softmax(3), scale: &scale, l2: 0.01 };
        let weights: Vec<f64> = (0..75).map(|index| number(index, 5) - 0.5).collect();
        let (at, hessian) = objective.evaluate_with_hessian(&weights).unwrap();
        for index in [0, 3, 24, 30, 49, 74] {
            let mut moved = weights.clone();
            moved[index] += 1e-6;
            let gradient = objective.evaluate(&moved).unwrap().gradient;
            for other in 0..75 {
                let slope = (gradient[other] - at.gradient[other]) / 1e-6;
                assert!((slope - hessian[index * 75 + other]).abs() < 1e-5, "{index}, {other}: {slope}");
            }
        }
    }
}
