//! Against the definition: all orders' marginal contributions of trees grown at random.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::xgboost::tree::Node;

/// A tree of so many splits by few features, some of them more than once on a path, and with covers that the children
/// share as they like.
fn tree(splits: usize, features: u32, rng: &mut ChaCha8Rng) -> Tree {
    let mut nodes = vec![Node::leaf(rng.random_range(-1.0..1.0), 64.0)];
    for _ in 0..splits {
        let leaves: Vec<usize> = (0..nodes.len()).filter(|node| nodes[*node].is_leaf()).collect();
        let leaf = leaves[rng.random_range(0..leaves.len())];
        let left = nodes.len() as u32;
        nodes[leaf] = Node {
            feature: rng.random_range(0..features),
            threshold: rng.random_range(0.0..1.0),
            default_left: rng.random(),
            left,
            right: left + 1,
            ..nodes[leaf].clone()
        };
        let share: f32 = if rng.random_ratio(1, 8) { 0.0 } else { rng.random() };
        let cover = nodes[leaf].cover;
        nodes.extend([share, 1.0 - share].map(|share| Node::leaf(rng.random_range(-1.0..1.0), cover * share)));
    }
    Tree::try_new(nodes, 0, features as usize).unwrap()
}

/// The worth of a coalition: Lundberg et al., 2020, algorithm 1.
fn worth(tree: &Tree, row: &[f32], coalition: usize, node: usize) -> f64 {
    let nodes = tree.nodes();
    let split = &nodes[node];
    if split.is_leaf() {
        return f64::from(split.value);
    }
    if coalition >> split.feature & 1 == 1 {
        return worth(tree, row, coalition, split.child(row[split.feature as usize]) as usize);
    }
    let of = |child: u32| {
        let share = f64::from(nodes[child as usize].cover) / f64::from(split.cover);
        (if share.is_finite() { share } else { 0.5 }) * worth(tree, row, coalition, child as usize)
    };
    of(split.left) + of(split.right)
}

/// The Shapley values by their definition.
fn by_definition(tree: &Tree, row: &[f32]) -> Vec<f64> {
    let players = row.len();
    let factorial = |n: usize| (1..=n).map(|k| k as f64).product::<f64>();
    let of_player = |player: usize| {
        let others = (0..1usize << players).filter(|coalition| coalition >> player & 1 == 0);
        let joins = others.map(|coalition| {
            let size = coalition.count_ones() as usize;
            let weight = factorial(size) * factorial(players - size - 1) / factorial(players);
            weight * (worth(tree, row, coalition | 1 << player, 0) - worth(tree, row, coalition, 0))
        });
        joins.sum()
    };
    (0..players).map(of_player).collect()
}

#[test]
fn values_are_those_of_the_definition() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for (splits, features) in [(0, 1), (1, 1), (1, 3), (5, 2), (12, 3), (20, 5), (40, 7), (60, 4)] {
        for _ in 0..6 {
            let trees = [tree(splits, features, &mut rng)];
            let rows: Vec<Vec<f32>> = (0..5)
                .map(|_| {
                    let value = |rng: &mut ChaCha8Rng| if rng.random_ratio(1, 6) { f32::NAN } else { rng.random() };
                    (0..features).map(|_| value(&mut rng)).collect()
                })
                .collect();
            let columns = (0..features as usize).map(|feature| rows.iter().map(|row| row[feature]).collect()).collect();
            let given = Features::from_f32(columns).unwrap();
            let explainer = Explainer::new(&trees, features as usize, 1);
            let contributions = explainer.contributions(&trees, &[0.5], &given).unwrap();
            for (row, values) in rows.iter().zip(contributions.values.chunks_exact(features as usize)) {
                let expected = by_definition(&trees[0], row);
                for (value, expected) in values.iter().zip(&expected) {
                    assert!((value - expected).abs() < 1e-12, "{splits} splits: {values:?} instead of {expected:?}");
                }
                let sum = contributions.base[0] + values.iter().sum::<f64>();
                let margin = f64::from(trees[0].evaluate(|feature| row[feature as usize])) + 0.5;
                assert!((sum - margin).abs() < 1e-6, "{sum} instead of {margin}");
                assert!((contributions.base[0] - 0.5 - worth(&trees[0], row, 0, 0)).abs() < 1e-12);
            }
        }
    }
}

#[test]
fn a_chain_of_a_thousand_splits_is_summed_without_loss() {
    // One feature each, so that the rule has 500 points.
    let mut nodes = Vec::new();
    for split in 0..1_000u32 {
        let cover = 2_000.0 - split as f32;
        let at = nodes.len() as u32;
        nodes.push(Node { feature: split, threshold: 0.5, left: at + 1, right: at + 2, ..Node::leaf(0.0, cover) });
        nodes.push(Node::leaf(split as f32, 1.0));
    }
    nodes.push(Node::leaf(3.0, 1_000.0));
    let trees = [Tree::try_new(nodes, 0, 1_000).unwrap()];
    let columns = (0..1_000).map(|feature| vec![if feature == 999 { 0.0 } else { 1.0 }, 1.0]).collect();
    let explainer = Explainer::new(&trees, 1_000, 1);
    let contributions = explainer.contributions(&trees, &[0.0], &Features::from_f32(columns).unwrap()).unwrap();
    for (values, expected) in contributions.values.chunks_exact(1_000).zip([999.0, 3.0]) {
        let sum = contributions.base[0] + values.iter().sum::<f64>();
        assert!((sum - expected).abs() < 1e-9, "{sum} instead of {expected}");
    }
}
