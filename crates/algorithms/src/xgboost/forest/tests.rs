//! Every instruction set gives the margins of a walk from node to node, to the bit.

use std::sync::Arc;

use datafusion_ml_core::{FeatureColumn, Features};
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{Forest, InstructionSet};
use crate::xgboost::categories::Categories;
use crate::xgboost::tree::{Node, Tree};

/// Values that are likely to be treated wrongly; thresholds are drawn from them too.
const SPECIAL: [f32; 14] = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    f32::INFINITY,
    f32::NEG_INFINITY,
    f32::MAX,
    f32::MIN,
    f32::MIN_POSITIVE,
    f32::EPSILON,
    1e-40,
    -1e-40,
    16_777_216.0,
];

/// How thresholds and values of an ensemble are drawn.
#[derive(Debug, Clone, Copy)]
enum Values {
    /// Special values only.
    Special,
    /// Uniform on a grid of so many points, so that values equal thresholds.
    Grid(i32),
    /// Any value, the logarithm of its size being uniform.
    Skewed,
    /// Whole numbers from -1 to so many, or a little more; most splits are categorical.
    Categories(i32),
}

impl Values {
    fn draw(self, rng: &mut ChaCha8Rng) -> f32 {
        match self {
            Self::Special => *SPECIAL.choose(rng).unwrap(),
            Self::Grid(points) => rng.random_range(0..points) as f32 / 8.0 - 3.0,
            Self::Categories(count) => rng.random_range(-1..=count) as f32 + [0.0, 0.0, 0.0, 0.5].choose(rng).unwrap(),
            Self::Skewed => rng.random_range(-30.0f32..30.0).exp() * if rng.random() { 1.0 } else { -1.0 },
        }
    }

    /// The categories of a split, if it is categorical.
    fn draw_categories(self, rng: &mut ChaCha8Rng) -> Option<Arc<Categories>> {
        let Self::Categories(count) = self else { return None };
        let drawn = match rng.random_range(0..5) {
            0 => return None,
            1 => vec![rng.random_range(0..count as u32)],
            2 => (0..count as u32).skip(rng.random_range(0..count as usize)).collect(),
            3 => vec![0, 16_777_215],
            _ => (0..count as u32).filter(|category| *category == 1 || rng.random()).collect(),
        };
        Some(Arc::new(Categories::try_new(drawn).unwrap()))
    }
}

/// A random tree whose paths end early with probability `stop`.
fn tree(rng: &mut ChaCha8Rng, (depth, stop): (usize, f64), values: Values, num_features: u32, class: u32) -> Tree {
    let mut nodes = vec![Node::leaf(0.0, 1.0)];
    let mut open = vec![(0, 0)];
    while let Some((index, level)) = open.pop() {
        if level == depth || rng.random_bool(stop) {
            nodes[index] = Node::leaf(rng.random_range(-1.0..1.0), 1.0);
            continue;
        }
        let child = nodes.len();
        nodes.extend([Node::leaf(0.0, 1.0), Node::leaf(0.0, 1.0)]);
        nodes[index] = Node {
            feature: rng.random_range(0..num_features),
            threshold: values.draw(rng),
            categories: values.draw_categories(rng),
            default_left: rng.random(),
            left: child as u32,
            right: child as u32 + 1,
            ..Node::leaf(0.0, 1.0)
        };
        open.extend([(child, level + 1), (child + 1, level + 1)]);
    }
    Tree::try_new(nodes, class, num_features as usize).unwrap()
}

