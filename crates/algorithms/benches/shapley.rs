//! Shapley values of a boosted model: how much a row costs, on one thread.
//!
//! `cargo bench -p datafusion-ml-algorithms --bench shapley` leaves the model and its rows in `target/tmp` as
//! `shapley.json` and `shapley.f32` (single precision, column by column), for `scripts/shap_fixtures.py --time target/tmp`
//! to time others on.

#![expect(missing_docs, reason = "criterion writes functions without them")]

use std::hint::black_box;
use std::path::Path;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use datafusion_ml_algorithms::{Xgboost, XgboostModel};
use datafusion_ml_core::conformance::LocalContext;
use datafusion_ml_core::{Algorithm, Features, FitRequest, InMemoryData, Model, Options, Task, TrainingBlock};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

const ROWS: usize = 8_192;
const FEATURES: usize = 30;
const ROUNDS: &str = "500";

/// Rows whose target follows from the first columns, and from others a little.
fn rows() -> (Vec<Vec<f32>>, Vec<f64>) {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let columns: Vec<Vec<f32>> =
        (0..FEATURES).map(|_| (0..ROWS).map(|_| rng.random_range(-1.0..1.0)).collect()).collect();
    let target = |row: usize| {
        let x = |feature: usize| f64::from(columns[feature][row]);
        let products: f64 = (0..FEATURES - 1).map(|feature| x(feature) * x(feature + 1) / (1 + feature) as f64).sum();
        products + x(0).sin() + x(3).abs()
    };
    let target = (0..ROWS).map(|row| target(row) + rng.random_range(-0.5..0.5)).collect();
    (columns, target)
}

fn model(features: &Features, target: Vec<f64>) -> XgboostModel {
    let names = (0..FEATURES).map(|feature| format!("x{feature}")).collect();
    let block = TrainingBlock::try_new(features.clone(), target).expect("a target per row");
    let options = [("num_round", ROUNDS), ("max_depth", "6"), ("eta", "0.05")];
    let request = FitRequest {
        task: Task::Regression,
        num_classes: 0,
        objective: None,
        options: Options::parse(Xgboost.options(), options).expect("options in range"),
    };
    let data = InMemoryData::new(names, vec![block]);
    let fitted = Xgboost.fit(&data, &request, &LocalContext::new(1, 1)).expect("a model");
    XgboostModel::try_from(fitted.parameters().expect("parameters")).expect("the same model")
}

fn shapley(c: &mut Criterion) {
    let (columns, target) = rows();
    let features = Features::from_f32(columns.clone()).expect("columns of one length");
    let model = model(&features, target);
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let bytes: Vec<u8> = columns.iter().flatten().flat_map(|value| value.to_le_bytes()).collect();
    std::fs::write(directory.join("shapley.json"), model.to_json()).expect("a file");
    std::fs::write(directory.join("shapley.f32"), bytes).expect("a file");
    let mut group = c.benchmark_group("shapley");
    group.throughput(Throughput::Elements(ROWS as u64)).sample_size(10);
    group.bench_function("500 trees of depth 6, 30 features", |b| {
        b.iter(|| black_box(model.contributions(&features).expect("contributions")));
    });
    group.finish();
}

criterion_group!(benches, shapley);
criterion_main!(benches);
