//! The contract between the engine and a learning algorithm.

use std::fmt::Debug;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use arrow::record_batch::RecordBatch;
use serde_json::{Map, Value};

use crate::{Encoding, Error, Features, Metric, OptionSpec, Options, Result, Task, TrainingData};

/// A way of learning a [`Model`] from data. This is what a third party implements.
///
/// Check an implementation with [`crate::conformance::check`].
pub trait Algorithm: Debug + Send + Sync + 'static {
    /// The name as in `MODEL_TYPE`, in lower case: `xgboost`, `linear_learner`, `kmeans`.
    fn name(&self) -> &str;

    /// The tasks it can learn.
    fn tasks(&self) -> &[Task];

    /// The hyperparameters it understands; `HYPERPARAMETERS (...)` is checked against these.
    fn options(&self) -> &[OptionSpec];

    /// How it wants the user's columns encoded when the statement does not say otherwise.
    fn encoding(&self) -> Encoding;

    /// The objectives that `OBJECTIVE '...'` may name, each with the task it belongs to. Empty: the statement may not
    /// name one. The first of a task is its default.
    fn objectives(&self) -> &[(&'static str, Task)] {
        &[]
    }

    /// The metric by which a model of this request is judged.
    fn metric(&self, request: &FitRequest) -> Result<Metric>;

    /// Learns a model.
    ///
    /// Must give the same model, to the bit, for the same data, request and seed on any number of threads.
    /// Calls [`FitContext::checkpoint`] at least once per tree, epoch or pass.
    fn fit(&self, data: &dyn TrainingData, request: &FitRequest, context: &dyn FitContext) -> Result<Arc<dyn Model>>;

    /// Restores a model from what [`Model::parameters`] gave, in this version or an earlier one.
    fn load(&self, parameters: Parameters) -> Result<Arc<dyn Model>>;
}

/// What is to be learned, apart from the data.
#[derive(Debug, Clone)]
pub struct FitRequest {
    /// The task.
    pub task: Task,
    /// The number of classes of a classification; 0 otherwise.
    pub num_classes: usize,
    /// The objective, if the algorithm has several and the statement or the default chose one.
    pub objective: Option<String>,
    /// The hyperparameters, checked against [`Algorithm::options`].
    pub options: Options,
}

/// What surrounds a fit: seed, threads, progress, cancellation, deadline and memory.
pub trait FitContext: Send + Sync {
    /// The seed of everything random.
    fn seed(&self) -> u64;

    /// How many threads the fit may use, at least 1.
    fn threads(&self) -> usize;

    /// Reports how much is done, from 0 to 1, with the current value of a metric.
    fn progress(&self, done: f64, step: &str, metric: Option<(&str, f64)>);

    /// Takes down the metrics of a round (epoch, pass), `step` counting from 1, for whoever asks how training went.
    fn record(&self, step: usize, metrics: &[(&str, f64)]) {
        let _ = (step, metrics);
    }

    /// Fails with [`crate::ErrorKind::Cancelled`] once the statement has been cancelled.
    fn checkpoint(&self) -> Result<()>;

    /// When to stop and keep the best so far.
    fn deadline(&self) -> Option<Instant>;

    /// Whether the deadline has passed.
    #[expect(clippy::disallowed_methods, reason = "a deadline is compared with the clock, here only")]
    fn is_late(&self) -> bool {
        self.deadline().is_some_and(|deadline| Instant::now() >= deadline)
    }

    /// Asks for `bytes` of memory that stay in use until the fit ends.
    fn reserve(&self, bytes: usize) -> Result<()>;

    /// Gives back memory that was asked for, before the fit ends.
    fn release(&self, bytes: usize) {
        let _ = bytes;
    }

    /// Where temporary files may go once memory is refused, if anywhere.
    fn scratch_dir(&self) -> Option<PathBuf> {
        None
    }
}

