//! Errors: few kinds, each of which tells the reader what to do next.

use std::fmt;

/// The result of anything in datafusion-ml that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What the reader of an error can do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The statement is wrong: change it.
    Invalid,
    /// The data does not fit the statement: change the data or the query that selects it.
    Data,
    /// Someone else changed the same thing first: run the statement again.
    Conflict,
    /// Something was written by a newer version: upgrade.
    Incompatible,
    /// A privilege is missing, or the thing does not exist: the two read the same on purpose.
    Denied,
    /// The statement was cancelled.
    Cancelled,
    /// What was stored is damaged or cannot be reached.
    Storage,
    /// A defect of datafusion-ml: report it.
    Internal,
}

/// An error with its kind and a message that names the thing, the fact and the next step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    kind: ErrorKind,
    message: String,
}

impl Error {
    /// An error of the given kind.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// The statement has to change.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid, message)
    }

    /// The data has to change.
    pub fn data(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Data, message)
    }

    /// The fit was cancelled.
    pub fn cancelled() -> Self {
        Self::new(ErrorKind::Cancelled, "the statement was cancelled")
    }

    /// Stored bytes are damaged or out of reach.
    pub fn storage(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Storage, message)
    }

    /// A defect of ours.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Internal, message)
    }

    /// What the reader can do about it.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The message without the kind.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            ErrorKind::Internal => {
                write!(f, "internal error of datafusion-ml, please report it: {}", self.message)
            }
            _ => f.write_str(&self.message),
        }
    }
}

impl std::error::Error for Error {}

impl From<arrow::error::ArrowError> for Error {
    fn from(error: arrow::error::ArrowError) -> Self {
        Self::data(error.to_string())
    }
}
