//! The syntax tree of the statements that datafusion-ml adds.

use datafusion::common::format::ExplainStatementOptions;
use datafusion::sql::parser::Statement as DFStatement;
use datafusion::sql::sqlparser::ast::{DataType, Ident, Merge, ObjectName, Query};
use datafusion::sql::sqlparser::tokenizer::Span;
use datafusion_ml_core::Task;

use super::access::AccessStatement;
use super::alter_table::AlterTable;
use super::clause::{Clause, ClauseSpans};
use super::copy::Copy;
use super::settings::{ExternalSettings, Settings};
use super::tables::CreateTable;
use super::unload::Unload;

/// A statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Statement {
    /// Any statement of DataFusion.
    DataFusion(Box<DFStatement>),
    /// `CREATE MODEL`
    CreateModel(Box<CreateModel>),
    /// `CREATE EXTERNAL MODEL`
    CreateExternalModel(Box<CreateExternalModel>),
    /// `SHOW MODEL`
    ShowModel(ShowModel),
    /// `DROP MODEL`
    DropModel(DropModel),
    /// `EXPLAIN CREATE MODEL`
    ExplainCreateModel(ExplainCreateModel),
    /// `CREATE TABLE`
    CreateTable(Box<CreateTable>),
    /// `ALTER TABLE`
    AlterTable(Box<AlterTable>),
    /// `COPY table FROM`
    Copy(Box<Copy>),
    /// `UNLOAD`
    Unload(Box<Unload>),
    /// `MERGE ... REMOVE DUPLICATES`: the statement without these two words. `MERGE ... WHEN` is DataFusion's parser's.
    RemoveDuplicates(Box<Merge>),
    /// A statement about users, groups, roles, and what they may do.
    Access(Box<AccessStatement>),
}

/// `CREATE MODEL`: trains a model, imports one, or names a remote one.
///
/// As the parser returns it, the combination of clauses means something: see [`Self::auto`] and [`ModelSource`]. The
/// optional fields are `None` where the statement does not have the clause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateModel {
    /// Whether a model of the same name is replaced.
    pub or_replace: bool,
    /// The model.
    pub name: ObjectName,
    /// What is learned from or imported; `None` only with [`Self::sagemaker`].
    pub source: Option<ModelSource>,
    /// The column to predict. In single quotes it is read as if written without, if it could be.
    pub target: Option<Ident>,
    /// The prediction function; `None` only with MODEL_TYPE FORECAST.
    pub function: Option<ObjectName>,
    /// The types of the function's arguments; given exactly if the model is imported or remote.
    pub argument_types: Option<Vec<DataType>>,
    /// The type that the function returns; given exactly if the model is imported or remote.
    pub returns: Option<DataType>,
    /// The endpoint of a remote model.
    pub sagemaker: Option<SagemakerEndpoint>,
    /// With whose credentials S3 is read and written.
    pub iam_role: Option<IamRole>,
    /// The AUTO clause; ON if it is missing, see [`Self::auto`].
    pub auto: Option<Auto>,
    /// The algorithm, in lower case. Any word: the algorithms are not known here.
    pub model_type: Option<Ident>,
    /// The kind of problem.
    pub problem_type: Option<ProblemType>,
    /// The objective; one that Redshift knows is in its canonical spelling, such as `F1_Macro`.
    pub objective: Option<String>,
    /// `none` or JSON, as written.
    pub preprocessors: Option<String>,
    /// The hyperparameters, as written.
    pub hyperparameters: Option<Hyperparameters>,
    /// The settings.
    pub settings: Settings,
    /// Where the clauses stand.
    pub spans: ClauseSpans,
}

impl CreateModel {
    /// The AUTO clause or its default.
    pub fn auto(&self) -> Auto {
        self.auto.unwrap_or(Auto::On)
    }

    /// The algorithm's name, in lower case.
    pub fn model_type(&self) -> Option<&str> {
        self.model_type.as_ref().map(|ident| ident.value.as_str())
    }

    /// Where the clause stands, or the model's name if there is no such clause: for errors, with
    /// [`invalid_at`](super::invalid_at).
    pub fn span(&self, clause: Clause) -> Span {
        self.spans.get(clause).unwrap_or_else(|| self.name_span())
    }

