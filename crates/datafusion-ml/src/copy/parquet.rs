//! The rows of Parquet files, whose columns must be of the kind of the table's.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::catalog::TableProvider;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::{ListingOptions, ListingTable, ListingTableConfig};
use datafusion::error::Result;
use datafusion::execution::SessionState;
use datafusion_ml_redshift::type_name;

use crate::catalog::RelationName;
use crate::error::invalid;
use crate::store::SourceFile;

/// The files as a table. Fails if their columns are not those that are to be loaded.
pub(super) async fn table(
    state: &SessionState,
    name: &RelationName,
    files: &[SourceFile],
    columns: &[&Field],
) -> Result<Arc<dyn TableProvider>> {
    let urls = files.iter().map(SourceFile::url).collect::<Result<Vec<_>>>()?;
    let options = ListingOptions::new(Arc::new(ParquetFormat::default())).with_file_extension("");
    let config = ListingTableConfig::new_with_multi_paths(urls).with_listing_options(options);
    let table = ListingTable::try_new(config.infer_schema(state).await?)?;
    let schema = table.schema();
    let (found, expected) = (schema.fields().len(), columns.len());
    if found != expected {
        return Err(invalid(format!(
            "the files have {found} columns, and {expected} of table {name} are to be loaded; name those that the files \
             have: COPY {name} (column, ...) FROM ..."
        )));
    }
    let wrong = schema.fields().iter().zip(columns).find(|(from, to)| !keeps_values(from.data_type(), to.data_type()));
    match wrong {
        None => Ok(Arc::new(table)),
        Some((from, to)) => Err(invalid(format!(
            "column {} of table {name} is {}, and column {} of the files is {}: incompatible Parquet schema; load a table \
             with such a column, and cast from there: INSERT INTO {name} SELECT ...",
            to.name(),
            type_name(to.data_type()),
            from.name(),
            type_name(from.data_type())
        ))),
    }
}

/// Whether a value of one type is, in the other, itself or an error.
fn keeps_values(from: &DataType, to: &DataType) -> bool {
    use DataType::{Binary, BinaryView, Date32, Date64, Decimal128, Decimal256, LargeBinary, Timestamp};
    match (from, to) {
        (from, to) if from == to => true,
        (DataType::Dictionary(_, from), to) => keeps_values(from, to),
        (Decimal128(_, from) | Decimal256(_, from), Decimal128(_, to) | Decimal256(_, to)) => from <= to,
        (Decimal128(..) | Decimal256(..), to) => to.is_floating(),
        (from, to) if from.is_integer() => to.is_numeric(),
        (from, to) if from.is_floating() => to.is_floating(),
        (from, to) if from.is_string() => to.is_string(),
        (Binary | LargeBinary | BinaryView, to) => to.is_string() || matches!(to, Binary | LargeBinary | BinaryView),
        (Date32 | Date64, Date32 | Date64 | Timestamp(..)) | (Timestamp(..), Timestamp(..)) => true,
        (DataType::Null, _) => true,
        // Nested values as SUPER; the cast says if there is none.
        (from, to) => from.is_nested() && (to.is_nested() || to.is_string()),
    }
}
