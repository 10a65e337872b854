//! Which clauses of CREATE MODEL mean something together. The rest is refused with its place and the remedy.

use datafusion::error::Result;
use datafusion::sql::sqlparser::ast::DataType;

use super::ast::{Auto, CreateModel, ModelSource};
use super::clause::Clause;
use super::location::invalid_at;
use super::objective::{self, Mode};

/// Fails if the statement's combination of clauses means nothing.
pub(super) fn check(statement: &CreateModel) -> Result<()> {
    match (&statement.source, &statement.sagemaker) {
        (None, None) => invalid(
            statement,
            Clause::From,
            format!("model {} without FROM", statement.name),
            "add FROM and a table or a query in brackets, or SAGEMAKER 'endpoint' to call a remote model",
        ),
        (Some(_), Some(_)) => invalid(
            statement,
            Clause::Sagemaker,
            "SAGEMAKER and FROM in one statement",
            "leave SAGEMAKER out to train or import a model, or FROM to call a remote one",
        ),
        (None, Some(_)) => remote(statement),
        (Some(ModelSource::Job(_)), None) => imported(statement),
        (Some(_), None) => trained(statement),
    }
}

/// A model behind an endpoint.
fn remote(statement: &CreateModel) -> Result<()> {
    refuse(statement, &TRAINING, "a remote model", "leave it out: the endpoint's model is trained")?;
    refuse_settings(statement, &["MAX_CELLS", "MAX_RUNTIME", "HORIZON", "FREQUENCY", "PERCENTILES"], "a remote model")?;
    signature(statement, "a remote model")?;
    let is_super = |data_type: &DataType| data_type.to_string().eq_ignore_ascii_case("super");
    let arguments = statement.argument_types.as_deref().unwrap_or_default();
    let takes_super = arguments.iter().any(is_super);
    if takes_super || statement.returns.as_ref().is_some_and(is_super) {
        if arguments.len() != 1 || !takes_super || !statement.returns.as_ref().is_some_and(is_super) {
            let fact = "SUPER goes with one argument of type SUPER and RETURNS SUPER only";
            return invalid(statement, Clause::Function, fact, "write FUNCTION function_name (SUPER) RETURNS SUPER");
        }
        if statement.settings.max_batch_rows.is_none() {
            let fact = "a remote model of SUPER without MAX_BATCH_ROWS";
            return invalid(statement, Clause::Function, fact, "add SETTINGS (MAX_BATCH_ROWS 1)");
        }
    }
    Ok(())
}

/// A model that a training job made elsewhere.
fn imported(statement: &CreateModel) -> Result<()> {
    let remedy = "leave it out; to train on a file, write FROM (SELECT * FROM 'file')";
    refuse(statement, &TRAINING, "an imported model", remedy)?;
    let unfit = ["MAX_CELLS", "MAX_RUNTIME", "HORIZON", "FREQUENCY", "PERCENTILES", "MAX_BATCH_ROWS"];
    refuse_settings(statement, &unfit, "an imported model")?;
    signature(statement, "an imported model")?;
    match &statement.returns {
        Some(returns) if returns.to_string().eq_ignore_ascii_case("super") => invalid(
            statement,
            Clause::Returns,
            "RETURNS SUPER for an imported model",
            "only remote models return SUPER",
        ),
        _ => Ok(()),
    }
}

/// The clauses that say how to train.
const TRAINING: [Clause; 7] = [
    Clause::Target,
    Clause::Auto,
    Clause::ModelType,
    Clause::ProblemType,
    Clause::Objective,
    Clause::Preprocessors,
    Clause::Hyperparameters,
];

/// The function of a model that is not trained here: its name, and the types that data does not tell.
fn signature(statement: &CreateModel, of: &str) -> Result<()> {
    require(statement, Clause::Function, of, "add FUNCTION function_name (type, ...)")?;
    if statement.argument_types.is_none() {
        let fact = format!("the FUNCTION of {of} without argument types");
        return invalid(statement, Clause::Function, fact, "add them: FUNCTION function_name (type, ...)");
    }
    require(statement, Clause::Returns, of, "add RETURNS type")
}

