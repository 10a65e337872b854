//! What functions have in common whose arguments are cast to given types.

use std::hash::{Hash, Hasher};

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::{DataType, IntervalUnit, TimeUnit};
use datafusion::common::{exec_err, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility};

use super::arguments::{answer, rows};

/// An immutable function. `compute` gets a value per row of each argument.
#[derive(Debug)]
pub(crate) struct Simple {
    signature: Signature,
    call: Call,
}

#[derive(Debug)]
pub(super) struct Call {
    pub(super) name: &'static str,
    /// How it is called, for messages: `LAST_DAY(date)`.
    pub(super) usage: &'static str,
    pub(super) arguments: &'static [Kind],
    /// How many of the arguments may not be left out.
    pub(super) required: usize,
    pub(super) returns: Kind,
    pub(super) compute: fn(&[ArrayRef]) -> Result<ArrayRef>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Integer,
    Number,
    Date,
    Timestamp,
    Interval,
}

impl Kind {
    pub(super) fn data_type(self) -> DataType {
        match self {
            Self::Text => DataType::Utf8,
            Self::Integer => DataType::Int64,
            Self::Number => DataType::Float64,
            Self::Date => DataType::Date32,
            Self::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
            Self::Interval => DataType::Interval(IntervalUnit::MonthDayNano),
        }
    }

    /// Whether a value of the type may be given for it.
    fn takes(self, data_type: &DataType) -> bool {
        let is_text = super::arguments::is_text(data_type);
        data_type.is_null()
            || match self {
                Self::Text => !data_type.is_nested(),
                Self::Integer => data_type.is_integer(),
                Self::Number => data_type.is_numeric() || is_text,
                Self::Date | Self::Timestamp => {
                    is_text || matches!(data_type, DataType::Date32 | DataType::Date64 | DataType::Timestamp(..))
                }
                Self::Interval => matches!(data_type, DataType::Interval(_)),
            }
    }
}

impl Simple {
    pub(super) fn new(call: Call) -> Self {
        Self { signature: Signature::user_defined(Volatility::Immutable), call }
    }
}

impl PartialEq for Simple {
    fn eq(&self, other: &Self) -> bool {
        self.call.name == other.call.name
    }
}

impl Eq for Simple {}

impl Hash for Simple {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.call.name.hash(state);
    }
}

impl ScalarUDFImpl for Simple {
    fn name(&self) -> &str {
        self.call.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        let Call { usage, arguments, required, .. } = &self.call;
        let fits = (*required..=arguments.len()).contains(&given.len())
            && given.iter().zip(*arguments).all(|(given, wanted)| wanted.takes(given));
        match fits {
            true => Ok(arguments[..given.len()].iter().map(|wanted| wanted.data_type()).collect()),
            false => plan_err!("{usage} cannot take {}", types(given)),
        }
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(self.call.returns.data_type())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = rows(&args.args, args.number_rows);
        let arrays = args.args.iter().map(|argument| argument.to_array(rows)).collect::<Result<Vec<_>>>()?;
        let computed = (self.call.compute)(&arrays)?;
        if computed.len() != rows {
            return exec_err!("{} answered {} rows of {rows}", self.call.usage, computed.len());
        }
        answer(&args.args, computed)
    }
}

fn types(given: &[DataType]) -> String {
    match given {
        [] => "no arguments".to_owned(),
        given => format!("({})", given.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")),
    }
}
