//! Which of two values comes first.

use std::cmp::Ordering;

use super::{Json, elements, push_key};

/// The order of two values of one scalar type; `None` of different types, and of objects, arrays and null. Numbers compare as
/// numbers; strings without regard to trailing blanks.
pub(crate) fn compare(left: &str, right: &str) -> Option<Ordering> {
    match (Json::read(left)?, Json::read(right)?) {
        (Json::Bool(left), Json::Bool(right)) => Some(left.cmp(&right)),
        (Json::Number(left), Json::Number(right)) => match (left.parse::<i128>(), right.parse::<i128>()) {
            (Ok(left), Ok(right)) => Some(left.cmp(&right)),
            _ => left.parse::<f64>().ok()?.partial_cmp(&right.parse().ok()?),
        },
        (Json::String(left), Json::String(right)) => Some(left.trim_end_matches(' ').cmp(right.trim_end_matches(' '))),
        _ => None,
    }
}

/// Appends text that sorts as ORDER BY does: booleans before numbers before strings before arrays before objects, strings first
/// without regard to case. False, and nothing appended, of null and of what is not JSON.
pub(crate) fn push_order_key(text: &str, out: &mut String) -> bool {
    match Json::read(text) {
        None | Some(Json::Null) => return false,
        Some(Json::Bool(value)) => out.extend(['\u{1}', if value { '1' } else { '0' }]),
        Some(Json::Number(text)) => {
            let bits = text.parse::<f64>().unwrap_or(f64::INFINITY).to_bits();
            // Of a negative number all bits turn around, of another one the sign alone.
            let ordered = if bits >> 63 == 1 { !bits } else { bits | (1 << 63) };
            out.push_str(&format!("\u{2}{ordered:016x}"));
        }
        Some(Json::String(string)) => {
            let string = string.trim_end_matches(' ');
            out.extend(["\u{3}", &string.to_lowercase(), "\0", string, "\0"]);
        }
        // Of an array in an array, as of an object, the key decides.
        Some(Json::Array(text)) => {
            out.push('\u{4}');
            for element in elements(text) {
                match Json::read(element) {
                    Some(Json::Array(text)) => {
                        out.push('\u{4}');
                        push_key(text, out);
                    }
                    _ => {
                        if !push_order_key(element, out) {
                            out.push('\u{6}');
                        }
                    }
                }
            }
            out.push('\0');
        }
        Some(Json::Object(text)) => {
            out.push('\u{5}');
            push_key(text, out);
            out.push('\0');
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_all_types_have_one_order() {
        let ascending = [
            "false",
            "true",
            "-2.5",
            "-1",
            "0",
            "1",
            "9",
            "10",
            "\"Amazon\"",
            "\"AWS\"",
            "\"aws\"",
            "[]",
            "[1]",
            "[1,\"abc\"]",
            "[1,\"abc\",null]",
            "[10]",
            "{\"a\":1}",
        ];
        let keys: Vec<String> = ascending
            .iter()
            .map(|text| {
                let mut key = String::new();
                assert!(push_order_key(text, &mut key));
                key
            })
            .collect();
        for (index, pair) in keys.windows(2).enumerate() {
            assert!(pair[0] < pair[1], "{} before {}", ascending[index], ascending[index + 1]);
        }
    }

    #[test]
    fn equal_values_have_one_place() {
        for (one, other) in [("1", "1.0"), ("[[1.0]]", "[[1]]"), (r#"{"a":1,"b":2}"#, r#"{"b":2.0,"a":1}"#)] {
            let (mut one_place, mut other_place) = (String::new(), String::new());
            assert!(push_order_key(one, &mut one_place) && push_order_key(other, &mut other_place));
            assert_eq!(one_place, other_place);
        }
    }

    #[test]
    fn only_scalars_of_one_type_compare() {
        assert_eq!(compare("10", "9.5"), Some(Ordering::Greater));
        assert_eq!(compare("9007199254740993", "9007199254740992"), Some(Ordering::Greater));
        assert_eq!(compare("\"a \"", "\"a\""), Some(Ordering::Equal));
        for (left, right) in [("1", "\"1\""), ("null", "null"), ("[1]", "[2]"), ("true", "1"), ("x", "y")] {
            assert_eq!(compare(left, right), None);
        }
    }
}
