//! `REGEXP_SUBSTR(text, pattern [, position [, occurrence [, parameters]]])`.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, StringBuilder};
use datafusion::arrow::datatypes::Int64Type;
use datafusion::common::{exec_datafusion_err, exec_err};
use datafusion::error::Result;
use regex::{Regex, RegexBuilder};

use super::simple::{Call, Kind, Simple};

/// The nth match of a regular expression from a character on, both counted from 1; the empty text where there is none.
///
/// Parameters: `i` ignores case, `c` heeds it, `e` returns what the first group matched, `p` is accepted.
///
/// Source: [REGEXP_SUBSTR](https://docs.aws.amazon.com/redshift/latest/dg/REGEXP_SUBSTR.html).
pub(super) fn regexp_substr() -> Simple {
    let (name, usage) = ("regexp_substr", "REGEXP_SUBSTR(text, pattern [, position [, occurrence [, parameters]]])");
    let arguments = &[Kind::Text, Kind::Text, Kind::Integer, Kind::Integer, Kind::Text];
    Simple::new(Call { name, usage, arguments, required: 2, returns: Kind::Text, compute })
}

fn compute(args: &[ArrayRef]) -> Result<ArrayRef> {
    let text = |index: usize, row: usize| args[index].is_valid(row).then(|| args[index].as_string::<i32>().value(row));
    // Missing arguments have their defaults.
    let number = |index: usize, row: usize| match args.get(index) {
        Some(numbers) => numbers.is_valid(row).then(|| numbers.as_primitive::<Int64Type>().value(row)),
        None => Some(1),
    };
    let mut known: HashMap<(&str, &str), Regex> = HashMap::new();
    let mut results = StringBuilder::new();
    for row in 0..args[0].len() {
        let parameters = if args.len() > 4 { text(4, row) } else { Some("") };
        let (Some(subject), Some(pattern), Some(position), Some(occurrence), Some(parameters)) =
            (text(0, row), text(1, row), number(2, row), number(3, row), parameters)
        else {
            results.append_null();
            continue;
        };
        let (Ok(position @ 1..), Ok(occurrence @ 1..)) = (usize::try_from(position), usize::try_from(occurrence))
        else {
            return exec_err!("REGEXP_SUBSTR: position and occurrence are counted from 1");
        };
        let regex = match known.entry((pattern, parameters)) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => new.insert(compile(pattern, parameters)?),
        };
        let start = subject.char_indices().nth(position - 1).map_or(subject.len(), |(byte, _)| byte);
        let group = usize::from(parameters.contains('e'));
        let found = regex.captures_iter(&subject[start..]).nth(occurrence - 1);
        results.append_value(found.and_then(|found| found.get(group)).map_or("", |found| found.as_str()));
    }
    Ok(Arc::new(results.finish()))
}

fn compile(pattern: &str, parameters: &str) -> Result<Regex> {
    if let Some(unknown) = parameters.chars().find(|parameter| !matches!(parameter, 'c' | 'i' | 'e' | 'p')) {
        return exec_err!("REGEXP_SUBSTR knows no parameter {unknown}; there are c, i, e and p");
    }
    let ignores_case = parameters.contains('i');
    RegexBuilder::new(pattern)
        .case_insensitive(ignores_case)
        .build()
        .map_err(|error| exec_datafusion_err!("'{pattern}' is no regular expression: {error}"))
}
