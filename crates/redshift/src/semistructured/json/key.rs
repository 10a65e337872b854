//! Two values are equal if their keys are the same text.

use super::{Json, elements, entries, push_string};

/// Beyond this depth values are compared as they are written.
const DEPTH: usize = 100;

/// The text without blanks between values, and with every string escaped in one way. Numbers stay as they are written.
pub fn compact(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('"') {
        let end = super::end_of_string(rest.as_bytes(), start).unwrap_or(rest.len()).min(rest.len());
        out.extend(rest[..start].chars().filter(|c| !super::is_blank(*c)));
        match super::unquoted(&rest[start..end]) {
            Some(string) => push_string(&string, &mut out),
            None => out.push_str(&rest[start..end]),
        }
        rest = &rest[end..];
    }
    out.extend(rest.chars().filter(|c| !super::is_blank(*c)));
    out
}

/// Appends the text that equal values share: numbers in one notation, attributes in order of their names, strings without
/// trailing blanks. False, and nothing appended, of null and of what is not JSON.
pub(crate) fn push_key(text: &str, out: &mut String) -> bool {
    match Json::read(text) {
        None | Some(Json::Null) => false,
        Some(value) => {
            push(&value, out, 0);
            true
        }
    }
}

fn push(value: &Json<'_>, out: &mut String, depth: usize) {
    let push_inner = |text: &str, out: &mut String| match Json::read(text) {
        Some(value) if depth < DEPTH => push(&value, out, depth + 1),
        _ => out.push_str(text),
    };
    match value {
        Json::Null => out.push_str("null"),
        Json::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Json::Number(text) => push_number(text, out),
        Json::String(text) => push_string(text.trim_end_matches(' '), out),
        Json::Array(text) => {
            out.push('[');
            for (index, element) in elements(text).enumerate() {
                if index > 0 {
                    out.push(',');
                }
                push_inner(element, out);
            }
            out.push(']');
        }
        Json::Object(text) => {
            let mut attributes: Vec<_> = entries(text).collect();
            attributes.sort();
            out.push('{');
            for (index, (name, value)) in attributes.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                push_string(name, out);
                out.push(':');
                push_inner(value, out);
            }
            out.push('}');
        }
    }
}

/// One notation per number: an integer if it is one, else the shortest that is the same number of double precision.
fn push_number(text: &str, out: &mut String) {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if let Ok(integer) = text.parse::<i128>() {
        return out.push_str(&integer.to_string());
    }
    match text.parse::<f64>() {
        Ok(number) if number.fract() == 0.0 && number.abs() < EXACT => out.push_str(&(number as i64).to_string()),
        Ok(number) if number.is_finite() => out.push_str(&number.to_string()),
        _ => out.push_str(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> String {
        let mut key = String::new();
        push_key(text, &mut key);
        key
    }

    #[test]
    fn equal_values_have_equal_keys() {
        for (one, other) in [
            ("1", "1.0"),
            ("100", "1e2"),
            ("-0", "0"),
            (r#""a  ""#, r#""a""#),
            (r#""\u00e9""#, r#""é""#),
            (r#"{"a":1,"b":[1.50]}"#, r#"{ "b": [1.5], "a": 1.0 }"#),
        ] {
            assert_eq!(key(one), key(other));
        }
        for (one, other) in [
            ("1", "\"1\""),
            ("true", "\"true\""),
            ("[1]", "1"),
            ("9007199254740993", "9007199254740992"),
            ("[1,2]", "[2,1]"),
            ("{}", "[]"),
        ] {
            assert_ne!(key(one), key(other));
        }
    }

    #[test]
    fn compact_text_keeps_numbers_and_strings() {
        assert_eq!(compact("{ \"a b\" : [ 1.10 ,\n\"\\u00e9 \\\" \" ] }"), "{\"a b\":[1.10,\"é \\\" \"]}");
        assert_eq!(compact("\"\\"), "\"\\");
    }
}
