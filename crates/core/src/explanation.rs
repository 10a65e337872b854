//! What the user's columns contributed: to one prediction, and over many rows.
//!
//! A [`Model`] gives Shapley values per feature. They are additive, so those of the features that one column became
//! (one-hot indicators, parts of a date) add up to the value of the column.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Float64Array, ListArray, StringArray, StructArray, UInt32Array};
use arrow::buffer::OffsetBuffer;
use arrow::compute::{cast, interleave, take};
use arrow::datatypes::{DataType, Field, Fields};

use crate::{
    Contributions, Encoder, Error, ErrorKind, Features, FitContext, FittedModel, Importance, Model, Result, Task,
    TrainingData,
};

/// The importance of columns is taken over at most this many rows.
const IMPORTANCE_ROWS: usize = 1_000;

/// And over fewer if more predictions than this would have to be made of a model that can only be asked.
const IMPORTANCE_PREDICTIONS: usize = 2_000_000;

/// It takes no more Shapley values than this, however many classes there are.
const IMPORTANCE_VALUES: usize = 50_000_000;

/// After so many rows, or predictions if a row takes several, it looks whether there is time for more.
const PREDICTIONS_BETWEEN_LOOKS: usize = 128;

/// So many Shapley values are held at a time.
const VALUES_AT_A_TIME: usize = 1 << 20;

/// The values of `contributions` added up per column: `[(row * num_outputs + output) * num_columns + column]`.
fn by_column(
    contributions: &Contributions,
    num_rows: usize,
    column_of_feature: &[usize],
    num_columns: usize,
) -> Result<Vec<f64>> {
    let (outputs, features) = (contributions.num_outputs, column_of_feature.len());
    let bases = [outputs, num_rows * outputs];
    let fits = contributions.values.len() == num_rows * outputs * features && outputs > 0;
    if !fits || contributions.num_features != features || !bases.contains(&contributions.base.len()) {
        return Err(Error::internal(format!("contributions do not fit {num_rows} rows of {features} features")));
    }
    let mut sums = vec![0.0; num_rows * outputs * num_columns];
    if features > 0 {
        for (sums, values) in sums.chunks_exact_mut(num_columns).zip(contributions.values.chunks_exact(features)) {
            for (value, column) in values.iter().zip(column_of_feature) {
                sums[*column] += value;
            }
        }
    }
    Ok(sums)
}

/// Ranges of rows for which the Shapley values of all outputs and features are no more than [`VALUES_AT_A_TIME`].
fn tiles(num_rows: usize, values_per_row: usize) -> impl Iterator<Item = Range<usize>> {
    let step = (VALUES_AT_A_TIME / values_per_row.max(1)).max(1);
    (0..num_rows).step_by(step).map(move |start| start..(start + step).min(num_rows))
}

