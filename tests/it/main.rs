//! What a user can do with datafusion-ml, tested from the outside.

mod architecture;
mod attacks;
mod audit;
mod background;
mod catalog;
mod counting_store;
mod documentation;
mod fuzz;
mod gate;
mod golden;
mod lifecycle;
mod predict_once;
mod properties;
mod requests;
mod s3;
mod s3_server;
mod sealed;
mod shell;
mod slt;
mod store;
mod support;
mod tables;
mod tutorials;

/// The example of the README, compiled here and run by [`lifecycle`].
#[path = "../../crates/datafusion-ml/examples/embed.rs"]
mod embed_example;
