//! What a column is: a number, a category, a date, a text, or nothing to learn from.
//!
//! One pass in bounded memory; nothing depends on how rows are batched. The rules, in their order:
//!
//! | kind | rule |
//! |---|---|
//! | constant | NULL (or NaN) in every row, or one value in every row |
//! | boolean, date and time | by type |
//! | identifier | at least [`MIN_IDENTIFIER_ROWS`] values, no two alike, integers: they fill their range, as serial numbers do (and are no years), or the column is named as an identifier |
//! | number | every other number |
//! | date and time | text of which at least 95 % is shaped like `2019-01-31` or `2019-01-31 12:00:00` |
//! | category | text of at most [`MAX_FEW_VALUES`] distinct values |
//! | number | text of which at least 95 % are numbers, and at least 5 % have a decimal point, or half are distinct, of several lengths, and without zeros in front, as codes have them |
//! | identifier | at least [`MIN_IDENTIFIER_ROWS`] texts, at least 95 % distinct, on average of less than 2 words |
//! | text | texts of 4 words or more on average, at least half of them distinct; or 2 words and 95 % |
//! | high cardinality | every other text |
//!
//! A word is what stands between spaces and has a letter.

use std::fmt;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Float64Type, Int64Type};

use super::categories::for_each_text;
use super::column::{is_number, is_text};
use super::dates::is_temporal;
use super::distinct::{Distinct, hash_bytes, hash_word};
use crate::values::values_of;
use crate::{Error, Result};

/// A category has at most this many distinct values; text with more is of high cardinality.
pub const MAX_FEW_VALUES: u64 = 32;

/// With fewer values than this no column is taken for an identifier.
pub const MIN_IDENTIFIER_ROWS: u64 = 30;

/// What a column is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ColumnKind {
    /// A number.
    Number,
    /// True or false.
    Boolean,
    /// Text of few distinct values.
    Category,
    /// Text of many distinct values that come again.
    HighCardinality,
    /// A date, a time or both.
    DateTime,
    /// Free text.
    Text,
    /// A name or number that tells rows apart, and nothing else.
    Identifier,
    /// One value, or none.
    Constant,
}

/// What was seen of a column.
#[derive(Debug, Clone, PartialEq)]
pub struct ColumnProfile {
    /// The column's name.
    pub name: String,
    /// The column's type.
    pub data_type: DataType,
    /// What it is.
    pub kind: ColumnKind,
    /// The number of rows.
    pub rows: u64,
    /// The number of rows in which it is NULL or NaN.
    pub missing: u64,
    /// The number of distinct values: exact up to [`super::MAX_COUNTED_VALUES`], beyond that within a per cent or two.
    pub distinct: u64,
    /// One sentence of what it is, and why it is left out if it is.
    pub note: String,
}

/// Looks at every column of raw batches.
#[derive(Debug)]
pub struct TableProfiler {
    columns: Vec<ColumnProfiler>,
}

#[derive(Debug)]
struct ColumnProfiler {
    name: String,
    data_type: DataType,
    rows: u64,
    missing: u64,
    distinct: Distinct,
    /// The range of numbers.
    min: f64,
    max: f64,
    /// Sums over texts.
    characters: u64,
    words: u64,
    dates: u64,
    numbers: u64,
    fractions: u64,
    /// The bytes of the shortest and the longest text.
    lengths: [usize; 2],
    /// How many begin with a zero before another digit.
    zeros: u64,
}

impl ColumnKind {
    /// Whether a model learns nothing from such a column.
    pub fn is_left_out(self) -> bool {
        matches!(self, Self::Identifier | Self::Constant)
    }
}

impl fmt::Display for ColumnKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::Category => "category",
            Self::HighCardinality => "high-cardinality category",
            Self::DateTime => "date and time",
            Self::Text => "text",
            Self::Identifier => "identifier",
            Self::Constant => "constant",
        })
    }
}

impl TableProfiler {
    /// For feature columns of these names and types. Fails on a type that cannot be learned from.
    pub fn new(fields: &[&Field]) -> Result<Self> {
        let columns = fields.iter().map(|field| ColumnProfiler::new(field)).collect::<Result<_>>()?;
        Ok(Self { columns })
    }

    /// Looks at a batch: one array per column, in the order of the fields.
    pub fn observe(&mut self, columns: &[ArrayRef]) -> Result<()> {
        self.columns.iter_mut().zip(columns).try_for_each(|(profiler, column)| profiler.observe(column))
    }

    /// One profile per column.
    pub fn finish(self) -> Vec<ColumnProfile> {
        self.columns.into_iter().map(ColumnProfiler::finish).collect()
    }
}

