//! Free text: its length, its number of words, and which of the frequent words it has.

use arrow::array::ArrayRef;
use serde::{Deserialize, Serialize};

use super::categories::{Categories, TextMap, for_each_text};
use super::standard::{Standard, StandardLearner};
use crate::{FeatureColumn, Result};

/// So many words become indicators, the most frequent ones.
pub const MAX_WORDS: usize = 64;

/// So many distinct words are counted; later ones are not.
const MAX_COUNTED_WORDS: usize = 100_000;

/// Longer words are no words.
const MAX_WORD_BYTES: usize = 64;

/// The features of a column of free text: characters, words, and one indicator per known word.
///
/// Words are runs of letters and digits, in lower case. NULL has no word; its length is missing, or the mean where
/// `scaling` is given.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Words {
    words: Categories,
    scaling: Option<[Standard; 2]>,
}

/// Counts in how many texts each word occurs.
#[derive(Debug, Default)]
pub(crate) struct WordsLearner {
    /// Of each word: the number of texts that have it, and the last of them.
    counts: TextMap<(u64, u64)>,
    texts: u64,
    lengths: [StandardLearner; 2],
}

impl WordsLearner {
    pub(crate) fn observe(&mut self, array: &ArrayRef) -> Result<()> {
        let mut buffer = String::new();
        for_each_text(array.as_ref(), &mut |text| {
            let Some(text) = text else { return };
            self.texts += 1;
            let mut words = 0;
            let is_full = self.counts.len() >= MAX_COUNTED_WORDS;
            for_each_word(text, &mut buffer, |word| {
                words += 1;
                match self.counts.get_mut(word) {
                    Some((_, last)) if *last == self.texts => {}
                    Some((count, last)) => (*count, *last) = (*count + 1, self.texts),
                    None if !is_full => {
                        self.counts.insert(word.to_owned(), (1, self.texts));
                    }
                    None => {}
                }
            });
            self.lengths[0].add(text.chars().count() as f64);
            self.lengths[1].add(f64::from(words));
        })
    }

    /// Known are the [`MAX_WORDS`] most frequent words of those in at least 5 texts and 1 %, and at most 90 %, of them.
    pub(crate) fn finish(self, dense: bool) -> Words {
        let least = (self.texts.div_ceil(100)).max(5);
        let most = self.texts - self.texts / 10;
        let counts = self.counts.into_iter().map(|(word, (count, _))| (word, count));
        let mut frequent: Vec<(String, u64)> = counts.filter(|(_, count)| (least..=most).contains(count)).collect();
        frequent.sort_unstable_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        let words: Vec<String> = frequent.into_iter().take(MAX_WORDS).map(|(word, _)| word).collect();
        Words {
            words: Categories::from(words),
            scaling: dense.then(|| self.lengths.map(|length| length.least_skewed())),
        }
    }
}

impl Words {
    pub(crate) fn feature_names(&self, column: &str) -> Vec<String> {
        let lengths = ["length", "words"].map(|name| format!("{column}.{name}"));
        lengths.into_iter().chain(self.words.names().iter().map(|word| format!("{column}.word={word}"))).collect()
    }

    pub(crate) fn encode(&self, array: &ArrayRef, out: &mut Vec<FeatureColumn>) -> Result<()> {
        let num_rows = array.len();
        let mut lengths = [vec![f32::NAN; num_rows], vec![f32::NAN; num_rows]];
        let mut indicators = vec![vec![0f32; num_rows]; self.words.names().len()];
        let (mut row, mut buffer) = (0, String::new());
        for_each_text(array.as_ref(), &mut |text| {
            if let Some(text) = text {
                let mut words = 0f32;
                for_each_word(text, &mut buffer, |word| {
                    words += 1.0;
                    if let Some(code) = self.words.code(word) {
                        indicators[code as usize][row] = 1.0;
                    }
                });
                lengths[0][row] = text.chars().count() as f32;
                lengths[1][row] = words;
            }
            row += 1;
        })?;
        if let Some(scaling) = &self.scaling {
            for (length, scaling) in lengths.iter_mut().zip(scaling) {
                length.iter_mut().for_each(|length| *length = scaling.apply(f64::from(*length)) as f32);
            }
        }
        out.extend(lengths.into_iter().chain(indicators).map(|column| FeatureColumn::F32(column.into())));
        Ok(())
    }
}

/// Calls `f` with every word, in lower case, built in `buffer`.
fn for_each_word(text: &str, buffer: &mut String, mut f: impl FnMut(&str)) {
    for word in text.split(|c: char| !c.is_alphanumeric()) {
        if word.is_empty() || word.len() > MAX_WORD_BYTES {
            continue;
        }
        buffer.clear();
        if word.is_ascii() {
            buffer.push_str(word);
            buffer.make_ascii_lowercase();
        } else {
            buffer.extend(word.chars().flat_map(char::to_lowercase));
        }
        f(buffer);
    }
}
