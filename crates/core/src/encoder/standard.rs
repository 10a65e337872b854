//! Numbers for models that want them dense: centred, scaled, without missing or extreme values.

use serde::{Deserialize, Serialize};

use super::Precision;
use super::column::Scaling;
use super::moments::Moments;
use crate::FeatureColumn;

/// Scaled values farther from the mean than this many standard deviations count as just as far.
pub const STANDARD_LIMIT: f64 = 10.0;

/// A column of this skewness, to either side, is also taken by its logarithm.
const MAX_SKEWNESS: f64 = 2.0;

/// A number becomes `clamp((f(x) − offset) × factor, ±limit)`, where `f` is the identity or the signed logarithm
/// `sign(x) ln(1 + |x|)`; what is missing becomes 0, the mean.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Standard {
    log: bool,
    scaling: Scaling,
    limit: f64,
}

/// The moments of a column as it is and of its logarithm. Infinite values take no part.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct StandardLearner {
    plain: Moments,
    log: Moments,
}

impl StandardLearner {
    pub(crate) fn add(&mut self, value: f64) {
        if value.is_finite() {
            self.plain.add(value);
            self.log.add(signed_log(value));
        }
    }

    /// The column as it is or, where its skewness exceeds [`MAX_SKEWNESS`] and that of the logarithm is less, or it
    /// overflows, its logarithm.
    pub(crate) fn least_skewed(&self) -> Standard {
        let (plain, log) = (self.plain.skewness().abs(), self.log.skewness().abs());
        let log = plain.is_nan() || (plain > MAX_SKEWNESS && log < plain);
        let moments = if log { &self.log } else { &self.plain };
        Standard { log, scaling: moments.standard(), limit: STANDARD_LIMIT }
    }

    /// [`Self::least_skewed`] and, if that is the logarithm, the column as it is before it: which of the two a model can
    /// use, only the target tells. The long tail is not cut where training saw it.
    pub(crate) fn finish(&self) -> Vec<Standard> {
        let (least_skewed, scaling) = (self.least_skewed(), self.plain.standard());
        let farthest = (self.plain.max - scaling.offset).max(scaling.offset - self.plain.min) * scaling.factor;
        let plain = Standard { log: false, scaling, limit: farthest.max(STANDARD_LIMIT) };
        let has_both = least_skewed.log && farthest.is_finite() && !self.plain.skewness().is_nan();
        if has_both { vec![plain, least_skewed] } else { vec![least_skewed] }
    }
}

impl Standard {
    pub(crate) fn is_logarithm(&self) -> bool {
        self.log
    }

    pub(crate) fn apply(&self, value: f64) -> f64 {
        let value = if self.log { signed_log(value) } else { value };
        let scaled = (value - self.scaling.offset) * self.scaling.factor;
        if scaled.is_nan() { 0.0 } else { scaled.clamp(-self.limit, self.limit) }
    }

    pub(crate) fn encode(&self, column: &FeatureColumn, precision: Precision) -> FeatureColumn {
        let mut buffer = Vec::new();
        let values = column.f64s(0..column.len(), &mut buffer).iter().map(|value| self.apply(*value));
        match precision {
            Precision::F32 => FeatureColumn::F32(values.map(|value| value as f32).collect::<Vec<_>>().into()),
            Precision::F64 => FeatureColumn::F64(values.collect::<Vec<_>>().into()),
        }
    }
}

fn signed_log(value: f64) -> f64 {
    value.abs().ln_1p().copysign(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn learn(values: impl IntoIterator<Item = f64>) -> Vec<Standard> {
        let mut learner = StandardLearner::default();
        values.into_iter().for_each(|value| learner.add(value));
        learner.finish()
    }

    #[test]
    fn skewed_numbers_have_their_logarithm_beside_them() {
        assert_eq!(learn((0..100).map(f64::from)).len(), 1);
        let indicator = learn([0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
        assert!(indicator.len() == 1 && !indicator[0].log, "indicators stay indicators");
        let incomes = learn((0..1000).map(|i| (f64::from(i) * 0.005).exp()).chain([1e4]));
        assert!(incomes.len() == 2 && !incomes[0].log && incomes[1].log);
        assert!(incomes[0].apply(5e3) < incomes[0].apply(1e4), "the tail is not cut");
        assert!(incomes[0].apply(f64::MAX) == incomes[0].apply(1e4), "it ends where training did");
        assert!(incomes[1].apply(1e4) < 7.0);
    }

    #[test]
    fn everything_becomes_finite() {
        let standard = learn([1.0, 2.0, f64::INFINITY, 3.0])[0];
        assert_eq!(standard.apply(2.0), 0.0);
        assert_eq!(standard.apply(f64::NAN), 0.0);
        assert_eq!(standard.apply(f64::INFINITY), STANDARD_LIMIT);
        assert_eq!(learn([5.0, 5.0])[0].apply(f64::INFINITY), 0.0);
        assert_eq!(learn([])[0].apply(7.0), 0.0);
        assert!(learn([1e300, -1e300, 1.0])[0].apply(1e300).is_finite());
    }
}
