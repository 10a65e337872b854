//! What a person can act on, in the place of DataFusion's words: where in the statement a name stands that is not known, and
//! which known name is nearest to it.

mod wording;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use datafusion::common::SchemaError;
use datafusion::error::DataFusionError;
use datafusion::execution::context::SessionState;
use datafusion::sql::parser::Statement as DFStatement;
use datafusion::sql::sqlparser::ast::{
    DataType, Expr, Ident, ObjectName, ObjectNamePart, Value, ValueWithSpan, Visit, Visitor,
};
use datafusion::sql::sqlparser::tokenizer::Span;
use datafusion_ml_core::options::nearest;

pub(crate) use self::wording::{found_late, unknown_type};
use crate::catalog::{EXPLAIN_SUFFIX, IndexedEntry, PROBABILITY_SUFFIXES};
use crate::predict::entry_of;
use crate::session::MlSession;
use crate::sql::{Walk, invalid_at};

/// Where the names and literals of a statement stand first.
#[derive(Debug, Default)]
pub(crate) struct Places {
    spans: BTreeMap<String, Span>,
    /// The names, in lower case, before which no other stands, and behind which one does.
    qualifiers: BTreeSet<String>,
}

impl Places {
    /// The places of the names of tables, columns, functions and types, and of literals.
    pub(crate) fn of(statement: &DFStatement) -> Self {
        let mut places = Self::default();
        let _ = Walk(statement).visit(&mut places);
        places
    }

    fn name(&mut self, name: &ObjectName) {
        name.0.iter().filter_map(ObjectNamePart::as_ident).for_each(|part| self.ident(part));
    }

    fn ident(&mut self, ident: &Ident) {
        self.spans.entry(ident.value.to_lowercase()).or_insert(ident.span);
    }

    /// Where the name stands, or an empty span.
    fn get(&self, name: &str) -> Span {
        self.spans.get(&name.to_lowercase()).copied().unwrap_or_else(Span::empty)
    }
}

impl Visitor for Places {
    type Break = ();

    fn pre_visit_relation(&mut self, name: &ObjectName) -> ControlFlow<()> {
        self.name(name);
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        match expr {
            Expr::Identifier(ident) => self.ident(ident),
            Expr::CompoundIdentifier(parts) => {
                self.qualifiers.extend(parts.first().map(|part| part.value.to_lowercase()));
                parts.iter().for_each(|part| self.ident(part));
            }
            Expr::Function(function) => {
                self.name(&function.name);
                if let [first, _, ..] = function.name.0.as_slice() {
                    let span = first.as_ident().map_or_else(Span::empty, |ident| ident.span);
                    self.spans.entry(unquoted(&function.name)).or_insert(span);
                }
            }
            Expr::Cast { data_type: DataType::Custom(name, _), .. } => self.name(name),
            _ => {}
        }
        ControlFlow::Continue(())
    }

    /// A literal is known by its text, quotes and all.
    fn pre_visit_value(&mut self, value: &ValueWithSpan) -> ControlFlow<()> {
        let text = match &value.value {
            Value::SingleQuotedString(text) => format!("'{text}'"),
            other => other.to_string(),
        };
        self.spans.entry(text.to_lowercase()).or_insert(value.span);
        ControlFlow::Continue(())
    }
}

/// The parts of a name in lower case, joined by dots, as [`Places`] and DataFusion's errors have it.
fn unquoted(name: &ObjectName) -> String {
    let parts = name.0.iter().filter_map(ObjectNamePart::as_ident).map(|part| part.value.to_lowercase());
    parts.collect::<Vec<_>>().join(".")
}

