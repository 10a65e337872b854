//! The hyperparameters: their declaration, and their values in the form that the fit works with.

use datafusion_ml_core::{Error, FitContext, OptionKind, OptionSpec, Options, Result};

use super::split::Regularization;

const UNIT: OptionKind = OptionKind::Float(0.0, 1.0);
const POSITIVE: OptionKind = OptionKind::Float(0.0, f64::INFINITY);

/// XGBoost's names, defaults and limits.
pub(super) const OPTIONS: &[OptionSpec] = &[
    OptionSpec::new(
        "num_round",
        &["n_estimators"],
        OptionKind::Integer(1, 100_000),
        Some("100"),
        "Rounds of boosting.",
    ),
    OptionSpec::new(
        "early_stopping_rounds",
        &[],
        OptionKind::Integer(0, 100_000),
        Some("0"),
        "Rounds without an improvement on rows held out that end training, if there are such rows; 0 is never.",
    ),
    OptionSpec::new(
        "eta",
        &["learning_rate"],
        UNIT,
        Some("0.3"),
        "Factor by which the weights of every tree are shrunk.",
    ),
    OptionSpec::new(
        "max_depth",
        &[],
        OptionKind::Integer(0, 1000),
        Some("6"),
        "Most splits between the root and a leaf; 0 sets no limit.",
    ),
    OptionSpec::new(
        "min_child_weight",
        &[],
        POSITIVE,
        Some("1"),
        "Least sum of second derivatives (for squared error: rows) on either side of a split.",
    ),
    OptionSpec::new("gamma", &["min_split_loss"], POSITIVE, Some("0"), "Least gain of a split."),
    OptionSpec::new("lambda", &["reg_lambda"], POSITIVE, Some("1"), "L2 penalty on leaf weights."),
    OptionSpec::new("alpha", &["reg_alpha"], POSITIVE, Some("0"), "L1 penalty on leaf weights."),
    OptionSpec::new(
        "max_delta_step",
        &[],
        POSITIVE,
        Some("0"),
        "Largest leaf weight before shrinking; 0 sets no limit.",
    ),
    OptionSpec::new("subsample", &[], UNIT, Some("1"), "Share of the rows that each tree learns from."),
    OptionSpec::new("colsample_bytree", &[], UNIT, Some("1"), "Share of the features that each tree may use."),
    OptionSpec::new("colsample_bylevel", &[], UNIT, Some("1"), "Share of the tree's features that each level may use."),
    OptionSpec::new("colsample_bynode", &[], UNIT, Some("1"), "Share of the level's features that each split may use."),
    OptionSpec::new(
        "tree_method",
        &[],
        OptionKind::Choice(&["auto", "hist", "approx", "exact"]),
        Some("auto"),
        "Accepted for compatibility: every method is carried out as hist.",
    ),
    OptionSpec::new("max_bin", &[], OptionKind::Integer(2, 65_535), Some("256"), "Most bins per feature."),
    OptionSpec::new(
        "grow_policy",
        &[],
        OptionKind::Choice(&["depthwise", "lossguide"]),
        Some("depthwise"),
        "Whether to split level by level or the leaf with the largest gain first.",
    ),
    OptionSpec::new(
        "max_leaves",
        &[],
        OptionKind::Integer(0, 1 << 24),
        Some("0"),
        "Most leaves per tree; 0 sets no limit.",
    ),
    OptionSpec::new(
        "scale_pos_weight",
        &[],
        POSITIVE,
        Some("1"),
        "Weight of the rows whose target is 1 under squarederror and the logistic objectives.",
    ),
    OptionSpec::new(
        "base_score",
        &[],
        OptionKind::Float(f64::NEG_INFINITY, f64::INFINITY),
        None,
        "Prediction before the first tree; estimated from the target if it is not given.",
    ),
    OptionSpec::new(
        "seed",
        &["random_state"],
        OptionKind::Integer(0, i64::MAX),
        None,
        "Seed of row and column sampling.",
    ),
    OptionSpec::new("num_class", &[], OptionKind::Integer(1, 100_000), None, "Number of classes; found in the data."),
    OptionSpec::new(
        "tweedie_variance_power",
        &[],
        OptionKind::Float(1.0, 2.0),
        Some("1.5"),
        "Power between 1 and 2 by which the variance of reg:tweedie follows the mean.",
    ),
    OptionSpec::new(
        "huber_slope",
        &[],
        POSITIVE,
        Some("1"),
        "Error at which reg:pseudohubererror turns from square to linear.",
    ),
    OptionSpec::new(
        "nthread",
        &["n_jobs"],
        OptionKind::Integer(-1, 4096),
        None,
        "Most threads; 0 or -1 sets no limit.",
    ),
    OptionSpec::new(
        "booster",
        &[],
        OptionKind::Choice(&["gbtree"]),
        Some("gbtree"),
        "The kind of booster; trees alone.",
    ),
    OptionSpec::new(
        "verbosity",
        &[],
        OptionKind::Integer(0, 3),
        Some("1"),
        "Accepted for compatibility; without effect.",
    ),
];

