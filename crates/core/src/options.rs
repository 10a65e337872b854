//! Hyperparameters: declared once by an algorithm, parsed once into typed values, never looked at as text again.

use std::collections::BTreeMap;
use std::fmt;

use crate::{Error, Result};

/// The declaration of one hyperparameter.
#[derive(Debug, Clone)]
pub struct OptionSpec {
    /// The name, in lower case.
    pub name: &'static str,
    /// Other names by which it is known.
    pub aliases: &'static [&'static str],
    /// The type and range.
    pub kind: OptionKind,
    /// The value if it is not given, as text; `None` if it has none.
    pub default: Option<&'static str>,
    /// One sentence: what it does.
    pub doc: &'static str,
}

/// The type and range of a hyperparameter.
#[derive(Debug, Clone, Copy)]
pub enum OptionKind {
    /// A whole number from the first to the second bound, both allowed.
    Integer(i64, i64),
    /// A number from the first to the second bound, both allowed.
    Float(f64, f64),
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Any text; the algorithm parses it.
    Text,
}

/// A parsed hyperparameter.
#[derive(Debug, Clone, PartialEq)]
enum OptionValue {
    Integer(i64),
    Float(f64),
    Text(String),
}

/// The hyperparameters of one fit: every declared option that was given or has a default.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Options {
    values: BTreeMap<&'static str, OptionValue>,
}

impl Options {
    /// Parses what the statement gave against what the algorithm declares.
    ///
    /// Names are compared without regard to case. Fails, naming the option, on an unknown name (with the nearest known
    /// one), a repeated name, a value of another type and a value out of range.
    pub fn parse<'a>(specs: &[OptionSpec], given: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self> {
        let mut values = BTreeMap::new();
        for (name, text) in given {
            let lower = name.to_ascii_lowercase();
            let spec = specs
                .iter()
                .find(|spec| spec.name == lower || spec.aliases.contains(&lower.as_str()))
                .ok_or_else(|| unknown_option(specs, name))?;
            if values.insert(spec.name, spec.parse(text)?).is_some() {
                return Err(Error::invalid(format!("hyperparameter {} is given twice; give it once", spec.name)));
            }
        }
        for spec in specs {
            if let (false, Some(default)) = (values.contains_key(spec.name), spec.default) {
                values.insert(spec.name, spec.parse(default)?);
            }
        }
        Ok(Self { values })
    }

    /// Whether the option has a value.
    pub fn contains(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    /// A whole number. Fails if the option was not declared as one or has no value.
    pub fn integer(&self, name: &str) -> Result<i64> {
        match self.values.get(name) {
            Some(OptionValue::Integer(value)) => Ok(*value),
            _ => Err(missing(name)),
        }
    }

    /// A number. Fails if the option was not declared as one or has no value.
    pub fn float(&self, name: &str) -> Result<f64> {
        match self.values.get(name) {
            Some(OptionValue::Float(value)) => Ok(*value),
            Some(OptionValue::Integer(value)) => Ok(*value as f64),
            _ => Err(missing(name)),
        }
    }

    /// A word or text. Fails if the option was not declared as one or has no value.
    pub fn text(&self, name: &str) -> Result<&str> {
        match self.values.get(name) {
            Some(OptionValue::Text(value)) => Ok(value),
            _ => Err(missing(name)),
        }
    }

    /// Every option that has a value, as text, in the order of their names.
    pub fn to_text(&self) -> BTreeMap<String, String> {
        self.values
            .iter()
            .map(|(name, value)| {
                let text = match value {
                    OptionValue::Integer(value) => value.to_string(),
                    OptionValue::Float(value) => value.to_string(),
                    OptionValue::Text(value) => value.clone(),
                };
                ((*name).to_owned(), text)
            })
            .collect()
    }
}

impl OptionSpec {
    /// A declaration.
    pub const fn new(
        name: &'static str,
        aliases: &'static [&'static str],
        kind: OptionKind,
        default: Option<&'static str>,
        doc: &'static str,
    ) -> Self {
        Self { name, aliases, kind, default, doc }
    }

    fn parse(&self, text: &str) -> Result<OptionValue> {
        let text = text.trim();
        let wrong = || Error::invalid(format!("hyperparameter {} is '{text}'; it takes {}", self.name, self.kind));
        match self.kind {
            OptionKind::Integer(low, high) => {
                // SageMaker writes whole numbers as floats now and then: 10.0 is 10.
                let value = text.parse::<i64>().ok().or_else(|| {
                    text.parse::<f64>().ok().filter(|v| v.fract() == 0.0 && v.abs() < 1e15).map(|v| v as i64)
                });
                match value {
                    Some(value) if (low..=high).contains(&value) => Ok(OptionValue::Integer(value)),
                    _ => Err(wrong()),
                }
            }
            OptionKind::Float(low, high) => match text.parse::<f64>() {
                Ok(value) if value >= low && value <= high => Ok(OptionValue::Float(value)),
                _ => Err(wrong()),
            },
            OptionKind::Choice(words) => words
                .iter()
                .find(|word| word.eq_ignore_ascii_case(text))
                .map(|word| OptionValue::Text((*word).to_owned()))
                .ok_or_else(wrong),
            OptionKind::Text => Ok(OptionValue::Text(text.to_owned())),
        }
    }
}

