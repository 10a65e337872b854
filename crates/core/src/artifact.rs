//! The artifact: all that was learned, as the bytes of one Arrow IPC file, its buffers compressed by Zstandard.
//!
//! The file holds the model's [`Parameters`] table; a JSON [`Manifest`] lies in its schema metadata. The same model gives
//! the same bytes: nothing of the place or time of training is in them.

use std::collections::{BTreeMap, HashMap};
use std::io::Cursor;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, ListArray, StringArray, StructArray, UInt32Array};
use arrow::buffer::OffsetBuffer;
use arrow::compute::take;
use arrow::datatypes::{DataType, Field, Fields, Schema};
use arrow::ipc::CompressionType;
use arrow::ipc::reader::FileReader;
use arrow::ipc::writer::{FileWriter, IpcWriteOptions};
use arrow::record_batch::RecordBatch;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::target::{CLUSTER_TYPE, decode_clusters};
use crate::{
    Algorithm, Encoder, Error, ErrorKind, Importance, Metric, Model, Parameters, Prediction, Result, Target, Task,
};

/// The format that this version writes. It reads every format up to this one.
pub const FORMAT_VERSION: u32 = 2;

/// The schema metadata key of the manifest.
const MANIFEST_KEY: &str = "datafusion_ml.manifest";

/// What an artifact says of its model besides the parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// The format of the artifact.
    pub format_version: u32,
    /// The algorithm's name.
    pub algorithm: String,
    /// What was learned.
    pub task: Task,
    /// The objective, if the algorithm has several.
    pub objective: Option<String>,
    /// The hyperparameters, as text.
    pub options: BTreeMap<String, String>,
    /// The seed of everything random.
    pub seed: u64,
    /// From the user's columns to features.
    pub encoder: Encoder,
    /// The target column; none for clusters.
    pub target: Option<Target>,
    /// The rows that the query gave.
    pub rows_read: u64,
    /// The rows that were learned from.
    pub rows_used: u64,
    /// The rows that were held out to validate.
    pub rows_validated: u64,
    /// The metric by which the model is judged.
    pub metric: Metric,
    /// The metric on the rows that were learned from; NaN where it is not defined or overflows.
    #[serde(with = "nullable")]
    pub train_metric: f64,
    /// The metric on the rows held out, of a model that did not see them.
    pub validation_metric: Option<f64>,
    /// Whether training stopped early because its time was up.
    pub stopped_early: bool,
    /// How much each column matters, as far as that was computed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub importance: Option<Importance>,
    /// The model's scalar parameters.
    pub scalars: Map<String, Value>,
}

/// Numbers of which JSON knows only those that are finite: the others are NULL, and come back as NaN.
mod nullable {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        Some(*value).filter(|value| value.is_finite()).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        Ok(Option::deserialize(deserializer)?.unwrap_or(f64::NAN))
    }
}

/// A model with all that surrounds it: takes the user's columns and gives the user's values.
#[derive(Debug, Clone)]
pub struct FittedModel {
    manifest: Manifest,
    model: Arc<dyn Model>,
}

impl FittedModel {
    /// A model that has just been fitted; its scalars are taken into the manifest.
    pub fn new(mut manifest: Manifest, model: Arc<dyn Model>) -> Result<Self> {
        manifest.scalars = model.parameters()?.scalars;
        Ok(Self { manifest, model })
    }

    /// What is known of the model.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The model on encoded features.
    pub fn model(&self) -> &Arc<dyn Model> {
        &self.model
    }

    /// The type of [`Self::predict`].
    pub fn prediction_type(&self) -> Result<DataType> {
        self.manifest.target.as_ref().map_or(Ok(CLUSTER_TYPE), Target::data_type)
    }

    /// Whether [`Self::predict_probabilities`] gives an answer.
    pub fn has_probabilities(&self) -> bool {
        self.manifest.task.is_classification()
    }

    /// One prediction per row of the user's columns: a label in the target's type, a number or a cluster.
    pub fn predict(&self, num_rows: usize, columns: &[ArrayRef]) -> Result<ArrayRef> {
        let prediction = self.predict_encoded(num_rows, columns)?;
        match (&self.manifest.target, prediction) {
            (Some(target), Prediction::Values(values)) => target.decode_values(values),
            (Some(target), prediction) => {
                let classes = prediction.classes().ok_or_else(|| Error::internal("a classifier predicted numbers"))?;
                target.decode_classes(classes)
            }
            (None, Prediction::Clusters { clusters, .. }) => Ok(decode_clusters(clusters)),
            (None, _) => Err(Error::internal("a model without target predicted no cluster")),
        }
    }

