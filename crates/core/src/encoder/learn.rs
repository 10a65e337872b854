//! Learning an encoder: one pass over the raw batches collects what each column needs.

use std::collections::BTreeMap;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Float64Type};

use super::categories::{Categories, for_each_text};
use super::column::{ColumnEncoder, Transform, is_number, is_text};
use super::dates::{DatesLearner, is_temporal};
use super::moments::Moments;
use super::{CategoryEncoding, Encoder, Encoding, MissingValues};
use crate::values::values_of;
use crate::{Error, Preprocessors, Result, Transformer};

/// One-hot encoding keeps this many categories, the most frequent ones; the others are encoded as none of them.
pub const MAX_ONE_HOT_CATEGORIES: usize = 255;

/// A column may have this many categories.
pub const MAX_CATEGORIES: usize = 1_000_000;

/// An encoder in the making.
#[derive(Debug)]
pub struct EncoderBuilder {
    encoding: Encoding,
    columns: Vec<ColumnPlan>,
}

/// What a column will become, and what is known of it so far.
#[derive(Debug)]
pub(crate) struct ColumnPlan {
    name: String,
    data_type: DataType,
    categories: Option<CategoryEncoding>,
    /// Set for a date or time.
    dates: Option<DatesLearner>,
    impute: bool,
    /// Whether a further feature says that the value was missing.
    indicator: bool,
    scaler: Option<Transformer>,
    dense: bool,
    moments: Moments,
    counts: BTreeMap<String, u64>,
}

impl EncoderBuilder {
    /// An encoder for feature columns of these names and types. Fails on a type that cannot be learned from, on a
    /// transformer that does not fit its column, and on a rule for an unknown column.
    pub fn new(fields: &[&Field], encoding: Encoding, preprocessors: &Preprocessors) -> Result<Self> {
        let names: Vec<&str> = fields.iter().map(|field| field.name().as_str()).collect();
        preprocessors.check_columns(&names)?;
        let columns = fields
            .iter()
            .map(|field| ColumnPlan::new(field, encoding, &preprocessors.for_column(field.name())))
            .collect::<Result<_>>()?;
        Ok(Self { encoding, columns })
    }

    /// Learns from a batch: one array per column, in the order of the fields.
    pub fn observe(&mut self, columns: &[ArrayRef]) -> Result<()> {
        self.columns.iter_mut().zip(columns).try_for_each(|(plan, column)| plan.observe(column))
    }

    /// The encoder.
    pub fn finish(self) -> Encoder {
        let columns = self.columns.into_iter().map(ColumnPlan::finish).collect();
        Encoder::new(self.encoding.precision, columns)
    }
}

impl ColumnPlan {
    pub(crate) fn new(field: &Field, encoding: Encoding, transformers: &[Transformer]) -> Result<Self> {
        let (name, data_type) = (field.name().clone(), field.data_type().clone());
        let text = is_text(&data_type);
        let number = is_number(&data_type);
        let dense = encoding.missing == MissingValues::Impute;
        let vectorized = transformers.contains(&Transformer::DateTimeVectorizer);
        let can_be_learned = text || number || (is_temporal(&data_type) && vectorized);
        if !can_be_learned {
            return Err(Error::data(format!(
                "column {name} holds {}, which a model cannot learn from; cast it to a number or text, take parts of it \
                 (EXTRACT), or leave it out of the query",
                values_of(&data_type)
            )));
        }
        let mut plan = Self {
            name,
            data_type,
            categories: text.then_some(encoding.categories),
            dates: None,
            impute: dense,
            indicator: false,
            scaler: None,
            dense,
            moments: Moments::default(),
            counts: BTreeMap::new(),
        };
        for transformer in transformers {
            match transformer {
                Transformer::Imputer => plan.impute = true,
                Transformer::ImputerWithIndicator => (plan.impute, plan.indicator) = (true, true),
                Transformer::DateTimeVectorizer if !number => {
                    (plan.dates, plan.categories) = (Some(DatesLearner::default()), None);
                }
                Transformer::OneHotEncoder if !vectorized => plan.categories = Some(CategoryEncoding::OneHot),
                Transformer::OrdinalEncoder if !vectorized => plan.categories = Some(CategoryEncoding::Ordinal),
                Transformer::NumericPassthrough if number => {}
                Transformer::StandardScaler | Transformer::MinMax | Transformer::Normalizer if number => {
                    plan.scaler = Some(*transformer);
                }
                other => return Err(plan.unfit(*other)),
            }
        }
        Ok(plan)
    }

