//! What columns become.

use std::sync::Arc;

use arrow::array::{BooleanArray, Float32Array, Int64Array, StringArray};
use arrow::datatypes::{Field, TimeUnit};

use super::*;
use crate::Preprocessors;

const TREES: Encoding =
    Encoding { categories: CategoryEncoding::Ordinal, missing: MissingValues::Keep, precision: Precision::F32 };
const LINEAR: Encoding =
    Encoding { categories: CategoryEncoding::OneHot, missing: MissingValues::Impute, precision: Precision::F64 };

fn columns() -> Vec<ArrayRef> {
    vec![
        Arc::new(Int64Array::from(vec![Some(1), None, Some(3), Some(8)])),
        Arc::new(StringArray::from(vec![Some("b"), Some("a"), None, Some("b")])),
        Arc::new(BooleanArray::from(vec![Some(true), Some(false), None, Some(true)])),
    ]
}

fn learn(encoding: Encoding, preprocessors: &str) -> Result<Encoder> {
    let columns = columns();
    let fields: Vec<Field> =
        ["n", "t", "f"].iter().zip(&columns).map(|(name, c)| Field::new(*name, c.data_type().clone(), true)).collect();
    let fields: Vec<&Field> = fields.iter().collect();
    let mut builder = EncoderBuilder::new(&fields, encoding, &Preprocessors::parse(preprocessors)?)?;
    builder.observe(&columns)?;
    Ok(builder.finish())
}

fn check(encoder: &Encoder, columns: &[ArrayRef], names: &[&str], expected: &[[f64; 4]]) {
    let features = encoder.encode(4, columns).unwrap();
    assert_eq!(encoder.feature_names(), names);
    for (feature, expected) in features.columns().iter().zip(expected) {
        let mut buffer = Vec::new();
        let values = feature.f64s(0..4, &mut buffer);
        assert!(
            values.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6 || (a.is_nan() && b.is_nan())),
            "{values:?} instead of {expected:?}"
        );
    }
    let stored = serde_json::to_string(encoder).unwrap();
    assert_eq!(&serde_json::from_str::<Encoder>(&stored).unwrap(), encoder);
}

#[test]
fn trees_get_codes_and_keep_what_is_missing() {
    let nan = f64::NAN;
    check(
        &learn(TREES, "none").unwrap(),
        &columns(),
        &["n", "t", "f"],
        &[[1.0, nan, 3.0, 8.0], [1.0, 0.0, nan, 1.0], [1.0, 0.0, nan, 1.0]],
    );
}

#[test]
fn linear_models_get_indicators_and_no_missing_values() {
    let third = 2.0 / 3.0;
    check(
        &learn(LINEAR, "none").unwrap(),
        &columns(),
        &["n", "t=a", "t=b", "f"],
        &[[1.0, 4.0, 3.0, 8.0], [0.0, 1.0, 0.0, 0.0], [1.0, 0.0, 1.0, 1.0], [1.0, 0.0, third, 1.0]],
    );
}

#[test]
fn transformers_apply_in_training_units() {
    let nan = f64::NAN;
    let encoder = learn(
        TREES,
        r#"[{"ColumnSet": ["N"], "Transformers": ["MinMax"]}, {"ColumnSet": ["f"], "Transformers": ["Imputer", "OneHotEncoder"]}]"#,
    );
    check(
        &encoder.unwrap(),
        &columns(),
        &["n", "t", "f=false", "f=true"],
        &[[0.0, nan, 2.0 / 7.0, 1.0], [1.0, 0.0, nan, 1.0], [0.0, 1.0, 0.0, 0.0], [1.0, 0.0, 1.0, 1.0]],
    );
}

#[test]
fn an_unseen_category_is_missing_or_none_of_the_known() {
    let mut unseen = columns();
    unseen[1] = Arc::new(StringArray::from(vec!["z"; 4]));
    let nan = f64::NAN;
    let encode = |encoder: Encoder| encoder.encode(4, &unseen).unwrap();
    let mut buffer = Vec::new();
    assert!(encode(learn(TREES, "none").unwrap()).column(1).f64s(0..1, &mut buffer)[0].is_nan() && nan.is_nan());
    let linear = encode(learn(LINEAR, "none").unwrap());
    assert_eq!(linear.column(1).f64s(0..1, &mut buffer), [0.0]);
    assert_eq!(linear.column(2).f64s(0..1, &mut buffer), [0.0]);
}

#[test]
fn float_columns_are_lent_not_copied() {
    let column: ArrayRef = Arc::new(Float32Array::from(vec![1.0, 2.0]));
    let field = Field::new("x", column.data_type().clone(), true);
    let mut builder = EncoderBuilder::new(&[&field], TREES, &Preprocessors::default()).unwrap();
    builder.observe(&[Arc::clone(&column)]).unwrap();
    let features = builder.finish().encode(2, &[Arc::clone(&column)]).unwrap();
    let FeatureColumn::F32(lent) = features.column(0) else { panic!("a float became something else") };
    assert_eq!(lent.values().as_ptr().cast::<u8>(), column.to_data().buffers()[0].as_ptr());
}

#[test]
fn unfit_columns_and_transformers_are_refused_by_name() {
    let error = |preprocessors| learn(TREES, preprocessors).unwrap_err().to_string();
    assert!(error(r#"[{"ColumnSet": ["t"], "Transformers": ["MinMax"]}]"#).contains("column t is text"));
    assert!(error(r#"[{"ColumnSet": ["q"], "Transformers": ["MinMax"]}]"#).contains("not a feature: q"));
    let date = Field::new("d", DataType::Date32, true);
    let error = EncoderBuilder::new(&[&date], TREES, &Preprocessors::default()).unwrap_err().to_string();
    assert!(error.contains("column d holds dates"), "{error}");
}

#[test]
fn types_are_accepted_within_their_kind() {
    let timestamp = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let time = DataType::Time64(TimeUnit::Nanosecond);
    let dictionary = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    let kinds = [
        vec![DataType::Int8, DataType::Float64, DataType::Decimal128(9, 2)],
        vec![DataType::Utf8, DataType::Utf8View, dictionary],
        vec![DataType::Date32, DataType::Date64, timestamp],
        vec![time, DataType::Time32(TimeUnit::Second)],
        vec![DataType::Boolean],
    ];
    for (i, trained) in kinds.iter().enumerate() {
        for (j, given) in kinds.iter().enumerate() {
            for (trained, given) in trained.iter().flat_map(|a| given.iter().map(move |b| (a, b))) {
                assert_eq!(accepts(trained, given), i == j, "{given} for {trained}");
            }
        }
        assert!(trained.iter().all(|trained| accepts(trained, &DataType::Null)));
    }
}

#[test]
fn a_dictionary_without_values_is_missing_in_every_row() {
    let encoder = learn(LINEAR, "none").unwrap();
    let mut given = columns();
    given[1] =
        arrow::array::new_null_array(&DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8)), 4);
    let features = encoder.encode(4, &given).unwrap();
    assert_eq!(features.column(2).f64s(0..4, &mut Vec::new()), [1.0; 4], "the most frequent category is imputed");
}
