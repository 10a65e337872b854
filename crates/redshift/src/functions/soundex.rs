//! `SOUNDEX(text)` and `DIFFERENCE(text, text)`.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, Int64Array, StringArray};
use datafusion::common::exec_datafusion_err;
use datafusion::error::Result;

use super::simple::{Call, Kind, Simple};

/// How an English word sounds, as a letter and three digits; other characters than those letters are passed over, and a text without
/// any is the empty text. Fails of letters beyond ASCII.
///
/// Source: [SOUNDEX](https://docs.aws.amazon.com/redshift/latest/dg/SOUNDEX.html).
pub(super) fn soundex() -> Simple {
    let (name, usage) = ("soundex", "SOUNDEX(text)");
    Simple::new(Call { name, usage, arguments: &[Kind::Text], required: 1, returns: Kind::Text, compute: codes })
}

/// In how many of the four places the codes of two texts agree.
///
/// Source: [DIFFERENCE](https://docs.aws.amazon.com/redshift/latest/dg/DIFFERENCE.html).
pub(super) fn difference() -> Simple {
    let (name, usage, arguments) = ("difference", "DIFFERENCE(text, text)", &[Kind::Text, Kind::Text]);
    Simple::new(Call { name, usage, arguments, required: 2, returns: Kind::Integer, compute: differences })
}

fn codes(args: &[ArrayRef]) -> Result<ArrayRef> {
    let codes = args[0].as_string::<i32>().iter().map(|text| text.map(code).transpose());
    Ok(Arc::new(codes.collect::<Result<StringArray>>()?))
}

fn differences(args: &[ArrayRef]) -> Result<ArrayRef> {
    let pairs = args[0].as_string::<i32>().iter().zip(args[1].as_string::<i32>());
    let agree = pairs.map(|pair| match pair {
        (Some(one), Some(other)) => {
            let (one, other) = (code(one)?, code(other)?);
            Ok(Some(one.bytes().zip(other.bytes()).filter(|(one, other)| one == other).count() as i64))
        }
        _ => Ok(None),
    });
    Ok(Arc::new(agree.collect::<Result<Int64Array>>()?))
}

fn code(text: &str) -> Result<String> {
    if let Some(letter) = text.chars().find(|c| c.is_alphabetic() && !c.is_ascii()) {
        return Err(exec_datafusion_err!(
            "SOUNDEX knows English letters only, and {letter} is none; TRANSLATE it first"
        ));
    }
    let mut code = String::new();
    let mut last = None;
    for letter in text.chars().filter(char::is_ascii_alphabetic).map(|c| c.to_ascii_uppercase()) {
        let digit = match letter {
            'B' | 'F' | 'P' | 'V' => Some('1'),
            'C' | 'G' | 'J' | 'K' | 'Q' | 'S' | 'X' | 'Z' => Some('2'),
            'D' | 'T' => Some('3'),
            'L' => Some('4'),
            'M' | 'N' => Some('5'),
            'R' => Some('6'),
            // Letters on both sides of these count as one.
            'H' | 'W' => continue,
            _ => None,
        };
        match digit {
            _ if code.is_empty() => code.push(letter),
            Some(digit) if Some(digit) != last => code.push(digit),
            _ => {}
        }
        last = digit;
        if code.len() == 4 {
            break;
        }
    }
    while !code.is_empty() && code.len() < 4 {
        code.push('0');
    }
    Ok(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_sound_alike_have_one_code() {
        for (text, expected) in [
            ("Amazon", "A525"),
            ("Ammazzon", "A525"),
            ("Robert", "R163"),
            ("Ashcraft", "A261"),
            ("Tymczak", "T522"),
            ("Pfister", "P236"),
            ("o'Hara", "O600"),
            ("12", ""),
        ] {
            assert_eq!(code(text).unwrap(), expected, "{text}");
        }
        assert!(code("é").is_err());
    }
}
