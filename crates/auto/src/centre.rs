//! Numbers far from zero, such as seconds since 1970: boosting works in single precision, which has no digits left for what
//! differs between them. They are learned as differences from a number in their midst, which the ensemble adds again.

use datafusion_ml_core::{Result, Task};

use crate::rows::{RawBlock, RawRows};

/// So many standard deviations from zero, single precision keeps three digits of a deviation, and fewer beyond.
const FAR: f64 = 1e4;

/// What is subtracted from targets: a whole number near the mean of a regression's, if zero is far from them; else 0.
pub(crate) fn centre(task: Task, target: &[f64]) -> f64 {
    if task != Task::Regression || target.is_empty() {
        return 0.0;
    }
    let count = target.len() as f64;
    let mean = target.iter().map(|y| y / count).sum::<f64>();
    let deviation = target.iter().map(|y| (y - mean).powi(2) / count).sum::<f64>().sqrt();
    if deviation > 0.0 && mean.abs() > FAR * deviation { mean.round() } else { 0.0 }
}

/// Rows whose targets are less by a number.
pub(crate) struct Centred<'a> {
    pub(crate) rows: &'a dyn RawRows,
    pub(crate) centre: f64,
}

impl RawRows for Centred<'_> {
    fn num_rows(&self) -> usize {
        self.rows.num_rows()
    }

    fn blocks(&self) -> Box<dyn Iterator<Item = Result<RawBlock>> + Send + '_> {
        if self.centre == 0.0 {
            return self.rows.blocks();
        }
        let centred = |block: Result<RawBlock>| {
            block.map(|mut block| {
                block.target.iter_mut().for_each(|y| *y -= self.centre);
                block
            })
        };
        Box::new(self.rows.blocks().map(centred))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_targets_far_from_zero_are_moved() {
        assert_eq!(centre(Task::Regression, &[1.7e9, 1.7e9 + 10.0]), 1_700_000_005.0);
        for target in [vec![1.0, 2.0], vec![5.0, 5.0], vec![-1e6, 1e6], vec![]] {
            assert_eq!(centre(Task::Regression, &target), 0.0, "{target:?}");
        }
        assert_eq!(centre(Task::BinaryClassification, &[1e9, 1e9 + 1.0]), 0.0);
    }
}
