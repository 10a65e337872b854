//! Linear models and k-means on 100,000 rows of 20 features: what a pass over the rows costs, and whole fits.
//!
//! A pass is timed through the shortest fit that is little else: a regression is one pass for the Gram matrix; a fit of more
//! features than a Gram matrix is built for, ended after two epochs, is passes for gradients; a prediction of clusters
//! is the search for the nearest centroids, and a fit of many epochs is steps of centroids.

use std::hint::black_box;
use std::sync::Arc;

use criterion::Criterion;
use datafusion_ml_algorithms::{KMeans, LinearLearner};
use datafusion_ml_core::algorithm::FitRequest;
use datafusion_ml_core::conformance::LocalContext;
use datafusion_ml_core::{Algorithm, Features, InMemoryData, Model, Options, Task, TrainingBlock, TrainingData};

const ROWS: usize = 100_000;
const BLOCK_ROWS: usize = 8_192;
const FEATURES: usize = 20;

/// Numbers in [-1, 1), by a generator without state (SplitMix64).
fn number(index: usize) -> f64 {
    let mut z = (index as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    (z >> 11) as f64 / (1u64 << 52) as f64 - 1.0
}

/// Rows whose target is made of a score, the sum of weighted features and of noise.
fn data(rows: usize, features: usize, target: impl Fn(f64) -> f64) -> InMemoryData {
    let value = |row: usize, feature: usize| number(row * features + feature);
    let score = |row: usize| {
        let weighted = (0..features).map(|feature| value(row, feature) * (feature % 5) as f64 / 4.0);
        weighted.sum::<f64>() + number(rows * features + row)
    };
    let blocks = (0..rows).step_by(BLOCK_ROWS).map(|start| {
        let block = start..(start + BLOCK_ROWS).min(rows);
        let columns = (0..features).map(|feature| block.clone().map(|row| value(row, feature)).collect());
        let features = Features::from_f64(columns.collect()).expect("columns of one length");
        TrainingBlock::try_new(features, block.map(|row| target(score(row))).collect()).expect("a target per row")
    });
    InMemoryData::new((0..features).map(|feature| format!("x{feature}")).collect(), blocks.collect())
}

fn fit(algorithm: &dyn Algorithm, task: Task, data: &InMemoryData, options: &[(&str, &str)]) -> Arc<dyn Model> {
    let num_classes = match task {
        Task::BinaryClassification => 2,
        Task::MulticlassClassification => 5,
        _ => 0,
    };
    let options = Options::parse(algorithm.options(), options.iter().copied()).expect("valid options");
    let request = FitRequest { task, num_classes, objective: None, options };
    algorithm.fit(data, &request, &LocalContext::new(1, 1)).expect("a model")
}

fn linear(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("linear_learner");
    group.sample_size(20);
    let numbers = data(ROWS, FEATURES, |score| score);
    group.bench_function("gram and least squares", |bencher| {
        bencher.iter(|| fit(&LinearLearner, Task::Regression, &numbers, &[]));
    });
    group.bench_function("lasso", |bencher| {
        bencher.iter(|| fit(&LinearLearner, Task::Regression, &numbers, &[("l1", "0.01")]));
    });
    let wide = data(ROWS / 50, 1_100, |score| score);
    group.bench_function("gradient of 2,000 rows of 1,100 features, twice", |bencher| {
        bencher.iter(|| fit(&LinearLearner, Task::Regression, &wide, &[("epochs", "2")]));
    });
    let classes = data(ROWS, FEATURES, |score| f64::from(score > 0.0));
    group.bench_function("logistic", |bencher| {
        bencher.iter(|| fit(&LinearLearner, Task::BinaryClassification, &classes, &[]));
    });
    let five = data(ROWS, FEATURES, |score| (score + 2.5).floor().clamp(0.0, 4.0));
    group.bench_function("softmax of 5 classes", |bencher| {
        bencher.iter(|| fit(&LinearLearner, Task::MulticlassClassification, &five, &[]));
    });
    group.finish();
}

fn kmeans(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("kmeans");
    group.sample_size(20);
    let rows = data(ROWS, FEATURES, |score| score);
    let once = [("k", "10"), ("local_lloyd_num_trials", "1"), ("local_lloyd_max_iter", "1"), ("local_lloyd_tol", "0")];
    for epochs in ["1", "21"] {
        let options = [&once[..], &[("epochs", epochs)]].concat();
        group.bench_function(format!("steps on all rows: {epochs}"), |bencher| {
            bencher.iter(|| fit(&KMeans, Task::Clustering, &rows, &options));
        });
    }
    group.bench_function("whole fit", |bencher| {
        bencher.iter(|| fit(&KMeans, Task::Clustering, &rows, &[("k", "10")]));
    });
    let model = fit(&KMeans, Task::Clustering, &rows, &once);
    let block = rows.blocks().next().expect("a block").expect("in memory");
    group.bench_function("nearest centroids of 8,192 rows", |bencher| {
        bencher.iter(|| model.predict(black_box(&block.features)).expect("clusters"));
    });
    group.finish();
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    linear(&mut criterion);
    kmeans(&mut criterion);
    criterion.final_summary();
}
