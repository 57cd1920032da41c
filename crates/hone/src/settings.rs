//! What was typed: flags, and a file of the same names. [`Config`](crate::config::Config) is what
//! comes of it.

use std::{fs, net::IpAddr, num::NonZeroUsize, path::PathBuf};

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

use crate::{environment, secret::Secret};

/// Arguments of `hone serve`.
#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// Repository folders (`<model>/<version>/model.onnx`), single model folders, .onnx or .gguf
    /// files, or folders of Hugging Face's form.
    pub paths: Vec<PathBuf>,
    /// File with the same keys as the flags [default: hone.toml, if there is one].
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Print what is in force and leave.
    #[arg(long)]
    pub print_config: bool,
    #[command(flatten)]
    pub settings: Settings,
}

/// Every key, set or not. Flags go before the file.
#[derive(Clone, Debug, Default, Args, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Settings {
    /// Repositories, for the file; on the command line they stand without a flag.
    #[arg(skip)]
    pub paths: Option<Vec<PathBuf>>,

    /// Address to listen on [default: 127.0.0.1].
    #[arg(long, help_heading = "Network")]
    pub host: Option<IpAddr>,
    /// Key that generating text needs; may be repeated [default: $HONE_API_KEY, else none].
    #[arg(long, value_name = "KEY", help_heading = "Network")]
    pub api_key: Option<Vec<Secret>>,
    /// TOML file of such keys, with a name, weight and priority each.
    #[arg(long, value_name = "FILE", help_heading = "Network")]
    pub api_keys_file: Option<PathBuf>,
    /// Port of REST, 0 for any free one or "off" [default: 8000].
    #[arg(long, value_name = "PORT", help_heading = "Network")]
    pub http_port: Option<Port>,
    /// Port of gRPC, 0 for any free one or "off" [default: 8001].
    #[arg(long, value_name = "PORT", help_heading = "Network")]
    pub grpc_port: Option<Port>,
    /// Port of metrics and health, 0 for any free one or "off" [default: 8002].
    #[arg(long, value_name = "PORT", help_heading = "Network")]
    pub metrics_port: Option<Port>,
    /// Largest REST body, before and after decompression, in bytes [default: 67108864].
    #[arg(long, value_name = "BYTES", help_heading = "Network")]
    pub http_max_input_size: Option<usize>,
    /// REST connections at a time [default: 4096].
    #[arg(long, value_name = "N", help_heading = "Network")]
    pub http_max_connections: Option<usize>,
    /// Seconds in which the headers of a REST request must arrive [default: 15].
    #[arg(long, value_name = "SECS", help_heading = "Network")]
    pub http_header_timeout_secs: Option<f64>,
    /// Seconds between two pieces of a body [default: 30].
    #[arg(long, value_name = "SECS", help_heading = "Network")]
    pub body_idle_timeout_secs: Option<f64>,
    /// Seconds between two requests of a REST connection [default: 120].
    #[arg(long, value_name = "SECS", help_heading = "Network")]
    pub http_keep_alive_secs: Option<f64>,
    /// Largest gRPC message in bytes [default: 2147483647].
    #[arg(long, value_name = "BYTES", help_heading = "Network")]
    pub grpc_max_message_size: Option<usize>,
    /// gRPC connections at a time [default: 4096].
    #[arg(long, value_name = "N", help_heading = "Network")]
    pub grpc_max_connections: Option<usize>,
    /// Seconds after SIGTERM in which new requests are still accepted [default: 1].
    #[arg(long, value_name = "SECS", help_heading = "Network")]
    pub grace_secs: Option<f64>,
    /// Seconds that requests in flight then get to end [default: 30].
    #[arg(long, value_name = "SECS", help_heading = "Network")]
    pub exit_timeout_secs: Option<f64>,

    /// When models are loaded and unloaded [default: none].
    #[arg(long, value_name = "MODE", help_heading = "Models")]
    pub model_control_mode: Option<ControlMode>,
    /// Model to load at the start in explicit mode, or "*"; may be repeated.
    #[arg(long, value_name = "MODEL", help_heading = "Models")]
    pub load_model: Option<Vec<String>>,
    /// Token that loading, unloading and changed settings need [default: $HONE_CONTROL_TOKEN, else none].
    #[arg(long, value_name = "TOKEN", help_heading = "Models")]
    pub control_token: Option<Secret>,
    /// Seconds between two looks at the repository in poll mode [default: 15].
    #[arg(long, value_name = "SECS", help_heading = "Models")]
    pub repository_poll_secs: Option<f64>,
    /// Use `configs/NAME.pbtxt` where a model has it.
    #[arg(long, value_name = "NAME", help_heading = "Models")]
    pub model_config_name: Option<String>,
    /// Complete configurations from the models [default: true].
    #[arg(long, value_name = "BOOL", help_heading = "Models")]
    pub auto_complete_config: Option<bool>,
    /// Leave if a model does not load at the start [default: true].
    #[arg(long, value_name = "BOOL", help_heading = "Models")]
    pub exit_on_error: Option<bool>,
    /// Be ready only if every model is [default: true].
    #[arg(long, value_name = "BOOL", help_heading = "Models")]
    pub strict_readiness: Option<bool>,
    /// Models loaded at the same time [default: the cores].
    #[arg(long, value_name = "N", help_heading = "Models")]
    pub model_load_thread_count: Option<usize>,
    /// Seconds that unloading waits for requests in flight [default: 60].
    #[arg(long, value_name = "SECS", help_heading = "Models")]
    pub unload_timeout_secs: Option<f64>,

    /// What the cores are for: many requests at once, or one as fast as can be [default: throughput].
    #[arg(long, value_name = "MODE", help_heading = "Running")]
    pub mode: Option<Mode>,
    /// max_batch_size of models that can batch and do not say [default: 4].
    #[arg(long, value_name = "ROWS", help_heading = "Running")]
    pub default_max_batch_size: Option<u16>,
    /// Waiting requests per model beyond which more get 503 [default: 1024].
    #[arg(long, value_name = "N", help_heading = "Running")]
    pub max_queue_requests: Option<usize>,
    /// Waiting bytes of input per model beyond which more get 503 [default: 268435456].
    #[arg(long, value_name = "BYTES", help_heading = "Running")]
    pub max_queue_bytes: Option<usize>,
    /// Seconds after which a run is taken for hung and its instance is replaced [default: 60].
    #[arg(long, value_name = "SECS", help_heading = "Running")]
    pub hang_limit_secs: Option<f64>,
    /// Microseconds up to which a model's runs may take place on the network's threads [default: 100].
    #[arg(long, value_name = "MICROS", help_heading = "Running")]
    pub inline_compute_micros: Option<u64>,

    /// What weights of language models are kept as [default: stored, as the file has them].
    #[arg(long, value_name = "FORMAT", help_heading = "Language models")]
    pub quantize: Option<Quantize>,
    /// What keys and values are kept as [default: f16].
    #[arg(long, value_name = "FORMAT", help_heading = "Language models")]
    pub kv_cache_type: Option<KvCacheType>,
    /// Bytes for keys and values of each language model [default: a quarter of the free memory].
    #[arg(long, value_name = "BYTES", help_heading = "Language models")]
    pub kv_cache_bytes: Option<usize>,
    /// Tokens that prompt and answer may have together [default: what the model was made for].
    #[arg(long, value_name = "TOKENS", help_heading = "Language models")]
    pub context_length: Option<usize>,
    /// Sequences that run at a time [default: 128].
    #[arg(long, value_name = "N", help_heading = "Language models")]
    pub max_sequences: Option<usize>,
    /// Tokens that one step computes at most [default: 512].
    #[arg(long, value_name = "TOKENS", help_heading = "Language models")]
    pub max_step_tokens: Option<usize>,
    /// Waiting tokens of prompts beyond which more get 429 [default: 262144].
    #[arg(long, value_name = "TOKENS", help_heading = "Language models")]
    pub max_queue_tokens: Option<usize>,
    /// Guess tokens by what was said before, and check several at once, where that pays [default: true].
    #[arg(long, value_name = "BOOL", help_heading = "Language models")]
    pub speculation: Option<bool>,
    /// Compute once what prompts begin with in common [default: true].
    #[arg(long, value_name = "BOOL", help_heading = "Language models")]
    pub prefix_cache: Option<bool>,

    /// Library of ONNX Runtime to use, instead of looking for one.
    #[arg(long, value_name = "FILE", help_heading = "Engines")]
    pub onnxruntime_library: Option<PathBuf>,
    /// Folder for engines [default: $HONE_CACHE, $XDG_CACHE_HOME/hone or ~/.cache/hone].
    #[arg(long, value_name = "FOLDER", help_heading = "Engines")]
    pub cache_dir: Option<PathBuf>,

    /// What is logged: error, warn, info, debug, trace, or a filter such as info,serving=debug [default: info].
    #[arg(long, value_name = "FILTER", help_heading = "Log")]
    pub log_level: Option<String>,
    /// How it is written [default: text].
    #[arg(long, value_name = "FORMAT", help_heading = "Log")]
    pub log_format: Option<LogFormat>,
    /// Log every request when it ends [default: false].
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", help_heading = "Log")]
    pub access_log: Option<bool>,

    /// OpenTelemetry collector that takes traces, http://host:4318 or grpc://host:4317, or "off" [default:
    /// $OTEL_EXPORTER_OTLP_ENDPOINT or off].
    #[arg(long, value_name = "URL", help_heading = "Traces")]
    pub trace_endpoint: Option<String>,
    /// File that takes traces in Triton's format.
    #[arg(long, value_name = "FILE", help_heading = "Traces")]
    pub trace_file: Option<PathBuf>,
    /// What is traced of a request [default: timestamps, if there is an endpoint or a file].
    #[arg(long, value_name = "LEVEL", help_heading = "Traces")]
    pub trace_level: Option<TraceDetail>,
    /// Trace one of N requests, besides those whose callers trace them [default: 1000].
    #[arg(long, value_name = "N", help_heading = "Traces")]
    pub trace_rate: Option<u32>,
    /// Name of this service in traces [default: $OTEL_SERVICE_NAME or hone].
    #[arg(long, value_name = "NAME", help_heading = "Traces")]
    pub trace_service_name: Option<String>,
}

