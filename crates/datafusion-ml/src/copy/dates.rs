//! Dates and timestamps as text: the usual forms, or a format of the user's.

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta};

/// The forms in which a date may be written, in the order in which they are tried.
const DATES: [&str; 13] = [
    "%Y-%m-%d",
    "%Y/%m/%d",
    "%Y.%m.%d",
    "%m/%d/%Y",
    "%m/%d/%y",
    "%m-%d-%Y",
    "%m.%d.%Y",
    "%d-%b-%Y",
    "%d %b %Y",
    "%b %d %Y",
    "%b %d, %Y",
    "%b-%d-%Y",
    "%Y%m%d",
];

/// The forms in which a time of day may be written.
const TIMES: [&str; 5] = ["%H:%M:%S%.f", "%H:%M", "%I:%M:%S%.f %p", "%I:%M:%S %p", "%I:%M %p"];

/// How a column's texts are read.
#[derive(Debug, Clone)]
pub(super) enum TimeFormat {
    /// Any usual form.
    Auto,
    /// Seconds since 1970-01-01 UTC, or a thousandth of them.
    Epoch {
        /// How many make a second.
        per_second: i64,
    },
    /// A format of chrono.
    Pattern(String),
}

impl TimeFormat {
    /// The format of a statement; `None` means any usual form.
    pub(super) fn new(format: Option<&str>) -> Self {
        match format {
            None => Self::Auto,
            Some(format) if format.eq_ignore_ascii_case("epochsecs") => Self::Epoch { per_second: 1 },
            Some(format) if format.eq_ignore_ascii_case("epochmillisecs") => Self::Epoch { per_second: 1000 },
            Some(format) => Self::Pattern(pattern(format)),
        }
    }

    /// The day.
    pub(super) fn date(&self, text: &str) -> Option<NaiveDate> {
        match self {
            Self::Pattern(pattern) => NaiveDate::parse_from_str(text, pattern).ok(),
            _ => date(text).or_else(|| self.timestamp(text).map(|time| time.date())),
        }
    }

    /// The point in time; one with a zone is in UTC.
    pub(super) fn timestamp(&self, text: &str) -> Option<NaiveDateTime> {
        match self {
            Self::Auto => timestamp(text),
            Self::Epoch { per_second } => {
                let whole = text.split('.').next()?.parse::<i64>().ok()?;
                let fraction = text.parse::<f64>().ok()? - whole as f64;
                let micros = whole.checked_mul(1_000_000 / per_second)?;
                DateTime::from_timestamp_micros(micros + (fraction * (1_000_000 / per_second) as f64).round() as i64)
                    .map(|time| time.naive_utc())
            }
            Self::Pattern(pattern) => DateTime::parse_from_str(text, pattern)
                .map(|time| time.naive_utc())
                .or_else(|_| NaiveDateTime::parse_from_str(text, pattern))
                .or_else(|_| NaiveDate::parse_from_str(text, pattern).map(|date| date.and_time(NaiveTime::MIN)))
                .ok(),
        }
    }
}

/// chrono's format for Redshift's.
fn pattern(format: &str) -> String {
    const WORDS: [(&str, &str); 21] = [
        ("YYYY", "%Y"),
        ("YY", "%y"),
        ("MONTH", "%B"),
        ("MON", "%b"),
        ("MM", "%m"),
        ("DDD", "%j"),
        ("DD", "%d"),
        ("DAY", "%A"),
        ("DY", "%a"),
        ("HH24", "%H"),
        ("HH12", "%I"),
        ("HH", "%H"),
        ("MI", "%M"),
        ("SS.US", "%S%.f"),
        ("SS.MS", "%S%.f"),
        ("SS", "%S"),
        ("AM", "%p"),
        ("PM", "%p"),
        ("OF", "%#z"),
        ("TZ", "%#z"),
        ("US", "%6f"),
    ];
    let (mut pattern, mut rest) = (String::new(), format);
    while let Some(next) = rest.chars().next() {
        let word =
            WORDS.iter().find(|(word, _)| rest.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word)));
        match word {
            Some((word, code)) => {
                pattern += code;
                rest = &rest[word.len()..];
            }
            None => {
                pattern += if next == '%' { "%%" } else { &rest[..next.len_utf8()] };
                rest = &rest[next.len_utf8()..];
            }
        }
    }
    // Fractions of a second are taken whether the format has them or not.
    if pattern.ends_with("%S") { pattern + "%.f" } else { pattern }
}

