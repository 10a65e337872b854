//! The objectives: which targets they take, where boosting starts, their derivatives, and what a margin means.

use datafusion_ml_core::{Error, FitRequest, Metric, Prediction, Result, Task};

use super::settings::positive;

/// Names and tasks; the first of a task is its default.
pub(super) const OBJECTIVES: &[(&str, Task)] = &[
    ("reg:squarederror", Task::Regression),
    ("reg:squaredlogerror", Task::Regression),
    ("reg:logistic", Task::Regression),
    ("reg:pseudohubererror", Task::Regression),
    ("reg:tweedie", Task::Regression),
    ("binary:logistic", Task::BinaryClassification),
    ("binary:hinge", Task::BinaryClassification),
    ("multi:softmax", Task::MulticlassClassification),
];

/// Probabilities are kept this far from 0 and 1 where boosting starts, as XGBoost does.
const EPSILON: f64 = 1e-6;

/// What boosting minimises. `m` is the margin (sum of base margin and leaves), `y` the target, `p = 1 / (1 + e^-m)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Objective {
    /// `(m - y)^2 / 2`, rows of target 1 weighted.
    SquaredError { scale_pos_weight: f64 },
    /// `(ln(1 + m) - ln(1 + y))^2 / 2`.
    SquaredLogError,
    /// `-y ln p - (1 - y) ln(1 - p)` of a target in 0 to 1; predicts `p` as a number.
    RegLogistic { scale_pos_weight: f64 },
    /// `d^2 (sqrt(1 + ((m - y) / d)^2) - 1)` with slope `d`.
    PseudoHuber { slope: f64 },
    /// `-y e^((1 - r) m) / (1 - r) + e^((2 - r) m) / (2 - r)` with variance power `r`; predicts `e^m`.
    Tweedie { variance_power: f64 },
    /// As `RegLogistic`, of two classes; predicts their probabilities.
    BinaryLogistic { scale_pos_weight: f64 },
    /// `max(0, 1 - m (2 y - 1))`; predicts class 1 where `m` is above 0.
    Hinge,
    /// `-ln softmax(m)[y]`, one margin per class; predicts probabilities.
    Softmax { num_classes: usize },
}

/// The numbers that some objective or other has.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Shape {
    pub(super) scale_pos_weight: f64,
    pub(super) huber_slope: f64,
    pub(super) tweedie_variance_power: f64,
    pub(super) num_classes: usize,
}

impl Default for Shape {
    fn default() -> Self {
        Self { scale_pos_weight: 1.0, huber_slope: 1.0, tweedie_variance_power: 1.5, num_classes: 1 }
    }
}

impl Objective {
    /// The objective of a request: the one it names, or the first of its task.
    pub(super) fn try_new(request: &FitRequest) -> Result<Self> {
        let of_task = || OBJECTIVES.iter().filter(|(_, task)| *task == request.task).map(|(name, _)| *name);
        let name = match &request.objective {
            Some(name) => of_task().find(|known| known.eq_ignore_ascii_case(name)),
            None => of_task().next(),
        };
        let Some(name) = name else {
            let known = of_task().collect::<Vec<_>>().join(", ");
            return Err(match &request.objective {
                Some(name) if !known.is_empty() => Error::invalid(format!(
                    "objective {name} does not fit the problem type {}; choose one of {known}",
                    request.task
                )),
                _ => Error::invalid(format!("xgboost does not solve problems of type {}", request.task)),
            });
        };
        let options = &request.options;
        if options.contains("num_class") && (options.integer("num_class")? as usize) < request.num_classes {
            return Err(Error::invalid(format!(
                "hyperparameter num_class is {} but the target has {} classes; give {1} or leave it out",
                options.integer("num_class")?,
                request.num_classes
            )));
        }
        let shape = Shape {
            scale_pos_weight: options.float("scale_pos_weight")?,
            huber_slope: positive(options, "huber_slope")?,
            tweedie_variance_power: options.float("tweedie_variance_power")?,
            num_classes: request.num_classes.max(1),
        };
        Self::named(name, shape)
    }

