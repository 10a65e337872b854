//! Choosing the solver, and running it.

use datafusion_ml_core::{Error, FitContext, FitRequest, Result, Task, TrainingData};

use super::gram::{Gram, Scale};
use super::loss::Loss;
use super::model::LinearModel;
use super::solve::{Cholesky, coordinate_descent, lbfgs, proximal_gradients};
use crate::passes::{Moments, axpy, dot};

/// With more features than this the Gram matrix is not built.
const MAX_GRAM: usize = 1024;

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
    let moments = Moments::of(data, context)?;
    let scale = Scale::new(&moments);
    let gram = if features <= MAX_GRAM {
        context.reserve(8 * features * features * (2 + context.threads()))?;
        Some(Gram::of(data, &scale, moments.target_mean, context)?)
    } else {
        context.reserve(8 * num_weights * 24)?;
        None
    };
    context.checkpoint()?;
    let mut weights = vec![0.0; num_weights];
    if loss == Loss::Squared {
        weights[features] = moments.target_mean;
    }
    let stopped_early = match (&gram, loss) {
        (Some(gram), Loss::Squared) => {
            weights[..features].copy_from_slice(&least_squares(gram, &settings));
            false
        }
        _ => iterate(data, loss, &scale, gram.as_ref(), &settings, &mut weights, context)?,
    };
    if weights.iter().any(|weight| !weight.is_finite()) {
        return Err(Error::data(
            "the features or the target are too large for double precision; scale them down in the query",
        ));
    }
    Ok(LinearModel::from_standardised(data.feature_names(), request.task, &weights, &scale, stopped_early))
}

/// The weights of a regression but for the intercept, from one pass.
fn least_squares(gram: &Gram, settings: &Settings) -> Vec<f64> {
    let features = gram.with_target.len();
    let mut weights = gram.with_target.clone();
    if settings.l1 > 0.0 {
        let Settings { l1, l2, epochs, tolerance } = *settings;
        weights = coordinate_descent(&gram.matrix, &gram.with_target, l1, l2, epochs, tolerance);
    } else {
        Cholesky::new(&gram.matrix, features, 1.0, settings.l2).solve(&mut weights);
    }
    weights
}

/// Improves the weights by passes over the rows, and tells whether the time was up before the best were found.
fn iterate(
    data: &dyn TrainingData,
    loss: Loss,
    scale: &Scale,
    gram: Option<&Gram>,
    settings: &Settings,
    weights: &mut [f64],
    context: &dyn FitContext,
) -> Result<bool> {
    let (features, stride) = (scale.len(), scale.len() + 1);
    let mut objective = |weights: &[f64]| {
        let (mut value, mut gradient) = loss.mean_and_gradient(data, scale, weights, context)?;
        for (weights, gradient) in weights.chunks_exact(stride).zip(gradient.chunks_exact_mut(stride)) {
            value += settings.l2 / 2.0 * dot(&weights[..features], &weights[..features]);
            axpy(settings.l2, &weights[..features], &mut gradient[..features]);
        }
        Ok((value, gradient))
    };
    let late = std::cell::Cell::new(false);
    let go_on = |epoch: usize, value: f64| {
        let step = format!("epoch {epoch} of at most {}", settings.epochs);
        context.progress(epoch as f64 / settings.epochs as f64, &step, Some(("train:loss", value)));
        late.set(context.is_late());
        !late.get()
    };
    let curvature = loss.curvature();
    if settings.l1 > 0.0 {
        let lipschitz =
            curvature * gram.map_or(features as f64, |gram| largest_eigenvalue(&gram.matrix, features)).max(1.0);
        let penalty = (settings.l1, stride);
        let bound = 1.05 * lipschitz + settings.l2;
        proximal_gradients(&mut objective, weights, penalty, bound, settings.epochs, settings.tolerance, &go_on)?;
    } else {
        let factor = gram.map(|gram| Cholesky::new(&gram.matrix, features, curvature, settings.l2 + 1e-9));
        let precondition = |direction: &mut [f64]| {
            for direction in direction.chunks_exact_mut(stride) {
                match &factor {
                    Some(factor) => factor.solve(&mut direction[..features]),
                    None => direction[..features].iter_mut().for_each(|value| *value /= curvature + settings.l2),
                }
                direction[features] /= curvature;
            }
        };
        lbfgs(&mut objective, &precondition, weights, settings.epochs, settings.tolerance, &go_on)?;
    }
    Ok(late.get())
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
