//! Prediction with ensembles of complete trees: how much a row costs, by depth and instruction set.
//!
//! `cargo bench -p datafusion-ml-algorithms --bench forest`

#![expect(missing_docs, reason = "criterion writes functions without them")]

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use datafusion_ml_algorithms::XgboostModel;
use datafusion_ml_algorithms::xgboost::InstructionSet;
use datafusion_ml_core::Features;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::json;

const ROWS: usize = 8192;
const FEATURES: usize = 28;
const TREES: usize = 100;
/// Distinct thresholds per feature, as binning leaves them.
const THRESHOLDS: u32 = 255;

/// A model of complete trees, by way of XGBoost's format.
fn model(depth: u32) -> XgboostModel {
    let mut rng = ChaCha8Rng::seed_from_u64(u64::from(depth));
    let (inner, nodes) = ((1 << depth) - 1, (2 << depth) - 1);
    let trees: Vec<_> = (0..TREES)
        .map(|id| {
            let is_inner = |node: i32| node < inner;
            let child = |node: i32, side: i32| if is_inner(node) { 2 * node + side } else { -1 };
            let conditions: Vec<f64> = (0..nodes)
                .map(|node| match is_inner(node) {
                    true => f64::from(rng.random_range(0..THRESHOLDS)) / f64::from(THRESHOLDS),
                    false => rng.random_range(-0.1..0.1),
                })
                .collect();
            json!({
                "id": id,
                "left_children": (0..nodes).map(|node| child(node, 1)).collect::<Vec<_>>(),
                "right_children": (0..nodes).map(|node| child(node, 2)).collect::<Vec<_>>(),
                "parents": (0..nodes).map(|node| if node == 0 { i32::MAX } else { (node - 1) / 2 }).collect::<Vec<_>>(),
                "split_indices": (0..nodes).map(|_| rng.random_range(0..FEATURES)).collect::<Vec<_>>(),
                "split_conditions": conditions,
                "split_type": vec![0; nodes as usize],
                "default_left": vec![0; nodes as usize],
                "base_weights": vec![0.0; nodes as usize],
                "loss_changes": vec![1.0; nodes as usize],
                "sum_hessian": vec![1.0; nodes as usize],
                "categories": [], "categories_nodes": [], "categories_segments": [], "categories_sizes": [],
                "tree_param": {
                    "num_deleted": "0",
                    "num_feature": FEATURES.to_string(),
                    "num_nodes": nodes.to_string(),
                    "size_leaf_vector": "1"
                },
            })
        })
        .collect();
    let document = json!({
        "learner": {
            "attributes": {},
            "feature_names": [],
            "feature_types": [],
            "gradient_booster": {
                "model": {
                    "gbtree_model_param": { "num_parallel_tree": "1", "num_trees": TREES.to_string() },
                    "iteration_indptr": (0..=TREES).collect::<Vec<_>>(),
                    "tree_info": vec![0; TREES],
                    "trees": trees,
                },
                "name": "gbtree",
            },
            "learner_model_param": {
                "base_score": "0.5", "boost_from_average": "1", "num_class": "0",
                "num_feature": FEATURES.to_string(), "num_target": "1"
            },
            "objective": { "name": "reg:squarederror", "reg_loss_param": { "scale_pos_weight": "1" } },
        },
        "version": [3, 2, 0],
    });
    XgboostModel::from_json(&document.to_string()).unwrap()
}

fn predict(criterion: &mut Criterion) {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let columns = (0..FEATURES).map(|_| (0..ROWS).map(|_| rng.random()).collect()).collect();
    let features = Features::from_f32(columns).unwrap();
    let mut group = criterion.benchmark_group("predict 100 trees, 28 features");
    group.throughput(Throughput::Elements(ROWS as u64));
    for depth in [4, 6, 8, 10] {
        for instruction_set in InstructionSet::available() {
            let model = model(depth).with_instruction_set(instruction_set).unwrap();
            group.bench_function(
                BenchmarkId::new(format!("depth {depth}"), format!("{instruction_set:?}")),
                |bencher| {
                    bencher.iter(|| black_box(model.margins(&features).unwrap()));
                },
            );
        }
    }
    group.finish();
}

criterion_group!(benches, predict);
criterion_main!(benches);
