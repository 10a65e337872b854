//! The boosting engine against the real XGBoost, against values computed by hand, and against damaged input.
//!
//! The fixtures are written by `scripts/xgboost_fixtures.py`, which also checks what is exported here.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use arrow::array::{ArrayRef, Float32Array, UInt32Array};
use arrow::record_batch::RecordBatch;
use datafusion_ml_algorithms::{Xgboost, XgboostModel};
use datafusion_ml_core::{
    Algorithm, Error, ErrorKind, Features, FitContext, FitRequest, InMemoryData, Model, Options, Parameters,
    Prediction, Result, Task, TrainingBlock,
};
use serde_json::{Value, json};

/// A fit's surroundings that note what they are told.
struct Context {
    threads: usize,
    deadline: Option<Instant>,
    checkpoints_left: AtomicUsize,
    /// The requests for memory that are refused, by their number.
    refused: Range<usize>,
    requests: AtomicUsize,
    scratch_dir: Option<PathBuf>,
    metrics: Mutex<Vec<(String, f64)>>,
}

impl Context {
    fn new(threads: usize) -> Self {
        Self {
            threads,
            deadline: None,
            checkpoints_left: AtomicUsize::new(usize::MAX),
            refused: 0..0,
            requests: AtomicUsize::new(0),
            scratch_dir: None,
            metrics: Mutex::default(),
        }
    }
}

impl FitContext for Context {
    fn seed(&self) -> u64 {
        42
    }

    fn threads(&self) -> usize {
        self.threads
    }

    fn progress(&self, _: f64, step: &str, metric: Option<(&str, f64)>) {
        let (name, value) = metric.unwrap();
        self.metrics.lock().unwrap().push((format!("{step} {name}"), value));
    }

    fn checkpoint(&self) -> Result<()> {
        match self.checkpoints_left.fetch_sub(1, Ordering::Relaxed) {
            0 => Err(Error::cancelled()),
            _ => Ok(()),
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    fn reserve(&self, bytes: usize) -> Result<()> {
        match self.refused.contains(&self.requests.fetch_add(1, Ordering::Relaxed)) {
            true => Err(Error::data(format!("there are no {bytes} bytes left"))),
            false => Ok(()),
        }
    }

    fn scratch_dir(&self) -> Option<PathBuf> {
        self.scratch_dir.clone()
    }
}

fn data(columns: &[Vec<f32>], target: &[f64], block: usize) -> InMemoryData {
    let blocks = (0..target.len()).step_by(block).map(|start| {
        let end = target.len().min(start + block);
        let columns = columns.iter().map(|column| column[start..end].to_vec()).collect();
        TrainingBlock::try_new(Features::from_f32(columns).unwrap(), target[start..end].to_vec()).unwrap()
    });
    InMemoryData::new((0..columns.len()).map(|i| format!("f{i}")).collect(), blocks.collect())
}

fn fit_in(
    context: &Context,
    columns: &[Vec<f32>],
    y: &[f64],
    objective: &str,
    options: &[(&str, &str)],
) -> Result<Arc<dyn Model>> {
    Xgboost.fit(&data(columns, y, 100), &request(y, objective, options)?, context)
}

fn request(y: &[f64], objective: &str, options: &[(&str, &str)]) -> Result<FitRequest> {
    let task = Xgboost.objectives().iter().find(|(name, _)| *name == objective).unwrap().1;
    let num_classes = if task == Task::Regression { 0 } else { y.iter().fold(1.0f64, |k, y| k.max(y + 1.0)) as usize };
    let options = Options::parse(Xgboost.options(), options.iter().copied())?;
    Ok(FitRequest { task, num_classes, objective: Some(objective.to_owned()), options })
}

fn fit(columns: &[Vec<f32>], y: &[f64], objective: &str, options: &[(&str, &str)]) -> XgboostModel {
    as_xgboost(&*fit_in(&Context::new(1), columns, y, objective, options).unwrap())
}

/// The same model by way of its parameters.
fn as_xgboost(model: &dyn Model) -> XgboostModel {
    model.parameters().unwrap().try_into().unwrap()
}

fn margins(model: &dyn Model, columns: &[Vec<f32>]) -> Vec<f32> {
    as_xgboost(model).margins(&Features::from_f32(columns.to_vec()).unwrap()).unwrap().concat()
}

fn values(model: &dyn Model, columns: &[Vec<f32>]) -> Vec<f64> {
    match model.predict(&Features::from_f32(columns.to_vec()).unwrap()).unwrap() {
        Prediction::Values(values) => values,
        other => panic!("{other:?} are no values"),
    }
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/xgboost")
}

fn text(name: &str) -> String {
    std::fs::read_to_string(fixtures().join(name)).unwrap()
}

fn read(name: &str) -> Value {
    serde_json::from_str(&text(name)).unwrap()
}

fn floats(value: &Value) -> Vec<f32> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().map_or(f32::NAN, |v| v as f32)).collect()
}

