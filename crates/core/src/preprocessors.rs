//! The PREPROCESSORS clause: which transformers the statement wants for which columns.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::options::nearest;
use crate::{Error, Result};

/// The parsed PREPROCESSORS clause. Without rules every column is encoded as the algorithm wants it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preprocessors {
    rules: Vec<Rule>,
}

/// One object of the JSON form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Rule {
    /// Column names; `*` means every column.
    columns: Vec<String>,
    transformers: Vec<Transformer>,
}

/// A named transformation of a column, learned at training and applied at prediction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transformer {
    /// Zero mean, unit variance.
    StandardScaler,
    /// The training data's smallest value becomes 0, its largest 1.
    MinMax,
    /// The number as it is.
    NumericPassthrough,
    /// Divided by the training data's largest absolute value.
    Normalizer,
    /// Missing numbers become the mean, missing categories the most frequent one.
    Imputer,
    /// The same, and a further feature that is 1 where the value was missing.
    ImputerWithIndicator,
    /// One feature per category.
    OneHotEncoder,
    /// The category's rank in sorted order.
    OrdinalEncoder,
    /// A date, a time or a text that is a date becomes its parts: those that vary in training of days since 1970, year,
    /// month, day of month, day of week (Monday 0), day of year, hour and minute.
    DateTimeVectorizer,
}

impl Transformer {
    const ALL: [Self; 9] = [
        Self::StandardScaler,
        Self::MinMax,
        Self::NumericPassthrough,
        Self::Normalizer,
        Self::Imputer,
        Self::ImputerWithIndicator,
        Self::OneHotEncoder,
        Self::OrdinalEncoder,
        Self::DateTimeVectorizer,
    ];

    /// Known in Redshift ML, but not executed yet.
    const LATER: [&'static str; 1] = ["PCA"];

    fn name(self) -> &'static str {
        match self {
            Self::StandardScaler => "StandardScaler",
            Self::MinMax => "MinMax",
            Self::NumericPassthrough => "NumericPassthrough",
            Self::Normalizer => "Normalizer",
            Self::Imputer => "Imputer",
            Self::ImputerWithIndicator => "ImputerWithIndicator",
            Self::OneHotEncoder => "OneHotEncoder",
            Self::OrdinalEncoder => "OrdinalEncoder",
            Self::DateTimeVectorizer => "DateTimeVectorizer",
        }
    }

    fn parse(name: &str) -> Result<Self> {
        if let Some(found) = Self::ALL.into_iter().find(|t| t.name().eq_ignore_ascii_case(name)) {
            return Ok(found);
        }
        let names = Self::ALL.map(Self::name);
        if let Some(later) = Self::LATER.iter().find(|later| later.eq_ignore_ascii_case(name)) {
            return Err(Error::invalid(format!(
                "not supported yet: transformer {later} in PREPROCESSORS; {} work",
                names.join(", ")
            )));
        }
        let hint = match nearest(name, names) {
            Some(near) => format!("did you mean {near}?"),
            None => format!("there are {}", names.join(", ")),
        };
        Err(Error::invalid(format!("PREPROCESSORS names no known transformer: {name}; {hint}")))
    }
}

impl fmt::Display for Transformer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Preprocessors {
    /// Parses the clause's text: `none`, or a JSON list of `{"ColumnSet": [...], "Transformers": [...]}`.
    /// Keys, transformer and column names are compared without regard to case.
    pub fn parse(text: &str) -> Result<Self> {
        if text.trim().eq_ignore_ascii_case("none") || text.trim().is_empty() {
            return Ok(Self::default());
        }
        let form = r#"'none' or '[{"ColumnSet": ["a", "b"], "Transformers": ["StandardScaler"]}]'"#;
        let value: Value = serde_json::from_str(text).map_err(|e| {
            // The place within the text, and not in the statement.
            let (reason, column) = (e.to_string(), e.column());
            let reason = reason.split(" at line ").next().unwrap_or_default();
            Error::invalid(format!("PREPROCESSORS is not valid JSON ({reason}, character {column}); it takes {form}"))
        })?;
        let Value::Array(items) = value else {
            return Err(Error::invalid(format!("PREPROCESSORS is no JSON list; it takes {form}")));
        };
        let mut rules = Vec::with_capacity(items.len());
        for item in &items {
            let columns = strings(item, "ColumnSet")?;
            let transformers = strings(item, "Transformers")?;
            rules.push(Rule {
                columns: columns.into_iter().map(str::to_owned).collect(),
                transformers: transformers.into_iter().map(Transformer::parse).collect::<Result<_>>()?,
            });
        }
        Ok(Self { rules })
    }

    /// The transformers for the column, in their order; empty if no rule names it.
    pub fn for_column(&self, column: &str) -> Vec<Transformer> {
        self.rules
            .iter()
            .filter(|rule| rule.columns.iter().any(|name| name == "*" || name.eq_ignore_ascii_case(column)))
            .flat_map(|rule| rule.transformers.iter().copied())
            .collect()
    }

    /// Fails, with the nearest name, if a rule names a column that is not among `columns`.
    pub fn check_columns(&self, columns: &[&str]) -> Result<()> {
        for name in self.rules.iter().flat_map(|rule| &rule.columns) {
            if name != "*" && !columns.iter().any(|column| column.eq_ignore_ascii_case(name)) {
                let hint = match nearest(name, columns.iter().copied()) {
                    Some(near) => format!("did you mean {near}?"),
                    None => format!("the features are {}", columns.join(", ")),
                };
                return Err(Error::invalid(format!(
                    "PREPROCESSORS names a column that is not a feature: {name}; {hint}"
                )));
            }
        }
        Ok(())
    }
}

/// The list of strings under `key`, whatever its case.
fn strings<'a>(item: &'a Value, key: &str) -> Result<Vec<&'a str>> {
    let wrong = || Error::invalid(format!("every object in PREPROCESSORS needs \"{key}\": a list of strings"));
    let object = item.as_object().ok_or_else(wrong)?;
    let (_, value) = object.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)).ok_or_else(wrong)?;
    value.as_array().ok_or_else(wrong)?.iter().map(|v| v.as_str().ok_or_else(wrong)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_apply_to_named_columns_or_to_all() {
        let parsed = Preprocessors::parse(
            r#"[{"columnset": ["A"], "transformers": ["imputer", "MinMax"]}, {"ColumnSet": ["*"], "Transformers": ["NumericPassthrough"]}]"#,
        )
        .unwrap();
        assert_eq!(
            parsed.for_column("a"),
            [Transformer::Imputer, Transformer::MinMax, Transformer::NumericPassthrough]
        );
        assert_eq!(parsed.for_column("b"), [Transformer::NumericPassthrough]);
        assert!(Preprocessors::parse("NONE").unwrap().for_column("a").is_empty());
    }

    #[test]
    fn wrong_clauses_say_what_is_right() {
        let error = |text| Preprocessors::parse(text).unwrap_err().to_string();
        assert!(error("[{]").contains("not valid JSON"));
        assert!(
            error(r#"[{"ColumnSet": ["a"], "Transformers": ["StandardScalar"]}]"#)
                .contains("did you mean StandardScaler?")
        );
        assert!(error(r#"[{"ColumnSet": ["a"], "Transformers": ["PCA"]}]"#).starts_with("not supported yet"));
        assert!(error(r#"[{"ColumnSet": "a"}]"#).contains("\"ColumnSet\": a list of strings"));
    }
}
