//! Texts become columns; for each that cannot, the reason.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, Date32Array, StringArray, StringBuilder, TimestampMicrosecondArray};
use datafusion::arrow::compute::{CastOptions, can_cast_types, cast, cast_with_options};
use datafusion::arrow::datatypes::{DataType, Field, TimeUnit};
use datafusion::error::Result;
use datafusion_ml_redshift::{is_super, type_name};
use serde::de::IgnoredAny;

use super::dates::TimeFormat;
use crate::error::invalid;
use crate::sql::CopyOptions;

/// A column that is loaded.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) field: Field,
    max_bytes: Option<usize>,
}

impl Target {
    /// Fails if no text can become a value of the column.
    pub(super) fn new(field: &Field, max_bytes: Option<u64>) -> Result<Self> {
        match can_cast_types(&DataType::Utf8, field.data_type()) {
            true => Ok(Self { field: field.clone(), max_bytes: max_bytes.map(|bytes| bytes as usize) }),
            false => Err(invalid(format!(
                "column {} is of type {}, which COPY cannot read from text; use PARQUET",
                field.name(),
                type_name(field.data_type())
            ))),
        }
    }

    pub(super) fn is_text(&self) -> bool {
        self.field.data_type().is_string() && !self.is_super()
    }

    pub(super) fn is_super(&self) -> bool {
        is_super(&self.field)
    }

    fn type_name(&self) -> String {
        match (self.is_super(), self.max_bytes, self.field.data_type()) {
            (true, _, _) => "JSON document (super)".to_owned(),
            (_, Some(bytes), _) => format!("text of up to {bytes} bytes"),
            (_, _, DataType::Int16 | DataType::Int32 | DataType::Int64 | DataType::Int8) => {
                format!("whole number ({})", type_name(self.field.data_type()))
            }
            (_, _, DataType::Float32 | DataType::Float64) => "number".to_owned(),
            (_, _, DataType::Date32) => "date such as 2020-01-31".to_owned(),
            (_, _, DataType::Timestamp(..)) => "timestamp such as 2020-01-31 10:00:00".to_owned(),
            (_, _, other) => type_name(other),
        }
    }
}

/// Why a value was not taken.
pub(super) struct Fault {
    pub(super) row: usize,
    /// The column and its type.
    pub(super) column: (String, String),
    /// The value as it stood in the file, its first 1024 characters.
    pub(super) value: Option<String>,
    pub(super) reason: String,
}

/// The texts of one column of many records.
pub(super) struct TextColumn {
    target: Target,
    texts: StringBuilder,
    times: TimeFormat,
    /// Whether dates that are none are NULL.
    accept_any_date: bool,
}

impl TextColumn {
    /// A column without texts.
    pub(super) fn new(target: Target, options: &CopyOptions) -> Self {
        let format = match target.field.data_type() {
            DataType::Date32 | DataType::Date64 => &options.date_format,
            _ => &options.time_format,
        };
        let (times, accept_any_date) = (TimeFormat::new(format.as_deref()), options.accept_any_date);
        Self { target, texts: StringBuilder::new(), times, accept_any_date }
    }

    /// Takes the text of one more record; `None` is NULL.
    pub(super) fn push(&mut self, text: Option<&str>, options: &CopyOptions) {
        let is_null = |text: &str| {
            text == options.null_as
                || text.is_empty() && (!self.target.is_text() || options.empty_as_null)
                || text.trim().is_empty() && (!self.target.is_text() || options.blanks_as_null)
        };
        let text = text.filter(|text| !is_null(text)).map(|text| match self.target.is_text() {
            true if options.trim_blanks => text.trim_end_matches(' '),
            true => text,
            false => text.trim(),
        });
        let cut = match (text, self.target.max_bytes) {
            (Some(text), Some(bytes)) if options.truncate_columns && text.len() > bytes => {
                Some(&text[..text.floor_char_boundary(bytes)])
            }
            (text, _) => text,
        };
        self.texts.append_option(cut);
    }

