//! Memory that will be wanted soon, on its way while something else is computed. Hints only: any
//! address will do, also one that is not the program's.
#![expect(unsafe_code, reason = "UNSAFETY: instructions that fault at no address")]

/// Bytes that are fetched together.
pub(crate) const LINE: usize = 64;

/// Asks for the cache lines of `values`, at least one.
#[inline]
pub(crate) fn values<T>(values: &[T]) {
    let first: *const u8 = values.as_ptr().cast();
    for byte in (0..size_of_val(values).max(1)).step_by(LINE) {
        line(first.wrapping_add(byte));
    }
}

/// Asks for the line of `address`, into the first-level cache.
#[inline(always)]
pub(crate) fn line(address: *const u8) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a hint, which may name any address.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(address.cast());
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: a hint, which faults at no address.
    unsafe {
        std::arch::asm!(
            "prfm pldl1keep, [{0}]",
            in(reg) address,
            options(nostack, preserves_flags, readonly)
        );
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    let _nowhere_to_ask = address;
}

/// Asks for the line of `address`, into the second-level cache: it is not wanted at once.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub(crate) fn line_for_later(address: *const u8) {
    use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
    // SAFETY: a hint, which may name any address.
    unsafe { _mm_prefetch::<_MM_HINT_T1>(address.cast()) };
}
