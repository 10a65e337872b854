//! The target column: from the user's values to numbers or class indices, and back.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int32Array, Int64Array, StringArray, UInt32Array, UInt64Array,
};
use arrow::compute::{cast, take};
use arrow::datatypes::{DataType, Float64Type};
use serde::{Deserialize, Serialize};

use crate::encoder::for_each_text;
use crate::values::values_of;
use crate::{Error, Result, Task};

/// A classification may have this many classes.
pub const MAX_CLASSES: usize = 10_000;

/// Integers of more distinct values are no classes unless the statement says so.
pub const MAX_INTEGER_CLASSES: usize = 20;

/// Integers with fewer rows per distinct value are no classes unless the statement says so.
pub const MIN_CLASS_ROWS: usize = 20;

/// What training learned of the target column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Target {
    name: String,
    /// The Arrow type in training, as Arrow prints it.
    data_type: String,
    /// The classes in their natural order (numbers by value, texts by code point, false before true), as text; empty
    /// unless the task is a classification.
    classes: Vec<String>,
}

/// How the task is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskRule {
    /// The statement names it.
    Given(Task),
    /// Text, booleans and integers of two distinct values are a binary classification, texts of several values a
    /// multiclass classification, all other numbers a regression.
    ByType,
    /// As by type, but integers of at most [`MAX_INTEGER_CLASSES`] distinct values, with at least [`MIN_CLASS_ROWS`] rows
    /// each on average, are a classification.
    ByValues,
}

impl From<Option<Task>> for TaskRule {
    fn from(task: Option<Task>) -> Self {
        task.map_or(Self::ByType, Self::Given)
    }
}

/// What is learned of a target.
#[derive(Debug, Clone, PartialEq)]
pub struct LearnedTarget {
    /// The target.
    pub target: Target,
    /// What is to be learned.
    pub task: Task,
    /// Why it is that: `MulticlassClassification: 7 distinct integers, 928 rows each on average`.
    pub reason: String,
}

/// A target in the making: one pass over the column collects its distinct values, where they matter.
#[derive(Debug)]
pub struct TargetBuilder {
    name: String,
    data_type: DataType,
    rule: TaskRule,
    distinct: BTreeSet<String>,
    num_rows: usize,
}

/// Whether a column of this type can be a target.
fn can_be_target(data_type: &DataType) -> bool {
    match data_type {
        DataType::Dictionary(_, values) => can_be_target(values),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Boolean => true,
        other => other.is_integer() || other.is_floating(),
    }
}

fn is_text_or_boolean(data_type: &DataType) -> bool {
    !data_type.is_numeric() && !matches!(data_type, DataType::Dictionary(_, v) if v.is_numeric())
}

impl TargetBuilder {
    /// A target of this name and type. Fails on a type that cannot be a target, and on text for a regression.
    pub fn new(name: &str, data_type: &DataType, rule: impl Into<TaskRule>) -> Result<Self> {
        let rule = rule.into();
        if !can_be_target(data_type) {
            return Err(Error::data(format!(
                "target column {name} holds {}; a target is an integer, a float, a boolean or text: cast it",
                values_of(data_type)
            )));
        }
        if rule == TaskRule::Given(Task::Regression) && is_text_or_boolean(data_type) {
            return Err(Error::data(format!(
                "target column {name} holds {}, but a regression predicts numbers; cast the column or choose a classification",
                values_of(data_type)
            )));
        }
        Ok(Self { name: name.to_owned(), data_type: data_type.clone(), rule, distinct: BTreeSet::new(), num_rows: 0 })
    }

    /// The rows that have a target: neither NULL nor NaN.
    pub fn is_present(column: &ArrayRef) -> Result<BooleanArray> {
        let valid = arrow::compute::is_not_null(column)?;
        Ok(if column.data_type().is_floating() {
            let numbers = cast(column, &DataType::Float64)?;
            let numbers = numbers.as_primitive::<Float64Type>();
            valid.values().iter().zip(numbers.values()).map(|(valid, v)| Some(valid && !v.is_nan())).collect()
        } else {
            valid
        })
    }

