//! Loops over single precision vectors: activations and AdamW.

use super::random::mix;
use crate::simd::{Kernel, dispatch};

/// What a hidden unit makes of the weighted sum `z` of its inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Activation {
    /// `max(z, 0)`.
    Relu,
    /// `z / (1 + exp(-z))`, smooth (Elfwing, Uchibe, Doya, "Sigmoid-weighted linear units", 2018).
    Silu,
}

impl Activation {
    /// The name of the option.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Relu => "relu",
            Self::Silu => "silu",
        }
    }

    /// The activation of that name.
    pub(super) fn named(name: &str) -> Option<Self> {
        [Self::Relu, Self::Silu].into_iter().find(|activation| activation.name() == name)
    }

    /// Replaces sums by activations.
    pub(super) fn apply(self, sums: &mut [f32]) {
        dispatch(Apply { activation: self, sums });
    }

    /// Replaces sums by activations, and takes down their slopes. Dropout sets both to 0.
    pub(super) fn apply_with_slopes(self, sums: &mut [f32], slopes: &mut [f32], dropout: Dropout) {
        dispatch(ApplyWithSlopes { activation: self, sums, slopes, dropout });
    }

    /// The activation and its slope.
    #[inline(always)]
    fn of<const FUSED: bool>(self, z: f32) -> (f32, f32) {
        match self {
            Self::Relu => (z.max(0.0), if z > 0.0 { 1.0 } else { 0.0 }),
            Self::Silu => {
                let share = 1.0 / (1.0 + exp::<FUSED>(-z));
                let value = z * share;
                (value, fma::<FUSED>(value, 1.0 - share, share))
            }
        }
    }
}

/// Leaving hidden units out at random, so that others learn to do without them (Srivastava et al., "Dropout", 2014).
#[derive(Debug, Clone, Copy)]
pub(super) struct Dropout {
    /// Units whose random number is below are left out.
    threshold: u32,
    /// What the others are multiplied by.
    factor: f32,
    /// Tells apart the draws of steps, shards and layers.
    key: u32,
}

impl Dropout {
    /// Leaves out a share of the units.
    pub(super) fn new(share: f64, key: u32) -> Self {
        Self { threshold: (share * f64::from(u32::MAX)) as u32, factor: (1.0 / (1.0 - share)) as f32, key }
    }
}

struct Apply<'a> {
    activation: Activation,
    sums: &'a mut [f32],
}

impl Kernel for Apply<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FUSED: bool, const LANES: usize>(self) {
        match self.activation {
            Activation::Relu => self.sums.iter_mut().for_each(|z| *z = Activation::Relu.of::<FUSED>(*z).0),
            Activation::Silu => self.sums.iter_mut().for_each(|z| *z = Activation::Silu.of::<FUSED>(*z).0),
        }
    }
}

struct ApplyWithSlopes<'a> {
    activation: Activation,
    sums: &'a mut [f32],
    slopes: &'a mut [f32],
    dropout: Dropout,
}

impl ApplyWithSlopes<'_> {
    #[inline(always)]
    fn all<const FUSED: bool>(self, activation: Activation) {
        let Dropout { threshold, factor, key } = self.dropout;
        if threshold == 0 {
            for (z, slope) in self.sums.iter_mut().zip(self.slopes) {
                (*z, *slope) = activation.of::<FUSED>(*z);
            }
            return;
        }
        for ((unit, z), slope) in self.sums.iter_mut().enumerate().zip(self.slopes) {
            let factor = if mix(key.wrapping_add(unit as u32)) >= threshold { factor } else { 0.0 };
            let (value, derivative) = activation.of::<FUSED>(*z);
            (*z, *slope) = (value * factor, derivative * factor);
        }
    }
}

impl Kernel for ApplyWithSlopes<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FUSED: bool, const LANES: usize>(self) {
        match self.activation {
            Activation::Relu => self.all::<FUSED>(Activation::Relu),
            Activation::Silu => self.all::<FUSED>(Activation::Silu),
        }
    }
}

/// A step of AdamW (Loshchilov and Hutter, "Decoupled weight decay regularization", 2019, algorithm 2).
#[derive(Debug, Clone, Copy)]
pub(super) struct AdamW {
    /// The learning rate over the bias correction of the mean.
    rate: f32,
    /// The root of the inverse bias correction of the square.
    correction: f32,
    /// What weights are multiplied by.
    decay: f32,
}

impl AdamW {
    /// Decay rates of the running means of gradients and of their squares.
    const BETA: [f32; 2] = [0.9, 0.999];
    const EPSILON: f32 = 1e-8;

    /// The step of that number, from 1, at a learning rate.
    pub(super) fn new(step: u64, learning_rate: f64, weight_decay: f64) -> Self {
        let [first, second] = Self::BETA.map(|beta| 1.0 - f64::from(beta).powf(step as f64));
        Self {
            rate: (learning_rate / first) as f32,
            correction: second.sqrt().recip() as f32,
            decay: (1.0 - learning_rate * weight_decay) as f32,
        }
    }

