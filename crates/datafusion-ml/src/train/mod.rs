//! Training: the rows of a query flow into a table that learns from them.
//!
//! `CREATE MODEL m FROM (query)` is planned as an INSERT of the query into a [`TrainingTable`], so that EXPLAIN,
//! projection pruning, the memory pool and cancellation are DataFusion's own. The sink buffers the rows
//! ([`buffer`]), learns an encoder from them as they come, and fits the model on a blocking thread ([`fit`]); with AUTO ON
//! it only takes note of what the columns are, and a [`search`] does the rest.

mod buffer;
mod context;
mod fit;
mod rows;
mod search;
mod sink;

pub use context::TrainingProgress;
pub(crate) use fit::{AutoSearch, Learner, OneAlgorithm, Trained, TrainingSpec};
pub(crate) use sink::TrainingTable;