    /// Where the model's name stands.
    pub fn name_span(&self) -> Span {
        self.name.0.first().and_then(|part| part.as_ident()).map_or_else(Span::empty, |ident| ident.span)
    }

    /// The key and value pairs of `HYPERPARAMETERS DEFAULT EXCEPT (...)`.
    pub fn hyperparameters(&self) -> &[(Ident, String)] {
        match &self.hyperparameters {
            Some(Hyperparameters::DefaultExcept(pairs)) => pairs,
            _ => &[],
        }
    }
}

/// What a model is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelSource {
    /// `FROM table`: learn from all columns of a table.
    Table(ObjectName),
    /// `FROM (query)`: learn from the result of a query.
    Query(Box<Query>),
    /// `FROM 'job'`: import what a training job made, or the artifact at a path.
    Job(String),
}

/// `SAGEMAKER 'endpoint'[:'model']`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SagemakerEndpoint {
    /// The endpoint's name.
    pub endpoint: String,
    /// The model behind an endpoint that serves several.
    pub model: Option<String>,
}

/// `IAM_ROLE { default | 'arn' }`
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IamRole {
    /// `default`
    Default,
    /// The role's Amazon Resource Name, or those of a chain of roles.
    Arn(String),
}

impl IamRole {
    /// What a grant of ASSUMEROLE calls it.
    pub fn name(&self) -> &str {
        self.arn().unwrap_or("default")
    }

    /// The role to assume; `None` is the process's own credentials.
    pub fn arn(&self) -> Option<&str> {
        match self {
            Self::Default => None,
            Self::Arn(arn) => Some(arn),
        }
    }
}

/// `AUTO { ON | OFF }`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Auto {
    /// What the statement leaves open is searched.
    On,
    /// One algorithm with given hyperparameters.
    Off,
}

/// `PROBLEM_TYPE`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProblemType {
    /// A number.
    Regression,
    /// One of two classes.
    BinaryClassification,
    /// One of several classes.
    MulticlassClassification,
}

impl ProblemType {
    /// Every problem type.
    pub const ALL: [Self; 3] = [Self::Regression, Self::BinaryClassification, Self::MulticlassClassification];

    /// The word for it in a statement.
    pub fn name(self) -> &'static str {
        match self {
            Self::Regression => "REGRESSION",
            Self::BinaryClassification => "BINARY_CLASSIFICATION",
            Self::MulticlassClassification => "MULTICLASS_CLASSIFICATION",
        }
    }
}

impl From<ProblemType> for Task {
    fn from(problem: ProblemType) -> Self {
        match problem {
            ProblemType::Regression => Self::Regression,
            ProblemType::BinaryClassification => Self::BinaryClassification,
            ProblemType::MulticlassClassification => Self::MulticlassClassification,
        }
    }
}

/// `HYPERPARAMETERS`
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hyperparameters {
    /// `DEFAULT`
    Default,
    /// `DEFAULT EXCEPT (key 'value', ...)`, no key twice.
    DefaultExcept(Vec<(Ident, String)>),
}

/// `CREATE EXTERNAL MODEL`: a function that asks a hosted large language model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateExternalModel {
    /// Whether a model of the same name is replaced.
    pub or_replace: bool,
    /// The model.
    pub name: ObjectName,
    /// The function.
    pub function: ObjectName,
    /// The role; accepted for compatibility.
    pub iam_role: Option<IamRole>,
    /// The service, in lower case: `bedrock`.
    pub model_type: Ident,
    /// The settings.
    pub settings: ExternalSettings,
}

/// `SHOW MODEL`
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ShowModel {
    /// `SHOW MODEL ALL`
    All,
    /// `SHOW MODEL name`
    Named(ObjectName),
}

/// `DROP MODEL`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DropModel {
    /// Whether it is no error if there is no such model.
    pub if_exists: bool,
    /// The model.
    pub name: ObjectName,
}

/// `EXPLAIN [ANALYZE] [VERBOSE] [FORMAT format] CREATE MODEL ...`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExplainCreateModel {
    /// What is shown; only `analyze`, `verbose` and `format` are ever set.
    pub options: ExplainStatementOptions,
    /// The statement that is explained.
    pub statement: Box<CreateModel>,
}