/// The error of a statement that could not be planned, in words that help.
pub(crate) fn with_hint(session: &MlSession, error: DataFusionError, places: &Places) -> DataFusionError {
    let quotes = match &error {
        DataFusionError::Context(hint, _) if hint.contains("in double quotes") => Some(hint.clone()),
        _ => None,
    };
    if let Some(reworded) = wording::reworded(error.find_root(), places) {
        return reworded;
    }
    match error.find_root() {
        DataFusionError::SchemaError(unknown, _) => match unknown.as_ref() {
            SchemaError::FieldNotFound { field, valid_fields } => {
                let place = places.get(&field.name);
                // A path into SUPER begins as the name of a table does.
                let is_table = field.relation.is_none() && places.qualifiers.contains(&field.name);
                let what = if is_table { "table or column" } else { "column" };
                let tables = valid_fields.iter().filter_map(|field| field.relation.as_ref().map(|table| table.table()));
                let tables = tables.filter(|_| is_table);
                // Statements of ours add columns of their own.
                let columns =
                    valid_fields.iter().map(|field| field.name.as_str()).filter(|name| !name.starts_with('#'));
                let mut names: Vec<&str> = Vec::new();
                for name in tables.chain(columns) {
                    if !names.contains(&name) {
                        names.push(name);
                    }
                }
                let remedy = match (nearest(&field.name, names.iter().copied()), names.len()) {
                    (Some(near), _) => format!("did you mean {near}?"),
                    (None, 0) => "there are no columns here".to_owned(),
                    (None, 1) => format!("the only one is {}", names[0]),
                    (None, 2..=12) => format!("there are {}", names.join(", ")),
                    (None, count) => format!("there are {} and {} more", names[..12].join(", "), count - 12),
                };
                invalid_at(place, format!("there is no {what} {}", field.flat_name()), quotes.unwrap_or(remedy))
            }
            _ => error,
        },
        DataFusionError::Plan(text) => {
            let state = session.context().state_ref();
            let state = state.read();
            match Unknown::of(text) {
                Some(Unknown::Function(name)) => {
                    if let Some((fact, remedy)) = without_it(session, name) {
                        return invalid_at(places.get(name), fact, remedy);
                    }
                    if let Some(elsewhere) = elsewhere(session, name) {
                        let fact = format!("there is no function {name} in schema {}", session_schema(&state));
                        return invalid_at(places.get(name), fact, format!("did you mean {elsewhere}?"));
                    }
                    if state.window_functions().contains_key(&name.to_lowercase()) {
                        let remedy = format!("write {name}(...) OVER (ORDER BY column)");
                        return invalid_at(places.get(name), format!("{name} needs a window"), remedy);
                    }
                    if state.table_functions().contains_key(&name.to_lowercase()) {
                        let remedy = format!("write SELECT * FROM {name}(...)");
                        return invalid_at(places.get(name), format!("function {name} stands in FROM"), remedy);
                    }
                    let candidates = functions(session, &state);
                    invalid_at(
                        places.get(name),
                        format!("there is no function {name}"),
                        near(name, &candidates, "SHOW FUNCTIONS lists them"),
                    )
                }
                Some(Unknown::TableFunction(name)) => {
                    if functions(session, &state).iter().any(|known| known.eq_ignore_ascii_case(name)) {
                        let remedy = format!("write SELECT {name}(...)");
                        return invalid_at(places.get(name), format!("function {name} does not stand in FROM"), remedy);
                    }
                    let candidates: Vec<String> = state.table_functions().keys().cloned().collect();
                    invalid_at(
                        places.get(name),
                        format!("there is no function {name} for FROM"),
                        near(name, &candidates, "look at its spelling"),
                    )
                }
                Some(Unknown::Table(name)) => {
                    let (_, in_catalog) = name.split_once('.').unwrap_or(("", name));
                    let (schema, table) = in_catalog.split_once('.').unwrap_or(("", in_catalog));
                    if table.contains('/') {
                        let fact = format!("there is no file {table}");
                        return invalid_at(
                            places.get(table),
                            fact,
                            "check the place, and that its files end in .parquet, .csv or .json",
                        );
                    }
                    let schemas = schemas(&state);
                    if schema != "information_schema" && !schemas.iter().any(|known| known == schema) {
                        let fact = format!("there is no schema {schema}");
                        return invalid_at(places.get(schema), fact, near(schema, &schemas, "SHOW SCHEMAS lists them"));
                    }
                    let candidates = tables(&state);
                    invalid_at(
                        places.get(table),
                        format!("there is no table {in_catalog}"),
                        near(table, &candidates, "SHOW TABLES lists them"),
                    )
                }
                Some(Unknown::Setting(name)) => {
                    let names: Vec<String> =
                        state.config_options().entries().into_iter().map(|entry| entry.key).collect();
                    let place = places.get(name.rsplit('.').next().unwrap_or(name));
                    if name.eq_ignore_ascii_case("models") {
                        return invalid_at(
                            place,
                            "there is no SHOW MODELS".to_owned(),
                            "write SHOW MODEL ALL".to_owned(),
                        );
                    }
                    invalid_at(place, format!("there is no setting {name}"), near(name, &names, "SHOW ALL lists them"))
                }
                None => error,
            }
        }
        _ => error,
    }
}

