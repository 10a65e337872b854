//! The language: text becomes a [`Statement`], and every statement prints as canonical SQL.
//!
//! [`MlParser`] puts Redshift ML's statements, and Redshift's for tables, beside DataFusion's own, which it leaves to DataFusion's parser untouched.
//! A statement that it returns is well formed: combinations of clauses that mean nothing are refused with their line and
//! column. What depends on data, tables, algorithms or the catalog is not looked at here.

mod access;
mod alter_table;
mod ast;
mod clause;
mod copy;
mod display;
mod functions;
mod location;
mod objective;
mod parser;
mod rules;
mod settings;
mod tables;
#[cfg(test)]
mod tests;
mod unload;
mod walk;

pub use access::{
    AccessStatement, Grant, GrantObject, GranteeName, IdentityKind, IfExists, MemberChange, Password, UserOptions,
};
pub use alter_table::{AlterTable, TableChange};
pub use ast::{
    Auto, CreateExternalModel, CreateModel, DropModel, ExplainCreateModel, Hyperparameters, IamRole, ModelSource,
    ProblemType, SagemakerEndpoint, ShowModel, Statement,
};
pub use clause::{Clause, ClauseSpans};
pub use copy::{Compression, Copy, CopyFormat, CopyOptions, JsonColumns, Quotes};
pub(crate) use functions::text_of;
pub use functions::{
    calls_with_text, calls_without_text, expression_function_names, function_names, qualify_function_names,
    query_function_names, quote_function_names, rewrite_texts,
};
pub use location::invalid_at;
pub use parser::MlParser;
pub(crate) use parser::{like_name, with_place};
pub use settings::{ExternalSettings, Frequency, Percentile, RequestType, ResponseType, Settings};
pub use tables::CreateTable;
pub use unload::{Unload, UnloadFormat};
pub(crate) use walk::{Walk, WalkMut};
