//! vLLM's build for the CPU, and SmolLM2 as it reads it.

use std::fs;

use anyhow::{Context, Result};

use super::is_current;
use crate::{
    places::Places,
    process,
    python::{self, Python},
};

const REQUIREMENTS: &str = "crates/bench/peers/vllm.txt";
const CONVERTER: &str = "crates/bench/peers/gguf_to_hugging_face.py";

/// Makes the environment `peers/vllm-venv` and the model `peers/models/smollm2-vllm`.
pub(super) fn install(places: &Places) -> Result<()> {
    let folder = places.cache.join("peers/vllm-venv");
    let stamp = folder.join("requirements.stamp");
    let expected = python::fingerprint(&[places.tree.join(REQUIREMENTS)])?;
    let python = if is_current(&stamp, &expected) {
        Python::existing(&folder)
    } else {
        println!("installing vLLM in {} (6 GB)", folder.display());
        let python = Python::empty(&folder)?;
        let mut pip = python.pip(["install", "--quiet", "--no-deps", "--no-compile"]);
        pip.args(["--no-cache-dir", "--requirement"]).arg(places.tree.join(REQUIREMENTS));
        process::output(pip).context("vLLM could not be installed")?;
        fs::write(&stamp, expected)?;
        python
    };
    convert(places, &python)
}

/// Writes the model's values in BF16; vLLM reads no GGUF on a CPU.
fn convert(places: &Places, python: &Python) -> Result<()> {
    let target = places.cache.join("peers/models/smollm2-vllm");
    if target.exists() {
        return Ok(());
    }
    println!("writing {}", target.display());
    let unfinished = target.with_extension("unfinished");
    let mut convert = python.command([places.tree.join(CONVERTER)]);
    convert.arg(places.models().join("smollm2/1/model.gguf")).arg(&unfinished);
    process::output(convert).context("the model could not be written for vLLM")?;
    Ok(fs::rename(unfinished, target)?)
}
