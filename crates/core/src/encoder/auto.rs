//! The encoder that AUTO ON learns: what each column becomes follows from what it is.
//!
//! | kind | trees (missing values kept) | dense models (missing values imputed) |
//! |---|---|---|
//! | number, boolean | as it is; large ones by what they exceed the least one; the mean for what is missing where nothing was in training | centred, scaled and bounded, of skewed ones the logarithm, too; whether it is missing |
//! | category | one indicator each up to [`MAX_INDICATORS`] categories, else rank by frequency and mean target | one indicator each |
//! | high cardinality | mean target, logarithm of the number of rows; of more than [`MAX_MEAN_CLASSES`] classes rank by frequency instead of means | means and rows, scaled; for linear models, and where there are no means, indicators of frequent categories, too |
//! | date and time | the parts that vary, days since 1970 | days and year scaled, weekdays as indicators, others as sine and cosine; whether it is missing |
//! | text | characters, words, indicators of frequent words | the same, lengths scaled; whether it is missing |
//! | identifier, constant | nothing | nothing |
//!
//! A column that PREPROCESSORS names is encoded as it says, whatever its kind. A category that training did not see is
//! none of the known: it has no indicator, no rows and the mean target of all rows. NULL is a category of its own if
//! training saw it, and otherwise as an unseen one. Whether a value is missing is a feature where one was in training.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Float64Type};

use super::categories::{Categories, TextMap, for_each_text, shortened};
use super::column::{ColumnEncoder, Scaling, Transform};
use super::dates::DatesLearner;
use super::learn::ColumnPlan;
use super::levels::{Level, LevelsLearner, MAX_FOLDS, OutOfFold, Outputs};
use super::profile::{ColumnKind, ColumnProfile};
use super::standard::StandardLearner;
use super::words::WordsLearner;
use super::{Encoder, Encoding, MissingValues, Precision};
use crate::{Error, Features, Preprocessors, Result, Task};

/// Up to this many categories become one indicator each for trees.
pub const MAX_INDICATORS: u64 = 8;

/// From here on single precision, in which trees compare, does not tell all integers apart.
const LARGE: f64 = (1 << 24) as f64;

/// All columns of high cardinality together become at most this many indicators for linear models, and a fourth of them for networks,
const MAX_FREQUENT: usize = 768;

/// and at most this many cells,
const FREQUENT_CELLS: usize = 4_000_000;

/// of categories that have at least so many rows.
const FREQUENT_ROWS: f64 = 3.0;

/// Up to this many classes have a mean target each.
pub const MAX_MEAN_CLASSES: usize = 10;

/// An encoder in the making.
#[derive(Debug)]
pub struct AutoEncoderBuilder {
    encoding: Encoding,
    columns: Vec<AutoColumn>,
    /// How many indicators a column of high cardinality may have.
    max_frequent: usize,
}

#[derive(Debug)]
struct AutoColumn {
    name: String,
    data_type: DataType,
    /// Whether a further feature says that the value was missing.
    indicator: bool,
    learner: Learner,
}

/// The finite numbers of a column, and whether all are.
#[derive(Debug)]
struct Range {
    min: f64,
    max: f64,
    sum: f64,
    count: usize,
    has_missing: bool,
}

impl Range {
    const EMPTY: Self = Self { min: f64::INFINITY, max: f64::NEG_INFINITY, sum: 0.0, count: 0, has_missing: false };

    fn observe(&mut self, array: &ArrayRef) -> Result<()> {
        let numbers = cast(array, &DataType::Float64)?;
        for value in numbers.as_primitive::<Float64Type>() {
            let value = value.unwrap_or(f64::NAN);
            self.has_missing |= value.is_nan();
            if value.is_finite() {
                self.min = self.min.min(value);
                self.max = self.max.max(value);
                self.sum += value;
                self.count += 1;
            }
        }
        Ok(())
    }

