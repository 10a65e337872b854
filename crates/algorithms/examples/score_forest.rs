//! Times the prediction of an XGBoost model, on one thread, with every instruction set of this CPU.
//!
//! `score_forest MODEL.json COLUMNS.f32 ROWS FEATURES [REPEATS] [--margins OUT.f32] [--only SIMD]`, the columns being raw
//! little-endian single precision, one after the other. Prints one line of JSON per instruction set.

#![expect(clippy::print_stdout, reason = "its figures are its output")]

use std::error::Error;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float32Array};
use datafusion_ml_algorithms::XgboostModel;
use datafusion_ml_algorithms::xgboost::InstructionSet;
use datafusion_ml_core::{FeatureColumn, Features};

/// Rows per call, as in DataFusion's batches.
const BATCH: usize = 8192;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let margins_file = match arguments.iter().position(|argument| argument == "--margins") {
        Some(flag) => arguments.drain(flag..).nth(1),
        None => None,
    };
    let only = match arguments.iter().position(|argument| argument == "--only") {
        Some(flag) => arguments.drain(flag..).nth(1),
        None => None,
    };
    let [model, columns, rows, features, rest @ ..] = &arguments[..] else {
        return Err(
            "usage: score_forest MODEL.json COLUMNS.f32 ROWS FEATURES [REPEATS] [--margins OUT.f32] [--only SIMD]"
                .into(),
        );
    };
    let (num_rows, num_features): (usize, usize) = (rows.parse()?, features.parse()?);
    let repeats: usize = rest.first().map_or(Ok(5), |repeats| repeats.parse())?;
    let json = std::fs::read_to_string(model)?;
    let values: Vec<f32> =
        std::fs::read(columns)?.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    let columns: Vec<ArrayRef> = values
        .chunks_exact(num_rows)
        .take(num_features)
        .map(|column| Arc::new(Float32Array::from(column.to_vec())) as ArrayRef)
        .collect();
    let batches = (0..num_rows)
        .step_by(BATCH)
        .map(|start| {
            let rows = BATCH.min(num_rows - start);
            let columns = columns.iter().map(|column| {
                let column = column.slice(start, rows);
                FeatureColumn::F32(arrow::array::AsArray::as_primitive(&column).clone())
            });
            Features::try_new(rows, columns.collect())
        })
        .collect::<Result<Vec<_>, _>>()?;

    let mut reference = None;
    for instruction_set in InstructionSet::available().into_iter().rev() {
        let name = format!("{instruction_set:?}").to_lowercase();
        if only.as_ref().is_some_and(|only| *only != name) {
            continue;
        }
        let model = XgboostModel::from_json(&json)?.with_instruction_set(instruction_set)?;
        let run = || -> Result<Vec<Vec<Vec<f32>>>, Box<dyn Error>> {
            Ok(batches.iter().map(|batch| model.margins(batch)).collect::<Result<Vec<_>, _>>()?)
        };
        let margins = run()?;
        let reference = reference.get_or_insert_with(|| margins.clone());
        let is_equal = margins == *reference;
        let mut times = (0..repeats)
            .map(|_| {
                // The clock ticks every few milliseconds.
                let (start, mut runs, mut elapsed) = (cpu_nanoseconds()?, 0, 0.0);
                while elapsed < 2e8 {
                    std::hint::black_box(run()?);
                    runs += 1;
                    elapsed = cpu_nanoseconds()? - start;
                }
                Ok(elapsed / (runs * num_rows) as f64)
            })
            .collect::<Result<Vec<f64>, Box<dyn Error>>>()?;
        times.sort_by(f64::total_cmp);
        println!(
            r#"{{"simd": "{name}", "cpu_ns_per_row": {:.2}, "best_cpu_ns_per_row": {:.2}, "same_as_portable": {is_equal}}}"#,
            times[repeats / 2],
            times[0],
        );
        if let Some(file) = &margins_file {
            let rows = margins.iter().flat_map(|outputs| {
                (0..outputs[0].len()).flat_map(move |row| outputs.iter().map(move |output| output[row]))
            });
            std::fs::write(file, rows.flat_map(f32::to_le_bytes).collect::<Vec<u8>>())?;
        }
    }
    Ok(())
}

/// The time that this thread has spent on a CPU.
fn cpu_nanoseconds() -> Result<f64, Box<dyn Error>> {
    let statistics = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    Ok(statistics.split_whitespace().next().ok_or("schedstat is empty")?.parse()?)
}
