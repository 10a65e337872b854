//! What AUTO ON makes of columns, and that it does not show a row its own target.

use std::sync::Arc;

use arrow::array::{
    BooleanArray, Date32Array, Float64Array, Int64Array, StringArray, Time64NanosecondArray, TimestampSecondArray,
};
use arrow::array::{DictionaryArray, new_null_array};
use arrow::datatypes::{Int32Type, TimeUnit};

use super::super::standard::STANDARD_LIMIT;
use super::super::{distinct::hash_word, profile::TableProfiler};
use super::*;
use crate::encoder::CategoryEncoding;

const TREES: Encoding =
    Encoding { categories: CategoryEncoding::Ordinal, missing: MissingValues::Keep, precision: Precision::F32 };
const DENSE: Encoding =
    Encoding { categories: CategoryEncoding::OneHot, missing: MissingValues::Impute, precision: Precision::F64 };

/// Columns with a target and folds.
struct Table {
    columns: Vec<(&'static str, ArrayRef)>,
    target: Vec<f64>,
    folds: Vec<u8>,
    task: Task,
    num_classes: usize,
    preprocessors: &'static str,
}

impl Table {
    fn new(columns: Vec<(&'static str, ArrayRef)>) -> Self {
        let rows = columns[0].1.len();
        Self {
            columns,
            target: (0..rows).map(|row| row as f64).collect(),
            folds: (0..rows).map(|row| (row % 5) as u8).collect(),
            task: Task::Regression,
            num_classes: 0,
            preprocessors: "none",
        }
    }

    fn arrays(&self) -> Vec<ArrayRef> {
        self.columns.iter().map(|(_, array)| Arc::clone(array)).collect()
    }

    /// Learns from batches of so many rows.
    fn learn_by(&self, encoding: Encoding, batch: usize) -> FoldEncoder {
        let fields: Vec<Field> =
            self.columns.iter().map(|(name, array)| Field::new(*name, array.data_type().clone(), true)).collect();
        let fields: Vec<&Field> = fields.iter().collect();
        let rows = self.target.len();
        let batches = || {
            (0..rows).step_by(batch).map(|start| {
                let length = batch.min(rows - start);
                let arrays: Vec<ArrayRef> = self.arrays().iter().map(|array| array.slice(start, length)).collect();
                (arrays, start..start + length)
            })
        };
        let mut profiler = TableProfiler::new(&fields).unwrap();
        batches().for_each(|(arrays, _)| profiler.observe(&arrays).unwrap());
        let preprocessors = Preprocessors::parse(self.preprocessors).unwrap();
        let profiles = profiler.finish();
        let mut builder =
            AutoEncoderBuilder::new(&fields, encoding, &preprocessors, &profiles, self.task, self.num_classes).unwrap();
        for (arrays, range) in batches() {
            builder.observe(&arrays, &self.target[range.clone()], &self.folds[range]).unwrap();
        }
        builder.finish()
    }

    fn learn(&self, encoding: Encoding) -> FoldEncoder {
        let encoder = self.learn_by(encoding, self.target.len());
        let stored = serde_json::to_string(encoder.encoder()).unwrap();
        assert_eq!(&serde_json::from_str::<Encoder>(&stored).unwrap(), encoder.encoder());
        encoder
    }

    fn encode(&self, encoder: &FoldEncoder, excluded: Option<u8>) -> Vec<Vec<f64>> {
        let encode =
            |excluded, known| encoder.encode(self.target.len(), &self.arrays(), &self.folds, excluded, known).unwrap();
        let (features, known) = (values(&encode(excluded, None)), encode(None, None));
        assert_eq!(format!("{:?}", values(&encode(excluded, Some(&known)))), format!("{features:?}"));
        features
    }
}

fn values(features: &Features) -> Vec<Vec<f64>> {
    let mut buffer = Vec::new();
    features.columns().iter().map(|column| column.f64s(0..column.len(), &mut buffer).to_vec()).collect()
}

/// Bit for bit.
fn same(a: &[Vec<f64>], b: &[Vec<f64>]) -> bool {
    let bits = |features: &[Vec<f64>]| -> Vec<Vec<u64>> {
        features.iter().map(|feature| feature.iter().map(|value| value.to_bits()).collect()).collect()
    };
    bits(a) == bits(b)
}

fn predict(encoder: &FoldEncoder, columns: &[ArrayRef]) -> Vec<Vec<f64>> {
    values(&encoder.encoder().encode(columns[0].len(), columns).unwrap())
}

fn text(values: &[Option<&str>]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let product = |f: &dyn Fn(f64, f64) -> f64| a.iter().zip(b).map(|(x, y)| f(x - mean_a, y - mean_b)).sum::<f64>();
    product(&|x, y| x * y) / (product(&|x, _| x * x) * product(&|_, y| y * y)).sqrt().max(1e-300)
}

fn uniform(seed: u64) -> f64 {
    (hash_word(seed ^ 0x5eed_0000_0000) >> 11) as f64 / (1u64 << 53) as f64
}

/// Rows with a random category of so many, and a random target.
fn noise(rows: u64, categories: u64) -> Table {
    let category = |row| format!("c{}", (uniform(row) * categories as f64) as u64);
    let mut table = Table::new(vec![("c", Arc::new(StringArray::from_iter_values((0..rows).map(category))))]);
    table.target = (0..rows).map(|row| uniform(row + 1_000_000)).collect();
    table.folds = (0..rows).map(|row| (uniform(row + 2_000_000) * 5.0) as u8).collect();
    table
}

#[test]
fn a_random_category_tells_a_row_nothing_of_its_target() {
    for (rows, categories) in [(4000, 1000), (4000, 40), (20_000, 10_000)] {
        let table = noise(rows, categories);
        let encoder = table.learn(TREES);
        assert!(encoder.depends_on_target());
        assert_eq!(encoder.encoder().feature_names(), ["c.mean", "c.count"]);
        let noise = 4.0 / (rows as f64).sqrt();
        let leak = correlation(&predict(&encoder, &table.arrays())[0], &table.target);
        assert!(leak > noise, "the statistics of all rows know the target: {leak}");
        for feature in table.encode(&encoder, None) {
            let seen = correlation(&feature, &table.target);
            assert!(seen.abs() < noise, "{rows} {categories}: {seen}");
        }
        let of = |excluded: u8, held_out: bool, values: &[f64]| -> Vec<f64> {
            let rows = values.iter().zip(&table.folds).filter(|(_, fold)| (**fold == excluded) == held_out);
            rows.map(|(value, _)| *value).collect()
        };
        for excluded in 0..5 {
            let features = table.encode(&encoder, Some(excluded));
            for held_out in [false, true] {
                let target = of(excluded, held_out, &table.target);
                let seen = correlation(&of(excluded, held_out, &features[0]), &target);
                assert!(seen.abs() < 4.0 / (target.len() as f64).sqrt(), "{excluded} {held_out}: {seen}");
            }
        }
    }
}

#[test]
fn the_targets_of_an_excluded_fold_change_nothing() {
    let table = noise(2000, 200);
    let mut other = noise(2000, 200);
    for (target, fold) in other.target.iter_mut().zip(&other.folds) {
        if *fold == 3 {
            *target = 1e6;
        }
    }
    for encoding in [TREES, DENSE] {
        let (encoder, changed) = (table.learn(encoding), other.learn(encoding));
        assert!(same(&table.encode(&encoder, Some(3)), &table.encode(&changed, Some(3))));
        assert!(!same(&table.encode(&encoder, Some(2)), &table.encode(&changed, Some(2))));
    }
}

#[test]
fn nothing_depends_on_how_rows_are_batched() {
    for encoding in [TREES, DENSE] {
        let table = everything();
        let whole = table.learn_by(encoding, 1000);
        for batch in [1, 7, 256] {
            let batched = table.learn_by(encoding, batch);
            assert_eq!(batched.encoder(), whole.encoder());
            assert_eq!(
                format!("{:?}", table.encode(&batched, Some(1))),
                format!("{:?}", table.encode(&whole, Some(1)))
            );
        }
    }
}

/// A column of every kind.
fn everything() -> Table {
    let rows = 0..200u64;
    let some = |row: u64, value: String| (!row.is_multiple_of(11)).then_some(value);
    let pick = |row: u64, salt: u64, of: u64| hash_word(row * 31 + salt) % of;
    let words = ["red", "Green", "blue", "ÜBER"];
    let comment = |row: u64| {
        let word = |salt| words[pick(row, salt, 4) as usize];
        some(row, format!("{} {} {} thing no. {row}", word(1), word(2), word(3)))
    };
    let text = |value: &dyn Fn(u64) -> Option<String>| -> ArrayRef {
        Arc::new(StringArray::from_iter(rows.clone().map(value)))
    };
    let dictionary: DictionaryArray<Int32Type> =
        rows.clone().map(|row| ["x", "y", "z"][pick(row, 9, 3) as usize]).collect();
    Table::new(vec![
        ("number", Arc::new(Float64Array::from_iter(rows.clone().map(|r| (r % 9 > 0).then(|| uniform(r).exp2()))))),
        ("flag", Arc::new(BooleanArray::from_iter(rows.clone().map(|row| Some(pick(row, 4, 2) == 0))))),
        ("few", text(&|row| some(row, format!("f{}", pick(row, 5, 4))))),
        ("some", text(&|row| some(row, format!("s{}", pick(row, 6, 20))))),
        ("many", text(&|row| some(row, format!("m{}", pick(row, 7, 60))))),
        ("dictionary", Arc::new(dictionary)),
        (
            "moment",
            Arc::new(TimestampSecondArray::from_iter_values(rows.clone().map(|row| pick(row, 8, 1 << 31) as i64))),
        ),
        ("day", text(&|row| Some(format!("2021-{:02}-{:02}", pick(row, 9, 12) + 1, pick(row, 10, 28) + 1)))),
        ("comment", text(&comment)),
        ("id", Arc::new(Int64Array::from_iter_values(rows.clone().map(|row| row as i64)))),
        ("constant", text(&|_| Some("c".to_owned()))),
    ])
}

#[test]
fn each_kind_has_its_features() {
    let table = everything();
    let trees = table.learn(TREES);
    assert_eq!(
        trees.encoder().feature_names().join(" "),
        "number flag few=f0 few=f1 few=f2 few=f3 few.missing some.rank some.mean many.mean many.count dictionary=x \
         dictionary=y dictionary=z moment.days moment.year moment.month moment.day moment.weekday moment.yearday \
         moment.hour moment.minute day.days day.month day.day day.weekday day.yearday comment.length comment.words \
         comment.word=green comment.word=über comment.word=red comment.word=blue"
    );
    let dense = table.learn(DENSE);
    let names = dense.encoder().feature_names();
    for name in [
        "number.missing",
        "some=s19",
        "some.missing",
        "many.mean",
        "many=m19",
        "moment.hour.sin",
        "day.weekday=6",
        "day.days",
        "comment.missing",
    ] {
        assert!(names.iter().any(|given| given == name), "{name} is not in {names:?}");
    }
    let columns = dense.encoder().column_of_feature();
    assert!(names.iter().zip(columns).all(|(name, column)| name.starts_with(table.columns[column].0)));
}

#[test]
fn dense_models_get_finite_numbers_of_a_common_scale() {
    let table = everything();
    let dense = table.learn(DENSE);
    let nulls: Vec<ArrayRef> = table.arrays().iter().map(|array| new_null_array(array.data_type(), 3)).collect();
    let infinite: ArrayRef = Arc::new(Float64Array::from(vec![f64::INFINITY, f64::NEG_INFINITY, f64::NAN]));
    let strange = [vec![infinite], nulls[1..].to_vec()].concat();
    for features in [table.encode(&dense, None), predict(&dense, &nulls), predict(&dense, &strange)] {
        assert!(features.iter().flatten().all(|value| value.abs() <= STANDARD_LIMIT));
    }
}

#[test]
fn large_numbers_keep_the_digits_in_which_they_differ() {
    let hours: ArrayRef = Arc::new(Int64Array::from_iter_values((0..24).map(|hour| 2_011_010_100 + hour)));
    let table = Table::new(vec![("hour", hours)]);
    for encoding in [TREES, Encoding { precision: Precision::F32, ..DENSE }] {
        let features = predict(&table.learn(encoding), &table.arrays());
        let steps = features[0].windows(2).map(|pair| pair[1] - pair[0]).collect::<Vec<_>>();
        assert!(steps.iter().all(|step| (step / steps[0] - 1.0).abs() < 1e-4 && *step > 0.0), "{steps:?}");
    }
}

#[test]
fn what_trees_never_saw_missing_is_the_mean() {
    let numbers = |values: Vec<Option<f64>>| -> ArrayRef { Arc::new(Float64Array::from(values)) };
    let of = |first: Option<f64>| {
        let values = [first].into_iter().chain((1..40).map(|row| Some(f64::from(row) / 10.0))).collect();
        let table = Table::new(vec![("x", numbers(values))]);
        predict(&table.learn(TREES), &[numbers(vec![None, Some(f64::NAN), Some(7.0)])])[0].clone()
    };
    assert_eq!(of(Some(0.0)), [1.95, 1.95, 7.0]);
    assert!(of(None)[..2].iter().all(|value| value.is_nan()));
}

#[test]
fn many_more_categories_are_known_than_come_first() {
    let names = (0..200_000).map(|row| format!("u{}", row % 100_000));
    let table = Table::new(vec![("user", Arc::new(StringArray::from_iter_values(names)))]);
    let counts = &predict(&table.learn(TREES), &[text(&[Some("u0"), Some("u99999"), Some("nobody")])])[1];
    assert_eq!((counts[0], counts[2]), (counts[1], 0.0));
}

#[test]
fn means_are_shrunk_and_counts_are_of_rows() {
    let mut table = Table::new(vec![(
        "city",
        Arc::new(StringArray::from_iter((0..80).map(|row| (row % 40 > 0).then(|| format!("c{}", row % 40))))),
    )]);
    table.target = (0..80).map(|row| if row % 40 == 1 { 13.0 } else { 1.0 }).collect();
    table.folds = (0..80).map(|row| row / 40).collect();
    let encoder = table.learn(TREES);
    let prior = (2.0 * 13.0 + 78.0) / 80.0;
    let given = vec![text(&[Some("c1"), Some("c2"), Some("nowhere"), None])];
    let features = predict(&encoder, &given);
    let expected = [(26.0 + 3.0 * prior) / 5.0, (2.0 + 3.0 * prior) / 5.0, prior, (2.0 + 3.0 * prior) / 5.0];
    assert!(features[0].iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{:?}", features[0]);
    let ln3 = 3f64.ln();
    assert!(features[1].iter().zip([ln3, ln3, 0.0, ln3]).all(|(a, b)| (a - b).abs() < 1e-6));
    // Of the two rows of c1 each sees the other's target, counted twice, since half the folds count.
    let own = table.encode(&encoder, None);
    assert!((own[0][1] - (13.0 + 3.0 * prior) / 4.0).abs() < 1e-6);
    assert!((own[1][1] - ln3).abs() < 1e-6);
    // Without the other fold nothing is left but the mean of its own.
    let alone = table.encode(&encoder, Some(1));
    assert!((alone[0][1] - prior).abs() < 1e-6 && alone[1][1] == 0.0);
}

#[test]
fn linear_models_see_which_of_many_categories_it_is_if_it_is_frequent() {
    let mut names: Vec<String> = (0..300).map(|row| format!("c{}", row % 100)).collect();
    names.extend(["twice", "twice"].map(str::to_owned));
    let table = Table::new(vec![("c", Arc::new(StringArray::from_iter_values(names)))]);
    let encoder = table.learn(DENSE);
    assert_eq!(encoder.encoder().feature_names().len(), 2 + 100);
    let (learned, given) = (table.encode(&encoder, Some(1)), predict(&encoder, &table.arrays()));
    for features in [&learned, &given] {
        let of_row = |row: usize| features[2..].iter().map(|feature| feature[row]).sum::<f64>();
        assert!((0..300).all(|row| of_row(row) == 1.0) && of_row(301) == 0.0);
    }
    assert_ne!(learned[0], given[0], "the means are those of other folds");
    let networks = Encoding { precision: Precision::F32, ..DENSE };
    assert_eq!(table.learn(networks).encoder().feature_names(), ["c.mean", "c.count"]);
    let unseen = predict(&encoder, &[text(&[Some("nowhere"), None])]);
    assert!(unseen[2..].iter().flatten().all(|value| *value == 0.0));
}

#[test]
fn classes_have_a_mean_each_while_they_are_few() {
    let mut table = noise(1000, 100);
    table.task = Task::MulticlassClassification;
    table.target.iter_mut().for_each(|target| *target = (*target * 3.0).floor());
    table.num_classes = 3;
    let encoder = table.learn(TREES);
    assert_eq!(encoder.encoder().feature_names(), ["c.mean0", "c.mean1", "c.mean2", "c.count"]);
    let features = table.encode(&encoder, Some(0));
    assert!((0..1000).all(|row| (features[0][row] + features[1][row] + features[2][row] - 1.0).abs() < 1e-5));
    table.num_classes = 11;
    let encoder = table.learn(TREES);
    assert_eq!(encoder.encoder().feature_names(), ["c.rank", "c.count"]);
    assert!(!encoder.depends_on_target());
    assert_eq!(table.encode(&encoder, Some(0)), table.encode(&encoder, None));
}

#[test]
fn dates_become_the_parts_that_vary() {
    let saturday = Date32Array::from(vec![Some(0), Some(2), None, Some(-365)]);
    let table = Table::new(vec![("d", Arc::new(saturday)), ("n", Arc::new(Int64Array::from(vec![1, 1, 2, 2])))]);
    let encoder = table.learn(TREES);
    let names = encoder.encoder().feature_names();
    assert_eq!(names, ["d.days", "d.year", "d.day", "d.weekday", "d.yearday", "n"]);
    let features = predict(&encoder, &table.arrays());
    assert_eq!(features[0][..2], [0.0, 2.0]);
    assert!(features[0][2].is_nan());
    assert_eq!([features[1][3], features[2][3], features[4][3]], [1969.0, 1.0, 1.0]);
    assert_eq!(features[3][..2], [3.0, 5.0], "1970-01-01 was a Thursday");
    let dense = table.learn(DENSE);
    let names = dense.encoder().feature_names();
    let thursday = names.iter().position(|name| name == "d.weekday=3").unwrap();
    assert_eq!(predict(&dense, &table.arrays())[thursday], [1.0, 0.0, 0.0, 0.0]);
    // The same instants in other types.
    let seconds = TimestampSecondArray::from(vec![Some(0), Some(2 * 86_400), None, Some(-365 * 86_400)]);
    let zoned: ArrayRef = Arc::new(seconds.clone().with_timezone("America/New_York"));
    let nanoseconds = cast(&seconds, &DataType::Timestamp(TimeUnit::Nanosecond, None)).unwrap();
    let texts = text(&[Some("1970-01-01"), Some("1970-01-03 00:00:00"), Some("never"), Some("1969-01-01")]);
    for given in [zoned, nanoseconds, texts, Arc::new(seconds)] {
        let other = predict(&encoder, &[given, Arc::clone(&table.columns[1].1)]);
        assert!(same(&other, &features));
    }
}

#[test]
fn times_of_day_are_hours_and_minutes() {
    let minutes = [90i64, 150, 1439];
    let times = Time64NanosecondArray::from_iter_values(minutes.map(|minute| minute * 60_000_000_000));
    let table = Table::new(vec![("t", Arc::new(times))]);
    let encoder = table.learn(TREES);
    assert_eq!(encoder.encoder().feature_names(), ["t.days", "t.hour", "t.minute"]);
    assert_eq!(predict(&encoder, &table.arrays())[1..], [[1.0, 2.0, 23.0], [30.0, 30.0, 59.0]]);
}

#[test]
fn of_two_categories_the_rarer_has_an_indicator() {
    let table = Table::new(vec![("c", text(&[Some("no"), Some("yes"), Some("no")]))]);
    let encoder = table.learn(DENSE);
    assert_eq!(encoder.encoder().feature_names(), ["c=yes"]);
    assert_eq!(predict(&encoder, &[text(&[Some("yes"), Some("no"), None, Some("?")])]), [[1.0, 0.0, 0.0, 0.0]]);
}

#[test]
fn a_rule_overrides_what_a_column_is() {
    let mut table = everything();
    table.preprocessors = r#"[{"ColumnSet": ["id"], "Transformers": ["Normalizer"]}, {"ColumnSet": ["many"], "Transformers": ["OrdinalEncoder"]},
        {"ColumnSet": ["number"], "Transformers": ["ImputerWithIndicator"]}, {"ColumnSet": ["moment"], "Transformers": ["DateTimeVectorizer"]}]"#;
    let encoder = table.learn(TREES);
    let names = encoder.encoder().feature_names();
    let features = predict(&encoder, &table.arrays());
    let feature = |name: &str| &features[names.iter().position(|given| given == name).expect(name)];
    assert_eq!(feature("id")[199], 1.0);
    assert_eq!(feature("number.missing").iter().sum::<f64>(), 23.0);
    assert!(feature("number").iter().chain(feature("moment.hour")).all(|value| value.is_finite()));
    assert!(feature("many").iter().any(|code| code.is_nan()), "an ordinal code of trees keeps what is missing");
}

#[test]
fn joined_encoders_give_the_features_of_each() {
    let table = everything();
    let (trees, dense) = (table.learn(TREES).encoder().clone(), table.learn(DENSE).encoder().clone());
    let joined = Encoder::concat(vec![trees.clone(), dense.clone()]).unwrap();
    let encode = |encoder: &Encoder| values(&encoder.encode(200, &table.arrays()).unwrap());
    assert!(same(&encode(&joined), &[encode(&trees), encode(&dense)].concat()));
    assert_eq!(joined.feature_names(), [trees.feature_names(), dense.feature_names()].concat());
    assert_eq!(joined.column_of_feature(), [trees.column_of_feature(), dense.column_of_feature()].concat());
    assert_eq!(joined.num_columns(), 11);
    let stored = serde_json::to_string(&joined).unwrap();
    assert_eq!(serde_json::from_str::<Encoder>(&stored).unwrap(), joined);
    let other = noise(10, 3).learn(TREES).encoder().clone();
    assert!(Encoder::concat(vec![trees, other]).is_err());
    assert!(Encoder::concat(vec![]).is_err());
}

#[test]
fn long_texts_are_told_apart_by_their_whole() {
    let long = |end: char| format!("{}{end}", "ä".repeat(300));
    let table = Table::new(vec![("c", text(&[Some(&long('a')), Some(&long('b')), Some(&long('c'))]))]);
    let encoder = table.learn(DENSE);
    let mut features = predict(&encoder, &table.arrays());
    features.sort_by(|a, b| b.partial_cmp(a).unwrap());
    assert_eq!(features, [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]);
    assert!(encoder.encoder().feature_names().iter().all(|name| name.len() < 150));
}

#[test]
fn folds_out_of_range_are_refused() {
    let mut table = noise(100, 3);
    let encoder = table.learn(TREES);
    table.folds[0] = 32;
    assert!(encoder.encode(100, &table.arrays(), &table.folds, None, None).is_err());
    assert!(encoder.encode(100, &table.arrays(), &[0], None, None).is_err());
}

#[test]
fn a_dictionary_is_encoded_as_its_values_are() {
    let dictionary = |array: &ArrayRef| {
        let values = array.data_type().clone();
        cast(array, &DataType::Dictionary(Box::new(DataType::Int32), Box::new(values)))
    };
    let table = everything();
    for encoding in [TREES, DENSE] {
        let encoder = table.learn(encoding);
        let plain = predict(&encoder, &table.arrays());
        let packed: Vec<ArrayRef> =
            table.arrays().iter().map(|array| dictionary(array).unwrap_or_else(|_| Arc::clone(array))).collect();
        assert!(packed.iter().filter(|array| array.as_any_dictionary_opt().is_some()).count() >= 8);
        assert!(same(&predict(&encoder, &packed), &plain));
        let folds = vec![9; 200];
        let unseen_fold = encoder.encode(200, &packed, &folds, None, None).unwrap();
        assert_eq!(
            format!("{:?}", values(&unseen_fold)),
            format!("{plain:?}"),
            "a fold without rows takes nothing away"
        );
    }
}

#[test]
fn texts_that_are_numbers_are_numbers() {
    let charges: ArrayRef = Arc::new(StringArray::from_iter_values((0..100).map(|row| match row {
        7 => String::new(),
        row => format!("{row}.5"),
    })));
    let table = Table::new(vec![("charges", charges)]);
    let trees = predict(&table.learn(TREES), &table.arrays());
    assert_eq!(trees[0][2], 2.5);
    assert!(trees[0][7].is_nan());
    let dense = predict(&table.learn(DENSE), &table.arrays());
    assert_eq!(dense[0][7], 0.0);
    assert!(dense[0][99] > 1.0);
}
