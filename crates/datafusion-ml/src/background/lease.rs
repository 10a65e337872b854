//! Leases: signs of life that a training writes beside the catalog, by which other processes see how far it is.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// How often a training writes its lease, and looks whether it is still wanted.
pub(super) const HEARTBEAT: Duration = Duration::from_secs(2);

/// A training that has given no sign of life for so many seconds has ended without a word.
pub(super) const LEASE_SECONDS: i64 = 30;

/// A sign of life.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Lease {
    /// When it was given, in seconds since 1970-01-01 UTC.
    pub(super) heartbeat: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) progress: Option<Progress>,
}

/// How far a training is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Progress {
    /// From 0 to 1.
    pub(crate) done: f64,
    /// Such as `round 12 of 100`.
    pub(crate) step: String,
    /// Name and value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) metric: Option<(String, f64)>,
}

impl Progress {
    /// What a training reports; what is not finite cannot be written down and is left out.
    pub(super) fn new(done: f64, step: &str, metric: Option<(&str, f64)>) -> Self {
        let metric = metric.filter(|(_, value)| value.is_finite()).map(|(name, value)| (name.to_owned(), value));
        Self { done: if done.is_finite() { done.clamp(0.0, 1.0) } else { 0.0 }, step: step.to_owned(), metric }
    }

    /// The share that is done, as SHOW MODEL prints it.
    pub(crate) fn percent(&self) -> String {
        format!("{:.0} %", self.done * 100.0)
    }
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}", self.percent(), self.step)
    }
}

/// The time, in seconds since 1970-01-01 UTC.
#[expect(clippy::disallowed_methods, reason = "people and other processes are told when something happened")]
pub(crate) fn unix_seconds() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64)
}
