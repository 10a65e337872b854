//! The progress line of a training: model, bar, step and metric, on standard error while it lasts.

use datafusion_ml::TrainingProgress;
use indicatif::{ProgressBar, ProgressStyle};
use parking_lot::Mutex;

/// The line, drawn from the first report until training ends.
#[derive(Debug, Default)]
pub(crate) struct ProgressLine {
    bar: Mutex<Option<ProgressBar>>,
}

/// The length of the bar in steps.
const STEPS: u64 = 1000;

impl TrainingProgress for ProgressLine {
    fn update(&self, model: &str, done: f64, step: &str, metric: Option<(&str, f64)>) {
        let mut bar = self.bar.lock();
        let bar = bar.get_or_insert_with(|| {
            let bar = ProgressBar::new(STEPS);
            if let Ok(style) = ProgressStyle::with_template("{prefix} {bar:30.cyan/dim} {msg} {elapsed}") {
                bar.set_style(style);
            }
            bar
        });
        bar.set_prefix(model.to_owned());
        bar.set_position((done.clamp(0.0, 1.0) * STEPS as f64) as u64);
        bar.set_message(match metric {
            Some((name, value)) => format!("{step}, {name} {value:.6}"),
            None => step.to_owned(),
        });
    }

    fn finish(&self, _: &str) {
        if let Some(bar) = self.bar.lock().take() {
            bar.finish_and_clear();
        }
    }
}
