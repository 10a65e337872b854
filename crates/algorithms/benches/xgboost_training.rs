//! How long it takes to learn an XGBoost model: from 50,000 rows of 28 numbers, of one-hot columns, and from few rows.

#![expect(missing_docs, reason = "criterion writes functions without them")]

use criterion::{Criterion, criterion_group, criterion_main};
use datafusion_ml_algorithms::Xgboost;
use datafusion_ml_core::conformance::LocalContext;
use datafusion_ml_core::{Algorithm, Features, FitRequest, InMemoryData, Options, Task, TrainingBlock};

/// Rows per block, as DataFusion has them in a batch.
const BLOCK: usize = 8192;

/// A number in [0, 1) that depends on the row and the column alone.
fn noise(row: usize, column: usize) -> f32 {
    let bits = ((row * 1009 + column) as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let bits = (bits ^ bits >> 31).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    (bits >> 40) as f32 / (1u64 << 24) as f32
}

/// Rows of `feature(row, column)` with the classes 0 and 1.
fn data(num_rows: usize, num_features: usize, feature: impl Fn(usize, usize) -> f32) -> InMemoryData {
    let blocks = (0..num_rows).step_by(BLOCK).map(|start| {
        let rows = start..num_rows.min(start + BLOCK);
        let columns = (0..num_features).map(|column| rows.clone().map(|row| feature(row, column)).collect()).collect();
        let is_positive = |row: usize| feature(row, 0) + feature(row, 1) * feature(row, 2) + noise(row, 1000) > 1.2;
        let target = rows.clone().map(|row| f64::from(u8::from(is_positive(row)))).collect();
        TrainingBlock::try_new(Features::from_f32(columns).unwrap(), target).unwrap()
    });
    InMemoryData::new((0..num_features).map(|column| format!("f{column}")).collect(), blocks.collect())
}

fn fit(data: &InMemoryData, num_round: &str) {
    let options = Options::parse(Xgboost.options(), [("num_round", num_round), ("eta", "0.1")]).unwrap();
    let request = FitRequest { task: Task::BinaryClassification, num_classes: 2, objective: None, options };
    Xgboost.fit(data, &request, &LocalContext::new(42, 2)).unwrap();
}

fn training(criterion: &mut Criterion) {
    let dense = data(50_000, 28, noise);
    let one_hot = data(50_000, 48, |row, column| {
        if column < 8 { noise(row, column) } else { f32::from((noise(row, 8) * 40.0) as usize == column - 8) }
    });
    let small = data(500, 30, noise);
    let mut group = criterion.benchmark_group("xgboost");
    group.sample_size(10);
    group.bench_function("one round, mostly binning, 50k x 28", |bencher| bencher.iter(|| fit(&dense, "1")));
    group.bench_function("100 rounds, 50k x 28", |bencher| bencher.iter(|| fit(&dense, "100")));
    group.bench_function("100 rounds, 50k x 48, 40 of them one-hot", |bencher| bencher.iter(|| fit(&one_hot, "100")));
    group.bench_function("100 rounds, 500 x 30", |bencher| bencher.iter(|| fit(&small, "100")));
    group.finish();
}

criterion_group!(benches, training);
criterion_main!(benches);
