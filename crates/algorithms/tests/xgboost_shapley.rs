//! Contributions of boosted models beside those of PyPI's shap (fixtures of `scripts/shap_fixtures.py`).

use std::path::Path;

use datafusion_ml_algorithms::XgboostModel;
use datafusion_ml_core::{Features, Model};
use serde_json::Value;

fn read(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|value| value.as_f64().unwrap_or(f64::NAN)).collect()
}

fn columns(fixture: &Value) -> Vec<Vec<f32>> {
    let columns = fixture["columns"].as_array().unwrap().iter();
    columns.map(|column| numbers(column).into_iter().map(|value| value as f32).collect()).collect()
}

/// A model of the fixtures with what shap says of some rows.
fn case(name: &str) -> (XgboostModel, Value) {
    let model = if name == "abalone_sex" { "shap/abalone_sex.model".to_owned() } else { format!("xgboost/{name}") };
    let model = XgboostModel::from_json(&read(&format!("{model}.json"))).unwrap();
    (model, serde_json::from_str(&read(&format!("shap/{name}.json"))).unwrap())
}

#[test]
fn contributions_are_those_of_shap() {
    // Two classes, a number, three classes; then missing values, other objectives and lossguide's deeper trees.
    for name in [
        "banknote",
        "abalone",
        "abalone_sex",
        "logistic",
        "tweedie",
        "reg_logistic",
        "lossguide",
        "softprob",
        "categories",
    ] {
        let (model, expected) = case(name);
        let features = Features::from_f32(columns(&expected)).unwrap();
        let contributions = model.contributions(&features).unwrap();
        assert_eq!(contributions.sampling_error, None);
        let theirs = numbers(&expected["values"]);
        assert_eq!(contributions.values.len(), theirs.len(), "{name}");
        // Those of categorical splits, which shap does not know, are XGBoost's, in single precision.
        let tolerance = if name == "categories" { 1e-6 } else { 1e-9 };
        for (ours, theirs) in contributions.values.iter().zip(&theirs) {
            assert!((ours - theirs).abs() < tolerance, "{name}: {ours} instead of {theirs}");
        }
        // XGBoost's base is in single precision.
        for (ours, theirs) in contributions.base.iter().zip(numbers(&expected["base"])) {
            assert!((ours - theirs).abs() < 1e-6 * (1.0 + theirs.abs()), "{name}: base {ours} instead of {theirs}");
        }
    }
}

#[test]
fn contributions_sum_to_the_margins() {
    for name in ["banknote", "abalone", "abalone_sex", "logistic", "tweedie", "softprob", "categories"] {
        let (model, expected) = case(name);
        let features = Features::from_f32(columns(&expected)).unwrap();
        let (contributions, raw) = (model.contributions(&features).unwrap(), model.raw(&features).unwrap());
        let (outputs, width) = (contributions.num_outputs, contributions.num_features);
        for (index, (values, raw)) in contributions.values.chunks_exact(width).zip(&raw.values).enumerate() {
            let sum = contributions.base_of(index / outputs, index % outputs) + values.iter().sum::<f64>();
            assert!((sum - raw).abs() < 1e-6 * (1.0 + raw.abs()), "{name}: {sum} instead of {raw}");
        }
    }
}

#[test]
fn the_contributions_of_a_row_do_not_depend_on_the_rows_beside_it() {
    let (model, expected) = case("softprob");
    let some = columns(&expected);
    let many: Vec<Vec<f32>> = some.iter().map(|column| column.repeat(17)).collect();
    let [some, many] = [some, many].map(|columns| model.contributions(&Features::from_f32(columns).unwrap()).unwrap());
    assert_eq!(many.values, some.values.repeat(17));
    let none = model.contributions(&Features::from_f32(vec![Vec::new(); 5]).unwrap()).unwrap();
    assert!(none.values.is_empty() && none.base.len() == 4);
}

#[test]
fn a_hinge_and_another_number_of_features_are_refused() {
    let model = XgboostModel::from_json(&read("xgboost/hinge.json")).unwrap();
    let error = model.contributions(&Features::from_f32(vec![vec![1.0]; 5]).unwrap()).unwrap_err();
    assert!(error.message().contains("binary:logistic"), "{error}");
    let (model, _) = case("abalone");
    assert!(model.contributions(&Features::from_f32(vec![vec![1.0]; 5]).unwrap()).is_err());
}
