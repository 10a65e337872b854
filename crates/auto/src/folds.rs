//! Which fold each row belongs to.

use datafusion_ml_core::Task;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

/// How rows are divided to validate candidates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Division {
    /// The number of folds that rows are dealt to.
    pub(crate) folds: u8,
    /// How many of them are held out in turn: all in a cross-validation, one where there are many rows.
    pub(crate) held_out: u8,
}

/// More rows than this are validated on one fold.
const CROSS_VALIDATED_ROWS: usize = 50_000;
/// Fewer rows than this are dealt to ten folds.
pub(crate) const FEW_ROWS: usize = 1_000;
/// On fewer rows than this a candidate may look better than another by chance.
pub(crate) const TELLING_ROWS: usize = 100;
/// Candidates that there should be time for.
const CANDIDATES: f64 = 8.0;

impl Division {
    /// The division of so many rows: ten folds below 1,000 rows, five below 50,000, beyond that one fifth held out; no more
    /// folds than there are pairs of rows.
    pub(crate) fn of(num_rows: usize) -> Self {
        let folds = if num_rows < FEW_ROWS { 10 } else { 5 }.min(num_rows / 2).max(2) as u8;
        Self { folds, held_out: if num_rows > CROSS_VALIDATED_ROWS { 1 } else { folds } }
    }

    /// The same with only so many folds held out that half of the time is enough for several candidates, of which a fit
    /// takes about `seconds`. If that leaves too few rows to tell candidates apart, so many that it is enough for two.
    pub(crate) fn within(self, runtime: f64, seconds: f64, num_rows: usize) -> Self {
        let affordable = affordable_folds(runtime, seconds);
        let telling = (TELLING_ROWS * usize::from(self.folds)).div_ceil(num_rows.max(1)) as f64;
        let folds = affordable.max(telling.min(affordable * CANDIDATES / 2.0));
        Self { held_out: self.held_out.min(folds.clamp(1.0, 255.0) as u8), ..self }
    }
}

/// The folds on which there is time for several candidates, of which a fit takes about `seconds`; below 1 there is not
/// even time for one.
pub(crate) fn affordable_folds(runtime: f64, seconds: f64) -> f64 {
    runtime / 2.0 / (CANDIDATES * seconds.max(1e-6))
}

/// Deals rows to folds by seed: of every class, or of rows next to each other by the size of their target, each fold gets
/// the same share, give or take one. The rarest class is dealt first, since the last folds may not be held out.
pub(crate) fn deal(target: &[f64], task: Task, folds: u8, seed: u64) -> Vec<u8> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut order: Vec<u32> = (0..target.len() as u32).collect();
    // Rows of equal targets come in random order, not in that of the query.
    order.shuffle(&mut rng);
    let mut dealt = vec![0; target.len()];
    if task.is_classification() {
        let class = |row: &u32| target[*row as usize] as usize;
        let mut counts: Vec<u32> = Vec::new();
        for row in &order {
            counts.resize(counts.len().max(class(row) + 1), 0);
            counts[class(row)] += 1;
        }
        order.sort_by_key(|row| (counts[class(row)], class(row)));
        // The folds take turns, so that classes smaller than the number of folds do not all meet in the first.
        for (turn, row) in order.iter().enumerate() {
            dealt[*row as usize] = (turn % usize::from(folds)) as u8;
        }
    } else {
        order.sort_by(|a, b| target[*a as usize].total_cmp(&target[*b as usize]));
        let mut hand: Vec<u8> = (0..folds).collect();
        for neighbours in order.chunks(usize::from(folds)) {
            hand.shuffle(&mut rng);
            for (row, fold) in neighbours.iter().zip(&hand) {
                dealt[*row as usize] = *fold;
            }
        }
    }
    dealt
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fold_gets_its_share_of_every_class() {
        let target: Vec<f64> = (0..103).map(|row| f64::from(u8::from(row % 10 == 0))).collect();
        let dealt = deal(&target, Task::BinaryClassification, 5, 7);
        for fold in 0..5 {
            let rows = (0..103).filter(|row| dealt[*row] == fold);
            let (ones, all) = rows.fold((0.0, 0), |(ones, all), row| (ones + target[row], all + 1));
            assert!((2.0..=3.0).contains(&ones) && (20..=21).contains(&all), "{ones} of {all}");
        }
        let of_rare =
            |rare: f64| deal(&[[rare; 2].as_slice(), &[1.0 - rare; 98]].concat(), Task::BinaryClassification, 5, 7);
        for rare in [0.0, 1.0] {
            let mut folds = of_rare(rare)[..2].to_vec();
            folds.sort_unstable();
            assert_eq!(folds, [0, 1], "one fold may be all that is held out");
        }
        assert_ne!(dealt, deal(&target, Task::BinaryClassification, 5, 8));
        assert_eq!(dealt, deal(&target, Task::BinaryClassification, 5, 7));
    }

    #[test]
    fn every_fold_gets_its_share_of_large_and_small_targets() {
        let target: Vec<f64> = (0..1000).map(|row| f64::from(row).exp2().min(1e300)).collect();
        let dealt = deal(&target, Task::Regression, 5, 7);
        for half in [0..500, 500..1000] {
            let mut counts = [0; 5];
            half.for_each(|row| counts[usize::from(dealt[row])] += 1);
            assert_eq!(counts, [100; 5]);
        }
    }

    #[test]
    fn few_rows_are_divided_often_and_many_once() {
        let of = |rows| {
            let division = Division::of(rows);
            (division.folds, division.held_out)
        };
        assert_eq!(of(1), (2, 2));
        assert_eq!(of(5), (2, 2));
        assert_eq!(of(200), (10, 10));
        assert_eq!(of(5_000), (5, 5));
        assert_eq!(of(1_000_000), (5, 1));
        let within = |rows, runtime, seconds| Division::of(rows).within(runtime, seconds, rows).held_out;
        assert_eq!([within(5_000, 60.0, 0.1), within(5_000, 10.0, 0.2), within(5_000, 10.0, 5.0)], [5, 3, 1]);
        assert_eq!([within(200, 6.0, 0.1), within(200, 6.0, 0.4), within(200, 6.0, 3.0)], [5, 3, 1]);
    }
}
