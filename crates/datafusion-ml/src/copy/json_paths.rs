//! JSONPaths: where in an object the value of each column is.

use datafusion::error::Result;
use datafusion_ml_redshift::json::{attribute, element};
use serde_json::Value;

use crate::error::invalid;

/// The way to a value: `$.a['b'][0]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct JsonPath(Vec<Step>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Attribute(String),
    Element(usize),
}

impl JsonPath {
    /// The way to the object itself.
    pub(super) fn root() -> Self {
        Self(Vec::new())
    }

    /// The paths in the text of a JSONPaths file, `{"jsonpaths": ["$.a", ...]}`. Fails if the text is none.
    pub(super) fn read_file(file: &str, text: &[u8]) -> Result<Vec<Self>> {
        let wrong = |fact: String| {
            invalid(format!("JSONPaths file {file}: {fact}; it looks like {{\"jsonpaths\": [\"$.a\", \"$['b'][0]\"]}}"))
        };
        let content: Value = serde_json::from_slice(text).map_err(|e| wrong(e.to_string()))?;
        let paths = content.get("jsonpaths").and_then(Value::as_array).filter(|paths| !paths.is_empty());
        let paths = paths.ok_or_else(|| wrong("it has no list jsonpaths".to_owned()))?;
        let path = |path: &Value| {
            path.as_str().and_then(Self::parse).ok_or_else(|| wrong(format!("{path} is no path from '$' on")))
        };
        paths.iter().map(path).collect()
    }

    fn parse(text: &str) -> Option<Self> {
        let (mut rest, mut steps) = (text.trim().strip_prefix('$')?, Vec::new());
        while !rest.is_empty() {
            let step;
            (step, rest) = match rest.strip_prefix('.') {
                Some(name) => {
                    let (name, rest) = name.split_at(name.find(['.', '[']).unwrap_or(name.len()));
                    (Step::Attribute(name.to_owned()).non_empty()?, rest)
                }
                None => {
                    let inside = rest.strip_prefix('[')?;
                    match inside.chars().next()? {
                        quote @ ('\'' | '"') => {
                            let (name, rest) = inside[1..].split_once(quote)?;
                            (Step::Attribute(name.to_owned()), rest.strip_prefix(']')?)
                        }
                        _ => {
                            let (index, rest) = inside.split_once(']')?;
                            (Step::Element(index.parse().ok()?), rest)
                        }
                    }
                }
            };
            steps.push(step);
        }
        Some(Self(steps))
    }

    /// The text of the value at the end of the way through a JSON text; `None` where there is none.
    pub(super) fn find<'v>(&self, json: &'v str) -> Option<&'v str> {
        self.0.iter().try_fold(json, |json, step| match step {
            Step::Attribute(name) => attribute(json, name),
            Step::Element(index) => element(json, *index as i64),
        })
    }
}

impl Step {
    fn non_empty(self) -> Option<Self> {
        (self != Self::Attribute(String::new())).then_some(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_to_values() {
        let json = r#"{"a": {"b.c": [1, {"d": 2}]}, "e": null}"#;
        let found = |path: &str| JsonPath::parse(path).unwrap().find(json);
        assert_eq!(found("$.a['b.c'][1].d"), Some("2"));
        assert_eq!(found("$[\"a\"][\"b.c\"][0]"), Some("1"));
        assert_eq!(found("$.e"), Some("null"));
        assert_eq!((found("$.a.x"), found("$.a[0]")), (None, None));
        for wrong in ["a", "$a", "$.", "$..a", "$[a]", "$['a", "$[0"] {
            assert_eq!(JsonPath::parse(wrong), None, "{wrong}");
        }
    }
}
