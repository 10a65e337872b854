//! Loops compiled for several widths of vector registers, of which the widest that the machine has is run.
//!
//! Rust neither fuses nor reorders floating-point operations, so that every width gives the same result, to the bit.

/// A loop over plain slices. [`Kernel::run`] and all that it calls should be `#[inline(always)]`, since only inlined code
/// is compiled anew for each width.
pub(crate) trait Kernel {
    /// What the loop gives.
    type Output;
    /// The loop.
    fn run(self) -> Self::Output;
}

/// Runs a kernel.
#[inline]
pub(crate) fn run<K: Kernel>(kernel: K) -> K::Output {
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl")]
        fn with_avx512<K: Kernel>(kernel: K) -> K::Output {
            kernel.run()
        }
        #[target_feature(enable = "avx2")]
        fn with_avx2<K: Kernel>(kernel: K) -> K::Output {
            kernel.run()
        }
        if is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512cd")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl")
        {
            // SAFETY: the machine has these features.
            return unsafe { with_avx512(kernel) };
        }
        if is_x86_feature_detected!("avx2") {
            // SAFETY: the machine has this feature.
            return unsafe { with_avx2(kernel) };
        }
    }
    kernel.run()
}