/// A fitted model: immutable, shared between threads, pure.
pub trait Model: Debug + Send + Sync + 'static {
    /// One prediction per row.
    fn predict(&self, features: &Features) -> Result<Prediction>;

    /// The raw outputs of every row, which contributions add up to. The default takes them from [`Self::predict`], with
    /// probabilities kept from 0 and 1 by 1e-15; a model that computes them anyway should lend them.
    fn raw(&self, features: &Features) -> Result<RawOutputs> {
        RawOutputs::try_from(self.predict(features)?)
    }

    /// Shapley values of every row and feature. Not every kind of model has them.
    fn contributions(&self, features: &Features) -> Result<Contributions> {
        let _ = features;
        Err(Error::invalid("this kind of model cannot say what its features contributed"))
    }

    /// The same where only the sum of each group of features matters, as of those that one column became: `groups` has the
    /// group of every feature. A model that values groups as a whole lets one feature of a group bear its value, the
    /// others 0.
    fn grouped_contributions(&self, features: &Features, groups: &[usize]) -> Result<Contributions> {
        let _ = groups;
        self.contributions(features)
    }

    /// About how many predictions [`Self::grouped_contributions`] asks of the model for one row, with so many groups; 1
    /// where it need not ask.
    fn predictions_per_explanation(&self, num_groups: usize) -> usize {
        let _ = num_groups;
        1
    }

    /// All that was learned.
    fn parameters(&self) -> Result<Parameters>;

    /// The models of which this one is the weighted mean; none of a model by itself.
    fn members(&self) -> Vec<&Arc<dyn Model>> {
        Vec::new()
    }

    /// Whether training ended before it was complete because its time was up.
    fn stopped_early(&self) -> bool {
        false
    }

    /// How many rounds (epochs) of learning are in the model, if it is learned in rounds. Where rows held out ended
    /// training, those after the best round do not count.
    fn rounds(&self) -> Option<usize> {
        None
    }
}

/// What a model says of each row of a batch.
#[derive(Debug, Clone, PartialEq)]
pub enum Prediction {
    /// A number per row.
    Values(Vec<f64>),
    /// A probability per row and class, row by row: `values[row * num_classes + class]`, rows summing to 1.
    /// With two classes the label is class 1 where its probability is above the cut; otherwise the first of the most
    /// probable.
    Probabilities {
        /// The number of classes.
        num_classes: usize,
        /// `num_rows * num_classes` values.
        values: Vec<f64>,
        /// One half, unless the model learned another one.
        cut: f64,
    },
    /// A class per row from a model that knows no probabilities.
    Classes(Vec<u32>),
    /// A cluster per row, from 0, and the squared distance to its centroid.
    Clusters {
        /// The nearest centroid of each row.
        clusters: Vec<u32>,
        /// The squared Euclidean distance to it, in encoded units.
        squared_distances: Vec<f64>,
    },
}

impl Prediction {
    /// Probabilities whose cut is one half.
    pub fn probabilities(num_classes: usize, values: Vec<f64>) -> Self {
        Self::Probabilities { num_classes, values, cut: 0.5 }
    }

    /// The number of rows.
    pub fn num_rows(&self) -> usize {
        match self {
            Self::Values(values) => values.len(),
            Self::Probabilities { num_classes, values, .. } => values.len() / (*num_classes).max(1),
            Self::Classes(classes) => classes.len(),
            Self::Clusters { clusters, .. } => clusters.len(),
        }
    }

    /// The class or cluster of each row; `None` for numbers.
    pub fn classes(&self) -> Option<Vec<u32>> {
        match self {
            Self::Values(_) => None,
            Self::Classes(classes) => Some(classes.clone()),
            Self::Clusters { clusters, .. } => Some(clusters.clone()),
            Self::Probabilities { num_classes: 2, values, cut } => {
                Some(values.chunks_exact(2).map(|p| u32::from(p[1] > *cut)).collect())
            }
            Self::Probabilities { num_classes, values, .. } => {
                Some(values.chunks_exact((*num_classes).max(1)).map(argmax).collect())
            }
        }
    }
}