    /// What trees see. A tree has not learned where to send what is missing if nothing was: it is the mean then.
    fn transform(&self) -> Transform {
        let is_large = self.min.abs().max(self.max.abs()) > LARGE;
        let scaling = (self.count > 0 && is_large).then_some(Scaling { offset: self.min, factor: 1.0 });
        let mean = Some(self.sum / self.count as f64).filter(|mean| mean.is_finite() && !self.has_missing);
        Transform::Number { impute: mean, scaling }
    }
}

#[derive(Debug)]
enum Learner {
    LeftOut,
    /// As PREPROCESSORS says.
    Given(Box<ColumnPlan>),
    AsItIs(Range),
    Standard(Box<StandardLearner>),
    OneHot(TextMap<u64>),
    Levels(LevelsLearner, Vec<Level>),
    Dates(Box<DatesLearner>),
    Words(Box<WordsLearner>),
}

/// An encoder for prediction that can also encode the rows it was learned from without showing a row its own target.
#[derive(Debug, Clone)]
pub struct FoldEncoder {
    encoder: Encoder,
    /// Per column, the statistics of those that are encoded by the target.
    out_of_fold: Vec<Option<OutOfFold>>,
}

impl AutoEncoderBuilder {
    /// An encoder for feature columns of these names and types, with a profile each. `num_classes` matters for a
    /// multiclass classification only. Fails on a transformer that does not fit its column, on a rule for an unknown
    /// column, and unless there is a profile per column.
    pub fn new(
        fields: &[&Field],
        encoding: Encoding,
        preprocessors: &Preprocessors,
        profiles: &[ColumnProfile],
        task: Task,
        num_classes: usize,
    ) -> Result<Self> {
        let names: Vec<&str> = fields.iter().map(|field| field.name().as_str()).collect();
        preprocessors.check_columns(&names)?;
        if profiles.len() != fields.len() {
            return Err(Error::internal(format!("{} profiles for {} columns", profiles.len(), fields.len())));
        }
        let outputs = match task {
            Task::Regression | Task::BinaryClassification => Outputs::Value,
            Task::MulticlassClassification if num_classes <= MAX_MEAN_CLASSES => Outputs::Classes(num_classes),
            Task::MulticlassClassification | Task::Clustering | Task::Forecast => Outputs::None,
        };
        let dense = encoding.missing == MissingValues::Impute;
        let column = |(field, profile): (&&Field, &ColumnProfile)| -> Result<AutoColumn> {
            let transformers = preprocessors.for_column(field.name());
            let (learner, indicator) = if transformers.is_empty() {
                (Learner::new(profile, dense, outputs), profile.missing > 0 && has_indicator(profile, dense))
            } else {
                (Learner::Given(Box::new(ColumnPlan::new(field, encoding, &transformers)?)), false)
            };
            Ok(AutoColumn { name: field.name().clone(), data_type: field.data_type().clone(), indicator, learner })
        };
        let columns = fields.iter().zip(profiles).map(column).collect::<Result<_>>()?;
        let many = profiles.iter().filter(|profile| profile.kind == ColumnKind::HighCardinality).count();
        let max_frequent = match encoding.precision {
            _ if !dense => 0,
            Precision::F64 => MAX_FREQUENT,
            // Networks pay for every input in every epoch; they have the means, unless there are too many classes.
            Precision::F32 if outputs == Outputs::None => MAX_FREQUENT / 4,
            Precision::F32 => 0,
        };
        Ok(Self { encoding, columns, max_frequent: max_frequent / many.max(1) })
    }

    /// Learns from a batch: one array per column in the order of the fields, and of every row the target (the number,
    /// or the index of the class) and the fold, below [`MAX_FOLDS`].
    pub fn observe(&mut self, columns: &[ArrayRef], target: &[f64], folds: &[u8]) -> Result<()> {
        check_folds(folds)?;
        self.columns.iter_mut().zip(columns).try_for_each(|(column, array)| {
            if array.len() != target.len() || array.len() != folds.len() {
                return Err(Error::internal("targets, folds and columns differ in their number of rows"));
            }
            column.learner.observe(array, target, folds)
        })
    }

