//! An Arrow schema as text: the schema message of an Arrow IPC stream, in hexadecimal. It keeps every type and all metadata.

use std::io::Cursor;
use std::sync::Arc;

use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::arrow::ipc::reader::StreamReader;
use datafusion::arrow::ipc::writer::StreamWriter;
use datafusion::error::Result;

use crate::error::storage;
use crate::store::hex;

/// The schema as text.
pub(crate) fn encode_schema(schema: &Schema) -> Result<String> {
    let mut bytes = Vec::new();
    StreamWriter::try_new(&mut bytes, schema)?.finish()?;
    Ok(hex(&bytes))
}

/// The schema in the text; fails if that is damaged.
pub(crate) fn decode_schema(text: &str) -> Result<SchemaRef> {
    let damaged = || storage("the schema of a table is damaged in the catalog");
    let digits = text.as_bytes().chunks_exact(2).map(|pair| {
        let pair = std::str::from_utf8(pair).ok()?;
        u8::from_str_radix(pair, 16).ok()
    });
    let bytes: Vec<u8> = digits.collect::<Option<_>>().ok_or_else(damaged)?;
    let reader = StreamReader::try_new(Cursor::new(bytes), None).map_err(|_| damaged())?;
    Ok(Arc::clone(&reader.schema()))
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::datatypes::{DataType, Field};
    use datafusion_ml_redshift::super_field;

    use super::*;

    #[test]
    fn a_schema_comes_back_with_its_metadata() {
        let list = DataType::List(Arc::new(Field::new("item", DataType::Utf8View, true)));
        let schema = Schema::new(vec![super_field("a"), Arc::new(Field::new("é", list, false))]);
        assert_eq!(*decode_schema(&encode_schema(&schema).unwrap()).unwrap(), schema);
        assert!(decode_schema("zz").is_err() && decode_schema("").is_err());
    }
}
