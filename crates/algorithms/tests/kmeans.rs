//! K-means beside scikit-learn (expected values of `scripts/sklearn_fixtures.py`), and on more rows than its sample.

use datafusion_ml_algorithms::{KMeans, KMeansModel};
use datafusion_ml_core::algorithm::FitRequest;
use datafusion_ml_core::conformance::LocalContext;
use datafusion_ml_core::{Algorithm, Features, InMemoryData, Model, Options, Prediction, Result, Task, TrainingBlock};
use serde::Deserialize;

#[derive(Deserialize)]
struct Fixture {
    /// Column by column, standardised.
    columns: Vec<Vec<f64>>,
    cases: Vec<Case>,
}

/// The best of many starts.
#[derive(Deserialize)]
struct Case {
    k: usize,
    inertia: f64,
    /// Cluster by cluster, in the order of the first coordinate.
    centroids: Vec<f64>,
}

fn fit(columns: &[Vec<f64>], block_rows: usize, threads: usize, options: &[(&str, &str)]) -> Result<KMeansModel> {
    let rows = columns[0].len();
    let blocks = (0..rows).step_by(block_rows).map(|start| {
        let rows = start..(start + block_rows).min(rows);
        let features =
            Features::from_f64(columns.iter().map(|column| column[rows.clone()].to_vec()).collect()).unwrap();
        TrainingBlock::try_new(features, Vec::new()).unwrap()
    });
    let data = InMemoryData::new((0..columns.len()).map(|c| format!("x{c}")).collect(), blocks.collect());
    let options = Options::parse(KMeans.options(), options.iter().copied())?;
    let request = FitRequest { task: Task::Clustering, num_classes: 0, objective: None, options };
    let model = KMeans.fit(&data, &request, &LocalContext::new(1, threads))?;
    KMeansModel::try_from(model.parameters()?)
}

