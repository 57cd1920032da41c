//! Memory that will be wanted soon, on its way while something else is computed.

/// Asks for the cache lines of `values`, at least one.
#[inline]
pub(crate) fn nearest<T>(values: &[T]) {
    const LINE: usize = 64;
    let first: *const i8 = values.as_ptr().cast();
    for line in (0..size_of_val(values).max(1)).step_by(LINE) {
        into_first_level(first.wrapping_add(line));
    }
}

#[cfg(target_arch = "x86_64")]
#[inline]
fn into_first_level(address: *const i8) {
    use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    #[expect(unsafe_code, reason = "UNSAFETY: a hint, which may name any address")]
    // SAFETY: as the reason says.
    unsafe {
        _mm_prefetch::<_MM_HINT_T0>(address);
    }
}

#[cfg(not(target_arch = "x86_64"))]
#[inline]
fn into_first_level(_: *const i8) {}
