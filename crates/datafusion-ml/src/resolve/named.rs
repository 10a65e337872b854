//! Models that a statement names in a text, as in `explain_model('churn')`.

use std::sync::Arc;

use datafusion::common::TableReference;
use datafusion::error::Result;
use datafusion::sql::parser::Statement as DFStatement;
use datafusion::sql::sqlparser::tokenizer::Span;
use datafusion_ml_core::{FittedModel, TrainingLog};

use super::{are_registered, load, name_model, not_ready, place, rights};
use crate::background::find_training;
use crate::catalog::{ModelEntry, ModelName};
use crate::error::invalid;
use crate::execute::no_such_model;
use crate::explain::{EXPLAIN_MODEL, no_report, register_explain_model, report, usage};
use crate::predict::model_of;
use crate::session::MlSession;
use crate::sql::{calls_with_text, calls_without_text};
use crate::tables::{Source, TableFunction, register_reported};

/// Resolves the models that the statement names in calls of our own functions: what these functions answer is put into
/// the context. Fails if there is no such model.
pub(super) async fn resolve_named(
    session: &MlSession,
    statement: &DFStatement,
    view_owner: Option<&str>,
) -> Result<()> {
    if calls_without_text(statement).contains(EXPLAIN_MODEL) {
        return Err(usage());
    }
    let calls = calls_with_text(statement);
    let calls: Vec<_> = calls.iter().filter_map(|(name, text)| Some((Call::of(name)?, text))).collect();
    if calls.is_empty() {
        return Ok(());
    }
    for (call, text) in calls {
        let name = named_model(text, &session.default_schema())?;
        let (catalog, training) = find_training(session, |state| state.training(&name)).await?;
        if !rights(session, &catalog, view_owner).may_see_model(&catalog, &name)? {
            return Err(no_such_model(session, &catalog, &name, Span::empty()));
        }
        let state = session.context().state_ref();
        let entry = match (catalog.model(&name), training, &call) {
            (Some(model), _, _) => model.entry()?,
            (None, Some(training), Call::ExplainModel) => {
                register_explain_model(&mut state.write(), Some((text, &name, no_report(&training.status)?)))?;
                continue;
            }
            (None, Some(training), Call::Table(function)) => return Err(not_ready(&training, &function.name())),
            (None, None, _) => return Err(no_such_model(session, &catalog, &name, Span::empty())),
        };
        match call {
            Call::ExplainModel => {
                let model = loaded(session, entry).await?;
                let report = report(entry, &model)?;
                register_explain_model(&mut state.write(), Some((text, &name, report)))?;
            }
            Call::Table(function) => {
                let table = match function.source() {
                    Source::Log => function.of_log(&training_log(session, entry).await?)?,
                    Source::Parameters => {
                        let model = loaded(session, entry).await?;
                        function.of_model(entry, &model)?
                    }
                    Source::Query => {
                        loaded(session, entry).await?;
                        continue;
                    }
                };
                register_reported(&mut state.write(), function, Some((text, &name, table)))?;
            }
        }
    }
    Ok(())
}

/// Whether a function of that name takes a model's name.
pub(super) fn names_model(function: &str) -> bool {
    Call::of(function).is_some()
}

/// A function of ours that takes a model's name.
enum Call {
    ExplainModel,
    Table(TableFunction),
}

impl Call {
    fn of(name: &str) -> Option<Self> {
        if name == EXPLAIN_MODEL { Some(Self::ExplainModel) } else { TableFunction::named(name).map(Self::Table) }
    }
}

/// The model that a text means: `name` or `schema.name`, in lower case unless quoted.
pub(crate) fn named_model(text: &str, default_schema: &str) -> Result<ModelName> {
    match TableReference::parse_str(text) {
        TableReference::Bare { table } => Ok(ModelName::new(default_schema, table.as_ref())),
        TableReference::Partial { schema, table } => Ok(ModelName::new(schema.as_ref(), table.as_ref())),
        TableReference::Full { .. } => {
            Err(invalid(format!("'{text}' has three parts; a model is named 'name' or 'schema.name'")))
        }
    }
}

/// The fitted model, loaded unless its functions are in the context already.
async fn loaded(session: &MlSession, entry: &Arc<ModelEntry>) -> Result<Arc<FittedModel>> {
    let function = entry.function.to_string();
    if are_registered(session, entry, [function.as_str()]) {
        let state = session.context().state_ref();
        let state = state.read();
        if let Some(model) = state.scalar_functions().get(&function).and_then(|function| model_of(function)) {
            return Ok(Arc::clone(model));
        }
    }
    load(session, entry).await
}

async fn training_log(session: &MlSession, entry: &ModelEntry) -> Result<TrainingLog> {
    let Some(digest) = &entry.training_log else {
        return Err(invalid(format!(
            "model {} was created by an earlier version, which kept no training log; create it again",
            entry.name
        )));
    };
    place(session, entry).await?.get_training_log(digest).await.map_err(|e| name_model(entry, e))
}