fn inertia(model: &KMeansModel, columns: &[Vec<f64>]) -> f64 {
    match model.predict(&Features::from_f64(columns.to_vec()).unwrap()).unwrap() {
        Prediction::Clusters { squared_distances, .. } => squared_distances.iter().sum(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn clusters_are_as_tight_as_the_best_of_scikit_learns() {
    for json in [include_str!("fixtures/kmeans/abalone.json"), include_str!("fixtures/kmeans/banknote.json")] {
        let fixture: Fixture = serde_json::from_str(json).unwrap();
        for case in &fixture.cases {
            let model = fit(&fixture.columns, 100, 2, &[("k", &case.k.to_string()), ("local_lloyd_tol", "0")]).unwrap();
            let ours = inertia(&model, &fixture.columns);
            assert!(ours < 1.01 * case.inertia, "k {}: {ours} instead of {}", case.k, case.inertia);
        }
    }
}

/// Four clouds in the plane, by a generator without state.
fn clouds(rows: usize) -> Vec<Vec<f64>> {
    let noise = |row: usize, salt: u64| {
        let mut z = (row as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(salt);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z >> 11) as f64 / (1u64 << 53) as f64
    };
    let x = (0..rows).map(|row| f64::from(row as u32 % 2) * 10.0 + noise(row, 1) * 4.0).collect();
    let y = (0..rows).map(|row| f64::from(row as u32 / 2 % 2) * 10.0 + noise(row, 2) * 4.0).collect();
    vec![x, y]
}

#[test]
fn rows_beyond_the_sample_move_the_centroids_to_the_means_of_all() {
    let columns = clouds(60_000);
    let model = fit(&columns, 8_192, 2, &[("k", "4")]).unwrap();
    for (x, y) in [(0.0, 0.0), (0.0, 10.0), (10.0, 0.0), (10.0, 10.0)] {
        let centroid =
            model.centroids().chunks(2).find(|c| (c[0] > 7.0) == (x > 5.0) && (c[1] > 7.0) == (y > 5.0)).unwrap();
        let members: Vec<usize> = (0..60_000)
            .filter(|row| (columns[0][*row] > 7.0) == (x > 5.0) && (columns[1][*row] > 7.0) == (y > 5.0))
            .collect();
        for (feature, column) in columns.iter().enumerate() {
            let mean = members.iter().map(|row| column[*row]).sum::<f64>() / members.len() as f64;
            assert!((centroid[feature] - mean).abs() < 1e-9, "{} instead of {mean}", centroid[feature]);
        }
    }
    assert!(model.centroids().chunks(2).is_sorted_by(|a, b| a[0] <= b[0]));
    assert_eq!(model, fit(&columns, 8_192, 3, &[("k", "4")]).unwrap());
}

#[test]
fn models_are_equal_to_the_bit_on_any_number_of_threads() {
    let columns = clouds(60_000);
    for method in ["random", "kmeans++"] {
        let [one, two, five] =
            [1, 2, 5].map(|threads| fit(&columns, 4_000, threads, &[("k", "7"), ("init_method", method)]).unwrap());
        assert!(one == two && one == five, "{method}");
    }
}

#[test]
fn centroids_are_scikit_learns_where_the_optimum_is_clear() {
    for json in [include_str!("fixtures/kmeans/abalone.json"), include_str!("fixtures/kmeans/banknote.json")] {
        let fixture: Fixture = serde_json::from_str(json).unwrap();
        for case in fixture.cases.iter().filter(|case| case.k <= 3) {
            let model = fit(&fixture.columns, 100, 2, &[("k", &case.k.to_string()), ("local_lloyd_tol", "0")]).unwrap();
            let off = model.centroids().iter().zip(&case.centroids).fold(0.0f64, |off, (a, b)| off.max((a - b).abs()));
            assert!(off < 1e-9, "k {}: off by {off}", case.k);
        }
    }
}

#[test]
fn as_many_clusters_as_distinct_rows_leave_no_distance() {
    let columns = vec![(0..100).map(|row| f64::from(row % 6)).collect::<Vec<f64>>()];
    for method in ["random", "kmeans++"] {
        let model = fit(&columns, 30, 1, &[("k", "6"), ("init_method", method)]).unwrap();
        assert_eq!(inertia(&model, &columns), 0.0, "{method}");
    }
}

#[test]
fn all_hyperparameters_of_sagemaker_are_accepted_together() {
    let options = [
        ("k", "2"),
        ("feature_dim", "2"),
        ("mini_batch_size", "5000"),
        ("epochs", "1"),
        ("init_method", "random"),
        ("local_lloyd_init_method", "kmeans++"),
        ("local_lloyd_max_iter", "300"),
        ("local_lloyd_num_trials", "auto"),
        ("local_lloyd_tol", "0.0001"),
        ("extra_center_factor", "auto"),
        ("half_life_time_size", "0"),
        ("eval_metrics", "[\"msd\",\"ssd\"]"),
    ];
    assert_eq!(fit(&clouds(100), 50, 1, &options).unwrap().centroids().len(), 4);
    for trials in ["0", "-1", "few"] {
        let error = fit(&clouds(100), 50, 1, &[("k", "2"), ("local_lloyd_num_trials", trials)]).unwrap_err();
        assert!(error.message().contains(&format!("local_lloyd_num_trials is '{trials}'")), "{error}");
    }
}

#[test]
fn too_few_distinct_rows_say_how_many_there_are() {
    let error = fit(&[vec![1.0, 1.0, 2.0]], 10, 1, &[("k", "3")]).unwrap_err();
    assert_eq!(error.message(), "the rows have 2 distinct values, too few for K '3'; lower K to '2' or less");
    let error = fit(&[vec![1.0, 2.0]], 10, 1, &[("k", "1"), ("feature_dim", "3")]).unwrap_err();
    assert!(error.message().contains("there are 1 encoded features"), "{error}");
}

#[test]
fn contributions_are_those_of_all_coalitions_and_sum_to_the_squared_distance() {
    let columns = clouds(400);
    let model = fit(&columns, 100, 1, &[("k", "4")]).unwrap();
    let given: Vec<Vec<f64>> = columns.iter().map(|column| column[..30].to_vec()).collect();
    let features = Features::from_f64(given.clone()).unwrap();
    let contributions = model.contributions(&features).unwrap();
    let Prediction::Clusters { clusters, squared_distances } = model.predict(&features).unwrap() else {
        panic!("not of clusters");
    };
    for row in 0..30 {
        let centroid = &model.centroids()[2 * clusters[row] as usize..][..2];
        // The mean squared distance to the centroid with only some of the row's features known.
        let worth = |known: [bool; 2]| {
            let of_feature = |feature: usize| {
                let square = |x: &f64| (x - centroid[feature]).powi(2);
                match known[feature] {
                    true => square(&given[feature][row]),
                    false => columns[feature].iter().map(square).sum::<f64>() / 400.0,
                }
            };
            of_feature(0) + of_feature(1)
        };
        let [none, first, second, both] = [[false; 2], [true, false], [false, true], [true; 2]].map(worth);
        let expected = [(first - none + both - second) / 2.0, (second - none + both - first) / 2.0];
        let values = &contributions.values[2 * row..][..2];
        assert!(values.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{values:?} not {expected:?}");
        assert!((contributions.base_of(row, 0) - none).abs() < 1e-12);
        assert!((none + values.iter().sum::<f64>() - squared_distances[row]).abs() < 1e-12);
    }
}

#[test]
fn a_model_that_does_not_know_the_spread_of_its_features_predicts_but_does_not_explain() {
    let columns = clouds(100);
    let model = fit(&columns, 100, 1, &[("k", "2")]).unwrap();
    let mut parameters = model.parameters().unwrap();
    parameters.table = parameters.table.project(&[0, 1, 2]).unwrap();
    let older = KMeansModel::try_from(parameters.clone()).unwrap();
    let features = Features::from_f64(columns).unwrap();
    assert_eq!(older.predict(&features).unwrap(), model.predict(&features).unwrap());
    assert!(older.contributions(&features).unwrap_err().message().contains("train it again"));
    assert_eq!(older.parameters().unwrap(), parameters);
}
