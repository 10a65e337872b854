//! AUTO ON: the search for the model that a good practitioner would have built in an afternoon.
//!
//! [`search`] tries candidates of several algorithms on folds of the rows, takes the best or a mean of the best, calibrates
//! its probabilities, and fits it on all rows. It knows the contracts of `datafusion-ml-core` and nothing else: algorithms
//! are handed to it, rows come as Arrow columns.

mod calibration;
mod candidates;
mod centre;
mod choice;
mod cut;
mod ensemble;
mod final_fit;
mod finish;
mod folds;
mod objective;
mod report;
mod rows;
mod search;
mod selection;
mod trial;

pub use calibration::Calibration;
pub use ensemble::{ENSEMBLE, Ensemble, EnsembleModel, Member};
pub use objective::Objective;
pub use rows::{RawBlock, RawRows};
pub use search::{Found, SearchSpec, search};