impl Importance {
    /// The importance of the columns of `encoder` to `model`. `sample` gives a random sample of that many training rows,
    /// encoded; fewer are explained if the context's deadline comes first. `None` if this kind of model cannot say, or
    /// there is no row.
    pub fn of<D: TrainingData>(
        model: &dyn Model,
        encoder: &Encoder,
        sample: impl Fn(usize) -> D,
        context: &dyn FitContext,
    ) -> Result<Option<Self>> {
        let mut data = sample(IMPORTANCE_ROWS);
        let Some(first) = first_row(&data)? else { return Ok(None) };
        let (column_of_feature, num_columns) = (encoder.column_of_feature(), encoder.num_columns());
        let probe = match model.grouped_contributions(&first, &column_of_feature) {
            Ok(probe) => probe,
            Err(e) if e.kind() == ErrorKind::Invalid => return Ok(None),
            Err(e) => return Err(e),
        };
        by_column(&probe, 1, &column_of_feature, num_columns)?;
        let values_per_row = probe.num_outputs * probe.num_features;
        let predictions = model.predictions_per_explanation(num_columns).max(1);
        let most = (IMPORTANCE_VALUES / values_per_row.max(1))
            .min(IMPORTANCE_PREDICTIONS / predictions)
            .clamp(1, IMPORTANCE_ROWS);
        if most < IMPORTANCE_ROWS {
            data = sample(most);
        }
        let rows_between_looks = (PREDICTIONS_BETWEEN_LOOKS / predictions).clamp(1, PREDICTIONS_BETWEEN_LOOKS);
        let mut sums = vec![0.0; probe.num_outputs * num_columns];
        // What base values exceed those of the first row by, which is nothing with most models.
        let mut excess = vec![0.0; probe.num_outputs];
        let (mut rows, mut squared_errors) = (0, 0.0);
        for block in data.blocks() {
            let features = block?.features;
            for tile in tiles(features.num_rows(), values_per_row.max(VALUES_AT_A_TIME / rows_between_looks)) {
                context.checkpoint()?;
                if rows > 0 && context.is_late() {
                    break;
                }
                let contributions = model.grouped_contributions(&features.slice(tile.clone()), &column_of_feature)?;
                if contributions.num_outputs != probe.num_outputs {
                    return Err(Error::internal("a model's number of outputs differs from row to row"));
                }
                let values = by_column(&contributions, tile.len(), &column_of_feature, num_columns)?;
                for row in values.chunks_exact(sums.len().max(1)) {
                    sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += value.abs());
                }
                for row in 0..tile.len() {
                    for (output, excess) in excess.iter_mut().enumerate() {
                        *excess += contributions.base_of(row, output) - probe.base[output];
                    }
                }
                rows += tile.len();
                squared_errors += contributions.sampling_error.map_or(0.0, |error| error * error * tile.len() as f64);
            }
        }
        let mean = |sum: &f64| sum / rows as f64;
        let importance = Self {
            values: sums.chunks(num_columns.max(1)).map(|sums| sums.iter().map(mean).collect()).collect(),
            expected: probe.base.iter().zip(&excess).map(|(base, excess)| base + mean(excess)).collect(),
            rows: rows as u64,
            sampling_error: probe.sampling_error.map(|_| mean(&squared_errors).sqrt()),
        };
        let finite = importance.values.iter().flatten().chain(&importance.expected).all(|value| value.is_finite());
        Ok(Some(importance).filter(|_| finite && rows > 0))
    }
}

/// The first row of the data.
fn first_row(data: &dyn TrainingData) -> Result<Option<Features>> {
    for block in data.blocks() {
        let features = block?.features;
        if features.num_rows() > 0 {
            return Ok(Some(features.slice(0..1)));
        }
    }
    Ok(None)
}

impl FittedModel {
    /// Whether [`Self::explain`] gives an answer.
    pub fn has_contributions(&self) -> bool {
        self.manifest().importance.is_some()
    }

    /// The type of [`Self::explain`]: `Struct<base_value: Float64, prediction: Float64, contributions: List<Struct<feature:
    /// Utf8, value: Utf8, contribution: Float64>>>`, for several classes with `label: Utf8` in front.
    pub fn explanation_type(&self) -> DataType {
        DataType::Struct(explanation_fields(self.manifest().task))
    }

    /// What each column contributed to each row's raw output ([`crate::RawOutputs`]: a number, the log-odds of the second
    /// class, or the score of the predicted one of several): columns with their values by the size of what they
    /// contributed, descending (ties by position); `base_value` and all contributions add up to `prediction`.
    pub fn explain(&self, num_rows: usize, columns: &[ArrayRef]) -> Result<ArrayRef> {
        let encoder = &self.manifest().encoder;
        let ranked = self.rank_contributions(&encoder.encode(num_rows, columns)?)?;
        let positions = ranked.column_and_row.iter().map(|(column, _)| *column as u32);
        let names = StringArray::from_iter_values(encoder.column_names());
        let names = take(&names, &UInt32Array::from_iter_values(positions), None)?;
        let texts = columns.iter().map(|column| Ok(cast(column, &DataType::Utf8)?)).collect::<Result<Vec<_>>>()?;
        let texts: Vec<&dyn Array> = texts.iter().map(AsRef::as_ref).collect();
        let texts = interleave(&texts, &ranked.column_and_row)?;
        let items = StructArray::try_new(item_fields(), vec![names, texts, floats(ranked.contribution)], None)?;
        let offsets = OffsetBuffer::from_repeated_length(encoder.num_columns(), num_rows);
        let list = ListArray::try_new(Arc::new(item_field()), offsets, Arc::new(items), None)?;
        let mut arrays: Vec<ArrayRef> = vec![floats(ranked.base), floats(ranked.prediction), Arc::new(list)];
        if let (Some(target), Some(classes)) = (&self.manifest().target, ranked.classes) {
            arrays.insert(0, take(&StringArray::from(target.labels()), &UInt32Array::from(classes), None)?);
        }
        Ok(Arc::new(StructArray::try_new(explanation_fields(self.manifest().task), arrays, None)?))
    }

