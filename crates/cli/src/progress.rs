//! The progress line of a training: model, bar, step and metric, on standard error while it lasts.

use datafusion_ml::TrainingProgress;
use datafusion_ml::core::metric_text;
use indicatif::{ProgressBar, ProgressStyle};
use parking_lot::Mutex;

/// The line. It is drawn from the first report of a training until the training ends or its statement is given up.
#[derive(Debug, Default)]
pub(crate) struct ProgressLine {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
enum State {
    /// Reports are not drawn: a training that is cancelled may go on for a moment, while the prompt is back.
    #[default]
    Hidden,
    /// The next report is drawn.
    Awaited,
    Drawn(ProgressBar),
}

/// Hides the line when it is dropped.
pub(crate) struct Shown<'a>(&'a ProgressLine);

impl Drop for Shown<'_> {
    fn drop(&mut self) {
        self.0.turn(State::Hidden);
    }
}

/// The length of the bar in steps.
const STEPS: u64 = 1000;

impl ProgressLine {
    /// Draws what is reported for as long as the answer lives.
    pub(crate) fn show(&self) -> Shown<'_> {
        self.turn(State::Awaited);
        Shown(self)
    }

    fn turn(&self, state: State) {
        if let State::Drawn(bar) = std::mem::replace(&mut *self.state.lock(), state) {
            bar.finish_and_clear();
        }
    }
}

impl TrainingProgress for ProgressLine {
    fn update(&self, model: &str, done: f64, step: &str, metric: Option<(&str, f64)>) {
        let mut state = self.state.lock();
        if let State::Awaited = *state {
            *state = State::Drawn(new_bar());
        }
        let State::Drawn(bar) = &*state else { return };
        bar.set_prefix(model.to_owned());
        bar.set_message(match metric {
            Some((name, value)) => format!("{step}, {name} {}", metric_text(value)),
            None => step.to_owned(),
        });
        bar.set_position((done.clamp(0.0, 1.0) * STEPS as f64) as u64);
    }

    fn finish(&self, _: &str) {
        let mut state = self.state.lock();
        if let State::Drawn(bar) = &*state {
            bar.finish_and_clear();
            *state = State::Awaited;
        }
    }
}

fn new_bar() -> ProgressBar {
    let bar = ProgressBar::new(STEPS);
    if let Ok(style) = ProgressStyle::with_template("{prefix} {bar:30.cyan/dim} {elapsed} {msg}") {
        bar.set_style(style);
    }
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_are_drawn_only_while_the_line_is_shown() {
        let line = ProgressLine::default();
        let is_drawn = || matches!(*line.state.lock(), State::Drawn(_));
        line.update("m", 0.1, "round 1 of 10", None);
        assert!(!is_drawn());
        {
            let _shown = line.show();
            line.update("m", 0.2, "round 2 of 10", Some(("train:rmse", 1.5)));
            assert!(is_drawn());
            line.finish("m");
            assert!(!is_drawn());
            line.update("next", 0.1, "round 1 of 10", None);
            assert!(is_drawn());
        }
        line.update("m", 0.3, "round 3 of 10", None);
        assert!(!is_drawn());
    }
}
