//! Several models that answer as one: the weighted mean of their raw outputs, calibrated.
//!
//! The mean is taken before outputs become probabilities: of log-odds, or of the logarithms of the classes'
//! probabilities. So Shapley values of the members add up to those of the ensemble, with the same weights.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BinaryArray, Float64Array, RecordBatch, StringArray, UInt64Array};
use arrow::datatypes::{Float64Type, Schema, UInt64Type};
use arrow::ipc::reader::FileReader;
use arrow::ipc::writer::FileWriter;
use datafusion_ml_core::{
    Algorithm, Contributions, Encoding, Error, Features, FitContext, FitRequest, Metric, Model, OptionSpec, Parameters,
    Prediction, RawOutputs, Result, Task, TrainingData,
};
use serde_json::{Map, Value, json};

use crate::calibration::Calibration;
use crate::cut::EVEN;
use crate::objective::prediction;

/// The name under which an ensemble's artifact says what made it.
pub const ENSEMBLE: &str = "ensemble";

/// A model of an ensemble.
#[derive(Debug, Clone)]
pub struct Member {
    /// The name of the algorithm that learned it.
    pub algorithm: String,
    /// Its share in the mean.
    pub weight: f64,
    /// Its features, among those of the ensemble.
    pub features: Range<usize>,
    /// The model.
    pub model: Arc<dyn Model>,
}

/// A fitted ensemble.
#[derive(Debug, Clone)]
pub struct EnsembleModel {
    task: Task,
    members: Vec<Member>,
    calibration: Calibration,
    /// Above which probability a row is of class 1 of two.
    cut: f64,
    stopped_early: bool,
}

impl EnsembleModel {
    /// An ensemble of at least one member; weights are to sum to 1.
    pub(crate) fn try_new(
        task: Task,
        members: Vec<Member>,
        calibration: Calibration,
        cut: f64,
        stopped_early: bool,
    ) -> Result<Self> {
        if members.is_empty() || members.iter().any(|member| !member.weight.is_finite()) {
            return Err(Error::storage("an ensemble has no member with a weight"));
        }
        Ok(Self { task, members, calibration, cut, stopped_early })
    }

    /// How raw outputs are calibrated.
    pub fn calibration(&self) -> Calibration {
        self.calibration
    }

    /// The features of a member.
    fn features_of(&self, member: &Member, features: &Features) -> Result<Features> {
        let columns = features.columns().get(member.features.clone()).ok_or_else(|| {
            Error::internal(format!(
                "{} features for an ensemble that reads {:?}",
                features.num_features(),
                member.features
            ))
        })?;
        Features::try_new(features.num_rows(), columns.to_vec())
    }
}

impl Model for EnsembleModel {
    fn predict(&self, features: &Features) -> Result<Prediction> {
        Ok(prediction(self.task, &self.raw(features)?, self.cut))
    }

    fn raw(&self, features: &Features) -> Result<RawOutputs> {
        let mut mean: Option<RawOutputs> = None;
        for member in &self.members {
            let raw = member.model.raw(&self.features_of(member, features)?)?;
            let mean = mean.get_or_insert_with(|| RawOutputs {
                num_outputs: raw.num_outputs,
                values: vec![0.0; raw.values.len()],
            });
            if mean.values.len() != raw.values.len() {
                return Err(Error::internal("the members of an ensemble differ in their number of outputs"));
            }
            mean.values.iter_mut().zip(&raw.values).for_each(|(mean, value)| *mean += member.weight * value);
        }
        let mut mean = mean.ok_or_else(|| Error::internal("an ensemble without members"))?;
        self.calibration.apply(&mut mean);
        Ok(mean)
    }

    fn contributions(&self, features: &Features) -> Result<Contributions> {
        self.grouped_contributions(features, &(0..features.num_features()).collect::<Vec<_>>())
    }

