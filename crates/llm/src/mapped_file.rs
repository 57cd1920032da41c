//! Files that are read where they lie.
#![expect(
    unsafe_code,
    reason = "a memory map is only as good as the promise that its file stays as it is"
)]

use std::{fs::File, io, path::Path};

use memmap2::{Advice, Mmap, UncheckedAdvice};

/// A file whose pages come into memory when they are read, and leave it with the value.
#[derive(Debug)]
pub(crate) struct MappedFile {
    map: Mmap,
}

impl MappedFile {
    /// Maps the file at `path`, and asks the system to read it ahead.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        if !file.metadata()?.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "this is not a regular file"));
        }
        // SAFETY: the map is read-only and private. What is left to others: a file that is cut short
        // while it is mapped ends the process (SIGBUS), and one that is written to changes what is
        // read; model files are replaced by renaming, not in place, which leaves this one as it is.
        let map = unsafe { Mmap::map(&file)? };
        // Only a hint: without it pages are read one by one.
        let _ = map.advise(Advice::WillNeed);
        Ok(Self { map })
    }

    /// Lets the pages leave memory; those that are read again come back from the file.
    pub(crate) fn release(&self) {
        // SAFETY: the map is of a file, read-only and never written, so dropping its pages loses
        // nothing: a later read finds the same bytes in the file.
        let _ = unsafe { self.map.unchecked_advise(UncheckedAdvice::DontNeed) };
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.map
    }
}
