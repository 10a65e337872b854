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
    fit_on(2, task, columns, target, options)
}

fn fit_on(threads: usize, task: Task, columns: &[Vec<f64>], target: &[f64], options: &[(&str, &str)]) -> LinearModel {
    let classes = target.iter().fold(0.0f64, |most, y| most.max(*y)) as usize + 1;
    let request = FitRequest {
        task,
        num_classes: if task == Task::Regression { 0 } else { classes },
        objective: None,
        options: Options::parse(LinearLearner.options(), options.iter().copied()).unwrap(),
    };
    let model = LinearLearner.fit(&data(columns, target, 100), &request, &LocalContext::new(1, threads)).unwrap();
    LinearModel::try_from(model.parameters().unwrap()).unwrap()
}

/// Weights are compared on the scale of standardised features: an error of `tolerance` standard deviations of margin.
fn check_fixture(json: &str, tolerance: f64) {
    let fixture: Fixture = serde_json::from_str(json).unwrap();
    for case in &fixture.cases {
        let (l1, l2) = (case.l1.to_string(), case.l2.to_string());
        let options = [("l1", l1.as_str()), ("l2", &l2), ("epochs", "20000"), ("tolerance", "0.000000000000001")];
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
    check_fixture(include_str!("fixtures/linear_learner/abalone_rings.json"), 1e-7);
}

#[test]
fn columns_that_depend_on_each_other_predict_as_scikit_learn_does() {
    check_fixture(include_str!("fixtures/linear_learner/dependent.json"), 1e-6);
}

#[test]
fn logistic_regression_is_scikit_learns() {
    check_fixture(include_str!("fixtures/linear_learner/banknote_class.json"), 1e-6);
}

#[test]
fn softmax_regression_is_scikit_learns() {
    check_fixture(include_str!("fixtures/linear_learner/abalone_sex.json"), 1e-6);
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

/// Numbers, or probabilities row by row.
fn predict(model: &dyn Model, columns: &[Vec<f64>]) -> Vec<f64> {
    match model.predict(&Features::from_f64(columns.to_vec()).unwrap()).unwrap() {
        Prediction::Values(values) | Prediction::Probabilities { values, .. } => values,
        other => panic!("{other:?}"),
    }
}

/// Numbers in [-1, 1), by a generator without state.
fn random_columns(rows: usize, size: usize) -> Vec<Vec<f64>> {
    let noise = |index: usize| {
        let mut z = (index as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    };
    (0..size).map(|column| (0..rows).map(|row| noise(column * rows + row)).collect()).collect()
}

/// Categories of two values, one-hot: each column has its complement, so the sum of all standardised columns is 0, and a
/// search for the largest curvature must not start there.
#[test]
fn complementary_columns_converge_under_a_lasso_penalty() {
    let x: Vec<f64> = (0..200).map(|row| f64::from(row % 3 == 0)).collect();
    let y: Vec<f64> = x.iter().enumerate().map(|(row, x)| if row % 5 < 2 { 1.0 - x } else { *x }).collect();
    let pairs: Vec<Vec<f64>> =
        (0..6).map(|i| x.iter().map(|x| if i % 2 == 0 { *x } else { 1.0 - x }).collect()).collect();
    let options = [("l1", "0.001"), ("l2", "0"), ("epochs", "20000"), ("tolerance", "1e-15")];
    let all = predict(&fit(Task::BinaryClassification, &pairs, &y, &options), &pairs);
    let one = predict(&fit(Task::BinaryClassification, &pairs[..1], &y, &options), &pairs[..1]);
    for (all, one) in all.iter().zip(&one) {
        assert!((all - one).abs() < 1e-5, "{all} instead of {one}");
    }
}

/// More features than a Gram matrix is built for: the same optimum, found without it.
#[test]
fn many_features_reach_the_optimum() {
    let columns = random_columns(300, 1100);
    let score: Vec<f64> = (0..300).map(|row| columns[0][row] - 2.0 * columns[1][row] + 5.0).collect();
    let class: Vec<f64> = score.iter().map(|score| f64::from(*score > 5.0)).collect();
    let three: Vec<f64> = score.iter().map(|score| f64::from(*score > 4.5) + f64::from(*score > 5.5)).collect();
    for (task, target) in
        [(Task::Regression, &score), (Task::BinaryClassification, &class), (Task::MulticlassClassification, &three)]
    {
        for (l1, l2) in [(0.0, 0.1), (0.05, 0.01)] {
            let (l1_text, l2_text) = (l1.to_string(), l2.to_string());
            let options = [("l1", l1_text.as_str()), ("l2", &l2_text), ("epochs", "20000"), ("tolerance", "1e-15")];
            let model = fit(task, &columns, target, &options);
            check_optimal(&format!("{task} l1 {l1}"), &model, task, &columns, target, (l1, l2));
        }
    }
}

/// The conditions of a minimum: for every standardised weight `w`, gradient + l2 w = -l1 sign(w), or within l1 of 0 where
/// w = 0; and residuals that sum to 0.
fn check_optimal(
    what: &str,
    model: &LinearModel,
    task: Task,
    columns: &[Vec<f64>],
    target: &[f64],
    (l1, l2): (f64, f64),
) {
    let (rows, outputs) = (target.len(), model.intercepts().len());
    let predicted = predict(model, columns);
    let residual = |row: usize, output: usize| match task {
        Task::Regression => predicted[row] - target[row],
        Task::BinaryClassification => predicted[2 * row + 1] - target[row],
        _ => predicted[row * outputs + output] - f64::from(target[row] == output as f64),
    };
    for output in 0..outputs {
        let sum: f64 = (0..rows).map(|row| residual(row, output)).sum();
        assert!((sum / rows as f64).abs() < 1e-5, "{what}: residuals sum to {sum}");
        for (feature, column) in columns.iter().enumerate() {
            let mean = column.iter().sum::<f64>() / rows as f64;
            let deviation = (column.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / rows as f64).sqrt();
            let weight = model.weights()[output * columns.len() + feature] * deviation;
            let slope = (0..rows).map(|row| residual(row, output) * (column[row] - mean)).sum::<f64>();
            let slope = slope / deviation / rows as f64 + l2 * weight;
            let broken = if weight == 0.0 { (slope.abs() - l1).max(0.0) } else { (slope + l1 * weight.signum()).abs() };
            assert!(broken < 1e-5, "{what}: feature {feature} of weight {weight} has slope {slope}");
        }
    }
}

#[test]
fn models_are_equal_to_the_bit_on_any_number_of_threads() {
    let columns = random_columns(20_000, 4);
    let class: Vec<f64> = columns[0].iter().zip(&columns[1]).map(|(a, b)| f64::from(a + b > 0.1)).collect();
    let three: Vec<f64> = class.iter().zip(&columns[2]).map(|(class, x)| class + f64::from(*x > 0.3)).collect();
    for (task, target) in [
        (Task::Regression, &columns[3]),
        (Task::BinaryClassification, &class),
        (Task::MulticlassClassification, &three),
    ] {
        for l1 in ["0", "0.01"] {
            let options = [("l1", l1), ("epochs", "5")];
            let [one, two, five] = [1, 2, 5].map(|threads| fit_on(threads, task, &columns[..3], target, &options));
            assert!(one == two && one == five, "{task} l1 {l1}");
        }
    }
}

#[test]
fn separable_classes_have_finite_weights() {
    let x: Vec<f64> = (0..50).map(f64::from).collect();
    let y: Vec<f64> = x.iter().map(|x| f64::from(*x > 24.0)).collect();
    for l2 in ["0", "0.000001"] {
        let model = fit(Task::BinaryClassification, std::slice::from_ref(&x), &y, &[("l2", l2)]);
        assert!(model.weights()[0].is_finite() && model.weights()[0] > 0.0);
        let right =
            predict(&model, std::slice::from_ref(&x)).chunks(2).zip(&y).all(|(p, y)| f64::from(p[1] > 0.5) == *y);
        assert!(right, "l2 {l2}");
    }
}

/// Times in seconds lie far from 0, and so may the target.
#[test]
fn a_far_origin_costs_no_precision() {
    let x: Vec<f64> = (0..1000).map(|row| 1.7e9 + f64::from(row * 7919 % 1000)).collect();
    let y: Vec<f64> = x.iter().map(|x| 2e9 + 3.0 * (x - 1.7e9)).collect();
    for l1 in ["0", "0.000001"] {
        let model = fit(Task::Regression, std::slice::from_ref(&x), &y, &[("l2", "0"), ("l1", l1)]);
        assert!((model.weights()[0] - 3.0).abs() < 1e-6, "{:?}", model.weights());
    }
}

/// Shapley values of a linear model: one feature at its mean contributes nothing, and every class has its own.
#[test]
fn contributions_of_each_class_sum_to_its_margin() {
    let json = include_str!("fixtures/linear_learner/abalone_sex.json");
    let Fixture { columns, target, .. } = serde_json::from_str(json).unwrap();
    let model = fit(Task::MulticlassClassification, &columns, &target, &[]);
    let contributions = model.contributions(&Features::from_f64(columns.clone()).unwrap()).unwrap();
    assert_eq!((contributions.num_outputs, contributions.num_features), (3, 7));
    let margins: Vec<f64> = contributions
        .values
        .chunks_exact(7)
        .enumerate()
        .map(|(index, values)| contributions.base[index % 3] + values.iter().sum::<f64>())
        .collect();
    let probabilities = predict(&model, &columns);
    for (margins, p) in margins.chunks_exact(3).zip(probabilities.chunks_exact(3)) {
        let sum: f64 = margins.iter().map(|margin| margin.exp()).sum();
        for (margin, p) in margins.iter().zip(p) {
            assert!((margin.exp() / sum - p).abs() < 1e-12, "{margin} for {p}");
        }
    }
}