    /// Learns from a batch without missing targets.
    pub fn observe(&mut self, column: &ArrayRef) -> Result<()> {
        self.num_rows += column.len();
        let counts_classes = match self.rule {
            TaskRule::Given(task) => task.is_classification(),
            TaskRule::ByType | TaskRule::ByValues => {
                !self.data_type.is_floating() && self.distinct.len() <= MAX_CLASSES
            }
        };
        if !counts_classes {
            return Ok(());
        }
        let text = cast(column, &DataType::Utf8)?;
        let mut last = None;
        for value in text.as_string::<i32>().iter().flatten() {
            if last != Some(value) && !self.distinct.contains(value) {
                self.distinct.insert(value.to_owned());
            }
            last = Some(value);
        }
        let is_class_by_type = matches!(self.rule, TaskRule::Given(_)) || is_text_or_boolean(&self.data_type);
        if is_class_by_type && self.distinct.len() > MAX_CLASSES {
            return Err(Error::data(format!(
                "target column {} has more than {MAX_CLASSES} distinct values, too many classes to tell apart",
                self.name
            )));
        }
        Ok(())
    }

    /// The target and the task. Fails without a row, on a classification with one class only, and on a binary
    /// classification with more than two.
    pub fn finish(self) -> Result<LearnedTarget> {
        if self.num_rows == 0 {
            return Err(Error::data(format!(
                "the query gives no row with a value in target column {}; a model needs rows to learn from",
                self.name
            )));
        }
        let (task, reason) = self.task();
        let Self { name, data_type, distinct, .. } = self;
        let mut classes = Vec::new();
        if task.is_classification() {
            classes = distinct.into_iter().collect();
            if !is_text_or_boolean(&data_type) {
                let value = |class: &String| class.parse::<f64>().unwrap_or(f64::INFINITY);
                classes.sort_by(|a, b| value(a).total_cmp(&value(b)));
            }
            match classes.as_slice() {
                [only] => {
                    return Err(Error::data(format!(
                        "target column {name} has only one class, {only}; a classification needs rows of at least two"
                    )));
                }
                [_, _] => {}
                several if task == Task::BinaryClassification => {
                    return Err(Error::data(format!(
                        "target column {name} has {} distinct values, but a binary classification has two; \
                         choose PROBLEM_TYPE MULTICLASS_CLASSIFICATION (with AUTO OFF, OBJECTIVE 'multi:softmax') or map the \
                         values to two",
                        several.len()
                    )));
                }
                _ => {}
            }
        }
        let target = Target { name, data_type: data_type.to_string(), classes };
        Ok(LearnedTarget { target, task, reason: format!("{task}: {reason}") })
    }

    /// The task and the reason for it.
    fn task(&self) -> (Task, String) {
        let count = self.distinct.len();
        let classes = if count <= 2 { Task::BinaryClassification } else { Task::MulticlassClassification };
        let each = self.num_rows / count.max(1);
        match self.rule {
            TaskRule::Given(task) => (task, "as the statement says".to_owned()),
            _ if self.data_type == DataType::Boolean => (classes, "true or false".to_owned()),
            _ if is_text_or_boolean(&self.data_type) => {
                (classes, format!("{count} distinct texts, {each} rows each on average"))
            }
            _ if self.data_type.is_floating() => (Task::Regression, "floating-point numbers".to_owned()),
            _ if count > MAX_CLASSES => (Task::Regression, format!("more than {MAX_CLASSES} distinct integers")),
            rule => {
                let are_classes = count == 2 && self.data_type.is_integer()
                    || rule == TaskRule::ByValues
                        && (2..=MAX_INTEGER_CLASSES).contains(&count)
                        && each >= MIN_CLASS_ROWS;
                let task = if are_classes { classes } else { Task::Regression };
                (task, format!("{count} distinct integers, {each} rows each on average"))
            }
        }
    }
}

impl Target {
    /// The column's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The type of the column in training, and of predictions.
    pub fn data_type(&self) -> Result<DataType> {
        self.data_type
            .parse()
            .map_err(|_| Error::storage(format!("target {} has an unknown type {}", self.name, self.data_type)))
    }

    /// The classes as text; empty for a regression.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// The classes as `_probabilities` names them: PostgreSQL writes booleans as `t` and `f`.
    pub fn labels(&self) -> Vec<&str> {
        let boolean = self.data_type == DataType::Boolean.to_string();
        self.classes
            .iter()
            .map(|class| match class.as_str() {
                "true" if boolean => "t",
                "false" if boolean => "f",
                other => other,
            })
            .collect()
    }

