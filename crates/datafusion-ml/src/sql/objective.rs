//! The objectives that Redshift ML knows, and which statements may name them.

use std::fmt;

use super::ast::{Auto, CreateModel, ProblemType};

/// A known objective.
pub(super) struct Objective {
    /// The canonical spelling.
    pub(super) name: &'static str,
    /// The statements that may name it.
    pub(super) mode: Mode,
    /// The problems that it fits; empty for a forecast.
    pub(super) problems: &'static [ProblemType],
}

/// A kind of statement that has objectives of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// AUTO ON: the objective is the metric by which candidates are judged.
    Search,
    /// AUTO OFF with XGBOOST: the objective is the loss.
    Xgboost,
    /// FORECAST.
    Forecast,
}

use ProblemType::{BinaryClassification as Binary, MulticlassClassification as Multiclass, Regression};

const OBJECTIVES: [Objective; 20] = [
    objective("MSE", Mode::Search, &[Regression]),
    objective("Accuracy", Mode::Search, &[Binary, Multiclass]),
    objective("F1", Mode::Search, &[Binary]),
    objective("F1_Macro", Mode::Search, &[Multiclass]),
    objective("AUC", Mode::Search, &[Binary]),
    objective("reg:squarederror", Mode::Xgboost, &[Regression]),
    objective("reg:squaredlogerror", Mode::Xgboost, &[Regression]),
    objective("reg:logistic", Mode::Xgboost, &[Regression]),
    objective("reg:pseudohubererror", Mode::Xgboost, &[Regression]),
    objective("reg:tweedie", Mode::Xgboost, &[Regression]),
    objective("binary:logistic", Mode::Xgboost, &[Binary]),
    objective("binary:hinge", Mode::Xgboost, &[Binary]),
    objective("multi:softmax", Mode::Xgboost, &[Multiclass]),
    objective("rank:pairwise", Mode::Xgboost, &[]),
    objective("rank:ndcg", Mode::Xgboost, &[]),
    objective("RMSE", Mode::Forecast, &[]),
    objective("WAPE", Mode::Forecast, &[]),
    objective("MAPE", Mode::Forecast, &[]),
    objective("MASE", Mode::Forecast, &[]),
    objective("AverageWeightedQuantileLoss", Mode::Forecast, &[]),
];

const fn objective(name: &'static str, mode: Mode, problems: &'static [ProblemType]) -> Objective {
    Objective { name, mode, problems }
}

/// The known objective of that name, in any case and with or without underscores: `F1_Macro` is `F1macro`, too.
pub(super) fn find(name: &str) -> Option<&'static Objective> {
    let plain = |name: &str| name.replace('_', "").to_ascii_lowercase();
    OBJECTIVES.iter().find(|objective| plain(objective.name) == plain(name))
}

impl Mode {
    /// The mode of a statement; `None` if its objectives are known to the algorithm only.
    pub(super) fn of(statement: &CreateModel) -> Option<Self> {
        match (statement.auto(), statement.model_type()) {
            (Auto::On, Some("forecast")) => Some(Self::Forecast),
            (Auto::On, None | Some("xgboost" | "mlp" | "linear_learner")) => Some(Self::Search),
            (Auto::Off, Some("xgboost")) => Some(Self::Xgboost),
            _ => None,
        }
    }

    /// The objectives of the mode that fit the problem.
    pub(super) fn objectives(self, problem: Option<ProblemType>) -> impl Iterator<Item = &'static str> {
        OBJECTIVES
            .iter()
            .filter(move |objective| objective.mode == self)
            .filter(move |objective| problem.is_none_or(|problem| objective.problems.contains(&problem)))
            .map(|objective| objective.name)
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Search => "AUTO ON",
            Self::Xgboost => "AUTO OFF with MODEL_TYPE XGBOOST",
            Self::Forecast => "MODEL_TYPE FORECAST",
        })
    }
}
