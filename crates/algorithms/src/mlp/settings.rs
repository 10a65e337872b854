//! The hyperparameters: their declaration, and their values in the form that the fit works with.

use datafusion_ml_core::{Error, FitContext, OptionKind, OptionSpec, Options, Result};

use super::kernels::Activation;

/// A hidden layer may have this many units.
const MAX_UNITS: usize = 65_536;

/// Numeric features are not encoded by more inputs than this, unless asked for.
const MAX_RAMPS: usize = 256;

/// There may be this many hidden layers.
const MAX_LAYERS: usize = 32;

pub(super) const OPTIONS: &[OptionSpec] = &[
    OptionSpec::new(
        "hidden_layers",
        &["hidden_layer_sizes", "layers"],
        OptionKind::Text,
        Some("128,64"),
        "Units of every hidden layer, from the first to the last, with commas between; none is a linear model.",
    ),
    OptionSpec::new(
        "activation",
        &[],
        OptionKind::Choice(&["relu", "silu"]),
        Some("silu"),
        "What a hidden unit makes of the sum of its inputs.",
    ),
    OptionSpec::new(
        "learning_rate",
        &["learning_rate_init"],
        OptionKind::Float(1e-8, 10.0),
        Some("0.002"),
        "How far a step moves weights, about; in the first epoch it rises to this.",
    ),
    OptionSpec::new(
        "epochs",
        &["max_iter"],
        OptionKind::Integer(1, 100_000),
        Some("100"),
        "The most passes over the rows; what is learned in the first epochs does not depend on how many follow.",
    ),
    OptionSpec::new(
        "early_stopping_rounds",
        &["early_stopping_patience", "patience", "n_iter_no_change"],
        OptionKind::Integer(0, 100_000),
        Some("20"),
        "Ends when so many epochs have not lowered the loss of rows held out, and keeps the best epoch; 0 holds none out \
         and keeps the last.",
    ),
    OptionSpec::new(
        "mini_batch_size",
        &["batch_size"],
        OptionKind::Text,
        Some("auto"),
        "Rows per step; auto is the power of two nearest to the root of the number of rows, from 32 to 512.",
    ),
    OptionSpec::new(
        "weight_decay",
        &["wd"],
        OptionKind::Float(0.0, 100.0),
        Some("0.02"),
        "Every step shrinks weights by this times the learning rate (AdamW).",
    ),
    OptionSpec::new(
        "dropout",
        &["dropout_prob"],
        OptionKind::Float(0.0, 0.95),
        Some("0.2"),
        "The share of the hidden units that each step leaves out.",
    ),
    OptionSpec::new(
        "numeric_bins",
        &[],
        OptionKind::Text,
        Some("auto"),
        "Quantile bins by which a numeric feature is encoded piecewise linearly, beside its value; below 2 there are none.",
    ),
    OptionSpec::new(
        "seed",
        &["random_state"],
        OptionKind::Integer(0, i64::MAX),
        None,
        "The seed; ml.seed if it is not given.",
    ),
];

/// The hyperparameters of one fit.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) hidden: Vec<usize>,
    pub(super) activation: Activation,
    pub(super) learning_rate: f64,
    pub(super) epochs: usize,
    /// How many epochs without improvement end training, if rows are held out.
    pub(super) patience: Option<usize>,
    batch_rows: Option<usize>,
    pub(super) weight_decay: f64,
    pub(super) dropout: f64,
    bins: Option<usize>,
    pub(super) seed: u64,
}

impl Settings {
    /// Reads the options.
    pub(super) fn try_new(options: &Options, context: &dyn FitContext) -> Result<Self> {
        let integer = |name| -> Result<usize> { Ok(options.integer(name)? as usize) };
        let patience = Some(integer("early_stopping_rounds")?).filter(|rounds| *rounds > 0);
        Ok(Self {
            hidden: hidden_layers(options.text("hidden_layers")?)?,
            activation: Activation::named(options.text("activation")?).unwrap_or(Activation::Silu),
            learning_rate: options.float("learning_rate")?,
            epochs: integer("epochs")?,
            patience,
            batch_rows: auto_or(options, "mini_batch_size", 1..=1_000_000)?,
            weight_decay: options.float("weight_decay")?,
            dropout: options.float("dropout")?,
            bins: auto_or(options, "numeric_bins", 0..=256)?,
            seed: if options.contains("seed") { integer("seed")? as u64 } else { context.seed() },
        })
    }

