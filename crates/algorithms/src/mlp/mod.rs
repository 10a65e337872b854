//! Multilayer perceptrons: layers of weighted sums for regression and classification.

mod gradient;
mod inputs;
mod kernels;
mod loss;
mod model;
mod network;
mod random;
mod settings;
mod table;
mod train;

use std::sync::Arc;

use datafusion_ml_core::encoder::{CategoryEncoding, MissingValues, Precision};
use datafusion_ml_core::{
    Algorithm, Encoding, FitContext, FitRequest, Metric, Model, OptionSpec, Parameters, Result, Task, TrainingData,
};

pub use model::MlpModel;
use settings::OPTIONS;

/// The algorithm `mlp`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Mlp;

impl Algorithm for Mlp {
    fn name(&self) -> &str {
        "mlp"
    }

    fn tasks(&self) -> &[Task] {
        &[Task::Regression, Task::BinaryClassification, Task::MulticlassClassification]
    }

    fn options(&self) -> &[OptionSpec] {
        OPTIONS
    }

    fn encoding(&self) -> Encoding {
        Encoding { categories: CategoryEncoding::OneHot, missing: MissingValues::Impute, precision: Precision::F32 }
    }

    fn metric(&self, request: &FitRequest) -> Result<Metric> {
        Ok(match request.task {
            Task::BinaryClassification => Metric::BinaryAccuracy,
            Task::MulticlassClassification => Metric::MulticlassAccuracy,
            _ => Metric::Mse,
        })
    }

    fn fit(&self, data: &dyn TrainingData, request: &FitRequest, context: &dyn FitContext) -> Result<Arc<dyn Model>> {
        Ok(Arc::new(train::fit(data, request, context)?))
    }

    fn load(&self, parameters: Parameters) -> Result<Arc<dyn Model>> {
        Ok(Arc::new(MlpModel::try_from(parameters)?))
    }
}
