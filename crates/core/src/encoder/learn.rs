//! Learning an encoder: one pass over the raw batches collects what each column needs.

use std::collections::BTreeMap;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Float64Type};

use super::categories::{Categories, for_each_text};
use super::column::{ColumnEncoder, Scaling, Transform, is_number, is_text};
use super::{CategoryEncoding, Encoder, Encoding, MissingValues};
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
struct ColumnPlan {
    name: String,
    data_type: DataType,
    categories: Option<CategoryEncoding>,
    impute: bool,
    scaler: Option<Transformer>,
    moments: Moments,
    counts: BTreeMap<String, u64>,
}

/// Count, mean, sum of squared deviations and range of the numbers seen (Welford's recurrence, row by row, so that the
/// result does not depend on how rows are batched).
#[derive(Debug, Clone, Copy)]
struct Moments {
    count: f64,
    mean: f64,
    squares: f64,
    min: f64,
    max: f64,
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
        let dense = self.encoding.missing == MissingValues::Impute;
        self.columns.iter_mut().zip(columns).try_for_each(|(plan, column)| plan.observe(column, dense))
    }

    /// The encoder.
    pub fn finish(self) -> Encoder {
        let columns = self.columns.into_iter().map(ColumnPlan::finish).collect();
        Encoder::new(self.encoding.precision, columns)
    }
}

impl ColumnPlan {
    fn new(field: &Field, encoding: Encoding, transformers: &[Transformer]) -> Result<Self> {
        let (name, data_type) = (field.name().clone(), field.data_type().clone());
        let text = is_text(&data_type);
        if !text && !is_number(&data_type) {
            return Err(Error::data(format!(
                "column {name} has type {data_type}, which a model cannot learn from; cast it to a number or text, \
                 take parts of it (EXTRACT), or leave it out of the query"
            )));
        }
        let mut categories = text.then_some(encoding.categories);
        let mut impute = encoding.missing == MissingValues::Impute;
        let mut scaler = None;
        for transformer in transformers {
            match transformer {
                Transformer::Imputer => impute = true,
                Transformer::OneHotEncoder => categories = Some(CategoryEncoding::OneHot),
                Transformer::OrdinalEncoder => categories = Some(CategoryEncoding::Ordinal),
                Transformer::NumericPassthrough if !text => {}
                Transformer::StandardScaler | Transformer::MinMax if !text => scaler = Some(*transformer),
                other => {
                    return Err(Error::invalid(format!(
                        "PREPROCESSORS: {other} takes numbers, but column {name} is text; use OneHotEncoder or OrdinalEncoder"
                    )));
                }
            }
        }
        let moments = Moments { count: 0.0, mean: 0.0, squares: 0.0, min: f64::INFINITY, max: f64::NEG_INFINITY };
        Ok(Self { name, data_type, categories, impute, scaler, moments, counts: BTreeMap::new() })
    }

    fn observe(&mut self, column: &ArrayRef, dense: bool) -> Result<()> {
        if self.categories.is_some() {
            return self.count_categories(column);
        }
        if !self.impute && self.scaler.is_none() {
            return Ok(());
        }
        let numbers = cast(column, &DataType::Float64)?;
        for value in numbers.as_primitive::<Float64Type>().iter().flatten() {
            if value.is_infinite() && (dense || self.scaler.is_some()) {
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

    fn finish(self) -> ColumnEncoder {
        let transform = match self.categories {
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

impl Moments {
    fn add(&mut self, value: f64) {
        self.count += 1.0;
        let delta = value - self.mean;
        self.mean += delta / self.count;
        self.squares += delta * (value - self.mean);
        self.min = self.min.min(value);
        self.max = self.max.max(value);
    }

    /// The map `(x − offset) × factor` of a scaler. A constant column becomes 0.
    fn scaling(&self, scaler: Transformer) -> Scaling {
        let (offset, range) = match scaler {
            Transformer::MinMax => (self.min, self.max - self.min),
            _ => (self.mean, (self.squares / self.count).sqrt()),
        };
        if range > 0.0 && range.is_finite() {
            Scaling { offset, factor: range.recip() }
        } else {
            Scaling { offset: if offset.is_finite() { offset } else { 0.0 }, factor: 0.0 }
        }
    }
}
