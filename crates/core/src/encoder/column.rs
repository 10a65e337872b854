//! Encoding one column: from the user's type to one or more features.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float32Array, Float64Array, new_null_array};
use arrow::compute::{cast, concat};
use arrow::datatypes::{DataType, Float32Type, Float64Type};
use serde::{Deserialize, Serialize};

use super::Precision;
use super::categories::{Categories, Code, keys};
use super::dates::Dates;
use super::levels::Levels;
use super::standard::{STANDARD_LIMIT, Standard};
use super::words::Words;
use crate::{Error, FeatureColumn, Result};

/// What was learned of one column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ColumnEncoder {
    pub(crate) name: String,
    /// The Arrow type in training, as Arrow prints it.
    pub(crate) data_type: String,
    pub(crate) transform: Transform,
}

/// From values to features.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Transform {
    /// A number stays one; `impute` replaces missing ones before scaling.
    Number { impute: Option<f64>, scaling: Option<Scaling> },
    /// A category becomes its code; unseen ones are missing, and `impute` is the code of what is missing.
    Ordinal { categories: Categories, impute: Option<u32> },
    /// A category becomes one indicator per category; unseen ones are none of them, missing ones are `impute`.
    OneHot { categories: Categories, impute: Option<u32> },
    /// A number is centred, scaled and bounded; what is missing is the mean.
    Standard(Standard),
    /// 1 where the value is missing, else 0.
    Missing,
    /// A category becomes one number or several, looked up.
    Levels(Levels),
    /// A date or time becomes its parts.
    Dates(Dates),
    /// A text becomes its length and indicators of frequent words.
    Words(Words),
    /// The features of each, one after the other; none for a column that is left out.
    All(Vec<Transform>),
}

/// The map `(x − offset) × factor`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Scaling {
    pub(crate) offset: f64,
    pub(crate) factor: f64,
}

impl Scaling {
    /// The scaled value, not beyond [`STANDARD_LIMIT`].
    pub(crate) fn bounded(self, value: f64) -> f64 {
        ((value - self.offset) * self.factor).clamp(-STANDARD_LIMIT, STANDARD_LIMIT)
    }
}

/// Whether values of this type are encoded as categories.
pub(crate) fn is_text(data_type: &DataType) -> bool {
    match data_type {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => true,
        DataType::Dictionary(_, values) => is_text(values),
        _ => false,
    }
}

/// Whether values of this type are encoded as numbers. NULLs without a type count as missing numbers.
pub(crate) fn is_number(data_type: &DataType) -> bool {
    match data_type {
        DataType::Dictionary(_, values) => is_number(values),
        DataType::Decimal32(_, _) | DataType::Decimal64(_, _) => true,
        other => other.is_numeric() || matches!(other, DataType::Boolean | DataType::Null),
    }
}

impl ColumnEncoder {
    /// The names of the features it gives.
    pub(crate) fn feature_names(&self) -> Vec<String> {
        self.transform.feature_names(&self.name)
    }

    /// Appends the features of `array`. A dictionary is encoded by its values, each of them once.
    pub(crate) fn encode(&self, array: &ArrayRef, precision: Precision, out: &mut Vec<FeatureColumn>) -> Result<()> {
        let Some(dictionary) = array.as_any_dictionary_opt() else {
            return self.apply(&self.transform, array, precision, out);
        };
        let values = dictionary.values();
        if values.len() >= array.len() {
            return self.apply(&self.transform, &cast(array, values.data_type())?, precision, out);
        }
        let null = new_null_array(values.data_type(), 1);
        let with_null = concat(&[values.as_ref(), null.as_ref()])?;
        let mut of_values = Vec::new();
        self.apply(&self.transform, &with_null, precision, &mut of_values)?;
        let mut keys = keys(dictionary);
        keys.iter_mut().enumerate().filter(|(row, _)| array.is_null(*row)).for_each(|(_, key)| *key = values.len());
        out.extend(of_values.iter().map(|feature| feature.gather(&keys)));
        Ok(())
    }

    /// Appends the features that one transform makes of `array`.
    pub(crate) fn apply(
        &self,
        transform: &Transform,
        array: &ArrayRef,
        precision: Precision,
        out: &mut Vec<FeatureColumn>,
    ) -> Result<()> {
        match transform {
            Transform::Number { impute, scaling } => {
                let column = to_number(array, precision)?;
                out.push(match (impute, scaling) {
                    (None, None) => column,
                    // What is subtracted may be all that there is to a number in single precision.
                    (_, Some(_)) => adjust(&to_number(array, Precision::F64)?, *impute, *scaling, width(&column)),
                    (_, None) if !has_missing(&column) => column,
                    (_, None) => adjust(&column, *impute, None, width(&column)),
                });
            }
            Transform::Standard(standard) => {
                out.push(standard.encode(&to_number(array, Precision::F64)?, precision));
            }
            Transform::Ordinal { categories, impute } => {
                let missing = impute.map_or(f32::NAN, |code| code as f32);
                let codes = categories.codes(&self.as_text(array)?)?;
                out.push(FeatureColumn::F32(Float32Array::from_iter_values(codes.into_iter().map(
                    |code| match code {
                        Code::Known(code) => code as f32,
                        Code::Unseen | Code::Missing => missing,
                    },
                ))));
            }
            Transform::OneHot { categories, impute } => {
                let mut columns = vec![vec![0f32; array.len()]; categories.names().len()];
                for (row, code) in categories.codes(&self.as_text(array)?)?.into_iter().enumerate() {
                    let code = match code {
                        Code::Known(code) => Some(code),
                        Code::Unseen => None,
                        Code::Missing => *impute,
                    };
                    if let Some(code) = code {
                        columns[code as usize][row] = 1.0;
                    }
                }
                out.extend(columns.into_iter().map(|column| FeatureColumn::F32(column.into())));
            }
            Transform::Missing => out.push(missing(array)?),
            Transform::Levels(levels) => levels.encode(array, out)?,
            Transform::Dates(dates) => dates.encode(array, out)?,
            Transform::Words(words) => words.encode(array, out)?,
            Transform::All(transforms) => {
                transforms.iter().try_for_each(|transform| self.apply(transform, array, precision, out))?;
            }
        }
        Ok(())
    }

