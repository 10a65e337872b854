//! XGBoost's own model format, as `Booster.save_model` writes it, in JSON and UBJSON.
//!
//! The layout is described in XGBoost's `doc/model.schema`. Read: versions 1 to 3, booster `gbtree`, one target, and the objectives of this crate with `multi:softprob`. Written: version 3; several classes are written
//! as `multi:softprob`, since this crate's models give probabilities.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion_ml_core::{Error, Result};
use serde_json::{Map, Value, json};

use super::categories::Categories;
use super::model::XgboostModel;
use super::objective::{Objective, Shape};
use super::tree::{Node, Tree};
use super::ubjson;

/// The version of XGBoost whose format is written.
const VERSION: [u32; 3] = [3, 2, 0];
/// As the limit of `num_class`: a damaged number must not ask for memory without end.
const MOST_CLASSES: usize = 100_000;
/// What XGBoost calls the parent of the root.
const NO_PARENT: i64 = i32::MAX as i64;

impl XgboostModel {
    /// The model as XGBoost's JSON. Python reads it with `Booster.load_model`.
    pub fn to_json(&self) -> String {
        self.to_document().to_string()
    }

    /// The model as XGBoost's UBJSON. Python reads it with `Booster.load_model`.
    pub fn to_ubjson(&self) -> Vec<u8> {
        ubjson::write(&self.to_document())
    }

    /// Reads XGBoost's JSON. Fails with [`datafusion_ml_core::ErrorKind::Storage`] if it is damaged, and with
    /// [`datafusion_ml_core::ErrorKind::Invalid`] if it holds what this crate cannot evaluate.
    pub fn from_json(text: &str) -> Result<Self> {
        let document = serde_json::from_str(text)
            .map_err(|e| Error::storage(format!("this is not an XGBoost model in JSON: {e}")))?;
        Self::from_document(&document)
    }

    /// Reads XGBoost's UBJSON. Fails as [`Self::from_json`].
    pub fn from_ubjson(bytes: &[u8]) -> Result<Self> {
        Self::from_document(&ubjson::read(bytes)?)
    }

    fn to_document(&self) -> Value {
        let num_outputs = self.objective.num_outputs();
        let trees: Vec<Value> =
            self.trees.iter().enumerate().map(|(id, tree)| tree_to_document(id, tree, self.num_features)).collect();
        let rounds = self.trees.len() / num_outputs;
        // XGBoost refuses names with these characters; without any it goes by position.
        let is_nameable = self.feature_names.iter().all(|name| !name.contains(['[', ']', '<']));
        let feature_names: &[String] = if is_nameable { &self.feature_names } else { &[] };
        let base_score = match &self.base_scores[..] {
            [score] => format!("{score:E}"),
            scores => format!("[{}]", scores.iter().map(|score| format!("{score:E}")).collect::<Vec<_>>().join(",")),
        };
        let num_class = if num_outputs > 1 { num_outputs } else { 0 };
        json!({
            "learner": {
                "attributes": {},
                "feature_names": feature_names,
                "feature_types": [],
                "gradient_booster": {
                    "model": {
                        "cats": { "enc": [], "feature_segments": [], "sorted_idx": [] },
                        "gbtree_model_param": { "num_parallel_tree": "1", "num_trees": self.trees.len().to_string() },
                        "iteration_indptr": (0..=rounds).map(|round| round * num_outputs).collect::<Vec<_>>(),
                        "tree_info": self.trees.iter().map(|tree| tree.class).collect::<Vec<_>>(),
                        "trees": trees,
                    },
                    "name": "gbtree",
                },
                "learner_model_param": {
                    "base_score": base_score,
                    "boost_from_average": "1",
                    "num_class": num_class.to_string(),
                    "num_feature": self.num_features.to_string(),
                    "num_target": "1",
                },
                "objective": objective_to_document(&self.objective),
            },
            "version": VERSION,
        })
    }

