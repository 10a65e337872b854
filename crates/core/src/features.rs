//! Encoded features: one typed Arrow column each, lent to models without a row-major copy.

use std::ops::Range;

use arrow::array::{Array, Float32Array, Float64Array};

use crate::{Error, Result};

/// One encoded feature: numbers of one width; NULL and NaN both mean missing.
#[derive(Debug, Clone)]
pub enum FeatureColumn {
    /// Single precision.
    F32(Float32Array),
    /// Double precision.
    F64(Float64Array),
}

impl FeatureColumn {
    /// The number of rows.
    pub fn len(&self) -> usize {
        match self {
            Self::F32(array) => array.len(),
            Self::F64(array) => array.len(),
        }
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The values at the given rows, one after the other; NaN for missing.
    pub(crate) fn gather(&self, rows: &[usize]) -> Self {
        match self {
            Self::F32(array) => {
                let value = |row: &usize| if array.is_null(*row) { f32::NAN } else { array.value(*row) };
                Self::F32(rows.iter().map(value).collect::<Vec<_>>().into())
            }
            Self::F64(array) => {
                let value = |row: &usize| if array.is_null(*row) { f64::NAN } else { array.value(*row) };
                Self::F64(rows.iter().map(value).collect::<Vec<_>>().into())
            }
        }
    }

    /// Some of its rows, not copied.
    fn slice(&self, range: Range<usize>) -> Self {
        match self {
            Self::F32(array) => Self::F32(array.slice(range.start, range.len())),
            Self::F64(array) => Self::F64(array.slice(range.start, range.len())),
        }
    }

    /// The memory it holds, in bytes.
    pub fn memory_size(&self) -> usize {
        match self {
            Self::F32(array) => array.get_buffer_memory_size(),
            Self::F64(array) => array.get_buffer_memory_size(),
        }
    }

    /// The rows of `range` as single precision with NaN for missing. Borrows the column where it already is that,
    /// otherwise fills `buffer`.
    pub fn f32s<'a>(&'a self, range: Range<usize>, buffer: &'a mut Vec<f32>) -> &'a [f32] {
        match self {
            Self::F32(array) if array.null_count() == 0 => &array.values()[range],
            Self::F32(array) => {
                buffer.clear();
                buffer.extend(range.map(|i| if array.is_null(i) { f32::NAN } else { array.value(i) }));
                buffer
            }
            Self::F64(array) if array.null_count() == 0 => {
                buffer.clear();
                buffer.extend(array.values()[range].iter().map(|v| *v as f32));
                buffer
            }
            Self::F64(array) => {
                buffer.clear();
                buffer.extend(range.map(|i| if array.is_null(i) { f32::NAN } else { array.value(i) as f32 }));
                buffer
            }
        }
    }

    /// The rows of `range` as double precision with NaN for missing. Borrows the column where it already is that,
    /// otherwise fills `buffer`.
    pub fn f64s<'a>(&'a self, range: Range<usize>, buffer: &'a mut Vec<f64>) -> &'a [f64] {
        match self {
            Self::F64(array) if array.null_count() == 0 => &array.values()[range],
            Self::F64(array) => {
                buffer.clear();
                buffer.extend(range.map(|i| if array.is_null(i) { f64::NAN } else { array.value(i) }));
                buffer
            }
            Self::F32(array) if array.null_count() == 0 => {
                buffer.clear();
                buffer.extend(array.values()[range].iter().map(|v| f64::from(*v)));
                buffer
            }
            Self::F32(array) => {
                buffer.clear();
                buffer.extend(range.map(|i| if array.is_null(i) { f64::NAN } else { f64::from(array.value(i)) }));
                buffer
            }
        }
    }
}

/// The encoded features of a batch: columns of equal length.
#[derive(Debug, Clone)]
pub struct Features {
    num_rows: usize,
    columns: Vec<FeatureColumn>,
}

impl Features {
    /// Features of `num_rows` rows; fails if a column has another length.
    pub fn try_new(num_rows: usize, columns: Vec<FeatureColumn>) -> Result<Self> {
        if let Some(column) = columns.iter().find(|column| column.len() != num_rows) {
            return Err(Error::internal(format!("a feature has {} rows instead of {num_rows}", column.len())));
        }
        Ok(Self { num_rows, columns })
    }

    /// Features from plain columns of single precision.
    pub fn from_f32(columns: Vec<Vec<f32>>) -> Result<Self> {
        let num_rows = columns.first().map_or(0, Vec::len);
        Self::try_new(num_rows, columns.into_iter().map(|c| FeatureColumn::F32(c.into())).collect())
    }

    /// Features from plain columns of double precision.
    pub fn from_f64(columns: Vec<Vec<f64>>) -> Result<Self> {
        let num_rows = columns.first().map_or(0, Vec::len);
        Self::try_new(num_rows, columns.into_iter().map(|c| FeatureColumn::F64(c.into())).collect())
    }

    /// The number of rows.
    pub fn num_rows(&self) -> usize {
        self.num_rows
    }

    /// The number of features.
    pub fn num_features(&self) -> usize {
        self.columns.len()
    }

    /// The rows of `range`, not copied.
    pub fn slice(&self, range: Range<usize>) -> Self {
        let columns = self.columns.iter().map(|column| column.slice(range.clone())).collect();
        Self { num_rows: range.len(), columns }
    }

    /// One feature.
    pub fn column(&self, index: usize) -> &FeatureColumn {
        &self.columns[index]
    }

    /// All features.
    pub fn columns(&self) -> &[FeatureColumn] {
        &self.columns
    }
}