/// A model that learns from a table or a query.
fn trained(statement: &CreateModel) -> Result<()> {
    let remedy = "leave it out: the function returns the type of the target";
    refuse(statement, &[Clause::Returns], "a model that is trained", remedy)?;
    if statement.argument_types.is_some() {
        let fact = "argument types in the FUNCTION of a model that is trained";
        return invalid(statement, Clause::Function, fact, "leave them out: they are those of the feature columns");
    }
    refuse_settings(statement, &["MAX_BATCH_ROWS"], "a model that is trained")?;
    for (key, _) in statement.hyperparameters() {
        if key.value.eq_ignore_ascii_case("OBJECTIVE") {
            return Err(invalid_at(
                key.span,
                "OBJECTIVE among the hyperparameters",
                "write the clause OBJECTIVE '...'",
            ));
        }
    }
    match statement.model_type() {
        Some("bedrock") => {
            invalid(statement, Clause::ModelType, "MODEL_TYPE BEDROCK in CREATE MODEL", "write CREATE EXTERNAL MODEL")
        }
        Some("forecast") => forecast(statement),
        model_type => {
            refuse_settings(statement, &["HORIZON", "FREQUENCY", "PERCENTILES"], "a model that is no FORECAST")?;
            match (model_type, statement.auto()) {
                (Some("kmeans"), _) => kmeans(statement)?,
                (_, Auto::On) => auto_on(statement)?,
                (_, Auto::Off) => auto_off(statement)?,
            }
            require(statement, Clause::Function, "a model", "add FUNCTION function_name")
        }
    }
}

fn forecast(statement: &CreateModel) -> Result<()> {
    if statement.auto() == Auto::Off {
        let fact = "AUTO OFF with MODEL_TYPE FORECAST";
        return invalid(statement, Clause::Auto, fact, "write AUTO ON");
    }
    let remedy = format!("leave it out, and read the result by SELECT FORECAST({})", statement.name);
    refuse(statement, &[Clause::Function], "MODEL_TYPE FORECAST", &remedy)?;
    let unfit = [Clause::Hyperparameters, Clause::ProblemType, Clause::Preprocessors];
    refuse(statement, &unfit, "MODEL_TYPE FORECAST", "leave it out")?;
    require_for(statement, Clause::ModelType, Clause::Target, "MODEL_TYPE FORECAST", "add TARGET column")?;
    if statement.settings.horizon.is_none() {
        let fact = "MODEL_TYPE FORECAST without HORIZON";
        return invalid(statement, Clause::ModelType, fact, "add SETTINGS (HORIZON 24): how many steps to forecast");
    }
    if statement.settings.frequency.is_none() {
        let fact = "MODEL_TYPE FORECAST without FREQUENCY";
        return invalid(statement, Clause::ModelType, fact, "add SETTINGS (FREQUENCY 'D'): how long a step is");
    }
    objective(statement)
}

fn kmeans(statement: &CreateModel) -> Result<()> {
    if statement.auto() == Auto::On {
        let remedy = "write AUTO OFF; AUTO is ON where a statement does not say";
        return invalid(statement, Clause::ModelType, "MODEL_TYPE KMEANS with AUTO ON", remedy);
    }
    let unfit = [Clause::Target, Clause::ProblemType, Clause::Objective];
    refuse(statement, &unfit, "MODEL_TYPE KMEANS", "leave it out: clusters are found without it")?;
    if !has_hyperparameter(statement, "k") {
        let fact = "MODEL_TYPE KMEANS without hyperparameter K";
        let remedy = "add HYPERPARAMETERS DEFAULT EXCEPT (K '5'): how many clusters to find";
        return invalid(statement, Clause::ModelType, fact, remedy);
    }
    Ok(())
}

fn auto_on(statement: &CreateModel) -> Result<()> {
    let remedy = "write AUTO OFF and a MODEL_TYPE, or leave it out";
    refuse(statement, &[Clause::Hyperparameters], "AUTO ON", remedy)?;
    if Mode::of(statement).is_some() {
        require(statement, Clause::Target, "a model", "add TARGET column: what to predict")?;
    }
    objective(statement)
}

