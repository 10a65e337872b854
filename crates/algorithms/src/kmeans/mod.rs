//! K-means: `k` centroids such that the squared distances of all rows to their nearest centroid sum to little.
//!
//! Lloyd's algorithm, twice: on a seeded sample of up to 20,000 rows from several starts, of which the best is kept; then,
//! if there are more rows than that, on all rows, block by block. Clusters are numbered from 0 in the order of their
//! centroids (by the first coordinate, ties by the next), so that refitting gives the same numbers.
//!
//! The options have the names of SageMaker's k-means. Their defaults are the same but for `init_method` (there random) and
//! `epochs` (there 1), which concern other steps here:
//!
//! | option | default | meaning |
//! |---|---|---|
//! | `k` | required | the number of clusters |
//! | `init_method` | kmeans++ | `random` rows, or `kmeans++` (Arthur and Vassilvitskii, 2007) |
//! | `local_lloyd_init_method` | | if given, it is taken instead of `init_method` |
//! | `local_lloyd_num_trials` | auto | how many starts on the sample; auto is 5 |
//! | `local_lloyd_max_iter` | 300 | the most iterations on the sample |
//! | `local_lloyd_tol`, `tolerance` | 0.0001 | iterations end when the squared distances fall by less, relatively |
//! | `epochs` | 10 | the most iterations over all rows |
//! | `feature_dim` | | if given, it must be the number of encoded features |
//!
//! `mini_batch_size`, `half_life_time_size`, `extra_center_factor` and `eval_metrics` are accepted and have no effect: every
//! iteration sees all rows, and the metric is msd.
//!
//! **Cost.** Time: rows × features × k × epochs; memory: the sample, and the centroids. **Not done.** Other distances than
//! Euclidean, choosing k.

mod lloyd;
mod model;
mod sample;
mod step;

use std::sync::Arc;

use datafusion_ml_core::encoder::{CategoryEncoding, MissingValues, Precision};
use datafusion_ml_core::{
    Algorithm, Encoding, FitContext, FitRequest, Metric, Model, OptionKind, OptionSpec, Parameters, Result, Task,
    TrainingData,
};

pub use model::KMeansModel;

use crate::passes::with_threads;

/// The algorithm `kmeans`.
#[derive(Debug, Clone, Copy, Default)]
pub struct KMeans;

const METHODS: OptionKind = OptionKind::Choice(&["random", "kmeans++"]);

const OPTIONS: &[OptionSpec] = &[
    OptionSpec::new("k", &[], OptionKind::Integer(1, 100_000), None, "The number of clusters."),
    OptionSpec::new(
        "init_method",
        &[],
        METHODS,
        Some("kmeans++"),
        "How the first centroids are chosen from the sample.",
    ),
    OptionSpec::new("local_lloyd_init_method", &[], METHODS, None, "If given, it is taken instead of init_method."),
    OptionSpec::new(
        "local_lloyd_num_trials",
        &[],
        OptionKind::Text,
        Some("auto"),
        "How many starts on the sample; auto is 5.",
    ),
    OptionSpec::new(
        "local_lloyd_max_iter",
        &[],
        OptionKind::Integer(1, 1_000_000),
        Some("300"),
        "The most iterations on the sample.",
    ),
    OptionSpec::new(
        "local_lloyd_tol",
        &["tolerance"],
        OptionKind::Float(0.0, 1.0),
        Some("0.0001"),
        "Iterations end when the squared distances fall by less than this, relatively.",
    ),
    OptionSpec::new("epochs", &[], OptionKind::Integer(1, 1_000_000), Some("10"), "The most iterations over all rows."),
    OptionSpec::new(
        "feature_dim",
        &[],
        OptionKind::Integer(1, 1_000_000),
        None,
        "The number of encoded features, as a check.",
    ),
    OptionSpec::new("seed", &[], OptionKind::Integer(0, i64::MAX), None, "The seed; ml.seed if it is not given."),
    OptionSpec::new("mini_batch_size", &[], OptionKind::Integer(1, i64::MAX), None, "Accepted, without effect."),
    OptionSpec::new("half_life_time_size", &[], OptionKind::Integer(0, i64::MAX), None, "Accepted, without effect."),
    OptionSpec::new("extra_center_factor", &[], OptionKind::Text, None, "Accepted, without effect."),
    OptionSpec::new("eval_metrics", &[], OptionKind::Text, None, "Accepted, without effect: the metric is msd."),
];

impl Algorithm for KMeans {
    fn name(&self) -> &str {
        "kmeans"
    }

    fn tasks(&self) -> &[Task] {
        &[Task::Clustering]
    }

    fn options(&self) -> &[OptionSpec] {
        OPTIONS
    }

    fn encoding(&self) -> Encoding {
        Encoding { categories: CategoryEncoding::OneHot, missing: MissingValues::Impute, precision: Precision::F64 }
    }

    fn metric(&self, _: &FitRequest) -> Result<Metric> {
        Ok(Metric::Msd)
    }

    fn fit(&self, data: &dyn TrainingData, request: &FitRequest, context: &dyn FitContext) -> Result<Arc<dyn Model>> {
        with_threads(context, || lloyd::fit(data, request, context).map(|model| Arc::new(model) as Arc<dyn Model>))
    }

    fn load(&self, parameters: Parameters) -> Result<Arc<dyn Model>> {
        Ok(Arc::new(KMeansModel::try_from(parameters)?))
    }
}
