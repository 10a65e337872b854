//! Multilayer perceptrons: layers of weighted sums for regression and classification.
//!
//! Minimises `1/n sum of loss(y, f(x))` over the weights of `f(x) = W₂ s(W₁ s(W₀ z(x) + b₀) + b₁) + b₂` (of as many hidden
//! layers as asked for), where `s` is the activation and `z` turns features into inputs. The loss is the squared error of
//! the target, standardised; `ln(1 + exp(-m))` of the margin of the true one of two classes; or the cross entropy of softmax.
//!
//! | option | default | meaning |
//! |---|---|---|
//! | `hidden_layers` (`hidden_layer_sizes`, `layers`) | 128,64 | units of every hidden layer; `none` is a linear model |
//! | `activation` | silu | or `relu` |
//! | `learning_rate` (`learning_rate_init`) | 0.002 | AdamW's; it rises to this in the first epoch |
//! | `epochs` (`max_iter`) | 100 | the most passes over the rows |
//! | `early_stopping_rounds` (`patience`) | 20 | epochs without improvement that end training; 0 is never |
//! | `mini_batch_size` (`batch_size`) | auto | rows per step; auto is about the root of the rows, from 32 to 512 |
//! | `weight_decay` (`wd`) | 0.02 | AdamW's |
//! | `dropout` | 0.2 | the share of the hidden units left out of each step |
//! | `numeric_bins` | auto | quantile bins per numeric feature; 0 is none |
//! | `seed` (`random_state`) | `ml.seed` | of the first weights, the order of rows, dropout, and the rows held out |
//!
//! **Inputs.** A feature less its median, over its interquartile range, cut off at ten; and up to 16 ramps over its quantile
//! bins, which let the first layer follow curves and steps (Gorishniy, Rubachev, Babenko, 2022). Categories come as
//! indicators, one per category: there are no embeddings.
//!
//! **When it ends.** The loss of rows held out is taken after every epoch: of the data's own validation rows, else of a
//! tenth of 200 rows or more. The model has the weights of the best epoch. Weights are the running mean over about the
//! last three epochs, which stands in for a falling learning rate (Polyak and Juditsky, "Acceleration of stochastic
//! approximation by averaging", 1992; Hägele et al., "Scaling laws and compute-optimal training beyond fixed training
//! durations", 2024, section 4). So there is no schedule that depends on `epochs`: to learn as long again from all rows, fit
//! with `epochs` = [`Model::rounds`] and `early_stopping_rounds` = 0. With the same rows that gives the same network.
//!
//! **How.** A batch is cut into up to four shards, as many on any number of threads, whose gradients are added in their
//! order; what is random follows from the seed and a counter. So the model is the same, to the bit, on any number of threads
//! (of the same kind of processor: matrix products round differently with other instruction sets).
//!
//! **Cost.** Time: 6 floating point operations per row, weight and epoch. Memory: the rows, at four bytes per feature, and
//! some copies of the weights; training data that does not fit into memory is refused. Contributions are Shapley values
//! against 20 training rows, of all coalitions of up to 9 features, and slow. **Not done.** Embeddings of categories, convolutions,
//! batch normalisation, class weights, other losses.

mod explain;
mod format;
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
        Ok(Metric::of_task(request.task))
    }

    fn fit(&self, data: &dyn TrainingData, request: &FitRequest, context: &dyn FitContext) -> Result<Arc<dyn Model>> {
        Ok(Arc::new(train::fit(data, request, context)?))
    }

    fn load(&self, parameters: Parameters) -> Result<Arc<dyn Model>> {
        Ok(Arc::new(MlpModel::try_from(parameters)?))
    }
}
