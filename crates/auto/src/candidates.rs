//! Which models are tried: a portfolio of settings that are good on most tables, the strongest first, then draws around
//! what has proved good.

use datafusion_ml_core::Task;
use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// A trial of boosting takes at most so many rounds, and grows at most about so many trees.
const MAX_ROUNDS: usize = 2_000;
const MAX_TREES: usize = 20_000;

/// A way of learning a model.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Candidate {
    /// The algorithm's name.
    pub(crate) algorithm: &'static str,
    /// The hyperparameters that differ from the algorithm's defaults.
    pub(crate) options: Vec<(&'static str, String)>,
}

/// What of a table's size and target the range of hyperparameters depends on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scale {
    /// The rows that candidates learn from.
    pub(crate) rows: usize,
    /// The features of a linear model.
    pub(crate) features: usize,
    /// The raw outputs of a model; boosting grows a tree for each in every round.
    pub(crate) outputs: usize,
    /// Whether there is too little time to learn in small steps.
    pub(crate) is_hasty: bool,
    /// The second derivative of a row's loss before anything is learned, relative to that of two classes of the same
    /// size. It is what a row counts in `min_child_weight`: little where a class is rare.
    pub(crate) curvature: f64,
    /// The standard deviation of a regression's target; 1 for classes. A lasso penalty is in its units, the least gain of
    /// a split in their square.
    pub(crate) deviation: f64,
}

impl Scale {
    /// The ridge penalty at which as much is known of a coefficient beforehand as from the rows, if the features explain
    /// two thirds of the target.
    fn ridge(self) -> f64 {
        0.5 * self.features as f64 / self.rows.max(1) as f64
    }

    /// A fourth of the lasso penalty that keeps out features which have nothing to do with the target, if nothing explains
    /// it (Bickel, Ritov, Tsybakov, "Simultaneous analysis of Lasso and Dantzig selector", 2009).
    fn lasso(self) -> f64 {
        0.25 * self.deviation * (2.0 * (self.features as f64 + 1.0).ln() / self.rows.max(1) as f64).sqrt()
    }

    /// What learning rates of boosting are multiplied by: small tables are learned in small steps; on large ones, of many
    /// classes, and in a hurry, those take too long.
    fn pace(self) -> f64 {
        let of_classes = (MAX_ROUNDS as f64 / self.rounds() as f64).min(5.0);
        if self.is_hasty || self.rows > 50_000 { of_classes.max(2.0) } else { of_classes }
    }

    /// How many rounds a trial of boosting may take.
    fn rounds(self) -> usize {
        (MAX_TREES / self.outputs.max(1)).clamp(20, MAX_ROUNDS)
    }
}

/// See [`Scale::curvature`].
pub(crate) fn curvature(task: Task, target: &[f64], num_classes: usize) -> f64 {
    if !task.is_classification() {
        return 1.0;
    }
    let mut shares = vec![0.0; num_classes.max(2)];
    target.iter().for_each(|class| shares[*class as usize] += 1.0 / target.len() as f64);
    let variances: f64 = shares.iter().map(|share| share * (1.0 - share)).sum();
    // Softmax takes twice the variance, as XGBoost has it.
    let factor = if task == Task::MulticlassClassification { 2.0 } else { 1.0 };
    let of_two = 0.25;
    (factor * variances / shares.len() as f64 / of_two).max(1e-4)
}

/// See [`Scale::deviation`].
pub(crate) fn deviation(task: Task, target: &[f64]) -> f64 {
    if task.is_classification() {
        return 1.0;
    }
    let count = target.len().max(1) as f64;
    let mean = target.iter().map(|y| y / count).sum::<f64>();
    target.iter().map(|y| (y - mean) * ((y - mean) / count)).sum::<f64>().sqrt().clamp(1e-15, 1e15)
}