    fn from_document(document: &Value) -> Result<Self> {
        let learner = Field::root(document).get("learner")?;
        let booster = learner.get("gradient_booster")?;
        let name = booster.get("name")?.text()?;
        if name != "gbtree" {
            return Err(unsupported(&format!("the booster {name}"), "train with booster gbtree"));
        }
        let param = learner.get("learner_model_param")?;
        if param.find("num_target").map_or(Ok(1), |field| field.parsed::<usize>())? > 1 {
            return Err(unsupported("several targets", "train one model for each"));
        }
        let num_features: usize = param.get("num_feature")?.parsed()?;
        let num_class: usize = param.get("num_class")?.parsed()?;
        if num_class > MOST_CLASSES {
            return Err(unsupported(&format!("{num_class} classes"), "train with fewer"));
        }
        let objective = objective_from_document(&learner.get("objective")?, num_class)?;
        let base_score = param.get("base_score")?.text()?;
        let mut base_scores = base_score
            .trim_matches(['[', ']'])
            .split(',')
            .map(|score| score.trim().parse::<f32>())
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_| Error::storage(format!("the XGBoost model's base_score {base_score} is no number")))?;
        if let ([score], outputs) = (&base_scores[..], objective.num_outputs()) {
            base_scores = vec![*score; outputs];
        }
        let model = booster.get("model")?;
        let (trees, classes) = (model.get("trees")?.list()?, model.get("tree_info")?.numbers()?);
        if trees.len() != classes.len() {
            return Err(Error::storage("the XGBoost model's tree_info is not as long as its trees"));
        }
        let trees = trees
            .iter()
            .zip(classes)
            .map(|(tree, class)| tree_from_document(&Field { path: "trees", value: tree }, class as u32, num_features))
            .collect::<Result<_>>()?;
        let feature_names = match learner.find("feature_names") {
            Some(names) => names.list()?.iter().map(|name| name.as_str().unwrap_or_default().to_owned()).collect(),
            None => Vec::new(),
        };
        Self::try_new(objective, base_scores, trees, (num_features, feature_names), false)
    }
}

fn objective_to_document(objective: &Objective) -> Value {
    let name = objective.name();
    match *objective {
        Objective::SquaredError { scale_pos_weight }
        | Objective::RegLogistic { scale_pos_weight }
        | Objective::BinaryLogistic { scale_pos_weight } => {
            json!({ "name": name, "reg_loss_param": { "scale_pos_weight": scale_pos_weight.to_string() } })
        }
        Objective::PseudoHuber { slope } => {
            json!({ "name": name, "pseudo_huber_param": { "huber_slope": slope.to_string() } })
        }
        Objective::Tweedie { variance_power } => json!({
            "name": name,
            "tweedie_regression_param": { "tweedie_variance_power": variance_power.to_string() },
        }),
        Objective::Softmax { num_classes } => json!({
            "name": "multi:softprob",
            "softmax_multiclass_param": { "num_class": num_classes.to_string() },
        }),
        Objective::SquaredLogError | Objective::Hinge => json!({ "name": name }),
    }
}

fn objective_from_document(field: &Field, num_class: usize) -> Result<Objective> {
    let number = |group: &str, name: &str, default: f64| {
        field.find(group).and_then(|group| group.find(name).map(|f| f.parsed())).unwrap_or(Ok(default))
    };
    let shape = Shape {
        scale_pos_weight: number("reg_loss_param", "scale_pos_weight", 1.0)?,
        huber_slope: number("pseudo_huber_param", "huber_slope", 1.0)?,
        tweedie_variance_power: number("tweedie_regression_param", "tweedie_variance_power", 1.5)?,
        num_classes: num_class.max(1),
    };
    let name = match field.get("name")?.text()? {
        "multi:softprob" => "multi:softmax",
        "reg:linear" => "reg:squarederror",
        name => name,
    };
    Objective::named(name, shape)
        .map_err(|_| unsupported(&format!("the objective {name}"), "train with an objective that CREATE MODEL offers"))
}