    /// The objective of that name.
    pub(super) fn named(name: &str, shape: Shape) -> Result<Self> {
        let Shape { scale_pos_weight, huber_slope: slope, tweedie_variance_power: variance_power, num_classes } = shape;
        Ok(match name {
            "reg:squarederror" => Self::SquaredError { scale_pos_weight },
            "reg:squaredlogerror" => Self::SquaredLogError,
            "reg:logistic" => Self::RegLogistic { scale_pos_weight },
            "reg:pseudohubererror" => Self::PseudoHuber { slope },
            "reg:tweedie" if variance_power > 1.0 && variance_power < 2.0 => Self::Tweedie { variance_power },
            "reg:tweedie" => {
                return Err(Error::invalid(format!(
                    "tweedie_variance_power is {variance_power}; give a number above 1 and below 2"
                )));
            }
            "binary:logistic" => Self::BinaryLogistic { scale_pos_weight },
            "binary:hinge" => Self::Hinge,
            "multi:softmax" => Self::Softmax { num_classes },
            _ => {
                let known = OBJECTIVES.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
                return Err(Error::invalid(format!("there is no objective {name}; choose one of {known}")));
            }
        })
    }

    /// What [`Self::named`] needs to make this objective again.
    pub(super) fn shape(&self) -> Shape {
        let mut shape = Shape::default();
        match *self {
            Self::SquaredError { scale_pos_weight }
            | Self::RegLogistic { scale_pos_weight }
            | Self::BinaryLogistic { scale_pos_weight } => shape.scale_pos_weight = scale_pos_weight,
            Self::PseudoHuber { slope } => shape.huber_slope = slope,
            Self::Tweedie { variance_power } => shape.tweedie_variance_power = variance_power,
            Self::Softmax { num_classes } => shape.num_classes = num_classes,
            Self::SquaredLogError | Self::Hinge => {}
        }
        shape
    }