/// What an option takes: `a whole number from 1 to 100000`.
impl fmt::Display for OptionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(low, high) => write_range(f, "a whole number", *low, *high, i64::MIN, i64::MAX),
            Self::Float(low, high) => write_range(f, "a number", *low, *high, f64::NEG_INFINITY, f64::INFINITY),
            Self::Choice(words) => write!(f, "one of {}", words.join(", ")),
            Self::Text => f.write_str("text"),
        }
    }
}

fn write_range<T: PartialEq + fmt::Display>(
    f: &mut fmt::Formatter<'_>,
    noun: &str,
    low: T,
    high: T,
    least: T,
    most: T,
) -> fmt::Result {
    match (low == least, high == most) {
        (true, true) => f.write_str(noun),
        (true, false) => write!(f, "{noun} up to {high}"),
        (false, true) => write!(f, "{noun} from {low}"),
        (false, false) => write!(f, "{noun} from {low} to {high}"),
    }
}

fn missing(name: &str) -> Error {
    Error::invalid(format!("hyperparameter {name} is required; add it to HYPERPARAMETERS DEFAULT EXCEPT (...)"))
}

fn unknown_option(specs: &[OptionSpec], name: &str) -> Error {
    let names = specs.iter().map(|spec| spec.name);
    match nearest(name, names.clone()) {
        Some(near) => Error::invalid(format!("there is no hyperparameter {name}; did you mean {near}?")),
        None => Error::invalid(format!(
            "there is no hyperparameter {name}; this model type has {}",
            names.collect::<Vec<_>>().join(", ")
        )),
    }
}

/// The candidate that is most alike `name` in spelling (optimal string alignment, without regard to case), if one is
/// near enough to be what was meant.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Comparing takes time in proportion to the lengths of both, and nobody means a name of that length.
    if name.len() > 1000 {
        return None;
    }
    let name = name.to_ascii_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (edit_distance(&name, &candidate.to_ascii_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= candidate.len().min(name.len()) / 3)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// How many bytes are to be put in, left out, replaced, or exchanged with their neighbours, no place being edited twice.
fn edit_distance(a: &str, b: &str) -> usize {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut before: Vec<usize> = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 0..a.len() {
        let mut row = vec![i + 1];
        for j in 0..b.len() {
            let substituted = last[j] + usize::from(a[i] != b[j]);
            let mut distance = substituted.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j] {
                distance = distance.min(before[j - 1] + 1);
            }
            row.push(distance);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPECS: &[OptionSpec] = &[
        OptionSpec::new("num_round", &["n_estimators"], OptionKind::Integer(1, 100_000), Some("100"), ""),
        OptionSpec::new("eta", &["learning_rate"], OptionKind::Float(0.0, 1.0), Some("0.3"), ""),
        OptionSpec::new("k", &[], OptionKind::Integer(1, i64::MAX), None, ""),
    ];

    #[test]
    fn names_are_case_insensitive_and_defaults_fill_in() {
        let options = Options::parse(SPECS, [("NUM_ROUND", "7"), ("Learning_Rate", "0.1")]).unwrap();
        assert_eq!(options.integer("num_round").unwrap(), 7);
        assert_eq!(options.float("eta").unwrap(), 0.1);
        assert!(options.integer("k").unwrap_err().message().contains("k is required"));
    }

    #[test]
    fn neighbours_that_have_changed_places_are_one_mistake() {
        assert_eq!(nearest("form", ["where", "from", "for"]), Some("from"));
        assert_eq!(edit_distance("ca", "abc"), 3);
        assert_eq!(edit_distance("abcd", "badc"), 2);
        assert_eq!(edit_distance("", "abc"), 3);
        assert_eq!(edit_distance("kitten", "sitting"), 3);
    }

    #[test]
    fn a_wrong_option_says_what_would_be_right() {
        let error = |name, value| Options::parse(SPECS, [(name, value)]).unwrap_err().to_string();
        assert_eq!(error("num_rounds", "7"), "there is no hyperparameter num_rounds; did you mean num_round?");
        assert_eq!(error("eta", "2"), "hyperparameter eta is '2'; it takes a number from 0 to 1");
        assert_eq!(error("k", "0"), "hyperparameter k is '0'; it takes a whole number from 1");
        assert_eq!(error("eta", "nan"), "hyperparameter eta is 'nan'; it takes a number from 0 to 1");
        assert!(Options::parse(SPECS, [("eta", "0.1"), ("ETA", "0.2")]).is_err());
    }
}