/// The index of the first of the largest values.
fn argmax(values: &[f64]) -> u32 {
    let mut best = 0;
    for (index, value) in values.iter().enumerate() {
        if *value > values[best] {
            best = index;
        }
    }
    best as u32
}

/// What a model says of each row before it is made a probability: the number of a regression (or what its objective adds
/// up instead: its log-odds with `reg:logistic`, its logarithm with `reg:tweedie`), the log-odds of class 1 of two, of
/// several classes the logarithm of each one's probability up to a number common to the classes of a row, the squared
/// distance to the centroid of a cluster.
#[derive(Debug, Clone, PartialEq)]
pub struct RawOutputs {
    /// The number of outputs per row: 1, or one per class of a multiclass model.
    pub num_outputs: usize,
    /// `values[row * num_outputs + output]`.
    pub values: Vec<f64>,
}

impl TryFrom<Prediction> for RawOutputs {
    type Error = Error;

    /// Fails on classes without probabilities.
    fn try_from(prediction: Prediction) -> Result<Self> {
        let inside = |p: f64| p.clamp(1e-15, 1.0 - 1e-15);
        Ok(match prediction {
            Prediction::Values(values) => Self { num_outputs: 1, values },
            Prediction::Clusters { squared_distances, .. } => Self { num_outputs: 1, values: squared_distances },
            Prediction::Probabilities { num_classes: 2, values, .. } => Self {
                num_outputs: 1,
                values: values.chunks_exact(2).map(|p| (inside(p[1]) / inside(p[0])).ln()).collect(),
            },
            Prediction::Probabilities { num_classes, values, .. } => {
                Self { num_outputs: num_classes, values: values.into_iter().map(|p| inside(p).ln()).collect() }
            }
            Prediction::Classes(_) => {
                return Err(Error::invalid("a model that predicts classes without probabilities has no raw outputs"));
            }
        })
    }
}

/// Shapley values: how much each feature moved each prediction away from the base value.
#[derive(Debug, Clone, PartialEq)]
pub struct Contributions {
    /// The number of outputs per row: 1, or one per class of a multiclass model.
    pub num_outputs: usize,
    /// The number of features.
    pub num_features: usize,
    /// The expected value of each output; or of each row and output, `base[row * num_outputs + output]`, where it
    /// differs from row to row, as between clusters. See [`Self::base_of`].
    pub base: Vec<f64>,
    /// `values[(row * num_outputs + output) * num_features + feature]`, in the space of [`RawOutputs`].
    pub values: Vec<f64>,
    /// The root of the mean squared standard error of `values`, where they depend on a sample, of coalitions or of
    /// background rows; `None` where they are exact.
    pub sampling_error: Option<f64>,
}

impl Contributions {
    /// What the contributions to an output of a row are counted from.
    pub fn base_of(&self, row: usize, output: usize) -> f64 {
        self.base[(row * self.num_outputs + output) % self.base.len()]
    }
}

/// All that a model learned: one table and a few scalars.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameters {
    /// Coefficients, tree nodes, centroids or weights.
    pub table: RecordBatch,
    /// What does not fit a table.
    pub scalars: Map<String, Value>,
}

impl Parameters {
    /// The scalar of that name, as `T`.
    pub fn scalar<T: serde::de::DeserializeOwned>(&self, name: &str) -> Result<T> {
        let value =
            self.scalars.get(name).ok_or_else(|| Error::storage(format!("the model has no parameter {name}")))?;
        serde_json::from_value(value.clone())
            .map_err(|e| Error::storage(format!("the model's parameter {name} cannot be read: {e}")))
    }

    /// The column of that name, as an array of type `A`.
    pub fn column<A: 'static>(&self, name: &str) -> Result<&A> {
        self.table
            .column_by_name(name)
            .and_then(|column| column.as_any().downcast_ref::<A>())
            .ok_or_else(|| Error::storage(format!("the model's table has no column {name} of the expected type")))
    }
}
