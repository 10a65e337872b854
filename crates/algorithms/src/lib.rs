//! placeholder

mod parallel;
pub mod xgboost;

pub use xgboost::{Xgboost, XgboostModel};

/// Every built-in algorithm.
pub fn all() -> Vec<std::sync::Arc<dyn datafusion_ml_core::Algorithm>> {
    vec![std::sync::Arc::new(Xgboost)]
}
