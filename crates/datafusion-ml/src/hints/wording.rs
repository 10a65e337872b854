//! What DataFusion says of types, in words that help.

use datafusion::common::SchemaError;
use datafusion::error::DataFusionError;
use datafusion::sql::sqlparser::tokenizer::Span;
use datafusion_ml_core::options::nearest;

use super::Places;
use crate::error::invalid;
use crate::sql::invalid_at;

/// Names of types, for those that are misspelt.
const TYPES: [&str; 20] = [
    "SMALLINT",
    "INT",
    "INTEGER",
    "BIGINT",
    "DECIMAL",
    "NUMERIC",
    "REAL",
    "FLOAT",
    "DOUBLE PRECISION",
    "BOOLEAN",
    "BOOL",
    "CHAR",
    "VARCHAR",
    "TEXT",
    "DATE",
    "TIME",
    "TIMESTAMP",
    "TIMESTAMPTZ",
    "INTERVAL",
    "SUPER",
];

/// Types of Redshift's that there are not, and what comes near.
const WITHOUT: [(&str, &str); 8] = [
    ("TIMETZ", "TIME, or TIMESTAMPTZ"),
    ("VARBYTE", "VARCHAR, of hexadecimal digits"),
    ("VARBINARY", "VARCHAR, of hexadecimal digits"),
    ("BINARY", "VARCHAR, of hexadecimal digits"),
    ("GEOMETRY", "VARCHAR, of well-known text"),
    ("GEOGRAPHY", "VARCHAR, of well-known text"),
    ("HLLSKETCH", "APPROXIMATE COUNT(DISTINCT x) where the sketch is used"),
    ("OID", "BIGINT"),
];

/// The root of an error in our words, if it is one of those that are known here.
pub(super) fn reworded(root: &DataFusionError, places: &Places) -> Option<DataFusionError> {
    match root {
        DataFusionError::SchemaError(ambiguous, _) => match ambiguous.as_ref() {
            SchemaError::AmbiguousReference { field } => Some(invalid_at(
                places.get(&field.name),
                format!("several tables have a column {}", field.name),
                format!("say which one is meant: table.{}", field.name),
            )),
            SchemaError::DuplicateUnqualifiedField { name } => Some(invalid_at(
                places.get(name),
                format!("two columns are called {name}"),
                "give one of them another name with AS",
            )),
            _ => None,
        },
        DataFusionError::Plan(text)
        | DataFusionError::Execution(text)
        | DataFusionError::Internal(text)
        | DataFusionError::NotImplemented(text) => unfit_literal(text, places)
            .or_else(|| unfit_arguments(text, places))
            .or_else(|| unfit_operands(text))
            .or_else(|| ungrouped(text, places))
            .or_else(|| unknown_type(text, |name| places.get(name)))
            .or_else(|| unequal_rows(text))
            .or_else(|| unknown_parameter(text, places)),
        DataFusionError::ArrowError(error, _) => {
            let (literal, fact) = unfit_text(&error.to_string())?;
            Some(invalid_at(places.get(&literal), fact, MEND_TEXT))
        }
        _ => None,
    }
}

/// An error that DataFusion finds after planning only, in our words if it is one of those that are known here.
pub(crate) fn found_late(error: DataFusionError) -> DataFusionError {
    let text = error.strip_backtrace();
    // What was said of the text in other words stays.
    let is_cast = matches!(error.find_root(), DataFusionError::ArrowError(..));
    match (in_our_words(&text), unfit_text(&text).filter(|_| is_cast)) {
        (Some(fact), _) => invalid(fact),
        (None, Some((_, fact))) => invalid(format!("{fact}; {MEND_TEXT}")),
        (None, None) => error,
    }
}

/// What to do about a text that is no value of a type.
const MEND_TEXT: &str = "correct it, or write TRY_CAST, which makes it NULL";

