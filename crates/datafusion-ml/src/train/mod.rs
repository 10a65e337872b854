//! Training: the rows of a query flow into a table that learns from them.
//!
//! `CREATE MODEL m FROM (query)` is planned as an INSERT of the query into a [`TrainingTable`], so that EXPLAIN,
//! projection pruning, the memory pool and cancellation are DataFusion's own. The sink buffers the rows
//! ([`buffer`]) and learns an encoder from them as they come; with AUTO ON it only takes note of what the columns are. With
//! the last row the insert has ended. What it leaves behind ([`pending`]) fits the model on a blocking thread ([`fit`]), or
//! finds one by a [`search`], while the statement waits or in the background.

mod buffer;
mod context;
mod fit;
mod pending;
mod rows;
mod search;
mod sink;

pub use context::TrainingProgress;
pub(crate) use fit::{AutoSearch, Learner, OneAlgorithm, Trained, TrainingSpec};
pub(crate) use pending::PendingFit;
pub(crate) use sink::TrainingTable;
