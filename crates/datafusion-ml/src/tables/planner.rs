//! `ml_evaluate('name', (SELECT ...))` and its kin as plans of DataFusion's own operators.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Column, DFSchema};
use datafusion::error::{DataFusionError, Result};
use datafusion::functions::expr_fn::nullif;
use datafusion::functions_aggregate::expr_fn::{count, sum};
use datafusion::functions_aggregate::sum::sum_udaf;
use datafusion::logical_expr::expr::WindowFunction;
use datafusion::logical_expr::planner::{
    ContextProvider, PlannedRelation, RelationPlanner, RelationPlannerContext, RelationPlanning,
};
use datafusion::logical_expr::{
    AggregateUDF, Expr, ExprFunctionExt, ExprSchemable, LogicalPlan, LogicalPlanBuilder, ScalarUDF,
    WindowFunctionDefinition, cast, col, lit, when,
};
use datafusion::sql::sqlparser::ast::{
    Expr as SqlExpr, FunctionArg, FunctionArgExpr, Ident, ObjectName, ObjectNamePart, TableFactor,
};
use datafusion_ml_core::options::nearest;
use datafusion_ml_core::{FittedModel, Target, Task};

use super::evaluate::EvaluateFunction;
use super::{Source, TableFunction};
use crate::catalog::ModelEntry;
use crate::error::{external, invalid};
use crate::predict::{entry_of, model_of, score_function};
use crate::resolve::named_model;
use crate::sql::text_of;

/// The target column of a query in the type of training, where that loses nothing: a number that is none of the integers
/// that training knew is no class, and no other number.
fn truth(target: &Target, column: Expr, schema: &DFSchema) -> Result<Expr> {
    let (wanted, given) = (target.data_type().map_err(external)?, column.get_type(schema)?);
    if !wanted.is_integer() || given.is_integer() || !given.is_numeric() {
        return column.cast_to(&wanted, schema);
    }
    if target.classes().is_empty() {
        return column.cast_to(&DataType::Float64, schema);
    }
    let number = column.clone().cast_to(&DataType::Float64, schema)?;
    let integer = cast(column.clone(), wanted);
    let text = |of: Expr| cast(of, DataType::Utf8);
    when(cast(integer.clone(), DataType::Float64).eq(number), text(integer)).otherwise(text(column))
}

/// Plans our functions in FROM. It knows the models whose functions are in the context, and has no state of its own.
#[derive(Debug)]
pub(super) struct ModelRelationPlanner;

impl RelationPlanner for ModelRelationPlanner {
    fn plan_relation(
        &self,
        mut relation: TableFactor,
        context: &mut dyn RelationPlannerContext,
    ) -> Result<RelationPlanning> {
        let TableFactor::Table { name, args: Some(args), alias, .. } = &mut relation else {
            return Ok(RelationPlanning::Original(Box::new(relation)));
        };
        let Some(function) = our_function(name) else {
            return Ok(RelationPlanning::Original(Box::new(relation)));
        };
        if function.source() != Source::Query {
            // DataFusion looks a function in FROM up as it is spelled.
            *name = ObjectName::from(vec![Ident::new(function.name())]);
            return Ok(RelationPlanning::Original(Box::new(relation)));
        }
        let [model, FunctionArg::Unnamed(FunctionArgExpr::Expr(SqlExpr::Subquery(query)))] = args.args.as_slice()
        else {
            return Err(function.usage());
        };
        let model = text_of(model).ok_or_else(|| function.usage())?;
        let query = TableFactor::Derived { lateral: false, subquery: query.clone(), alias: None, sample: None };
        let input = context.plan(query)?;
        let model = ResolvedModel::find(model, context.context_provider())?;
        let plan = match function {
            TableFunction::ConfusionMatrix => model.confusion_matrix(function, input)?,
            TableFunction::RocCurve => model.roc_curve(function, input)?,
            _ => model.evaluate(function, input)?,
        };
        Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(plan, alias.take()))))
    }
}

