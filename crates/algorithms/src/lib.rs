//! The built-in learning algorithms of datafusion-ml, one folder each. They know the contracts of `datafusion-ml-core`
//! and nothing else: no query engine, no store.

use std::sync::Arc;

use datafusion_ml_core::Algorithm;

pub mod kmeans;
pub mod linear_learner;
pub mod mlp;
mod parallel;
mod passes;
mod simd;
pub mod xgboost;

pub use kmeans::{KMeans, KMeansModel};
pub use linear_learner::{LinearLearner, LinearModel};
pub use mlp::{Mlp, MlpModel};
pub use xgboost::{Xgboost, XgboostModel};

/// Every built-in algorithm.
pub fn all() -> Vec<Arc<dyn Algorithm>> {
    vec![Arc::new(Xgboost), Arc::new(LinearLearner), Arc::new(KMeans), Arc::new(Mlp)]
}
