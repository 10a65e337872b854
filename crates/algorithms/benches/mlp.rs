//! One epoch of a network of 128 and 64 hidden units on 100,000 rows of 30 features, and a whole fit of a small table.

use std::sync::Arc;

use criterion::Criterion;
use datafusion_ml_algorithms::Mlp;
use datafusion_ml_core::algorithm::FitRequest;
use datafusion_ml_core::conformance::LocalContext;
use datafusion_ml_core::{Algorithm, Features, InMemoryData, Model, Options, Task, TrainingBlock, TrainingData};

const FEATURES: usize = 30;
const BLOCK_ROWS: usize = 8_192;

/// Numbers in [-1, 1), by a generator without state (SplitMix64).
fn number(index: usize) -> f32 {
    let mut z = (index as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((z >> 11) as f64 / (1u64 << 52) as f64 - 1.0) as f32
}

/// Rows of one of two classes, by a product and a sum of features.
fn data(rows: usize) -> InMemoryData {
    let value = |row: usize, feature: usize| number(row * FEATURES + feature);
    let score = |row: usize| value(row, 0) * value(row, 1) + (2..9).map(|f| value(row, f)).sum::<f32>() / 5.0;
    let blocks = (0..rows).step_by(BLOCK_ROWS).map(|start| {
        let block = start..(start + BLOCK_ROWS).min(rows);
        let columns = (0..FEATURES).map(|feature| block.clone().map(|row| value(row, feature)).collect());
        let features = Features::from_f32(columns.collect()).expect("columns of one length");
        let target = block.map(|row| f64::from(u8::from(score(row) > 0.0)));
        TrainingBlock::try_new(features, target.collect()).expect("a target per row")
    });
    InMemoryData::new((0..FEATURES).map(|feature| format!("x{feature}")).collect(), blocks.collect())
}

fn fit(data: &InMemoryData, threads: usize, options: &[(&str, &str)]) -> Arc<dyn Model> {
    let options = Options::parse(Mlp.options(), options.iter().copied()).expect("valid options");
    let request = FitRequest { task: Task::BinaryClassification, num_classes: 2, objective: None, options };
    Mlp.fit(data, &request, &LocalContext::new(1, threads)).expect("a model")
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("mlp");
    group.sample_size(10);
    let rows = data(100_000);
    let epoch = [("epochs", "1"), ("patience", "0"), ("batch_size", "512"), ("dropout", "0"), ("activation", "relu")];
    for threads in [1, 2] {
        group.bench_function(format!("epoch of 100,000 rows, {threads} threads"), |bencher| {
            bencher.iter(|| fit(&rows, threads, &[&epoch[..], &[("numeric_bins", "0")]].concat()));
        });
    }
    group.bench_function("epoch of 100,000 rows with the defaults' inputs, activation and dropout", |bencher| {
        bencher.iter(|| fit(&rows, 1, &epoch[..3]));
    });
    let block = rows.blocks().next().expect("a block").expect("in memory");
    let model = fit(&rows, 1, &epoch);
    group.bench_function("prediction of 8,192 rows", |bencher| {
        bencher.iter(|| model.predict(&block.features).expect("probabilities"));
    });
    let small = data(5_000);
    group.bench_function("whole fit of 5,000 rows", |bencher| bencher.iter(|| fit(&small, 1, &[])));
    group.finish();
    criterion.final_summary();
}
