//! Giving memory back to the system.
#![cfg_attr(
    all(target_os = "linux", target_env = "gnu"),
    expect(unsafe_code, reason = "UNSAFETY: a call into the C library")
)]

/// Gives memory that was freed back to the system, which the allocator alone does late or never.
///
/// Takes some milliseconds when there is much to give: for the end of an unload, not for requests.
pub fn release_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: `malloc_trim` may be called at any time from any thread.
    unsafe {
        libc::malloc_trim(0);
    }
}