/// A text that was cast to a type of which it is no value, and what there is to say of it.
fn unfit_text(text: &str) -> Option<(String, String)> {
    let (_, rest) = text.split_once("Cannot cast string '")?;
    let (literal, rest) = rest.split_once("' to value of ")?;
    let data_type = in_sql(rest.split_once(" type")?.0);
    Some((literal.to_owned(), format!("'{literal}' is not a value of type {data_type}")))
}

fn in_our_words(text: &str) -> Option<&'static str> {
    const FACTS: [(&str, &str); 3] = [
        (
            "Correlated scalar subquery must be aggregated",
            "(SELECT ...) looks at a row outside of it, and may have several rows where one value is wanted; write an \
             aggregate, as in (SELECT MAX(x) ...), or join its table",
        ),
        (
            "does not support logical expression ScalarSubquery",
            "(SELECT ...) looks at a row outside of it by something else than = in WHERE; join its table, and GROUP BY what \
             tells the outer rows apart",
        ),
        (
            "Optimizer rule 'scalar_subquery_to_join' failed",
            "(SELECT ...) looks at a row outside of it by something else than = in WHERE; join its table, and GROUP BY what \
             tells the outer rows apart",
        ),
    ];
    FACTS.iter().find(|(said, _)| text.contains(said)).map(|(_, fact)| *fact)
}

/// An argument by a name that the function has not.
fn unknown_parameter(text: &str, places: &Places) -> Option<DataFusionError> {
    let (name, rest) = text.strip_prefix("Unknown parameter name '")?.split_once('\'')?;
    let names: Vec<&str> = rest.split_once('[')?.1.split(']').next()?.split(", ").collect();
    let remedy = match nearest(name, names.iter().copied()) {
        Some(near) => format!("did you mean {near}?"),
        None => format!("there are {}", names.join(", ")),
    };
    Some(invalid_at(places.get(name), format!("there is no parameter {name}"), remedy))
}

/// Rows of VALUES, and queries of UNION, of different lengths.
fn unequal_rows(text: &str) -> Option<DataFusionError> {
    if let Some(rest) = text.strip_prefix("Inconsistent data length across values list: got ") {
        let mut numbers = rest.split(|c: char| !c.is_ascii_digit()).filter(|number| !number.is_empty());
        let (got, row, expected) = (numbers.next()?, numbers.next()?.parse::<usize>().ok()?, numbers.next()?);
        let fact = format!("row {} of VALUES has {got} values, and {expected} are wanted", row + 1);
        return Some(invalid_at(Span::empty(), fact, "give every row a value for each column"));
    }
    let is_of_union = text.contains("queries have different number of columns");
    is_of_union.then(|| {
        let fact = "the queries of UNION have different numbers of columns";
        invalid_at(Span::empty(), fact, "give both as many; NULL AS name fills up")
    })
}

/// Of a literal we say ourselves that it is no value of its type.
fn unfit_literal(text: &str, places: &Places) -> Option<DataFusionError> {
    let (literal, rest) = text.split_once(" is not a value of type ")?;
    let (data_type, remedy) = rest.split_once("; ").unwrap_or((rest, ""));
    Some(invalid_at(places.get(literal), format!("{literal} is not a value of type {data_type}"), remedy))
}