fn tree_to_document(id: usize, tree: &Tree, num_features: usize) -> Value {
    let nodes = tree.nodes();
    let child = |of: fn(&Node) -> u32| -> Vec<i64> {
        nodes.iter().map(|node| if node.is_leaf() { -1 } else { i64::from(of(node)) }).collect()
    };
    let float = |of: fn(&Node) -> f32| -> Vec<Value> {
        // JSON has no infinity; nothing but infinity itself lies beyond the largest number.
        nodes.iter().map(|node| json!(f64::from(of(node).clamp(f32::MIN, f32::MAX)))).collect()
    };
    let mut parents = vec![NO_PARENT; nodes.len()];
    for (index, node) in nodes.iter().enumerate().filter(|(_, node)| !node.is_leaf()) {
        parents[node.left as usize] = index as i64;
        parents[node.right as usize] = index as i64;
    }
    let categorical =
        || nodes.iter().enumerate().filter_map(|(index, node)| Some((index, node.categories.as_deref()?)));
    let sizes: Vec<usize> = categorical().map(|(_, categories)| categories.as_slice().len()).collect();
    let first_categories = sizes.iter().scan(0, |next, size| Some(std::mem::replace(next, *next + size)));
    json!({
        "base_weights": float(|node| node.value),
        "categories": categorical().flat_map(|(_, categories)| categories.as_slice()).collect::<Vec<_>>(),
        "categories_nodes": categorical().map(|(index, _)| index).collect::<Vec<_>>(),
        "categories_segments": first_categories.collect::<Vec<_>>(),
        "categories_sizes": sizes,
        "default_left": nodes.iter().map(|node| u8::from(node.default_left)).collect::<Vec<_>>(),
        "id": id,
        "left_children": child(|node| node.left),
        "loss_changes": float(|node| node.gain),
        "parents": parents,
        "right_children": child(|node| node.right),
        "split_conditions": float(|node| if node.is_leaf() { node.value } else { node.threshold }),
        "split_indices": nodes.iter().map(|node| node.feature).collect::<Vec<_>>(),
        "split_type": nodes.iter().map(|node| u8::from(node.categories.is_some())).collect::<Vec<_>>(),
        "sum_hessian": float(|node| node.cover),
        "tree_param": {
            "num_deleted": "0",
            "num_feature": num_features.to_string(),
            "num_nodes": nodes.len().to_string(),
            "size_leaf_vector": "1",
        },
    })
}

fn tree_from_document(tree: &Field, class: u32, num_features: usize) -> Result<Tree> {
    if tree.get("tree_param")?.find("size_leaf_vector").map_or(Ok(0), |field| field.parsed::<usize>())? > 1 {
        return Err(unsupported("leaves with several values", "train with multi_strategy one_output_per_tree"));
    }
    let (left, right) = (tree.get("left_children")?.numbers()?, tree.get("right_children")?.numbers()?);
    let (features, conditions) = (tree.get("split_indices")?.numbers()?, tree.get("split_conditions")?.numbers()?);
    let (defaults, weights) = (tree.get("default_left")?.numbers()?, tree.get("base_weights")?.numbers()?);
    let (gains, covers) = (tree.get("loss_changes")?.numbers()?, tree.get("sum_hessian")?.numbers()?);
    let columns = [&right, &features, &conditions, &defaults, &weights, &gains, &covers];
    if left.is_empty() || columns.iter().any(|column| column.len() != left.len()) {
        return Err(Error::storage("the columns of a tree of the XGBoost model differ in length"));
    }
    let mut categories = categories_from_document(tree)?;
    // Pruning may leave unused nodes behind, and children before parents: nodes are numbered anew, level by level.
    let mut order = vec![0usize];
    let mut nodes = Vec::with_capacity(left.len());
    while let Some(&index) = order.get(nodes.len()) {
        let mut node = Node::leaf(conditions[index] as f32, covers[index] as f32);
        if left[index] >= 0.0 {
            let children = [left[index] as usize, right[index] as usize];
            if right[index] < 0.0 || children.iter().any(|child| *child >= left.len()) || order.len() + 2 > left.len() {
                return Err(Error::storage(format!(
                    "node {index} of a tree of the XGBoost model has no such children"
                )));
            }
            let categories = categories.remove(&index);
            node = Node {
                feature: features[index] as u32,
                threshold: if categories.is_some() { 0.0 } else { conditions[index] as f32 },
                categories,
                default_left: defaults[index] != 0.0,
                left: order.len() as u32,
                right: order.len() as u32 + 1,
                value: weights[index] as f32,
                gain: gains[index] as f32,
                ..node
            };
            order.extend(children);
        }
        nodes.push(node);
    }
    Tree::try_new(nodes, class, num_features)
}

