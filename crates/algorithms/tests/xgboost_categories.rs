//! Models of the real XGBoost with categorical splits. The fixtures are written by `scripts/xgboost_fixtures.py`, which
//! also checks what is exported here.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Float32Array, ListArray, UInt32Array};
use arrow::record_batch::RecordBatch;
use datafusion_ml_algorithms::{Xgboost, XgboostModel};
use datafusion_ml_core::{Algorithm, ErrorKind, Features, Model, Parameters};
use serde_json::{Value, json};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/xgboost").join(name)
}

fn read(name: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(fixture(name)).unwrap()).unwrap()
}

fn floats(value: &Value) -> Vec<f32> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().map_or(f32::NAN, |v| v as f32)).collect()
}

/// The rows of the fixture: features, and margins of XGBoost.
fn rows() -> (Features, Vec<f32>) {
    let expected = read("categories.expected.json");
    let columns = expected["columns"].as_array().unwrap().iter().map(floats).collect();
    (Features::from_f32(columns).unwrap(), floats(&expected["margins"]))
}

fn model() -> XgboostModel {
    XgboostModel::from_json(&read("categories.json").to_string()).unwrap()
}

#[test]
fn categorical_splits_predict_as_in_xgboost() {
    let (features, expected) = rows();
    let ubjson = XgboostModel::from_ubjson(&std::fs::read(fixture("categories.ubj")).unwrap()).unwrap();
    for model in [model(), ubjson] {
        let margins = model.margins(&features).unwrap().concat();
        assert_eq!(margins.len(), expected.len());
        for (row, (ours, theirs)) in margins.iter().zip(&expected).enumerate() {
            assert!((ours - theirs).abs() <= 1e-6 * theirs.abs().max(1.0), "{ours} instead of {theirs} at {row}");
        }
    }
}

#[test]
fn an_export_of_categorical_splits_reads_back_and_is_left_for_xgboost_to_check() {
    let (features, _) = rows();
    let model = model();
    let margins = model.margins(&features).unwrap();
    for read_back in
        [XgboostModel::from_json(&model.to_json()).unwrap(), XgboostModel::from_ubjson(&model.to_ubjson()).unwrap()]
    {
        assert_eq!(read_back.margins(&features).unwrap(), margins);
        assert_eq!(read_back.parameters().unwrap(), model.parameters().unwrap());
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("xgboost_export");
    std::fs::create_dir_all(&folder).unwrap();
    let expected = json!({ "columns": read("categories.expected.json")["columns"], "margins": margins.concat() });
    std::fs::write(folder.join("categories.json"), model.to_json()).unwrap();
    std::fs::write(folder.join("categories.ubj"), model.to_ubjson()).unwrap();
    std::fs::write(folder.join("categories.expected.json"), expected.to_string()).unwrap();
}

#[test]
fn the_table_of_nodes_has_the_categories_of_categorical_splits() {
    let parameters = model().parameters().unwrap();
    let categories = parameters.column::<ListArray>("categories").unwrap();
    let threshold = parameters.column::<Float32Array>("threshold").unwrap();
    let left = parameters.column::<UInt32Array>("left").unwrap();
    for row in 0..categories.len() {
        let numbers = u8::from(categories.is_valid(row)) + u8::from(threshold.is_valid(row));
        assert_eq!(numbers, u8::from(left.is_valid(row)), "row {row}");
    }
    let restored = Xgboost.load(parameters.clone()).unwrap();
    let (features, _) = rows();
    assert_eq!(restored.predict(&features).unwrap(), model().predict(&features).unwrap());
    assert_eq!(restored.parameters().unwrap(), parameters);
    // Models without such splits have no such column.
    let numeric = XgboostModel::from_json(&read("squarederror.json").to_string()).unwrap();
    assert!(numeric.parameters().unwrap().table.column_by_name("categories").is_none());
}

/// The parameters with another column in place of one.
fn with_column(parameters: &Parameters, name: &str, column: ArrayRef) -> Parameters {
    let schema = parameters.table.schema();
    let columns = schema.fields().iter().zip(parameters.table.columns()).map(|(field, old)| {
        (field.name().clone(), if field.name() == name { Arc::clone(&column) } else { Arc::clone(old) }, true)
    });
    let table = RecordBatch::try_from_iter_with_nullable(columns.collect::<Vec<_>>()).unwrap();
    Parameters { table, scalars: parameters.scalars.clone() }
}

#[test]
fn damaged_categories_are_noticed() {
    let parameters = model().parameters().unwrap();
    let of_rows = |list: &dyn Fn(usize) -> Option<Vec<Option<u32>>>| -> ArrayRef {
        let lists = (0..parameters.table.num_rows()).map(list);
        Arc::new(ListArray::from_iter_primitive::<arrow::datatypes::UInt32Type, _, _>(lists))
    };
    for damaged in [
        // No condition, two conditions, leaves with a condition; then no, unknown and too high categories.
        of_rows(&|_| None),
        of_rows(&|_| Some(vec![Some(1)])),
        of_rows(&|row| (row == 0).then(Vec::new)),
        of_rows(&|row| (row == 0).then(|| vec![None])),
        of_rows(&|row| (row == 0).then(|| vec![Some(1 << 24)])),
        Arc::new(Float32Array::from(vec![1.0; parameters.table.num_rows()])),
    ] {
        let error = Xgboost.load(with_column(&parameters, "categories", damaged)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Storage, "{error}");
    }
    for (name, value) in [
        ("categories_sizes", json!([1_000_000])),
        ("categories_segments", json!([])),
        ("categories_nodes", json!([1_000_000])),
        ("categories", json!([])),
        ("split_type", json!([1])),
    ] {
        let mut document = read("categories.json");
        document["learner"]["gradient_booster"]["model"]["trees"][0][name] = value;
        let error = XgboostModel::from_json(&document.to_string()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Storage, "{name}: {error}");
    }
}