/// A port, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "PortText", into = "PortText")]
pub(crate) struct Port(pub Option<u16>);

#[derive(Deserialize, Serialize)]
#[serde(untagged)]
enum PortText {
    Number(u16),
    Text(String),
}

/// When models are loaded and unloaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ControlMode {
    /// All at the start.
    None,
    /// All at the start, then as the folders change.
    Poll,
    /// By request.
    Explicit,
}

/// What the cores are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Mode {
    /// As many instances as cores, one thread each.
    Throughput,
    /// One instance with as many threads as cores.
    Latency,
}

impl Mode {
    /// Instances of a model and threads of each.
    pub(crate) fn division(self, cores: NonZeroUsize) -> (NonZeroUsize, NonZeroUsize) {
        match self {
            Self::Throughput => (cores, NonZeroUsize::MIN),
            Self::Latency => (NonZeroUsize::MIN, cores),
        }
    }
}

/// What weights are kept as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Quantize {
    /// As the file has them; 5 and 6 bits become 8.
    Stored,
    /// 4 bits with a scale for each 32.
    Int4,
    /// 8 bits with a scale for each 32.
    Int8,
    /// Half precision.
    F16,
    /// The upper half of single precision.
    Bf16,
    /// Single precision.
    F32,
}

/// What keys and values are kept as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum KvCacheType {
    /// Half precision.
    F16,
    /// The upper half of single precision.
    Bf16,
    /// 8 bits with a scale for each token and head.
    Int8,
    /// Single precision.
    F32,
}

