//! What SUPER's functions have in common.

use std::hash::{Hash, Hasher};
use std::ops::RangeInclusive;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{ScalarValue, exec_err, internal_err, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ExprSchemable, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};

use super::arithmetic::{NEGATIVE, NUMBER};
use super::json;
use super::known::Known;
use super::marker::is_super;

/// An immutable function of arguments of any type, which are taken as they come.
#[derive(Debug, Clone)]
pub(super) struct Function {
    pub(super) name: &'static str,
    /// How many arguments it takes.
    pub(super) arguments: RangeInclusive<usize>,
    pub(super) returns: Returns,
    pub(super) invoke: fn(&Arguments) -> Result<ArrayRef>,
}

/// The type of a function's answer, which may be NULL always.
#[derive(Debug, Clone)]
pub(super) enum Returns {
    Super,
    Type(DataType),
    Computed(fn(&ReturnFieldArgs<'_>) -> Result<FieldRef>),
}

/// A call's arguments: of each a value per row, or one for all.
pub(super) struct Arguments {
    pub(super) values: Vec<ColumnarValue>,
    pub(super) fields: Vec<FieldRef>,
    pub(super) returns: FieldRef,
    /// How many rows to answer.
    pub(super) rows: usize,
}

impl Function {
    pub(super) fn udf(self) -> ScalarUDF {
        self.knowing(Known::default())
    }

    fn knowing(self, known: Known) -> ScalarUDF {
        let signature = Signature::user_defined(Volatility::Immutable);
        ScalarUDF::from(FunctionImpl { function: self, known, signature })
    }
}

/// Calls the function in an expression.
pub(super) fn call(function: Function, arguments: Vec<Expr>) -> Expr {
    Arc::new(function.udf()).call(arguments)
}

impl Arguments {
    /// The argument with a value for every row.
    pub(super) fn array(&self, index: usize) -> Result<ArrayRef> {
        match self.values.get(index) {
            Some(value) => value.to_array(self.rows),
            None => internal_err!("a call lacks its argument {index}"),
        }
    }

    /// The argument as JSON text.
    pub(super) fn texts(&self, index: usize) -> Result<Texts> {
        match (&self.values[index], &self.fields[index]) {
            (ColumnarValue::Array(array), field) => Ok(Texts { texts: json::texts(array, field)?, constant: false }),
            (ColumnarValue::Scalar(value), field) => {
                Ok(Texts { texts: json::texts(&value.to_array()?, field)?, constant: true })
            }
        }
    }

    /// The argument's text, which is no JSON: of SUPER what it says, of anything else what a cast makes of it.
    pub(super) fn strings(&self, index: usize) -> Result<Texts> {
        let (array, constant) = match &self.values[index] {
            ColumnarValue::Array(array) => (Arc::clone(array), false),
            ColumnarValue::Scalar(value) => (value.to_array()?, true),
        };
        let array = super::cast::from_super_or_cast(&array, &self.fields[index], &DataType::Utf8)?;
        Ok(Texts { texts: StringArray::from(array.to_data()), constant })
    }

    /// The argument as integers.
    pub(super) fn integers(&self, index: usize) -> Result<datafusion::arrow::array::Int64Array> {
        let array = super::cast::from_super_or_cast(&self.array(index)?, &self.fields[index], &DataType::Int64)?;
        Ok(array.to_data().into())
    }
}

/// A text per row, or one for all.
pub(super) struct Texts {
    texts: StringArray,
    constant: bool,
}

impl Texts {
    pub(super) fn get(&self, row: usize) -> Option<&str> {
        let row = if self.constant { 0 } else { row };
        self.texts.is_valid(row).then(|| self.texts.value(row))
    }
}

#[derive(Debug)]
struct FunctionImpl {
    function: Function,
    known: Known,
    signature: Signature,
}

impl PartialEq for FunctionImpl {
    fn eq(&self, other: &Self) -> bool {
        self.function.name == other.function.name && self.known == other.known
    }
}

impl Eq for FunctionImpl {}

impl Hash for FunctionImpl {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.function.name.hash(state);
        self.known.hash(state);
    }
}

/// Whether the function is one of ours, which know what SUPER is.
pub(super) fn knows_super(function: &ScalarUDF) -> bool {
    let inner = function.inner();
    inner.is::<FunctionImpl>() || inner.is::<super::path::Path>() || inner.is::<super::cast::FromSuper>()
}

impl ScalarUDFImpl for FunctionImpl {
    fn name(&self) -> &str {
        self.function.name
    }

