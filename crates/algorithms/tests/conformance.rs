//! Every built-in algorithm keeps the promises of the conformance suite.

use datafusion_ml_algorithms::{KMeans, LinearLearner, Mlp, Xgboost};
use datafusion_ml_core::conformance::check;

#[test]
fn xgboost_conforms() {
    check(&Xgboost, &[("num_round", "12")]);
    check(
        &Xgboost,
        &[("num_round", "5"), ("subsample", "0.7"), ("colsample_bynode", "0.5"), ("grow_policy", "lossguide")],
    );
}

#[test]
fn linear_learner_conforms() {
    check(&LinearLearner, &[]);
    check(&LinearLearner, &[("l1", "0.01"), ("epochs", "500")]);
}

#[test]
fn kmeans_conforms() {
    check(&KMeans, &[("k", "1")]);
    check(&KMeans, &[("k", "4"), ("init_method", "random")]);
}

#[test]
fn mlp_conforms() {
    check(&Mlp, &[("epochs", "3")]);
    check(&Mlp, &[("epochs", "2"), ("hidden_layers", "none"), ("early_stopping_rounds", "0")]);
    check(&Mlp, &[("epochs", "2"), ("hidden_layers", "16,8,8"), ("activation", "relu"), ("mini_batch_size", "4096")]);
}
