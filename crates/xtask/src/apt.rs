//! Debian packages that tests need and that no other registry has.

use std::process::Command;

use anyhow::{Result, bail};

use crate::process;

/// Installs a package.
///
/// # Errors
///
/// There is no apt, this is not root, or the package cannot be had.
pub(crate) fn install(package: &str) -> Result<()> {
    let mut id = Command::new("id");
    id.arg("-u");
    if process::output(id)?.trim() != "0" {
        bail!("only root may install {package}: run `sudo apt-get install {package}`");
    }
    println!("installing {package}");
    apt_get(&["update"])?;
    apt_get(&["install", "--yes", "--no-install-recommends", package])
}

fn apt_get(arguments: &[&str]) -> Result<()> {
    let mut apt = Command::new("apt-get");
    apt.args(["-q", "-o", "DPkg::Lock::Timeout=120"]).args(arguments);
    apt.env("DEBIAN_FRONTEND", "noninteractive");
    process::output(apt).map(drop)
}
