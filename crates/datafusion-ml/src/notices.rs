//! Notices: what is worth knowing of a statement that succeeds.

use std::fmt::Debug;

/// Who is told of a statement's notices; see [`with_notices`](crate::MlSessionBuilder::with_notices).
pub trait Notices: Debug + Send + Sync {
    /// Takes one notice, a sentence without a full stop.
    fn notice(&self, text: &str);
}