    /// The numbers or class indices of a column without missing values.
    pub fn encode(&self, column: &ArrayRef) -> Result<Vec<f64>> {
        if self.classes.is_empty() {
            let numbers = cast(column, &DataType::Float64)?;
            let numbers = numbers.as_primitive::<Float64Type>().values().to_vec();
            if numbers.iter().any(|value| value.is_infinite()) {
                return Err(Error::data(format!(
                    "target column {} has an infinite value; filter it or replace it",
                    self.name
                )));
            }
            return Ok(numbers);
        }
        let classes = self.class_indices(column)?;
        if classes.iter().any(|class| class.is_nan()) {
            return Err(Error::internal(format!("target column {} has a class that training did not see", self.name)));
        }
        Ok(classes)
    }

    /// The same for rows that need not be those of training: a class that training did not see gets the index after the
    /// last; with two classes it is an error, and where no row is of a class that training saw.
    pub fn encode_truth(&self, column: &ArrayRef) -> Result<Vec<f64>> {
        if self.classes.is_empty() {
            return self.encode(column);
        }
        let mut classes = self.class_indices(column)?;
        if let (Some(row), [first, second]) = (classes.iter().position(|class| class.is_nan()), self.classes.as_slice())
        {
            let text = cast(&column.slice(row, 1), &DataType::Utf8)?;
            return Err(Error::data(format!(
                "target column {} has the value {}, but the model knows {first} and {second} only; filter it out",
                self.name,
                text.as_string::<i32>().value(0)
            )));
        }
        if !classes.is_empty() && classes.iter().all(|class| class.is_nan()) {
            let text = cast(&column.slice(0, 1), &DataType::Utf8)?;
            let known: Vec<&str> = self.classes.iter().take(5).map(String::as_str).collect();
            return Err(Error::data(format!(
                "target column {} has no value that the model knows: the first is {}, but the classes are {}{}; give the \
                 column that the model was trained on, spelt as it was there",
                self.name,
                text.as_string::<i32>().value(0),
                known.join(", "),
                if self.classes.len() > known.len() { ", ..." } else { "" }
            )));
        }
        for class in &mut classes {
            if class.is_nan() {
                *class = self.classes.len() as f64;
            }
        }
        Ok(classes)
    }

    /// The index of each row's class, NaN for a class that training did not see.
    fn class_indices(&self, column: &ArrayRef) -> Result<Vec<f64>> {
        let index: HashMap<&str, f64> = self.classes.iter().map(String::as_str).zip((0..).map(f64::from)).collect();
        let mut classes = Vec::with_capacity(column.len());
        for_each_text(&cast(column, &DataType::Utf8)?, &mut |text| {
            classes.push(text.and_then(|text| index.get(text)).copied().unwrap_or(f64::NAN));
        })?;
        Ok(classes)
    }

    /// Predicted numbers in the target's type; integers are rounded to the nearest that the type has.
    pub fn decode_values(&self, values: Vec<f64>) -> Result<ArrayRef> {
        let data_type = self.data_type()?;
        if data_type.is_floating() {
            return Ok(cast(&Float64Array::from(values), &data_type)?);
        }
        // What lies outside the type becomes its end; the conversions of `as` do the same at the ends of 64 bits.
        let bits = data_type.primitive_width().unwrap_or(8) as i32 * 8;
        let integers: ArrayRef = if data_type.is_unsigned_integer() {
            let most = 2f64.powi(bits) - 1.0;
            Arc::new(UInt64Array::from_iter_values(values.into_iter().map(|v| v.round().clamp(0.0, most) as u64)))
        } else {
            let most = 2f64.powi(bits - 1);
            let inside = |v: f64| v.round().clamp(-most, most - 1.0) as i64;
            Arc::new(Int64Array::from_iter_values(values.into_iter().map(inside)))
        };
        Ok(cast(&integers, &data_type)?)
    }

    /// The classes of the given indices, in the target's type.
    pub fn decode_classes(&self, classes: Vec<u32>) -> Result<ArrayRef> {
        let names: ArrayRef = Arc::new(StringArray::from(self.classes.clone()));
        let typed = cast(&names, &self.data_type()?)?;
        Ok(take(&typed, &UInt32Array::from(classes), None)?)
    }
}

/// The type of a cluster number.
pub const CLUSTER_TYPE: DataType = DataType::Int32;