/// How the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// What is traced of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum TraceDetail {
    /// Nothing, until it is changed over the network.
    Off,
    /// When it passed which station.
    Timestamps,
    /// The beginning of each tensor too; into files only.
    Tensors,
}

impl std::str::FromStr for Port {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "off" {
            return Ok(Self(None));
        }
        let port = text.parse().map_err(|_| format!("'{text}' is neither a port nor \"off\""))?;
        Ok(Self(Some(port)))
    }
}

impl TryFrom<PortText> for Port {
    type Error = String;

    fn try_from(text: PortText) -> Result<Self, String> {
        match text {
            PortText::Number(port) => Ok(Self(Some(port))),
            PortText::Text(text) => text.parse(),
        }
    }
}

impl From<Port> for PortText {
    fn from(port: Port) -> Self {
        port.0.map_or_else(|| Self::Text("off".to_owned()), Self::Number)
    }
}

/// Takes the flag, or else the file's value.
macro_rules! flags_over_file {
    ($flags:ident, $file:ident: $($key:ident),* $(,)?) => {
        Settings { $($key: $flags.$key.or($file.$key)),* }
    };
}

impl ServeArgs {
    /// Joins the flags with the file that they name, or with `hone.toml` if there is one.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or has a key that does not exist; the message names line and key.
    pub(crate) fn with_file(self) -> Result<Settings> {
        let file = match &self.config {
            Some(path) => read(path)?,
            None if PathBuf::from("hone.toml").is_file() => read(&PathBuf::from("hone.toml"))?,
            None => Settings::default(),
        };
        let mut flags = self.settings;
        flags.api_key = flags.api_key.or_else(|| environment::api_key().map(|key| vec![key]));
        flags.control_token = flags.control_token.or_else(environment::control_token);
        flags.paths = (!self.paths.is_empty()).then_some(self.paths);
        Ok(flags_over_file!(flags, file:
            paths, host, api_key, api_keys_file, http_port, grpc_port, metrics_port, http_max_input_size,
            http_max_connections, http_header_timeout_secs, body_idle_timeout_secs,
            http_keep_alive_secs, grpc_max_message_size, grpc_max_connections, grace_secs,
            exit_timeout_secs, model_control_mode, load_model, control_token, repository_poll_secs,
            model_config_name, auto_complete_config, exit_on_error, strict_readiness,
            model_load_thread_count, unload_timeout_secs, mode, default_max_batch_size,
            max_queue_requests, max_queue_bytes, hang_limit_secs, inline_compute_micros,
            quantize, kv_cache_type, kv_cache_bytes, context_length, max_sequences, max_step_tokens,
            max_queue_tokens, speculation, prefix_cache, onnxruntime_library, cache_dir, log_level, log_format, access_log,
            trace_endpoint, trace_file, trace_level, trace_rate, trace_service_name,
        ))
    }
}

fn read(path: &PathBuf) -> Result<Settings> {
    let text =
        fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    toml::from_str(&text).with_context(|| format!("in {}", path.display()))
}

#[cfg(test)]
mod tests;
