//! `FNV_HASH(value [, seed])`.

use std::sync::Arc;

use datafusion::arrow::array::{Array, AsArray, Int64Array};
use datafusion::arrow::datatypes::{DataType, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type};
use datafusion::common::{exec_err, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility};

use super::arguments::{answer, integers, is_text, rows};
use crate::literals::type_name;

pub(crate) const FNV_HASH: &str = "fnv_hash";

/// The hash FNV-1a of 64 bits of a text, a number or a boolean, by the bytes that it has in memory: that of an INTEGER is not that
/// of the same BIGINT. It goes on from the seed if there is one. NULL of NULL.
///
/// Source: [FNV_HASH](https://docs.aws.amazon.com/redshift/latest/dg/r_FNV_HASH.html).
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct FnvHash {
    signature: Signature,
}

impl Default for FnvHash {
    fn default() -> Self {
        Self { signature: Signature::user_defined(Volatility::Immutable) }
    }
}

const SEED: u64 = 0xcbf2_9ce4_8422_2325;

impl ScalarUDFImpl for FnvHash {
    fn name(&self) -> &str {
        FNV_HASH
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        let (value, seed) = match arguments {
            [value] => (value, &DataType::Int64),
            [value, seed] => (value, seed),
            _ => return plan_err!("FNV_HASH needs a value, and may have a seed: FNV_HASH(x [, seed])"),
        };
        if !seed.is_integer() && !seed.is_null() {
            return plan_err!("the seed of FNV_HASH is a whole number, and not {}", type_name(seed));
        }
        let value = match value {
            text if is_text(text) || text.is_null() => DataType::Utf8,
            DataType::Boolean
            | DataType::Int16
            | DataType::Int32
            | DataType::Int64
            | DataType::Float32
            | DataType::Float64 => value.clone(),
            other => return plan_err!("FNV_HASH cannot take {}; cast it to VARCHAR", type_name(other)),
        };
        Ok([value, DataType::Int64].into_iter().take(arguments.len()).collect())
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Int64)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = rows(&args.args, args.number_rows);
        let Some((value, seed)) = args.args.split_first() else { return exec_err!("FNV_HASH needs a value") };
        let (values, seeds) = (value.to_array(rows)?, seed.first().map(|seed| integers(seed, rows)).transpose()?);
        let mut hashes = Vec::with_capacity(rows);
        for row in 0..rows {
            let seed = match &seeds {
                Some(seeds) => seeds.is_valid(row).then(|| seeds.value(row) as u64),
                None => Some(SEED),
            };
            hashes.push(match seed.filter(|_| values.is_valid(row)) {
                Some(seed) => Some(of_row(values.as_ref(), row, seed)? as i64),
                None => None,
            });
        }
        answer(&args.args, Arc::new(Int64Array::from(hashes)))
    }
}

fn of_row(values: &dyn Array, row: usize, seed: u64) -> Result<u64> {
    Ok(match values.data_type() {
        DataType::Utf8 => hash(values.as_string::<i32>().value(row).as_bytes(), seed),
        DataType::Boolean => hash(&[u8::from(values.as_boolean().value(row))], seed),
        DataType::Int16 => hash(&values.as_primitive::<Int16Type>().value(row).to_le_bytes(), seed),
        DataType::Int32 => hash(&values.as_primitive::<Int32Type>().value(row).to_le_bytes(), seed),
        DataType::Int64 => hash(&values.as_primitive::<Int64Type>().value(row).to_le_bytes(), seed),
        DataType::Float32 => hash(&values.as_primitive::<Float32Type>().value(row).to_le_bytes(), seed),
        DataType::Float64 => hash(&values.as_primitive::<Float64Type>().value(row).to_le_bytes(), seed),
        other => return exec_err!("FNV_HASH cannot take {}", type_name(other)),
    })
}

fn hash(bytes: &[u8], seed: u64) -> u64 {
    bytes.iter().fold(seed, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}
