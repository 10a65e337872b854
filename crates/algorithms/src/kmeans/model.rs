//! Fitted centroids.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Float64Array, RecordBatch, StringArray, UInt32Array};
use datafusion_ml_core::{Contributions, Error, Features, Model, Parameters, Prediction, Result};
use serde_json::{Map, json};

use super::step::nearest;

/// Centroids in encoded units.
#[derive(Debug, Clone, PartialEq)]
pub struct KMeansModel {
    feature_names: Vec<String>,
    /// `centroids[cluster * features + feature]`.
    centroids: Vec<f64>,
    /// Not known of models made before contributions were.
    spread: Option<Spread>,
    stopped_early: bool,
}

/// How the features of the rows learned from are distributed.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Spread {
    pub(super) means: Vec<f64>,
    pub(super) variances: Vec<f64>,
}

impl KMeansModel {
    pub(super) fn new(feature_names: Vec<String>, centroids: Vec<f64>, spread: Spread, stopped_early: bool) -> Self {
        Self { feature_names, centroids, spread: Some(spread), stopped_early }
    }

    /// The coordinates of every centroid, cluster by cluster.
    pub fn centroids(&self) -> &[f64] {
        &self.centroids
    }

    fn check(&self, features: &Features) -> Result<()> {
        match features.num_features() == self.feature_names.len() {
            true => Ok(()),
            false => Err(Error::internal(format!(
                "{} features for a model of {}",
                features.num_features(),
                self.feature_names.len()
            ))),
        }
    }
}

impl Model for KMeansModel {
    fn predict(&self, features: &Features) -> Result<Prediction> {
        self.check(features)?;
        let (clusters, squared_distances) = nearest(features, &self.centroids);
        Ok(Prediction::Clusters { clusters, squared_distances })
    }

    /// Exact, of the squared distance to the centroid `c` of the row's cluster: a feature that is withheld contributes
    /// what it does on average over the rows learned from, `var_j + (mean_j - c_j)^2`, instead of `(x_j - c_j)^2`. The
    /// base, the sum of the former, differs from cluster to cluster.
    fn contributions(&self, features: &Features) -> Result<Contributions> {
        self.check(features)?;
        let Some(Spread { means, variances }) = &self.spread else {
            return Err(Error::invalid(
                "the model was made by a version that did not keep what contributions are counted from; train it again",
            ));
        };
        let (width, (clusters, _)) = (self.feature_names.len(), nearest(features, &self.centroids));
        let expected: Vec<f64> = self
            .centroids
            .chunks_exact(width.max(1))
            .flat_map(|centroid| centroid.iter().zip(means).zip(variances))
            .map(|((centroid, mean), variance)| variance + (mean - centroid).powi(2))
            .collect();
        let of_cluster = |cluster: u32| cluster as usize * width..(cluster as usize + 1) * width;
        let mut values = vec![0.0; clusters.len() * width];
        let mut buffer = Vec::new();
        for (feature, column) in features.columns().iter().enumerate() {
            let column = column.f64s(0..clusters.len(), &mut buffer);
            for ((value, cluster), x) in values.iter_mut().skip(feature).step_by(width).zip(&clusters).zip(column) {
                let at = of_cluster(*cluster).start + feature;
                *value = (x - self.centroids[at]).powi(2) - expected[at];
            }
        }
        Ok(Contributions {
            num_outputs: 1,
            num_features: width,
            base: clusters.iter().map(|cluster| expected[of_cluster(*cluster)].iter().sum()).collect(),
            values,
            sampling_error: None,
        })
    }

    /// A row per cluster and feature: `cluster`, `feature`, `centroid`, and the feature's `mean` and `variance` over the
    /// rows learned from, which models made before contributions were do not have.
    fn parameters(&self) -> Result<Parameters> {
        let width = self.feature_names.len();
        let k = self.centroids.len() / width.max(1);
        let clusters = (0..k as u32).flat_map(|cluster| std::iter::repeat_n(cluster, width));
        let names = (0..k).flat_map(|_| self.feature_names.iter().map(String::as_str));
        let mut columns = vec![
            ("cluster", Arc::new(UInt32Array::from_iter_values(clusters)) as ArrayRef),
            ("feature", Arc::new(StringArray::from(names.collect::<Vec<_>>())) as ArrayRef),
            ("centroid", Arc::new(Float64Array::from(self.centroids.clone())) as ArrayRef),
        ];
        if let Some(Spread { means, variances }) = &self.spread {
            columns.push(("mean", Arc::new(Float64Array::from(means.repeat(k)))));
            columns.push(("variance", Arc::new(Float64Array::from(variances.repeat(k)))));
        }
        let table = RecordBatch::try_from_iter(columns)?;
        let mut scalars = Map::new();
        scalars.insert("k".into(), json!(k));
        scalars.insert("stopped_early".into(), json!(self.stopped_early));
        Ok(Parameters { table, scalars })
    }

    fn stopped_early(&self) -> bool {
        self.stopped_early
    }
}

impl TryFrom<Parameters> for KMeansModel {
    type Error = Error;

    fn try_from(parameters: Parameters) -> Result<Self> {
        let k: usize = parameters.scalar("k")?;
        let names: &StringArray = parameters.column("feature")?;
        let centroids: &Float64Array = parameters.column("centroid")?;
        if k == 0 || !centroids.len().is_multiple_of(k) || names.null_count() + centroids.null_count() > 0 {
            return Err(Error::storage("the centroids do not fit the number of clusters"));
        }
        let width = centroids.len() / k;
        let of_features = |name| match parameters.column::<Float64Array>(name)? {
            column if column.null_count() == 0 => Ok(column.values()[..width].to_vec()),
            _ => Err(Error::storage("the spread of a feature is NULL; the model is damaged")),
        };
        let spread = match parameters.table.column_by_name("mean") {
            Some(_) => Some(Spread { means: of_features("mean")?, variances: of_features("variance")? }),
            None => None,
        };
        Ok(Self {
            spread,
            feature_names: names.iter().take(width).flatten().map(str::to_owned).collect(),
            centroids: centroids.values().to_vec(),
            stopped_early: parameters.scalar("stopped_early")?,
        })
    }
}