    /// `{probabilities, labels}` per row, both sorted by probability, descending (ties by class order). A model that
    /// knows no probabilities (hinge) gives its class 1 and the others 0.
    pub fn predict_probabilities(&self, num_rows: usize, columns: &[ArrayRef]) -> Result<ArrayRef> {
        let target = self.manifest.target.as_ref().filter(|_| self.has_probabilities());
        let target = target.ok_or_else(|| Error::invalid("only a classification has probabilities"))?;
        let labels = target.labels();
        let one_hot = |class: u32| (0..labels.len()).map(move |k| f64::from(u8::from(k == class as usize)));
        let values = match self.predict_encoded(num_rows, columns)? {
            Prediction::Probabilities { values, .. } => values,
            Prediction::Classes(classes) => classes.into_iter().flat_map(one_hot).collect(),
            _ => return Err(Error::internal("a classifier gave neither probabilities nor classes")),
        };
        let (mut sorted, mut order) = (Vec::with_capacity(values.len()), Vec::with_capacity(values.len()));
        let mut row_order: Vec<u32> = Vec::with_capacity(labels.len());
        for row in values.chunks_exact(labels.len()) {
            row_order.clear();
            row_order.extend(0..labels.len() as u32);
            row_order.sort_by(|a, b| row[*b as usize].total_cmp(&row[*a as usize]));
            sorted.extend(row_order.iter().map(|class| row[*class as usize]));
            order.extend_from_slice(&row_order);
        }
        let labels_sorted = take(&StringArray::from(labels.clone()), &UInt32Array::from(order), None)?;
        let per_row = |data_type: DataType, items: ArrayRef| -> Result<ArrayRef> {
            let offsets = OffsetBuffer::from_repeated_length(labels.len(), num_rows);
            Ok(Arc::new(ListArray::try_new(Arc::new(Field::new_list_field(data_type, true)), offsets, items, None)?))
        };
        let probabilities = Arc::new(Float64Array::from(sorted));
        let arrays = vec![per_row(DataType::Float64, probabilities)?, per_row(DataType::Utf8, labels_sorted)?];
        Ok(Arc::new(StructArray::try_new(probability_fields(), arrays, None)?))
    }

    /// The probability of class 1 of two per row; 1 or 0 from a model that knows no probabilities.
    pub fn predict_score(&self, num_rows: usize, columns: &[ArrayRef]) -> Result<ArrayRef> {
        let scores: Float64Array = match self.predict_encoded(num_rows, columns)? {
            Prediction::Probabilities { num_classes: 2, values, .. } => values.chunks_exact(2).map(|p| p[1]).collect(),
            Prediction::Classes(classes) => classes.into_iter().map(f64::from).collect(),
            _ => return Err(Error::invalid("only a binary classification has a score")),
        };
        Ok(Arc::new(scores))
    }

    /// The bytes of the artifact.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let manifest = serde_json::to_string(&self.manifest).map_err(|e| Error::internal(e.to_string()))?;
        let table = self.model.parameters()?.table;
        let metadata = HashMap::from([(MANIFEST_KEY.to_owned(), manifest)]);
        let schema = Arc::new(Schema::new_with_metadata(table.schema().fields().clone(), metadata));
        let table = table.with_schema(Arc::clone(&schema))?;
        // Of trees, which are the largest of all, a third is left.
        let options = IpcWriteOptions::default().try_with_compression(Some(CompressionType::ZSTD))?;
        let mut writer = FileWriter::try_new_with_options(Vec::new(), &schema, options)?;
        writer.write(&table)?;
        Ok(writer.into_inner()?)
    }

    /// Restores a model; `algorithm` finds an algorithm by its name. Fails on damaged bytes, on a newer format and on
    /// an algorithm that is not there.
    pub fn from_bytes(bytes: impl AsRef<[u8]>, algorithm: impl Fn(&str) -> Option<Arc<dyn Algorithm>>) -> Result<Self> {
        let damaged = |e: &dyn std::fmt::Display| Error::storage(format!("the artifact is damaged: {e}"));
        let reader = FileReader::try_new(Cursor::new(bytes), None).map_err(|e| damaged(&e))?;
        let schema = reader.schema();
        let json = schema.metadata().get(MANIFEST_KEY).ok_or_else(|| damaged(&"it has no manifest"))?;
        let value: Value = serde_json::from_str(json).map_err(|e| damaged(&e))?;
        let version = value.get("format_version").and_then(Value::as_u64).unwrap_or(0);
        if version > u64::from(FORMAT_VERSION) {
            return Err(Error::new(
                ErrorKind::Incompatible,
                format!(
                    "the artifact has format {version}, but this version of datafusion-ml reads formats up to \
                     {FORMAT_VERSION}; upgrade datafusion-ml"
                ),
            ));
        }
        let manifest: Manifest = serde_json::from_value(value).map_err(|e| damaged(&e))?;
        let batches = reader.collect::<Result<Vec<RecordBatch>, _>>().map_err(|e| damaged(&e))?;
        let plain = Arc::new(Schema::new(schema.fields().clone()));
        let table = match batches.into_iter().next() {
            Some(batch) => RecordBatch::try_new(plain, batch.columns().to_vec())?,
            None => RecordBatch::new_empty(plain),
        };
        let algorithm = algorithm(&manifest.algorithm).ok_or_else(|| {
            Error::new(
                ErrorKind::Incompatible,
                format!(
                    "the model was made by algorithm {}, which this session does not have; register it with the session",
                    manifest.algorithm
                ),
            )
        })?;
        let model = algorithm.load(Parameters { table, scalars: manifest.scalars.clone() })?;
        Ok(Self { manifest, model })
    }

    /// What the model says of the user's columns, before it is decoded.
    pub(crate) fn predict_encoded(&self, num_rows: usize, columns: &[ArrayRef]) -> Result<Prediction> {
        let features = self.manifest.encoder.encode(num_rows, columns)?;
        self.model.predict(&features)
    }
}

/// The type of [`FittedModel::predict_probabilities`]: `Struct<probabilities: List<Float64>, labels: List<Utf8>>`.
pub fn probabilities_type() -> DataType {
    DataType::Struct(probability_fields())
}

fn probability_fields() -> Fields {
    Fields::from(vec![
        Field::new_list("probabilities", Field::new_list_field(DataType::Float64, true), true),
        Field::new_list("labels", Field::new_list_field(DataType::Utf8, true), true),
    ])
}
