//! The clauses of CREATE MODEL, and where in the text each of them stands.

use std::collections::BTreeMap;
use std::fmt;

use datafusion::sql::sqlparser::tokenizer::Span;

/// A clause of CREATE MODEL, in canonical order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Clause {
    /// `FROM { table | (query) | 'job' }`
    From,
    /// `TARGET column`
    Target,
    /// `FUNCTION name [ (type, ...) ]`
    Function,
    /// `RETURNS type`
    Returns,
    /// `SAGEMAKER 'endpoint'[:'model']`
    Sagemaker,
    /// `IAM_ROLE { default | 'arn' }`
    IamRole,
    /// `AUTO { ON | OFF }`
    Auto,
    /// `MODEL_TYPE name`
    ModelType,
    /// `PROBLEM_TYPE name`
    ProblemType,
    /// `OBJECTIVE 'name'`
    Objective,
    /// `PREPROCESSORS 'json'`
    Preprocessors,
    /// `HYPERPARAMETERS DEFAULT [ EXCEPT (key 'value', ...) ]`
    Hyperparameters,
    /// `SETTINGS (key value, ...)`
    Settings,
}

impl Clause {
    /// Every clause, in canonical order.
    pub const ALL: [Self; 13] = [
        Self::From,
        Self::Target,
        Self::Function,
        Self::Returns,
        Self::Sagemaker,
        Self::IamRole,
        Self::Auto,
        Self::ModelType,
        Self::ProblemType,
        Self::Objective,
        Self::Preprocessors,
        Self::Hyperparameters,
        Self::Settings,
    ];

    /// The word that opens the clause.
    pub fn name(self) -> &'static str {
        match self {
            Self::From => "FROM",
            Self::Target => "TARGET",
            Self::Function => "FUNCTION",
            Self::Returns => "RETURNS",
            Self::Sagemaker => "SAGEMAKER",
            Self::IamRole => "IAM_ROLE",
            Self::Auto => "AUTO",
            Self::ModelType => "MODEL_TYPE",
            Self::ProblemType => "PROBLEM_TYPE",
            Self::Objective => "OBJECTIVE",
            Self::Preprocessors => "PREPROCESSORS",
            Self::Hyperparameters => "HYPERPARAMETERS",
            Self::Settings => "SETTINGS",
        }
    }
}

impl fmt::Display for Clause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Where each clause of a statement begins in its text. All are equal to each other, as spans are everywhere in the
/// tree: two statements are equal if they say the same.
#[derive(Debug, Clone, Default)]
pub struct ClauseSpans(BTreeMap<Clause, Span>);

impl ClauseSpans {
    /// The span of the clause's first word; `None` if the statement has no such clause.
    pub fn get(&self, clause: Clause) -> Option<Span> {
        self.0.get(&clause).copied()
    }

    /// Records a clause, and returns false if there was one already.
    pub(super) fn insert(&mut self, clause: Clause, span: Span) -> bool {
        self.0.insert(clause, span).is_none()
    }
}

impl PartialEq for ClauseSpans {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for ClauseSpans {}
