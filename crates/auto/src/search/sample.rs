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
    (cells / num_columns.max(1)).max(MIN_SEARCH_ROWS)
}

/// A uniform sample of about `most` rows, if there are more.
pub(super) fn draw(spec: &SearchSpec, num_rows: usize, num_columns: usize, seed: u64) -> Option<Drawn> {
    let most = search_rows(spec, num_columns);
    if num_rows <= most {
        return None;
    }
    let mut rng = ChaCha8Rng::seed_from_u64(!seed);
    let share = most as f64 / num_rows as f64;
    let rows: Vec<bool> = (0..num_rows).map(|_| rng.random_bool(share)).collect();
    let count = rows.iter().filter(|drawn| **drawn).count();
    Some(Drawn { rows, count })
}