fn date(text: &str) -> Option<NaiveDate> {
    DATES
        .iter()
        .find_map(|form| NaiveDate::parse_from_str(text, form).ok().filter(|date| is_of_form(*date, form, text)))
}

/// chrono takes `%Y` for a year of any number of digits: 1/31/20 is no year 20.
fn is_of_form(date: NaiveDate, form: &str, text: &str) -> bool {
    use chrono::Datelike;
    !form.contains("%Y") || text.contains(&format!("{:04}", date.year()))
}

/// The point in time that a text says in a usual form; one with a zone is in UTC.
pub(crate) fn timestamp(text: &str) -> Option<NaiveDateTime> {
    let Some(colon) = text.find(':') else {
        return date(text).map(|date| date.and_time(NaiveTime::MIN));
    };
    let hour = text[..colon].trim_end_matches(|c: char| c.is_ascii_digit()).len();
    let day = text[..hour].trim_end().trim_end_matches(['T', 't']).trim_end_matches([' ', ',']);
    let (time, offset) = without_zone(&text[hour..])?;
    let time = TIMES.iter().find_map(|form| NaiveTime::parse_from_str(time, form).ok())?;
    date(day)?.and_time(time).checked_sub_signed(TimeDelta::seconds(i64::from(offset.local_minus_utc())))
}

/// The time without the zone at its end, and the zone.
fn without_zone(text: &str) -> Option<(&str, FixedOffset)> {
    let utc = FixedOffset::east_opt(0)?;
    let text = text.trim();
    for name in ["Z", "z", " UTC", "UTC", " GMT"] {
        if let Some(time) = text.strip_suffix(name) {
            return Some((time.trim_end(), utc));
        }
    }
    let Some(sign) = text.rfind(['+', '-']) else { return Some((text, utc)) };
    let digits: String = text[sign + 1..].chars().filter(char::is_ascii_digit).collect();
    let number = |range: std::ops::Range<usize>| digits.get(range).map_or(Some(0), |part| part.parse::<i32>().ok());
    let seconds = (number(0..2)? * 60 + number(2..4)?) * 60;
    let seconds = if text.as_bytes()[sign] == b'-' { -seconds } else { seconds };
    Some((text[..sign].trim_end(), FixedOffset::east_opt(seconds)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn auto(text: &str) -> String {
        TimeFormat::Auto.timestamp(text).map_or_else(|| "none".to_owned(), |time| time.to_string())
    }

    #[test]
    fn usual_forms_are_read() {
        for (text, expected) in [
            ("2020-01-31", "2020-01-31 00:00:00"),
            ("2020-01-31 10:00", "2020-01-31 10:00:00"),
            ("2020-01-31T10:00:05.25Z", "2020-01-31 10:00:05.250"),
            ("2020-01-31 10:00:05+02", "2020-01-31 08:00:05"),
            ("2020-01-31 10:00:05-05:30", "2020-01-31 15:30:05"),
            ("1/31/2020", "2020-01-31 00:00:00"),
            ("1/5/20 9:07", "2020-01-05 09:07:00"),
            ("01/31/2020 9:07:01 PM", "2020-01-31 21:07:01"),
            ("31-Jan-2020", "2020-01-31 00:00:00"),
            ("Jan 31, 2020 23:59:59", "2020-01-31 23:59:59"),
            ("20200131", "2020-01-31 00:00:00"),
            ("2020-13-31", "none"),
            ("31/1/2020", "none"),
            ("ten", "none"),
            ("", "none"),
            ("é:é", "none"),
        ] {
            assert_eq!(auto(text), expected, "{text}");
        }
    }

    #[test]
    fn formats_of_the_user_are_followed() {
        let read = |format: &str, text: &str| TimeFormat::new(Some(format)).timestamp(text).unwrap().to_string();
        assert_eq!(read("DD/MM/YYYY", "31/01/2020"), "2020-01-31 00:00:00");
        assert_eq!(read("MM.DD.YYYY HH:MI:SS", "01.31.2020 21:07:01"), "2020-01-31 21:07:01");
        assert_eq!(read("YYYY-MM-DD HH12:MI AM", "2020-01-31 09:07 PM"), "2020-01-31 21:07:00");
        assert_eq!(read("epochmillisecs", "1580428800500"), "2020-01-31 00:00:00.500");
        assert!(TimeFormat::new(Some("DD/MM/YYYY")).date("2020-01-31").is_none());
    }
}