impl ColumnProfiler {
    fn new(field: &Field) -> Result<Self> {
        let (name, data_type) = (field.name().clone(), field.data_type().clone());
        if !is_text(&data_type) && !is_number(&data_type) && !is_temporal(&data_type) {
            return Err(Error::data(format!(
                "column {name} holds {}, which a model cannot learn from; cast it to a number, a date or text, or leave it \
                 out of the query",
                values_of(&data_type)
            )));
        }
        Ok(Self {
            name,
            data_type,
            rows: 0,
            missing: 0,
            distinct: Distinct::default(),
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
            characters: 0,
            words: 0,
            dates: 0,
            numbers: 0,
            fractions: 0,
            lengths: [usize::MAX, 0],
            zeros: 0,
        })
    }

    fn observe(&mut self, column: &ArrayRef) -> Result<()> {
        self.rows += column.len() as u64;
        if is_text(&self.data_type) {
            return for_each_text(column.as_ref(), &mut |text| self.add_text(text));
        }
        if self.data_type.is_integer() && self.data_type != DataType::UInt64 {
            let integers = cast(column, &DataType::Int64)?;
            for value in integers.as_primitive::<Int64Type>() {
                self.add_number(value.map(|value| (value as f64, value as u64)));
            }
            return Ok(());
        }
        let numbers = if is_temporal(&self.data_type) { instants(column)? } else { cast(column, &DataType::Float64)? };
        for value in numbers.as_primitive::<Float64Type>() {
            let value = value.filter(|value| !value.is_nan()).map(|value| value + 0.0);
            self.add_number(value.map(|value| (value, value.to_bits())));
        }
        Ok(())
    }

    fn add_number(&mut self, value: Option<(f64, u64)>) {
        match value {
            None => self.missing += 1,
            Some((value, bits)) => {
                self.distinct.add(hash_word(bits));
                self.min = self.min.min(value);
                self.max = self.max.max(value);
            }
        }
    }

    fn add_text(&mut self, text: Option<&str>) {
        match text {
            None => self.missing += 1,
            Some(text) => {
                self.distinct.add(hash_bytes(text.as_bytes()));
                self.characters += text.len() as u64;
                self.words += text.split_whitespace().filter(|word| word.contains(char::is_alphabetic)).count() as u64;
                self.dates += u64::from(is_shaped_like_a_date(text));
                self.fractions += u64::from(text.contains('.'));
                self.lengths = [self.lengths[0].min(text.len()), self.lengths[1].max(text.len())];
                self.zeros += u64::from(matches!(text.as_bytes(), [b'0', b'0'..=b'9', ..]));
                if let Some(number) = text.parse().ok().filter(|number: &f64| number.is_finite()) {
                    self.numbers += 1;
                    self.min = self.min.min(number);
                    self.max = self.max.max(number);
                }
            }
        }
    }

    fn finish(self) -> ColumnProfile {
        let present = self.rows - self.missing;
        let distinct = self.distinct.count().min(present);
        let (kind, note) = match distinct {
            0 => (ColumnKind::Constant, "left out: it is NULL in every row".to_owned()),
            1 if self.missing == 0 => (ColumnKind::Constant, "left out: it has the same value in every row".to_owned()),
            _ if is_text(&self.data_type) => self.kind_of_text(present, distinct),
            _ if self.data_type == DataType::Boolean => (ColumnKind::Boolean, "true or false".to_owned()),
            _ if is_temporal(&self.data_type) => (ColumnKind::DateTime, "date or time".to_owned()),
            _ => self.kind_of_number(present, distinct),
        };
        let note = match self.missing {
            0 => note,
            _ if kind == ColumnKind::Constant => note,
            missing => format!("{note}; missing in {missing} of {} rows", self.rows),
        };
        ColumnProfile {
            name: self.name,
            data_type: self.data_type,
            kind,
            rows: self.rows,
            missing: self.missing,
            distinct,
            note,
        }
    }

    fn kind_of_number(&self, present: u64, distinct: u64) -> (ColumnKind, String) {
        match self.serial_number(present, distinct).filter(|_| is_integer(&self.data_type)) {
            Some(why) => (ColumnKind::Identifier, why),
            None => (ColumnKind::Number, "number".to_owned()),
        }
    }

