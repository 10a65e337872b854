//! The rounds of boosting.

use datafusion_ml_core::{Error, FitContext, Result, TrainingData};

use super::bins::{Bins, Code, Survey};
use super::gradients::{CHUNK, Gradients};
use super::grow::Grower;
use super::model::XgboostModel;
use super::objective::{Objective, exp};
use super::sampling::Sampling;
use super::settings::Settings;
use super::sketch::Sketch;
use super::tree::Tree;
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
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .thread_name(|index| format!("xgboost-{index}"))
        .build()
        .map_err(|e| Error::internal(format!("no threads for training: {e}")))?;
    pool.install(|| {
        if data.num_rows() == 0 {
            return Err(Error::data("there are no rows to learn from; check the query's filters"));
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
    Survey { features, labels }: Survey,
    objective: Objective,
    settings: &Settings,
    context: &dyn FitContext,
) -> Result<XgboostModel> {
    let (num_rows, num_outputs) = (labels.len(), objective.num_outputs());
    let num_codes: usize = features.iter().map(|feature| feature.num_bins() + 1).sum();
    context.reserve(
        Bins::<C>::memory(num_rows, features.len())
            + Grower::<C>::memory(num_codes, num_rows, settings)
            // Margins, the label and softmax's normalizer.
            + num_rows * (Gradients::BYTES_PER_ROW + 4 * (num_outputs + 2)),
    )?;
    let bins = Bins::<C>::read(data, features, context)?;
    let base_scores = match settings.base_score {
        Some(score) => objective.check_base_score(score)?,
        None => objective.estimate_base_scores(&labels),
    };
    let mut margins: Vec<Vec<f32>> =
        base_scores.iter().map(|score| vec![objective.base_margin(*score); num_rows]).collect();
    let mut softmax = Softmax::default();
    let mut gradients = Gradients::new(num_rows);
    let mut grower = Grower::new(&bins, settings);
    let mut trees: Vec<Tree> = Vec::new();
    let report = |round: usize, loss: f64| {
        let (done, step) =
            (round as f64 / settings.num_round as f64, format!("round {round} of {}", settings.num_round));
        let name = format!("train-{}", objective.metric().name());
        context.progress(done, &step, Some((&name, loss)));
    };
    let mut rounds = 0;
    while rounds < settings.num_round {
        let loss = match objective {
            Objective::Softmax { .. } => softmax.normalize(&margins, &labels) / num_rows as f64,
            _ => objective.mean_loss(differentiate(&objective, &margins[0], &labels, &mut gradients), num_rows),
        };
        if rounds > 0 {
            report(rounds, loss);
        }
        for (class, margins) in margins.iter_mut().enumerate() {
            context.checkpoint()?;
            if let Objective::Softmax { .. } = objective {
                softmax.differentiate(class, margins, &labels, &mut gradients);
            }
            let sampling = Sampling::new(settings, bins.num_features(), trees.len());
            gradients.round(sampling.salt(), |row| sampling.has_row(row));
            let tree = grower.grow(&gradients, &sampling, class as u32, margins);
            context.reserve(tree.memory_size())?;
            trees.push(tree);
        }
        rounds += 1;
        if context.is_late() {
            break;
        }
    }
    let loss = match objective {
        Objective::Softmax { .. } => softmax.normalize(&margins, &labels) / num_rows as f64,
        _ => objective.mean_loss(differentiate(&objective, &margins[0], &labels, &mut gradients), num_rows),
    };
    report(rounds, loss);
    XgboostModel::try_new(
        objective,
        base_scores,
        trees,
        (data.feature_names().len(), data.feature_names().to_vec()),
        rounds < settings.num_round,
    )
}

/// Computes the derivatives of every row; returns the sum of losses.
fn differentiate(objective: &Objective, margins: &[f32], labels: &[f32], gradients: &mut Gradients) -> f64 {
    let rows = margins.chunks(CHUNK).zip(labels.chunks(CHUNK)).zip(gradients.values.chunks_mut(CHUNK)).collect();
    let losses = parallel::map(margins.len() * 5, rows, |((margins, labels), values)| {
        objective.derivatives(margins, labels, values);
        objective.loss(margins, labels)
    });
    losses.into_iter().sum()
}

/// What the classes of a row share.
#[derive(Debug, Default)]
struct Softmax {
    /// `ln(sum of e^margin)` of each row, as of the start of the round.
    normalizers: Vec<f32>,
}

impl Softmax {
    /// Prepares a round; returns how many rows are classified wrongly.
    fn normalize(&mut self, margins: &[Vec<f32>], labels: &[f32]) -> f64 {
        self.normalizers.resize(labels.len(), 0.0);
        let chunks = labels.chunks(CHUNK).zip(self.normalizers.chunks_mut(CHUNK)).enumerate().collect();
        let wrong = parallel::map(labels.len() * margins.len() * 4, chunks, |(chunk, (labels, normalizers))| {
            let range = chunk * CHUNK..chunk * CHUNK + labels.len();
            let mut largest = vec![f32::NEG_INFINITY; labels.len()];
            let mut best = vec![0f32; labels.len()];
            for (class, margins) in margins.iter().enumerate() {
                for ((largest, best), margin) in largest.iter_mut().zip(&mut best).zip(&margins[range.clone()]) {
                    *best = if *margin > *largest { class as f32 } else { *best };
                    *largest = largest.max(*margin);
                }
            }
            normalizers.fill(0.0);
            for margins in margins {
                for ((sum, largest), margin) in normalizers.iter_mut().zip(&largest).zip(&margins[range.clone()]) {
                    *sum += exp(margin - largest);
                }
            }
            normalizers.iter_mut().zip(&largest).for_each(|(sum, largest)| *sum = sum.ln() + largest);
            best.iter().zip(labels).filter(|(best, label)| best != label).count()
        });
        wrong.into_iter().sum::<usize>() as f64
    }

    /// Computes the derivatives by the margin of one class.
    fn differentiate(&self, class: usize, margins: &[f32], labels: &[f32], gradients: &mut Gradients) {
        let rows = margins.chunks(CHUNK).zip(self.normalizers.chunks(CHUNK)).zip(labels.chunks(CHUNK));
        let rows = rows.zip(gradients.values.chunks_mut(CHUNK)).collect();
        parallel::for_each(labels.len() * 4, rows, |(((margins, normalizers), labels), values)| {
            Objective::softmax_derivatives(class, margins, normalizers, labels, values);
        });
    }
}
