//! The rounds of boosting.

use datafusion_ml_core::{Error, FitContext, Result, TrainingData};

use super::bins::{Bins, Code};
use super::derivatives::{Softmax, Source};
use super::gradients::{Narrow, Scale, Wide};
use super::grow::Grower;
use super::model::XgboostModel;
use super::objective::Objective;
use super::rows::RowLists;
use super::sampling::Sampling;
use super::settings::Settings;
use super::sketch::Sketch;
use super::survey::Survey;
use super::tree::Tree;
use super::validation::{BestRound, Score, Validation};
use crate::parallel;

/// Cells below which a second thread costs more than it gives.
const SERIAL_CELLS: usize = 1 << 18;

/// Fits a model.
pub(super) fn fit(
    data: &dyn TrainingData,
    objective: Objective,
    settings: &Settings,
    context: &dyn FitContext,
) -> Result<XgboostModel> {
    let cells = data.num_rows().saturating_mul(data.feature_names().len());
    let threads = if cells < SERIAL_CELLS { 1 } else { settings.threads };
    parallel::on_threads(threads, || {
        if data.num_rows() == 0 {
            return Err(Error::data("there are no rows to learn from; check the query's filters"));
        }
        if data.feature_names().is_empty() {
            return Err(Error::data("there is no feature to learn from; select at least one more column"));
        }
        if u32::try_from(data.num_rows()).is_err() {
            return Err(Error::data(format!("{} rows are too many; train on a sample of 4 billion", data.num_rows())));
        }
        context.reserve(data.feature_names().len().saturating_mul(Sketch::memory(data.num_rows())))?;
        let survey = Survey::read(data, &objective, settings.max_bin, context)?;
        if survey.labels.len() != data.num_rows() {
            return Err(Error::internal("the training data has another number of rows than it says"));
        }
        if survey.fits_u8() {
            boost::<u8>(data, survey, objective, settings, context)
        } else {
            boost::<u16>(data, survey, objective, settings, context)
        }
    })
}

fn boost<C: Code>(
    data: &dyn TrainingData,
    Survey { features, layout, labels }: Survey,
    objective: Objective,
    settings: &Settings,
    context: &dyn FitContext,
) -> Result<XgboostModel> {
    let (num_rows, num_outputs) = (labels.len(), objective.num_outputs());
    context.reserve(
        Grower::<C>::memory(layout.num_codes(), num_rows, settings)
            // Margins, the label and softmax's normalizer.
            + num_rows * (RowLists::<Wide>::BYTES_PER_ROW + 4 * (num_outputs + 2)),
    )?;
    let bins = Bins::<C>::read(data, features, layout, context)?;
    let base_scores = match settings.base_score {
        Some(score) => objective.check_base_score(score)?,
        None => objective.estimate_base_scores(&labels),
    };
    let base: Vec<f32> = base_scores.iter().map(|score| objective.base_margin(*score)).collect();
    let mut validation = Validation::read(data, &objective, &base, context)?;
    let mut margins: Vec<Vec<f32>> = base.iter().map(|margin| vec![*margin; num_rows]).collect();
    let mut softmax = Softmax::default();
    let mut rows = Rows::Narrow(RowLists::new(num_rows));
    let mut grower = Grower::new(&bins, settings, objective.noise(&labels));
    let mut trees: Vec<Tree> = Vec::new();
    let report = Report { objective: &objective, num_rows, num_round: settings.num_round, context };
    let mut score = None;
    let mut best = BestRound::new(settings.early_stopping_rounds);
    let (mut rounds, mut is_late) = (0, false);
    'rounds: while rounds < settings.num_round {
        let wrong = softmax.normalize(&objective, &margins, &labels);
        for (class, margins) in margins.iter_mut().enumerate() {
            context.checkpoint()?;
            if rounds > 0 && class > 0 && context.is_late() {
                // There may be many classes: a round that is not finished does not count.
                trees.truncate(rounds * num_outputs);
                is_late = true;
                break 'rounds;
            }
            let source = Source { objective: &objective, softmax: &softmax, class, margins, labels: &labels };
            let (extent, loss) = source.extent();
            if rounds > 0 && class == 0 {
                report.round(rounds, wrong + loss, score);
            }
            let sampling = Sampling::new(settings, bins.num_features(), trees.len());
            let scale = Scale::new(&extent, num_rows);
            let tree = match rows.of(scale, num_rows) {
                Rows::Narrow(rows) => {
                    let total = scale.round(&source, &sampling, rows.entries_mut());
                    grower.grow(rows, (scale, total), &sampling, class as u32, margins)
                }
                Rows::Wide(rows) => {
                    let total = scale.round(&source, &sampling, rows.entries_mut());
                    grower.grow(rows, (scale, total), &sampling, class as u32, margins)
                }
            };
            context.reserve(tree.memory_size())?;
            trees.push(tree);
        }
        rounds += 1;
        score = validation.as_mut().map(|rows| rows.add(&trees[trees.len() - num_outputs..]));
        if score.is_some_and(|score| best.is_over(rounds, score.to_lower())) {
            break;
        }
        is_late = rounds < settings.num_round && context.is_late();
        if is_late {
            break;
        }
    }
    let wrong = softmax.normalize(&objective, &margins, &labels);
    let source = Source { objective: &objective, softmax: &softmax, class: 0, margins: &margins[0], labels: &labels };
    report.round(rounds, wrong + source.total_loss(), score);
    if settings.stops_early() && best.round() > 0 {
        trees.truncate(best.round() * num_outputs);
    }
    XgboostModel::try_new(
        objective,
        base_scores,
        trees,
        (data.feature_names().len(), data.feature_names().to_vec()),
        is_late,
    )
}

/// Tells the surroundings of every round.
struct Report<'a> {
    objective: &'a Objective,
    num_rows: usize,
    num_round: usize,
    context: &'a dyn FitContext,
}

impl Report<'_> {
    /// A round, counting from 1, with the sum of its losses and its score on the rows held out.
    fn round(&self, round: usize, loss: f64, score: Option<Score>) {
        let (metric, value) = (self.objective.metric().name(), self.objective.mean_loss(loss, self.num_rows));
        let step = format!("round {round} of {}", self.num_round);
        self.context.progress(round as f64 / self.num_round as f64, &step, Some((&format!("train-{metric}"), value)));
        let names = [format!("train:{metric}"), format!("validation:{metric}"), "validation:logloss".to_owned()];
        let values = [Some(value), score.map(|score| score.metric), score.and_then(|score| score.log_loss)];
        let known = names.iter().zip(values).filter_map(|(name, value)| Some((name.as_str(), value?)));
        self.context.record(round, &known.collect::<Vec<_>>());
    }
}

/// The rows of the growing tree with derivatives in either form.
#[derive(Debug)]
enum Rows {
    Narrow(RowLists<Narrow>),
    Wide(RowLists<Wide>),
}

impl Rows {
    /// The lists in the form of a scale, made anew where the form changes.
    fn of(&mut self, scale: Scale, num_rows: usize) -> &mut Self {
        let is_narrow = matches!(self, Self::Narrow(_));
        if is_narrow != scale.is_narrow {
            // The old lists are freed before the new ones are made.
            *self = Self::Narrow(RowLists::new(0));
            *self = if scale.is_narrow {
                Self::Narrow(RowLists::new(num_rows))
            } else {
                Self::Wide(RowLists::new(num_rows))
            };
        }
        self
    }
}