    /// XGBoost's name.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::SquaredError { .. } => "reg:squarederror",
            Self::SquaredLogError => "reg:squaredlogerror",
            Self::RegLogistic { .. } => "reg:logistic",
            Self::PseudoHuber { .. } => "reg:pseudohubererror",
            Self::Tweedie { .. } => "reg:tweedie",
            Self::BinaryLogistic { .. } => "binary:logistic",
            Self::Hinge => "binary:hinge",
            Self::Softmax { .. } => "multi:softmax",
        }
    }

    /// The metric that XGBoost reports for it.
    pub(super) fn metric(&self) -> Metric {
        match *self {
            Self::SquaredError { .. } | Self::RegLogistic { .. } => Metric::Rmse,
            Self::SquaredLogError => Metric::Rmsle,
            Self::PseudoHuber { slope } => Metric::Mphe(slope),
            Self::Tweedie { variance_power } => Metric::TweedieNloglik(variance_power),
            Self::BinaryLogistic { .. } | Self::Hinge => Metric::Error,
            Self::Softmax { .. } => Metric::Merror,
        }
    }

    /// Whether it predicts the probabilities of classes.
    pub(super) fn has_probabilities(&self) -> bool {
        matches!(self, Self::BinaryLogistic { .. } | Self::Softmax { .. })
    }

    /// Margins per row.
    pub(super) fn num_outputs(&self) -> usize {
        match self {
            Self::Softmax { num_classes } => *num_classes,
            _ => 1,
        }
    }

    /// The target in single precision; fails on a value the objective cannot learn from.
    pub(super) fn label(&self, target: f64) -> Result<f32> {
        let (fits, takes) = match self {
            Self::SquaredError { .. } | Self::PseudoHuber { .. } => (true, ""),
            Self::SquaredLogError => (target > -1.0, "values above -1"),
            Self::RegLogistic { .. } => ((0.0..=1.0).contains(&target), "values from 0 to 1"),
            Self::Tweedie { .. } => (target >= 0.0, "values from 0"),
            Self::BinaryLogistic { .. } | Self::Hinge => (target == 0.0 || target == 1.0, "two classes"),
            Self::Softmax { num_classes } => {
                (target >= 0.0 && target < *num_classes as f64 && target.fract() == 0.0, "as many classes as declared")
            }
        };
        let label = target as f32;
        if target.is_nan() {
            return Err(Error::data("the target is NULL or NaN in some row; leave such rows out with WHERE"));
        }
        if !label.is_finite() {
            return Err(Error::data(format!(
                "the target is {target} in some row, beyond single precision; scale the target or leave such rows out"
            )));
        }
        if !fits {
            return Err(Error::data(format!(
                "the target is {target} in some row; objective {} takes {takes}: change the query or the objective",
                self.name()
            )));
        }
        Ok(label)
    }

    /// Where boosting starts, per output, on the scale of predictions (of margins for softmax), as XGBoost 3 estimates
    /// it: one Newton step from margin 0, the mean for tweedie and unweighted logistic objectives, and the centred log of the classes' shares for softmax.
    pub(super) fn estimate_base_scores(&self, labels: &[f32]) -> Vec<f32> {
        let count = labels.len().max(1) as f64;
        let mean = |of: &dyn Fn(f64) -> f64| labels.iter().map(|y| of(f64::from(*y))).sum::<f64>() / count;
        let score = match *self {
            Self::SquaredError { scale_pos_weight } => weighted_mean(labels, scale_pos_weight),
            Self::RegLogistic { scale_pos_weight } | Self::BinaryLogistic { scale_pos_weight } => {
                let mean = weighted_mean(labels, scale_pos_weight);
                let step = 1.0 / (1.0 + (-4.0 * (mean - 0.5)).exp());
                (if scale_pos_weight == 1.0 { mean } else { step }).clamp(EPSILON, 1.0 - EPSILON)
            }
            Self::SquaredLogError => {
                let mean_log = mean(&f64::ln_1p);
                // The Newton step leaves the domain for targets near -1; there the mean itself is the minimum.
                Some(mean_log / (mean_log + 1.0))
                    .filter(|step| *step > -1.0 && mean_log > -1.0)
                    .unwrap_or(mean_log.exp_m1())
            }
            Self::PseudoHuber { slope } => {
                let root = |y: f64| (1.0 + (y / slope).powi(2)).sqrt();
                let step = mean(&|y| y / root(y)) / mean(&|y| root(y).powi(-3));
                // With all targets far from 0 the step overshoots by orders of magnitude; the mean is a sane start.
                let inside = |step: f64| {
                    labels.iter().any(|y| f64::from(*y) >= step) && labels.iter().any(|y| f64::from(*y) <= step)
                };
                if inside(step) { step } else { mean(&|y| y) }
            }
            Self::Tweedie { .. } => mean(&|y| y).max(EPSILON),
            Self::Hinge => 0.0,
            Self::Softmax { num_classes } => {
                let mut shares = vec![0f64; num_classes];
                labels.iter().for_each(|y| shares[*y as usize] += 1.0 / count);
                // A class that is not among these rows is as rare as can be told from them.
                let logs: Vec<f64> = shares.iter().map(|share| share.max(1.0 / (count + 1.0)).ln()).collect();
                let centre = logs.iter().sum::<f64>() / num_classes as f64;
                return logs.iter().map(|log| (log - centre) as f32).collect();
            }
        };
        vec![score as f32]
    }

    /// The gain that says nothing: 1e-6, as in XGBoost, and less where a regression's targets are so close to each other
    /// that this would be more than noise.
    pub(super) fn noise(&self, labels: &[f32]) -> f64 {
        const NOISE: f64 = 1e-6;
        if !matches!(self, Self::SquaredError { .. }) {
            return NOISE;
        }
        let count = labels.len().max(1) as f64;
        let mean = labels.iter().map(|y| f64::from(*y)).sum::<f64>() / count;
        let variance = labels.iter().map(|y| (f64::from(*y) - mean).powi(2)).sum::<f64>() / count;
        NOISE * variance.min(1.0)
    }

    /// A base score that was given, per output; fails on one outside the range of predictions.
    pub(super) fn check_base_score(&self, score: f64) -> Result<Vec<f32>> {
        let (fits, takes) = match self {
            Self::RegLogistic { .. } | Self::BinaryLogistic { .. } => (score > 0.0 && score < 1.0, "between 0 and 1"),
            Self::Tweedie { .. } => (score > 0.0, "above 0"),
            Self::SquaredLogError => (score > -1.0, "above -1"),
            _ => (true, ""),
        };
        if !fits {
            return Err(Error::invalid(format!(
                "hyperparameter base_score is {score}; objective {} takes a number {takes}",
                self.name()
            )));
        }
        Ok(vec![score as f32; self.num_outputs()])
    }

    /// The margin whose prediction is `score`.
    pub(super) fn base_margin(&self, score: f32) -> f32 {
        match self {
            Self::RegLogistic { .. } | Self::BinaryLogistic { .. } => {
                let p = score.clamp(EPSILON as f32, 1.0 - EPSILON as f32);
                -(1.0 / p - 1.0).ln()
            }
            Self::Tweedie { .. } => score.max(f32::MIN_POSITIVE).ln(),
            _ => score,
        }
    }

    /// The derivatives of the loss by the margin, first and second, of some rows. Not for softmax.
    #[inline(always)]
    pub(super) fn derivatives(&self, margins: &[f32], labels: &[f32], out: &mut [[f32; 2]]) {
        match *self {
            Self::SquaredError { scale_pos_weight } => each(margins, labels, out, |m, y| {
                let weight = if y == 1.0 { scale_pos_weight as f32 } else { 1.0 };
                [(m - y) * weight, weight]
            }),
            Self::RegLogistic { scale_pos_weight } | Self::BinaryLogistic { scale_pos_weight } => {
                each(margins, labels, out, |m, y| {
                    let weight = if y == 1.0 { scale_pos_weight as f32 } else { 1.0 };
                    let p = 1.0 / (1.0 + exp(-m));
                    [(p - y) * weight, (p * (1.0 - p)).max(1e-16) * weight]
                });
            }
            Self::SquaredLogError => each(margins, labels, out, |m, y| {
                let m = m.max(-1.0 + 1e-6);
                let difference = m.ln_1p() - y.ln_1p();
                [difference / (m + 1.0), ((1.0 - difference) / (m + 1.0).powi(2)).max(1e-6)]
            }),
            Self::PseudoHuber { slope } => {
                let square = (slope * slope) as f32;
                each(margins, labels, out, |m, y| {
                    let error = m - y;
                    let root = (1.0 + error * error / square).sqrt();
                    [error / root, square / ((square + error * error) * root)]
                });
            }
            Self::Tweedie { variance_power } => {
                let (a, b) = ((1.0 - variance_power) as f32, (2.0 - variance_power) as f32);
                each(margins, labels, out, |m, y| {
                    let (first, second) = (y * exp(a * m), exp(b * m));
                    [second - first, b * second - a * first]
                });
            }
            Self::Hinge => each(margins, labels, out, |m, y| {
                let sign = 2.0 * y - 1.0;
                if m * sign < 1.0 { [-sign, 1.0] } else { [0.0, f32::MIN_POSITIVE] }
            }),
            Self::Softmax { .. } => {}
        }
    }

    /// The derivatives by the margin of `class`; `normalizers` are the logs of the sums of all classes' `e^m`. The
    /// second derivative is XGBoost's, twice the true one.
    #[inline(always)]
    pub(super) fn softmax_derivatives(
        class: usize,
        margins: &[f32],
        normalizers: &[f32],
        labels: &[f32],
        out: &mut [[f32; 2]],
    ) {
        let class = class as f32;
        for (((m, normalizer), y), out) in margins.iter().zip(normalizers).zip(labels).zip(out) {
            let p = exp(m - normalizer).min(1.0);
            let hit = if *y == class { 1.0 } else { 0.0 };
            *out = [p - hit, (2.0 * p * (1.0 - p)).max(1e-16)];
        }
    }

    /// The prediction of rows whose margins are `margins[output][row]`.
    pub(super) fn predict(&self, margins: &[Vec<f32>]) -> Prediction {
        let sigmoid = |m: f32| 1.0 / (1.0 + (-f64::from(m)).exp());
        let first = margins.first().map_or(&[][..], Vec::as_slice);
        match self {
            Self::SquaredError { .. } | Self::SquaredLogError | Self::PseudoHuber { .. } => {
                Prediction::Values(first.iter().map(|m| f64::from(*m)).collect())
            }
            Self::RegLogistic { .. } => Prediction::Values(first.iter().map(|m| sigmoid(*m)).collect()),
            Self::Tweedie { .. } => Prediction::Values(first.iter().map(|m| f64::from(*m).exp()).collect()),
            Self::BinaryLogistic { .. } => {
                Prediction::probabilities(2, first.iter().map(|m| sigmoid(*m)).flat_map(|p| [1.0 - p, p]).collect())
            }
            Self::Hinge => Prediction::Classes(first.iter().map(|m| u32::from(*m > 0.0)).collect()),
            Self::Softmax { num_classes } => {
                let mut values = Vec::with_capacity(first.len() * num_classes);
                for row in 0..first.len() {
                    let start = values.len();
                    let largest = margins.iter().fold(f32::NEG_INFINITY, |largest, m| largest.max(m[row]));
                    values.extend(margins.iter().map(|m| f64::from(m[row] - largest).exp()));
                    let sum: f64 = values[start..].iter().sum();
                    values[start..].iter_mut().for_each(|p| *p /= sum);
                }
                Prediction::probabilities(*num_classes, values)
            }
        }
    }

    /// The sum over rows of what [`Self::mean_loss`] turns into the metric. Not for softmax.
    #[inline(always)]
    pub(super) fn loss(&self, margins: &[f32], labels: &[f32]) -> f64 {
        let rows = margins.iter().zip(labels);
        let sum_of = |of: &dyn Fn(f64, f64) -> f64| rows.clone().map(|(m, y)| of(f64::from(*m), f64::from(*y))).sum();
        match *self {
            Self::SquaredError { .. } => rows.clone().map(|(m, y)| f64::from(m - y).powi(2)).sum(),
            Self::RegLogistic { .. } => rows.map(|(m, y)| f64::from(1.0 / (1.0 + exp(-m)) - y).powi(2)).sum(),
            Self::BinaryLogistic { .. } | Self::Hinge => {
                rows.clone().filter(|(m, y)| (**m > 0.0) != (**y == 1.0)).count() as f64
            }
            Self::SquaredLogError => sum_of(&|m, y| (m.max(EPSILON - 1.0).ln_1p() - y.ln_1p()).powi(2)),
            Self::PseudoHuber { slope: d } => sum_of(&|m, y| d * d * ((1.0 + ((m - y) / d).powi(2)).sqrt() - 1.0)),
            Self::Tweedie { variance_power: r } => {
                sum_of(&|m, y| ((2.0 - r) * m).exp() / (2.0 - r) - y * ((1.0 - r) * m).exp() / (1.0 - r))
            }
            Self::Softmax { .. } => 0.0,
        }
    }

    /// The metric from the sum of losses over `count` rows.
    pub(super) fn mean_loss(&self, sum: f64, count: usize) -> f64 {
        match self.metric() {
            Metric::Rmse | Metric::Rmsle => (sum / count as f64).sqrt(),
            _ => sum / count as f64,
        }
    }
}