fn columns(value: &Value) -> Vec<Vec<f32>> {
    value["columns"].as_array().unwrap().iter().map(floats).collect()
}

#[track_caller]
fn assert_close(ours: &[f32], theirs: &[f32], tolerance: f32, what: &str) {
    assert_eq!(ours.len(), theirs.len(), "{what}");
    for (row, (a, b)) in ours.iter().zip(theirs).enumerate() {
        assert!((a - b).abs() <= tolerance * b.abs().max(1.0), "{what}: {a} instead of {b} at {row}");
    }
}

/// Some data with curves, an interaction and missing values.
fn sample(rows: usize) -> (Vec<Vec<f32>>, Vec<f64>) {
    let mut state = 1u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1u64 << 24) as f32
    };
    let mut columns: Vec<Vec<f32>> = (0..5).map(|_| (0..rows).map(|_| next()).collect()).collect();
    let y = (0..rows)
        .map(|i| f64::from((columns[0][i] * 6.0).sin() + columns[1][i] * columns[2][i] + next() * 0.1))
        .collect();
    (0..rows).filter(|i| i % 7 == 0).for_each(|i| columns[3][i] = f32::NAN);
    (columns, y)
}

#[test]
fn training_gives_the_margins_of_xgboost() {
    let fixture = read("synthetic.json");
    let columns = columns(&fixture);
    let first: Vec<Vec<f32>> = columns.iter().map(|column| column[..100].to_vec()).collect();
    for case in fixture["cases"].as_array().unwrap() {
        let y: Vec<f64> =
            floats(&fixture["labels"][case["label"].as_str().unwrap()]).into_iter().map(f64::from).collect();
        let options = case["options"].as_object().unwrap();
        let options: Vec<(&str, &str)> = options.iter().map(|(k, v)| (k.as_str(), v.as_str().unwrap())).collect();
        let model = fit(&columns, &y, case["objective"].as_str().unwrap(), &options);
        assert_close(&margins(&model, &first), &floats(&case["margins"]), 1e-5, &case["name"].to_string());
    }
}

#[test]
fn models_of_xgboost_predict_the_same_here() {
    let fixture = read("synthetic.json");
    let first: Vec<Vec<f32>> = columns(&fixture).iter().map(|column| column[..100].to_vec()).collect();
    for case in fixture["cases"].as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let model = XgboostModel::from_json(&text(&format!("{name}.json"))).unwrap();
        assert_close(&margins(&model, &first), &floats(&case["margins"]), 1e-6, name);
    }
    for name in ["logistic", "softprob"] {
        let from_json = XgboostModel::from_json(&text(&format!("{name}.json"))).unwrap();
        let from_ubjson =
            XgboostModel::from_ubjson(&std::fs::read(fixtures().join(format!("{name}.ubj"))).unwrap()).unwrap();
        assert_eq!(margins(&from_json, &first), margins(&from_ubjson, &first), "{name}");
    }
    for name in ["banknote", "abalone", "customer_activity"] {
        let expected = read(&format!("{name}.expected.json"));
        let model = XgboostModel::from_json(&text(&format!("{name}.json"))).unwrap();
        assert_close(&margins(&model, &columns(&expected)), &floats(&expected["margins"]), 1e-6, name);
    }
}

