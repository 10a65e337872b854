//! Losses of margins, the outputs of the last layer.

use datafusion_ml_core::{Error, FitRequest, Metric, Result, Task};

/// The loss of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Loss {
    /// Squared error of one margin.
    Squared,
    /// `ln(1 + exp(-m))` of the margin of the true one of two classes.
    Logistic,
    /// Cross entropy of softmax over one margin per class.
    Softmax(usize),
}

impl Loss {
    /// The loss of a task.
    pub(super) fn of(request: &FitRequest) -> Result<Self> {
        match request.task {
            Task::Regression => Ok(Self::Squared),
            Task::BinaryClassification => Ok(Self::Logistic),
            Task::MulticlassClassification => Ok(Self::Softmax(request.num_classes.max(1))),
            other => Err(Error::invalid(format!("mlp cannot learn a {other}"))),
        }
    }

    /// The number of margins.
    pub(super) fn outputs(self) -> usize {
        match self {
            Self::Squared | Self::Logistic => 1,
            Self::Softmax(classes) => classes,
        }
    }

    /// The metric that it is the mean of.
    pub(super) fn metric(self) -> Metric {
        match self {
            Self::Squared => Metric::Mse,
            _ => Metric::LogLoss,
        }
    }

    /// The sum of the losses of some rows.
    pub(super) fn sum(self, margins: &[f32], target: &[f32]) -> f64 {
        let rows = margins.chunks_exact(self.outputs()).zip(target);
        rows.map(|(margins, y)| f64::from(self.of_row(margins, *y))).sum()
    }

    /// The same, with margins replaced by the derivatives of the losses, times `factor`.
    pub(super) fn differentiate(self, margins: &mut [f32], target: &[f32], factor: f32) -> f64 {
        let sum = self.sum(margins, target);
        for (margins, y) in margins.chunks_exact_mut(self.outputs()).zip(target) {
            match self {
                Self::Squared => margins[0] = 2.0 * factor * (margins[0] - y),
                Self::Logistic => margins[0] = factor * (1.0 / (1.0 + (-margins[0]).exp()) - y),
                Self::Softmax(_) => {
                    softmax(margins);
                    margins[*y as usize] -= 1.0;
                    margins.iter_mut().for_each(|derivative| *derivative *= factor);
                }
            }
        }
        sum
    }

    fn of_row(self, margins: &[f32], y: f32) -> f32 {
        match self {
            Self::Squared => (margins[0] - y) * (margins[0] - y),
            Self::Logistic => margins[0].max(0.0) - margins[0] * y + (-margins[0].abs()).exp().ln_1p(),
            Self::Softmax(_) => {
                let largest = margins.iter().fold(f32::NEG_INFINITY, |a, b| a.max(*b));
                let sum: f32 = margins.iter().map(|margin| (margin - largest).exp()).sum();
                largest + sum.ln() - margins[y as usize]
            }
        }
    }
}

/// Makes margins shares that sum to 1.
fn softmax(margins: &mut [f32]) {
    let largest = margins.iter().fold(f32::NEG_INFINITY, |a, b| a.max(*b));
    margins.iter_mut().for_each(|margin| *margin = (*margin - largest).exp());
    let sum: f32 = margins.iter().sum();
    margins.iter_mut().for_each(|share| *share /= sum);
}
