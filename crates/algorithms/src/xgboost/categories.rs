//! The categories of a categorical split.

use datafusion_ml_core::{Error, Result};

/// Beyond it single precision does not tell whole numbers apart.
const MOST: u32 = 1 << 24;

/// Categories of a feature, which are whole numbers from 0.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Categories(Vec<u32>);

impl Categories {
    /// Categories in any order; fails if there is none, or one that single precision does not hold.
    pub(super) fn try_new(mut categories: Vec<u32>) -> Result<Self> {
        categories.sort_unstable();
        categories.dedup();
        match categories.last() {
            None => Err(Error::storage("a split of a tree has no categories; the model is damaged")),
            Some(highest) if *highest >= MOST => {
                Err(Error::storage(format!("a split of a tree has the category {highest}; the model is damaged")))
            }
            Some(_) => Ok(Self(categories)),
        }
    }

    /// The categories, ascending.
    pub(super) fn as_slice(&self) -> &[u32] {
        &self.0
    }

    /// Whether a value, its fraction dropped, is one of them; no value below zero is, nor is NaN.
    pub(super) fn contains(&self, value: f32) -> bool {
        value >= 0.0 && value < MOST as f32 && self.0.binary_search(&(value as u32)).is_ok()
    }

    /// The least values that are, are not, are, ... among them: a value that has reached an odd number of these is.
    pub(super) fn bounds(&self) -> impl Iterator<Item = f32> {
        self.0.chunk_by(|a, b| a + 1 == *b).flat_map(|run| [run[0] as f32, (run[0] + run.len() as u32) as f32])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_between_bounds_are_those_of_the_categories() {
        let categories = Categories::try_new(vec![7, 3, 0, 4, 3, MOST - 1]).unwrap();
        assert_eq!(categories.as_slice(), [0, 3, 4, 7, MOST - 1]);
        assert_eq!(categories.bounds().collect::<Vec<_>>(), [0.0, 1.0, 3.0, 5.0, 7.0, 8.0, 16_777_215.0, 16_777_216.0]);
        let highest = (MOST - 1) as f32;
        for value in [0.0, -0.0, 0.9, 3.0, 4.99, 7.0, highest] {
            assert!(categories.contains(value), "{value}");
        }
        for value in [-0.5, -3.0, 1.0, 2.99, 5.0, 8.0, highest + 1.0, f32::INFINITY, f32::NEG_INFINITY, f32::NAN] {
            assert!(!categories.contains(value), "{value}");
        }
    }

    #[test]
    fn no_categories_and_too_high_ones_are_damage() {
        assert!(Categories::try_new(vec![]).unwrap_err().to_string().contains("has no categories"));
        assert!(Categories::try_new(vec![1, MOST]).unwrap_err().to_string().contains("the category 16777216"));
    }
}