#[test]
fn the_layout_of_xgboost_1_is_read() {
    let mut document = read("logistic.json");
    let now = XgboostModel::from_json(&document.to_string()).unwrap();
    document["version"] = json!([1, 5, 2]);
    let base_score = &mut document["learner"]["learner_model_param"]["base_score"];
    *base_score = json!(base_score.as_str().unwrap().trim_matches(['[', ']']));
    let param = document["learner"]["learner_model_param"].as_object_mut().unwrap();
    param.remove("num_target");
    param.remove("boost_from_average");
    document["learner"].as_object_mut().unwrap().remove("feature_names");
    for tree in document["learner"]["gradient_booster"]["model"]["trees"].as_array_mut().unwrap() {
        for flag in tree["default_left"].as_array_mut().unwrap() {
            *flag = json!(flag.as_i64() == Some(1));
        }
        tree.as_object_mut().unwrap().remove("split_type");
        tree["tree_param"]["size_leaf_vector"] = json!("0");
    }
    let then = XgboostModel::from_json(&document.to_string()).unwrap();
    let (columns, _) = sample(50);
    assert_eq!(margins(&now, &columns), margins(&then, &columns));
}

#[test]
fn what_cannot_be_imported_says_so() {
    let message = |name: &str| {
        let error = XgboostModel::from_json(&text(&format!("unsupported_{name}.json"))).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
        error.to_string()
    };
    assert_eq!(
        message("dart"),
        "the XGBoost model has the booster dart, which cannot be imported; train with booster gbtree"
    );
    assert!(message("gblinear").contains("the booster gblinear"));
    assert!(message("objective").contains("the objective reg:absoluteerror"));
    assert!(message("targets").contains("several targets"));
}

#[test]
fn an_export_reads_back_and_is_left_for_xgboost_to_check() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("xgboost_export");
    std::fs::create_dir_all(&folder).unwrap();
    let (mut columns, y) = sample(400);
    columns[4][0] = f32::INFINITY;
    columns[4][1] = f32::NEG_INFINITY;
    let finite: Vec<Vec<f32>> = columns.iter().map(|column| column[2..].to_vec()).collect();
    let binary: Vec<f64> = y.iter().map(|y| f64::from(u8::from(*y > 0.5))).collect();
    let positive: Vec<f64> = y.iter().map(|y| y.max(0.0)).collect();
    let unit: Vec<f64> = y.iter().map(|y| y.clamp(0.0, 1.0)).collect();
    let classes: Vec<f64> = y.iter().map(|y| (y + 1.0).floor().clamp(0.0, 2.0)).collect();
    for (objective, _) in Xgboost.objectives() {
        let y = match *objective {
            "reg:logistic" => &unit,
            "reg:tweedie" | "reg:squaredlogerror" => &positive,
            "binary:logistic" | "binary:hinge" => &binary,
            "multi:softmax" => &classes,
            _ => &y,
        };
        let model = fit(&columns, y, objective, &[("num_round", "8")]);
        let ours = margins(&model, &columns);
        for read_back in
            [XgboostModel::from_json(&model.to_json()).unwrap(), XgboostModel::from_ubjson(&model.to_ubjson()).unwrap()]
        {
            assert_eq!(margins(&read_back, &columns), ours, "{objective}");
        }
        let name = objective.replace(':', "_");
        let rows: Vec<Vec<Option<f32>>> =
            finite.iter().map(|c| c.iter().map(|v| Some(*v).filter(|v| !v.is_nan())).collect()).collect();
        let expected = json!({ "columns": rows, "margins": margins(&model, &finite) });
        std::fs::write(folder.join(format!("{name}.json")), model.to_json()).unwrap();
        std::fs::write(folder.join(format!("{name}.ubj")), model.to_ubjson()).unwrap();
        std::fs::write(folder.join(format!("{name}.expected.json")), expected.to_string()).unwrap();
    }
}

