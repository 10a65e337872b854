//! From the clauses of CREATE MODEL to typed, checked values: how to learn.

use std::sync::Arc;
use std::time::Duration;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::error::{DataFusionError, Result};
use datafusion::sql::sqlparser::ast::Ident;
use datafusion_ml_core::options::nearest;
use datafusion_ml_core::{Algorithm, Error, Options, Preprocessors, Task};

use crate::catalog::ModelName;
use crate::error::{external, invalid};
use crate::session::MlSession;
use crate::sql::{Auto, Clause, CreateModel, invalid_at};
use crate::train::{AutoSearch, Learner, OneAlgorithm, TrainingSpec};

/// Parses and checks every clause that says how to learn.
pub(super) fn training_spec(
    session: &MlSession,
    statement: &CreateModel,
    name: &ModelName,
    schema: &SchemaRef,
) -> Result<TrainingSpec> {
    check_columns(schema)?;
    let target = statement.target.as_ref().map(|ident| target_column(ident, schema)).transpose()?;
    let columns = schema.fields().len();
    if let Some(target) = statement.target.as_ref().filter(|_| columns < 2) {
        let fact = format!("TARGET {} is the only column of the query", target.value);
        return Err(invalid_at(target.span, fact, "let it give at least one more column to learn from"));
    }
    let defaults = session.options();
    if !(0.0..=0.9).contains(&defaults.validation_fraction) {
        return Err(invalid(format!(
            "ml.validation_fraction is {}; it takes a number from 0 to 0.9",
            defaults.validation_fraction
        )));
    }
    let (learner, task) = match statement.auto() {
        Auto::On => (Learner::Search(auto_search(session, statement)?), statement.problem_type.map(Task::from)),
        Auto::Off => one_algorithm(session, statement).map(|(one, task)| (Learner::One(one), task))?,
    };
    let seed_given = match &learner {
        Learner::One(one) if one.options.contains("seed") => one.options.integer("seed").ok(),
        _ => None,
    };
    let partitions = session.context().state().config_options().execution.target_partitions;
    Ok(TrainingSpec {
        model: name.to_string(),
        learner,
        target,
        task,
        preprocessors: statement
            .preprocessors
            .as_deref()
            .map_or(Ok(Preprocessors::default()), Preprocessors::parse)
            .map_err(external)?,
        seed: seed_given.map_or(defaults.seed, |seed| seed as u64),
        threads: if defaults.threads == 0 { partitions } else { defaults.threads },
        max_cells: statement.settings.max_cells,
        max_runtime: statement.settings.max_runtime.map(Duration::from_secs),
        validation_fraction: defaults.validation_fraction,
        refit_max_rows: defaults.refit_max_rows,
        training_buffer_bytes: defaults.training_buffer_bytes,
    })
}

/// AUTO ON: the algorithms that take part, all supervised ones unless MODEL_TYPE names one.
fn auto_search(session: &MlSession, statement: &CreateModel) -> Result<AutoSearch> {
    let supervised = |algorithm: &&Arc<dyn Algorithm>| algorithm.tasks().iter().any(|task| SUPERVISED.contains(task));
    let algorithms = match &statement.model_type {
        Some(_) => vec![algorithm(session, statement)?],
        None => session.shared.algorithms.values().filter(supervised).cloned().collect(),
    };
    Ok(AutoSearch {
        algorithms,
        objective: statement.objective.clone(),
        max_candidates: session.options().auto_max_candidates,
    })
}

const SUPERVISED: [Task; 3] = [Task::Regression, Task::BinaryClassification, Task::MulticlassClassification];

/// AUTO OFF: the algorithm that MODEL_TYPE names with its hyperparameters, and the task as far as the statement says.
fn one_algorithm(session: &MlSession, statement: &CreateModel) -> Result<(OneAlgorithm, Option<Task>)> {
    let algorithm = algorithm(session, statement)?;
    let given = statement.hyperparameters().iter().map(|(key, value)| (key.value.as_str(), value.as_str()));
    let options = Options::parse(algorithm.options(), given).map_err(|error| hyperparameter_error(statement, error))?;
    let max_classes = match options.contains("num_class") {
        true => options.integer("num_class").ok().filter(|classes| *classes > 0).map(|classes| classes as usize),
        false => None,
    };
    let (objective, task) = objective(algorithm.as_ref(), statement)?;
    Ok((OneAlgorithm { algorithm, objective, options, max_classes }, task))
}

