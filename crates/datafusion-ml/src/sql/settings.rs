//! The values of the SETTINGS clauses.

use std::fmt;

/// `SETTINGS` of CREATE MODEL. What the statement does not set is `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// The bucket for staging; accepted for compatibility.
    pub s3_bucket: Option<String>,
    /// `key=value` or `key`, separated by commas.
    pub tags: Option<String>,
    /// The key for encryption at rest.
    pub kms_key_id: Option<String>,
    /// Whether what training leaves behind is removed.
    pub s3_garbage_collect: Option<bool>,
    /// The most rows × columns to learn from, at least 1.
    pub max_cells: Option<u64>,
    /// The most seconds to learn for, at least 1.
    pub max_runtime: Option<u64>,
    /// The number of future steps of a forecast, at least 1.
    pub horizon: Option<u64>,
    /// The length of a forecast's step.
    pub frequency: Option<Frequency>,
    /// What a forecast says of each step: one to five, none twice.
    pub percentiles: Option<Vec<Percentile>>,
    /// The most rows in one request to a remote model, from 1 to 2,147,483,647.
    pub max_batch_rows: Option<u64>,
}

/// `SETTINGS` of CREATE EXTERNAL MODEL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExternalSettings {
    /// The hosted model.
    pub model_id: String,
    /// Text put before every input; UNIFIED only.
    pub prompt: Option<String>,
    /// Text put after every input; UNIFIED only.
    pub suffix: Option<String>,
    /// What a request consists of.
    pub request_type: Option<RequestType>,
    /// What the function returns.
    pub response_type: Option<ResponseType>,
}

/// `REQUEST_TYPE`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RequestType {
    /// The body of the request as the hosted model defines it.
    Raw,
    /// A text and optional parameters, the same for every hosted model. The default.
    Unified,
}

/// `RESPONSE_TYPE`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ResponseType {
    /// The text of the answer. The default of UNIFIED.
    Varchar,
    /// The whole answer.
    Super,
}

/// `FREQUENCY`: the length of a forecast's step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Frequency {
    /// `Y`
    Year,
    /// `M`
    Month,
    /// `W`
    Week,
    /// `D`
    Day,
    /// `H`
    Hour,
    /// `30min`
    Minutes30,
    /// `15min`
    Minutes15,
    /// `10min`
    Minutes10,
    /// `5min`
    Minutes5,
    /// `1min`
    Minute,
}

impl Frequency {
    /// Every frequency, the longest step first.
    pub const ALL: [Self; 10] = [
        Self::Year,
        Self::Month,
        Self::Week,
        Self::Day,
        Self::Hour,
        Self::Minutes30,
        Self::Minutes15,
        Self::Minutes10,
        Self::Minutes5,
        Self::Minute,
    ];

    /// The word for it in a statement.
    pub fn name(self) -> &'static str {
        match self {
            Self::Year => "Y",
            Self::Month => "M",
            Self::Week => "W",
            Self::Day => "D",
            Self::Hour => "H",
            Self::Minutes30 => "30min",
            Self::Minutes15 => "15min",
            Self::Minutes10 => "10min",
            Self::Minutes5 => "5min",
            Self::Minute => "1min",
        }
    }

    /// The frequency of that name, in any case.
    pub(super) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|frequency| frequency.name().eq_ignore_ascii_case(text.trim()))
    }
}

/// One of `PERCENTILES`: what a forecast says of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Percentile {
    /// A quantile, in hundredths from 1 to 99.
    Quantile(u8),
    /// The mean.
    Mean,
}

impl Percentile {
    /// `mean`, or a number from 0.01 to 0.99 in whole hundredths.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.eq_ignore_ascii_case("mean") {
            return Some(Self::Mean);
        }
        let hundredths = text.parse::<f64>().ok()? * 100.0;
        let whole = hundredths.round();
        ((1.0..=99.0).contains(&whole) && (hundredths - whole).abs() < 1e-9).then_some(Self::Quantile(whole as u8))
    }
}

impl fmt::Display for Percentile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Quantile(hundredths) => write!(f, "0.{hundredths:02}"),
            Self::Mean => f.write_str("mean"),
        }
    }
}
