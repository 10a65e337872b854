//! Notices of statements, kept until the statement has ended: they must not run into the line of progress.

use datafusion_ml::Notices;
use parking_lot::Mutex;

/// The notices of the statement that is running.
#[derive(Debug, Default)]
pub(crate) struct CollectedNotices(Mutex<Vec<String>>);

impl Notices for CollectedNotices {
    fn notice(&self, text: &str) {
        self.0.lock().push(text.to_owned());
    }
}

impl CollectedNotices {
    /// Gives them away.
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock())
    }
}
