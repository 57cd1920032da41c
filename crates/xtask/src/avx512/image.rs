//! A compact disc that boots Linux with one program and nothing else.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};

use crate::{debian, process};

/// Of Linux: what keeps it from what takes long or what the emulator lacks. The rest is for the
/// program, which is told that it is emulated.
const SETTINGS: &str = "initrd=initrd console=ttyS0,115200 quiet panic=0 acpi=off nopcid \
                        tsc=reliable no_timer_check clearcpuid=aperfmperf mitigations=off audit=0 \
                        apparmor=0 lsm= cryptomgr.notests HONE_EMULATED=1";
/// Linux gives its first process no more.
const ARGUMENTS_MAX: usize = 30;
/// What a boot loader's line may hold.
const LINE_MAX: usize = 2000;

/// Writes the disc into `folder`, with `program` as the first and only process.
pub(super) fn write(
    root: &Path,
    folder: &Path,
    program: &Path,
    arguments: &[String],
) -> Result<PathBuf> {
    let disc = folder.join("disc");
    fs::create_dir_all(&disc)?;
    for file in ["usr/lib/ISOLINUX/isolinux.bin", "usr/lib/syslinux/modules/bios/ldlinux.c32"] {
        copy(&root.join(file), &disc)?;
    }
    fs::copy(kernel(root)?, disc.join("vmlinuz"))?;
    fs::write(disc.join("isolinux.cfg"), boot_menu(arguments)?)?;
    fs::write(disc.join("initrd"), initial_files(&stripped(program, folder)?))?;
    let image = folder.join("tests.iso");
    let mut xorriso = debian::program(root, "usr/bin/xorriso");
    xorriso.args(["-as", "mkisofs", "-quiet", "-b", "isolinux.bin", "-c", "boot.cat"]);
    xorriso.args(["-no-emul-boot", "-boot-load-size", "4", "-boot-info-table", "-o"]);
    process::output({
        xorriso.arg(&image).arg(disc);
        xorriso
    })?;
    Ok(image)
}

fn copy(file: &Path, folder: &Path) -> Result<()> {
    let name = file.file_name().context("a file has a name")?;
    fs::copy(file, folder.join(name)).with_context(|| format!("no {}", file.display()))?;
    Ok(())
}

fn kernel(root: &Path) -> Result<PathBuf> {
    let paths = fs::read_dir(root.join("boot"))?.filter_map(|entry| Some(entry.ok()?.path()));
    let is_kernel = |path: &PathBuf| path.to_string_lossy().contains("/vmlinuz-");
    paths.into_iter().find(is_kernel).context("Debian's package has no kernel")
}

fn boot_menu(arguments: &[String]) -> Result<String> {
    let line = format!("{SETTINGS} -- {}", arguments.join(" "));
    ensure!(arguments.len() <= ARGUMENTS_MAX && line.len() <= LINE_MAX, "name fewer tests");
    Ok(format!("DEFAULT tests\nPROMPT 0\nLABEL tests\n  KERNEL vmlinuz\n  APPEND {line}\n"))
}

/// The bytes of `program` without what only debuggers read: the emulated disc is slow.
fn stripped(program: &Path, folder: &Path) -> Result<Vec<u8>> {
    let file = folder.join("program");
    let mut strip = Command::new("strip");
    strip.arg("-o").arg(&file).arg(program);
    process::output(strip)?;
    Ok(fs::read(file)?)
}

/// An archive that Linux unpacks into memory: `cpio`, in its "new ASCII" format.
fn initial_files(program: &[u8]) -> Vec<u8> {
    let mut archive = Vec::new();
    for folder in ["dev", "tmp"] {
        entry(&mut archive, folder, 0o40_777, [0, 0], &[]);
    }
    entry(&mut archive, "dev/console", 0o20_600, [5, 1], &[]);
    entry(&mut archive, "init", 0o100_755, [0, 0], program);
    entry(&mut archive, "TRAILER!!!", 0, [0, 0], &[]);
    archive
}

/// Appends a file; `device` is what it stands for if `mode` says that it is one.
fn entry(archive: &mut Vec<u8>, name: &str, mode: usize, device: [usize; 2], content: &[u8]) {
    // Of a name that is linked to twice, the content comes once; so every one is a file of its own.
    let inode = archive.len() + 1;
    let [major, minor] = device;
    let size = content.len();
    let name_len = name.len() + 1;
    archive.extend(b"070701");
    for field in [inode, mode, 0, 0, 1, 0, size, 0, 0, major, minor, name_len, 0] {
        archive.extend(format!("{field:08X}").bytes());
    }
    archive.extend(name.bytes().chain([0]));
    archive.resize(archive.len().next_multiple_of(4), 0);
    archive.extend(content);
    archive.resize(archive.len().next_multiple_of(4), 0);
}

#[cfg(test)]
mod tests;
