//! What a shared library says about itself, read without loading it.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

/// The tags stand in the string table that the file begins with.
const SCANNED_BYTES: u64 = 4 << 20;
const MAGIC: &[u8] = b"\x7fELF";
const MACHINE_OFFSET: usize = 18;
/// onnxruntime marks its exported symbols with `VERS_` and its version.
const VERSION_TAG: &[u8] = b"VERS_";

/// Header of a shared library.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Elf {
    /// `e_machine`.
    pub(super) machine: u16,
    /// From the symbols' version tag; `None` in builds that have none.
    pub(super) version: Option<String>,
}

/// Reads a library's header; `None` if it is no ELF file.
pub(super) fn inspect(path: &Path) -> io::Result<Option<Elf>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(SCANNED_BYTES).read_to_end(&mut bytes)?;
    Ok(parse(&bytes))
}

fn parse(bytes: &[u8]) -> Option<Elf> {
    let machine = bytes.strip_prefix(MAGIC)?.get(MACHINE_OFFSET - MAGIC.len()..)?.first_chunk()?;
    Some(Elf { machine: u16::from_le_bytes(*machine), version: version(bytes) })
}

fn version(bytes: &[u8]) -> Option<String> {
    bytes.windows(VERSION_TAG.len()).enumerate().find_map(|(at, window)| {
        let tail = (window == VERSION_TAG).then(|| &bytes[at + VERSION_TAG.len()..])?;
        let len = tail.iter().take_while(|byte| byte.is_ascii_digit() || **byte == b'.').count();
        let version = str::from_utf8(&tail[..len]).ok()?;
        version.contains('.').then(|| version.to_owned())
    })
}

/// Name of a machine number, for those on which Hone runs.
pub(super) fn machine_name(machine: u16) -> &'static str {
    match machine {
        3 => "x86",
        40 => "arm",
        62 => "x86_64",
        183 => "aarch64",
        243 => "riscv64",
        _ => "another architecture",
    }
}

#[cfg(test)]
mod tests {
    use super::{Elf, parse};

    #[track_caller]
    fn check(tail: &[u8], version: Option<&str>) {
        let mut bytes = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0\x3e\0".to_vec();
        bytes.extend_from_slice(tail);
        assert_eq!(parse(&bytes), Some(Elf { machine: 62, version: version.map(str::to_owned) }));
    }

    #[test]
    fn the_version_is_found_where_there_is_one() {
        check(b"", None);
        check(b"\0libonnxruntime.so.1\0VERS_1.32.0\0", Some("1.32.0"));
        check(b"VERS_\0VERS_X\0VERS_1.9.1", Some("1.9.1"));
    }

    #[test]
    fn other_files_are_no_libraries() {
        assert_eq!(parse(b""), None);
        assert_eq!(parse(b"\x7fELF"), None);
        assert_eq!(parse(b"INPUT(libonnxruntime.so.1) padding padding"), None);
    }
}