impl Candidate {
    fn new(algorithm: &'static str, options: &[(&'static str, f64)]) -> Self {
        Self { algorithm, options: options.iter().map(|(name, value)| (*name, value.to_string())).collect() }
    }

    /// The options with which it is tried: it learns for as long as rows that are held out say that it gets better.
    pub(crate) fn trial_options(&self, scale: Scale) -> Vec<(&'static str, String)> {
        let mut options = self.options.clone();
        if self.algorithm == "xgboost" {
            let eta = self.number("eta").unwrap_or(0.3);
            // About as many rounds as undo a step of the learning rate.
            let patience = (3.0 / eta).clamp(20.0, 100.0).round();
            let rounds = if scale.rows > 100_000 { scale.rounds().min(MAX_ROUNDS / 2) } else { scale.rounds() };
            options.push(("num_round", rounds.to_string()));
            options.push(("early_stopping_rounds", patience.to_string()));
        }
        options
    }

    /// The options with which it is fitted on all rows: for as long as it learned in the trials, on average. Where there
    /// is only a share of the time for that, boosting takes fewer and larger steps.
    pub(crate) fn final_options(&self, rounds: Option<usize>, share: f64) -> Vec<(&'static str, String)> {
        let mut options = self.options.clone();
        if let ("xgboost", Some(rounds)) = (self.algorithm, rounds) {
            let eta = self.number("eta").unwrap_or(0.3);
            let larger = (eta / share.clamp(0.01, 1.0)).min(eta.max(0.5));
            options.retain(|(name, _)| *name != "eta");
            options.push(("eta", ((larger * 1e4).round() / 1e4).to_string()));
            options.push(("num_round", ((rounds as f64 * eta / larger).round() as usize).max(1).to_string()));
        }
        if let ("mlp", Some(rounds)) = (self.algorithm, rounds) {
            options.push(("epochs", rounds.max(1).to_string()));
            options.push(("early_stopping_rounds", "0".to_owned()));
        }
        options
    }

    /// Whether another seed gives another model.
    pub(crate) fn is_random(&self) -> bool {
        match self.algorithm {
            "xgboost" => {
                ["subsample", "colsample_bytree", "colsample_bynode"].iter().any(|name| self.number(name).is_some())
            }
            algorithm => algorithm != "linear_learner",
        }
    }

    /// Whether it learns for longer or shorter.
    pub(crate) fn learns_in_rounds(&self) -> bool {
        self.algorithm != "linear_learner"
    }

    fn number(&self, name: &str) -> Option<f64> {
        self.options.iter().find(|(option, _)| *option == name).and_then(|(_, value)| value.parse().ok())
    }
}

/// The portfolio for the algorithms of these names, in the order in which it is tried.
pub(crate) fn portfolio(algorithms: &[&str], scale: Scale) -> Vec<Candidate> {
    let eta = |slow: f64| slow * scale.pace();
    let weight = |weight: f64| three_digits(weight * scale.curvature);
    let all = [
        Candidate::new(
            "xgboost",
            &[
                ("eta", eta(0.06)),
                ("max_depth", 6.0),
                ("subsample", 0.85),
                ("colsample_bytree", 0.8),
                ("min_child_weight", weight(2.0)),
            ],
        ),
        Candidate::new("linear_learner", &[("l2", 1e-4)]),
        Candidate::new("mlp", &[]),
        Candidate::new(
            "xgboost",
            &[
                ("eta", eta(0.05)),
                ("max_depth", 3.0),
                ("min_child_weight", weight(1.0)),
                ("subsample", 0.8),
                ("colsample_bytree", 0.8),
            ],
        ),
        Candidate::new(
            "xgboost",
            &[
                ("eta", eta(0.05)),
                ("max_depth", 9.0),
                ("min_child_weight", weight(6.0)),
                ("subsample", 0.8),
                ("colsample_bytree", 0.6),
                ("lambda", 4.0),
            ],
        ),
        Candidate::new("linear_learner", &[("l2", three_digits(scale.ridge().clamp(0.02, 10.0)))]),
        Candidate::new(
            "xgboost",
            &[
                ("eta", eta(0.06)),
                ("max_depth", 7.0),
                ("min_child_weight", weight(1.0)),
                ("subsample", 0.6),
                ("colsample_bynode", 0.35),
                ("lambda", 1.0),
            ],
        ),
        // Learns rows by heart, which is right where others are like them.
        Candidate::new(
            "xgboost",
            &[
                ("eta", eta(0.1)),
                ("max_depth", 12.0),
                ("min_child_weight", weight(0.2)),
                ("subsample", 0.95),
                ("lambda", 1.0),
            ],
        ),
        Candidate::new("mlp", &[("learning_rate", 0.003)]),
        Candidate::new("linear_learner", &[("l1", three_digits(scale.lasso()))]),
    ];
    all.into_iter().filter(|candidate| algorithms.contains(&candidate.algorithm)).collect()
}