#[test]
fn a_split_computed_by_hand() {
    // Base score 0: gradients -1, -1, 2, 2 and second derivatives 1. Left of 3: G = -2, H = 2, weight 2 / (2 + 1);
    // right: G = 4, H = 2, weight -4 / 3. Gain: 4/3 + 16/3 - 4/5.
    let options = [("num_round", "1"), ("max_depth", "1"), ("eta", "0.5"), ("base_score", "0"), ("lambda", "1")];
    let model = fit(&[vec![1.0, 2.0, 3.0, 4.0]], &[1.0, 1.0, -2.0, -2.0], "reg:squarederror", &options);
    let parameters = model.parameters().unwrap();
    let column = |name: &str| parameters.column::<Float32Array>(name).unwrap().value(0);
    assert_eq!(column("threshold"), 3.0);
    assert_eq!(column("cover"), 4.0);
    assert!((column("gain") - (4.0 / 3.0 + 16.0 / 3.0 - 4.0 / 5.0)).abs() < 1e-6);
    assert_close(&margins(&model, &[vec![2.9, 3.0]]), &[1.0 / 3.0, -2.0 / 3.0], 1e-7, "leaves");
}

#[test]
fn missing_values_go_where_they_lower_the_loss() {
    let nan = f32::NAN;
    let x = vec![1.0, 2.0, 3.0, 4.0, nan, nan];
    let options = [("num_round", "1"), ("max_depth", "1"), ("eta", "1"), ("lambda", "0"), ("base_score", "0")];
    let with = |missing: f64| {
        let y = [0.0, 0.0, 10.0, 10.0, missing, missing];
        values(&fit(std::slice::from_ref(&x), &y, "reg:squarederror", &options), &[vec![1.5, 3.5, nan]])
    };
    assert_eq!(with(10.0), [0.0, 10.0, 10.0]);
    assert_eq!(with(0.0), [0.0, 10.0, 0.0]);
    // When nothing else tells the rows apart, missing parts from present, infinity included.
    let x = vec![5.0, 5.0, f32::INFINITY, nan, nan, nan];
    let model = fit(&[x], &[1.0, 1.0, 1.0, 3.0, 3.0, 3.0], "reg:squarederror", &options);
    assert_eq!(values(&model, &[vec![-1.0, f32::INFINITY, f32::NEG_INFINITY, nan]]), [1.0, 1.0, 1.0, 3.0]);
}

#[test]
fn the_model_does_not_depend_on_threads_or_blocks() {
    // Enough cells for several threads and for narrow derivatives.
    let (columns, y) = sample(60_000);
    let binary: Vec<f64> = y.iter().map(|y| f64::from(u8::from(*y > 0.5))).collect();
    let classes: Vec<f64> = y.iter().map(|y| (y + 1.0).floor().clamp(0.0, 2.0)).collect();
    let sampling =
        [("subsample", "0.7"), ("colsample_bytree", "0.8"), ("colsample_bylevel", "0.8"), ("colsample_bynode", "0.8")];
    let lossguide = [("grow_policy", "lossguide"), ("max_leaves", "20"), ("max_depth", "0")];
    let wide = [("max_bin", "1000"), ("max_depth", "8")];
    for (objective, y, options) in [
        ("reg:squarederror", &y, &sampling[..]),
        ("binary:logistic", &binary, &lossguide[..]),
        ("multi:softmax", &classes, &wide[..]),
    ] {
        let options: Vec<_> = options.iter().copied().chain([("num_round", "4")]).collect();
        let parameters = |threads| {
            let model = fit_in(&Context::new(threads), &columns, y, objective, &options).unwrap();
            model.parameters().unwrap()
        };
        let one = parameters(1);
        assert_eq!(one, parameters(2), "{objective}");
        assert_eq!(one, parameters(3), "{objective}");
    }
}

#[test]
fn the_model_does_not_depend_on_the_memory_for_codes() {
    let (columns, y) = sample(3000);
    let fit = |refused: Range<usize>, scratch_dir: Option<PathBuf>, max_bin: &str| {
        let context = Context { refused, scratch_dir, ..Context::new(2) };
        let options = [("num_round", "5"), ("max_bin", max_bin)];
        fit_in(&context, &columns, &y, "reg:squarederror", &options).map(|model| model.parameters().unwrap())
    };
    for max_bin in ["256", "1000"] {
        let expected = fit(0..0, None, max_bin).unwrap();
        // Requests 0 and 1 are for all but codes, 2 for both copies of them, 3 for one.
        assert_eq!(fit(2..3, None, max_bin).unwrap(), expected);
        assert_eq!(fit(2..4, Some(std::env::temp_dir()), max_bin).unwrap(), expected);
        assert_eq!(fit(2..4, None, max_bin).unwrap_err().kind(), ErrorKind::Data);
        let nowhere = Path::new("/there/is/no/such/directory").to_owned();
        assert_eq!(fit(2..4, Some(nowhere), max_bin).unwrap_err().kind(), ErrorKind::Storage);
    }
}

