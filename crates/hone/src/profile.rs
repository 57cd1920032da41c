//! `hone profile`: where a model's time goes on this machine.

use std::{env, fs, num::NonZeroUsize, path::PathBuf, sync::Arc, time::Duration};

use ::engines::onnxruntime::OnnxRuntime;
use anyhow::{Context, Result, bail};
use clap::Args;
use profile::{ProfileDocument, ProfileOptions};
use protocol::rest::{DecodeLimits, decode_infer};
use serving::NamedTensor;

use crate::{
    config::Config,
    environment,
    logging::{self, say},
    settings::{Mode, Settings},
};

/// Progress, and of everything else only what went wrong.
const LOG_LEVEL: &str = "warn,profile=info";
/// A document of inputs.
const INPUTS_BYTES_MAX: u64 = 256 << 20;

/// Arguments of `hone profile`.
#[derive(Debug, Args)]
pub(crate) struct ProfileArgs {
    /// An .onnx file, or the folder of one model (`<model>/<version>/model.onnx`).
    pub model: PathBuf,
    /// Shape of an input of one request, the batch included, such as `input_ids:1,128`; may be
    /// repeated [default: 1 row, and 128 wherever the model leaves a length open].
    #[arg(long, value_name = "NAME:DIMS", value_parser = shape)]
    pub shape: Vec<(String, Vec<usize>)>,
    /// Inputs to send, as the JSON of a V2 request, in place of made-up ones.
    #[arg(long, value_name = "FILE", conflicts_with = "shape")]
    pub inputs: Option<PathBuf>,
    /// Largest batch to try, in rows.
    #[arg(long, value_name = "N", default_value_t = 32)]
    pub batch_max: usize,
    /// Seconds for all measurements of the model together.
    #[arg(long, value_name = "S", default_value_t = 10.0)]
    pub seconds: f64,
    /// Cores to use [default: all that this process may use].
    #[arg(long, value_name = "N")]
    pub threads: Option<NonZeroUsize>,
    /// What the server is set up for, as in `hone serve` [default: throughput].
    #[arg(long, value_name = "MODE")]
    pub mode: Option<Mode>,
    /// File for the whole profile as JSON.
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// File for the profile as a page with pictures.
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Nodes to list in the terminal.
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub top: usize,
    /// Library of ONNX Runtime to use, instead of looking for one.
    #[arg(long, value_name = "FILE")]
    pub onnxruntime_library: Option<PathBuf>,
    /// Folder for engines [default: $HONE_CACHE, $XDG_CACHE_HOME/hone or ~/.cache/hone].
    #[arg(long, value_name = "FOLDER")]
    pub cache_dir: Option<PathBuf>,
}

/// Runs `hone profile`.
pub(crate) fn run(args: &ProfileArgs) -> Result<()> {
    if !(args.seconds >= 0.5 && args.seconds <= 3600.0) {
        bail!("--seconds is {}; give from 0.5 to 3600", args.seconds);
    }
    if args.batch_max == 0 {
        bail!("--batch-max is 0; give at least 1");
    }
    let config = Config::new(settings(args))?;
    let log = logging::start(&config)?;
    let search =
        environment::library_search(config.onnxruntime_library.clone(), config.cache_dir.clone());
    let engine = Arc::new(OnnxRuntime::new(search)?);
    let document = profile::profile(&options(args, &config, log)?, &engine)?;
    say(&profile::text(&document, args.top));
    write(args, &document)
}

/// Everything as `hone serve` has it if it is told nothing else.
fn settings(args: &ProfileArgs) -> Settings {
    Settings {
        paths: Some(vec![args.model.clone()]),
        mode: args.mode,
        onnxruntime_library: args.onnxruntime_library.clone(),
        cache_dir: args.cache_dir.clone(),
        log_level: Some(LOG_LEVEL.to_owned()),
        ..Settings::default()
    }
}

fn options(
    args: &ProfileArgs,
    config: &Config,
    log: Arc<logging::Control>,
) -> Result<ProfileOptions> {
    let (mut repository, mut server) = (config.repository(), config.server(log));
    if let Some(threads) = args.threads {
        let (instances, intra_op) = config.mode.division(threads);
        repository.defaults.instances = instances;
        repository.intra_op_threads = intra_op;
        repository.inline_runs_max = threads.get();
        server.threads = threads;
    }
    Ok(ProfileOptions {
        model: args.model.clone(),
        cores: server.threads,
        repository,
        server,
        shapes: args.shape.clone(),
        inputs: args.inputs.as_deref().map(inputs).transpose()?,
        batch_rows_max: args.batch_max,
        time: Duration::from_secs_f64(args.seconds),
        hone: env!("CARGO_PKG_VERSION").to_owned(),
        command: env::args().collect::<Vec<_>>().join(" "),
    })
}

/// Reads inputs as a V2 request has them.
fn inputs(path: &std::path::Path) -> Result<Vec<NamedTensor>> {
    let context = || format!("cannot read the inputs in {}", path.display());
    let bytes = fs::metadata(path).with_context(context)?.len();
    if bytes > INPUTS_BYTES_MAX {
        bail!("{} has {bytes} bytes; {INPUTS_BYTES_MAX} are read at most", path.display());
    }
    let text = fs::read(path).with_context(context)?;
    let request =
        decode_infer(text.into(), None, &DecodeLimits::default()).with_context(context)?;
    let named = request.inputs.into_iter();
    Ok(named.map(|input| NamedTensor { name: input.name, tensor: input.tensor }).collect())
}

fn write(args: &ProfileArgs, document: &ProfileDocument) -> Result<()> {
    if let Some(path) = &args.output {
        let text = serde_json::to_string_pretty(document)?;
        fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
        say(&format!("\nwritten: {}", path.display()));
    }
    if let Some(path) = &args.html {
        let page = profile::html(document);
        fs::write(path, page).with_context(|| format!("cannot write {}", path.display()))?;
        say(&format!("\nwritten: {}", path.display()));
    }
    Ok(())
}

/// `name:1,128` or `name:1x128`; names may have colons themselves.
fn shape(text: &str) -> Result<(String, Vec<usize>), String> {
    let wrong = || format!("'{text}' is no shape; give NAME:DIMS, such as input_ids:1,128");
    let (name, dims) = text.rsplit_once(':').ok_or_else(wrong)?;
    if name.is_empty() {
        return Err(wrong());
    }
    if dims.is_empty() {
        return Ok((name.to_owned(), Vec::new()));
    }
    let dims = dims.split([',', 'x']).map(|dim| dim.trim().parse().map_err(|_| wrong()));
    Ok((name.to_owned(), dims.collect::<Result<_, _>>()?))
}

#[cfg(test)]
mod tests;