    /// Why whole numbers tell nothing but which row it is, if so.
    fn serial_number(&self, present: u64, distinct: u64) -> Option<String> {
        if present < MIN_IDENTIFIER_ROWS || (distinct as f64) < all_of(present) {
            return None;
        }
        let are_years = self.min >= 1800.0 && self.max <= 2200.0;
        if self.max - self.min + 1.0 <= 1.1 * present as f64 && !are_years {
            return Some(format!("left out: it numbers the rows from {} to {} (identifier)", self.min, self.max));
        }
        is_named_as_identifier(&self.name).then(|| "left out: every row has another number (identifier)".to_owned())
    }

    fn kind_of_text(&self, present: u64, distinct: u64) -> (ColumnKind, String) {
        let present = present as f64;
        let words = self.words as f64 / present;
        let text = || {
            let characters = self.characters as f64 / present;
            (ColumnKind::Text, format!("text of {characters:.0} characters and {words:.0} words on average"))
        };
        if self.dates as f64 >= 0.95 * present {
            return (ColumnKind::DateTime, "date or time, written as text".to_owned());
        }
        if distinct <= MAX_FEW_VALUES {
            return (ColumnKind::Category, format!("category of {distinct} values"));
        }
        if self.numbers as f64 >= 0.95 * present {
            let is_written = || (ColumnKind::Number, "number, written as text".to_owned());
            if self.fractions as f64 >= 0.05 * present {
                return is_written();
            }
            // Codes come more than once, have the same length, or zeros in front; amounts do not.
            if distinct as f64 >= 0.5 * present && self.lengths[0] < self.lengths[1] && self.zeros == 0 {
                let serial = self.serial_number(present as u64, distinct);
                return serial.map_or_else(is_written, |why| (ColumnKind::Identifier, why));
            }
        }
        if present >= MIN_IDENTIFIER_ROWS as f64 && distinct as f64 >= 0.95 * present {
            return match words >= 2.0 {
                true => text(),
                false => {
                    (ColumnKind::Identifier, "left out: nearly every row has another value (identifier)".to_owned())
                }
            };
        }
        if words >= 4.0 && distinct as f64 >= 0.5 * present {
            return text();
        }
        (ColumnKind::HighCardinality, format!("category of {distinct} values"))
    }
}

/// The count at which no two of `rows` values are alike, as far as [`Distinct`] can tell.
fn all_of(rows: u64) -> f64 {
    if rows <= super::MAX_COUNTED_VALUES as u64 { rows as f64 } else { 0.98 * rows as f64 }
}

fn is_integer(data_type: &DataType) -> bool {
    match data_type {
        DataType::Dictionary(_, values) => is_integer(values),
        DataType::Decimal128(_, 0)
        | DataType::Decimal256(_, 0)
        | DataType::Decimal64(_, 0)
        | DataType::Decimal32(_, 0) => true,
        other => other.is_integer(),
    }
}

/// Dates and times as numbers that differ where they do.
fn instants(column: &ArrayRef) -> Result<ArrayRef> {
    let column = match column.data_type() {
        DataType::Dictionary(_, values) => cast(column, values)?,
        DataType::Date32 | DataType::Time32(_) => cast(column, &DataType::Int32)?,
        _ => std::sync::Arc::clone(column),
    };
    let integers = if column.data_type().is_integer() { column } else { cast(&column, &DataType::Int64)? };
    Ok(cast(&integers, &DataType::Float64)?)
}

/// `2019-01-31`, alone or followed by a space or a `T` and more.
fn is_shaped_like_a_date(text: &str) -> bool {
    let text = text.as_bytes();
    let number = |range: std::ops::Range<usize>| {
        text[range]
            .iter()
            .try_fold(0u32, |number, digit| digit.is_ascii_digit().then(|| number * 10 + u32::from(digit - b'0')))
    };
    text.len() >= 10
        && text[4] == b'-'
        && text[7] == b'-'
        && matches!(text.get(10), None | Some(b' ' | b'T'))
        && number(0..4).is_some()
        && number(5..7).is_some_and(|month| (1..=12).contains(&month))
        && number(8..10).is_some_and(|day| (1..=31).contains(&day))
}

/// Whether the last word of a name, as `customer_id` or `rowNo`, is one of those that identifiers are named by.
fn is_named_as_identifier(name: &str) -> bool {
    let is_start = |(index, c): &(usize, char)| {
        !c.is_alphanumeric() || (c.is_uppercase() && name[..*index].ends_with(char::is_lowercase))
    };
    let last = name.char_indices().rfind(is_start).map_or(name, |(index, _)| &name[index..]);
    let last = last.trim_start_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
    ["id", "key", "pk", "sk", "no", "nr", "uuid", "guid", "idx", "index", "rowid"].contains(&last.as_str())
}

#[cfg(test)]
mod tests;