    /// The same without decay.
    pub(super) fn without_decay(self) -> Self {
        Self { decay: 1.0, ..self }
    }

    /// Moves weights against their gradient.
    pub(super) fn step(self, weights: &mut [f32], gradient: &[f32], mean: &mut [f32], square: &mut [f32]) {
        dispatch(Step { by: self, weights, gradient, mean, square });
    }
}

struct Step<'a> {
    by: AdamW,
    weights: &'a mut [f32],
    gradient: &'a [f32],
    mean: &'a mut [f32],
    square: &'a mut [f32],
}

impl Kernel for Step<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FUSED: bool, const LANES: usize>(self) {
        let AdamW { rate, correction, decay } = self.by;
        let [beta, gamma] = AdamW::BETA;
        for (((w, g), m), v) in self.weights.iter_mut().zip(self.gradient).zip(self.mean).zip(self.square) {
            *m = fma::<FUSED>(beta, *m, (1.0 - beta) * g);
            *v = fma::<FUSED>(gamma, *v, (1.0 - gamma) * g * g);
            *w = fma::<FUSED>(*w, decay, -rate * *m / fma::<FUSED>(v.sqrt(), correction, AdamW::EPSILON));
        }
    }
}

/// `a * b + c`.
#[inline(always)]
fn fma<const FUSED: bool>(a: f32, b: f32, c: f32) -> f32 {
    if FUSED { a.mul_add(b, c) } else { a * b + c }
}

/// `e^x` to about two units in the last place, for x from -87 to 88; nearer than that range beyond it. `x = n ln 2 + r`,
/// `e^r` by the polynomial of Cephes' `expf` (Moshier, 1992).
#[inline(always)]
fn exp<const FUSED: bool>(x: f32) -> f32 {
    /// Adding it rounds to a whole number, which stands in the low bits of the sum.
    const ROUND: f32 = 12_582_912.0;
    /// ln 2 in two parts, of which the first has trailing zeros (Cody and Waite, 1980).
    const LN_2: [f32; 2] = [355.0 / 512.0, -2.121_944_4e-4];
    const POLYNOMIAL: [f32; 6] = [1.987_569_1e-4, 1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 5e-1];
    let x = x.clamp(-87.0, 88.0);
    let shifted = fma::<FUSED>(x, std::f32::consts::LOG2_E, ROUND);
    let n = shifted - ROUND;
    let r = fma::<FUSED>(n, -LN_2[1], fma::<FUSED>(n, -LN_2[0], x));
    let mut sum = POLYNOMIAL[0];
    for term in &POLYNOMIAL[1..] {
        sum = fma::<FUSED>(sum, r, *term);
    }
    let power = f32::from_bits(shifted.to_bits().wrapping_add(127) << 23);
    fma::<FUSED>(sum * r, r, r + 1.0) * power
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponentials_are_those_of_the_standard_library() {
        for x in (-8_700..8_800).map(|x| x as f32 / 100.0 + 1e-3) {
            for ours in [exp::<true>(x), exp::<false>(x)] {
                assert!((f64::from(ours) / f64::from(x).exp() - 1.0).abs() < 3e-7, "{x}: {ours}");
            }
        }
        assert_eq!(exp::<false>(f32::NEG_INFINITY), exp::<false>(-87.0));
    }

    #[test]
    fn slopes_are_those_of_the_activations() {
        for activation in [Activation::Relu, Activation::Silu] {
            for z in (-60..60).map(|z| z as f32 / 10.0 + 0.05) {
                let value = |z: f32| f64::from(activation.of::<false>(z).0);
                let slope = (value(z + 0.02) - value(z - 0.02)) / f64::from((z + 0.02) - (z - 0.02));
                assert!((f64::from(activation.of::<false>(z).1) - slope).abs() < 1e-3, "{activation:?} at {z}");
            }
        }
    }

    #[test]
    fn dropout_leaves_out_its_share_and_keeps_the_mean() {
        let (mut ones, mut slopes) = (vec![1.0; 100_000], vec![0.0; 100_000]);
        Activation::Relu.apply_with_slopes(&mut ones, &mut slopes, Dropout::new(0.3, 77));
        let left_out = ones.iter().filter(|one| **one == 0.0).count();
        assert!((29_000..31_000).contains(&left_out), "{left_out}");
        assert!(ones.iter().zip(&slopes).all(|(value, slope)| value == slope && (*value == 0.0 || *value > 1.4)));
    }

    /// Of a first step the bias corrections cancel the averaging: the weight moves by the learning rate, whatever the
    /// gradient.
    #[test]
    fn the_first_step_is_as_long_as_the_learning_rate() {
        let (mut weights, mut mean, mut square) = ([1.0, 2.0], [0.0; 2], [0.0; 2]);
        AdamW::new(1, 0.1, 0.5).step(&mut weights, &[0.001, -70.0], &mut mean, &mut square);
        assert!((weights[0] - (0.95 - 0.1)).abs() < 1e-5 && (weights[1] - (1.9 + 0.1)).abs() < 1e-5, "{weights:?}");
    }
}
