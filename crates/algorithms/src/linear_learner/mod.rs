//! Linear models: least squares, logistic and softmax regression with ridge and lasso penalties.
//!
//! Minimises `1/n sum of loss(y, b + w·z) + l2/2 |w|² + l1 |w|₁` over the features `z`, standardised to zero mean and unit
//! variance; the intercept `b` carries no penalty. The loss is half the squared error, `ln(1 + exp(-m))` of the margin of
//! the true class, or the cross entropy of softmax. Coefficients are kept in the units of the features.
//!
//! | option | default | meaning |
//! |---|---|---|
//! | `l2` (`wd`) | 0.000001 | ridge penalty |
//! | `l1` | 0 | lasso penalty; sets coefficients to exactly 0 |
//! | `epochs` | 200 | the most passes over the rows of an iterative solver |
//! | `tolerance` | 0.000001 | an iterative solver ends when its next step would change margins by less than about this |
//!
//! **How.** A regression of up to 1,024 features: one pass for the Gram matrix, then Cholesky, or coordinate descent with a
//! lasso penalty (Friedman, Hastie, Tibshirani, "Regularization paths for generalized linear models via coordinate descent",
//! 2010). A classification: L-BFGS near to the optimum of a sample of up to 20,000 rows, preconditioned by its Gram matrix,
//! which bounds the Hessian (Böhning, "Multinomial logistic regression algorithm", 1992); then one pass over all rows for
//! the Hessian of that point, and L-BFGS preconditioned by it, which takes about five passes; the Hessian is built anew if
//! it takes more. Of more than 256 weights the Gram matrix stands for the Hessian; of more than 1,024 features nothing. With
//! a lasso penalty, accelerated proximal gradients (Beck and Teboulle, "A fast iterative shrinkage-thresholding algorithm",
//! 2009).
//!
//! **Cost.** Time: rows × features²/2 for the Gram matrix, as much per pair of classes for the Hessian, and rows × features ×
//! classes × 2 for each other pass, in vectors of what width the processor has. Memory: a sample, and per thread
//! features² doubles. **Not done.** Robust losses, class weights, confidence intervals.

mod fit;
mod gram;
mod loss;
mod model;
mod objective;
mod precondition;
mod scale;
mod solve;
mod survey;

use std::sync::Arc;

use datafusion_ml_core::encoder::{CategoryEncoding, MissingValues, Precision};
use datafusion_ml_core::{
    Algorithm, Encoding, FitContext, FitRequest, Metric, Model, OptionKind, OptionSpec, Parameters, Result, Task,
    TrainingData,
};

pub use model::LinearModel;

use crate::passes::with_threads;

/// The algorithm `linear_learner`.
#[derive(Debug, Clone, Copy, Default)]
pub struct LinearLearner;

const OPTIONS: &[OptionSpec] = &[
    OptionSpec::new(
        "l2",
        &["wd"],
        OptionKind::Float(0.0, 1e6),
        Some("0.000001"),
        "Ridge penalty on the standardised coefficients, beside the mean loss.",
    ),
    OptionSpec::new(
        "l1",
        &[],
        OptionKind::Float(0.0, f64::INFINITY),
        Some("0"),
        "Lasso penalty on the standardised coefficients, beside the mean loss.",
    ),
    OptionSpec::new(
        "epochs",
        &[],
        OptionKind::Integer(1, 1_000_000),
        Some("200"),
        "The most passes over the rows of an iterative solver.",
    ),
    OptionSpec::new(
        "tolerance",
        &[],
        OptionKind::Float(0.0, 1.0),
        Some("0.000001"),
        "An iterative solver ends when its next step would change margins by less than about this.",
    ),
];

impl Algorithm for LinearLearner {
    fn name(&self) -> &str {
        "linear_learner"
    }

    fn tasks(&self) -> &[Task] {
        &[Task::Regression, Task::BinaryClassification, Task::MulticlassClassification]
    }

    fn options(&self) -> &[OptionSpec] {
        OPTIONS
    }

    fn encoding(&self) -> Encoding {
        Encoding { categories: CategoryEncoding::OneHot, missing: MissingValues::Impute, precision: Precision::F64 }
    }

    fn metric(&self, request: &FitRequest) -> Result<Metric> {
        Ok(Metric::of_task(request.task))
    }

    fn fit(&self, data: &dyn TrainingData, request: &FitRequest, context: &dyn FitContext) -> Result<Arc<dyn Model>> {
        with_threads(context, || fit::fit(data, request, context).map(|model| Arc::new(model) as Arc<dyn Model>))
    }

    fn load(&self, parameters: Parameters) -> Result<Arc<dyn Model>> {
        Ok(Arc::new(LinearModel::try_from(parameters)?))
    }
}