fn algorithm(session: &MlSession, statement: &CreateModel) -> Result<Arc<dyn Algorithm>> {
    let ident =
        statement.model_type.as_ref().ok_or_else(|| invalid("MODEL_TYPE is missing; add MODEL_TYPE XGBOOST"))?;
    let algorithms = &session.shared.algorithms;
    algorithms.get(&ident.value).cloned().ok_or_else(|| {
        let names: Vec<String> = algorithms.keys().map(|name| name.to_uppercase()).collect();
        let hint = match nearest(&ident.value, names.iter().map(String::as_str)) {
            Some(near) => format!("did you mean {near}?"),
            None => format!("there are {}", names.join(", ")),
        };
        invalid_at(ident.span, format!("there is no MODEL_TYPE {}", ident.value.to_uppercase()), hint)
    })
}

/// The objective in the algorithm's spelling, and the task as far as OBJECTIVE, PROBLEM_TYPE or the algorithm say.
fn objective(algorithm: &dyn Algorithm, statement: &CreateModel) -> Result<(Option<String>, Option<Task>)> {
    let stated = statement.problem_type.map(Task::from);
    let place = statement.span(Clause::Objective);
    let model_type = algorithm.name().to_uppercase();
    let Some(objective) = &statement.objective else {
        let only = match algorithm.tasks() {
            [only] => Some(*only),
            _ => None,
        };
        return Ok((None, stated.or(only)));
    };
    let objectives = algorithm.objectives();
    match objectives.iter().find(|(name, _)| name.eq_ignore_ascii_case(objective)) {
        Some((name, task)) => Ok((Some((*name).to_owned()), Some(*task))),
        None if objectives.is_empty() => {
            Err(invalid_at(place, format!("MODEL_TYPE {model_type} with OBJECTIVE"), "leave OBJECTIVE out"))
        }
        None => {
            let names: Vec<&str> = objectives.iter().map(|(name, _)| *name).collect();
            let hint = match nearest(objective, names.iter().copied()) {
                Some(near) => format!("did you mean '{near}'?"),
                None => format!("there are {}", names.join(", ")),
            };
            Err(invalid_at(place, format!("MODEL_TYPE {model_type} has no OBJECTIVE '{objective}'"), hint))
        }
    }
}

/// Fails unless every column has a name of its own: the names are those of the function's parameters.
fn check_columns(schema: &SchemaRef) -> Result<()> {
    let mut seen = std::collections::HashSet::new();
    match schema.fields().iter().find(|field| !seen.insert(field.name().to_lowercase())) {
        Some(field) => {
            Err(invalid(format!("the query gives two columns named {}; give one of them an alias (AS)", field.name())))
        }
        None => Ok(()),
    }
}

/// The name in the schema that TARGET means: as written, else without regard to case.
fn target_column(ident: &Ident, schema: &SchemaRef) -> Result<String> {
    let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    let exact = names.iter().find(|name| **name == ident.value);
    let found = exact.or_else(|| names.iter().find(|name| name.eq_ignore_ascii_case(&ident.value)));
    found.map(|name| (*name).to_owned()).ok_or_else(|| {
        let hint = match nearest(&ident.value, names.iter().copied()) {
            Some(near) => format!("did you mean {near}?"),
            None if names.len() > 20 => format!("the query gives {} columns, none of that name", names.len()),
            None => format!("the query gives {}", names.join(", ")),
        };
        invalid_at(ident.span, format!("there is no column {} for TARGET", ident.value), hint)
    })
}

/// The error with the place of the hyperparameter that it names.
fn hyperparameter_error(statement: &CreateModel, error: Error) -> DataFusionError {
    let (fact, remedy) = error.message().split_once("; ").unwrap_or((error.message(), ""));
    let mut words = fact.split(' ');
    let named =
        statement.hyperparameters().iter().find(|(key, _)| words.any(|word| word.eq_ignore_ascii_case(&key.value)));
    let span = named.map_or_else(|| statement.span(Clause::Hyperparameters), |(key, _)| key.span);
    invalid_at(span, fact, remedy)
}
