//! What columns are taken for.

use std::sync::Arc;

use arrow::array::{
    BooleanArray, Date32Array, Float64Array, Int64Array, StringArray, Time32SecondArray, TimestampNanosecondArray,
    UInt64Array,
};

use super::*;

fn profile(name: &str, column: ArrayRef) -> ColumnProfile {
    let field = Field::new(name, column.data_type().clone(), true);
    let mut whole = TableProfiler::new(&[&field]).unwrap();
    whole.observe(&[Arc::clone(&column)]).unwrap();
    let whole = whole.finish().remove(0);
    let mut sliced = TableProfiler::new(&[&field]).unwrap();
    for start in (0..column.len()).step_by(7) {
        sliced.observe(&[column.slice(start, 7.min(column.len() - start))]).unwrap();
    }
    assert_eq!(sliced.finish(), std::slice::from_ref(&whole), "batches matter");
    whole
}

fn text(rows: usize, value: impl Fn(usize) -> String) -> ArrayRef {
    Arc::new(StringArray::from_iter_values((0..rows).map(value)))
}

fn int(rows: i64, value: impl Fn(i64) -> i64) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values((0..rows).map(value)))
}

fn float(rows: i64, value: impl Fn(f64) -> f64) -> ArrayRef {
    Arc::new(Float64Array::from_iter_values((0..rows).map(|row| value(row as f64))))
}

#[test]
fn kinds_follow_the_rules() {
    let scrambled = |row: i64| row * 7919 % 100_003;
    let uuid = |row: usize| format!("{:08x}-{:04x}", hash_word(row as u64) as u32, row);
    let sentence = |row: usize| format!("customer {row} asked again for a refund of order {}", row * 31);
    for (name, column, kind) in [
        ("price", float(1000, |x| x), ColumnKind::Number),
        ("price", int(1000, |x| 100 + 3 * x), ColumnKind::Number),
        ("price", int(1000, scrambled), ColumnKind::Number),
        ("rooms", int(1000, |x| x % 5), ColumnKind::Number),
        ("year", int(60, |x| 1960 + x), ColumnKind::Number),
        ("id", int(29, |x| x), ColumnKind::Number),
        ("row", int(30, |x| x), ColumnKind::Identifier),
        ("row", int(1000, |x| 5000 - x), ColumnKind::Identifier),
        ("row", int(1009, |x| x * 7 % 1009), ColumnKind::Identifier),
        ("customer_id", int(1000, scrambled), ColumnKind::Identifier),
        ("customerId", int(1000, scrambled), ColumnKind::Identifier),
        ("paid", int(1000, scrambled), ColumnKind::Number),
        ("id", float(1000, |x| x), ColumnKind::Number),
        ("serial", int(200_000, |x| x), ColumnKind::Identifier),
        ("b", Arc::new(BooleanArray::from(vec![true, false])), ColumnKind::Boolean),
        ("b", Arc::new(BooleanArray::from(vec![true, true])), ColumnKind::Constant),
        ("b", Arc::new(BooleanArray::from(vec![Some(true), None])), ColumnKind::Boolean),
        ("n", Arc::new(Float64Array::from(vec![f64::NAN, f64::NAN])), ColumnKind::Constant),
        ("n", Arc::new(UInt64Array::from(vec![u64::MAX, u64::MAX / 2])), ColumnKind::Number),
        ("n", arrow::array::new_null_array(&DataType::Null, 9), ColumnKind::Constant),
        ("n", Arc::new(Int64Array::from(Vec::<i64>::new())), ColumnKind::Constant),
        ("color", text(5, |row| row.to_string() + "x"), ColumnKind::Category),
        ("color", text(1000, |row| format!("c{}", row % 32)), ColumnKind::Category),
        ("city", text(1000, |row| format!("c{}", row % 33)), ColumnKind::HighCardinality),
        ("phone", text(1000, |row| format!("382-{row:04}")), ColumnKind::Identifier),
        ("key", text(1000, uuid), ColumnKind::Identifier),
        ("key", text(300_000, uuid), ColumnKind::Identifier),
        ("user", text(300_000, |row| format!("u{}", row % 150_000)), ColumnKind::HighCardinality),
        ("comment", text(1000, sentence), ColumnKind::Text),
        ("comment", text(1000, |row| sentence(row % 600)), ColumnKind::Text),
        ("comment", text(1000, |row| sentence(row % 40)), ColumnKind::HighCardinality),
        ("name", text(1000, |row| format!("Smith{row}, Mr. John")), ColumnKind::Text),
        ("day", text(1000, |row| format!("2019-01-{:02}", row % 31 + 1)), ColumnKind::DateTime),
        ("day", text(100, |row| ["2019-01-31 12:00:00", ""][usize::from(row < 5)].to_owned()), ColumnKind::DateTime),
        ("day", text(100, |row| format!("2019-13-{row:02}")), ColumnKind::Identifier),
        ("charges", text(1000, |row| format!("{}.{}5", row * 7, row % 10)), ColumnKind::Number),
        ("amount", text(1000, |row| (row * row * 7).to_string()), ColumnKind::Number),
        ("amount", text(1000, |row| (row + 1).to_string()), ColumnKind::Identifier),
        ("store", text(1000, |row| (row % 400).to_string()), ColumnKind::HighCardinality),
        ("zip", text(1000, |row| (10_000 + row * 7).to_string()), ColumnKind::Identifier),
        ("code", text(1000, |row| format!("{:05}", row % 500)), ColumnKind::HighCardinality),
        ("d", Arc::new(Date32Array::from(vec![1, 2])), ColumnKind::DateTime),
        ("d", Arc::new(TimestampNanosecondArray::from(vec![1, 2]).with_timezone("UTC")), ColumnKind::DateTime),
        ("d", Arc::new(Time32SecondArray::from(vec![1, 1])), ColumnKind::Constant),
    ] {
        let example = format!("{:?}", column.slice(0, column.len().min(2)));
        let profile = profile(name, column);
        assert_eq!(profile.kind, kind, "{name}: {profile:?} of {example}");
    }
}

#[test]
fn profiles_count_and_say_in_a_sentence_what_was_found() {
    let column: ArrayRef =
        Arc::new(Float64Array::from(vec![Some(1.0), None, Some(f64::NAN), Some(1.0), Some(0.0), Some(-0.0)]));
    let found = profile("x", column);
    assert_eq!((found.rows, found.missing, found.distinct), (6, 2, 2));
    assert_eq!(found.note, "number; missing in 2 of 6 rows");
    assert_eq!(profile("row", int(40, |x| x + 1)).note, "left out: it numbers the rows from 1 to 40 (identifier)");
    assert_eq!(profile("x", text(9, |_| "x".to_owned())).note, "left out: it has the same value in every row");
}

#[test]
fn unknown_types_are_refused_by_name() {
    let field = Field::new("blob", DataType::Binary, true);
    let error = TableProfiler::new(&[&field]).unwrap_err().to_string();
    assert!(error.contains("column blob holds bytes"), "{error}");
}