/// The mean, rows of target 1 counting `weight` times.
fn weighted_mean(labels: &[f32], weight: f64) -> f64 {
    let (mut sum, mut count) = (0.0, 0.0);
    for y in labels {
        let weight = if *y == 1.0 { weight } else { 1.0 };
        sum += weight * f64::from(*y);
        count += weight;
    }
    if count > 0.0 { sum / count } else { 0.0 }
}

#[inline(always)]
fn each(margins: &[f32], labels: &[f32], out: &mut [[f32; 2]], of: impl Fn(f32, f32) -> [f32; 2]) {
    for ((m, y), out) in margins.iter().zip(labels).zip(out) {
        *out = of(*m, *y);
    }
}

/// `e^x` to about one part in 10^7, as a polynomial that the compiler turns into vector instructions.
#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    /// Adding it rounds to a whole number, which stands in the low bits of the sum.
    const ROUND: f32 = 12_582_912.0;
    let t = x.clamp(-87.0, 88.0) * std::f32::consts::LOG2_E;
    let whole = t + ROUND;
    let f = t - (whole - ROUND);
    let fraction = 1.0
        + f * (std::f32::consts::LN_2
            + f * (0.240_226_46 + f * (0.055_503_458 + f * (0.009_618_34 + f * 0.001_339_874_5))));
    // Adding to the exponent multiplies by a power of two.
    f32::from_bits(fraction.to_bits().wrapping_add(whole.to_bits() << 23))
}
