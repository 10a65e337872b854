//! Patterns of numbers: `FM999,990.00`.

use datafusion::common::exec_err;
use datafusion::error::Result;

/// A pattern of `9` (a digit), `0` (a digit, or a zero), `.` or `D` (the point), `,` or `G` (between groups), `S` and `MI`
/// (a sign), `$` or `L` (the currency), and `FM` (no blanks, and no zeros at the end but those of `0`).
///
/// Source: [Numeric format strings](https://docs.aws.amazon.com/redshift/latest/dg/r_Numeric_formating.html).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NumberPattern {
    /// Before the point: digits and group separators.
    whole: Vec<Slot>,
    fraction: Vec<Slot>,
    point: bool,
    sign: Sign,
    dollar: bool,
    fill_mode: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Slot {
    Digit,
    Zero,
    Group,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    /// A minus before the first digit, or a blank.
    Minus,
    /// `S` first: a plus or a minus before the first digit.
    Before,
    /// `S` or `MI` last: `true` if a plus is written.
    After { plus: bool },
}

impl NumberPattern {
    pub(super) fn read(pattern: &str) -> Result<Self> {
        const LONGEST: usize = 128;
        if pattern.len() > LONGEST {
            return exec_err!("the pattern of a number has {} characters; it may have {LONGEST}", pattern.len());
        }
        let upper = pattern.to_ascii_uppercase();
        let (fill_mode, mut rest) = match upper.strip_prefix("FM") {
            Some(rest) => (true, rest),
            None => (false, upper.as_str()),
        };
        let mut sign = Sign::Minus;
        if let Some(after) = rest.strip_prefix('S') {
            (sign, rest) = (Sign::Before, after);
        } else if let Some(before) = rest.strip_suffix("MI") {
            (sign, rest) = (Sign::After { plus: false }, before);
        } else if let Some(before) = rest.strip_suffix('S') {
            (sign, rest) = (Sign::After { plus: true }, before);
        }
        let mut read = Self { whole: vec![], fraction: vec![], point: false, sign, dollar: false, fill_mode };
        for c in rest.chars() {
            let slots = if read.point { &mut read.fraction } else { &mut read.whole };
            match c {
                '9' => slots.push(Slot::Digit),
                '0' => slots.push(Slot::Zero),
                ',' | 'G' => slots.push(Slot::Group),
                '.' | 'D' if !read.point => read.point = true,
                '$' | 'L' => read.dollar = true,
                _ => return exec_err!("TO_CHAR does not know {c} in the pattern {pattern} of a number"),
            }
        }
        Ok(read)
    }

    /// How many digits there are before and after the point.
    pub(super) fn places(&self) -> (usize, usize) {
        let count = |slots: &[Slot]| slots.iter().filter(|slot| **slot != Slot::Group).count();
        (count(&self.whole), count(&self.fraction))
    }

    /// The number by the pattern; `#` for digits that do not fit.
    pub(super) fn write(&self, number: f64) -> String {
        let (places, decimals) = self.places();
        let text = format!("{:.decimals$}", number.abs());
        let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
        let fits = number.is_finite() && (whole.len() <= places || whole == "0");
        let is_negative = number < 0.0 && text.bytes().any(|digit| (b'1'..=b'9').contains(&digit));

        let mut out = String::new();
        // A zero alone before the point is written only for 0, or if nothing follows.
        let whole = if whole == "0" && decimals > 0 { "" } else { whole };
        let mut place = places;
        let mut begun = false;
        for slot in &self.whole {
            match slot {
                Slot::Group => out.push(if begun { ',' } else { ' ' }),
                Slot::Digit | Slot::Zero => {
                    let digit = place.checked_sub(1).and_then(|place| whole.len().checked_sub(place + 1));
                    let digit = digit.and_then(|at| whole.as_bytes().get(at)).map(|digit| char::from(*digit));
                    place = place.saturating_sub(1);
                    begun = begun || digit.is_some() || *slot == Slot::Zero;
                    out.push(match digit {
                        _ if !fits => '#',
                        Some(digit) => digit,
                        None if begun => '0',
                        None => ' ',
                    });
                }
            }
        }
        let blanks = out.len() - out.trim_start().len();
        let sign = match (self.sign, is_negative) {
            (Sign::Minus | Sign::Before, true) => "-",
            (Sign::Before, false) => "+",
            (Sign::Minus, false) => " ",
            (Sign::After { .. }, _) => "",
        };
        out.insert_str(blanks, if self.dollar { "$" } else { "" });
        out.insert_str(blanks, sign);
        if self.point {
            out.push('.');
            out.push_str(&if fits { fraction.to_owned() } else { "#".repeat(decimals) });
        }
        if self.fill_mode {
            let kept = self.fraction.iter().rposition(|slot| *slot == Slot::Zero).map_or(0, |last| last + 1);
            for _ in kept..decimals {
                if out.ends_with('0') {
                    out.pop();
                } else {
                    break;
                }
            }
            out = out.trim().to_owned();
        }
        match (self.sign, is_negative) {
            (Sign::After { .. }, true) => out.push('-'),
            (Sign::After { plus: true }, false) => out.push('+'),
            (Sign::After { plus: false }, false) if !self.fill_mode => out.push(' '),
            _ => {}
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(number: f64, pattern: &str, expect: &str) {
        assert_eq!(NumberPattern::read(pattern).unwrap().write(number), expect, "{pattern}");
    }

    /// The examples of PostgreSQL's documentation, table 9.30.
    #[test]
    fn numbers_are_written_as_postgresql_writes_them() {
        check(-0.1, "99.99", "  -.10");
        check(-0.1, "FM9.99", "-.1");
        check(0.1, "0.9", " 0.1");
        check(12.0, "9990999.9", "    0012.0");
        check(12.0, "FM9990999.9", "0012.");
        check(485.0, "999", " 485");
        check(-485.0, "999", "-485");
        check(1485.0, "9,999", " 1,485");
        check(148.5, "999.999", " 148.500");
        check(148.5, "FM999.999", "148.5");
        check(148.5, "FM999.990", "148.500");
        check(3148.5, "9G999D999", " 3,148.500");
        check(-485.0, "999S", "485-");
        check(-485.0, "999MI", "485-");
        check(485.0, "FM999MI", "485");
        check(485.0, "SG999".trim_start_matches("SG"), " 485");
        check(12.45, "S99.9", "+12.4");
        check(1234.0, "99", " ##");
    }

    #[test]
    fn an_unknown_letter_and_endless_digits_are_errors() {
        assert!(NumberPattern::read("99X").is_err());
        assert!(NumberPattern::read(&"9".repeat(100_000)).is_err());
    }
}