/// The categories of the nodes that are categorical splits.
fn categories_from_document(tree: &Field) -> Result<HashMap<usize, Arc<Categories>>> {
    let types = tree.find("split_type").map_or(Ok(Vec::new()), |types| types.numbers())?;
    let num_categorical = types.iter().filter(|kind| **kind != 0.0).count();
    if num_categorical == 0 {
        return Ok(HashMap::new());
    }
    let (nodes, categories) = (tree.get("categories_nodes")?.numbers()?, tree.get("categories")?.numbers()?);
    let (starts, sizes) = (tree.get("categories_segments")?.numbers()?, tree.get("categories_sizes")?.numbers()?);
    let mut of_nodes = HashMap::with_capacity(nodes.len());
    for ((node, start), size) in nodes.iter().zip(starts).zip(sizes) {
        let segment = categories.get(start as usize..).and_then(|rest| rest.get(..size as usize));
        let segment = segment.map(|segment| segment.iter().map(|category| *category as u32).collect());
        let is_categorical = types.get(*node as usize).is_some_and(|kind| *kind != 0.0);
        let (true, Some(segment)) = (is_categorical, segment) else { break };
        of_nodes.insert(*node as usize, Arc::new(Categories::try_new(segment)?));
    }
    if of_nodes.len() != num_categorical {
        return Err(Error::storage("the categories of a tree of the XGBoost model are not those of its splits"));
    }
    Ok(of_nodes)
}

fn unsupported(what: &str, instead: &str) -> Error {
    Error::invalid(format!("the XGBoost model has {what}, which cannot be imported; {instead}"))
}

/// A value of the document and where it was found.
#[derive(Clone, Copy)]
struct Field<'a> {
    path: &'a str,
    value: &'a Value,
}

impl<'a> Field<'a> {
    fn root(value: &'a Value) -> Self {
        Self { path: "document", value }
    }

    fn find(&self, name: &'a str) -> Option<Field<'a>> {
        self.value
            .as_object()
            .and_then(|object: &Map<String, Value>| object.get(name))
            .map(|value| Field { path: name, value })
    }

    fn get(&self, name: &'a str) -> Result<Field<'a>> {
        self.find(name).ok_or_else(|| Error::storage(format!("the XGBoost model's {} has no {name}", self.path)))
    }

    fn text(&self) -> Result<&'a str> {
        self.value.as_str().ok_or_else(|| self.wrong("text"))
    }

    /// A number that is written as text, as XGBoost does with parameters.
    fn parsed<T: std::str::FromStr>(&self) -> Result<T> {
        self.text()?.parse().map_err(|_| self.wrong("a number"))
    }

    fn list(&self) -> Result<&'a [Value]> {
        self.value.as_array().map(Vec::as_slice).ok_or_else(|| self.wrong("a list"))
    }

    /// A list of numbers; true and false count as 1 and 0.
    fn numbers(&self) -> Result<Vec<f64>> {
        let number = |value: &Value| value.as_f64().or_else(|| value.as_bool().map(|value| f64::from(u8::from(value))));
        self.list()?.iter().map(|value| number(value).ok_or_else(|| self.wrong("a list of numbers"))).collect()
    }

    fn wrong(&self, expected: &str) -> Error {
        Error::storage(format!("the XGBoost model's {} is not {expected}", self.path))
    }
}