    /// What no statement names is shown as what it is of.
    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        let names: Vec<String> = args.iter().map(|arg| arg.schema_name().to_string()).collect();
        Ok(match (self.function.name, names.as_slice()) {
            (NUMBER, [value]) => value.clone(),
            (NEGATIVE, [value]) => format!("(- {value})"),
            (name, names) => format!("{name}({})", names.join(",")),
        })
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let Function { name, arguments, .. } = &self.function;
        if !arguments.contains(&types.len()) {
            let wanted = match (*arguments.start(), *arguments.end()) {
                (least, usize::MAX) => format!("at least {least}"),
                (least, most) if least == most => least.to_string(),
                (least, most) => format!("{least} to {most}"),
            };
            return plan_err!("{name} takes {wanted} arguments, not {}", types.len());
        }
        Ok(types.to_vec())
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        internal_err!("the type of {} depends on more than types", self.function.name)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        match &self.function.returns {
            Returns::Super => Ok(super::marker::super_field(self.function.name)),
            Returns::Type(data_type) => Ok(Arc::new(Field::new(self.function.name, data_type.clone(), true))),
            Returns::Computed(field) => {
                let arg_fields = self.known.fields(args.arg_fields);
                field(&ReturnFieldArgs { arg_fields: &arg_fields, ..args })
            }
        }
    }

    /// Learns which arguments are SUPER. Of a number that is not nothing is left to do.
    fn simplify(&self, mut args: Vec<Expr>, info: &SimplifyContext) -> Result<ExprSimplifyResult> {
        let is_other = |value: &Expr| {
            !self.known.is_super(0) && value.to_field(info.schema()).is_ok_and(|(_, field)| !is_super(&field))
        };
        Ok(match (self.function.name, args.as_mut_slice()) {
            (NUMBER, [value]) if is_other(value) => ExprSimplifyResult::Simplified(std::mem::take(value)),
            (NEGATIVE, [value]) if is_other(value) => {
                ExprSimplifyResult::Simplified(Expr::Negative(Box::new(std::mem::take(value))))
            }
            _ => match self.known.learn(&args, info) {
                Some(known) => {
                    ExprSimplifyResult::Simplified(Arc::new(self.function.clone().knowing(known)).call(args))
                }
                None => ExprSimplifyResult::Original(args),
            },
        })
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        invoke(args, &self.known, self.function.invoke)
    }
}

/// Calls the function once if all arguments are constant, and for every row otherwise.
pub(super) fn invoke(
    args: ScalarFunctionArgs,
    known: &Known,
    body: impl Fn(&Arguments) -> Result<ArrayRef>,
) -> Result<ColumnarValue> {
    let constant = args.args.iter().all(|value| matches!(value, ColumnarValue::Scalar(_)));
    let rows = if constant { 1 } else { args.number_rows };
    let fields = known.fields(&args.arg_fields).into_owned();
    let arguments = Arguments { values: args.args, fields, returns: args.return_field, rows };
    let answer = body(&arguments)?;
    if answer.len() != rows {
        return exec_err!("a function answered {} rows of {rows}", answer.len());
    }
    match constant {
        true => Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&answer, 0)?)),
        false => Ok(ColumnarValue::Array(answer)),
    }
}