/// A function that does not take the types it was given. What our own functions say of it stays.
fn unfit_arguments(text: &str, places: &Places) -> Option<DataFusionError> {
    let (said, rest) = text.split_once("No function matches the given name and argument types '")?;
    let (signature, rest) = rest.split_once('\'')?;
    let (name, types) = signature.split_once('(')?;
    let place = places.get(name);
    if let Some((_, ours)) = said.split_once("user-defined coercion failed with: Error during planning: ") {
        return Some(invalid_at(place, ours.trim_end().trim_end_matches('.'), ""));
    }
    let types = types.trim_end_matches(')');
    let fact = match types {
        "" => format!("{name} needs an argument"),
        types => format!("{name} cannot take ({})", in_sql(types)),
    };
    let candidates =
        rest.lines().filter_map(|line| line.trim().strip_prefix(name)?.strip_prefix('(')?.strip_suffix(')'));
    let mut candidates: Vec<String> = candidates.map(in_sql).collect();
    candidates.dedup();
    // What is said of signatures in other words than those of types helps nobody.
    let is_of_types =
        |types: &String| !types.is_empty() && types.chars().all(|c| c.is_ascii_uppercase() || ", ".contains(c));
    let remedy = match candidates.iter().all(is_of_types) && !candidates.is_empty() {
        true => format!("it takes {}", candidates.join(" or ")),
        false => String::new(),
    };
    Some(invalid_at(place, fact, remedy))
}

/// `Int64 + Utf8`.
fn unfit_operands(text: &str) -> Option<DataFusionError> {
    let rest = text.strip_prefix("Cannot coerce arithmetic expression ")?;
    let operation = in_sql(rest.strip_suffix(" to valid types")?);
    Some(invalid_at(Span::empty(), format!("{operation} cannot be computed"), "cast one of the two, as in x :: FLOAT"))
}

/// A column beside aggregates.
fn ungrouped(text: &str, places: &Places) -> Option<DataFusionError> {
    let (_, rest) = text.split_once("column \"")?;
    let (column, rest) = rest.split_once('"')?;
    if !rest.starts_with(" must appear in the GROUP BY clause") {
        return None;
    }
    let name = column.rsplit('.').next().unwrap_or(column);
    let fact = format!("column {column} stands beside aggregates, and is neither in GROUP BY nor in an aggregate");
    Some(invalid_at(places.get(name), fact, format!("write GROUP BY {column}, or an aggregate such as MAX({column})")))
}

/// The error of the name of a type that there is not.
pub(crate) fn unknown_type(text: &str, place: impl FnOnce(&str) -> Span) -> Option<DataFusionError> {
    let data_type = text.split_once("Unsupported SQL type ")?.1;
    let word = data_type.split(['(', ' ']).next().unwrap_or(data_type);
    let instead = WITHOUT.iter().find(|(missing, _)| missing.eq_ignore_ascii_case(word)).map(|(_, instead)| *instead);
    let remedy = match (instead, nearest(word, TYPES)) {
        (Some(instead), _) => format!("write {instead}"),
        (None, Some(near)) if !near.eq_ignore_ascii_case(word) => format!("did you mean {near}?"),
        _ => "there are INT, BIGINT, DECIMAL, FLOAT, BOOLEAN, VARCHAR, DATE, TIMESTAMP, SUPER and others".to_owned(),
    };
    Some(invalid_at(place(word), format!("there is no type {data_type}"), remedy))
}

/// Types by their names in SQL.
fn in_sql(types: &str) -> String {
    const NAMES: [(&str, &str); 19] = [
        ("String(1)", "VARCHAR"),
        ("String(2)", "VARCHAR, VARCHAR"),
        ("Boolean", "BOOLEAN"),
        ("UInt8", "SMALLINT"),
        ("UInt16", "INTEGER"),
        ("UInt32", "BIGINT"),
        ("UInt64", "BIGINT"),
        ("Int8", "SMALLINT"),
        ("Int16", "SMALLINT"),
        ("Int32", "INTEGER"),
        ("Int64", "BIGINT"),
        ("LargeUtf8", "VARCHAR"),
        ("Decimal", "DECIMAL"),
        ("Duration", "INTERVAL"),
        ("Float32", "REAL"),
        ("Float64", "FLOAT"),
        ("Date32", "DATE"),
        ("Utf8View", "VARCHAR"),
        ("Utf8", "VARCHAR"),
    ];
    let types = types.replace("Decimal128", "DECIMAL").replace("Interval", "INTERVAL");
    NAMES.iter().fold(types, |types, (arrow, sql)| types.replace(arrow, sql))
}
