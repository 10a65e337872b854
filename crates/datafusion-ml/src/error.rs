//! Errors of the core in DataFusion's clothes.

use datafusion::arrow::error::ArrowError;
use datafusion::error::DataFusionError;
use datafusion_ml_core::Error;

/// Puts a core error into a DataFusion error; [`find_error`] finds it again.
pub(crate) fn external(error: Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

/// An error in the statement.
pub(crate) fn invalid(message: impl Into<String>) -> DataFusionError {
    external(Error::invalid(message))
}

/// A stored thing that is damaged or out of reach.
pub(crate) fn storage(message: impl Into<String>) -> DataFusionError {
    external(Error::storage(message))
}

/// The error of datafusion-ml inside a DataFusion error, however deep it is wrapped: its
/// [`kind`](Error::kind) says what the reader can do about it.
pub fn find_error(error: &DataFusionError) -> Option<&Error> {
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<Error>() {
            return Some(found);
        }
        next = match error.downcast_ref::<DataFusionError>() {
            Some(DataFusionError::External(inner)) => Some(inner.as_ref()),
            Some(DataFusionError::Context(_, inner)) => Some(inner.as_ref()),
            Some(DataFusionError::ArrowError(inner, _)) => match inner.as_ref() {
                ArrowError::ExternalError(inner) => Some(inner.as_ref()),
                other => Some(other),
            },
            _ => error.source(),
        };
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion_ml_core::ErrorKind;

    #[test]
    fn an_error_is_found_under_its_wrapping() {
        let wrapped = external(Error::data("no rows")).context("while training");
        assert_eq!(find_error(&wrapped).map(Error::kind), Some(ErrorKind::Data));
        assert_eq!(find_error(&DataFusionError::Plan("other".into())), None);
    }
}
