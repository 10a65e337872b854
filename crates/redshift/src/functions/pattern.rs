//! Patterns of dates and timestamps: `YYYY-MM-DD HH24:MI:SS`.
//!
//! Source: [Datetime format strings](https://docs.aws.amazon.com/redshift/latest/dg/r_FORMAT_strings.html), which are
//! PostgreSQL's.

/// A pattern, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern(pub(super) Vec<Token>);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    Literal(String),
    Field {
        field: Field,
        case: Case,
        /// After FM: neither blanks nor zeros are put in front.
        fill_mode: bool,
        /// Before TH or th: an ordinal number.
        ordinal: Option<Case>,
    },
}

/// How letters are written, as the field itself is: `MONTH`, `Month`, `month`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Case {
    Upper,
    Capital,
    Lower,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Meridiem {
        points: bool,
    },
    Era {
        points: bool,
    },
    Century,
    DayName,
    DayAbbreviation,
    DayOfYear,
    DayOfMonth,
    /// 1 is Sunday.
    DayOfWeek,
    /// 1 is Monday.
    IsoDayOfWeek,
    Hour24,
    Hour12,
    Minute,
    Second,
    SecondOfDay,
    Millisecond,
    Microsecond,
    /// The last n digits.
    Year(u8),
    YearWithComma,
    IsoYear(u8),
    IsoWeek,
    /// Days since 4714-11-24 BC.
    JulianDay,
    Month,
    MonthName,
    MonthAbbreviation,
    MonthRoman,
    Quarter,
    /// The first week begins on the first day of the month.
    WeekOfMonth,
    /// The first week begins on the first day of the year.
    WeekOfYear,
    TimeZone,
}

/// Longer ones before those with which they begin.
const FIELDS: [(&str, Field); 44] = [
    ("A.M.", Field::Meridiem { points: true }),
    ("P.M.", Field::Meridiem { points: true }),
    ("AM", Field::Meridiem { points: false }),
    ("PM", Field::Meridiem { points: false }),
    ("A.D.", Field::Era { points: true }),
    ("B.C.", Field::Era { points: true }),
    ("AD", Field::Era { points: false }),
    ("BC", Field::Era { points: false }),
    ("CC", Field::Century),
    ("DAY", Field::DayName),
    ("DDD", Field::DayOfYear),
    ("DD", Field::DayOfMonth),
    ("DY", Field::DayAbbreviation),
    ("D", Field::DayOfWeek),
    ("HH24", Field::Hour24),
    ("HH12", Field::Hour12),
    ("HH", Field::Hour12),
    ("IYYY", Field::IsoYear(4)),
    ("IYY", Field::IsoYear(3)),
    ("IY", Field::IsoYear(2)),
    ("IW", Field::IsoWeek),
    ("ID", Field::IsoDayOfWeek),
    ("I", Field::IsoYear(1)),
    ("J", Field::JulianDay),
    ("MI", Field::Minute),
    ("MM", Field::Month),
    ("MONTH", Field::MonthName),
    ("MON", Field::MonthAbbreviation),
    ("MS", Field::Millisecond),
    ("Q", Field::Quarter),
    ("RM", Field::MonthRoman),
    ("SSSSS", Field::SecondOfDay),
    ("SSSS", Field::SecondOfDay),
    ("SS", Field::Second),
    ("TZ", Field::TimeZone),
    ("US", Field::Microsecond),
    ("WW", Field::WeekOfYear),
    ("W", Field::WeekOfMonth),
    ("Y,YYY", Field::YearWithComma),
    ("YYYY", Field::Year(4)),
    ("YYY", Field::Year(3)),
    ("YY", Field::Year(2)),
    ("Y", Field::Year(1)),
    ("RR", Field::Year(2)),
];

impl Pattern {
    /// Reads a pattern. What is no field stands for itself, and so does what is in double quotes.
    pub(super) fn read(pattern: &str) -> Self {
        let mut tokens = vec![];
        let mut rest = pattern;
        while !rest.is_empty() {
            if let Some(quoted) = rest.strip_prefix('"') {
                let (literal, after) = quoted.split_once('"').unwrap_or((quoted, ""));
                push_literal(&mut tokens, literal);
                rest = after;
                continue;
            }
            let (fill_mode, field_text) = match strip_word(rest, "FM") {
                Some(after) => (true, after),
                None => (false, rest),
            };
            if let Some((word, field)) = FIELDS.into_iter().find(|(word, _)| strip_word(field_text, word).is_some()) {
                let (word, after) = field_text.split_at(word.len());
                let after_ordinal = strip_word(after, "TH").filter(|_| field.is_number());
                let ordinal = after_ordinal.map(|_| case_of(after));
                tokens.push(Token::Field { field, case: case_of(word), fill_mode, ordinal });
                rest = after_ordinal.unwrap_or(after);
            } else {
                let mut chars = rest.chars();
                if let Some(c) = chars.next() {
                    push_literal(&mut tokens, c.encode_utf8(&mut [0; 4]));
                }
                rest = chars.as_str();
            }
        }
        Self(tokens)
    }
}

impl Field {
    fn is_number(self) -> bool {
        !matches!(
            self,
            Self::Meridiem { .. }
                | Self::Era { .. }
                | Self::DayName
                | Self::DayAbbreviation
                | Self::MonthName
                | Self::MonthAbbreviation
                | Self::MonthRoman
                | Self::TimeZone
        )
    }
}

fn push_literal(tokens: &mut Vec<Token>, text: &str) {
    match tokens.last_mut() {
        Some(Token::Literal(literal)) => literal.push_str(text),
        _ => tokens.push(Token::Literal(text.to_owned())),
    }
}

fn strip_word<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    match text.split_at_checked(word.len()) {
        Some((start, rest)) if start.eq_ignore_ascii_case(word) => Some(rest),
        _ => None,
    }
}

fn case_of(word: &str) -> Case {
    let mut letters = word.chars().filter(char::is_ascii_alphabetic);
    match (letters.next(), letters.next()) {
        (Some(first), _) if first.is_ascii_lowercase() => Case::Lower,
        (_, Some(second)) if second.is_ascii_lowercase() => Case::Capital,
        _ => Case::Upper,
    }
}

impl Case {
    pub(super) fn apply(self, text: &str) -> String {
        match self {
            Self::Upper => text.to_uppercase(),
            Self::Lower => text.to_lowercase(),
            Self::Capital => text.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_field_is_read_and_the_rest_stands_for_itself() {
        let field = |field, case| Token::Field { field, case, fill_mode: false, ordinal: None };
        let tokens = Pattern::read("yyyy-MMon \"Day\"").0;
        let year = field(Field::Year(4), Case::Lower);
        let month = field(Field::Month, Case::Upper);
        assert_eq!(tokens, [year, Token::Literal("-".into()), month, Token::Literal("on Day".into())]);
        let day = Pattern::read("FMDDth").0;
        assert_eq!(
            day,
            [Token::Field { field: Field::DayOfMonth, case: Case::Upper, fill_mode: true, ordinal: Some(Case::Lower) }]
        );
    }
}
