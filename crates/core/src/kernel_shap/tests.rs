//! Values computed by hand, values of all coalitions, and what they sum to.

use super::*;

/// Numbers in [-1, 1).
fn columns(first: usize, rows: usize, features: usize) -> Features {
    let number = |index: usize| (index as f64 * 0.618_033_988_749_894_9).fract() * 2.0 - 1.0;
    let column =
        |feature: usize| (first..first + rows).map(|row| number(row * 31 + feature * 7 + row * feature)).collect();
    Features::from_f64((0..features).map(column).collect()).unwrap()
}

fn rows(features: &Features) -> Vec<Vec<f64>> {
    let mut buffer = Vec::new();
    let columns: Vec<Vec<f64>> =
        features.columns().iter().map(|column| column.f64s(0..features.num_rows(), &mut buffer).to_vec()).collect();
    (0..features.num_rows()).map(|row| columns.iter().map(|column| column[row]).collect()).collect()
}

/// A model of one output per row.
fn model(of: impl Fn(&[f64]) -> f64) -> impl Fn(&Features) -> Result<RawOutputs> {
    move |features| Ok(RawOutputs { num_outputs: 1, values: rows(features).iter().map(|row| of(row)).collect() })
}

/// Linear, with every neighbour's product and one product of three.
fn crooked(row: &[f64]) -> f64 {
    let products: f64 = row.windows(2).map(|pair| pair[0] * pair[1]).sum();
    row.iter().sum::<f64>() + 2.0 * products + 3.0 * row[0] * row[1] * row[2]
}

#[test]
fn values_of_a_linear_model_are_its_terms_less_their_means() {
    for features in [1, 3, 11, 12, 25] {
        let (background, given) = (columns(0, 7, features), columns(100, 3, features));
        let weight = |feature: usize| 1.0 + feature as f64;
        let raw = model(|row| row.iter().enumerate().map(|(feature, value)| weight(feature) * value).sum());
        let shap = KernelShap::try_new(&background, KernelShap::one_each(features), 3).unwrap();
        assert_eq!(shap.is_exact(), features <= EXACT_PLAYERS);
        let contributions = shap.contributions(&given, &raw).unwrap();
        let background = rows(&background);
        for (row, values) in rows(&given).iter().zip(contributions.values.chunks_exact(features)) {
            for (feature, value) in values.iter().enumerate() {
                let mean = background.iter().map(|row| row[feature]).sum::<f64>() / background.len() as f64;
                let expected = weight(feature) * (row[feature] - mean);
                assert!((value - expected).abs() < 1e-9, "{features} features: {value} instead of {expected}");
            }
        }
        // A linear model's pairs leave no residual: what error there is comes from the background alone, whose means have
        // the standard error that each value has.
        let error = contributions.sampling_error.unwrap();
        let squares = (0..features).map(|feature| {
            let values: Vec<f64> = background.iter().map(|row| weight(feature) * row[feature]).collect();
            let mean = values.iter().sum::<f64>() / 7.0;
            values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (7.0 * 6.0)
        });
        let expected = (squares.sum::<f64>() / features as f64).sqrt();
        assert!((error - expected).abs() < 1e-9, "{features} features: an error of {error} instead of {expected}");
    }
}

#[test]
fn sampled_values_are_as_near_to_those_of_all_coalitions_as_they_say() {
    let (background, given) = (columns(0, 1, 13), columns(50, 12, 13));
    let sampled = KernelShap::try_new(&background, KernelShap::one_each(13), 1).unwrap();
    let exact = KernelShap { plan: Plan::exact(13), ..sampled.clone() };
    let raw = model(crooked);
    let (sampled, exact) = (sampled.contributions(&given, &raw).unwrap(), exact.contributions(&given, &raw).unwrap());
    let squares = sampled.values.iter().zip(&exact.values).map(|(a, b)| (a - b).powi(2));
    let error = (squares.sum::<f64>() / sampled.values.len() as f64).sqrt();
    let said = sampled.sampling_error.unwrap();
    assert!(error > 0.3 * said && error < 1.5 * said && said < 0.05, "{error}, said to be {said}");
    assert_eq!(exact.sampling_error, Some(0.0), "there is but one row in the background");
}