/// Cluster numbers as an array of [`CLUSTER_TYPE`].
pub fn decode_clusters(clusters: Vec<u32>) -> ArrayRef {
    Arc::new(Int32Array::from_iter_values(clusters.into_iter().map(|cluster| cluster as i32)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::Int64Array;

    fn learn(column: ArrayRef, rule: impl Into<TaskRule>) -> Result<(Target, Task)> {
        let learned = explain(column, rule)?;
        Ok((learned.target, learned.task))
    }

    fn explain(column: ArrayRef, rule: impl Into<TaskRule>) -> Result<LearnedTarget> {
        let mut builder = TargetBuilder::new("y", column.data_type(), rule)?;
        builder.observe(&column)?;
        builder.finish()
    }

    fn int(values: &[i64]) -> ArrayRef {
        Arc::new(Int64Array::from(values.to_vec()))
    }

    #[test]
    fn values_decide_the_task_where_the_statement_does_not() {
        let text = |values: &[&str]| -> ArrayRef { Arc::new(StringArray::from(values.to_vec())) };
        assert_eq!(learn(text(&["b", "a"]), None).unwrap().1, Task::BinaryClassification);
        assert_eq!(learn(text(&["b", "a", "c"]), None).unwrap().1, Task::MulticlassClassification);
        assert_eq!(learn(int(&[0, 1]), None).unwrap().1, Task::BinaryClassification);
        assert_eq!(learn(int(&[0, 1, 2]), None).unwrap().1, Task::Regression);
        let float: ArrayRef = Arc::new(Float64Array::from(vec![0.0, 1.0]));
        assert_eq!(learn(float, None).unwrap().1, Task::Regression);
    }

    #[test]
    fn integers_of_few_values_with_many_rows_are_classes_by_their_values() {
        let repeated = |values: i64, rows: i64| int(&(0..values * rows).map(|i| i % values).collect::<Vec<_>>());
        let learned = explain(repeated(7, 20), TaskRule::ByValues).unwrap();
        assert_eq!(learned.task, Task::MulticlassClassification);
        assert_eq!(learned.reason, "MulticlassClassification: 7 distinct integers, 20 rows each on average");
        assert_eq!(learned.target.classes().len(), 7);
        for (column, rule) in [
            (repeated(7, 20), TaskRule::ByType),
            (repeated(7, 19), TaskRule::ByValues),
            (repeated(21, 100), TaskRule::ByValues),
            (repeated(1, 100), TaskRule::ByValues),
        ] {
            assert_eq!(learn(column, rule).unwrap().1, Task::Regression);
        }
        assert_eq!(learn(int(&[0, 1]), TaskRule::ByValues).unwrap().1, Task::BinaryClassification);
    }

    #[test]
    fn numeric_classes_are_ordered_by_value_and_come_back_in_their_type() {
        let column = int(&[10, 9, 2, 10]);
        let (target, _) = learn(Arc::clone(&column), Some(Task::MulticlassClassification)).unwrap();
        assert_eq!(target.classes(), ["2", "9", "10"]);
        let codes = target.encode(&column).unwrap();
        assert_eq!(codes, [2.0, 1.0, 0.0, 2.0]);
        assert_eq!(&target.decode_classes(codes.iter().map(|c| *c as u32).collect()).unwrap(), &column);
    }

    #[test]
    fn impossible_targets_are_refused() {
        let error = |column, task| learn(column, task).unwrap_err().to_string();
        assert!(error(int(&[1, 1]), Some(Task::BinaryClassification)).contains("only one class, 1"));
        assert!(error(int(&[1, 2, 3]), Some(Task::BinaryClassification)).contains("3 distinct values"));
        assert!(error(int(&[]), None).contains("no row"));
        let date: ArrayRef = Arc::new(arrow::array::Date32Array::from(vec![1]));
        assert!(error(date, None).contains("cast it"));
    }

    #[test]
    fn integer_targets_of_a_regression_are_rounded() {
        let (target, _) = learn(int(&[1, 2, 3]), None).unwrap();
        assert_eq!(&target.decode_values(vec![1.4, 2.5]).unwrap(), &int(&[1, 3]));
        assert_eq!(&target.decode_values(vec![1e30, -1e30]).unwrap(), &int(&[i64::MAX, i64::MIN]));
        let bytes: ArrayRef = Arc::new(arrow::array::UInt8Array::from(vec![1, 2, 255]));
        let (target, _) = learn(Arc::clone(&bytes), None).unwrap();
        let ends: ArrayRef = Arc::new(arrow::array::UInt8Array::from(vec![0, 255, 7]));
        assert_eq!(&target.decode_values(vec![-5.0, 300.0, 6.6]).unwrap(), &ends);
    }
}
