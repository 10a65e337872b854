//! The catalog: which models there are.
//!
//! It is one log of commits, `<root>/catalog/<20-digit version>.json`, each a list of actions. The only write is to create
//! the next number: whoever comes second reads what the first wrote, checks again and tries the number after it. That is
//! atomic in memory, on local disk and on every S3-compatible store that honours `If-None-Match: *`. Every now and then
//! the folded state is written beside the log, so that a reader need not start at the first commit.

mod entry;
mod log;
mod state;

pub use entry::{Action, ArtifactLocation, FunctionName, ModelEntry, ModelName, SourceText, StatementReport};
pub use log::Catalog;
pub use state::CatalogState;