    /// The column as text; numbers that are treated as categories are written as their training type writes them.
    fn as_text(&self, array: &ArrayRef) -> Result<ArrayRef> {
        if is_text(array.data_type()) || array.data_type() == &DataType::Null {
            return Ok(Arc::clone(array));
        }
        let trained: DataType = self
            .data_type
            .parse()
            .map_err(|_| Error::storage(format!("column {} has an unknown type {}", self.name, self.data_type)))?;
        let array = if array.data_type() == &trained { Arc::clone(array) } else { cast(array, &trained)? };
        Ok(cast(&array, &DataType::Utf8)?)
    }
}

impl Transform {
    fn feature_names(&self, column: &str) -> Vec<String> {
        match self {
            Self::Standard(standard) if standard.is_logarithm() => vec![format!("{column}.log")],
            Self::Number { .. } | Self::Standard(_) | Self::Ordinal { .. } => vec![column.to_owned()],
            Self::OneHot { categories, .. } => {
                categories.names().iter().map(|category| format!("{column}={category}")).collect()
            }
            Self::Missing => vec![format!("{column}.missing")],
            Self::Levels(levels) => levels.feature_names(column),
            Self::Dates(dates) => dates.feature_names(column),
            Self::Words(words) => words.feature_names(column),
            Self::All(transforms) => transforms.iter().flat_map(|transform| transform.feature_names(column)).collect(),
        }
    }
}

/// 1 where a value is NULL or NaN.
fn missing(array: &ArrayRef) -> Result<FeatureColumn> {
    let is_missing: Vec<f32> = if is_number(array.data_type()) {
        let column = to_number(array, Precision::F64)?;
        let mut buffer = Vec::new();
        column.f64s(0..column.len(), &mut buffer).iter().map(|value| f32::from(u8::from(value.is_nan()))).collect()
    } else {
        array.logical_nulls().map_or_else(
            || vec![0.0; array.len()],
            |nulls| nulls.iter().map(|valid| f32::from(u8::from(!valid))).collect(),
        )
    };
    Ok(FeatureColumn::F32(is_missing.into()))
}

/// Floats as they lie; every other number as a float of the wanted width. Text that is no number is missing.
fn to_number(array: &ArrayRef, precision: Precision) -> Result<FeatureColumn> {
    Ok(match (array.data_type(), precision) {
        (DataType::Float32, _) => FeatureColumn::F32(array.as_primitive::<Float32Type>().clone()),
        (DataType::Float64, _) => FeatureColumn::F64(array.as_primitive::<Float64Type>().clone()),
        (data_type, _) if !is_number(data_type) && !is_text(data_type) => {
            return Err(Error::invalid(format!("{data_type} is not a number")));
        }
        (
            DataType::Decimal32(_, _)
            | DataType::Decimal64(_, _)
            | DataType::Decimal128(_, _)
            | DataType::Decimal256(_, _),
            _,
        )
        | (_, Precision::F64) => {
            FeatureColumn::F64(cast(array, &DataType::Float64)?.as_primitive::<Float64Type>().clone())
        }
        (_, Precision::F32) => {
            FeatureColumn::F32(cast(array, &DataType::Float32)?.as_primitive::<Float32Type>().clone())
        }
    })
}

/// Whether a value is NULL or NaN.
fn has_missing(column: &FeatureColumn) -> bool {
    match column {
        FeatureColumn::F32(values) => values.null_count() > 0 || values.values().iter().any(|value| value.is_nan()),
        FeatureColumn::F64(values) => values.null_count() > 0 || values.values().iter().any(|value| value.is_nan()),
    }
}

/// The width of a column's numbers.
fn width(column: &FeatureColumn) -> Precision {
    match column {
        FeatureColumn::F32(_) => Precision::F32,
        FeatureColumn::F64(_) => Precision::F64,
    }
}

/// Imputes and scales, in double precision, to numbers of a width.
fn adjust(column: &FeatureColumn, impute: Option<f64>, scaling: Option<Scaling>, width: Precision) -> FeatureColumn {
    let mut buffer = Vec::new();
    let missing = impute.unwrap_or(f64::NAN);
    let values = column.f64s(0..column.len(), &mut buffer).iter().map(|value| {
        let value = if value.is_nan() { missing } else { *value };
        scaling.map_or(value, |scaling| (value - scaling.offset) * scaling.factor)
    });
    match width {
        Precision::F32 => FeatureColumn::F32(Float32Array::from_iter_values(values.map(|value| value as f32))),
        Precision::F64 => FeatureColumn::F64(Float64Array::from_iter_values(values)),
    }
}
