//! Rows held out say how training goes and when it ends.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use datafusion_ml_algorithms::Xgboost;
use datafusion_ml_core::{
    Algorithm, Features, FitContext, FitRequest, InMemoryData, Model, Options, RawOutputs, Result, Task, TrainingBlock,
    WithValidation,
};

/// A fit's surroundings that keep what is taken down.
struct Context {
    threads: usize,
    records: Mutex<Vec<Record>>,
}

/// A round with its metrics.
type Record = (usize, Vec<(String, f64)>);

impl FitContext for Context {
    fn seed(&self) -> u64 {
        3
    }

    fn threads(&self) -> usize {
        self.threads
    }

    fn progress(&self, _: f64, _: &str, _: Option<(&str, f64)>) {}

    fn record(&self, step: usize, metrics: &[(&str, f64)]) {
        let metrics = metrics.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
        self.records.lock().unwrap().push((step, metrics));
    }

    fn checkpoint(&self) -> Result<()> {
        Ok(())
    }

    fn deadline(&self) -> Option<Instant> {
        None
    }

    fn reserve(&self, _: usize) -> Result<()> {
        Ok(())
    }
}

/// Three columns, one of them with missing values, and a noisy target that follows from two of them.
fn rows(first: usize, count: usize, task: Task) -> (Features, Vec<f64>) {
    let number = |row: usize, factor: f64| ((row + 1) as f64 * factor).fract() as f32;
    let column = |factor: f64| (first..first + count).map(|row| number(row, factor)).collect::<Vec<f32>>();
    let mut columns = vec![column(0.618_033_988_75), column(0.414_213_562_37), column(0.732_050_807_57)];
    columns[1].iter_mut().step_by(7).for_each(|value| *value = f32::NAN);
    let noise = column(0.236_067_977_5);
    let target = (0..count).map(|row| {
        let score = f64::from(columns[0][row] + columns[1][row].max(0.0) * 0.5 + 0.8 * noise[row]);
        match task {
            Task::BinaryClassification => f64::from(u8::from(score > 0.9)),
            Task::MulticlassClassification => (score * 1.5).floor().min(2.0),
            _ => score,
        }
    });
    let target = target.collect();
    (Features::from_f32(columns).unwrap(), target)
}

fn data((features, target): (Features, Vec<f64>)) -> InMemoryData {
    let names = (0..features.num_features()).map(|feature| format!("x{feature}")).collect();
    InMemoryData::new(names, vec![TrainingBlock::try_new(features, target).unwrap()])
}

fn fit(task: Task, threads: usize, options: &[(&str, &str)]) -> (Arc<dyn Model>, Vec<Record>) {
    let num_classes = match task {
        Task::BinaryClassification => 2,
        Task::MulticlassClassification => 3,
        _ => 0,
    };
    let options = Options::parse(Xgboost.options(), options.iter().copied()).unwrap();
    let request = FitRequest { task, num_classes, objective: None, options };
    let context = Context { threads, records: Mutex::default() };
    let (training, validation) = (data(rows(0, 600, task)), data(rows(600, 5_000, task)));
    let held_out = WithValidation { training: &training, validation: &validation };
    let model = Xgboost.fit(&held_out, &request, &context).unwrap();
    (model, context.records.into_inner().unwrap())
}

fn series(records: &[Record], name: &str) -> Vec<f64> {
    let of = |(_, metrics): &Record| metrics.iter().find(|(known, _)| known == name).unwrap().1;
    records.iter().map(of).collect()
}

