//! The place of an error in the text of a statement, with a caret under it.

use datafusion::error::DataFusionError;

use crate::execute::message;
use crate::secrets::{masked, may_hold_password};

/// The longest part of a line that is shown, in characters.
const WIDTH: usize = 100;

/// The error with the line that it names, if it names one; `text` is what was parsed.
pub(crate) fn with_excerpt(error: &DataFusionError, text: &str) -> DataFusionError {
    let message = message(error);
    let excerpt = place(&message).and_then(|(line, column)| excerpt(text, line, column));
    DataFusionError::External(match excerpt {
        Some(excerpt) => format!("{message}\n{excerpt}").into(),
        None => message.into(),
    })
}

/// The last line and column that a message names, from 1: as our errors do, or as sqlparser's.
fn place(message: &str) -> Option<(usize, usize)> {
    let lower = message.to_ascii_lowercase();
    let (_, rest) = lower.rsplit_once(" at line")?;
    let mut numbers = rest.split(|c: char| !c.is_ascii_digit()).filter(|number| !number.is_empty());
    let separator = rest.trim_start_matches(|c: char| c == ':' || c == ' ' || c.is_ascii_digit());
    separator.starts_with(", column").then_some(())?;
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

/// The line, its number before it, and below it a caret.
fn excerpt(text: &str, line: usize, column: usize) -> Option<String> {
    let shown_line = text.lines().nth(line.checked_sub(1)?)?;
    let characters: Vec<char> = match may_hold_password(text) {
        true => masked(shown_line).chars().collect(),
        false => shown_line.chars().collect(),
    };
    let column = column.checked_sub(1).filter(|column| *column <= characters.len())?;
    let start = if column < WIDTH { 0 } else { column - WIDTH / 2 };
    // A tab is as wide as a space, so that the caret is where it should be.
    let plain = |c: &char| if c.is_whitespace() { ' ' } else { *c };
    let shown: String = characters[start..].iter().take(WIDTH).map(plain).collect();
    let number = line.to_string();
    Some(format!(
        "  {number} | {}\n  {:width$} | {:>caret$}",
        shown.trim_end(),
        "",
        "^",
        width = number.len(),
        caret = column - start + 1
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caret_stands_under_the_place() {
        let error = |text: &str| DataFusionError::External(text.into());
        let shown =
            |message: &str, text: &str| with_excerpt(&error(message), text).to_string().replace("External error: ", "");
        assert_eq!(
            shown("there is no column foo at line 2, column 3; did you mean fog?", "SELECT\n\t foo\nFROM t"),
            "there is no column foo at line 2, column 3; did you mean fog?\n  2 |   foo\n    |   ^"
        );
        assert_eq!(
            shown("found: x at Line: 1, Column: 1", "x y"),
            "found: x at Line: 1, Column: 1\n  1 | x y\n    | ^"
        );
        assert_eq!(
            shown("it is no option at line 1, column 4", "CREATE USER a PASSWORD 'x' b"),
            "it is no option at line 1, column 4\n  1 | CREATE USER a PASSWORD '*' b\n    |    ^"
        );
        for message in ["no place", "at line 9, column 1", "at line 1, column 9", "file a.csv at line 3: bad"] {
            assert_eq!(shown(message, "SELECT"), message);
        }
        let long = format!("{}x", "é".repeat(200));
        assert!(shown("at line 1, column 201", &format!("a{long}")).lines().all(|line| line.chars().count() < 120));
    }
}