#[test]
fn features_that_exclude_each_other_are_learned_from_as_others_are() {
    let (mut columns, y) = sample(2000);
    let kinds: Vec<usize> = (0..2000).map(|i| (i * i) % 7).collect();
    let y: Vec<f64> = y.iter().zip(&kinds).map(|(y, kind)| y + [0.0, 1.0, -2.0, 0.5, 3.0, 0.1, 0.7][*kind]).collect();
    // With 0 the columns are bundled; without, they are the same but for where they are cut.
    let mut others = columns.clone();
    for kind in 0..7 {
        let is_kind = |of: f32, other: f32| kinds.iter().map(|k| if *k == kind { of } else { other }).collect();
        columns.push(is_kind(1.0, 0.0));
        others.push(is_kind(9.0, 5.0));
        columns.push(is_kind(f32::NAN, 0.0));
        others.push(is_kind(f32::NAN, 5.0));
        columns.push(is_kind(-3.5, f32::NAN));
        others.push(is_kind(5.0, f32::NAN));
    }
    let options = [("num_round", "20"), ("colsample_bynode", "0.7")];
    let bundled = fit(&columns, &y, "reg:squarederror", &options);
    let separate = fit(&others, &y, "reg:squarederror", &options);
    assert_eq!(margins(&bundled, &columns), margins(&separate, &others));
}

#[test]
fn the_loss_falls_from_round_to_round_and_is_reported() {
    let (columns, y) = sample(2000);
    let context = Context::new(1);
    fit_in(&context, &columns, &y, "reg:squarederror", &[("num_round", "20"), ("lambda", "0")]).unwrap();
    let metrics = context.metrics.into_inner().unwrap();
    assert_eq!(metrics.len(), 20);
    assert_eq!(metrics[11].0, "round 12 of 20 train-rmse");
    assert!(metrics.windows(2).all(|pair| pair[1].1 < pair[0].1));
    assert!(metrics[19].1 < 0.03, "{}", metrics[19].1);
}

