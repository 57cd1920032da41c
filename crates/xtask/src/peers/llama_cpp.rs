//! llama.cpp: its sources from a package, built for the processor at hand, and SmolLM2 in its formats.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use super::is_current;
use crate::{
    places::Places,
    process,
    python::{self, Python},
};

const TOOLS: &str = "crates/bench/peers/build_tools.txt";
const SOURCES: &str = "crates/bench/peers/llama_cpp.txt";

/// What a build consists of.
const PROGRAMS: [&str; 5] =
    ["llama-server", "llama-batched-bench", "llama-bench", "llama-perplexity", "llama-quantize"];

/// How it is built: as fast as its makers know for this processor, one file per program.
const FLAGS: [&str; 10] = [
    "-DCMAKE_BUILD_TYPE=Release",
    "-DGGML_NATIVE=ON",
    "-DGGML_OPENMP=ON",
    "-DGGML_CCACHE=OFF",
    "-DBUILD_SHARED_LIBS=OFF",
    "-DLLAMA_BUILD_NUMBER=11434",
    "-DLLAMA_BUILD_TESTS=OFF",
    "-DLLAMA_BUILD_EXAMPLES=OFF",
    "-DLLAMA_CURL=OFF",
    "-DLLAMA_OPENSSL=OFF",
];

/// SmolLM2 in formats other than its own Q4_1: what `llama-quantize` calls each.
const FORMATS: [&str; 4] = ["Q4_0", "Q8_0", "BF16", "F32"];

/// Builds [`PROGRAMS`] into `peers/llama.cpp` and writes the model's variants into `peers/models`.
pub(super) fn install(places: &Places) -> Result<()> {
    let folder = places.cache.join("peers/llama.cpp");
    let inputs = [TOOLS, SOURCES].map(|file| places.tree.join(file));
    let expected = format!("{}\n{}\n", python::fingerprint(&inputs)?, FLAGS.join(" "));
    let stamp = folder.join("build.stamp");
    if !is_current(&stamp, &expected) {
        println!("building llama.cpp in {} (ten minutes on two cores)", folder.display());
        build(places, &folder).context("llama.cpp could not be built")?;
        fs::write(&stamp, expected)?;
    }
    quantise(places, &folder)
}

fn build(places: &Places, folder: &Path) -> Result<()> {
    let tools = Python::environment(places, "peers/tools", TOOLS)?;
    let work = places.cache.join("peers/llama.cpp.build");
    if work.exists() {
        fs::remove_dir_all(&work)?;
    }
    let sources = unpack(places, &tools, &work)?;
    let build = work.join("build");
    let mut configure = Command::new(tools.program("cmake"));
    configure.arg("-S").arg(sources).arg("-B").arg(&build).args(["-G", "Ninja"]).args(FLAGS);
    configure.arg(format!("-DCMAKE_MAKE_PROGRAM={}", tools.program("ninja").display()));
    process::output(configure)?;
    let mut compile = Command::new(tools.program("cmake"));
    compile.arg("--build").arg(&build).arg("--target").args(PROGRAMS);
    process::output(compile)?;
    fs::create_dir_all(folder)?;
    for program in PROGRAMS {
        // One that still runs cannot be written over, but it can be replaced.
        let unfinished = folder.join("unfinished");
        fs::copy(build.join("bin").join(program), &unfinished)?;
        fs::rename(unfinished, folder.join(program))?;
    }
    fs::write(folder.join("build.txt"), describe(&build)?)?;
    Ok(fs::remove_dir_all(work)?)
}

/// The package's archive, unpacked; pip asks it for its name, which builds nothing.
fn unpack(places: &Places, tools: &Python, work: &Path) -> Result<PathBuf> {
    let mut pip = tools.pip(["download", "--quiet", "--no-deps", "--require-hashes"]);
    pip.args(["--no-build-isolation", "--no-binary", ":all:", "--dest"]).arg(work);
    pip.arg("--requirement").arg(places.tree.join(SOURCES));
    process::output(pip).context("its sources could not be fetched")?;
    let archive = only_entry(work)?;
    let mut tar = tools.command(["-m", "tarfile", "--filter", "data", "-e"]);
    tar.arg(&archive).arg(work);
    process::output(tar)?;
    fs::remove_file(archive)?;
    Ok(only_entry(work)?.join("llama.cpp"))
}

fn only_entry(folder: &Path) -> Result<PathBuf> {
    let entry = fs::read_dir(folder)?.next();
    Ok(entry.with_context(|| format!("{} is empty", folder.display()))??.path())
}

/// Compiler and flags, for reports.
fn describe(build: &Path) -> Result<String> {
    let cache = fs::read_to_string(build.join("CMakeCache.txt"))?;
    let compiler = cache
        .lines()
        .find_map(|line| line.strip_prefix("CMAKE_CXX_COMPILER:")?.split_once('='))
        .context("cmake does not say which compiler it took")?;
    let mut version = Command::new(compiler.1);
    version.arg("--version");
    let version = process::output(version)?;
    let version = version.lines().next().unwrap_or_default();
    Ok(format!("{version}, -march=native, {}\n", FLAGS.join(" ")))
}

/// Writes what is missing of [`FORMATS`]; all hold the values that the Q4_1 file holds.
fn quantise(places: &Places, folder: &Path) -> Result<()> {
    let models = places.cache.join("peers/models");
    fs::create_dir_all(&models)?;
    let source = places.models().join("smollm2/1/model.gguf");
    for format in FORMATS {
        let target = models.join(format!("smollm2-{}.gguf", format.to_lowercase()));
        if target.exists() {
            continue;
        }
        println!("writing {}", target.display());
        let unfinished = target.with_extension("unfinished");
        let mut quantise = Command::new(folder.join("llama-quantize"));
        quantise.arg("--allow-requantize").args([&source, &unfinished]).arg(format);
        process::output(quantise)?;
        fs::rename(unfinished, target)?;
    }
    Ok(())
}
