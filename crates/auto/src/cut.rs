//! The probability above which a row is said to be of class 1 of two.
//!
//! It is one half, unless OBJECTIVE asks for F1, which is highest elsewhere where classes differ in size: at half of the
//! highest F1 there is, if probabilities are calibrated (Lipton, Elkan, Naryanaswamy, "Optimal thresholding of classifiers to
//! maximize F1 measure", 2014, theorem 1).

use datafusion_ml_core::RawOutputs;

use crate::objective::sigmoid;

/// Both classes alike.
pub(crate) const EVEN: f64 = 0.5;

/// By how much F1 has to rise, out of fold.
const WORTHWHILE: f64 = 0.01;

/// The cut of the highest F1, if it is worthwhile: what is learned from one half of the rows has to help in the other, and
/// the other way round. `raw` are calibrated log-odds out of fold; `is_odd` says which half a row is of.
pub(crate) fn learn(raw: &RawOutputs, target: &[f64], is_odd: &[bool]) -> f64 {
    let rows = || raw.values.iter().map(|margin| sigmoid(*margin)).zip(target.iter().copied());
    let part = |odd: bool| rows().zip(is_odd).filter(|(_, is_odd)| **is_odd == odd).map(|(row, _)| row).collect();
    let halves: [Vec<(f64, f64)>; 2] = [part(false), part(true)];
    if halves.iter().any(Vec::is_empty) {
        return EVEN;
    }
    let [even, odd] = &halves;
    let (of_even, of_odd) = (highest_f1(even) / 2.0, highest_f1(odd) / 2.0);
    let learned = counts(even, of_odd).into_iter().zip(counts(odd, of_even)).map(|(a, b)| a + b);
    let all: Vec<(f64, f64)> = rows().collect();
    if f1(learned.collect()) > f1(counts(&all, EVEN)) + WORTHWHILE { highest_f1(&all) / 2.0 } else { EVEN }
}

/// True and false positives, and positives, of pairs of a probability and a target.
fn counts(rows: &[(f64, f64)], cut: f64) -> Vec<f64> {
    let said = || rows.iter().filter(|(probability, _)| *probability > cut);
    let positives = |rows: &mut dyn Iterator<Item = &(f64, f64)>| rows.map(|(_, y)| y).sum::<f64>();
    let right = positives(&mut said());
    vec![right, said().count() as f64 - right, positives(&mut rows.iter())]
}

fn f1(counts: Vec<f64>) -> f64 {
    let [right, wrong, positives] = counts[..] else { return 0.0 };
    2.0 * right / (right + wrong + positives).max(1.0)
}

/// The highest F1 of any cut.
pub(crate) fn highest_f1(rows: &[(f64, f64)]) -> f64 {
    let mut rows = rows.to_vec();
    rows.sort_by(|a, b| b.0.total_cmp(&a.0));
    let positives: f64 = rows.iter().map(|(_, y)| y).sum();
    let (mut right, mut highest) = (0.0, 0.0f64);
    for (place, (probability, y)) in rows.iter().enumerate() {
        right += y;
        // Rows of one probability are on the same side of every cut.
        if rows.get(place + 1).is_none_or(|(next, _)| next < probability) {
            highest = highest.max(f1(vec![right, (place + 1) as f64 - right, positives]));
        }
    }
    highest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rare_class_is_said_where_f1_is_highest() {
        // Of 1,000 rows at log-odds -2 a tenth is of class 1, of 9,000 at -6 a thousandth.
        let rows = (0..10_000).map(|row| match row % 10 {
            0 => (-2.0, f64::from(u8::from(row % 100 == 0))),
            _ => (-6.0, f64::from(u8::from(row % 1_000 == 1))),
        });
        let (values, target): (Vec<f64>, Vec<f64>) = rows.unzip();
        let is_odd: Vec<bool> = (0..10_000).map(|row| row / 1_000 % 2 == 1).collect();
        let cut = learn(&RawOutputs { num_outputs: 1, values }, &target, &is_odd);
        // 100 of 1,000 are right, of 110: 200 / 1,110.
        assert!((cut - 100.0 / 1_110.0).abs() < 1e-12, "{cut}");
    }

    #[test]
    fn classes_of_one_size_are_told_apart_at_one_half() {
        let values: Vec<f64> = (0..1_000).map(|row| f64::from(row % 2) * 2.0 - 1.0).collect();
        let target: Vec<f64> = (0..1_000).map(|row| f64::from(u8::from((row % 2 == 1) != (row % 5 == 0)))).collect();
        let is_odd: Vec<bool> = (0..1_000).map(|row| row / 100 % 2 == 1).collect();
        assert_eq!(learn(&RawOutputs { num_outputs: 1, values }, &target, &is_odd), EVEN);
        assert_eq!(learn(&RawOutputs { num_outputs: 1, values: vec![] }, &[], &[]), EVEN);
    }
}
