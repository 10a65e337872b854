//! Canonical SQL: every statement prints as text that parses to an equal statement.

use std::fmt::{self, Display, Formatter};

use super::ast::{
    Auto, CreateExternalModel, CreateModel, DropModel, ExplainCreateModel, Hyperparameters, IamRole, ModelSource,
    ProblemType, SagemakerEndpoint, ShowModel, Statement,
};
use super::settings::{ExternalSettings, Frequency, RequestType, ResponseType, Settings};

/// A string literal.
pub(super) struct Literal<'a>(pub(super) &'a str);

impl Display for Literal<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "'{}'", self.0.replace('\'', "''"))
    }
}

/// Items with commas between them.
pub(super) fn list(items: impl IntoIterator<Item = impl Display>) -> String {
    items.into_iter().map(|item| item.to_string()).collect::<Vec<_>>().join(", ")
}

impl Display for Statement {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::DataFusion(statement) => statement.fmt(f),
            Self::CreateModel(statement) => statement.fmt(f),
            Self::CreateExternalModel(statement) => statement.fmt(f),
            Self::ShowModel(statement) => statement.fmt(f),
            Self::DropModel(statement) => statement.fmt(f),
            Self::ExplainCreateModel(statement) => statement.fmt(f),
            Self::CreateTable(statement) => statement.fmt(f),
            Self::AlterTable(statement) => statement.fmt(f),
            Self::Copy(statement) => statement.fmt(f),
            Self::Unload(statement) => statement.fmt(f),
            Self::RemoveDuplicates(merge) => write!(f, "{merge} REMOVE DUPLICATES"),
            Self::Access(statement) => statement.fmt(f),
        }
    }
}

impl Display for CreateModel {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "CREATE {}MODEL {}", if self.or_replace { "OR REPLACE " } else { "" }, self.name)?;
        if let Some(source) = &self.source {
            write!(f, " FROM {source}")?;
        }
        if let Some(target) = &self.target {
            write!(f, " TARGET {target}")?;
        }
        if let Some(function) = &self.function {
            write!(f, " FUNCTION {function}")?;
        }
        if let Some(types) = &self.argument_types {
            write!(f, " ({})", list(types))?;
        }
        if let Some(returns) = &self.returns {
            write!(f, " RETURNS {returns}")?;
        }
        if let Some(endpoint) = &self.sagemaker {
            write!(f, " SAGEMAKER {endpoint}")?;
        }
        if let Some(role) = &self.iam_role {
            write!(f, " IAM_ROLE {role}")?;
        }
        if let Some(auto) = self.auto {
            write!(f, " AUTO {auto}")?;
        }
        if let Some(model_type) = &self.model_type {
            write!(f, " MODEL_TYPE {}", model_type.value.to_ascii_uppercase())?;
        }
        if let Some(problem_type) = self.problem_type {
            write!(f, " PROBLEM_TYPE {problem_type}")?;
        }
        if let Some(objective) = &self.objective {
            write!(f, " OBJECTIVE {}", Literal(objective))?;
        }
        if let Some(preprocessors) = &self.preprocessors {
            write!(f, " PREPROCESSORS {}", Literal(preprocessors))?;
        }
        if let Some(hyperparameters) = &self.hyperparameters {
            write!(f, " HYPERPARAMETERS {hyperparameters}")?;
        }
        if self.settings != Settings::default() {
            write!(f, " SETTINGS ({})", self.settings)?;
        }
        Ok(())
    }
}

impl Display for ModelSource {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Table(name) => name.fmt(f),
            Self::Query(query) => write!(f, "({query})"),
            Self::Job(job) => Literal(job).fmt(f),
        }
    }
}

impl Display for SagemakerEndpoint {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Literal(&self.endpoint).fmt(f)?;
        match &self.model {
            Some(model) => write!(f, ":{}", Literal(model)),
            None => Ok(()),
        }
    }
}

impl Display for IamRole {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Arn(arn) => Literal(arn).fmt(f),
        }
    }
}

impl Display for Auto {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::On => "ON",
            Self::Off => "OFF",
        })
    }
}

impl Display for ProblemType {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Display for Hyperparameters {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("DEFAULT"),
            Self::DefaultExcept(pairs) => {
                let pairs = pairs.iter().map(|(key, value)| format!("{key} {}", Literal(value)));
                write!(f, "DEFAULT EXCEPT ({})", list(pairs))
            }
        }
    }
}

impl Display for Settings {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let text = |key: &str, value: &Option<String>| value.as_ref().map(|v| format!("{key} {}", Literal(v)));
        let number = |key: &str, value: Option<u64>| value.map(|v| format!("{key} {v}"));
        let items = [
            text("S3_BUCKET", &self.s3_bucket),
            text("TAGS", &self.tags),
            text("KMS_KEY_ID", &self.kms_key_id),
            self.s3_garbage_collect.map(|on| format!("S3_GARBAGE_COLLECT {}", if on { "ON" } else { "OFF" })),
            number("MAX_CELLS", self.max_cells),
            number("MAX_RUNTIME", self.max_runtime),
            number("HORIZON", self.horizon),
            self.frequency.map(|frequency| format!("FREQUENCY '{frequency}'")),
            self.percentiles.as_ref().map(|percentiles| {
                let percentiles: Vec<_> = percentiles.iter().map(ToString::to_string).collect();
                format!("PERCENTILES '{}'", percentiles.join(","))
            }),
            number("MAX_BATCH_ROWS", self.max_batch_rows),
        ];
        f.write_str(&list(items.into_iter().flatten()))
    }
}

impl Display for Frequency {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Display for CreateExternalModel {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "CREATE {}EXTERNAL MODEL {}", if self.or_replace { "OR REPLACE " } else { "" }, self.name)?;
        write!(f, " FUNCTION {}", self.function)?;
        if let Some(role) = &self.iam_role {
            write!(f, " IAM_ROLE {role}")?;
        }
        write!(f, " MODEL_TYPE {} SETTINGS ({})", self.model_type.value.to_ascii_uppercase(), self.settings)
    }
}

impl Display for ExternalSettings {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let text = |key: &str, value: &Option<String>| value.as_ref().map(|v| format!("{key} {}", Literal(v)));
        let items = [
            Some(format!("MODEL_ID {}", Literal(&self.model_id))),
            text("PROMPT", &self.prompt),
            text("SUFFIX", &self.suffix),
            self.request_type.map(|request| format!("REQUEST_TYPE {request}")),
            self.response_type.map(|response| format!("RESPONSE_TYPE {response}")),
        ];
        f.write_str(&list(items.into_iter().flatten()))
    }
}

impl Display for RequestType {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Raw => "RAW",
            Self::Unified => "UNIFIED",
        })
    }
}

impl Display for ResponseType {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Varchar => "VARCHAR",
            Self::Super => "SUPER",
        })
    }
}

impl Display for ShowModel {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("SHOW MODEL ALL"),
            Self::Named(name) => write!(f, "SHOW MODEL {name}"),
        }
    }
}

impl Display for DropModel {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "DROP MODEL {}{}", if self.if_exists { "IF EXISTS " } else { "" }, self.name)
    }
}

impl Display for ExplainCreateModel {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("EXPLAIN ")?;
        if self.options.analyze {
            f.write_str("ANALYZE ")?;
        }
        if self.options.verbose {
            f.write_str("VERBOSE ")?;
        }
        if let Some(format) = &self.options.format {
            write!(f, "FORMAT {format} ")?;
        }
        self.statement.fmt(f)
    }
}