#[test]
fn every_objective_reports_the_metric_of_its_predictions() {
    let (columns, y) = sample(300);
    let features = Features::from_f32(columns.clone()).unwrap();
    for (objective, _) in Xgboost.objectives() {
        let y: Vec<f64> = match *objective {
            "binary:logistic" | "binary:hinge" => y.iter().map(|y| f64::from(u8::from(*y > 0.5))).collect(),
            "multi:softmax" => y.iter().map(|y| (y + 1.0).floor().clamp(0.0, 2.0)).collect(),
            _ => y.iter().map(|y| y.clamp(0.0, 1.0)).collect(),
        };
        let context = Context::new(1);
        let options = [("num_round", "5"), ("huber_slope", "0.5"), ("tweedie_variance_power", "1.3")];
        let model = fit_in(&context, &columns, &y, objective, &options).unwrap();
        let metric = Xgboost.metric(&request(&y, objective, &options).unwrap()).unwrap();
        let mut accumulator = metric.accumulator();
        accumulator.add(&model.predict(&features).unwrap(), &y).unwrap();
        let (reported, computed) = (context.metrics.into_inner().unwrap()[4].clone(), accumulator.finish());
        assert!((reported.1 - computed).abs() < 1e-5, "{objective}: {reported:?} instead of {computed}");
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the promise is about the clock")]
fn a_deadline_keeps_the_trees_so_far_and_a_cancel_nothing() {
    let (columns, y) = sample(500);
    let late = Context { deadline: Some(Instant::now()), ..Context::new(1) };
    let model = fit_in(&late, &columns, &y, "reg:squarederror", &[]).unwrap();
    assert!(model.stopped_early());
    assert_eq!(as_xgboost(&*model).num_trees(), 1);
    assert!(as_xgboost(&*model).stopped_early());
    let cancelled = Context { checkpoints_left: AtomicUsize::new(30), ..Context::new(1) };
    let error = fit_in(&cancelled, &columns, &y, "reg:squarederror", &[]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
}

#[test]
fn poor_data_gives_sensible_models() {
    let (nan, inf) = (f32::NAN, f32::INFINITY);
    let predict = |x: &[f32], y: &[f64], objective| {
        let model = fit(&[x.to_vec()], y, objective, &[("num_round", "10")]);
        model.predict(&Features::from_f32(vec![vec![0.0, nan, inf, -inf, f32::MAX]]).unwrap()).unwrap()
    };
    assert_eq!(predict(&[1.0], &[7.0], "reg:squarederror"), Prediction::Values(vec![7.0; 5]));
    assert_eq!(predict(&[nan; 3], &[7.0; 3], "reg:squarederror"), Prediction::Values(vec![7.0; 5]));
    assert_eq!(predict(&[1.0; 4], &[1.0, 3.0, 1.0, 3.0], "reg:squarederror"), Prediction::Values(vec![2.0; 5]));
    for (y, class) in [([0.0; 4], 0), ([1.0; 4], 1)] {
        for objective in ["binary:logistic", "binary:hinge"] {
            let classes = predict(&[1.0, 2.0, inf, -inf], &y, objective).classes().unwrap();
            assert_eq!(classes, [class; 5], "{objective}");
        }
    }
    for (objective, _) in Xgboost.objectives() {
        for y in [[0.0; 6], [0.0, 0.0, 0.0, 0.0, 0.0, 1.0]] {
            let finite = match predict(&[-inf, inf, f32::MAX, f32::MIN, nan, 0.0], &y, objective) {
                Prediction::Values(values) | Prediction::Probabilities { values, .. } => {
                    values.iter().all(|v| v.is_finite())
                }
                _ => true,
            };
            assert!(finite, "{objective}");
        }
    }
    for objective in ["reg:squarederror", "reg:pseudohubererror", "reg:tweedie", "reg:squaredlogerror"] {
        let Prediction::Values(values) = predict(&[1.0, 2.0, 3.0], &[0.0, 1e38, 3e38], objective) else { panic!() };
        assert!(values.iter().all(|v| !v.is_nan()), "{objective}: {values:?}");
    }
}

#[test]
fn a_target_that_does_not_fit_is_an_error_of_the_data() {
    let message = |y: f64, objective: &str| {
        let error = fit_in(&Context::new(1), &[vec![1.0, 2.0]], &[0.0, y], objective, &[]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Data);
        error.to_string()
    };
    assert_eq!(
        message(1.5, "reg:logistic"),
        "the target is 1.5 in some row; objective reg:logistic takes values from 0 to 1: change the query or the objective"
    );
    assert!(message(-0.1, "reg:tweedie").contains("values from 0"));
    assert!(message(-1.0, "reg:squaredlogerror").contains("values above -1"));
    assert!(message(f64::NAN, "reg:squarederror").contains("NULL or NaN"));
    assert!(message(1e300, "reg:squarederror").contains("beyond single precision"));
    let error = fit_in(&Context::new(1), &[vec![]], &[], "reg:squarederror", &[]).unwrap_err();
    assert!(error.to_string().contains("no rows"));
}

#[test]
fn an_option_that_means_nothing_is_refused() {
    let message = |name, value, objective| {
        fit_in(&Context::new(1), &[vec![1.0, 2.0]], &[0.0, 1.0], objective, &[(name, value)]).unwrap_err().to_string()
    };
    assert_eq!(message("subsample", "0", "reg:squarederror"), "hyperparameter subsample is 0; give a number above 0");
    assert!(message("lambda", "inf", "reg:squarederror").contains("infinite"));
    assert!(message("base_score", "1", "binary:logistic").contains("takes a number between 0 and 1"));
    assert!(message("tweedie_variance_power", "2", "reg:tweedie").contains("above 1 and below 2"));
    assert!(message("num_class", "1", "multi:softmax").contains("the target has 2 classes"));
    assert!(message("booster", "dart", "reg:squarederror").contains("one of gbtree"));
}

/// A copy of the parameters with one number of a column replaced.
fn with_node(parameters: &Parameters, column: &str, row: usize, value: u32) -> Parameters {
    let schema = parameters.table.schema();
    let columns = schema.fields().iter().zip(parameters.table.columns()).map(|(field, old)| {
        let new: ArrayRef = match old.as_any().downcast_ref::<UInt32Array>() {
            Some(old) if field.name() == column => Arc::new(
                old.iter().enumerate().map(|(i, v)| if i == row { Some(value) } else { v }).collect::<UInt32Array>(),
            ),
            _ => Arc::clone(old),
        };
        (field.name().clone(), new, true)
    });
    let table = RecordBatch::try_from_iter_with_nullable(columns.collect::<Vec<_>>()).unwrap();
    Parameters { table, scalars: parameters.scalars.clone() }
}

#[test]
fn parameters_restore_the_model_to_the_bit_and_damage_is_noticed() {
    let (columns, y) = sample(500);
    let classes: Vec<f64> = y.iter().map(|y| (y + 1.0).floor().clamp(0.0, 2.0)).collect();
    let model = fit_in(&Context::new(1), &columns, &classes, "multi:softmax", &[("num_round", "3")]).unwrap();
    let features = Features::from_f32(columns).unwrap();
    let parameters = model.parameters().unwrap();
    let restored = Xgboost.load(parameters.clone()).unwrap();
    assert_eq!(restored.predict(&features).unwrap(), model.predict(&features).unwrap());
    assert_eq!(restored.parameters().unwrap(), parameters);

    for (column, value) in
        [("left", 0), ("left", 1_000_000), ("right", 1), ("feature", 5), ("class", 1), ("node", 3), ("tree", 7)]
    {
        let error = Xgboost.load(with_node(&parameters, column, 0, value)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Storage, "{column} {error}");
    }
    for (name, value) in [
        ("objective", json!("rank:pairwise")),
        ("base_score", json!([0.5])),
        ("num_feature", json!(1)),
        ("num_trees", json!(1)),
    ] {
        let mut damaged = parameters.clone();
        damaged.scalars.insert(name.to_owned(), value);
        assert_eq!(Xgboost.load(damaged).unwrap_err().kind(), ErrorKind::Storage, "{name}");
        let mut damaged = parameters.clone();
        damaged.scalars.remove(name);
        assert_eq!(Xgboost.load(damaged).unwrap_err().kind(), ErrorKind::Storage, "{name}");
    }
}

#[test]
fn damaged_files_are_errors() {
    let (json, ubjson) = (text("logistic.json"), std::fs::read(fixtures().join("logistic.ubj")).unwrap());
    for end in (0..ubjson.len()).step_by(7) {
        assert!(XgboostModel::from_ubjson(&ubjson[..end]).is_err());
    }
    // Whatever a changed byte makes of the file, reading it neither panics nor runs on.
    for index in 0..ubjson.len() {
        for value in [0, 0x7F, 0xFF, b'[', b'L'] {
            let mut damaged = ubjson.clone();
            damaged[index] = value;
            if let Ok(model) = XgboostModel::from_ubjson(&damaged) {
                let _ = model.margins(&Features::from_f32(vec![vec![1.0]; 5]).unwrap());
            }
        }
    }
    assert!(XgboostModel::from_ubjson(&b"[".repeat(100_000)).is_err());
    assert!(XgboostModel::from_json(&json[..json.len() / 2]).is_err());
    assert!(XgboostModel::from_json("{}").unwrap_err().to_string().contains("has no learner"));
    let mut cyclic = read("logistic.json");
    cyclic["learner"]["gradient_booster"]["model"]["trees"][0]["left_children"][1] = json!(0);
    assert!(XgboostModel::from_json(&cyclic.to_string()).is_err());
}

#[test]
fn the_number_of_features_must_match() {
    let model = fit(&[vec![1.0, 2.0], vec![1.0, 2.0]], &[1.0, 2.0], "reg:squarederror", &[]);
    let error = model.predict(&Features::from_f32(vec![vec![1.0]]).unwrap()).unwrap_err();
    assert_eq!(error.to_string(), "the model was trained on 2 features and is given 1; pass the same columns");
}
