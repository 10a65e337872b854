//! The fitted model.

use std::sync::OnceLock;

use datafusion_ml_core::{Contributions, Error, Features, Model, Parameters, Prediction, RawOutputs, Result};

use super::forest::{Forest, InstructionSet};
use super::objective::Objective;
use super::shapley::Explainer;
use super::tree::Tree;

/// A fitted ensemble of trees.
#[derive(Debug)]
pub struct XgboostModel {
    pub(super) objective: Objective,
    /// The prediction (for several classes, the margin) before the first tree, per output.
    pub(super) base_scores: Vec<f32>,
    pub(super) trees: Vec<Tree>,
    pub(super) num_features: usize,
    /// One name per feature, or none at all.
    pub(super) feature_names: Vec<String>,
    pub(super) stopped_early: bool,
    /// Compiled when it is first asked for a prediction.
    forest: OnceLock<Forest>,
    /// Made when it is first asked for contributions.
    explainer: OnceLock<Explainer>,
}

impl XgboostModel {
    /// A model of trees that ask for none but the first `num_features` features.
    pub(super) fn try_new(
        objective: Objective,
        base_scores: Vec<f32>,
        trees: Vec<Tree>,
        (num_features, feature_names): (usize, Vec<String>),
        stopped_early: bool,
    ) -> Result<Self> {
        let num_outputs = objective.num_outputs();
        if base_scores.len() != num_outputs || base_scores.iter().any(|score| !score.is_finite()) {
            return Err(Error::storage(format!(
                "the model has the base scores {base_scores:?} for {num_outputs} outputs; it is damaged"
            )));
        }
        if let Some(tree) = trees.iter().find(|tree| tree.class as usize >= num_outputs) {
            return Err(Error::storage(format!(
                "a tree is of class {} of {num_outputs}; the model is damaged",
                tree.class
            )));
        }
        if !feature_names.is_empty() && feature_names.len() != num_features {
            return Err(Error::storage(format!(
                "the model has {} names for {num_features} features; it is damaged",
                feature_names.len()
            )));
        }
        let (forest, explainer) = (OnceLock::new(), OnceLock::new());
        Ok(Self { objective, base_scores, trees, num_features, feature_names, stopped_early, forest, explainer })
    }

    /// The raw scores of each row, `margins[output][row]`, in single precision as XGBoost's `output_margin=True`: one
    /// output, or one per class of `multi:softmax`. Fails if the number of features is not that of training.
    pub fn margins(&self, features: &Features) -> Result<Vec<Vec<f32>>> {
        self.check(features)?;
        Ok(self.forest().margins(&self.base_margins(), features))
    }

    fn check(&self, features: &Features) -> Result<()> {
        if features.num_features() == self.num_features {
            return Ok(());
        }
        Err(Error::invalid(format!(
            "the model was trained on {} features and is given {}; pass the same columns",
            self.num_features,
            features.num_features()
        )))
    }

    /// Where the margins start.
    fn base_margins(&self) -> Vec<f32> {
        self.base_scores.iter().map(|score| self.objective.base_margin(*score)).collect()
    }

    /// Fails on `binary:hinge`, whose margins say nothing of probabilities.
    fn check_raw(&self) -> Result<()> {
        match self.objective {
            Objective::Hinge => Err(Error::invalid(
                "a model of binary:hinge knows no probabilities, so its raw outputs have no meaning; train with binary:logistic",
            )),
            _ => Ok(()),
        }
    }

    /// The trees, compiled.
    fn forest(&self) -> &Forest {
        self.forest.get_or_init(|| self.compile(InstructionSet::best()))
    }

    fn compile(&self, instruction_set: InstructionSet) -> Forest {
        Forest::compile(&self.trees, (self.num_features, self.base_scores.len()), instruction_set)
    }

    /// Compiles the trees for an instruction set other than the best one; for comparisons. The CPU must have it.
    pub fn with_instruction_set(mut self, instruction_set: InstructionSet) -> Result<Self> {
        if !InstructionSet::available().contains(&instruction_set) {
            return Err(Error::invalid(format!("this CPU does not have {instruction_set:?}")));
        }
        self.forest = OnceLock::from(self.compile(instruction_set));
        Ok(self)
    }

    /// The number of trees; rounds times classes with `multi:softmax`.
    pub fn num_trees(&self) -> usize {
        self.trees.len()
    }
}

impl Model for XgboostModel {
    fn predict(&self, features: &Features) -> Result<Prediction> {
        Ok(self.objective.predict(&self.margins(features)?))
    }

    /// The margins. Fails on `binary:hinge`, whose margins say nothing of probabilities.
    fn raw(&self, features: &Features) -> Result<RawOutputs> {
        self.check_raw()?;
        let margins = self.margins(features)?;
        let values =
            (0..features.num_rows()).flat_map(|row| margins.iter().map(move |margins| f64::from(margins[row])));
        Ok(RawOutputs { num_outputs: margins.len(), values: values.collect() })
    }

    /// Exact, of the margins; path-dependent, as XGBoost's `pred_contribs`.
    fn contributions(&self, features: &Features) -> Result<Contributions> {
        self.check_raw()?;
        self.check(features)?;
        let make = || Explainer::new(&self.trees, self.num_features, self.base_scores.len());
        self.explainer.get_or_init(make).contributions(&self.trees, &self.base_margins(), features)
    }

    fn parameters(&self) -> Result<Parameters> {
        self.to_parameters()
    }

    fn rounds(&self) -> Option<usize> {
        Some(self.trees.len() / self.objective.num_outputs().max(1))
    }

    fn stopped_early(&self) -> bool {
        self.stopped_early
    }
}
