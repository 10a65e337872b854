//! The model as a table, a row per node, and a few scalars; and back.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, Float32Array, ListArray, UInt32Array};
use arrow::datatypes::UInt32Type;
use arrow::record_batch::RecordBatch;
use datafusion_ml_core::{Error, Parameters, Result};
use serde_json::{Map, json};

use super::categories::Categories;
use super::model::XgboostModel;
use super::objective::{Objective, Shape};
use super::tree::{Node, Tree};

impl XgboostModel {
    /// The nodes of all trees: `tree`, `class`, `node`, then NULL for leaves `feature`, `threshold` (values below it go
    /// left), `default_left` (where missing values go), `left`, `right` and `gain`, then `value` and `cover`. If there are
    /// categorical splits, `categories` (those that go right) in the end, of which either this or `threshold` is NULL.
    pub(super) fn to_parameters(&self) -> Result<Parameters> {
        let rows = || {
            self.trees.iter().enumerate().flat_map(|(index, tree)| {
                tree.nodes().iter().enumerate().map(move |(id, node)| (index as u32, tree.class, id as u32, node))
            })
        };
        let splits = || rows().map(|(.., node)| if node.is_leaf() { None } else { Some(node) });
        let numbers =
            |of: fn(&Node) -> u32| -> ArrayRef { Arc::new(splits().map(|node| node.map(of)).collect::<UInt32Array>()) };
        let numeric = splits().map(|node| node.filter(|node| node.categories.is_none()).map(|node| node.threshold));
        let mut columns: Vec<(&str, ArrayRef)> = vec![
            ("tree", Arc::new(rows().map(|(tree, ..)| Some(tree)).collect::<UInt32Array>())),
            ("class", Arc::new(rows().map(|(_, class, ..)| Some(class)).collect::<UInt32Array>())),
            ("node", Arc::new(rows().map(|(_, _, id, _)| Some(id)).collect::<UInt32Array>())),
            ("feature", numbers(|node| node.feature)),
            ("threshold", Arc::new(numeric.collect::<Float32Array>())),
            (
                "default_left",
                Arc::new(splits().map(|node| node.map(|node| node.default_left)).collect::<BooleanArray>()),
            ),
            ("left", numbers(|node| node.left)),
            ("right", numbers(|node| node.right)),
            ("gain", Arc::new(splits().map(|node| node.map(|node| node.gain)).collect::<Float32Array>())),
            ("value", Arc::new(rows().map(|(.., node)| Some(node.value)).collect::<Float32Array>())),
            ("cover", Arc::new(rows().map(|(.., node)| Some(node.cover)).collect::<Float32Array>())),
        ];
        let categorical = || rows().map(|(.., node)| node.categories.as_deref());
        if categorical().any(|categories| categories.is_some()) {
            let lists = categorical().map(|categories| Some(categories?.as_slice().iter().copied().map(Some)));
            columns.push(("categories", Arc::new(ListArray::from_iter_primitive::<UInt32Type, _, _>(lists))));
        }
        let columns = columns.into_iter().map(|(name, column)| (name, column, true));
        let table = RecordBatch::try_from_iter_with_nullable(columns)?;
        let Shape { scale_pos_weight, huber_slope, tweedie_variance_power, num_classes } = self.objective.shape();
        let mut scalars = Map::new();
        scalars.insert("objective".to_owned(), json!(self.objective.name()));
        scalars.insert("num_class".to_owned(), json!(num_classes));
        scalars.insert("scale_pos_weight".to_owned(), json!(scale_pos_weight));
        scalars.insert("huber_slope".to_owned(), json!(huber_slope));
        scalars.insert("tweedie_variance_power".to_owned(), json!(tweedie_variance_power));
        scalars.insert("base_score".to_owned(), json!(self.base_scores));
        scalars.insert("num_trees".to_owned(), json!(self.trees.len()));
        scalars.insert("num_feature".to_owned(), json!(self.num_features));
        scalars.insert("feature_names".to_owned(), json!(self.feature_names));
        scalars.insert("stopped_early".to_owned(), json!(self.stopped_early));
        Ok(Parameters { table, scalars })
    }
}

impl TryFrom<Parameters> for XgboostModel {
    type Error = Error;