    /// The encoder.
    pub fn finish(self) -> FoldEncoder {
        let dense = self.encoding.missing == MissingValues::Impute;
        let (columns, out_of_fold) =
            self.columns.into_iter().map(|column| column.finish(dense, self.max_frequent)).unzip();
        FoldEncoder { encoder: Encoder::new(self.encoding.precision, columns), out_of_fold }
    }
}

/// Trees see what is missing in a number, date or text itself.
fn has_indicator(profile: &ColumnProfile, dense: bool) -> bool {
    match profile.kind {
        ColumnKind::Number | ColumnKind::Boolean | ColumnKind::DateTime | ColumnKind::Text => dense,
        ColumnKind::Category => dense || profile.distinct <= MAX_INDICATORS,
        ColumnKind::HighCardinality | ColumnKind::Identifier | ColumnKind::Constant => false,
    }
}

impl Learner {
    fn new(profile: &ColumnProfile, dense: bool, outputs: Outputs) -> Self {
        let means = (0..outputs.count()).map(Level::Mean);
        match profile.kind {
            ColumnKind::Identifier | ColumnKind::Constant => Self::LeftOut,
            ColumnKind::Number | ColumnKind::Boolean if dense => Self::Standard(Box::default()),
            ColumnKind::Number | ColumnKind::Boolean => Self::AsItIs(Range::EMPTY),
            ColumnKind::Category if dense || profile.distinct <= MAX_INDICATORS => Self::OneHot(TextMap::default()),
            ColumnKind::Category => {
                Self::Levels(LevelsLearner::new(outputs), [Level::Rank].into_iter().chain(means).collect())
            }
            ColumnKind::HighCardinality => {
                // Without means it is by their rank that trees tell categories apart.
                let rank = (outputs == Outputs::None && !dense).then_some(Level::Rank);
                Self::Levels(LevelsLearner::new(outputs), rank.into_iter().chain(means).chain([Level::Count]).collect())
            }
            ColumnKind::DateTime => Self::Dates(Box::default()),
            ColumnKind::Text => Self::Words(Box::default()),
        }
    }

    fn observe(&mut self, array: &ArrayRef, target: &[f64], folds: &[u8]) -> Result<()> {
        match self {
            Self::LeftOut => Ok(()),
            Self::AsItIs(range) => range.observe(array),
            Self::Given(plan) => plan.observe(array),
            Self::Standard(learner) => {
                let numbers = cast(array, &DataType::Float64)?;
                numbers.as_primitive::<Float64Type>().iter().flatten().for_each(|value| learner.add(value));
                Ok(())
            }
            Self::OneHot(counts) => for_each_text(array.as_ref(), &mut |text| {
                let Some(text) = text.map(shortened) else { return };
                match counts.get_mut(text.as_ref()) {
                    Some(count) => *count += 1,
                    None => {
                        counts.insert(text.into_owned(), 1);
                    }
                }
            }),
            Self::Levels(learner, _) => learner.observe(array, target, folds),
            Self::Dates(learner) => learner.observe(array),
            Self::Words(learner) => learner.observe(array),
        }
    }
}

