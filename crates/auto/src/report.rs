//! What SHOW MODEL says of a search: what was decided, and why.

use datafusion_ml_core::encoder::ColumnProfile;
use datafusion_ml_core::{Task, TrialStatus, metric_text};

use crate::calibration::Calibration;
use crate::choice::Choice;
use crate::cut::EVEN;
use crate::search::Search;

/// What there is to tell.
pub(crate) struct Decision<'a> {
    pub(crate) choice: &'a Choice,
    pub(crate) profiles: &'a [ColumnProfile],
    /// Whether MAX_RUNTIME ended the search.
    pub(crate) ran_out: bool,
    /// Whether MAX_RUNTIME cut a final fit off.
    pub(crate) is_cut: bool,
    /// Models in the ensemble, copies included.
    pub(crate) fits: usize,
}

/// Keys and values, in the order in which they are shown.
pub(crate) fn notes(search: &Search<'_>, decision: &Decision<'_>) -> Vec<(String, String)> {
    let mut notes: Vec<(String, String)> = Vec::new();
    let mut note = |key: &str, value: String| notes.push((key.to_owned(), value));
    note("Validation", validation(search, decision));
    let failed = search.entries.iter().filter(|entry| matches!(entry.status, TrialStatus::Failed(_))).count();
    let tried = search.entries.iter().filter(|entry| entry.fits > 0.0).count() + failed;
    let completed = search.entries.iter().filter(|entry| entry.raw.iter().all(Option::is_some)).count();
    let ended = if decision.ran_out { "; MAX_RUNTIME ended the search" } else { "" };
    note("Candidates", format!("{tried} tried, {completed} on every fold, {failed} failed{ended}; see ml_trials"));
    for (place, (number, weight)) in decision.choice.members.iter().enumerate() {
        let entry = &search.entries[*number];
        let options = search.final_options(*number, decision.choice.share);
        let options: Vec<String> = options.iter().map(|(name, value)| format!("{name} {value}")).collect();
        let copies = match decision.choice.copies {
            copies @ 2.. if entry.candidate.is_random() => format!(", the mean of {copies} seeds"),
            _ => String::new(),
        };
        let options = if options.is_empty() { "defaults".to_owned() } else { options.join(", ") };
        note(
            if place == 0 { "Members" } else { "" },
            format!("{:.0} % {} ({options}){copies}", weight * 100.0, entry.candidate.algorithm),
        );
    }
    if let Some(text) = final_fit(search, decision) {
        note("Final Fit", text);
    }
    let gain = decision.choice.losses.filter(|(model, best)| model < best);
    if let (Some((model, best)), 2..) = (gain, decision.choice.members.len()) {
        let loss = if search.task() == Task::Regression { "mean squared error" } else { "log loss" };
        note(
            "Ensemble Gain",
            format!(
                "{loss} {} out of fold, {} of the best candidate alone; a prediction evaluates {} models",
                metric_text(model),
                metric_text(best),
                decision.fits
            ),
        );
    }
    if search.task().is_classification() {
        let Calibration { scale, offset } = decision.choice.calibration;
        note(
            "Calibration",
            match (decision.choice.calibration == Calibration::NONE, search.task()) {
                (true, _) => "none: it would not lower the log loss out of fold".to_owned(),
                (_, Task::BinaryClassification) => format!("Platt: log-odds times {scale:.4} plus {offset:.4}"),
                _ => format!("temperature {:.4}", 1.0 / scale),
            },
        );
    }
    if decision.choice.cut != EVEN {
        let text =
            format!("the second class above probability {:.4}, where F1 is highest out of fold", decision.choice.cut);
        notes.push(("Label".to_owned(), text));
    }
    notes.push((String::new(), String::new()));
    notes.push(("COLUMNS:".to_owned(), String::new()));
    notes.extend(decision.profiles.iter().map(|profile| (profile.name.clone(), profile.note.clone())));
    notes
}

/// What MAX_RUNTIME did to the final fit.
fn final_fit(search: &Search<'_>, decision: &Decision<'_>) -> Option<String> {
    let remedy = "raise MAX_RUNTIME, or lower MAX_CELLS";
    let differs = |(number, _): &(usize, f64)| {
        search.final_options(*number, decision.choice.share) != search.final_options(*number, 1.0)
    };
    match decision.choice {
        _ if decision.is_cut => Some(format!("cut off by MAX_RUNTIME, so that there is no validated metric; {remedy}")),
        choice if choice.members.iter().any(differs) => Some(format!(
            "in fewer, larger steps than were validated, since there was {:.0} % of the time that those take; {remedy}",
            choice.share * 100.0
        )),
        choice if search.fits_on_sample(choice.members[0].0, choice.share) => {
            Some(format!("on the sample of {} rows, for want of time for all; {remedy}", search.rows.num_rows()))
        }
        choice if !choice.left_out.is_empty() => {
            Some(format!("without {} candidates that take too long, for want of time; {remedy}", choice.left_out.len()))
        }
        Choice { refusal: Some(refusal), refused, .. } => Some(format!(
            "without {} of the members that were chosen, of which one could not be fitted on all rows: {}",
            refused.len(),
            refusal.message()
        )),
        _ => None,
    }
}

fn validation(search: &Search<'_>, decision: &Decision<'_>) -> String {
    let rows = search.rows.num_rows();
    let of = if search.is_sampled { format!("a sample of {rows} rows") } else { format!("{rows} rows") };
    match (decision.choice.losses, search.division.held_out) {
        (None, _) => "none: there are too few rows, or there was too little time".to_owned(),
        (Some(_), 1) => format!("one of {} folds of {of} held out", search.division.folds),
        (Some(_), folds) if folds < search.division.folds => {
            format!("{folds} of {} folds of {of} held out in turn", search.division.folds)
        }
        (Some(_), folds) => {
            let deals = match folds / search.division.folds {
                1 => String::new(),
                deals => format!(" dealt {deals} times"),
            };
            format!("{}-fold cross-validation of {of}{deals}", search.division.folds)
        }
    }
}
