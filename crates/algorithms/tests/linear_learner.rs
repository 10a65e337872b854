//! The linear learner beside scikit-learn (expected values of `scripts/sklearn_fixtures.py`) and linfa.

use datafusion_ml_algorithms::{LinearLearner, LinearModel};
use datafusion_ml_core::algorithm::FitRequest;
use datafusion_ml_core::conformance::LocalContext;
use datafusion_ml_core::{Algorithm, Features, InMemoryData, Model, Options, Prediction, Task, TrainingBlock};
use linfa::prelude::*;
use serde::Deserialize;

#[derive(Deserialize)]
struct Fixture {
    task: Task,
    /// Column by column.
    columns: Vec<Vec<f64>>,
    target: Vec<f64>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    l1: f64,
    l2: f64,
    /// Per output and feature, in the units of the features.
    #[serde(default)]
    weights: Vec<f64>,
    #[serde(default)]
    intercepts: Vec<f64>,
    #[serde(default)]
    predictions: Vec<f64>,
}

fn data(columns: &[Vec<f64>], target: &[f64], block_rows: usize) -> InMemoryData {
    let blocks = (0..target.len()).step_by(block_rows).map(|start| {
        let rows = start..(start + block_rows).min(target.len());
        let features =
            Features::from_f64(columns.iter().map(|column| column[rows.clone()].to_vec()).collect()).unwrap();
        TrainingBlock::try_new(features, target[rows].to_vec()).unwrap()
    });
    InMemoryData::new((0..columns.len()).map(|feature| format!("x{feature}")).collect(), blocks.collect())
}

fn fit(task: Task, columns: &[Vec<f64>], target: &[f64], options: &[(&str, &str)]) -> LinearModel {
    let classes = target.iter().fold(0.0f64, |most, y| most.max(*y)) as usize + 1;
    let request = FitRequest {
        task,
        num_classes: if task == Task::Regression { 0 } else { classes },
        objective: None,
        options: Options::parse(LinearLearner.options(), options.iter().copied()).unwrap(),
    };
    let model = LinearLearner.fit(&data(columns, target, 100), &request, &LocalContext::new(1, 2)).unwrap();
    LinearModel::try_from(model.parameters().unwrap()).unwrap()
}

/// Weights are compared on the scale of standardised features: an error of `tolerance` standard deviations of margin.
fn check_fixture(json: &str, tolerance: f64) {
    let fixture: Fixture = serde_json::from_str(json).unwrap();
    for case in &fixture.cases {
        let (l1, l2) = (case.l1.to_string(), case.l2.to_string());
        let options = [("l1", l1.as_str()), ("l2", &l2), ("epochs", "20000"), ("tolerance", "0.0000000001")];
        let model = fit(fixture.task, &fixture.columns, &fixture.target, &options);
        let name = format!("{} l1 {l1} l2 {l2}", fixture.task);
        if !case.predictions.is_empty() {
            let Prediction::Values(values) =
                model.predict(&Features::from_f64(fixture.columns.clone()).unwrap()).unwrap()
            else {
                panic!("{name}: no values");
            };
            for (ours, theirs) in values.iter().zip(&case.predictions) {
                assert!((ours - theirs).abs() < tolerance * (1.0 + theirs.abs()), "{name}: {ours} instead of {theirs}");
            }
            continue;
        }
        let size = fixture.columns.len();
        for (ours, theirs) in model.intercepts().iter().zip(&case.intercepts) {
            let allowed = 10.0 * tolerance * (1.0 + theirs.abs());
            assert!((ours - theirs).abs() < allowed, "{name}: intercept {ours} instead of {theirs}");
        }
        for (index, (ours, theirs)) in model.weights().iter().zip(&case.weights).enumerate() {
            let column = &fixture.columns[index % size];
            let mean = column.iter().sum::<f64>() / column.len() as f64;
            let deviation = (column.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / column.len() as f64).sqrt();
            let error = (ours - theirs).abs() * deviation;
            assert!(
                error < tolerance * (1.0 + theirs.abs() * deviation),
                "{name}: weight {index} is {ours}, not {theirs}"
            );
        }
    }
}

#[test]
fn least_squares_ridge_and_elastic_net_are_scikit_learns() {
    check_fixture(include_str!("fixtures/linear_learner/abalone_rings.json"), 1e-5);
}

#[test]
fn columns_that_depend_on_each_other_predict_as_scikit_learn_does() {
    check_fixture(include_str!("fixtures/linear_learner/dependent.json"), 1e-6);
}

#[test]
fn logistic_regression_is_scikit_learns() {
    check_fixture(include_str!("fixtures/linear_learner/banknote_class.json"), 2e-3);
}

#[test]
fn softmax_regression_is_scikit_learns() {
    check_fixture(include_str!("fixtures/linear_learner/abalone_sex.json"), 5e-3);
}

#[test]
fn least_squares_is_linfas() {
    let fixture: Fixture = serde_json::from_str(include_str!("fixtures/linear_learner/abalone_rings.json")).unwrap();
    let (rows, size) = (fixture.target.len(), fixture.columns.len());
    let records = ndarray::Array2::from_shape_fn((rows, size), |(row, column)| fixture.columns[column][row]);
    let dataset = Dataset::new(records, ndarray::Array1::from(fixture.target.clone()));
    let theirs = linfa_linear::LinearRegression::default().fit(&dataset).unwrap();
    let ours = fit(Task::Regression, &fixture.columns, &fixture.target, &[("l2", "0")]);
    for (ours, theirs) in ours.weights().iter().zip(theirs.params()) {
        assert!((ours - theirs).abs() < 1e-8 * (1.0 + theirs.abs()), "{ours} instead of {theirs}");
    }
    assert!((ours.intercepts()[0] - theirs.intercept()).abs() < 1e-8);
}

#[test]
fn more_features_than_a_gram_matrix_holds_are_streamed() {
    let (rows, size) = (200, 1100);
    let columns: Vec<Vec<f64>> = (0..size)
        .map(|c| (0..rows).map(|r| f64::from((r * (c + 3) + c * c) as u32 % 101) / 50.0 - 1.0).collect())
        .collect();
    let target: Vec<f64> = (0..rows).map(|row| 2.0 + columns[0][row] - 3.0 * columns[7][row]).collect();
    let model = fit(Task::Regression, &columns, &target, &[("epochs", "2000"), ("tolerance", "0.000000000001")]);
    let Prediction::Values(values) = model.predict(&Features::from_f64(columns).unwrap()).unwrap() else { panic!() };
    let worst = values.iter().zip(&target).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    assert!(worst < 1e-2, "{worst}");
}
