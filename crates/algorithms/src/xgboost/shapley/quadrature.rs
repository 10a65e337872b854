//! Gauss-Legendre quadrature between 0 and 1.

use std::collections::BTreeMap;
use std::f64::consts::PI;
use std::sync::Arc;

/// Points and weights of which the weighted sum is the integral of every polynomial of a degree below twice their number.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Rule(pub(super) Vec<Point>);

/// A point with its weight.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Point {
    /// The point `t`.
    pub(super) t: f64,
    /// `1 - t`.
    pub(super) rest: f64,
    pub(super) weight: f64,
}

impl Rule {
    /// The rule of so many points: the roots `x` of the Legendre polynomial `P_n`, by Newton's method, with the weights
    /// `2 / ((1 - x^2) P_n'(x)^2)`, both for -1 to 1 (Abramowitz and Stegun, 1964, 25.4.29).
    pub(super) fn new(count: usize) -> Self {
        let n = count as f64;
        let point = |index: usize| {
            let mut x = (PI * (index as f64 + 0.75) / (n + 0.5)).cos();
            let mut slope = 1.0;
            for _ in 0..10 {
                let (mut last, mut value) = (1.0, x);
                for degree in 2..=count {
                    let k = degree as f64;
                    (last, value) = (value, ((2.0 * k - 1.0) * x * value - (k - 1.0) * last) / k);
                }
                slope = n * (x * value - last) / (x * x - 1.0);
                x -= value / slope;
            }
            Point { t: (1.0 - x) / 2.0, rest: (1.0 + x) / 2.0, weight: 1.0 / ((1.0 - x * x) * slope * slope) }
        };
        Self((0..count).map(point).collect())
    }
}

/// The rules made so far.
#[derive(Debug, Default)]
pub(super) struct Rules(BTreeMap<usize, Arc<Rule>>);

impl Rules {
    /// The rule of so many points.
    pub(super) fn get(&mut self, count: usize) -> Arc<Rule> {
        Arc::clone(self.0.entry(count).or_insert_with(|| Arc::new(Rule::new(count))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_integrates_all_polynomials_below_twice_its_points() {
        for count in [1, 2, 3, 4, 7, 20, 120] {
            let rule = Rule::new(count);
            for degree in 0..2 * count as i32 {
                let integral: f64 = rule.0.iter().map(|point| point.weight * point.t.powi(degree)).sum();
                let expected = 1.0 / f64::from(degree + 1);
                assert!((integral - expected).abs() < 1e-14, "{count} points: {integral} instead of {expected}");
            }
            assert!(rule.0.iter().all(|point| point.t > 0.0 && point.rest > 0.0));
        }
    }
}