    fn rank_contributions(&self, features: &Features) -> Result<Ranked> {
        let Some(importance) = &self.manifest().importance else {
            return Err(Error::invalid("this kind of model cannot say what its columns contributed"));
        };
        let (encoder, num_rows) = (&self.manifest().encoder, features.num_rows());
        let (column_of_feature, num_columns) = (encoder.column_of_feature(), encoder.num_columns());
        let several_classes = self.manifest().task == Task::MulticlassClassification;
        let mut ranked = Ranked {
            classes: if several_classes { self.model().predict(features)?.classes() } else { None },
            base: Vec::with_capacity(num_rows),
            prediction: Vec::with_capacity(num_rows),
            contribution: Vec::with_capacity(num_rows * num_columns),
            column_and_row: Vec::with_capacity(num_rows * num_columns),
        };
        let mut order: Vec<usize> = (0..num_columns).collect();
        for tile in tiles(num_rows, importance.expected.len() * features.num_features()) {
            let contributions =
                self.model().grouped_contributions(&features.slice(tile.clone()), &column_of_feature)?;
            let values = by_column(&contributions, tile.len(), &column_of_feature, num_columns)?;
            let outputs = contributions.num_outputs;
            for (position, row) in tile.enumerate() {
                let output = ranked.classes.as_ref().map_or(0, |classes| classes[row] as usize);
                if output >= outputs {
                    return Err(Error::internal(format!("class {output} of a model with {outputs} outputs")));
                }
                let start = (position * outputs + output) * num_columns;
                let values = &values[start..start + num_columns];
                let base = contributions.base_of(position, output);
                ranked.base.push(base);
                ranked.prediction.push(base + values.iter().sum::<f64>());
                order.sort_unstable_by(|a, b| values[*b].abs().total_cmp(&values[*a].abs()).then(a.cmp(b)));
                ranked.contribution.extend(order.iter().map(|column| values[*column]));
                ranked.column_and_row.extend(order.iter().map(|column| (*column, row)));
            }
        }
        Ok(ranked)
    }
}

/// What columns contributed to each row's output, the largest contribution of a row first.
struct Ranked {
    /// The class that is explained, if there are several outputs.
    classes: Option<Vec<u32>>,
    base: Vec<f64>,
    prediction: Vec<f64>,
    /// `contribution[row * num_columns + rank]`.
    contribution: Vec<f64>,
    /// The column of each contribution, and its row.
    column_and_row: Vec<(usize, usize)>,
}

fn floats(values: Vec<f64>) -> ArrayRef {
    Arc::new(Float64Array::from(values))
}

fn item_fields() -> Fields {
    Fields::from(vec![
        Field::new("feature", DataType::Utf8, true),
        Field::new("value", DataType::Utf8, true),
        Field::new("contribution", DataType::Float64, true),
    ])
}

fn item_field() -> Field {
    Field::new_list_field(DataType::Struct(item_fields()), true)
}

