//! The search from the outside: what it finds on small tables.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::{ArrayRef, Float64Array, StringArray};
use arrow::datatypes::Field;
use datafusion_ml_auto::{ENSEMBLE, Ensemble, Found, Objective, RawBlock, RawRows, SearchSpec, search};
use datafusion_ml_core::conformance::LocalContext;
use datafusion_ml_core::encoder::TableProfiler;
use datafusion_ml_core::{Algorithm, ErrorKind, Preprocessors, Result, Task, TrialStatus};

/// A table in memory.
struct Table {
    names: Vec<&'static str>,
    blocks: Vec<RawBlock>,
}

impl RawRows for Table {
    fn num_rows(&self) -> usize {
        self.blocks.iter().map(|block| block.target.len()).sum()
    }

    fn blocks(&self) -> Box<dyn Iterator<Item = Result<RawBlock>> + Send + '_> {
        Box::new(self.blocks.iter().cloned().map(Ok))
    }
}

/// Numbers in [0, 1) without a pattern (SplitMix64).
fn noise(row: usize, column: u64) -> f64 {
    let mut z =
        (row as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(column.wrapping_mul(0xD1B5_4A32_D192_ED03));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
}

/// A table of two numbers and a colour, from which a score follows; `target` makes the target of score and row.
fn table(rows: usize, target: impl Fn(f64, usize) -> f64) -> Table {
    let mut blocks = Vec::new();
    for first in (0..rows).step_by(300) {
        let range = first..rows.min(first + 300);
        let number = |column: u64| -> Vec<f64> { range.clone().map(|row| noise(row, column) * 4.0 - 2.0).collect() };
        let (a, b) = (number(1), number(2));
        let colour = |row: usize| ["red", "green", "blue"][(noise(row, 3) * 3.0) as usize];
        let colours: Vec<&str> = range.clone().map(colour).collect();
        let score = |i: usize| a[i] * b[i] + f64::from(u8::from(colours[i] == "red"));
        let target = range.clone().enumerate().map(|(i, row)| target(score(i), row)).collect();
        let columns: Vec<ArrayRef> = vec![
            Arc::new(Float64Array::from(a.clone())),
            Arc::new(Float64Array::from(b.clone())),
            Arc::new(StringArray::from(colours.clone())),
        ];
        blocks.push(RawBlock { columns, target });
    }
    Table { names: vec!["a", "b", "colour"], blocks }
}

fn spec(task: Task, num_classes: usize) -> SearchSpec {
    let takes_part = |algorithm: &Arc<dyn Algorithm>| algorithm.name() != "kmeans";
    SearchSpec {
        algorithms: datafusion_ml_algorithms::all().into_iter().filter(takes_part).collect(),
        task,
        num_classes,
        objective: Objective::for_task(None, task).unwrap(),
        cuts_for_f1: false,
        preprocessors: Preprocessors::default(),
        max_candidates: 9,
        max_runtime: None,
    }
}

fn run(table: &Table, spec: &SearchSpec, context: &LocalContext) -> Result<Found> {
    let fields: Vec<Field> = match table.blocks.first() {
        Some(block) => {
            let columns = block.columns.iter().zip(&table.names);
            columns.map(|(column, name)| Field::new(*name, column.data_type().clone(), true)).collect()
        }
        None => Vec::new(),
    };
    let fields: Vec<&Field> = fields.iter().collect();
    let mut profiler = TableProfiler::new(&fields)?;
    for block in &table.blocks {
        profiler.observe(&block.columns)?;
    }
    search(spec, table, &fields, &profiler.finish(), context)
}

fn binary(score: f64, row: usize) -> f64 {
    f64::from(u8::from(score + noise(row, 9) - 0.5 > 0.3))
}

#[test]
fn of_noise_nothing_is_claimed() {
    let table = table(150, |_, row| noise(row, 9));
    let found = run(&table, &spec(Task::Regression, 0), &LocalContext::new(7, 2)).unwrap();
    let targets: Vec<f64> = table.blocks.iter().flat_map(|block| block.target.clone()).collect();
    let mean = targets.iter().sum::<f64>() / targets.len() as f64;
    let variance = targets.iter().map(|y| (y - mean).powi(2)).sum::<f64>() / targets.len() as f64;
    let claimed = found.validation_metric.unwrap() / variance;
    assert!(claimed > 0.97, "an error of {claimed} of the variance");
}

#[test]
fn two_classes_are_told_apart_and_the_model_survives_its_artifact() {
    let table = table(1500, binary);
    let found = run(&table, &spec(Task::BinaryClassification, 2), &LocalContext::new(7, 2)).unwrap();
    assert!(found.validation_metric.unwrap() > 0.9, "{:?}", found.validation_metric);
    assert_eq!(found.rows_validated, 1500);
    assert!((found.trials.iter().map(|trial| trial.weight).sum::<f64>() - 1.0).abs() < 1e-9);
    assert!(found.trials.iter().any(|trial| trial.status == TrialStatus::Stopped), "halving stops some");
    assert!(!found.rounds.is_empty());
    let parameters = found.model.parameters().unwrap();
    let algorithms = datafusion_ml_algorithms::all();
    let loader: Arc<dyn Algorithm> = match algorithms.iter().find(|algorithm| algorithm.name() == found.algorithm) {
        Some(algorithm) => Arc::clone(algorithm),
        None => Arc::new(Ensemble::new(algorithms)),
    };
    let loaded = loader.load(parameters).unwrap();
    let block = &table.blocks[0];
    let features = found.encoder.encode(block.target.len(), &block.columns).unwrap();
    assert!(loaded.predict(&features).unwrap() == found.model.predict(&features).unwrap(), "to the bit");
}

#[test]
fn the_same_seed_finds_the_same_model_on_any_number_of_threads() {
    let table = table(300, |score, row| score.sin() + 0.3 * noise(row, 9));
    let spec = spec(Task::Regression, 0);
    let found = [1, 2].map(|threads| run(&table, &spec, &LocalContext::new(7, threads)).unwrap());
    assert!(found[0].model.parameters().unwrap() == found[1].model.parameters().unwrap());
    assert_eq!(found[0].notes, found[1].notes);
    let other = run(&table, &spec, &LocalContext::new(8, 2)).unwrap();
    assert!(found[0].model.parameters().unwrap() != other.model.parameters().unwrap());
}

#[test]
fn targets_far_from_zero_are_learned_as_well_as_others() {
    let near = table(900, |score, row| score + 0.3 * noise(row, 9));
    let far = table(900, |score, row| 1.7e9 + score + 0.3 * noise(row, 9));
    let mut spec = SearchSpec { max_candidates: 3, ..spec(Task::Regression, 0) };
    // In single precision 1.7e9 is followed by 1.7e9 + 128.
    spec.algorithms.retain(|algorithm| algorithm.name() == "xgboost");
    let [near, far] = [near, far].map(|table| run(&table, &spec, &LocalContext::new(7, 2)).unwrap());
    let [near, far] = [near.validation_metric.unwrap(), far.validation_metric.unwrap()];
    assert!((far / near - 1.0).abs() < 0.05, "{far} beside {near}");
}

#[test]
fn targets_close_to_each_other_are_learned_as_well_as_others() {
    let of = |unit: f64| {
        let table = table(900, |score, row| unit * (score + 0.3 * noise(row, 9)));
        let mut spec = SearchSpec { max_candidates: 3, ..spec(Task::Regression, 0) };
        spec.algorithms.retain(|algorithm| algorithm.name() == "xgboost");
        run(&table, &spec, &LocalContext::new(7, 2)).unwrap().validation_metric.unwrap() / unit / unit
    };
    let (of_one, of_little) = (of(1.0), of(1e-6));
    assert!((of_little / of_one - 1.0).abs() < 0.05, "{of_little} beside {of_one}");
}

#[test]
fn categories_of_many_values_tell_many_classes_apart() {
    let code = |row: usize| (noise(row, 4) * 60.0) as usize;
    let mut table = table(1_200, |_, row| (code(row) * 7 % 12) as f64);
    let mut first = 0;
    for block in &mut table.blocks {
        let codes = (first..first + block.target.len()).map(|row| Some(format!("p{}", code(row))));
        block.columns[2] = Arc::new(codes.collect::<StringArray>());
        first += block.target.len();
    }
    for algorithm in ["xgboost", "mlp", "linear_learner"] {
        let mut spec = SearchSpec { max_candidates: 1, ..spec(Task::MulticlassClassification, 12) };
        spec.algorithms.retain(|other| other.name() == algorithm);
        let accuracy = run(&table, &spec, &LocalContext::new(7, 2)).unwrap().validation_metric.unwrap();
        assert!(accuracy > 0.95, "{algorithm}: {accuracy}");
    }
}

#[test]
fn tiny_tables_give_a_model_or_say_what_is_wrong() {
    for rows in [1, 2, 3, 5, 20] {
        for (task, classes) in
            [(Task::Regression, 0), (Task::BinaryClassification, 2), (Task::MulticlassClassification, 3)]
        {
            let target = |score: f64, row: usize| match task {
                Task::Regression => score,
                _ => (row % classes) as f64,
            };
            match run(&table(rows, target), &spec(task, classes), &LocalContext::new(7, 2)) {
                Ok(found) => assert!(found.validation_metric.is_none_or(f64::is_finite), "{task} of {rows} rows"),
                Err(error) => assert_eq!(error.kind(), ErrorKind::Data, "{task} of {rows} rows: {error}"),
            }
        }
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the promise is about the clock")]
fn a_short_runtime_still_gives_a_model() {
    let table = table(5_000, binary);
    let spec = SearchSpec { max_runtime: Some(Duration::from_millis(1)), ..spec(Task::BinaryClassification, 2) };
    let started = Instant::now();
    let found = run(&table, &spec, &LocalContext::new(7, 2)).unwrap();
    assert!(found.stopped_early);
    assert_ne!(found.algorithm, ENSEMBLE, "there was time for one model at most");
    assert!(started.elapsed() < Duration::from_secs(60));
}

#[test]
fn a_cancelled_search_ends() {
    let table = table(700, binary);
    for checkpoints in [0, 1, 5, 50] {
        let context = LocalContext::new(7, 2).cancelled_after(checkpoints);
        let error = run(&table, &spec(Task::BinaryClassification, 2), &context).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Cancelled);
    }
}

#[test]
fn an_ensemble_adds_its_members_contributions_up() {
    let table = table(900, |score, row| score + noise(row, 9));
    let mut spec = spec(Task::Regression, 0);
    spec.algorithms.retain(|algorithm| algorithm.name() == "linear_learner");
    let found = run(&table, &spec, &LocalContext::new(7, 2)).unwrap();
    let block = &table.blocks[0];
    let features = found.encoder.encode(block.target.len(), &block.columns).unwrap();
    let (raw, parts) = (found.model.raw(&features).unwrap(), found.model.contributions(&features).unwrap());
    for (raw, parts_of_row) in raw.values.iter().zip(parts.values.chunks_exact(parts.num_features)) {
        assert!((parts.base[0] + parts_of_row.iter().sum::<f64>() - raw).abs() < 1e-9);
    }
}