/// The function of ours that is called so, in any case.
fn our_function(name: &ObjectName) -> Option<TableFunction> {
    match name.0.as_slice() {
        [ObjectNamePart::Identifier(name)] => TableFunction::named(&name.value.to_ascii_lowercase()),
        _ => None,
    }
}

/// A model whose functions are in the context.
struct ResolvedModel {
    entry: Arc<ModelEntry>,
    model: Arc<FittedModel>,
    predict: Arc<ScalarUDF>,
}

impl ResolvedModel {
    /// The model that the statement calls so.
    fn find(text: &str, provider: &dyn ContextProvider) -> Result<Self> {
        let name = named_model(text, &provider.options().catalog.default_schema)?;
        let functions = provider.udf_names();
        let mut functions = functions.iter().filter_map(|function| provider.get_function_meta(function));
        let entry = functions.find_map(|function| entry_of(&function).filter(|entry| entry.name == name).cloned());
        let predict = entry.as_ref().and_then(|entry| provider.get_function_meta(&entry.function.to_string()));
        match (entry, predict.as_ref().and_then(|function| model_of(function)).cloned(), predict) {
            (Some(entry), Some(model), Some(predict)) => Ok(Self { entry, model, predict }),
            _ => Err(invalid(format!(
                "model {text} has not been asked for in this session; run the statement through MlSession::sql"
            ))),
        }
    }

    /// Columns `metric` and `value`.
    fn evaluate(&self, function: TableFunction, input: LogicalPlan) -> Result<LogicalPlan> {
        let (mut columns, target) = self.columns(function, input.schema())?;
        // Typed as a call of the prediction function, so that arguments it does not take are refused in its words.
        self.predict.call(columns.clone()).get_type(input.schema())?;
        columns.extend(target);
        let metrics = AggregateUDF::from(EvaluateFunction::new(Arc::clone(&self.entry), Arc::clone(&self.model)));
        LogicalPlanBuilder::from(input)
            .aggregate(Vec::<Expr>::new(), [metrics.call(columns).alias("evaluation")])?
            .unnest_column("evaluation")?
            .unnest_column("evaluation")?
            .project([
                col(Column::new_unqualified("evaluation.metric")).alias("metric"),
                col(Column::new_unqualified("evaluation.value")).alias("value"),
            ])?
            .build()
    }

    /// Columns `actual`, `predicted` and `rows`.
    fn confusion_matrix(&self, function: TableFunction, input: LogicalPlan) -> Result<LogicalPlan> {
        let (columns, target) = self.columns(function, input.schema())?;
        let target = match target {
            Some(target) if self.task().is_classification() => target,
            _ => return Err(self.does_not_fit(function, "a classification")),
        };
        LogicalPlanBuilder::from(input)
            .filter(target.clone().is_not_null())?
            .project([target.alias("actual"), self.predict.call(columns).alias("predicted")])?
            .aggregate([col("actual"), col("predicted")], [count(lit(1)).alias("rows")])?
            .build()
    }