/// A name that DataFusion says it does not know.
enum Unknown<'a> {
    Function(&'a str),
    TableFunction(&'a str),
    Table(&'a str),
    Setting(&'a str),
}

impl<'a> Unknown<'a> {
    /// Reads DataFusion's words.
    fn of(text: &'a str) -> Option<Self> {
        let quoted = |rest: &'a str| rest.split_once('\'').map(|(name, _)| name);
        if let Some(rest) = text.strip_prefix("Invalid function '") {
            return quoted(rest).map(Self::Function);
        }
        if let Some(rest) = text.strip_prefix("table function '") {
            return quoted(rest).map(Self::TableFunction);
        }
        if let Some((name, rest)) = text.strip_prefix('\'').and_then(|rest| rest.split_once('\''))
            && rest.starts_with(" is not a variable")
        {
            return Some(Self::Setting(name));
        }
        let rest = text.strip_prefix("table '")?;
        rest.contains("' not found").then(|| quoted(rest)).flatten().map(Self::Table)
    }
}

/// A model that would have the function of that name if it were of another kind, and what to call.
fn without_it(session: &MlSession, name: &str) -> Option<(String, String)> {
    let models = session.shared.catalog.cached();
    let rights = session.shared.guard.rights(&models);
    let lacks_it = |model: &&IndexedEntry, prefix: &str, suffix: &str| {
        let function = &model.key().function;
        (function.name == prefix || function.to_string() == prefix)
            && !model.key().functions().contains(&function.with_suffix(suffix))
            && rights.may_execute(&models, model).unwrap_or(false)
    };
    let suffixes = PROBABILITY_SUFFIXES.map(|suffix| (suffix, "probabilities"));
    suffixes.into_iter().chain([(EXPLAIN_SUFFIX, "explanations")]).find_map(|(suffix, what)| {
        let function = name.strip_suffix(suffix)?;
        let model = models.models().find(|model| lacks_it(model, function, suffix))?;
        let problem = model.entry().ok()?.report.problem_type.to_lowercase();
        let reason = match problem.as_str() {
            "regression" | "clustering" if suffix != EXPLAIN_SUFFIX => format!("is a {problem}, which has no {what}"),
            _ => format!("has no {what}"),
        };
        Some((format!("there is no function {name}: model {} {reason}", model.name()), format!("call {function}")))
    })
}

/// A model's function of that name in another schema than the default one.
fn elsewhere(session: &MlSession, name: &str) -> Option<String> {
    let models = session.shared.catalog.cached();
    let rights = session.shared.guard.rights(&models);
    let known = models.models().filter(|model| rights.may_execute(&models, model).unwrap_or(false));
    let mut functions = known.flat_map(|model| model.key().functions());
    functions.find(|function| function.name == name).map(|function| function.to_string())
}

fn session_schema(state: &SessionState) -> &str {
    &state.config_options().catalog.default_schema
}

fn functions(session: &MlSession, state: &SessionState) -> Vec<String> {
    let models = session.shared.catalog.cached();
    let rights = session.shared.guard.rights(&models);
    let known = models.models().filter(|model| rights.may_execute(&models, model).unwrap_or(false));
    let of_models = known.flat_map(|model| model.key().functions()).map(|function| function.name);
    // Those of models that a view calls may be in the context, too.
    let builtin = state.scalar_functions().iter().filter(|(_, function)| entry_of(function).is_none());
    let builtin = builtin.map(|(name, _)| name).chain(state.aggregate_functions().keys());
    of_models.chain(builtin.chain(state.window_functions().keys()).cloned()).collect()
}

fn tables(state: &SessionState) -> Vec<String> {
    let options = &state.config_options().catalog;
    let schema = state.catalog_list().catalog(&options.default_catalog);
    let schema = schema.and_then(|catalog| catalog.schema(&options.default_schema));
    schema.map(|schema| schema.table_names()).unwrap_or_default()
}

fn schemas(state: &SessionState) -> Vec<String> {
    let catalog = state.catalog_list().catalog(&state.config_options().catalog.default_catalog);
    catalog.map(|catalog| catalog.schema_names()).unwrap_or_default()
}

fn near(name: &str, candidates: &[String], otherwise: &str) -> String {
    match nearest(name, candidates.iter().map(String::as_str)) {
        Some(near) => format!("did you mean {near}?"),
        None => otherwise.to_owned(),
    }
}