    /// Restores a model; fails with [`datafusion_ml_core::ErrorKind::Storage`] on anything that
    /// `to_parameters` cannot have written.
    fn try_from(parameters: Parameters) -> Result<Self> {
        let name: String = parameters.scalar("objective")?;
        let shape = Shape {
            scale_pos_weight: parameters.scalar("scale_pos_weight")?,
            huber_slope: parameters.scalar("huber_slope")?,
            tweedie_variance_power: parameters.scalar("tweedie_variance_power")?,
            num_classes: parameters.scalar("num_class")?,
        };
        let objective = Objective::named(&name, shape).map_err(|e| Error::storage(e.message()))?;
        let num_features: usize = parameters.scalar("num_feature")?;
        let num_trees: usize = parameters.scalar("num_trees")?;

        let numbers = |name| parameters.column::<UInt32Array>(name);
        let floats = |name| parameters.column::<Float32Array>(name);
        let (tree, class, id) = (numbers("tree")?, numbers("class")?, numbers("node")?);
        let (feature, left, right) = (numbers("feature")?, numbers("left")?, numbers("right")?);
        let (threshold, gain) = (floats("threshold")?, floats("gain")?);
        let (value, cover) = (floats("value")?, floats("cover")?);
        let default_left = parameters.column::<BooleanArray>("default_left")?;
        let required: [&dyn Array; 5] = [tree, class, id, value, cover];
        if required.iter().any(|column| column.null_count() > 0) {
            return Err(Error::storage("the model's table of nodes holds NULL where it must not; it is damaged"));
        }
        let lists = match parameters.table.column_by_name("categories") {
            Some(_) => Some(parameters.column::<ListArray>("categories")?),
            None => None,
        };
        let of_splits: [&dyn Array; 4] = [feature, right, gain, default_left];
        let node = |row: usize| {
            let is_leaf = left.is_null(row);
            let categories = lists.filter(|lists| lists.is_valid(row)).map(|lists| categories(&lists.value(row)));
            let num_conditions = u8::from(threshold.is_valid(row)) + u8::from(categories.is_some());
            if of_splits.iter().any(|column| column.is_null(row) != is_leaf)
                || num_conditions != u8::from(!is_leaf)
                || (!is_leaf && left.value(row) == 0)
            {
                return Err(Error::storage("a node of the model is neither a split nor a leaf; it is damaged"));
            }
            let leaf = Node::leaf(value.value(row), cover.value(row));
            Ok(if is_leaf {
                leaf
            } else {
                Node {
                    feature: feature.value(row),
                    threshold: if categories.is_some() { 0.0 } else { threshold.value(row) },
                    categories: categories.transpose()?.map(Arc::new),
                    default_left: default_left.value(row),
                    left: left.value(row),
                    right: right.value(row),
                    gain: gain.value(row),
                    ..leaf
                }
            })
        };
        let mut trees: Vec<Tree> = Vec::new();
        let mut start = 0;
        for run in tree.values().chunk_by(|a, b| a == b) {
            let range = start..start + run.len();
            let in_order = range
                .clone()
                .all(|row| id.value(row) as usize == row - start && class.value(row) == class.value(start));
            if run[0] as usize != trees.len() || !in_order {
                return Err(Error::storage("the model's nodes are not in order; it is damaged"));
            }
            let class = class.value(start);
            start = range.end;
            trees.push(Tree::try_new(range.map(node).collect::<Result<_>>()?, class, num_features)?);
        }
        if trees.len() != num_trees {
            return Err(Error::storage(format!("the model has {} of {num_trees} trees; it is damaged", trees.len())));
        }
        let base_scores: Vec<f32> = parameters.scalar("base_score")?;
        let feature_names = parameters.scalar("feature_names")?;
        let stopped_early = parameters.scalar("stopped_early")?;
        Self::try_new(objective, base_scores, trees, (num_features, feature_names), stopped_early)
    }
}

/// The categories of a split.
fn categories(list: &dyn Array) -> Result<Categories> {
    match list.as_any().downcast_ref::<UInt32Array>() {
        Some(list) if list.null_count() == 0 => Categories::try_new(list.values().to_vec()),
        _ => Err(Error::storage("the categories of a split of the model are no numbers; it is damaged")),
    }
}