/// Compares all instruction sets with the walk.
fn check(trees: &[Tree], columns: Vec<FeatureColumn>, num_rows: usize, num_outputs: usize, what: &str) {
    let features = Features::try_new(num_rows, columns).unwrap();
    let base: Vec<f32> = (0..num_outputs).map(|output| output as f32 * 0.3 - 0.1).collect();
    let mut buffer = Vec::new();
    let columns: Vec<Vec<f32>> =
        features.columns().iter().map(|column| column.f32s(0..num_rows, &mut buffer).to_vec()).collect();
    let mut expected: Vec<Vec<f32>> = base.iter().map(|base| vec![*base; num_rows]).collect();
    for tree in trees {
        for (row, margin) in expected[tree.class as usize].iter_mut().enumerate() {
            *margin += tree.evaluate(|feature| columns[feature as usize][row]);
        }
    }
    for instruction_set in InstructionSet::available() {
        let forest = Forest::compile(trees, (features.num_features(), num_outputs), instruction_set);
        let margins = forest.margins(&base, &features);
        for (output, (margins, expected)) in margins.iter().zip(&expected).enumerate() {
            for (row, (margin, expected)) in margins.iter().zip(expected).enumerate() {
                assert_eq!(
                    margin.to_bits(),
                    expected.to_bits(),
                    "{what}, {instruction_set:?}, row {row}, output {output}: {margin} instead of {expected}"
                );
            }
        }
    }
}

#[test]
fn random_ensembles_are_evaluated_as_they_are_walked() {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    for round in 0..160 {
        let values = match round % 8 {
            0 => Values::Special,
            1 => Values::Grid(4),
            2 => Values::Grid(50),
            3 => Values::Grid(3000),
            4 => Values::Categories(3),
            5 => Values::Categories(100),
            6 => Values::Categories(700),
            _ => Values::Skewed,
        };
        let (depth, stop) = (round % 15, [0.0, 0.1, 0.3][round % 3]);
        let (num_features, num_outputs) = (rng.random_range(1..6), rng.random_range(1..4));
        let trees: Vec<Tree> = (0..rng.random_range(1..40))
            .map(|index| tree(&mut rng, (depth, stop), values, num_features, index % num_outputs))
            .collect();
        let num_rows = [1, 511, 512, 513, 1300][round % 5];
        let missing = [0.0, 0.2, 0.001][round / 5 % 3];
        let columns = (0..num_features).map(|feature| {
            let mut draw = |_| match rng.random_bool(missing) {
                true => f32::NAN,
                false if rng.random_bool(0.05) => *SPECIAL.choose(&mut rng).unwrap(),
                false => values.draw(&mut rng),
            };
            let column: Vec<f32> = (0..num_rows).map(&mut draw).collect();
            match feature % 3 {
                0 => FeatureColumn::F32(column.into()),
                1 => FeatureColumn::F64(column.into_iter().map(f64::from).collect::<Vec<_>>().into()),
                _ => FeatureColumn::F32(column.into_iter().map(|value| (!value.is_nan()).then_some(value)).collect()),
            }
        });
        let what = format!("round {round}, depth {depth}, {values:?}");
        check(&trees, columns.collect(), num_rows, num_outputs as usize, &what);
    }
}

#[test]
fn trees_of_all_depths_in_one_ensemble_are_added_in_their_order() {
    let mut rng = ChaCha8Rng::seed_from_u64(8);
    let trees: Vec<Tree> = (0..30).map(|index| tree(&mut rng, (index % 15, 0.05), Values::Grid(400), 3, 0)).collect();
    let columns = (0..3).map(|_| {
        let column: Vec<f32> = (0..2000).map(|_| Values::Grid(400).draw(&mut rng)).collect();
        FeatureColumn::F32(column.into())
    });
    check(&trees, columns.collect(), 2000, 1, "mixed depths");
}

#[test]
fn no_trees_and_no_rows_are_fine() {
    check(&[], vec![FeatureColumn::F32(vec![1.0; 3].into())], 3, 2, "no trees");
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    let trees = [tree(&mut rng, (3, 0.0), Values::Grid(9), 1, 0)];
    check(&trees, vec![FeatureColumn::F32(Vec::<f32>::new().into())], 0, 1, "no rows");
    check(&[Tree::grown(vec![Node::leaf(0.25, 1.0)], 0)], vec![], 5, 1, "no features");
}
