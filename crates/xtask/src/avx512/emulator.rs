//! Bochs, which interprets every instruction, those of AVX-512 among them.

use std::{
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use crate::{debian, places::Places};

/// The emulator, what it boots with, and what boots.
const PACKAGES: [&str; 8] = [
    "bochs",
    "bochs-term",
    "bochsbios",
    "vgabios",
    "isolinux",
    "syslinux-common",
    "xorriso",
    "linux-image-cloud-amd64",
];
/// Has AVX-512 with VNNI and BF16, and AVX-VNNI.
const CPU: &str = "sapphire_rapids";
/// Linux wants more of these than Bochs does for it: tiles are not enabled as a whole, and control
/// flow protection does not outlive the firmware's interrupts.
const WITHOUT: &str = "amx,amx_int8,amx_bf16,cet";
const MEGABYTES: usize = 512;
/// A run takes some minutes on an idle core.
const TIME_MAX: Duration = Duration::from_secs(30 * 60);
const POLL_INTERVAL: Duration = Duration::from_millis(100);
/// What Linux says, for as long as it takes, when its first process has ended, however it did; and
/// that may be in the middle of what the process said last.
const PANIC: [&str; 2] = ["Kernel panic", "]---\n"];
/// For the rest of what the process said, after that, also where other work takes the cores.
const REST_TIME_MAX: Duration = Duration::from_secs(180);

/// Unpacks [`PACKAGES`] below `folder`, unless they are there.
///
/// # Errors
///
/// As [`debian::unpack`].
pub(super) fn fetch(places: &Places, folder: &Path) -> Result<PathBuf> {
    let _lock = places.lock()?;
    let (root, stamp) = (folder.join("root"), folder.join("packages"));
    let wanted = format!("{} {}", debian::RELEASE, PACKAGES.join(" "));
    if fs::read_to_string(&stamp).is_ok_and(|found| found == wanted) {
        return Ok(root);
    }
    println!("fetching an emulator and a kernel from Debian's {} (100 MB)", debian::RELEASE);
    if root.exists() {
        fs::remove_dir_all(&root)?;
    }
    let root = debian::unpack(folder, &PACKAGES)?;
    fs::write(stamp, wanted)?;
    Ok(root)
}

/// Boots `image` and shows what comes through its serial port, which it returns.
///
/// # Errors
///
/// The emulator ends by itself, or does not end in time.
pub(super) fn run(root: &Path, folder: &Path, image: &Path) -> Result<String> {
    let serial = folder.join("serial.txt");
    File::create(&serial)?;
    let settings = folder.join("bochsrc");
    fs::write(&settings, configuration(root, folder, image))?;
    let mut emulator = Emulator(start(root, folder, &settings)?);
    let mut terminal = Terminal { port: File::open(&serial)?, text: String::new(), shown: 0 };
    let mut end = Instant::now() + TIME_MAX;
    while Instant::now() < end {
        let ended = emulator.0.try_wait()?;
        terminal.read()?;
        if let Some(text) = whole(&terminal.text) {
            return Ok(text);
        }
        if terminal.text.contains(PANIC[0]) {
            end = end.min(Instant::now() + REST_TIME_MAX);
        }
        if let Some(status) = ended {
            let screen = fs::read(folder.join("screen.txt")).unwrap_or_default();
            bail!("Bochs ended ({status}):\n{}", String::from_utf8_lossy(&screen));
        }
        thread::sleep(POLL_INTERVAL);
    }
    bail!("the tests did not come to their end:\n{}", terminal.text)
}

/// What the process said, once it has said its last line.
fn whole(text: &str) -> Option<String> {
    let text = if text.contains(PANIC[0]) {
        let (before, after) = cut_out(text)?;
        format!("{before}{after}")
    } else {
        text.to_owned()
    };
    let (_, last) = text.split_once("test result: ")?;
    last.contains('\n').then_some(text)
}

/// What is before and after the words of Linux.
fn cut_out(text: &str) -> Option<(&str, &str)> {
    let (before, rest) = text.split_once(PANIC[0])?;
    let (before, _time) = before.rsplit_once('[')?;
    let (_, after) = rest.split_once(PANIC[1])?;
    Some((before, after))
}

/// Killed when dropped; a signal that it could catch makes it wait for a key.
struct Emulator(Child);

impl Drop for Emulator {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The other end of the serial line.
struct Terminal {
    port: File,
    text: String,
    /// How much of the text was printed.
    shown: usize,
}

impl Terminal {
    /// Takes what has come, and prints the lines that tell of tests.
    fn read(&mut self) -> Result<()> {
        let mut bytes = Vec::new();
        self.port.read_to_end(&mut bytes)?;
        self.text.extend(String::from_utf8_lossy(&bytes).chars().filter(|c| *c != '\r'));
        while let Some(length) = self.text[self.shown..].find('\n') {
            let line = &self.text[self.shown..self.shown + length];
            if line.starts_with("test ") {
                println!("{line}");
            }
            self.shown += length + 1;
        }
        Ok(())
    }
}

fn start(root: &Path, folder: &Path, settings: &Path) -> Result<Child> {
    let mut bochs: Command = debian::program(root, "usr/bin/bochs-bin");
    let screen = File::create(folder.join("screen.txt"))?;
    bochs
        .args(["-q", "-f"])
        .arg(settings)
        .env("LTDL_LIBRARY_PATH", root.join(debian::LIBRARIES).join("bochs/plugins"))
        .env("TERM", "vt100")
        .stdin(Stdio::null())
        .stdout(screen.try_clone()?)
        .stderr(screen);
    bochs.spawn().context("cannot start Bochs")
}

fn configuration(root: &Path, folder: &Path, image: &Path) -> String {
    let firmware = root.join("usr/share/bochs");
    let (firmware, folder, image) = (firmware.display(), folder.display(), image.display());
    format!(
        "config_interface: textconfig
display_library: term
cpu: model={CPU}, count=1, ips=100000000, reset_on_triple_fault=0, exclude_features=\"{WITHOUT}\"
megs: {MEGABYTES}
romimage: file={firmware}/BIOS-bochs-latest
vgaromimage: file={firmware}/VGABIOS-lgpl-latest
ata0-master: type=cdrom, path={image}, status=inserted
boot: cdrom
com1: enabled=1, mode=file, dev={folder}/serial.txt
log: {folder}/bochs.log
panic: action=fatal
error: action=ignore
clock: sync=none
"
    )
}

#[cfg(test)]
mod tests;