    /// How many rows a step takes, of so many.
    pub(super) fn batch_rows(&self, rows: usize) -> usize {
        let power_near_root = || 2f64.powf((rows.max(1) as f64).log2() / 2.0).log2().round().exp2() as usize;
        self.batch_rows.unwrap_or_else(|| power_near_root().clamp(32, 512)).min(rows.max(1))
    }

    /// How many bins each of so many features has: up to 16, fewer of few rows or of many features.
    pub(super) fn bins(&self, features: usize, rows: usize) -> usize {
        let by_rows = rows.isqrt() / 10;
        self.bins.unwrap_or_else(|| (MAX_RAMPS / features.max(1)).min(by_rows).min(16))
    }
}

/// Numbers with commas between, perhaps in brackets.
fn hidden_layers(text: &str) -> Result<Vec<usize>> {
    let inner = text.trim_start_matches(['[', '(']).trim_end_matches([']', ')', ',', ' ']);
    if inner.is_empty() || inner.eq_ignore_ascii_case("none") {
        return Ok(Vec::new());
    }
    let widths: Option<Vec<usize>> = inner
        .split([',', 'x'])
        .flat_map(|widths| if widths.trim().is_empty() { vec![""] } else { widths.split_whitespace().collect() })
        .map(|width| width.parse().ok().filter(|width| (1..=MAX_UNITS).contains(width)))
        .collect();
    widths.filter(|widths| widths.len() <= MAX_LAYERS).ok_or_else(|| {
        Error::invalid(format!(
            "hyperparameter hidden_layers is '{text}'; it takes up to {MAX_LAYERS} whole numbers from 1 to {MAX_UNITS} with \
             commas between, as '128,64', or none"
        ))
    })
}

/// A whole number, or `None` for auto.
fn auto_or(options: &Options, name: &str, range: std::ops::RangeInclusive<usize>) -> Result<Option<usize>> {
    match options.text(name)? {
        auto if auto.eq_ignore_ascii_case("auto") => Ok(None),
        number => match number.parse() {
            Ok(value) if range.contains(&value) => Ok(Some(value)),
            _ => Err(Error::invalid(format!(
                "hyperparameter {name} is '{number}'; it takes auto or a whole number from {} to {}",
                range.start(),
                range.end()
            ))),
        },
    }
}

#[cfg(test)]
mod tests {
    use datafusion_ml_core::conformance::LocalContext;

    use super::*;

    fn settings(given: &[(&str, &str)]) -> Result<Settings> {
        Settings::try_new(&Options::parse(OPTIONS, given.iter().copied())?, &LocalContext::new(1, 1))
    }

    #[test]
    fn hidden_layers_are_numbers_with_commas() {
        let hidden = |text| settings(&[("hidden_layer_sizes", text)]).map(|settings| settings.hidden);
        for (text, expected) in
            [("256", vec![256]), ("64, 32,16", vec![64, 32, 16]), ("(100,)", vec![100]), ("none", vec![])]
        {
            assert_eq!(hidden(text).unwrap(), expected, "{text}");
        }
        for text in ["0", "128,-1", "wide", "1,,x,1e9", "8,x", "8,,8", ",8"] {
            assert!(hidden(text).unwrap_err().message().contains("hidden_layers is"), "{text}");
        }
    }

    #[test]
    fn batches_grow_with_the_root_of_the_rows() {
        let settings = settings(&[]).unwrap();
        for (rows, batch) in [(1, 1), (20, 20), (1_000, 32), (5_000, 64), (50_000, 256), (10_000_000, 512)] {
            assert_eq!(settings.batch_rows(rows), batch, "{rows}");
        }
    }

    #[test]
    fn words_where_numbers_belong_are_refused() {
        for (name, text) in [("mini_batch_size", "0"), ("batch_size", "some"), ("numeric_bins", "-1")] {
            assert!(
                settings(&[(name, text)]).unwrap_err().message().contains("it takes auto or a whole number"),
                "{name}"
            );
        }
    }

    #[test]
    fn bins_are_few_where_rows_are_few_or_features_many() {
        let settings = settings(&[]).unwrap();
        let bins = [(4, 100), (4, 2_500), (4, 1_000_000), (30, 1_000_000), (500, 1_000_000)];
        assert_eq!(bins.map(|(features, rows)| settings.bins(features, rows)), [1, 5, 16, 8, 0]);
    }
}