    /// Shapley values are linear in the model: the weighted sum of the members' values, stretched by the calibration.
    fn grouped_contributions(&self, features: &Features, groups: &[usize]) -> Result<Contributions> {
        let num_features = features.num_features();
        let mut sum: Option<Contributions> = None;
        let mut variance = 0.0;
        for member in &self.members {
            let groups = groups.get(member.features.clone()).unwrap_or_default();
            let part = member.model.grouped_contributions(&self.features_of(member, features)?, groups)?;
            let weight = member.weight * self.calibration.scale;
            let sum = sum.get_or_insert_with(|| Contributions {
                num_outputs: part.num_outputs,
                num_features,
                base: vec![self.calibration.offset; part.num_outputs],
                values: vec![0.0; features.num_rows() * part.num_outputs * num_features],
                sampling_error: None,
            });
            sum.base.iter_mut().zip(&part.base).for_each(|(base, of_part)| *base += weight * of_part);
            let of_rows = sum.values.chunks_exact_mut(num_features.max(1));
            for (of_row, of_part) in of_rows.zip(part.values.chunks_exact(part.num_features.max(1))) {
                of_row[member.features.clone()].iter_mut().zip(of_part).for_each(|(sum, value)| *sum += weight * value);
            }
            if let Some(error) = part.sampling_error {
                // Spread over more features, of which the others have no error.
                variance += (weight * error).powi(2) * part.num_features as f64 / num_features.max(1) as f64;
                sum.sampling_error = Some(0.0);
            }
        }
        let mut sum = sum.ok_or_else(|| Error::internal("an ensemble without members"))?;
        sum.sampling_error = sum.sampling_error.map(|_| f64::sqrt(variance));
        Ok(sum)
    }

    fn predictions_per_explanation(&self, num_groups: usize) -> usize {
        self.members.iter().map(|member| member.model.predictions_per_explanation(num_groups)).sum()
    }

    fn members(&self) -> Vec<&Arc<dyn Model>> {
        self.members.iter().map(|member| &member.model).collect()
    }

    /// A row per member: `member`, `algorithm`, `weight`, `first_feature`, `num_features` and `parameters`, an Arrow IPC
    /// file of the member's own table with its scalars as JSON in the schema metadata.
    fn parameters(&self) -> Result<Parameters> {
        let members = || self.members.iter();
        let files = members().map(|member| to_file(&member.model.parameters()?)).collect::<Result<Vec<_>>>()?;
        let numbers =
            |of: &dyn Fn(&Member) -> u64| -> ArrayRef { Arc::new(UInt64Array::from_iter_values(members().map(of))) };
        let table = RecordBatch::try_from_iter([
            ("member", Arc::new(UInt64Array::from_iter_values(1..=self.members.len() as u64)) as ArrayRef),
            ("algorithm", Arc::new(StringArray::from_iter_values(members().map(|member| &member.algorithm)))),
            ("weight", Arc::new(Float64Array::from_iter_values(members().map(|member| member.weight)))),
            ("first_feature", numbers(&|member| member.features.start as u64)),
            ("num_features", numbers(&|member| member.features.len() as u64)),
            ("parameters", Arc::new(BinaryArray::from_iter_values(&files))),
        ])?;
        let mut scalars = Map::new();
        scalars.insert("task".into(), json!(self.task));
        scalars.insert("calibration_scale".into(), json!(self.calibration.scale));
        scalars.insert("calibration_offset".into(), json!(self.calibration.offset));
        scalars.insert("cut".into(), json!(self.cut));
        scalars.insert("stopped_early".into(), json!(self.stopped_early));
        Ok(Parameters { table, scalars })
    }

    fn stopped_early(&self) -> bool {
        self.stopped_early
    }
}

/// The schema metadata key of a member's scalars.
const SCALARS_KEY: &str = "datafusion_ml.scalars";

fn to_file(parameters: &Parameters) -> Result<Vec<u8>> {
    let scalars = Value::Object(parameters.scalars.clone()).to_string();
    let fields = parameters.table.schema().fields().clone();
    let schema = Arc::new(Schema::new_with_metadata(fields, [(SCALARS_KEY.to_owned(), scalars)].into()));
    let mut writer = FileWriter::try_new(Vec::new(), &schema)?;
    writer.write(&parameters.table.clone().with_schema(Arc::clone(&schema))?)?;
    Ok(writer.into_inner()?)
}

fn from_file(bytes: &[u8]) -> Result<Parameters> {
    let damaged = |what: &dyn std::fmt::Display| Error::storage(format!("a member of an ensemble is damaged: {what}"));
    let mut reader = FileReader::try_new(Cursor::new(bytes), None).map_err(|e| damaged(&e))?;
    let scalars = reader.schema().metadata().get(SCALARS_KEY).cloned().unwrap_or_default();
    let scalars = serde_json::from_str(&scalars).map_err(|e| damaged(&e))?;
    let table = reader.next().ok_or_else(|| damaged(&"it has no table"))?.map_err(|e| damaged(&e))?;
    let plain = Arc::new(Schema::new(table.schema().fields().clone()));
    Ok(Parameters { table: RecordBatch::try_new(plain, table.columns().to_vec())?, scalars })
}