#[test]
fn values_sum_to_the_raw_output_less_the_base() {
    for features in [4, 20] {
        let (background, given) = (columns(0, 5, features), columns(50, 4, features));
        let raw = model(crooked);
        let shap = KernelShap::try_new(&background, KernelShap::one_each(features), 1).unwrap();
        let contributions = shap.contributions(&given, &raw).unwrap();
        let base = raw(&background).unwrap().values.iter().sum::<f64>() / 5.0;
        assert!((contributions.base[0] - base).abs() < 1e-12);
        for (values, raw) in contributions.values.chunks_exact(features).zip(raw(&given).unwrap().values) {
            assert!((values.iter().sum::<f64>() + base - raw).abs() < 1e-9);
        }
    }
}

#[test]
fn features_of_one_player_are_valued_together() {
    let (background, given) = (columns(0, 5, 4), columns(50, 4, 4));
    let players = vec![vec![1, 3], vec![0], vec![2]];
    let contributions = KernelShap::try_new(&background, players, 1).unwrap().contributions(&given, &model(crooked));
    let values = contributions.unwrap().values;
    // By hand: the mean of what the two add, over the three orders' coalitions of the other two players.
    let background = rows(&background);
    for (row, values) in rows(&given).iter().zip(values.chunks_exact(4)) {
        let worth = |members: &[usize]| {
            let mixed = background.iter().map(|background| {
                let mixed: Vec<f64> =
                    (0..4).map(|f| if members.contains(&f) { row[f] } else { background[f] }).collect();
                crooked(&mixed)
            });
            mixed.sum::<f64>() / background.len() as f64
        };
        let expected = (worth(&[1, 3]) - worth(&[])) / 3.0
            + (worth(&[0, 1, 3]) - worth(&[0]) + worth(&[2, 1, 3]) - worth(&[2])) / 6.0
            + (worth(&[0, 1, 2, 3]) - worth(&[0, 2])) / 3.0;
        assert!((values[1] - expected).abs() < 1e-12 && values[3] == 0.0, "{values:?}: {expected}");
    }
}

#[test]
fn every_output_has_its_values_and_types_are_kept() {
    let (background, given) = (columns(0, 5, 3), columns(50, 2, 3));
    let given = Features::from_f32(
        (0..3).map(|feature| rows(&given).iter().map(|row| row[feature] as f32).collect()).collect(),
    );
    let raw = |features: &Features| {
        assert!(features.columns().iter().all(|column| matches!(column, FeatureColumn::F32(_))));
        let values = rows(features).iter().flat_map(|row| [row[0], row[1] * row[2], 7.0]).collect();
        Ok(RawOutputs { num_outputs: 3, values })
    };
    let shap = KernelShap::try_new(&background, KernelShap::one_each(3), 1).unwrap();
    let contributions = shap.contributions(&given.unwrap(), &raw).unwrap();
    assert_eq!((contributions.num_outputs, contributions.values.len()), (3, 18));
    for row in contributions.values.chunks_exact(9) {
        assert!(row[0] != 0.0 && row[1].abs() < 1e-12 && row[2].abs() < 1e-12, "{row:?}");
        assert!(row[3].abs() < 1e-12 && row[4] != 0.0 && row[5] != 0.0, "{row:?}");
        assert_eq!(row[6..], [0.0; 3]);
    }
}

#[test]
fn what_cannot_be_asked_is_an_error() {
    let background = columns(0, 2, 3);
    for players in [vec![vec![0, 1]], vec![vec![0, 1], vec![1, 2]], vec![vec![0, 1, 2], vec![]], vec![vec![0, 1, 2, 3]]]
    {
        assert!(KernelShap::try_new(&background, players, 1).is_err());
    }
    assert!(KernelShap::try_new(&columns(0, 0, 3), KernelShap::one_each(3), 1).is_err());
    assert!(KernelShap::try_new(&columns(0, 1, 1_001), KernelShap::one_each(1_001), 1).is_err());
    let shap = KernelShap::try_new(&background, KernelShap::one_each(3), 1).unwrap();
    assert!(shap.contributions(&columns(0, 2, 2), &model(crooked)).is_err());
}