    fn unfit(&self, transformer: Transformer) -> Error {
        let (takes, instead) = match transformer {
            Transformer::DateTimeVectorizer => ("dates and times", "StandardScaler or MinMax"),
            Transformer::OneHotEncoder | Transformer::OrdinalEncoder => ("categories", "DateTimeVectorizer alone"),
            _ if self.dates.is_some() => ("numbers", "DateTimeVectorizer alone"),
            _ => ("numbers", "OneHotEncoder or OrdinalEncoder"),
        };
        let is = if is_text(&self.data_type) { "text".to_owned() } else { self.data_type.to_string() };
        Error::invalid(format!(
            "PREPROCESSORS: {transformer} takes {takes}, but column {} is {is}; use {instead}",
            self.name
        ))
    }

    pub(crate) fn observe(&mut self, column: &ArrayRef) -> Result<()> {
        if let Some(dates) = &mut self.dates {
            return dates.observe(column);
        }
        if self.categories.is_some() {
            return self.count_categories(column);
        }
        if !self.impute && self.scaler.is_none() {
            return Ok(());
        }
        let numbers = cast(column, &DataType::Float64)?;
        for value in numbers.as_primitive::<Float64Type>().iter().flatten() {
            if value.is_infinite() && (self.dense || self.scaler.is_some()) {
                return Err(Error::data(format!(
                    "column {} has an infinite value, which this model cannot learn from; \
                     filter it or replace it (for instance by NULL)",
                    self.name
                )));
            }
            if !value.is_nan() {
                self.moments.add(value);
            }
        }
        Ok(())
    }

    fn count_categories(&mut self, column: &ArrayRef) -> Result<()> {
        let counts = &mut self.counts;
        let mut count = |text: Option<&str>| {
            if let Some(text) = text {
                match counts.get_mut(text) {
                    Some(count) => *count += 1,
                    None => {
                        counts.insert(text.to_owned(), 1);
                    }
                }
            }
        };
        if is_text(column.data_type()) {
            for_each_text(column, &mut count)?;
        } else {
            for_each_text(&cast(column, &DataType::Utf8)?, &mut count)?;
        }
        if counts.len() > MAX_CATEGORIES {
            return Err(Error::data(format!(
                "column {} has more than {MAX_CATEGORIES} distinct texts; leave it out of the query",
                self.name
            )));
        }
        Ok(())
    }

    pub(crate) fn finish(self) -> ColumnEncoder {
        let transform = match self.categories {
            None if self.dates.is_some() => Transform::Dates(self.dates.unwrap_or_default().finish(self.dense)),
            None => Transform::Number {
                impute: self.impute.then_some(self.moments.mean),
                scaling: self.scaler.map(|scaler| self.moments.scaling(scaler)),
            },
            Some(kind) => {
                let most_frequent = most_frequent(&self.counts, 1).pop();
                let kept = match kind {
                    CategoryEncoding::Ordinal => self.counts.into_keys().collect(),
                    CategoryEncoding::OneHot => {
                        let mut kept = most_frequent_names(&self.counts);
                        kept.sort_unstable();
                        kept
                    }
                };
                let categories = Categories::from(kept);
                let impute = most_frequent.filter(|_| self.impute).and_then(|name| categories.code(&name));
                match kind {
                    CategoryEncoding::Ordinal => Transform::Ordinal { categories, impute },
                    CategoryEncoding::OneHot => Transform::OneHot { categories, impute },
                }
            }
        };
        let transform = if self.indicator { Transform::All(vec![transform, Transform::Missing]) } else { transform };
        ColumnEncoder { name: self.name, data_type: self.data_type.to_string(), transform }
    }
}

fn most_frequent_names(counts: &BTreeMap<String, u64>) -> Vec<String> {
    most_frequent(counts, MAX_ONE_HOT_CATEGORIES)
}

/// The `limit` most frequent names; the alphabet decides ties.
fn most_frequent(counts: &BTreeMap<String, u64>, limit: usize) -> Vec<String> {
    let mut names: Vec<(&String, u64)> = counts.iter().map(|(name, count)| (name, *count)).collect();
    names.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(b.0)));
    names.into_iter().take(limit).map(|(name, _)| name.clone()).collect()
}