/// What loads an ensemble. It learns nothing by itself: the search makes ensembles.
#[derive(Debug, Clone)]
pub struct Ensemble {
    algorithms: BTreeMap<String, Arc<dyn Algorithm>>,
}

impl Ensemble {
    /// An ensemble whose members these algorithms load.
    pub fn new(algorithms: impl IntoIterator<Item = Arc<dyn Algorithm>>) -> Self {
        let by_name = algorithms.into_iter().map(|algorithm| (algorithm.name().to_owned(), algorithm));
        Self { algorithms: by_name.collect() }
    }

    fn member(&self, table: &RecordBatch, row: usize) -> Result<Member> {
        let column = |name: &str| {
            table.column_by_name(name).filter(|column| !column.is_null(row)).ok_or_else(|| {
                Error::storage(format!("an ensemble has no {name} of member {}; it is damaged", row + 1))
            })
        };
        let number = |name: &str| -> Result<usize> {
            let column = column(name)?.as_primitive_opt::<UInt64Type>();
            let wrong = || Error::storage(format!("an ensemble's {name} is no number; it is damaged"));
            column.map(|column| column.value(row) as usize).ok_or_else(wrong)
        };
        let wrong = |name: &str| Error::storage(format!("an ensemble's {name} has another type; it is damaged"));
        let algorithm = column("algorithm")?.as_string_opt::<i32>().ok_or_else(|| wrong("algorithm"))?.value(row);
        let found = self.algorithms.get(algorithm).ok_or_else(|| {
            Error::new(
                datafusion_ml_core::ErrorKind::Incompatible,
                format!(
                    "a member was made by algorithm {algorithm}, which this session does not have; \
                     register it with the session"
                ),
            )
        })?;
        let weight = column("weight")?.as_primitive_opt::<Float64Type>().ok_or_else(|| wrong("weight"))?.value(row);
        let file = column("parameters")?.as_binary_opt::<i32>().ok_or_else(|| wrong("parameters"))?.value(row);
        let first = number("first_feature")?;
        let features = first..first.saturating_add(number("num_features")?);
        Ok(Member { algorithm: algorithm.to_owned(), weight, features, model: found.load(from_file(file)?)? })
    }
}

impl Algorithm for Ensemble {
    fn name(&self) -> &str {
        ENSEMBLE
    }

    fn tasks(&self) -> &[Task] {
        &[Task::Regression, Task::BinaryClassification, Task::MulticlassClassification]
    }

    fn options(&self) -> &[OptionSpec] {
        &[]
    }

    /// Members bring their own encodings; this one is of no consequence.
    fn encoding(&self) -> Encoding {
        use datafusion_ml_core::encoder::{CategoryEncoding, MissingValues, Precision};
        Encoding { categories: CategoryEncoding::Ordinal, missing: MissingValues::Keep, precision: Precision::F32 }
    }

    fn metric(&self, _: &FitRequest) -> Result<Metric> {
        Err(Error::internal("an ensemble is judged by the search that makes it"))
    }

    fn fit(&self, _: &dyn TrainingData, _: &FitRequest, _: &dyn FitContext) -> Result<Arc<dyn Model>> {
        Err(Error::internal("an ensemble is made by the search, not fitted"))
    }

    fn load(&self, parameters: Parameters) -> Result<Arc<dyn Model>> {
        let table = &parameters.table;
        let members = (0..table.num_rows()).map(|row| self.member(table, row)).collect::<Result<_>>()?;
        let calibration = Calibration {
            scale: parameters.scalar("calibration_scale")?,
            offset: parameters.scalar("calibration_offset")?,
        };
        let stopped_early = parameters.scalar("stopped_early")?;
        // Earlier versions knew no other.
        let cut = if parameters.scalars.contains_key("cut") { parameters.scalar("cut")? } else { EVEN };
        Ok(Arc::new(EnsembleModel::try_new(parameters.scalar("task")?, members, calibration, cut, stopped_early)?))
    }
}
