//! Installs what Hone's generation is measured against: `cargo xtask bench llm` uses what is there.

mod llama_cpp;
mod vllm;

use std::{fs, path::Path};

use anyhow::{Result, bail};

use crate::{models, places::Places};

type Install = fn(&Places) -> Result<()>;

/// Every peer, in the order in which they are installed.
const PEERS: [(&str, Install); 2] = [("llama.cpp", llama_cpp::install), ("vllm", vllm::install)];

/// Installs the named peers, or all; what is there already is left as it is.
///
/// # Errors
///
/// There is no such peer, or one cannot be installed; the message says why.
pub(crate) fn install(places: &Places, names: &[&str]) -> Result<()> {
    if let Some(unknown) = names.iter().find(|name| PEERS.iter().all(|(peer, _)| peer != *name)) {
        bail!("there is no peer `{unknown}`; there are {}", PEERS.map(|(name, _)| name).join(", "));
    }
    models::prepare(places)?;
    let _lock = places.lock()?;
    for (name, install) in PEERS {
        if names.is_empty() || names.contains(&name) {
            install(places)?;
        }
    }
    Ok(())
}

/// Whether `stamp` says that what stands beside it was made from `expected`.
fn is_current(stamp: &Path, expected: &str) -> bool {
    fs::read_to_string(stamp).is_ok_and(|found| found == expected)
}