/// The order in which leaves are split.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum GrowPolicy {
    /// Level by level.
    Depthwise,
    /// The largest gain first.
    Lossguide,
}

/// The hyperparameters of one fit.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) num_round: usize,
    /// `usize::MAX` for never.
    pub(super) early_stopping_rounds: usize,
    pub(super) eta: f64,
    /// `usize::MAX` for no limit.
    pub(super) max_depth: usize,
    /// `usize::MAX` for no limit.
    pub(super) max_leaves: usize,
    pub(super) grow_policy: GrowPolicy,
    pub(super) regularization: Regularization,
    /// Least gain of a split.
    pub(super) gamma: f64,
    pub(super) subsample: f64,
    pub(super) colsample_bytree: f64,
    pub(super) colsample_bylevel: f64,
    pub(super) colsample_bynode: f64,
    pub(super) max_bin: usize,
    pub(super) base_score: Option<f64>,
    pub(super) seed: u64,
    pub(super) threads: usize,
}

impl Settings {
    /// Reads the options; fails on values that XGBoost's ranges allow but that mean nothing.
    pub(super) fn try_new(options: &Options, context: &dyn FitContext) -> Result<Self> {
        for spec in OPTIONS.iter().filter(|spec| matches!(spec.kind, OptionKind::Float(..))) {
            if options.contains(spec.name) && !options.float(spec.name)?.is_finite() {
                return Err(Error::invalid(format!("hyperparameter {} is infinite; give a finite number", spec.name)));
            }
        }
        let unlimited = |name| -> Result<usize> {
            let value = options.integer(name)?;
            Ok(if value == 0 { usize::MAX } else { value as usize })
        };
        let allowed = context.threads().max(1);
        let nthread = if options.contains("nthread") { options.integer("nthread")? } else { 0 };
        Ok(Self {
            num_round: options.integer("num_round")? as usize,
            early_stopping_rounds: unlimited("early_stopping_rounds")?,
            eta: options.float("eta")?,
            max_depth: unlimited("max_depth")?,
            max_leaves: unlimited("max_leaves")?,
            grow_policy: match options.text("grow_policy")? {
                "lossguide" => GrowPolicy::Lossguide,
                _ => GrowPolicy::Depthwise,
            },
            regularization: Regularization {
                lambda: options.float("lambda")?,
                alpha: options.float("alpha")?,
                max_delta_step: options.float("max_delta_step")?,
                min_child_weight: options.float("min_child_weight")?,
            },
            gamma: options.float("gamma")?,
            subsample: positive(options, "subsample")?,
            colsample_bytree: positive(options, "colsample_bytree")?,
            colsample_bylevel: positive(options, "colsample_bylevel")?,
            colsample_bynode: positive(options, "colsample_bynode")?,
            max_bin: options.integer("max_bin")? as usize,
            base_score: if options.contains("base_score") { Some(options.float("base_score")?) } else { None },
            seed: if options.contains("seed") { options.integer("seed")? as u64 } else { context.seed() },
            threads: if nthread > 0 { allowed.min(nthread as usize) } else { allowed },
        })
    }

    /// Whether rows held out end training.
    pub(super) fn stops_early(&self) -> bool {
        self.early_stopping_rounds < usize::MAX
    }
}

/// A number that must not be 0.
pub(super) fn positive(options: &Options, name: &str) -> Result<f64> {
    match options.float(name)? {
        value if value > 0.0 => Ok(value),
        value => Err(Error::invalid(format!("hyperparameter {name} is {value}; give a number above 0"))),
    }
}
