//! How large this machine's caches are.

use std::{fs, path::Path};

const CPU: &str = "/sys/devices/system/cpu/cpu0/cache";
/// A CPU has three or four; the folder is not ours to trust.
const ENTRIES_MAX: usize = 32;

/// Sizes of the caches that hold data, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CacheSizes {
    pub(super) l1: usize,
    pub(super) l2: usize,
    /// Not every CPU has one.
    pub(super) l3: Option<usize>,
    /// Whether the system does not say, and these are what most machines have at least.
    pub(super) assumed: bool,
}

impl CacheSizes {
    const ASSUMED: Self = Self { l1: 32 << 10, l2: 512 << 10, l3: Some(16 << 20), assumed: true };

    pub(super) fn of_this_machine() -> Self {
        Self::read(Path::new(CPU)).unwrap_or(Self::ASSUMED)
    }

    /// Reads a folder with one folder per cache, as Linux has it.
    fn read(folder: &Path) -> Option<Self> {
        let mut sizes = [None; 4];
        for entry in fs::read_dir(folder).ok()?.take(ENTRIES_MAX).flatten() {
            if let Some((level, bytes)) = cache(&entry.path())
                && let Some(size) = sizes.get_mut(level)
            {
                *size = Some(bytes);
            }
        }
        let [_, l1, l2, l3] = sizes;
        Some(Self { l1: l1?, l2: l2?, l3, assumed: false })
    }
}

/// Level and size of a cache, unless it holds instructions only.
fn cache(folder: &Path) -> Option<(usize, usize)> {
    let text = |name: &str| fs::read_to_string(folder.join(name)).ok();
    if text("type")?.trim() == "Instruction" {
        return None;
    }
    let level = text("level")?.trim().parse().ok()?;
    Some((level, bytes(text("size")?.trim())?))
}

/// `32K`, `8M` or a number of bytes.
fn bytes(text: &str) -> Option<usize> {
    let (digits, unit) = match text.as_bytes().last()? {
        b'K' => (&text[..text.len() - 1], 1 << 10),
        b'M' => (&text[..text.len() - 1], 1 << 20),
        _ => (text, 1),
    };
    digits.parse::<usize>().ok()?.checked_mul(unit).filter(|bytes| *bytes > 0)
}

#[cfg(test)]
mod tests;