#[test]
fn training_ends_when_rows_held_out_say_so_and_the_best_round_is_kept() {
    for (task, deciding) in [
        (Task::Regression, "validation:rmse"),
        (Task::BinaryClassification, "validation:logloss"),
        (Task::MulticlassClassification, "validation:logloss"),
    ] {
        let (model, records) = fit(task, 1, &[("num_round", "200"), ("early_stopping_rounds", "6")]);
        let values = series(&records, deciding);
        let best = (0..values.len()).min_by(|a, b| values[*a].total_cmp(&values[*b])).unwrap() + 1;
        assert!(best > 1 && records.len() == best + 6, "{task}: {best} of {} rounds", records.len());
        assert_eq!(model.rounds(), Some(best));
        assert!(!model.stopped_early(), "the time was not up");
        assert_eq!(records.iter().map(|(round, _)| *round).collect::<Vec<_>>(), (1..=best + 6).collect::<Vec<_>>());

        // The model is that of so many rounds, to the bit, and on any number of threads.
        let (shorter, _) = fit(task, 1, &[("num_round", &best.to_string())]);
        let (other, of_other) = fit(task, 3, &[("num_round", "200"), ("early_stopping_rounds", "6")]);
        let (features, _) = rows(600, 5_000, task);
        assert_eq!(model.predict(&features).unwrap(), shorter.predict(&features).unwrap());
        assert_eq!(model.parameters().unwrap(), other.parameters().unwrap());
        assert_eq!(records, of_other);
    }
}

#[test]
fn the_metrics_of_rows_held_out_are_those_of_the_model() {
    for task in [Task::Regression, Task::BinaryClassification, Task::MulticlassClassification] {
        let (model, records) = fit(task, 2, &[("num_round", "12")]);
        assert_eq!((records.len(), model.rounds()), (12, Some(12)));
        let request = FitRequest {
            task,
            num_classes: 3,
            objective: None,
            options: Options::parse(Xgboost.options(), []).unwrap(),
        };
        let metric = Xgboost.metric(&request).unwrap();
        let mut log_loss = vec![(metric, format!("validation:{}", metric.name()))];
        if task.is_classification() {
            log_loss.push((datafusion_ml_core::Metric::LogLoss, "validation:logloss".to_owned()));
        }
        for (metric, name) in log_loss {
            let (features, target) = rows(600, 5_000, task);
            let mut accumulator = metric.accumulator();
            accumulator.add(&model.predict(&features).unwrap(), &target).unwrap();
            let (computed, recorded) = (accumulator.finish(), series(&records, &name)[11]);
            assert!((computed - recorded).abs() < 1e-6, "{task} {name}: {recorded} instead of {computed}");
        }
        let train = series(&records, &format!("train:{}", metric.name()));
        assert!(train[11] < train[0]);
    }
}

#[test]
fn raw_outputs_are_the_margins() {
    for (task, objective) in [
        (Task::Regression, "reg:tweedie"),
        (Task::Regression, "reg:squarederror"),
        (Task::BinaryClassification, "binary:logistic"),
        (Task::MulticlassClassification, "multi:softmax"),
    ] {
        let (features, target) = rows(0, 300, task);
        let options = Options::parse(Xgboost.options(), [("num_round", "9")]).unwrap();
        let request = FitRequest { task, num_classes: 3, objective: Some(objective.to_owned()), options };
        let context = Context { threads: 1, records: Mutex::default() };
        let model = Xgboost.fit(&data((features.clone(), target)), &request, &context).unwrap();
        let raw = model.raw(&features).unwrap();
        let predicted = RawOutputs::try_from(model.predict(&features).unwrap()).unwrap();
        assert_eq!(raw.num_outputs, predicted.num_outputs);
        let rows = raw.values.chunks(raw.num_outputs).zip(predicted.values.chunks(raw.num_outputs));
        for (raw, predicted) in rows {
            // Several classes' raw outputs are known up to a number common to a row.
            let common = if raw.len() > 1 { raw[0] - predicted[0] } else { 0.0 };
            for (raw, predicted) in raw.iter().zip(predicted) {
                let expected = if objective == "reg:tweedie" { predicted.ln() } else { predicted + common };
                assert!((raw - expected).abs() < 1e-6, "{objective}: {raw} instead of {expected}");
            }
        }
    }
}

#[test]
fn a_hinge_has_no_raw_outputs() {
    let task = Task::BinaryClassification;
    let options = Options::parse(Xgboost.options(), [("num_round", "2")]).unwrap();
    let request = FitRequest { task, num_classes: 2, objective: Some("binary:hinge".to_owned()), options };
    let context = Context { threads: 1, records: Mutex::default() };
    let (features, target) = rows(0, 100, task);
    let model = Xgboost.fit(&data((features.clone(), target)), &request, &context).unwrap();
    assert!(model.raw(&features).unwrap_err().message().contains("binary:logistic"));
}
