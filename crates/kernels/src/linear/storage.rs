//! Memory for packed weights: read from end to end at every step, so that the fewer pages the better.
#![expect(
    unsafe_code,
    reason = "UNSAFETY: allocation at the size of a huge page, and zeros taken for values"
)]

use std::{
    alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error},
    fmt,
    ops::{Deref, DerefMut},
    ptr::NonNull,
};

/// Types of which all bytes zero are a value.
///
/// # Safety
///
/// They are, and nothing has to be dropped.
pub(crate) unsafe trait Zeroed: Copy + Send + Sync {}

// SAFETY: a float whose bits are zero is zero.
unsafe impl Zeroed for f32 {}
// SAFETY: an integer.
unsafe impl Zeroed for u16 {}

/// A slice of `T` that begins at a multiple of 64 bytes; if it is large, of 2 MiB.
pub(crate) struct Storage<T: Zeroed> {
    values: NonNull<T>,
    len: usize,
}

// SAFETY: it owns its values, as a `Box<[T]>` does.
unsafe impl<T: Zeroed> Send for Storage<T> {}
// SAFETY: as above.
unsafe impl<T: Zeroed> Sync for Storage<T> {}

const HUGE_PAGE: usize = 2 << 20;
const LINE: usize = 64;

impl<T: Zeroed> Storage<T> {
    /// `len` values of zero bytes, which the system provides as they are written.
    ///
    /// # Panics
    ///
    /// If there cannot be so much memory.
    pub(crate) fn zeroed(len: usize) -> Self {
        if size_of::<T>() * len == 0 {
            return Self { values: NonNull::dangling(), len };
        }
        let layout = Self::layout(len);
        // SAFETY: the layout is not empty.
        let bytes = unsafe { alloc_zeroed(layout) };
        let Some(values) = NonNull::new(bytes.cast::<T>()) else { handle_alloc_error(layout) };
        if layout.align() == HUGE_PAGE {
            advise_huge_pages(bytes, layout.size());
        }
        Self { values, len }
    }

    fn layout(len: usize) -> Layout {
        let bytes = size_of::<T>().checked_mul(len).expect("weights fit the address space");
        let align = if bytes >= 2 * HUGE_PAGE { HUGE_PAGE } else { LINE.max(align_of::<T>()) };
        Layout::from_size_align(bytes, align).expect("weights fit the address space")
    }
}

impl<T: Zeroed> Deref for Storage<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: `zeroed` allocated `len` values, whose zeros are values.
        unsafe { std::slice::from_raw_parts(self.values.as_ptr(), self.len) }
    }
}

impl<T: Zeroed> DerefMut for Storage<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as for `deref`; `self` is borrowed alone.
        unsafe { std::slice::from_raw_parts_mut(self.values.as_ptr(), self.len) }
    }
}

impl<T: Zeroed> Drop for Storage<T> {
    fn drop(&mut self) {
        if size_of::<T>() * self.len > 0 {
            // SAFETY: allocated by `zeroed` with this layout; nothing in it needs dropping.
            unsafe { dealloc(self.values.as_ptr().cast(), Self::layout(self.len)) };
        }
    }
}

impl<T: Zeroed> fmt::Debug for Storage<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Storage({} bytes)", self.len * size_of::<T>())
    }
}

/// Fewer misses of the address translation where the system has huge pages for who asks.
#[cfg(target_os = "linux")]
fn advise_huge_pages(bytes: *mut u8, len: usize) {
    use rustix::mm::{Advice, madvise};
    // Whole pages only: what is behind the end is not ours.
    let whole = len / HUGE_PAGE * HUGE_PAGE;
    // SAFETY: memory that was just allocated; the advice does not change what is in it.
    let _refused = unsafe { madvise(bytes.cast(), whole, Advice::LinuxHugepage) };
}

#[cfg(not(target_os = "linux"))]
fn advise_huge_pages(_: *mut u8, _: usize) {}