fn auto_off(statement: &CreateModel) -> Result<()> {
    require_for(statement, Clause::Auto, Clause::ModelType, "AUTO OFF", "add MODEL_TYPE XGBOOST, or write AUTO ON")?;
    require_for(statement, Clause::Auto, Clause::Hyperparameters, "AUTO OFF", "add HYPERPARAMETERS DEFAULT")?;
    let is_supervised = matches!(statement.model_type(), Some("xgboost" | "linear_learner" | "mlp"));
    if is_supervised {
        require(statement, Clause::Target, "a model", "add TARGET column: what to predict")?;
    }
    if statement.model_type() == Some("xgboost") {
        let remedy = "leave it out: OBJECTIVE decides, as in OBJECTIVE 'binary:logistic'";
        refuse(statement, &[Clause::ProblemType], "AUTO OFF and MODEL_TYPE XGBOOST", remedy)?;
        if statement.objective.as_deref() == Some("multi:softmax") && !has_hyperparameter(statement, "num_class") {
            let fact = "OBJECTIVE 'multi:softmax' without hyperparameter NUM_CLASS";
            let remedy = "add HYPERPARAMETERS DEFAULT EXCEPT (NUM_CLASS '3'): how many classes there are";
            return invalid(statement, Clause::Objective, fact, remedy);
        }
    }
    objective(statement)
}

/// Fails if the objective is one of another kind of statement, or of another problem.
fn objective(statement: &CreateModel) -> Result<()> {
    let Some(name) = statement.objective.as_deref() else {
        return Ok(());
    };
    let mode = Mode::of(statement);
    let takes = |mode: Mode| {
        let names: Vec<_> = mode.objectives(statement.problem_type).collect();
        match statement.problem_type {
            Some(problem) => format!("{mode} and PROBLEM_TYPE {problem} take {}", names.join(", ")),
            None => format!("{mode} takes {}", names.join(", ")),
        }
    };
    match (objective::find(name), mode) {
        (Some(known), Some(mode)) if known.mode != mode => {
            let fact = format!("OBJECTIVE '{name}', which belongs to {},", known.mode);
            invalid(statement, Clause::Objective, fact, takes(mode))
        }
        (Some(known), Some(mode @ Mode::Search))
            if statement.problem_type.is_some_and(|problem| !known.problems.contains(&problem)) =>
        {
            let fact = format!("OBJECTIVE '{name}', which is of another problem,");
            invalid(statement, Clause::Objective, fact, takes(mode))
        }
        // The algorithm may know more losses than Redshift lists.
        (None, Some(mode @ (Mode::Search | Mode::Forecast))) => {
            invalid(statement, Clause::Objective, format!("unknown OBJECTIVE '{name}'"), takes(mode))
        }
        _ => Ok(()),
    }
}

fn has_hyperparameter(statement: &CreateModel, name: &str) -> bool {
    statement.hyperparameters().iter().any(|(key, _)| key.value.eq_ignore_ascii_case(name))
}

/// Fails at the model's name if the clause is missing.
fn require(statement: &CreateModel, clause: Clause, of: &str, remedy: &str) -> Result<()> {
    require_for(statement, clause, clause, of, remedy)
}

/// Fails at the clause that asks for another if that one is missing.
fn require_for(statement: &CreateModel, asking: Clause, clause: Clause, of: &str, remedy: &str) -> Result<()> {
    match statement.spans.get(clause) {
        Some(_) => Ok(()),
        None => invalid(statement, asking, format!("{of} without {clause}"), remedy),
    }
}

/// Fails if there is one of the clauses.
fn refuse(statement: &CreateModel, clauses: &[Clause], of: &str, remedy: &str) -> Result<()> {
    match clauses.iter().find(|clause| statement.spans.get(**clause).is_some()) {
        Some(clause) => invalid(statement, *clause, format!("{clause} with {of}"), remedy),
        None => Ok(()),
    }
}

/// Fails if there is one of the settings.
fn refuse_settings(statement: &CreateModel, keys: &[&str], of: &str) -> Result<()> {
    let settings = &statement.settings;
    let is_set = |key: &&&str| match **key {
        "MAX_CELLS" => settings.max_cells.is_some(),
        "MAX_RUNTIME" => settings.max_runtime.is_some(),
        "HORIZON" => settings.horizon.is_some(),
        "FREQUENCY" => settings.frequency.is_some(),
        "PERCENTILES" => settings.percentiles.is_some(),
        _ => settings.max_batch_rows.is_some(),
    };
    match keys.iter().find(is_set) {
        Some(key) => invalid(statement, Clause::Settings, format!("setting {key} with {of}"), "leave it out"),
        None => Ok(()),
    }
}

/// The error that `fact` stands at the clause, or at the model's name if there is no such clause.
fn invalid(statement: &CreateModel, clause: Clause, fact: impl Into<String>, remedy: impl Into<String>) -> Result<()> {
    Err(invalid_at(statement.span(clause), fact.into(), remedy.into()))
}
