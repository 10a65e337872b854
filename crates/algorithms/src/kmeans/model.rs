//! Fitted centroids.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Float64Array, RecordBatch, StringArray, UInt32Array};
use datafusion_ml_core::{Error, Features, Model, Parameters, Prediction, Result};
use serde_json::{Map, json};

use super::step::nearest;

/// Centroids in encoded units.
#[derive(Debug, Clone, PartialEq)]
pub struct KMeansModel {
    feature_names: Vec<String>,
    /// `centroids[cluster * features + feature]`.
    centroids: Vec<f64>,
    stopped_early: bool,
}

impl KMeansModel {
    pub(super) fn new(feature_names: Vec<String>, centroids: Vec<f64>, stopped_early: bool) -> Self {
        Self { feature_names, centroids, stopped_early }
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

    fn parameters(&self) -> Result<Parameters> {
        let width = self.feature_names.len();
        let k = self.centroids.len() / width.max(1);
        let clusters = (0..k as u32).flat_map(|cluster| std::iter::repeat_n(cluster, width));
        let names = (0..k).flat_map(|_| self.feature_names.iter().map(String::as_str));
        let table = RecordBatch::try_from_iter([
            ("cluster", Arc::new(UInt32Array::from_iter_values(clusters)) as ArrayRef),
            ("feature", Arc::new(StringArray::from(names.collect::<Vec<_>>())) as ArrayRef),
            ("centroid", Arc::new(Float64Array::from(self.centroids.clone())) as ArrayRef),
        ])?;
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
        Ok(Self {
            feature_names: names.iter().take(centroids.len() / k).flatten().map(str::to_owned).collect(),
            centroids: centroids.values().to_vec(),
            stopped_early: parameters.scalar("stopped_early")?,
        })
    }
}
