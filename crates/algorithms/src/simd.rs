//! Loops over vectors of numbers, compiled for several instruction sets, of which the best is chosen at run time.

/// A loop over vectors. Without [`fma`] its result is the same with every instruction set, to the bit, since Rust neither
/// fuses nor reorders operations; with it, the last bits may differ between processors (not between numbers of threads).
pub(crate) trait Kernel {
    /// What the loop gives.
    type Output;

    /// The loop, over vectors of `LANES` numbers; `FUSED` tells whether [`fma`] rounds once. To be marked
    /// `#[inline(always)]`, as all that it calls, so that it is compiled for the instruction set of its caller.
    fn run<const FUSED: bool, const LANES: usize>(self) -> Self::Output;
}

/// Runs a kernel with the widest vectors that the processor has.
pub(crate) fn dispatch<K: Kernel>(kernel: K) -> K::Output {
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512cd")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl")
        {
            // SAFETY: the processor has the features, just asked for (AVX-512 implies AVX2 and FMA).
            return unsafe { run_avx512(kernel) };
        }
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            // SAFETY: the processor has the features, just asked for.
            return unsafe { run_avx2(kernel) };
        }
    }
    // Every 64-bit ARM processor has fused multiply-add; without it, it would be a call.
    #[cfg(target_arch = "aarch64")]
    return kernel.run::<true, 2>();
    #[cfg(not(target_arch = "aarch64"))]
    kernel.run::<false, 2>()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512bw,avx512cd,avx512dq,avx512vl")]
fn run_avx512<K: Kernel>(kernel: K) -> K::Output {
    kernel.run::<true, 8>()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn run_avx2<K: Kernel>(kernel: K) -> K::Output {
    kernel.run::<true, 4>()
}

/// `a * b + c`.
#[inline(always)]
pub(crate) fn fma<const FUSED: bool>(a: f64, b: f64, c: f64) -> f64 {
    if FUSED { a.mul_add(b, c) } else { a * b + c }
}

/// `e^x` to about two units in the last place, for x from -708 to 709; nearer than that range beyond it. Without
/// branches, so that loops over it become loops over vectors: `x = n ln 2 + r`, `e^r` by its Taylor series of degree 13.
#[inline(always)]
pub(crate) fn exp<const FUSED: bool>(x: f64) -> f64 {
    /// Adding it rounds to a whole number, which stands in the low bits of the sum.
    const ROUND: f64 = 6_755_399_441_055_744.0;
    /// ln 2 in two parts, of which the first has trailing zeros (Cody and Waite, 1980).
    const LN_2: [f64; 2] = [6.931_471_803_691_238e-1, 1.908_214_929_270_587_7e-10];
    const INVERSE_FACTORIALS: [f64; 14] = {
        let mut terms = [1.0; 14];
        let mut n = 1;
        while n < 14 {
            terms[n] = terms[n - 1] / n as f64;
            n += 1;
        }
        terms
    };
    let x = x.clamp(-708.0, 709.0);
    let shifted = fma::<FUSED>(x, std::f64::consts::LOG2_E, ROUND);
    let n = shifted - ROUND;
    let r = fma::<FUSED>(n, -LN_2[1], fma::<FUSED>(n, -LN_2[0], x));
    let mut sum = INVERSE_FACTORIALS[13];
    for term in INVERSE_FACTORIALS[..13].iter().rev() {
        sum = fma::<FUSED>(sum, r, *term);
    }
    let power = f64::from_bits(shifted.to_bits().wrapping_add(1023) << 52);
    sum * power
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Exps<'a>(&'a mut [f64]);

    impl Kernel for Exps<'_> {
        type Output = ();

        #[inline(always)]
        fn run<const FUSED: bool, const LANES: usize>(self) {
            self.0.iter_mut().for_each(|x| *x = exp::<FUSED>(*x));
        }
    }

    #[test]
    fn exponentials_are_those_of_the_standard_library() {
        let x: Vec<f64> = (-70_800..70_900).map(|x| f64::from(x) / 100.0 + 1e-5).collect();
        let mut dispatched = x.clone();
        dispatch(Exps(&mut dispatched));
        let mut plain = x.clone();
        Exps(&mut plain).run::<false, 2>();
        for ((x, ours), plain) in x.iter().zip(&dispatched).zip(&plain) {
            assert!((ours / x.exp() - 1.0).abs() < 5e-16, "{x}: {ours}");
            assert!((plain / x.exp() - 1.0).abs() < 5e-16, "{x}: {plain}");
        }
        assert_eq!([exp::<false>(0.0), exp::<false>(f64::NEG_INFINITY)], [1.0, exp::<false>(-708.0)]);
        assert!(exp::<false>(f64::NAN).is_nan());
    }
}
