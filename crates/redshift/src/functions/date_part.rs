//! The parts of dates, and their abbreviations.
//!
//! Source: [Date parts for date or timestamp functions](https://docs.aws.amazon.com/redshift/latest/dg/r_Dateparts_for_datetime_functions.html).

/// A part of a date or a timestamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DatePart {
    Millennium,
    Century,
    Decade,
    Year,
    Quarter,
    Month,
    Week,
    DayOfWeek,
    DayOfYear,
    Day,
    Hour,
    Minute,
    Second,
    Millisecond,
    Microsecond,
    Epoch,
}

/// Each with DataFusion's name for it, and all that Redshift calls it.
const PARTS: [(DatePart, &str, &[&str]); 16] = [
    (DatePart::Millennium, "millennium", &["millennium", "millennia", "mil", "mils"]),
    (DatePart::Century, "century", &["century", "centuries", "c", "cent", "cents"]),
    (DatePart::Decade, "decade", &["decade", "decades", "dec", "decs"]),
    (DatePart::Year, "year", &["year", "years", "y", "yr", "yrs"]),
    (DatePart::Quarter, "quarter", &["quarter", "quarters", "qtr", "qtrs"]),
    (DatePart::Month, "month", &["month", "months", "mon", "mons"]),
    (DatePart::Week, "week", &["week", "weeks", "w"]),
    (DatePart::DayOfWeek, "dow", &["dayofweek", "dow", "dw", "weekday"]),
    (DatePart::DayOfYear, "doy", &["dayofyear", "doy", "dy", "yearday"]),
    (DatePart::Day, "day", &["day", "days", "d"]),
    (DatePart::Hour, "hour", &["hour", "hours", "h", "hr", "hrs"]),
    (DatePart::Minute, "minute", &["minute", "minutes", "m", "min", "mins"]),
    (DatePart::Second, "second", &["second", "seconds", "s", "sec", "secs"]),
    (
        DatePart::Millisecond,
        "millisecond",
        &[
            "millisecond",
            "milliseconds",
            "ms",
            "msec",
            "msecs",
            "msecond",
            "mseconds",
            "millisec",
            "millisecs",
            "millisecon",
        ],
    ),
    (
        DatePart::Microsecond,
        "microsecond",
        &[
            "microsecond",
            "microseconds",
            "us",
            "usec",
            "usecs",
            "usecond",
            "useconds",
            "microsec",
            "microsecs",
            "microsecon",
        ],
    ),
    (DatePart::Epoch, "epoch", &["epoch"]),
];

impl DatePart {
    /// The part of any of its names, in any case.
    pub(crate) fn parse(word: &str) -> Option<Self> {
        let is_meant = |names: &[&str]| names.iter().any(|name| name.eq_ignore_ascii_case(word.trim()));
        PARTS.iter().find(|(_, _, names)| is_meant(names)).map(|(part, _, _)| *part)
    }

    /// DataFusion's name for it.
    pub(crate) fn name(self) -> &'static str {
        PARTS.iter().find(|(part, _, _)| *part == self).map_or("", |(_, name, _)| name)
    }

    /// What there is, for messages.
    pub(crate) fn names() -> String {
        PARTS.map(|(_, name, _)| name).join(", ")
    }

    /// The number of months, if it is a number of months.
    pub(super) fn months(self) -> Option<i64> {
        Some(match self {
            Self::Millennium => 12_000,
            Self::Century => 1200,
            Self::Decade => 120,
            Self::Year => 12,
            Self::Quarter => 3,
            Self::Month => 1,
            _ => return None,
        })
    }

    /// The number of microseconds, if it is a number of microseconds.
    pub(super) fn microseconds(self) -> Option<i64> {
        Some(match self {
            Self::Week => 7 * 86_400_000_000,
            Self::Day | Self::DayOfWeek | Self::DayOfYear => 86_400_000_000,
            Self::Hour => 3_600_000_000,
            Self::Minute => 60_000_000,
            Self::Second | Self::Epoch => 1_000_000,
            Self::Millisecond => 1_000,
            Self::Microsecond => 1,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_known_by_each_of_its_names() {
        let check = |word, part: Option<DatePart>| assert_eq!(DatePart::parse(word), part, "{word}");
        check("y", Some(DatePart::Year));
        check("MON", Some(DatePart::Month));
        check("m", Some(DatePart::Minute));
        check("hrs", Some(DatePart::Hour));
        check("dw", Some(DatePart::DayOfWeek));
        check("fortnight", None);
    }

    #[test]
    fn no_name_means_two_parts() {
        let mut names: Vec<_> =
            PARTS.iter().flat_map(|(_, _, names)| names.iter().collect::<std::collections::BTreeSet<_>>()).collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
    }
}
