//! `SETTINGS (key value, ...)` of CREATE MODEL and CREATE EXTERNAL MODEL.

use datafusion::error::Result;

use super::{MlParser, unknown};
use crate::sql::location::invalid_at;
use crate::sql::settings::{Frequency, Percentile, Settings};

/// The keys of CREATE MODEL.
const KEYS: [&str; 10] = [
    "S3_BUCKET",
    "TAGS",
    "KMS_KEY_ID",
    "S3_GARBAGE_COLLECT",
    "MAX_CELLS",
    "MAX_RUNTIME",
    "HORIZON",
    "FREQUENCY",
    "PERCENTILES",
    "MAX_BATCH_ROWS",
];

/// As many forecasts of a step as one statement may ask for.
const MAX_PERCENTILES: usize = 5;

impl MlParser<'_> {
    /// The settings of CREATE MODEL, with their brackets.
    pub(super) fn settings(&mut self) -> Result<Settings> {
        let mut settings = Settings::default();
        self.setting_list(&KEYS, |parser, key| {
            let text = |parser: &mut Self| parser.string(&format!("a quoted value of {key}")).map(Some);
            match key {
                "S3_BUCKET" => settings.s3_bucket = text(parser)?,
                "TAGS" => settings.tags = text(parser)?,
                "KMS_KEY_ID" => settings.kms_key_id = text(parser)?,
                "S3_GARBAGE_COLLECT" => {
                    let words = [("ON", true), ("OFF", false)];
                    settings.s3_garbage_collect = Some(parser.choice("value of S3_GARBAGE_COLLECT", &words)?);
                }
                "MAX_CELLS" => settings.max_cells = Some(parser.integer(key, 1..=u64::MAX)?),
                "MAX_RUNTIME" => settings.max_runtime = Some(parser.integer(key, 1..=i32::MAX as u64)?),
                "HORIZON" => settings.horizon = Some(parser.integer(key, 1..=u64::MAX)?),
                "FREQUENCY" => settings.frequency = Some(parser.frequency()?),
                "PERCENTILES" => settings.percentiles = Some(parser.percentiles()?),
                _ => settings.max_batch_rows = Some(parser.integer(key, 1..=i32::MAX as u64)?),
            }
            Ok(())
        })?;
        Ok(settings)
    }

    /// A list of settings with its brackets, each key one of `keys`, in any case, and none twice; `value` parses what
    /// follows a key.
    ///
    /// The closing bracket may be missing at the end of the statement, as it is in a published example.
    pub(super) fn setting_list(
        &mut self,
        keys: &'static [&'static str],
        mut value: impl FnMut(&mut Self, &'static str) -> Result<()>,
    ) -> Result<()> {
        self.expect_symbol('(')?;
        let mut seen = Vec::new();
        while !self.at_symbol(')') {
            let span = self.span();
            let Some(word) = self.word() else {
                return Err(self.expected("a setting"));
            };
            let Some(key) = keys.iter().find(|key| key.eq_ignore_ascii_case(&word)) else {
                return Err(unknown("setting", &word, span, keys.iter().copied()));
            };
            if seen.contains(key) {
                return Err(invalid_at(span, format!("second setting {key}"), "give it once"));
            }
            seen.push(*key);
            self.skip(1);
            value(self, key)?;
            if !self.take_symbol(',') {
                break;
            }
        }
        match self.take_symbol(')') || self.at_end() {
            true => Ok(()),
            false => Err(self.expected("',' or ')' in SETTINGS")),
        }
    }

    fn frequency(&mut self) -> Result<Frequency> {
        let span = self.span();
        let text = self.word_or_string("a value of FREQUENCY such as 'D'")?;
        Frequency::parse(&text).ok_or_else(|| {
            let names = Frequency::ALL.map(Frequency::name).join(", ");
            invalid_at(span, format!("unknown FREQUENCY '{text}'"), format!("there are {names}"))
        })
    }

    /// One string with commas in it, or several with commas between them.
    fn percentiles(&mut self) -> Result<Vec<Percentile>> {
        let span = self.span();
        let mut text = self.string("a quoted list for PERCENTILES such as '0.1,0.5,0.9'")?;
        while self.at_symbol(',') {
            let Some(more) = self.peek_string(1) else { break };
            text = format!("{text},{more}");
            self.skip(2);
        }
        let remedy = "PERCENTILES takes up to five, each once, of 0.01 to 0.99 in steps of 0.01 and mean";
        let mut percentiles = Vec::new();
        for item in text.split(',').map(str::trim) {
            match Percentile::parse(item) {
                None => return Err(invalid_at(span, format!("unknown percentile '{item}'"), remedy)),
                Some(known) if percentiles.contains(&known) => {
                    return Err(invalid_at(span, format!("second percentile '{item}'"), remedy));
                }
                Some(known) => percentiles.push(known),
            }
        }
        if percentiles.len() > MAX_PERCENTILES {
            return Err(invalid_at(span, format!("{} percentiles", percentiles.len()), remedy));
        }
        Ok(percentiles)
    }
}
