use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::{bench::BenchArgs, profile::ProfileArgs, settings::ServeArgs};

/// Serves models to many users, and finds out what makes them fast.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve a model repository, a model folder or a bare .onnx file.
    Serve(Box<ServeArgs>),
    /// Serve a model in this process, load it, and show where the time goes.
    Profile(Box<ProfileArgs>),
    /// Load a server, this one or another, and say what it can take and how sure that is.
    Bench(Box<BenchArgs>),
    /// Show the engines and instruction sets found on this machine, or install an engine.
    Engines(EnginesArgs),
    /// Show a model's inputs, outputs, operators and size.
    Inspect(InspectArgs),
}

#[derive(Debug, Args)]
pub(crate) struct EnginesArgs {
    #[command(subcommand)]
    pub action: Option<EnginesAction>,
    /// Library of ONNX Runtime to use, instead of looking for one.
    #[arg(long, value_name = "FILE")]
    pub onnxruntime_library: Option<PathBuf>,
    /// Folder for engines [default: $HONE_CACHE, $XDG_CACHE_HOME/hone or ~/.cache/hone].
    #[arg(long, value_name = "FOLDER", global = true)]
    pub cache_dir: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum EnginesAction {
    /// Bring an engine's library into the cache, at the version that Hone is tested with.
    Install {
        /// Engine to install.
        #[arg(value_parser = ["onnxruntime"])]
        engine: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct InspectArgs {
    /// The .onnx or .gguf file, or a folder of Hugging Face's form.
    pub model: PathBuf,
}