    /// The column of the records since the last call, and what is wrong with it; where that is, it has NULL.
    pub(super) fn finish(&mut self) -> Result<(ArrayRef, Vec<Fault>)> {
        let texts = self.texts.finish();
        let column = self.convert(&texts)?;
        let fault = |row: usize| {
            let (is_given, is_taken) = (texts.is_valid(row), column.is_valid(row));
            let is_date = matches!(column.data_type(), DataType::Date32 | DataType::Date64 | DataType::Timestamp(..));
            let may_be_null = self.target.field.is_nullable();
            if is_given && !is_taken && !(self.accept_any_date && is_date && may_be_null) {
                let shown: String = texts.value(row).chars().take(60).collect();
                Some(format!("'{shown}' is not a {}", self.target.type_name()))
            } else if !is_given && !may_be_null {
                Some("NULL, and the column takes none (NOT NULL)".to_owned())
            } else {
                None
            }
        };
        let mut faults = Vec::new();
        if column.null_count() > 0 {
            let name = (self.target.field.name().clone(), type_name(self.target.field.data_type()));
            let value = |row: usize| texts.is_valid(row).then(|| texts.value(row).chars().take(1024).collect());
            let found = (0..column.len()).filter_map(|row| Some((row, fault(row)?)));
            faults.extend(found.map(|(row, reason)| Fault { row, column: name.clone(), value: value(row), reason }));
        }
        Ok((column, faults))
    }

    fn convert(&self, texts: &StringArray) -> Result<ArrayRef> {
        let data_type = self.target.field.data_type();
        let kept = |is_kept: &dyn Fn(&str) -> bool| -> StringArray {
            texts.iter().map(|text| text.filter(|text| is_kept(text))).collect()
        };
        let column: ArrayRef = match data_type {
            _ if self.target.is_super() => Arc::new(kept(&|text| serde_json::from_str::<IgnoredAny>(text).is_ok())),
            _ if self.target.is_text() => match self.target.max_bytes {
                Some(bytes) => Arc::new(kept(&|text| text.len() <= bytes)),
                None => Arc::new(texts.clone()),
            },
            DataType::Date32 | DataType::Date64 => {
                let days = |text: &str| Some(self.times.date(text)?.to_epoch_days());
                Arc::new(texts.iter().map(|text| days(text?)).collect::<Date32Array>())
            }
            DataType::Timestamp(_, zone) => {
                let micros = |text: &str| Some(self.times.timestamp(text)?.and_utc().timestamp_micros());
                let times: TimestampMicrosecondArray = texts.iter().map(|text| micros(text?)).collect();
                let times = times.with_timezone_opt(zone.clone());
                let unit = if let DataType::Timestamp(unit, _) = data_type { *unit } else { TimeUnit::Microsecond };
                let options = CastOptions::default();
                return Ok(cast_with_options(&times, &DataType::Timestamp(unit, zone.clone()), &options)?);
            }
            _ => return Ok(cast_with_options(texts, data_type, &CastOptions::default())?),
        };
        Ok(if column.data_type() == data_type { column } else { cast(&column, data_type)? })
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::AsArray;

    use super::*;
    use crate::sql::{MlParser, Statement};

    fn options(text: &str) -> CopyOptions {
        let dialect = datafusion_ml_redshift::RedshiftDialect;
        let statement = MlParser::parse_sql(&format!("COPY t FROM 'x' {text}"), &dialect).unwrap().pop_front();
        match statement {
            Some(Statement::Copy(copy)) => copy.options,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn texts_become_null_as_the_options_say() {
        let target = Target::new(&Field::new("a", DataType::Utf8View, true), Some(3)).unwrap();
        let read = |given: &str| {
            let options = options(given);
            let mut column = TextColumn::new(target.clone(), &options);
            for text in ["", "  ", "x ", "\\N", "abcd"] {
                column.push(Some(text), &options);
            }
            let (column, faults) = column.finish().unwrap();
            let texts = column.as_string_view().iter().map(|text| text.map(str::to_owned));
            (texts.collect::<Vec<_>>(), faults.len())
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(read("CSV"), (vec![some(""), some("  "), some("x "), None, None], 1));
        assert_eq!(
            read("CSV EMPTYASNULL BLANKSASNULL TRIMBLANKS TRUNCATECOLUMNS NULL 'y'"),
            (vec![None, None, some("x"), some("\\N"), some("abc")], 0)
        );
    }
}
