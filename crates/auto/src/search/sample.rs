//! Which rows of a large table are searched on.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::SearchSpec;

/// Candidates are tried on at most this many cells, drawn by seed; the final fit sees all rows.
const SEARCH_CELLS: usize = 24_000_000;
/// With MAX_RUNTIME, on at most so many cells per second of it and output of the model,
const SEARCH_CELLS_PER_SECOND: f64 = 150_000.0;
/// but on so many rows at least.
const MIN_SEARCH_ROWS: usize = 20_000;
/// The raw outputs of a candidate, of all rows that it is tried on, are at most so many numbers,
const SEARCH_OUTPUTS: usize = 20_000_000;
/// or those of so many rows.
const LEAST_ROWS: usize = 2_000;

/// Rows drawn to search on.
pub(super) struct Drawn {
    pub(super) rows: Vec<bool>,
    pub(super) count: usize,
}

/// How many rows candidates are tried on at most.
fn search_rows(spec: &SearchSpec, num_columns: usize) -> usize {
    let cells = match spec.max_runtime {
        None => SEARCH_CELLS,
        Some(runtime) => {
            SEARCH_CELLS.min((runtime.as_secs_f64() * SEARCH_CELLS_PER_SECOND) as usize / spec.num_outputs().max(1))
        }
    };
    let rows = (cells / num_columns.max(1)).max(MIN_SEARCH_ROWS);
    rows.min((SEARCH_OUTPUTS / spec.num_outputs().max(1)).max(LEAST_ROWS))
}

/// The same share of the rows of every class, or of all rows of a regression, if there are more than can be searched on.
pub(super) fn draw(spec: &SearchSpec, target: &[f64], num_columns: usize, seed: u64) -> Option<Drawn> {
    let (num_rows, most) = (target.len(), search_rows(spec, num_columns));
    if num_rows <= most {
        return None;
    }
    let mut rng = ChaCha8Rng::seed_from_u64(!seed);
    let share = most as f64 / num_rows as f64;
    let class_of = |y: &f64| if spec.task.is_classification() { *y as usize } else { 0 };
    let mut left = vec![0usize; spec.num_classes.max(1)];
    target.iter().for_each(|y| left[class_of(y)] += 1);
    let mut wanted: Vec<usize> =
        left.iter().map(|rows| (share * *rows as f64 + rng.random::<f64>()) as usize).collect();
    // Selection sampling: Knuth, "The Art of Computer Programming" 2, 3.4.2, algorithm S.
    let draw = |y: &f64| {
        let class = class_of(y);
        let is_drawn = rng.random_range(0..left[class]) < wanted[class];
        left[class] -= 1;
        wanted[class] -= usize::from(is_drawn);
        is_drawn
    };
    let rows: Vec<bool> = target.iter().map(draw).collect();
    let count = rows.iter().filter(|drawn| **drawn).count();
    Some(Drawn { rows, count })
}