    /// Columns `threshold`, `true_positive_rate` and `false_positive_rate`: a row per distinct score of the second class,
    /// and one above all of them. The rates are those of calling positive what has at least that score; NULL where there
    /// is no row of the class.
    fn roc_curve(&self, function: TableFunction, input: LogicalPlan) -> Result<LogicalPlan> {
        let (columns, target) = self.columns(function, input.schema())?;
        let positive = self
            .target()
            .and_then(|target| target.classes().get(1))
            .filter(|_| self.task() == Task::BinaryClassification);
        let (Some(target), Some(positive)) = (target, positive) else {
            return Err(self.does_not_fit(function, "a classification of two classes"));
        };
        let score = score_function(&self.entry, &self.model)?;
        let is_positive =
            target.clone().eq(lit(positive.as_str()).cast_to(&target.get_type(input.schema())?, input.schema())?);
        let one_if = |condition: Expr| when(condition, lit(1i64)).otherwise(lit(0i64));
        let above_all = vec![lit(f64::INFINITY), lit(0i64), lit(0i64)];
        let names = ["threshold", "positives", "negatives"];
        let above_all = LogicalPlanBuilder::values(vec![above_all])?
            .project((1..=3).zip(names).map(|(i, name)| col(format!("column{i}")).alias(name)))?
            .build()?;
        // Running sums down to each threshold, and over all of them.
        let sum_over =
            |rows: &str| WindowFunction::new(WindowFunctionDefinition::AggregateUDF(sum_udaf()), vec![col(rows)]);
        let so_far = |rows: &str| -> Result<Expr> {
            let sum = Expr::from(sum_over(rows)).order_by(vec![col(names[0]).sort(false, false)]);
            Ok(sum.build()?.alias(format!("{rows} so far")))
        };
        let all = |rows: &str| Expr::from(sum_over(rows)).alias(format!("all {rows}"));
        let rate = |rows: &str| {
            let number = |name: String| cast(col(Column::new_unqualified(name)), DataType::Float64);
            // NULL if there are none.
            number(format!("{rows} so far")) / nullif(number(format!("all {rows}")), lit(0.0))
        };
        LogicalPlanBuilder::from(input)
            .filter(target.is_not_null())?
            .project([
                score.call(columns).alias(names[0]),
                one_if(is_positive.clone())?.alias(names[1]),
                one_if(Expr::Not(Box::new(is_positive)))?.alias(names[2]),
            ])?
            .union(above_all)?
            .aggregate([col(names[0])], [sum(col(names[1])).alias(names[1]), sum(col(names[2])).alias(names[2])])?
            .window([so_far(names[1])?, so_far(names[2])?])?
            .window([all(names[1]), all(names[2])])?
            .project([
                col(names[0]),
                rate(names[1]).alias("true_positive_rate"),
                rate(names[2]).alias("false_positive_rate"),
            ])?
            .build()
    }

    /// The model's columns by name, and its target in the type of training, if it has one. Fails if one is missing.
    fn columns(&self, function: TableFunction, schema: &DFSchema) -> Result<(Vec<Expr>, Option<Expr>)> {
        let encoder = &self.model.manifest().encoder;
        let target = self.target();
        let mut found = Vec::new();
        let mut missing = Vec::new();
        for name in encoder.column_names().chain(target.map(Target::name)) {
            match column(name, schema)? {
                Some(column) => found.push(Expr::Column(column)),
                None => missing.push(name),
            }
        }
        if let Some(first) = missing.first() {
            let given: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
            let hint = match nearest(first, given.iter().copied()) {
                Some(near) => format!("is {near} meant? Give it an alias (AS {first})"),
                None => "select them, too".to_owned(),
            };
            return Err(invalid(format!(
                "{} needs the columns of model {} by their names, but the query does not give {}; {hint}",
                function.name(),
                self.entry.name,
                missing.join(", ")
            )));
        }
        let target = match target {
            Some(target) => {
                let column = found.pop().ok_or_else(|| function.usage())?;
                Some(truth(target, column, schema)?)
            }
            None => None,
        };
        Ok((found, target))
    }

    fn does_not_fit(&self, function: TableFunction, wanted: &str) -> DataFusionError {
        invalid(format!(
            "{} needs {wanted}, but model {} is a {}; ml_evaluate gives its metrics",
            function.name(),
            self.entry.name,
            self.task()
        ))
    }

    fn target(&self) -> Option<&Target> {
        self.model.manifest().target.as_ref()
    }

    fn task(&self) -> Task {
        self.model.manifest().task
    }
}

/// The column of that name: as written, else without regard to case.
fn column(name: &str, schema: &DFSchema) -> Result<Option<Column>> {
    let columns = |same: &dyn Fn(&str) -> bool| -> Vec<Column> {
        schema.iter().filter(|(_, field)| same(field.name())).map(Column::from).collect()
    };
    let exact = columns(&|other| other == name);
    let found = if exact.is_empty() { columns(&|other| other.eq_ignore_ascii_case(name)) } else { exact };
    match found.as_slice() {
        [] => Ok(None),
        [column] => Ok(Some(column.clone())),
        _ => Err(invalid(format!("the query gives two columns named {name}; leave one out or give it an alias (AS)"))),
    }
}
