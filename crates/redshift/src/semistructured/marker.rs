//! How a column says that it is SUPER: JSON text under Arrow's canonical extension type `arrow.json`.

use std::collections::HashMap;

use datafusion::arrow::datatypes::{DataType, Field, FieldRef};

/// The key of a field's metadata under which Arrow keeps the name of an extension type.
const EXTENSION_NAME: &str = "ARROW:extension:name";
const JSON: &str = "arrow.json";

/// Whether the field is of type SUPER: JSON text that says so.
pub fn is_super(field: &Field) -> bool {
    matches!(field.data_type(), DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
        && field.metadata().get(EXTENSION_NAME).is_some_and(|name| name == JSON)
}

/// A nullable field of type SUPER.
pub fn super_field(name: &str) -> FieldRef {
    let metadata = HashMap::from([(EXTENSION_NAME.to_owned(), JSON.to_owned())]);
    FieldRef::new(Field::new(name, DataType::Utf8, true).with_metadata(metadata))
}

/// Whether values of the field have parts: a struct, a list or a map, perhaps in a dictionary.
pub(super) fn is_nested(data_type: &DataType) -> bool {
    match data_type {
        DataType::Dictionary(_, values) => is_nested(values),
        data_type => data_type.is_nested(),
    }
}

/// A column of this type has no parts.
pub(super) fn has_no_parts(field: &Field) -> bool {
    !is_super(field) && !field.data_type().is_null() && !is_nested(field.data_type())
}