/// A candidate that has not been tried: near `best` of its algorithm as often as anywhere.
pub(crate) fn propose(
    algorithm: &'static str,
    best: Option<&Candidate>,
    scale: Scale,
    rng: &mut ChaCha8Rng,
) -> Candidate {
    let near = best.filter(|_| rng.random_bool(0.5));
    let mut draw = |name: &str, low: f64, high: f64, is_log: bool| {
        let (low, high) = if is_log { (low.ln(), high.ln()) } else { (low, high) };
        let center = near.and_then(|best| best.number(name)).map(|value| if is_log { value.ln() } else { value });
        let value = match center {
            // A third of the range, around the best.
            Some(center) => (center + (high - low) * rng.random_range(-0.17..0.17)).clamp(low, high),
            None => rng.random_range(low..high),
        };
        three_digits(if is_log { value.exp() } else { value })
    };
    match algorithm {
        "linear_learner" => {
            let l2 = draw("l2", 1e-5, (10.0 * scale.ridge()).clamp(1.0, 100.0), true);
            let l1 = draw("l1", 0.03 * scale.lasso(), 5.0 * scale.lasso(), true);
            if rng.random_bool(0.5) {
                Candidate::new(algorithm, &[("l2", l2)])
            } else {
                Candidate::new(algorithm, &[("l2", l2), ("l1", l1)])
            }
        }
        "mlp" => {
            let learning_rate = draw("learning_rate", 3e-4, 1e-2, true);
            let weight_decay = draw("weight_decay", 1e-5, 1e-1, true);
            let dropout = draw("dropout", 0.0, 0.4, false);
            let mut candidate = Candidate::new(
                algorithm,
                &[("learning_rate", learning_rate), ("weight_decay", weight_decay), ("dropout", dropout.max(0.0))],
            );
            let layers = ["64,32", "128,64", "256,128", "128,128,128"];
            candidate.options.push(("hidden_layers", layers[rng.random_range(0..layers.len())].to_owned()));
            candidate
        }
        _ => {
            let (pace, curvature, variance) = (scale.pace(), scale.curvature, scale.deviation.powi(2));
            Candidate::new(
                algorithm,
                &[
                    ("eta", draw("eta", 0.02 * pace, 0.12 * pace, true)),
                    ("max_depth", draw("max_depth", 2.5, 10.5, false).round()),
                    ("min_child_weight", draw("min_child_weight", 0.5 * curvature, 30.0 * curvature, true)),
                    // Beyond 1 is all: a table of few columns, or of rows that come twice, needs every one.
                    ("subsample", draw("subsample", 0.5, 1.2, false).min(1.0)),
                    ("colsample_bytree", draw("colsample_bytree", 0.4, 1.3, false).min(1.0)),
                    ("colsample_bynode", draw("colsample_bynode", 0.4, 1.3, false).min(1.0)),
                    ("lambda", draw("lambda", 0.1, 20.0, true)),
                    ("gamma", draw("gamma", 1e-4 * variance, variance, true)),
                ],
            )
        }
    }
}

/// A number of three digits: that is enough, and pleasant to read.
fn three_digits(value: f64) -> f64 {
    if value == 0.0 {
        return 0.0;
    }
    let digits = 10f64.powi(2 - value.abs().log10().floor() as i32);
    (value * digits).round() / digits
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion_ml_core::Options;
    use rand::SeedableRng;

    const SCALE: Scale =
        Scale { rows: 1_000, features: 10, outputs: 1, is_hasty: false, curvature: 1.0, deviation: 1.0 };

    #[test]
    fn every_candidate_is_one_that_its_algorithm_takes() {
        let algorithms = datafusion_ml_algorithms::all();
        let names: Vec<&'static str> = ["xgboost", "linear_learner", "mlp"]
            .into_iter()
            .filter(|name| algorithms.iter().any(|algorithm| algorithm.name() == *name))
            .collect();
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut candidates = portfolio(&names, SCALE);
        for name in names {
            let best = candidates.iter().find(|candidate| candidate.algorithm == name).cloned();
            candidates.extend((0..100).map(|_| propose(name, best.as_ref(), SCALE, &mut rng)));
        }
        for candidate in candidates {
            let algorithm = algorithms.iter().find(|algorithm| algorithm.name() == candidate.algorithm).unwrap();
            for options in [candidate.trial_options(SCALE), candidate.final_options(Some(7), 0.3)] {
                let given = options.iter().map(|(name, value)| (*name, value.as_str()));
                Options::parse(algorithm.options(), given).unwrap();
            }
        }
    }

    #[test]
    fn penalties_keep_to_the_scale_of_the_target() {
        let of = |factor: f64| {
            let target: Vec<f64> = (0..100).map(|row| factor * f64::from(row)).collect();
            let scale = Scale { deviation: deviation(Task::Regression, &target), ..SCALE };
            let lasso = portfolio(&["linear_learner"], scale)[2].number("l1").unwrap();
            let gamma = propose("xgboost", None, scale, &mut ChaCha8Rng::seed_from_u64(3)).number("gamma").unwrap();
            (lasso, gamma)
        };
        let ((lasso, gamma), (of_large, gamma_of_large)) = (of(1.0), of(1e4));
        assert!((of_large / lasso / 1e4 - 1.0).abs() < 0.01 && (gamma_of_large / gamma / 1e8 - 1.0).abs() < 0.01);
        assert_eq!(deviation(Task::BinaryClassification, &[0.0, 1.0]), 1.0);
    }

    #[test]
    fn rows_of_a_rare_class_count_little() {
        let of = |task, counts: &[usize]| {
            let target: Vec<f64> = (0..).zip(counts).flat_map(|(class, n)| vec![f64::from(class); *n]).collect();
            curvature(task, &target, counts.len())
        };
        assert_eq!(of(Task::BinaryClassification, &[50, 50]), 1.0);
        assert!((of(Task::BinaryClassification, &[97, 3]) - 4.0 * 0.97 * 0.03).abs() < 1e-12);
        assert!((of(Task::MulticlassClassification, &[10; 8]) - 0.875).abs() < 1e-12);
        assert_eq!(of(Task::Regression, &[1, 99]), 1.0);
    }

    #[test]
    fn the_portfolio_keeps_to_the_model_type() {
        let only = portfolio(&["linear_learner"], SCALE);
        assert!(only.len() > 1 && only.iter().all(|candidate| candidate.algorithm == "linear_learner"));
    }
}