fn explanation_fields(task: Task) -> Fields {
    let label = (task == Task::MulticlassClassification).then(|| Field::new("label", DataType::Utf8, true));
    let numbers = ["base_value", "prediction"].map(|name| Field::new(name, DataType::Float64, true));
    label.into_iter().chain(numbers).chain([Field::new_list("contributions", item_field(), true)]).collect()
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;
    use crate::conformance::LocalContext;
    use crate::encoder::EncoderBuilder;
    use crate::encoder::{CategoryEncoding, Encoding, MissingValues, Precision};
    use crate::{InMemoryData, Parameters, Prediction, Preprocessors, TrainingBlock};

    /// A model whose features contribute what they are, if it knows.
    #[derive(Debug)]
    struct Identity {
        knows: bool,
        sampling_error: Option<f64>,
        predictions: usize,
    }

    impl Model for Identity {
        fn predict(&self, _: &Features) -> Result<Prediction> {
            Err(Error::internal("not asked"))
        }

        fn contributions(&self, features: &Features) -> Result<Contributions> {
            if !self.knows {
                return Err(Error::invalid("it does not know"));
            }
            let (rows, num_features) = (features.num_rows(), features.num_features());
            let mut values = vec![0.0; rows * num_features];
            for (index, column) in features.columns().iter().enumerate() {
                for (row, value) in column.f64s(0..rows, &mut Vec::new()).iter().enumerate() {
                    values[row * num_features + index] = *value;
                }
            }
            let sampling_error = self.sampling_error;
            Ok(Contributions { num_outputs: 1, num_features, base: vec![5.0], values, sampling_error })
        }

        fn predictions_per_explanation(&self, _: usize) -> usize {
            self.predictions
        }

        fn parameters(&self) -> Result<Parameters> {
            Err(Error::internal("not asked"))
        }
    }

    /// The importance by that model of a column of -1, 2 and one of the texts a, b, c, d, one-hot; and how many rows were
    /// asked for.
    fn importance(model: &Identity) -> (Option<Importance>, Vec<usize>) {
        let columns: [ArrayRef; 2] = [
            Arc::new(Float64Array::from(vec![-1.0, 2.0, -1.0, 2.0])),
            Arc::new(StringArray::from(vec!["a", "b", "c", "d"])),
        ];
        let fields = [Field::new("x", DataType::Float64, true), Field::new("t", DataType::Utf8, true)];
        let encoding =
            Encoding { categories: CategoryEncoding::OneHot, missing: MissingValues::Keep, precision: Precision::F64 };
        let mut builder =
            EncoderBuilder::new(&fields.iter().collect::<Vec<_>>(), encoding, &Preprocessors::default()).unwrap();
        builder.observe(&columns).unwrap();
        let encoder = builder.finish();
        let asked = RefCell::new(Vec::new());
        let sample = |rows: usize| {
            asked.borrow_mut().push(rows);
            let block = TrainingBlock::try_new(encoder.encode(4, &columns).unwrap(), Vec::new()).unwrap();
            InMemoryData::new(encoder.feature_names(), vec![block.clone(), block])
        };
        let importance = Importance::of(model, &encoder, sample, &LocalContext::new(0, 1)).unwrap();
        (importance, asked.into_inner())
    }

    #[test]
    fn importance_is_the_mean_size_of_what_each_column_contributed() {
        let (importance, asked) = importance(&Identity { knows: true, sampling_error: None, predictions: 1 });
        let expected = Importance { values: vec![vec![1.5, 1.0]], expected: vec![5.0], rows: 8, sampling_error: None };
        assert_eq!((importance, asked), (Some(expected), vec![1_000]));
    }

    #[test]
    fn dear_values_are_asked_of_fewer_rows_and_sampled_ones_say_how_far_off_they_are() {
        let (found, asked) = importance(&Identity { knows: true, sampling_error: Some(0.25), predictions: 20_000 });
        assert_eq!((found.unwrap().sampling_error, asked), (Some(0.25), vec![1_000, 100]));
        assert_eq!(importance(&Identity { knows: false, sampling_error: None, predictions: 1 }).0, None);
    }

    #[test]
    fn the_features_of_a_column_add_up_to_what_the_column_contributed() {
        // Two rows, two outputs; feature 0 is column 0, features 1 and 2 are column 1, no feature is column 2.
        let contributions = Contributions {
            num_outputs: 2,
            num_features: 3,
            base: vec![0.0, 0.0],
            values: vec![1.0, 2.0, 3.0, 4.0, 5.0, -6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0],
            sampling_error: None,
        };
        let sums = by_column(&contributions, 2, &[0, 1, 1], 3).unwrap();
        assert_eq!(sums, [1.0, 5.0, 0.0, 4.0, -1.0, 0.0, 7.0, 17.0, 0.0, 10.0, 23.0, 0.0]);
        assert!(by_column(&contributions, 3, &[0, 1, 1], 3).is_err());
        assert!(by_column(&contributions, 2, &[0, 1], 3).is_err());
    }

    #[test]
    fn tiles_cover_every_row_once_and_hold_no_more_values_than_they_may() {
        for values_per_row in [0, 1, 1000, 700_000, 10_000_000] {
            let tiles: Vec<_> = tiles(5000, values_per_row).collect();
            assert_eq!(tiles.iter().map(Range::len).sum::<usize>(), 5000);
            assert!(tiles.windows(2).all(|pair| pair[0].end == pair[1].start));
            assert!(tiles.iter().all(|tile| tile.len() == 1 || tile.len() * values_per_row <= VALUES_AT_A_TIME));
        }
    }
}