impl AutoColumn {
    fn finish(self, dense: bool, max_frequent: usize) -> (ColumnEncoder, Option<OutOfFold>) {
        let mut out_of_fold = None;
        let transform = match self.learner {
            Learner::LeftOut => Transform::All(Vec::new()),
            Learner::Given(plan) => return (plan.finish(), None),
            Learner::AsItIs(range) => range.transform(),
            Learner::Standard(learner) => {
                let mut standards: Vec<Transform> = learner.finish().into_iter().map(Transform::Standard).collect();
                if standards.len() == 1 { standards.remove(0) } else { Transform::All(standards) }
            }
            Learner::OneHot(counts) => one_hot(counts, self.indicator),
            Learner::Levels(learner, levels) => {
                let (levels, statistics) = learner.finish(&levels, dense);
                let affordable = max_frequent.min(FREQUENT_CELLS / statistics.num_rows().max(1.0) as usize);
                let frequent = levels.most_frequent(statistics.num_frequent(FREQUENT_ROWS).min(affordable));
                out_of_fold = statistics.differs_from_all_rows().then_some(statistics);
                if frequent.is_empty() {
                    Transform::Levels(levels)
                } else {
                    let indicators = Transform::OneHot { categories: Categories::from(frequent), impute: None };
                    Transform::All(vec![Transform::Levels(levels), indicators])
                }
            }
            Learner::Dates(learner) => Transform::Dates(learner.finish(dense)),
            Learner::Words(learner) => Transform::Words(learner.finish(dense)),
        };
        let transform = if self.indicator { Transform::All(vec![transform, Transform::Missing]) } else { transform };
        (ColumnEncoder { name: self.name, data_type: self.data_type.to_string(), transform }, out_of_fold)
    }
}

/// One indicator per category, in alphabetical order; of two categories and nothing missing, the rarer one alone.
fn one_hot(counts: TextMap<u64>, has_missing: bool) -> Transform {
    let mut counts: Vec<(String, u64)> = counts.into_iter().collect();
    counts.sort_unstable_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    if counts.len() == 2 && !has_missing {
        counts.remove(0);
    }
    let mut names: Vec<String> = counts.into_iter().map(|(name, _)| name).collect();
    names.sort_unstable();
    Transform::OneHot { categories: Categories::from(names), impute: None }
}

fn check_folds(folds: &[u8]) -> Result<()> {
    match folds.iter().find(|fold| usize::from(**fold) >= MAX_FOLDS) {
        Some(fold) => Err(Error::internal(format!("fold {fold} of at most {MAX_FOLDS}"))),
        None => Ok(()),
    }
}

impl FoldEncoder {
    /// The features of rows that were learned from, whose folds are `folds`. What was learned from the target comes from
    /// the rows of all folds but the row's own and `excluded`; of fold `excluded`, not even the mean of all rows is used.
    /// So the rows to fit on, without fold f, and the rows to validate on, those of fold f, are both encoded with
    /// `excluded` = f; the rows of the last fit, on everything, with none. `known` are the features of the same rows for
    /// another `excluded`: those that do not depend on it are taken from there.
    pub fn encode(
        &self,
        num_rows: usize,
        columns: &[ArrayRef],
        folds: &[u8],
        excluded: Option<u8>,
        known: Option<&Features>,
    ) -> Result<Features> {
        check_folds(folds)?;
        if folds.len() != num_rows {
            return Err(Error::internal(format!("{} folds for {num_rows} rows", folds.len())));
        }
        self.encoder.encode_columns(num_rows, columns, |index, array, out| {
            let statistics = self.out_of_fold[index].as_ref();
            if let Some(known) = known.filter(|_| !statistics.is_some_and(OutOfFold::depends_on_target)) {
                let of_column = out.len()..out.len() + self.encoder.num_features_of(index);
                let of_column = known.columns().get(of_column);
                out.extend_from_slice(of_column.ok_or_else(|| Error::internal("the known features are too few"))?);
                return Ok(());
            }
            let Some(statistics) = statistics else {
                return self.encoder.encode_column(index, array, out);
            };
            let transform = self.encoder.transform(index);
            let parts = if let Transform::All(parts) = transform { parts } else { std::slice::from_ref(transform) };
            parts.iter().try_for_each(|part| match part {
                Transform::Levels(levels) => statistics.encode(levels, array, folds, excluded, out),
                part => self.encoder.encode_part(index, part, array, out),
            })
        })
    }

    /// Whether [`Self::encode`] gives other features for another `excluded`.
    pub fn depends_on_target(&self) -> bool {
        self.out_of_fold.iter().flatten().any(OutOfFold::depends_on_target)
    }

    /// The encoder for rows that were not learned from, by the statistics of all that were.
    pub fn encoder(&self) -> &Encoder {
        &self.encoder
    }
}

#[cfg(test)]
mod tests;
